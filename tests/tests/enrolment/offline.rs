//! Two scans and no network: the invitation one way, the reply the other.

use sync_core::records::DeviceClass;

use super::*;

#[test]
fn two_scans_without_any_network_and_the_new_phone_completes_alone_later() {
    let mut world = county();
    let eli = enter(&mut world, "eli");
    // From here on nobody has signal: nothing of this is told to the relay.
    let invitation = world.on("admin", |phone, env| phone.invite(env, eli)).unwrap();
    world.begin_as("eli", &invitation, DeviceClass::Native);
    let reply = world.on("eli", |phone, _| phone.join_reply()).unwrap();
    assert!(reply.starts_with("aftercall-reply:"));
    let device = world.on("admin", |phone, env| phone.accept_reply(env, &reply)).unwrap();
    assert_eq!(device, world.device("eli"));
    assert_eq!(states(&mut world, "admin", eli), [InviteState::Claimed]);
    assert_eq!(world.on("admin", |phone, _| phone.status()).unwrap().pending, 1, "signed");
    let fields = tests::form(&[("zone", text("ready"))]);
    let refused = world.on("eli", |phone, env| phone.record(env, "check_in", &fields));
    assert_eq!(code_of(refused), Code::NotLetIn);
    assert_eq!(world.step_in("eli"), Err(Code::InviteUnknown), "the relay knows of nothing yet");

    // Days later the admin's phone comes to the relay, and goes again.
    world.wait_minutes(60 * 24 * 3);
    world.sync("admin");
    world.wait_minutes(60 * 24 * 3);
    assert_eq!(world.step_in("eli"), Ok(true), "no admin is asked at that moment");
    world.sync("eli");
    calm(&mut world, &["admin", "eli"]);
}

#[test]
fn second_device_by_two_scans_takes_a_voucher_to_the_admin() {
    let mut world = county();
    let amy = world.member("amy");
    let before = world.contact("amy", 25);
    world.sync_all();
    let invitation = world.on("amy", |phone, env| phone.invite(env, amy)).unwrap();
    world.begin_as("amy2", &invitation, DeviceClass::Native);
    let reply = world.on("amy2", |phone, _| phone.join_reply()).unwrap();
    world.on("amy", |phone, env| phone.accept_reply(env, &reply)).unwrap();
    world.wait_minutes(60 * 24);
    world.sync("amy");
    world.sync("admin");
    assert_eq!(world.step_in("amy2"), Ok(true));
    world.sync_all();
    assert_eq!(world.shown("amy2", before, "issues"), Some(set(&["grief"])));
}

#[test]
fn a_reply_is_taken_once_in_time_and_unchanged() {
    let mut world = county();
    let eli = enter(&mut world, "eli");
    let invitation = world.on("admin", |phone, env| phone.invite(env, eli)).unwrap();
    world.begin_as("eli", &invitation, DeviceClass::Native);
    world.begin_as("thief", &invitation, DeviceClass::Native);
    let reply = world.on("eli", |phone, _| phone.join_reply()).unwrap();
    let accept = |world: &mut World, name: &str, text: &str| {
        world.on(name, |phone, env| phone.accept_reply(env, text))
    };
    assert_eq!(code_of(accept(&mut world, "admin", "aftercall-reply:AAAA")), Code::Malformed);
    assert_eq!(code_of(accept(&mut world, "amy", &reply)), Code::InviteUnknown);
    let mut request = sync_core::protocol::EnrolRequest::from_reply(&reply).unwrap();
    request.seal_key = [7; 32].into();
    let forged = accept(&mut world, "admin", &request.to_reply());
    assert_eq!(code_of(forged), Code::InviteForged);
    assert_eq!(states(&mut world, "admin", eli), [InviteState::Unclaimed], "it still stands");
    accept(&mut world, "admin", &reply).unwrap();
    assert_eq!(code_of(accept(&mut world, "admin", &reply)), Code::InviteUnknown, "once");
    let other = world.on("thief", |phone, _| phone.join_reply()).unwrap();
    assert_eq!(code_of(accept(&mut world, "admin", &other)), Code::InviteUnknown);

    let fay = enter(&mut world, "fay");
    let invitation = world.on("admin", |phone, env| phone.invite(env, fay)).unwrap();
    world.begin_as("fay", &invitation, DeviceClass::Native);
    let reply = world.on("fay", |phone, _| phone.join_reply()).unwrap();
    world.wait_minutes(16);
    assert_eq!(code_of(accept(&mut world, "admin", &reply)), Code::InviteUnknown);
    assert_eq!(states(&mut world, "admin", fay), [InviteState::Ended]);
}

#[test]
fn only_the_listed_device_itself_gets_the_directory_without_an_invitation() {
    let mut world = county();
    let amy = world.device("amy");
    let directory = tests::hostile::directory(&world);
    let listed = directory.device(&amy).unwrap();
    // Somebody who knows a listed device's public keys has no proof.
    let mut request = sync_core::protocol::EnrolRequest {
        recovery: None,
        team: directory.team(),
        lookup: [1; 16].into(),
        verify_key: (*listed.verify_key).into(),
        seal_key: (*listed.seal_key).into(),
        mac: [2; 32].into(),
        class: None,
        proof: None,
        seal_key_2: None,
    };
    assert_eq!(world.ask_enrol(&request), Err(Code::InviteUnknown));
    let stranger = tests::hostile::relay_keys(&world);
    request.proof = Some(stranger.sign(&request.to_sign()).into());
    assert_eq!(world.ask_enrol(&request), Err(Code::InviteUnknown));
}
