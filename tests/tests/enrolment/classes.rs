//! What kind of installation a device is: under the MAC, in the directory, and in whom keys are wrapped for.

use sync_core::crypto::{self, DeviceKeys, EpochSecret};
use sync_core::ids::EpochId;
use sync_core::protocol::{Kind, SpaceOwner, Suite, WrapBody, to_cbor};
use sync_core::records::{DeviceClass, SpaceKind};
use tests::hostile::{Rogue, directory};

use super::*;

#[test]
fn a_browser_of_a_member_reads_personal_and_shared_spaces_and_no_session_care_or_clinical_one() {
    let mut world = county();
    let in_care = world.contact("amy", 25);
    world.on("amy", |phone, _| phone.set_backup(true)).unwrap();
    let check_in = world.record("amy", "check_in", &[("zone", text("reacting"))]);
    let session = world.record("bo", "intervention", &[("kind", text("defusing"))]);
    let (amy, bo) = (world.member("amy"), world.member("bo"));
    world.on("bo", |phone, env| phone.assign(env, session, &[amy, bo])).unwrap();
    world.write("bo", session, "exploration", 0, "not for a browser");
    world.sync_all();
    world.join_further_as("web", "amy", DeviceClass::Web);
    world.sync_all();
    let device = world.device("web");
    assert_eq!(world.device_view("admin", device).unwrap().class, DeviceClass::Web);
    assert_eq!(world.shown("web", check_in, "zone"), Some(text("reacting")));
    assert_eq!(world.shown("web", in_care, "mode"), Some(text("phone")), "the open header");
    assert_eq!(world.shown("web", in_care, "issues"), None);
    assert_eq!(world.phase("web", session, "defusing.exploration"), "");
    let read = world.on("web", |phone, _| phone.drill_spaces_read()).unwrap();
    let care = world.on("amy", |phone, _| phone.show(in_care)).unwrap();
    assert!(care.unreadable.is_empty() && !read.is_empty());
    // It may still write what it may not read, and its member's app reads that.
    let typed = world.contact("web", 50);
    world.sync_all();
    assert_eq!(world.shown("amy", typed, "issues"), Some(set(&["grief"])));
    calm(&mut world, &["amy", "web", "bo"]);
}

#[test]
fn a_browser_vouches_for_no_further_device_and_holds_no_admin_capability() {
    let mut world = county();
    world.join_further_as("web", "amy", DeviceClass::Web);
    world.sync_all();
    let amy = world.member("amy");
    let refused = world.on("web", |phone, env| phone.invite(env, amy));
    assert_eq!(code_of(refused), Code::NotAllowed);
    let invitation = world.invite_own("admin");
    world.begin_as("adminweb", &invitation, DeviceClass::Web);
    world.step_in("adminweb").unwrap();
    world.sync("admin");
    assert_eq!(world.step_in("adminweb"), Ok(true));
    world.sync_all();
    let new = NewMember::default();
    let refused = world.on("adminweb", |phone, env| phone.add_member(env, new));
    assert_eq!(code_of(refused), Code::NotAllowed);
}

#[test]
fn a_voucher_signed_in_a_browser_is_no_voucher() {
    // A modified browser page signs one all the same: the fold refuses it, wherever it comes from.
    use sync_core::directory::{Approval, Approver, Op, approval_to_sign};
    let mut world = county();
    let mut rogue = Rogue::enrol(&mut world, 3, &[], true);
    let invitation = tests::hostile::invite(&mut world, &[], false);
    let web = DeviceKeys::generate(&mut rogue.rng);
    let request = sync_core::protocol::EnrolRequest {
        recovery: None,
        team: invitation.team,
        lookup: crypto::invite::lookup(&invitation.secret),
        verify_key: web.verify_key().into(),
        seal_key: web.seal_key().into(),
        mac: crypto::invite::bind(
            &invitation.secret,
            invitation.team,
            &web.verify_key(),
            &web.seal_key(),
            DeviceClass::Web as u8,
        ),
        class: Some(DeviceClass::Web as u8),
        proof: None,
        seal_key_2: None,
    };
    world.ask_enrol(&request).unwrap();
    world.sync_all();
    let team = directory(&world).team();
    assert_eq!(directory(&world).device(&web.device_id()).unwrap().class, DeviceClass::Web);
    let own = DeviceKeys::generate(&mut rogue.rng);
    let op = to_cbor(&Op::Device {
        member: invitation.member,
        verify_key: own.verify_key().into(),
        seal_key: own.seal_key().into(),
        class: DeviceClass::Native,
        seal_key_2: None,
    });
    let nonce = [9; 16];
    let sig = web.sign(&approval_to_sign(team, &nonce, &op)).into();
    let approvals = vec![Approval { by: Approver::Device(web.device_id()), sig }];
    let approved = to_cbor(&Op::Approved { op: op.into(), nonce: nonce.into(), approvals });
    let entry = rogue.structure(&world, Kind::Directory, directory(&world).space(), approved);
    let results = rogue.push(&world, &[entry]);
    assert_eq!(results[0].code, "needs_approval");
}

