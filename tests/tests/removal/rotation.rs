//! When a reader or their device goes, the readers who stay replace the key before anything more is written.

use sync_core::crypto::EpochSecret;
use sync_core::ids::EpochId;
use sync_core::protocol::{Envelope, EpochBody, Kind, Suite, Verdict, limits, to_cbor};
use sync_core::records::Role;
use tests::hostile::{Rogue, alarms, directory, wraps_at_relay};

use super::*;

#[test]
fn a_removed_device_is_in_no_later_wrap_and_the_others_read_on() {
    let mut world = World::new(32, sync_core::records::PolicyProfile::neutral());
    for name in ["amy", "bo", "cleo"] {
        world.join(name, &[Role::PeerSupporter]);
    }
    world.sync_all();
    let fields = [("kind", text("defusing"))];
    let intervention = world.record("amy", "intervention", &fields);
    let leads = [world.member("amy"), world.member("bo")];
    world.sync_all();
    world.on("amy", |phone, env| phone.assign(env, intervention, &leads)).unwrap();
    world.sync_all();
    world.write("bo", intervention, "exploration", 0, "before ");
    world.sync_all();
    let epochs =
        |world: &mut World| world.on("amy", |phone, _| phone.session_epochs(intervention)).unwrap();
    let first = epochs(&mut world)[0];
    let of_bo = world.device("bo");
    let given = wraps_at_relay(&world, of_bo);
    assert!(given > 0, "while bo's phone was listed");
    remove(&mut world, "bo");
    sync_but(&mut world, "bo");
    assert_eq!(epochs(&mut world)[0], first + 1, "one new key");
    world.write("amy", intervention, "exploration", 7, "after");
    sync_but(&mut world, "bo");
    // It was there before: what the removed device wrote still opens for a phone that comes later.
    let cleo = world.member("cleo");
    world.on("amy", |phone, env| phone.assign(env, intervention, &[cleo])).unwrap();
    sync_but(&mut world, "bo");
    assert_eq!(world.phase("cleo", intervention, "defusing.exploration"), "before after");
    assert_eq!(epochs(&mut world)[0], first + 1, "and no further one");
    assert_eq!(wraps_at_relay(&world, of_bo), given, "nothing was wrapped for it since");
    assert_eq!(alarms(&mut world, "cleo"), []);
}

#[test]
fn the_first_key_is_replaced_although_the_stranger_who_made_it_was_removed() {
    let mut world = county();
    let id = world.record("cleo", "intervention", &[("kind", text("defusing"))]);
    let leads = [world.member("amy"), world.member("bo")];
    world.sync_all();
    world.on("cleo", |phone, env| phone.assign(env, id, &leads)).unwrap();
    world.sync("cleo");
    remove(&mut world, "cleo");
    sync_but(&mut world, "cleo");
    let epochs = world.on("amy", |phone, _| phone.session_epochs(id)).unwrap();
    assert!(epochs[0] > 1, "cleo, who knows the first, is no reader: {epochs:?}");
    world.write("amy", id, "exploration", 0, "in confidence");
    sync_but(&mut world, "cleo");
    assert_eq!(world.phase("bo", id, "defusing.exploration"), "in confidence");
}

