//! Printed batches: many invitations that live three days, let in together.

use sync_core::directory::Op;
use sync_core::protocol::{Invitation, Kind, SyncRequest, from_cbor};
use sync_core::records::DeviceClass;
use tests::unpack;

use super::*;

/// Three crew members, and a printed invitation for each.
fn printed() -> (World, Vec<Invitation>) {
    let mut world = county();
    let crew: Vec<MemberId> = ["eli", "fay", "gus"].map(|name| enter(&mut world, name)).into();
    let batch = world.on("admin", |phone, env| phone.invite_batch(env, &crew)).unwrap();
    world.sync("admin");
    (world, batch)
}

/// The operations of the entries that a phone would push next.
fn next_entries(world: &mut World, name: &str) -> Vec<Op> {
    let (body, _) = world.request(name);
    let request: SyncRequest = from_cbor(&unpack(&body)).unwrap();
    let envelopes = request.push.iter().map(|packed| request.batch.unpack(packed).unwrap());
    envelopes
        .filter(|envelope| envelope.header.kind == Kind::Directory)
        .map(|envelope| from_cbor(&envelope.body).unwrap())
        .collect()
}

#[test]
fn those_of_a_batch_who_have_answered_are_let_in_by_one_entry() {
    let (mut world, batch) = printed();
    world.wait_minutes(60 * 48);
    for (name, invitation) in ["eli", "fay"].into_iter().zip(&batch) {
        world.begin_as(name, invitation, DeviceClass::Native);
        assert_eq!(world.step_in(name), Ok(false), "{name}");
    }
    let length = tests::hostile::directory(&world).len();
    world.exchange("admin").unwrap();
    let entries = next_entries(&mut world, "admin");
    assert!(
        matches!(entries.as_slice(), [Op::Devices { devices }] if devices.len() == 2),
        "{entries:?}"
    );
    world.sync("admin");
    assert_eq!(tests::hostile::directory(&world).len(), length + 1);
    for name in ["eli", "fay"] {
        assert_eq!(world.step_in(name), Ok(true), "{name}");
    }
    let all = invites(&mut world, "admin");
    let (claimed, open): (Vec<_>, Vec<_>) =
        all.iter().filter(|i| i.batch).partition(|i| i.state == InviteState::Claimed);
    assert_eq!((claimed.len(), open.len()), (2, 1));
    assert_eq!(open[0].member, batch[2].member);
    assert!(open[0].left_ms > 0 && open[0].state == InviteState::Unclaimed);
    calm(&mut world, &["admin", "eli", "fay"]);
}

#[test]
fn a_batch_ends_after_three_days_and_only_an_admin_makes_one_that_lives_so_long() {
    let (mut world, batch) = printed();
    world.wait_minutes(60 * 72 + 1);
    world.begin_as("eli", &batch[0], DeviceClass::Native);
    assert_eq!(world.step_in("eli"), Err(Code::InviteUnknown));
    world.sync("admin");
    let member = batch[0].member;
    assert_eq!(states(&mut world, "admin", member), [InviteState::Ended]);
    // An invitation of the ordinary kind lives fifteen minutes, and so does whatever a plain member announces.
    let refused = world.on("amy", |phone, env| phone.invite_batch(env, &[member]));
    assert_eq!(code_of(refused), Code::NotAllowed);
}

#[test]
fn a_batch_invitation_works_once_even_after_the_device_it_let_in() {
    let (mut world, batch) = printed();
    world.begin_as("eli", &batch[0], DeviceClass::Native);
    assert_eq!(world.step_in("eli"), Ok(false));
    world.sync("admin");
    assert_eq!(world.step_in("eli"), Ok(true));
    world.begin_as("thief", &batch[0], DeviceClass::Native);
    assert_eq!(world.step_in("thief"), Err(Code::InviteUnknown));
    assert_eq!(world.devices_of("admin", batch[0].member), 1);
}