#[test]
fn another_class_than_the_one_under_the_mac_lets_nobody_in() {
    let mut world = county();
    let invitation = tests::hostile::invite(&mut world, &[Role::PeerSupporter], false);
    world.begin_as("web", &invitation, DeviceClass::Web);
    let mut request = world.on("web", |phone, _| phone.enrol_request()).unwrap();
    request.class = None;
    world.ask_enrol(&request).unwrap();
    world.sync("admin");
    assert_eq!(alarms(&mut world, "admin"), [Code::InviteForged]);
    assert_eq!(world.devices_of("admin", invitation.member), 0);
    assert_eq!(world.step_in("web"), Ok(false));
    world.sync("admin");
    assert_eq!(world.step_in("web"), Ok(true), "the genuine answer still counts");
}

#[test]
fn a_key_wrapped_for_a_browser_or_a_station_where_none_may_be_held_is_set_aside() {
    let mut world = county();
    let mut rogue = Rogue::enrol(&mut world, 5, &[Role::PeerSupporter], false);
    // The rogue's own session with bo, whose browser and a station of bo's are listed.
    world.join_further_as("web", "bo", DeviceClass::Web);
    world.join_further_as("station", "bo", DeviceClass::Station);
    world.sync_all();
    let (web, station) = (world.device("web"), world.device("station"));
    let bo = world.member("bo");
    let readers = [rogue.member, bo];
    let (kind, owner) = (SpaceKind::Session, SpaceOwner::Doc(DocId::new([7; 16])));
    let (_, made) = rogue.keyed_space(&world, kind, owner, &readers);
    let results = rogue.push(&world, &made[..1]);
    assert_eq!(results[0].code, "not_allowed", "it wraps for every device of bo's");

    let (suite, zero) = (Suite::X25519, EpochId::new([0; 16]));
    let (secret, public) = EpochSecret::generate(suite, &mut rogue.rng);
    let wrap = |rogue: &mut Rogue, id| {
        let listed = directory(&world).device(&id).unwrap();
        secret.wrap_for(zero, &public, id, listed.seal_keys(), &mut rogue.rng).unwrap()
    };
    for kind in [SpaceKind::Session, SpaceKind::Shared] {
        let owner = match kind {
            SpaceKind::Session => SpaceOwner::Doc(DocId::new([8; 16])),
            _ => SpaceOwner::Team,
        };
        let body = sync_core::protocol::SpaceBody {
            kind: kind as u8,
            owner,
            readers: readers.to_vec(),
            suite,
            epoch_key: public.clone().into(),
            wraps: Vec::new(),
        };
        let made = rogue.space(&world, &body);
        let space = made.header.space;
        assert_eq!(rogue.push(&world, &[made])[0].code, "", "{kind:?}");
        for (device, allowed) in [(web, kind == SpaceKind::Shared), (station, false)] {
            let keys = vec![wrap(&mut rogue, device)];
            let body = to_cbor(&WrapBody { keys, asks: None, escrow: None });
            let envelope = rogue.structure(&world, Kind::Wrap, space, body);
            let code = &rogue.push(&world, &[envelope])[0].code;
            assert_eq!(code.as_str(), if allowed { "" } else { "not_allowed" }, "{kind:?}");
        }
    }
}
