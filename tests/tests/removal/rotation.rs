//! When a reader or their device goes, the readers who stay replace the key before anything more is written.

use sync_core::crypto::EpochSecret;
use sync_core::ids::EpochId;
use sync_core::protocol::{Envelope, EpochBody, Kind, Suite, Verdict, limits, to_cbor};
use sync_core::records::Role;
use tests::hostile::{Rogue, alarms, directory};

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
    assert_eq!(alarms(&mut world, "cleo"), []);
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
    let after = incident(&mut world, "amy");
    world.sync_all();
    assert!(world.on("cleo", |phone, _| phone.show(after)).is_ok(), "everything else goes on");
    assert!(world.on("amy", |phone, _| phone.outbox()).unwrap().is_empty());
}

/// The epoch that an envelope makes.
fn epoch_of(envelope: &Envelope) -> EpochId {
    EpochId::from_slice(&envelope.id().as_bytes()[..16]).unwrap()
}