#[test]
fn a_batch_that_another_admin_overtakes_lets_in_the_rest() {
    let (mut world, batch) = printed();
    let invitation = world.invite_own("admin");
    world.begin_as("admin2", &invitation, DeviceClass::Native);
    world.step_in("admin2").unwrap();
    world.sync("admin");
    assert_eq!(world.step_in("admin2"), Ok(true));
    world.sync_all();
    let eli = batch[0].member;
    let link = world.on("admin2", |phone, env| phone.invite(env, eli)).unwrap();
    world.sync("admin2");
    for (name, invitation) in [("again", &batch[0]), ("fay", &batch[1]), ("eli", &link)] {
        world.begin_as(name, invitation, DeviceClass::Native);
        assert_eq!(world.step_in(name), Ok(false), "{name}");
    }
    // The batch's entry is made, and before it leaves the other admin's is sequenced.
    world.exchange("admin").unwrap();
    assert!(matches!(next_entries(&mut world, "admin").as_slice(), [Op::Devices { .. }]));
    world.sync("admin2");
    world.sync("admin");
    assert_eq!(world.step_in("eli"), Ok(true));
    assert_eq!(world.step_in("fay"), Ok(true), "{}", world.troubles());
    assert_eq!(world.step_in("again"), Ok(false));
    assert_eq!(alarms(&mut world, "admin"), [Code::FurtherDevice]);
    assert_eq!(world.on("admin", |phone, _| phone.status()).unwrap().pending, 0);
}

#[test]
fn a_batch_of_which_one_got_a_phone_meanwhile_lets_in_the_others() {
    let (mut world, batch) = printed();
    // Another admin's device let eli in; here it is the same one, by a link of its own made before the batch claims.
    let eli = batch[0].member;
    let link = world.on("admin", |phone, env| phone.invite(env, eli)).unwrap();
    world.sync("admin");
    world.begin_as("eli", &link, DeviceClass::Native);
    world.step_in("eli").unwrap();
    world.sync("admin");
    assert_eq!(world.step_in("eli"), Ok(true));
    for (name, invitation) in ["again", "fay", "gus"].into_iter().zip(&batch) {
        world.begin_as(name, invitation, DeviceClass::Native);
        assert_eq!(world.step_in(name), Ok(false), "{name}");
    }
    world.sync("admin");
    assert_eq!(world.step_in("again"), Ok(false), "a further phone needs the first one's word");
    assert_eq!(world.step_in("fay"), Ok(true));
    assert_eq!(world.step_in("gus"), Ok(true));
    assert_eq!(alarms(&mut world, "admin"), [Code::FurtherDevice]);
}

#[test]
fn a_batch_of_which_one_waits_for_a_second_admin_lets_in_the_others_at_once_and_that_one_later() {
    let mut world = World::with_two_admins(12, PolicyProfile::neutral());
    let eli = enter(&mut world, "eli");
    let staff = sync_core::engine::NewMember {
        name: Some("fay".into()),
        roles: vec![Role::PeerSupporter],
        ..Default::default()
    };
    let fay = world.on("admin", |phone, env| phone.add_member(env, staff)).unwrap();
    let gus = enter(&mut world, "gus");
    let crew = [eli, fay, gus];
    let batch = world.on("admin", |phone, env| phone.invite_batch(env, &crew)).unwrap();
    world.sync("admin");
    let named = |member| match member {
        member if member == eli => "eli",
        member if member == fay => "fay",
        _ => "gus",
    };
    for invitation in &batch {
        let name = named(invitation.member);
        world.begin_as(name, invitation, DeviceClass::Native);
        assert_eq!(world.step_in(name), Ok(false), "{name}");
    }
    world.sync("admin");
    assert_eq!(["eli", "fay", "gus"].map(|name| world.step_in(name).unwrap()), [true, false, true]);
    world.sync("second");
    let waits = world.on("second", |phone, _| phone.approvals()).unwrap();
    world.on("second", |phone, env| phone.approve(env, waits[0].id)).unwrap();
    world.sync("second");
    world.sync("admin");
    assert_eq!(world.step_in("fay"), Ok(true), "{}", world.troubles());
    calm(&mut world, &["admin", "second", "eli", "fay", "gus"]);
}

#[test]
fn a_batch_of_which_one_was_removed_meanwhile_lets_in_the_others() {
    let (mut world, batch) = printed();
    for (name, invitation) in ["eli", "fay"].into_iter().zip(&batch) {
        world.begin_as(name, invitation, DeviceClass::Native);
        assert_eq!(world.step_in(name), Ok(false), "{name}");
    }
    let eli = batch[0].member;
    world.on("admin", |phone, _| phone.remove_member(eli)).unwrap();
    world.exchange("admin").unwrap();
    world.sync("admin");
    assert_eq!(world.step_in("fay"), Ok(true), "{}", world.troubles());
    assert_eq!(world.step_in("eli"), Ok(false));
}
