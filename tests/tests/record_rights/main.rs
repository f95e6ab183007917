//! Who may write and read what, cell by cell: every record in every kind of space by everybody, pushed by phones that
//! obey nothing to a real relay, and judged by a phone's own gates.
//!
//! The expectations are a statement of their own, in words of the field, and call nothing of what they check.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod scene;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::crypto::DeviceKeys;
use sync_core::directory::{Guest, Op, SpaceInfo};
use sync_core::doc::{self, Edit};
use sync_core::engine::NewMember;
use sync_core::gates;
use sync_core::ids::{DekId, DocId, EpochId, MemberId, SpaceId};
use sync_core::protocol::{
    Code, Cursors, Envelope, Kind, SealedBody, SpaceBody, SpaceOwner, Suite, Verdict, to_cbor,
};
use sync_core::records::{
    DeviceClass, DocType, FieldOp, NotesMode, PolicyProfile, Role, Scalar, SpaceKind, own_doc_id,
};
use tests::hostile::{Rogue, directory, made_epochs, open_space};
use tests::{World, text};

use scene::*;
use table::*;

#[test]
fn everybody_writes_and_reads_what_the_table_gives_them_and_nothing_else() {
    let mut scene = scene();
    let (mut cells, mut granted) = (0, 0);
    for at in 0..scene.people.len() {
        let mut places = own_places(&mut scene, at);
        places.extend(scene.places.clone());
        let Scene { world, people, .. } = &mut scene;
        let (person, rogue) = &mut people[at];
        let mut attempts = Vec::new();
        for place in &places {
            for record in all_records() {
                for kind in [Kind::Change, Kind::Sealed] {
                    let envelope = attempt(world, rogue, place, record, kind);
                    attempts.push((place, record.number, kind, envelope));
                }
            }
        }
        let push: Vec<Envelope> = attempts.iter().map(|(.., envelope)| envelope.clone()).collect();
        let results = rogue.push(world, &push);
        for ((place, record, kind, envelope), result) in attempts.iter().zip(&results) {
            let cell = expected(place.kind, place.whose, *record, *kind, person);
            let code = cell.map_or("", Code::as_str);
            let what = || {
                format!(
                    "{person:?}: {kind:?} of record {record} in {:?} {:?}",
                    place.kind, place.whose
                )
            };
            assert_eq!(result.code, code, "{}", what());
            assert_eq!(result.verdict == Verdict::Stored, cell.is_none(), "{}", what());
            let not_here = matches!(place.kind, SpaceKind::Directory | SpaceKind::Audit);
            if let (Some(info), false) = (&place.info, not_here) {
                assert_eq!(judged_by_phone(world, envelope, info), cell, "a phone: {}", what());
            }
            (cells, granted) = (cells + 1, granted + usize::from(cell.is_none()));
        }
        reads_what_it_may(world, person, rogue, &places);
    }
    assert!(cells > 6_000 && granted > 100, "{cells} cells, {granted} granted");
}

/// What is served to somebody who holds nothing is what they may read: those spaces and no other.
fn reads_what_it_may(world: &World, person: &Person, rogue: &mut Rogue, places: &[Place]) {
    let asks = rogue.ask(world, |request| {
        request.cursors = Some(Cursors::default());
        request.max_bytes = u32::MAX;
    });
    let served: BTreeSet<SpaceId> = asks.unwrap().spaces.iter().map(|s| s.space).collect();
    let filled: BTreeSet<SpaceId> = spaces_at_relay(world).into_values().flatten().collect();
    let may: BTreeMap<SpaceId, &Place> = places
        .iter()
        .filter(|place| filled.contains(&place.id) && may_read(place.kind, place.whose, person))
        .map(|place| (place.id, place))
        .collect();
    for (id, place) in &may {
        assert!(served.contains(id), "{person:?} reads {:?} {:?}", place.kind, place.whose);
    }
    for id in &served {
        let place = places.iter().find(|place| place.id == *id);
        let what = place.map(|place| (place.kind, place.whose));
        assert!(may.contains_key(id), "{person:?} is served {what:?}");
    }
}

#[test]
fn a_guest_whose_time_is_over_neither_writes_nor_reads() {
    let mut world = World::new(78, profile());
    let person = Person { guest: true, ..Person::of(Some(Role::PeerSupporter)) };
    let member = enter(&mut world, &person);
    let invitation = world.on("admin", |phone, env| phone.invite(env, member)).unwrap();
    world.sync("admin");
    let mut guest = Rogue::enrol_by(&mut world, 5, &invitation);
    let operations = open_space(&world, SpaceKind::Operations, None);
    let (kind, whose) = (SpaceKind::Operations, Whose::Team);
    let info = SpaceInfo::open(directory(&world).team(), kind, None);
    let place = Place { kind, whose, id: operations, info: Some(info.clone()) };
    let incident = DocType::by_number(10).unwrap();
    let in_time = attempt(&world, &mut guest, &place, incident, Kind::Change);
    assert_eq!(guest.push(&world, &[in_time])[0].verdict, Verdict::Stored);
    world.wait_minutes(60 * 24 * 366);
    let late = attempt(&world, &mut guest, &place, incident, Kind::Change);
    assert_eq!(guest.exchange(&world, std::slice::from_ref(&late)).err(), Some(Code::GuestEnded));
    assert_eq!(judged_by_phone(&world, &late, &info), Some(Code::GuestEnded));
}