#[test]
fn a_lead_who_was_removed_keeps_nobody_from_the_note() {
    let mut world = county();
    let leads = ["amy", "bo"].map(|name| world.member(name).to_string());
    let fields = [("kind", text("defusing")), ("leads", Value::Set(leads.into_iter().collect()))];
    let [written, assigned] = [(); 2].map(|()| world.record("amy", "intervention", &fields));
    world.sync_all();
    let bo = world.member("bo");
    world.on("admin", |phone, _| phone.remove_member(bo)).unwrap();
    sync_but(&mut world, "bo");
    // amy opens the note in the field; cleo is assigned to another one and opens it for both.
    world.write("amy", written, "exploration", 0, "amy alone");
    let cleo = world.member("cleo");
    world.on("cleo", |phone, env| phone.assign(env, assigned, &[cleo])).unwrap();
    world.write("cleo", assigned, "exploration", 0, "with amy");
    sync_but(&mut world, "bo");
    for name in ["amy", "cleo"] {
        let drafts = world.on(name, |phone, _| phone.drafts()).unwrap();
        assert!(drafts.is_empty(), "{}", world.troubles());
        assert_eq!(world.phase(name, assigned, "defusing.exploration"), "with amy");
    }
    // A further lead comes to a note whose leads name the one who left.
    world.on("amy", |phone, env| phone.assign(env, written, &[cleo])).unwrap();
    sync_but(&mut world, "bo");
    assert_eq!(world.phase("cleo", written, "defusing.exploration"), "amy alone");
    // Who left is no lead again: said at once, before anything is made.
    let refused = world.on("amy", |phone, env| phone.assign(env, written, &[bo]));
    assert_eq!(refused.unwrap_err().code(), Code::NoSuchMember);
}

#[test]
fn a_space_that_has_had_all_its_keys_raises_an_alarm_and_its_readers_sync_on() {
    let mut world = county();
    let mut rogue = Rogue::enrol(&mut world, 1, &[Role::Chaplain], false);
    world.sync_all();
    let intervention = world.record("amy", "intervention", &[("kind", text("defusing"))]);
    let leads = [world.member("amy"), rogue.member];
    world.on("amy", |phone, env| phone.assign(env, intervention, &leads)).unwrap();
    world.sync_all();
    let space = world.on("amy", |phone, _| phone.notes(intervention)).unwrap()[0].space;
    let used = world.on("amy", |phone, _| phone.session_epochs(intervention)).unwrap()[0];
    // The other lead uses up what is left, and gives the last key out to amy and to themselves.
    let before = tests::hostile::made_epochs(&world, space);
    let mut epochs: Vec<Envelope> = Vec::new();
    for left in (0..limits::MAX_EPOCHS - used).rev() {
        let suite = if left == 0 { Suite::XWing } else { Suite::X25519 };
        let (secret, public) = EpochSecret::generate(suite, &mut rogue.rng);
        let mut wraps = Vec::new();
        for device in leads.iter().flat_map(|lead| directory(&world).devices_of(*lead)) {
            let (id, keys) = (device.id, device.seal_keys());
            let zero = EpochId::new([0; 16]);
            wraps.extend(secret.wrap_for(zero, &public, id, keys, &mut rogue.rng).ok());
        }
        let replaces = before.iter().chain(&epochs).map(epoch_of).collect();
        let body = to_cbor(&EpochBody { suite, epoch_key: public.into(), replaces, wraps });
        epochs.push(rogue.structure(&world, Kind::Epoch, space, body));
    }
    let results = rogue.push(&world, &epochs);
    assert!(results.iter().all(|result| result.verdict == Verdict::Stored), "{results:?}");
    world.sync_all();
    assert_eq!(
        world.on("amy", |phone, _| phone.session_epochs(intervention)).unwrap(),
        [limits::MAX_EPOCHS]
    );
    let device = rogue.device();
    world.on("admin", |phone, _| phone.remove_device(device)).unwrap();
    world.sync("admin");
    world.sync("amy");
    let raised = world.on("amy", |phone, _| phone.alarms()).unwrap();
    let raised: Vec<_> = raised.iter().map(|alarm| (alarm.code, alarm.subject.clone())).collect();
    assert_eq!(raised, [(Code::TooLarge, space.to_string())]);
    let after = world.incident("amy");
    world.sync_all();
    assert!(world.on("cleo", |phone, _| phone.show(after)).is_ok(), "everything else goes on");
    assert!(world.on("amy", |phone, _| phone.outbox()).unwrap().is_empty());
}

/// The epoch that an envelope makes.
fn epoch_of(envelope: &Envelope) -> EpochId {
    EpochId::from_slice(&envelope.id().as_bytes()[..16]).unwrap()
}
