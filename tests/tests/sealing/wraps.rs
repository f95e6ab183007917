//! Keys that do not fit: told by whom, asked for again, and given by another reader.

use sync_core::crypto::{EpochSecret, SealKeys};
use sync_core::ids::{EpochId, SpaceId};
use sync_core::protocol::{
    Code, Envelope, EpochBody, Kind, SpaceBody, Suite, WrapBody, WrappedKey, from_cbor, to_cbor,
};
use sync_core::records::Role;
use tests::hostile::{Rogue, directory};
use tests::{World, text};

use super::{PHASE, alarms, county, space_of};

/// What a careless or hostile reader wraps for bo, where the epoch's key should be.
#[derive(Clone, Copy, PartialEq)]
enum Wrap {
    /// Another key.
    Other,
    /// The right key, sealed to the lesser of the keys that bo's phone lists.
    Lesser,
}

fn log(world: &World, space: SpaceId) -> Vec<Envelope> {
    let log = rusqlite::Connection::open(world.folder().join("relay.db")).expect("opens");
    let mut find =
        log.prepare("SELECT envelope FROM items WHERE space = ?1 ORDER BY seq").expect("reads");
    let rows = find.query_map([space.as_bytes()], |row| row.get::<_, Vec<u8>>(0)).expect("reads");
    let opener = world.opener();
    rows.map(|row| opener.envelope(&row.expect("a row")).expect("opens").expect("an envelope"))
        .collect()
}

/// A session of amy, bo and a reader whose phone then renews the key and wraps it wrongly for bo's.
fn scene(wrap: Wrap) -> (World, Rogue, sync_core::ids::DocId) {
    let mut world = county();
    let mut rogue = Rogue::enrol(&mut world, 5, &[Role::PeerSupporter], false);
    world.sync_all();
    let id = world.record("cleo", "intervention", &[("kind", text("defusing"))]);
    let leads = [world.member("amy"), world.member("bo"), rogue.member];
    world.on("cleo", |phone, env| phone.assign(env, id, &leads)).expect("assigned");
    world.sync_all();
    let space = space_of(&mut world, "amy", id);
    let made = log(&world, space);
    let epochs = made.iter().filter(|e| matches!(e.header.kind, Kind::Space | Kind::Epoch));
    let replaces =
        epochs.map(|e| EpochId::from_slice(&e.id().as_bytes()[..16]).expect("16 bytes")).collect();

    let suite = Suite::XWing;
    let (secret, public) = EpochSecret::generate(suite, &mut rogue.rng);
    let (other, other_public) = EpochSecret::generate(suite, &mut rogue.rng);
    let zero = EpochId::new([0; 16]);
    let mut wraps: Vec<WrappedKey> = Vec::new();
    for member in leads {
        for device in directory(&world).devices_of(member) {
            let keys = device.seal_keys();
            let rng = &mut rogue.rng;
            let made = match wrap {
                _ if member != leads[1] => secret.wrap_for(zero, &public, device.id, keys, rng),
                Wrap::Other => other.wrap_for(zero, &other_public, device.id, keys, rng),
                Wrap::Lesser => {
                    let lesser = SealKeys { second: None, ..keys };
                    secret.wrap_for(zero, &public, device.id, lesser, rng)
                }
            };
            wraps.push(made.expect("wraps"));
        }
    }
    let body = EpochBody { suite, epoch_key: public.into(), replaces, wraps };
    let envelope = rogue.structure(&world, Kind::Epoch, space, to_cbor(&body));
    assert_eq!(rogue.push(&world, &[envelope])[0].code, "");
    (world, rogue, id)
}

#[test]
fn a_wrap_that_does_not_fit_names_its_signer_and_another_reader_wraps_again() {
    let (mut world, rogue, id) = scene(Wrap::Other);
    world.sync("amy");
    world.write("amy", id, "exploration", 0, "under the new key");
    world.sync("amy");
    world.sync("bo");
    assert!(alarms(&mut world, "bo").contains(&(Code::WrapUnfit, rogue.device().to_string())));
    assert_eq!(world.phase("bo", id, PHASE), "", "not yet");
    world.sync_all();
    assert_eq!(world.phase("bo", id, PHASE), "under the new key", "{}", world.troubles());
    assert!(!alarms(&mut world, "amy").iter().any(|(code, _)| *code == Code::WrapUnfit));
    // Asked once and wrapped again once, by somebody else than before.
    let space = space_of(&mut world, "bo", id);
    let wraps: Vec<(WrapBody, Envelope)> = log(&world, space)
        .into_iter()
        .filter(|envelope| envelope.header.kind == Kind::Wrap)
        .map(|envelope| (from_cbor(&envelope.body).unwrap(), envelope))
        .collect();
    let asking: Vec<_> = wraps.iter().filter(|(body, _)| body.asks.is_some()).collect();
    assert_eq!(asking.len(), 1);
    assert_eq!(asking[0].0.asks.as_ref().unwrap()[0].by, rogue.device());
    let bo = world.on("bo", |phone, _| phone.status().unwrap().device);
    let again = wraps.iter().filter(|(body, _)| body.keys.iter().any(|key| key.device == bo));
    assert_eq!(again.count(), 1);
}

