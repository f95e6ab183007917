//! An enrolled phone that obeys nothing, against a real relay and honest phones: every envelope gets the right verdict, and
//! nobody else's document, heads or page changes.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod bounds;
mod bytes;
mod rights;
mod sealed;

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sync_core::crypto::{DeviceKeys, invite};
use sync_core::directory::Op;
use sync_core::doc::{self, Edit};
use sync_core::engine::DocumentHeads;
use sync_core::ids::{DekId, DocId, EpochId, MemberId, SpaceId};
use sync_core::protocol::limits::{MAX_BATCH, MAX_BODY, MAX_REQUEST, MAX_REQUEST_INFLATED};
use sync_core::protocol::{
    Batch, Code, Cursor, Cursors, Envelope, EpochBody, Header, Kind, Packed, PendingEnrolment,
    PushResult, ReaderBody, SealedBody, SenderBody, SpaceBody, SpaceOwner, Suite, SyncRequest,
    Verdict, WrapBody, from_cbor, limits, to_cbor,
};
use sync_core::records::{
    DeviceClass, DocType, FieldOp, NotesMode, PolicyProfile, Role, Scalar, SpaceKind, Value,
};
use tests::hostile::{
    RelayState, Rogue, alarms, answer_invitation, directory, lie, open_answer, open_space,
    relay_state,
};
use tests::{World, pack, set, text};

#[path = "../../../sync-core/tests/hostile_changes/forge.rs"]
#[allow(missing_docs, dead_code)]
mod forge;

const ACTION: u32 = 0x42;
const PREDECESSORS: u32 = 0x70;

fn part(number: u16) -> &'static DocType {
    DocType::by_number(number).unwrap()
}

fn incident_part() -> &'static DocType {
    part(10)
}

fn ops(area: &str) -> Vec<FieldOp> {
    let area = FieldOp::Put("area".into(), Scalar::Str(area.into()));
    vec![
        area,
        FieldOp::Put("type.failed_rescue".into(), Scalar::Bool(true)),
        FieldOp::Put("occurred_end".into(), Scalar::Int(1_772_000_000_000)),
    ]
}

/// A team at work, a phone that obeys nothing, and what everybody else has.
struct Scene {
    world: World,
    rogue: Rogue,
    operations: SpaceId,
    theirs: DocId,
    before: State,
}

#[derive(Debug, PartialEq)]
struct State {
    relay: RelayState,
    phones: BTreeMap<String, DocumentHeads>,
}

fn state(world: &mut World) -> State {
    let names: Vec<String> = world.devices.keys().cloned().collect();
    let phones = names
        .into_iter()
        .map(|name| {
            let heads = world.on(&name, |phone, _| phone.heads()).unwrap();
            (name, heads)
        })
        .collect();
    State { relay: relay_state(world), phones }
}

fn scene_with(profile: PolicyProfile, roles: &[Role], admin: bool) -> Scene {
    let mut world = World::new(21, profile);
    world.join("amy", &[Role::PeerSupporter]);
    world.join("cleo", &[Role::Coordinator]);
    let rogue = Rogue::enrol(&mut world, 99, roles, admin);
    let fields =
        [("type", set(&["failed_rescue"])), ("occurred_end", text("2026-03-01T12:00:00Z"))];
    let theirs = world.record("amy", "incident", &fields);
    world.edit("amy", theirs, &[("severity", Value::Int(2))]);
    world.sync_all();
    let operations = open_space(&world, SpaceKind::Operations, None);
    let before = state(&mut world);
    Scene { world, rogue, operations, theirs, before }
}

fn scene(roles: &[Role]) -> Scene {
    scene_with(PolicyProfile::neutral(), roles, false)
}

impl Scene {
    fn doc(&mut self) -> DocId {
        DocId::random(&mut self.rogue.rng)
    }

    /// An incident of the rogue's own, well made.
    fn incident(&mut self, area: &str) -> Envelope {
        let place = (self.operations, self.doc());
        self.rogue.change(&self.world, place, incident_part(), None, &Edit::Fields(&ops(area)))
    }

    /// Pushes one envelope and asserts what becomes of it.
    fn refused(&mut self, envelope: &Envelope, verdict: Verdict, code: Code) {
        let results = self.rogue.push(&self.world, std::slice::from_ref(envelope));
        let kind = envelope.header.kind;
        assert_eq!(
            (results[0].verdict, results[0].code.as_str()),
            (verdict, code.as_str()),
            "{kind:?}"
        );
    }

    /// Nobody else's document, head or page has changed; honest phones work on, and have nothing to complain about.
    fn unharmed(mut self) -> World {
        let names: Vec<String> = self.world.devices.keys().cloned().collect();
        self.world.sync_all();
        let now = state(&mut self.world);
        for (place, row) in &self.before.relay {
            assert_eq!(now.relay.get(place), Some(row), "the relay's documents and pages");
        }
        for (name, heads) in &self.before.phones {
            for (place, heads) in heads {
                assert_eq!(now.phones[name].get(place), Some(heads), "{name}'s documents");
            }
        }
        for name in &names {
            let drafts = self.world.on(name, |phone, _| phone.drafts()).unwrap();
            assert!(drafts.is_empty(), "{name}: {drafts:?}");
            assert_eq!(alarms(&mut self.world, name), [], "{name}");
        }
        self.world.edit("amy", self.theirs, &[("severity", Value::Int(5))]);
        self.world.sync_all();
        assert_eq!(self.world.shown("cleo", self.theirs, "severity"), Some(Value::Int(5)));
        self.world.restart_relay();
        self.world.edit("cleo", self.theirs, &[("severity", Value::Int(1))]);
        self.world.sync_all();
        assert_eq!(self.world.shown("amy", self.theirs, "severity"), Some(Value::Int(1)));
        self.world
    }
}

fn below(rng: &mut ChaCha20Rng, bound: usize) -> usize {
    rng.next_u32() as usize % bound.max(1)
}

/// Alters one to three parts of a change, structure kept and checksum repaired.
fn mutate(change: &[u8], rng: &mut ChaCha20Rng) -> Vec<u8> {
    let mut parts = forge::Parts::read(change);
    for _ in 0..1 + rng.next_u32() % 3 {
        let (small, count) = (u64::from(rng.next_u32() % 40), parts.columns.len());
        match rng.next_u32() % 12 {
            0 => parts.seq = small,
            1 => parts.start_op = rng.next_u64() >> (rng.next_u32() % 64),
            2 => drop(parts.deps.pop()),
            3 => parts.deps.push([rng.next_u32() as u8; 32]),
            4 => parts.others.push(vec![rng.next_u32() as u8; 16]),
            5 if count > 1 => drop(parts.columns.remove(below(rng, count))),
            6 => {
                let bytes = parts.columns[below(rng, count)].1.clone();
                parts.columns[below(rng, count)].1 = bytes;
            }
            7 => {
                let column = &mut parts.columns[below(rng, count)].1;
                column.insert(below(rng, column.len() + 1), rng.next_u32() as u8);
            }
            8 => parts.extra.push(rng.next_u32() as u8),
            _ => {
                let column = &mut parts.columns[below(rng, count)].1;
                let at = below(rng, column.len());
                if let Some(byte) = column.get_mut(at) {
                    *byte ^= rng.next_u32() as u8;
                }
            }
        }
    }
    parts.write()
}