#[test]
fn a_device_that_was_set_up_before_suite_2_is_wrapped_for_with_the_key_it_has() {
    let mut world = county();
    let old = Rogue::enrol_old(&mut world, 5, &[Role::PeerSupporter], false);
    world.sync_all();
    let id = world.record("cleo", "intervention", &[("kind", text("defusing"))]);
    let leads = [world.member("amy"), old.member];
    world.on("cleo", |phone, env| phone.assign(env, id, &leads)).expect("assigned");
    world.sync_all();
    let space = space_of(&mut world, "amy", id);
    let made = log(&world, space).remove(0);
    let body: SpaceBody = from_cbor(&made.body).expect("the making of the space");
    let epoch = EpochId::from_slice(&made.id().as_bytes()[..16]).expect("16 bytes");
    let mut wraps = body.wraps;
    for envelope in log(&world, space) {
        if envelope.header.kind == Kind::Wrap {
            wraps.extend(from_cbor::<WrapBody>(&envelope.body).expect("a body").keys);
        }
    }
    let own: Vec<_> = wraps.iter().filter(|wrap| wrap.device == old.device()).collect();
    assert!(!own.is_empty());
    for wrap in own {
        let zero = EpochId::new([0; 16]);
        assert!(wrap.epoch == epoch || wrap.epoch == zero);
        assert!(EpochSecret::unwrap(body.suite, wrap, &body.epoch_key, &old.keys).is_ok());
    }
}

#[test]
fn a_wrap_in_a_lesser_suite_is_refused_by_a_device_that_lists_the_better_one() {
    let (mut world, rogue, id) = scene(Wrap::Lesser);
    world.sync("amy");
    world.write("amy", id, "exploration", 0, "under the new key");
    world.sync("amy");
    world.sync("bo");
    assert_eq!(world.phase("bo", id, PHASE), "", "a key that would have opened it was not taken");
    assert!(alarms(&mut world, "bo").contains(&(Code::WrapUnfit, rogue.device().to_string())));
    world.sync_all();
    assert_eq!(world.phase("bo", id, PHASE), "under the new key");
}

#[test]
fn a_device_that_complains_of_everybody_is_wrapped_for_once_by_each() {
    let (mut world, mut rogue, id) = scene(Wrap::Other);
    world.sync_all();
    let space = space_of(&mut world, "amy", id);
    let epochs: Vec<EpochId> = log(&world, space)
        .iter()
        .filter(|e| matches!(e.header.kind, Kind::Space | Kind::Epoch))
        .map(|e| EpochId::from_slice(&e.id().as_bytes()[..16]).unwrap())
        .collect();
    let before = log(&world, space).len();
    for _ in 0..5 {
        let devices: Vec<_> = directory(&world).devices().map(|device| device.id).collect();
        let asks = epochs
            .iter()
            .flat_map(|epoch| devices.iter().map(|by| (*epoch, *by)))
            .map(|(epoch, by)| sync_core::protocol::AskedKey { epoch, by });
        let body = WrapBody { keys: Vec::new(), asks: Some(asks.collect()), escrow: None };
        let envelope = rogue.structure(&world, Kind::Wrap, space, to_cbor(&body));
        rogue.push(&world, &[envelope]);
        world.sync_all();
    }
    // Five complaints, and at most one answer of each of the two other readers' phones.
    assert!(log(&world, space).len() - before <= 5 + 2);
}

#[test]
fn a_thousand_waiting_items_open_once_the_key_is_there() {
    let (mut world, _, id) = scene(Wrap::Other);
    world.sync("amy");
    let mut end = 0;
    for i in 0..1_000 {
        let words = format!("{i} ");
        world.write("amy", id, "exploration", end, &words);
        end += words.len();
    }
    world.sync("amy");
    world.sync("bo");
    assert_eq!(world.phase("bo", id, PHASE), "");
    world.sync_all();
    let shown = world.phase("amy", id, PHASE);
    assert_eq!(shown.split(' ').count(), 1_001);
    assert_eq!(world.phase("bo", id, PHASE), shown);
    assert!(world.on("bo", |phone, _| phone.drafts()).unwrap().is_empty());
}
