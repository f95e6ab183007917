//! An enrolled phone that obeys nothing, against a real relay and honest phones: every envelope gets the right verdict, and
//! nobody else's document, heads or page changes.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

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

#[path = "../../sync-core/tests/hostile_changes/forge.rs"]
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

#[test]
fn a_flip_of_any_byte_of_an_envelope_is_refused_and_uses_nothing_up() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let envelope = scene.incident("north");
    let mut batch = Batch::new();
    let packed = to_cbor(&batch.pack(&envelope));
    let mut push: Vec<Packed> = Vec::new();
    for at in 0..packed.len() {
        for bit in [0x01, 0x80] {
            let mut bytes = packed.clone();
            bytes[at] ^= bit;
            push.extend(from_cbor::<Packed>(&bytes).ok());
        }
    }
    assert!(push.len() > 450, "header, signature and body: {}", push.len());
    for push in push.chunks(1_000) {
        let (body, token) = scene.rogue.request(&scene.world, batch.clone(), push.to_vec());
        let answer = scene.world.relay.sync(&token, &body).unwrap();
        let results = open_answer(&answer).1.results;
        assert_eq!(results.len(), push.len());
        for result in results {
            let refused = matches!(
                result.code.as_str(),
                "malformed"
                    | "bad_signature"
                    | "unknown_device"
                    | "directory_behind"
                    | "waiting"
                    | "directory_fork"
                    | "directory_forged"
                    | "wrong_space"
            );
            assert!(refused && result.seq == 0, "{result:?}");
        }
    }
    // The directory hash travels beside the envelopes.
    let hashes = to_cbor(&batch);
    for at in 3..hashes.len() {
        let mut bytes = hashes.clone();
        bytes[at] ^= 1;
        let batch: Batch = from_cbor(&bytes).unwrap();
        let push = vec![from_cbor(&packed).unwrap()];
        let (body, token) = scene.rogue.request(&scene.world, batch, push);
        let answer = scene.world.relay.sync(&token, &body).unwrap();
        assert_eq!(open_answer(&answer).1.results[0].code, "bad_signature");
    }
    let stored = scene.rogue.push(&scene.world, &[envelope]);
    assert_eq!(stored[0].verdict, Verdict::Stored, "the true one is still taken");
    scene.unharmed();
}

#[test]
fn bodies_that_are_cut_foreign_compressed_or_oversized_are_set_aside_and_phones_see_stubs() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let whole = scene.incident("north");
    scene.rogue.push(&scene.world, std::slice::from_ref(&whole));
    let place = (scene.operations, whole.header.doc);
    let next = [FieldOp::Put("severity".into(), Scalar::Int(3))];
    let base = {
        let candidate = sync_core::gates::Candidate { header: &whole.header, change: &whole.body };
        let admission = sync_core::gates::admit_changes(None, incident_part(), &[candidate]);
        admission.document.unwrap().saved
    };
    let sound =
        scene.rogue.change(&scene.world, place, incident_part(), Some(&base), &Edit::Fields(&next));
    let mut push = Vec::new();
    let resign = |scene: &mut Scene, body: Vec<u8>| {
        let header = scene.rogue.header(&scene.world, Kind::Change, scene.operations);
        scene
            .rogue
            .keys
            .sign_envelope(Header { device_seq: header.device_seq, ..sound.header }, body)
    };
    for length in (0..sound.body.len()).step_by(7) {
        push.push(resign(&mut scene, sound.body[..length].to_vec()));
    }
    push.push(resign(&mut scene, [sound.body.as_slice(), b"x"].concat()));
    let codes: Vec<_> = scene.rogue.push(&scene.world, &push);
    assert!(codes.iter().all(|r| r.verdict == Verdict::Quarantined && r.code == "change_hostile"));

    // Another document's change under this header: its actor is not this header's.
    let (other, world) = (scene.incident("south"), &scene.world);
    let foreign = scene.rogue.document(world, Kind::Change, place.0, place.1, incident_part());
    let foreign = scene.rogue.keys.sign_envelope(foreign, other.body.clone());
    scene.refused(&foreign, Verdict::Quarantined, Code::WrongActor);

    let mut parts = forge::Parts::read(&sound.body);
    parts.chunk_type = 2;
    let compressed = resign(&mut scene, parts.write());
    scene.refused(&compressed, Verdict::Quarantined, Code::Compressed);
    for (spec, bytes) in [(ACTION | 8, vec![1, 2, 3]), (0x78, vec![0])] {
        let mut parts = forge::Parts::read(&sound.body);
        *parts.column(spec) = bytes;
        let column = resign(&mut scene, parts.write());
        scene.refused(&column, Verdict::Quarantined, Code::Compressed);
    }
    let oversized = resign(&mut scene, vec![7; MAX_BODY + 1]);
    scene.refused(&oversized, Verdict::RefusedFinal, Code::Malformed);
    let largest = resign(&mut scene, vec![7; MAX_BODY]);
    scene.refused(&largest, Verdict::Quarantined, Code::HostileChange);
    scene.unharmed();
}

#[test]
fn huge_counts_and_run_length_bombs_are_refused_at_once() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let sound = scene.incident("north");
    let bomb = |bytes: &[u8]| bytes.to_vec();
    // i64::MAX of the same value; as many nulls; as many literals.
    let runs = [
        bomb(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 1]),
        bomb(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        bomb(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f]),
    ];
    let mut push = Vec::new();
    for spec in [0x15, 0x34, ACTION, 0x56, PREDECESSORS, 0x71, 0x73] {
        for run in &runs {
            let mut parts = forge::Parts::read(&sound.body);
            *parts.column(spec) = run.clone();
            push.push(parts.write());
        }
    }
    for count in [1 << 20, u64::MAX >> 1, u64::MAX] {
        let mut parts = forge::Parts::read(&sound.body);
        parts.start_op = count;
        push.push(parts.write());
        parts.start_op = 1;
        parts.seq = count;
        push.push(parts.write());
    }
    let started = std::time::Instant::now();
    let envelopes: Vec<_> = push
        .into_iter()
        .map(|body| {
            let (space, doc) = (scene.operations, sound.header.doc);
            let header =
                scene.rogue.document(&scene.world, Kind::Change, space, doc, incident_part());
            scene.rogue.keys.sign_envelope(header, body)
        })
        .collect();
    let results = scene.rogue.push(&scene.world, &envelopes);
    assert!(started.elapsed().as_secs() < 20);
    assert!(results.iter().all(|result| result.verdict == Verdict::Quarantined), "{results:?}");
    scene.unharmed();
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

#[test]
fn a_thousand_mutated_changes_leave_every_other_document_as_it_was() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let mut rng = ChaCha20Rng::seed_from_u64(2_026);
    let (mut pushed, mut stored) = (0, 0);
    while pushed < 1_000 {
        let first = scene.incident("north");
        scene.rogue.push(&scene.world, std::slice::from_ref(&first));
        let candidate = sync_core::gates::Candidate { header: &first.header, change: &first.body };
        let admission = sync_core::gates::admit_changes(None, incident_part(), &[candidate]);
        let base = admission.document.unwrap().saved;
        let edit = [
            FieldOp::Put("area".into(), Scalar::Str("mid-north".into())),
            FieldOp::Put("disciplines.fire".into(), Scalar::Bool(true)),
            FieldOp::Delete("type.failed_rescue".into()),
        ];
        let place = (scene.operations, first.header.doc);
        let edit = Edit::Fields(&edit);
        let sound = scene.rogue.change(&scene.world, place, incident_part(), Some(&base), &edit);
        let envelopes: Vec<_> = (0..50)
            .map(|_| {
                let body = mutate(&sound.body, &mut rng);
                let header = scene.rogue.document(
                    &scene.world,
                    Kind::Change,
                    place.0,
                    place.1,
                    incident_part(),
                );
                scene.rogue.keys.sign_envelope(header, body)
            })
            .collect();
        let results = scene.rogue.push(&scene.world, &envelopes);
        for result in &results {
            match result.verdict {
                Verdict::Stored => stored += 1,
                Verdict::Quarantined | Verdict::Waiting => {}
                _ => panic!("{result:?}"),
            }
        }
        pushed += results.len();
    }
    assert!(stored < pushed / 2, "{stored} of {pushed}");
    scene.world.sync_all();
    // What the relay took, every phone took, with the same result.
    let relay = relay_state(&scene.world);
    for name in ["amy", "cleo"] {
        let heads = scene.world.on(name, |phone, _| phone.heads()).unwrap();
        for ((space, doc), heads) in heads {
            let place = (space.as_bytes().to_vec(), doc.as_bytes().to_vec());
            if let Some((_, at_relay)) = relay.get(&place).filter(|(_, heads)| !heads.is_empty()) {
                assert_eq!(&heads, at_relay, "{name}");
            }
        }
    }
    scene.unharmed();
}

#[test]
fn another_identity_a_foreign_envelope_and_a_number_used_twice_are_refused() {
    let mut scene = scene(&[Role::PeerSupporter]);
    // A device that nobody enrolled.
    let mut stranger = Rogue::enrol(&mut scene.world, 5, &[Role::PeerSupporter], false);
    stranger.keys = DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(6));
    let unlisted = stranger.exchange(&scene.world, &[]);
    assert_eq!(unlisted.err(), Some(Code::UnknownDevice));
    // Under its own header, carried by an enrolled phone.
    let place = (scene.operations, scene.doc());
    let edit = ops("x");
    let theirs = stranger.change(&scene.world, place, incident_part(), None, &Edit::Fields(&edit));
    scene.refused(&theirs, Verdict::RefusedFinal, Code::UnknownDevice);
    // Amy's device in the header, the rogue's signature.
    let mut claimed = scene.incident("north");
    claimed.header.device =
        directory(&scene.world).devices_of(scene.world.member("amy")).next().unwrap().id;
    let claimed = scene.rogue.keys.sign_envelope(claimed.header, claimed.body);
    scene.refused(&claimed, Verdict::RefusedFinal, Code::BadSignature);
    // Amy's true envelope, carried by another phone.
    let fields = [("type", set(&["lodd"])), ("occurred_end", text("2026-03-01T12:00:00Z"))];
    let id = scene.world.record("amy", "incident", &fields);
    let (body, _) = scene.world.request("amy");
    let request: SyncRequest = from_cbor(&tests::unpack(&body)).unwrap();
    let carried = request.batch.unpack(&request.push[0]).unwrap();
    scene.refused(&carried, Verdict::RefusedFinal, Code::NotAllowed);
    scene.world.sync_all();
    assert_eq!(scene.world.shown("cleo", id, "source"), Some(text("manual")));
    // A number that was used before.
    let first = scene.incident("one");
    let second = scene.incident("two");
    let again = Header { device_seq: first.header.device_seq, ..second.header };
    let again = scene.rogue.keys.sign_envelope(again, second.body);
    assert_eq!(scene.rogue.push(&scene.world, &[first])[0].verdict, Verdict::Stored);
    scene.refused(&again, Verdict::RefusedFinal, Code::DeviceCloned);
    for device_seq in [0, u64::MAX, 1 << 63] {
        let third = scene.incident("three");
        let odd = scene
            .rogue
            .keys
            .sign_envelope(Header { device_seq, ..third.header }, third.body.clone());
        scene.refused(&odd, Verdict::RefusedFinal, Code::Malformed);
    }
    scene.unharmed();
}

#[test]
fn writes_without_a_right_are_set_aside_wherever_they_are_aimed() {
    let mut scene = scene(&[Role::Responder]);
    let cleo = scene.world.member("cleo");
    let id = scene.world.record("cleo", "intervention", &[("kind", text("defusing"))]);
    let amy = scene.world.member("amy");
    scene.world.on("cleo", |phone, env| phone.assign(env, id, &[amy])).unwrap();
    scene.world.sync_all();
    scene.world.write("amy", id, "exploration", 0, "words");
    scene.world.sync_all();
    let session = scene.world.on("amy", |phone, _| phone.notes(id)).unwrap()[0].space;
    scene.before = state(&mut scene.world);

    let incident = scene.incident("north");
    scene.refused(&incident, Verdict::Quarantined, Code::NotAllowed);
    let caseload = open_space(&scene.world, SpaceKind::Caseload, Some(cleo));
    let task = [FieldOp::Put("kind".into(), Scalar::Str("call".into()))];
    let place = (caseload, scene.doc());
    let task = Edit::Fields(&task);
    let task = scene.rogue.change(&scene.world, place, part(40), None, &task);
    scene.refused(&task, Verdict::Quarantined, Code::NotAllowed);

    let (zero, suite) = (EpochId::new([0; 16]), Suite::X25519);
    let sealed = to_cbor(&SealedBody {
        suite,
        epoch: zero,
        dek: DekId::new([0; 16]),
        wrapped_dek: None,
        nonce: [0; 24].into(),
        ciphertext: vec![0; 256].into(),
    });
    let doc = scene.doc();
    let header = scene.rogue.document(&scene.world, Kind::Sealed, session, doc, part(21));
    let note = scene.rogue.keys.sign_envelope(header, sealed);
    scene.refused(&note, Verdict::Quarantined, Code::NotAllowed);
    let member = scene.rogue.member;
    let bodies = [
        (Kind::Reader, to_cbor(&ReaderBody { member, with_past: true })),
        (
            Kind::Epoch,
            to_cbor(&EpochBody {
                suite,
                epoch_key: scene.rogue.keys.seal_key().to_vec().into(),
                replaces: vec![],
                wraps: vec![],
            }),
        ),
        (Kind::Wrap, to_cbor(&WrapBody { keys: vec![] })),
        (Kind::Sender, to_cbor(&SenderBody { epoch: zero, sealed: vec![].into() })),
        (Kind::Purge, vec![]),
        (Kind::Hold, vec![]),
        (Kind::Wipe, vec![]),
        (Kind::Verdict, vec![]),
    ];
    for (kind, body) in bodies {
        for space in [session, scene.operations] {
            let envelope = scene.rogue.structure(&scene.world, kind, space, body.clone());
            scene.refused(&envelope, Verdict::Quarantined, Code::NotAllowed);
        }
    }
    let op = Op::Member { member, roles: vec![], admin: true, unit: None, supervises: vec![] };
    let space = directory(&scene.world).space();
    let promotion = scene.rogue.structure(&scene.world, Kind::Directory, space, to_cbor(&op));
    scene.refused(&promotion, Verdict::RefusedFinal, Code::DirectoryForged);
    let in_directory = scene.rogue.structure(&scene.world, Kind::Wrap, space, vec![]);
    scene.refused(&in_directory, Verdict::RefusedFinal, Code::WrongSpace);
    let epochs = scene.world.on("amy", |phone, _| phone.session_epochs(id)).unwrap();
    let mut world = scene.unharmed();
    assert_eq!(world.on("amy", |phone, _| phone.session_epochs(id)).unwrap(), epochs);
    assert_eq!(world.phase("amy", id, "defusing.exploration"), "words");
}

#[test]
fn a_record_where_it_does_not_belong_or_that_nobody_knows_is_set_aside() {
    let mut scene = scene(&[Role::PeerSupporter]);
    for (number, code) in [
        (50, Code::WrongSpace),
        (21, Code::WrongSpace),
        (999, Code::SchemaViolation),
        (0, Code::SchemaViolation),
    ] {
        let sound = scene.incident("north");
        let moved = Header { record: number, ..sound.header };
        let moved = scene.rogue.keys.sign_envelope(moved, sound.body);
        scene.refused(&moved, Verdict::Quarantined, code);
    }
    // A field the record does not have, and a value it does not take.
    for op in [
        FieldOp::Put("name".into(), Scalar::Str("j. doe".into())),
        FieldOp::Put("severity".into(), Scalar::Int(6)),
        FieldOp::Put("area".into(), Scalar::Str("x".repeat(65))),
    ] {
        let place = (scene.operations, scene.doc());
        let op = [op];
        let edit = Edit::Fields(&op);
        let odd = scene.rogue.change(&scene.world, place, incident_part(), None, &edit);
        scene.refused(&odd, Verdict::Quarantined, Code::SchemaViolation);
    }
    scene.unharmed();
}

#[test]
fn a_note_that_the_policy_forbids_is_set_aside_although_it_is_sealed() {
    let mut profile = PolicyProfile::neutral();
    profile.notes_mode = NotesMode::None;
    let mut scene = scene_with(profile, &[Role::PeerSupporter], false);
    let (owner, readers) = (SpaceOwner::Doc(scene.doc()), [scene.rogue.member]);
    let (keyed, made) = scene.rogue.keyed_space(&scene.world, SpaceKind::Session, owner, &readers);
    let results = scene.rogue.push(&scene.world, &made);
    assert!(results.iter().all(|result| result.verdict == Verdict::Stored), "{results:?}");
    let doc = scene.doc();
    let note = scene.rogue.sealed(&scene.world, &keyed, doc, part(21), |_| b"words".to_vec());
    scene.refused(&note, Verdict::Quarantined, Code::PolicyNoNotes);
    scene.unharmed();
}

#[test]
fn spaces_with_a_wrong_id_strangers_a_bad_key_or_a_double_are_refused() {
    let mut scene = scene(&[Role::Coordinator]);
    let (me, amy) = (scene.rogue.member, scene.world.member("amy"));
    let key = scene.rogue.keys.seal_key().to_vec();
    let body = |kind: SpaceKind, owner: SpaceOwner, readers: &[MemberId], key: &[u8]| SpaceBody {
        kind: kind as u8,
        owner,
        readers: readers.to_vec(),
        suite: Suite::X25519,
        epoch_key: key.to_vec().into(),
        wraps: Vec::new(),
    };
    let (team, doc) = (SpaceOwner::Team, SpaceOwner::Doc(DocId::new([1; 16])));
    let unknown = MemberId::new([9; 16]);
    let many: Vec<_> = (0..65).map(|n| MemberId::new([n; 16])).collect();
    let cases = [
        (body(SpaceKind::Shared, team, &[me, unknown], &key), Code::NoSuchMember),
        (body(SpaceKind::Shared, team, &[amy], &key), Code::NotAllowed),
        (body(SpaceKind::Clinical, team, &[amy], &key), Code::NotAllowed),
        (body(SpaceKind::Clinical, team, &[me, amy], &key), Code::NotAllowed),
        (body(SpaceKind::Personal, SpaceOwner::Member(me), &[me, amy], &key), Code::NotAllowed),
        (body(SpaceKind::Care, SpaceOwner::Member(me), &[me, amy], &key), Code::NotAllowed),
        (body(SpaceKind::Personal, SpaceOwner::Member(amy), &[me, amy], &key), Code::NotAllowed),
        (body(SpaceKind::Personal, team, &[me], &key), Code::WrongSpace),
        (body(SpaceKind::Session, SpaceOwner::Member(me), &[me], &key), Code::WrongSpace),
        (body(SpaceKind::Operations, team, &[me], &key), Code::WrongSpace),
        (body(SpaceKind::Shared, team, &[], &key), Code::Malformed),
        (body(SpaceKind::Shared, team, &many, &key), Code::Malformed),
        (body(SpaceKind::Session, doc, &[me], &[0; 32]), Code::Malformed),
        (body(SpaceKind::Session, doc, &[me], b"short"), Code::Malformed),
    ];
    for (body, code) in cases {
        let envelope = scene.rogue.space(&scene.world, &body);
        scene.refused(&envelope, Verdict::RefusedFinal, code);
    }
    let sound = scene.rogue.space(&scene.world, &body(SpaceKind::Shared, team, &[me, amy], &key));
    let moved = Header { space: SpaceId::new([7; 16]), ..sound.header };
    let moved = scene.rogue.keys.sign_envelope(moved, sound.body);
    scene.refused(&moved, Verdict::RefusedFinal, Code::WrongSpace);
    let cleo = scene.world.member("cleo");
    for verdict in [Verdict::Stored, Verdict::RefusedFinal] {
        let clinical = body(SpaceKind::Clinical, team, &[me, cleo], &key);
        let clinical = scene.rogue.space(&scene.world, &clinical);
        assert_eq!(scene.rogue.push(&scene.world, &[clinical])[0].verdict, verdict);
    }
    scene.unharmed();
}

#[test]
fn a_console_or_station_device_moves_no_key_whatever_its_member_may_do() {
    let mut scene = scene_with(PolicyProfile::neutral(), &[Role::Coordinator], true);
    let mut devices = Vec::new();
    for class in [DeviceClass::Console, DeviceClass::Station] {
        let invitation = tests::hostile::invite(&mut scene.world, &[Role::Coordinator], false);
        let mut rng = ChaCha20Rng::seed_from_u64(class as u64);
        let keys = DeviceKeys::generate(&mut rng);
        let op = Op::Device {
            member: invitation.member,
            verify_key: keys.verify_key().into(),
            seal_key: keys.seal_key().into(),
            class,
        };
        let space = directory(&scene.world).space();
        let entry = scene.rogue.structure(&scene.world, Kind::Directory, space, to_cbor(&op));
        assert_eq!(scene.rogue.push(&scene.world, &[entry])[0].verdict, Verdict::Stored);
        scene.world.sync_all();
        devices.push((keys, invitation.member));
    }
    let fields = [("narrative", text("roof came down"))];
    scene.world.edit("cleo", scene.theirs, &fields);
    scene.world.sync_all();
    let clinical = {
        let database = rusqlite::Connection::open(scene.world.folder().join("relay.db")).unwrap();
        let find = "SELECT i.envelope FROM items i JOIN spaces s ON s.id = i.space
           WHERE s.kind = 11 AND i.seq = 1";
        let bytes: Vec<u8> = database.query_row(find, [], |row| row.get(0)).unwrap();
        Envelope::from_bytes(&bytes).unwrap()
    };
    let made: SpaceBody = from_cbor(&clinical.body).unwrap();
    let mut rogue = Rogue::enrol(&mut scene.world, 1, &[], false);
    for (keys, member) in devices {
        assert!(made.readers.contains(&member), "the member reads it, by another device");
        assert!(made.wraps.iter().all(|wrap| wrap.device != keys.device_id()));
        rogue.keys = keys;
        let space = clinical.header.space;
        for kind in [Kind::Reader, Kind::Epoch, Kind::Wrap, Kind::Sender] {
            let body = to_cbor(&ReaderBody { member: rogue.member, with_past: true });
            let envelope = rogue.structure(&scene.world, kind, space, body);
            let results = rogue.push(&scene.world, &[envelope]);
            assert_eq!(results[0].code, "not_allowed", "{kind:?}");
        }
    }
}

#[test]
fn requests_beyond_any_limit_are_refused_as_a_whole() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let mut refusal = |body: Vec<u8>| {
        let token = scene.rogue.token(&scene.world, &body);
        scene.world.relay.sync(&token, &body).unwrap_err().code
    };
    assert_eq!(refusal(vec![0; MAX_REQUEST + 1]), Code::TooLarge);
    let started = std::time::Instant::now();
    assert_eq!(refusal(pack(&vec![0; MAX_REQUEST_INFLATED + 1])), Code::TooLarge);
    assert_eq!(refusal(pack(&vec![0; 256 * 1024 * 1024])), Code::TooLarge);
    assert!(started.elapsed().as_secs() < 10);
    for garbage in [vec![], vec![0x9f; 1 << 20], vec![0x9b; 9], vec![0xff; 100]] {
        assert_eq!(refusal(pack(&garbage)), Code::Malformed);
    }
    let envelope = scene.incident("north");
    let mut batch = Batch::new();
    let packed = batch.pack(&envelope);
    let push = vec![packed; MAX_BATCH + 1];
    let (body, token) = scene.rogue.request(&scene.world, batch, push);
    assert_eq!(scene.world.relay.sync(&token, &body).unwrap_err().code, Code::TooLarge);
    scene.unharmed();
}

#[test]
fn tens_of_thousands_of_cursors_do_not_keep_the_relay_busy() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let cursors: Vec<_> = (0..60_000_u64)
        .map(|n| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&n.to_be_bytes());
            Cursor { space: SpaceId::new(id), seq: n, chain: sync_core::ids::Chain::new([1; 32]) }
        })
        .collect();
    let request = SyncRequest {
        team: directory(&scene.world).team(),
        device: scene.rogue.device(),
        now: scene.world.now(),
        digest: [0; 16].into(),
        cursors: Some(Cursors(cursors.clone())),
        high: cursors,
        batch: Batch::new(),
        push: Vec::new(),
        max_bytes: u32::MAX,
        invites: Vec::new(),
    };
    let (body, token) = scene.rogue.sealed_request(&scene.world, &request);
    let started = std::time::Instant::now();
    let answer = scene.world.relay.sync(&token, &body);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    drop(answer);
    scene.unharmed();
}

#[test]
fn costly_changes_keep_the_writer_busy_for_a_bounded_time_and_the_rest_is_sent_again() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let place = (scene.operations, scene.doc());
    let mut saved: Option<Vec<u8>> = None;
    // A document near its largest size, of labels that no crew has.
    for n in 0..5 {
        let labels: Vec<_> = (0..1_200)
            .map(|m| FieldOp::Put(format!("units.{n:04}{m:028}"), Scalar::Bool(true)))
            .collect();
        let edit = Edit::Fields(&labels);
        let base = saved.as_deref();
        let change = scene.rogue.change(&scene.world, place, incident_part(), base, &edit);
        let candidate =
            sync_core::gates::Candidate { header: &change.header, change: &change.body };
        let admission = sync_core::gates::admit_changes(base, incident_part(), &[candidate]);
        let Some(document) = admission.document.filter(|_| admission.results[0].is_ok()) else {
            break;
        };
        saved = Some(document.saved);
        let result = &scene.rogue.push(&scene.world, &[change])[0];
        assert_eq!(result.verdict, Verdict::Stored, "{result:?}");
    }
    let saved = saved.unwrap();
    assert!(saved.len() > 120_000, "{}", saved.len());
    let edit = [FieldOp::Put("severity".into(), Scalar::Int(9))];
    let envelopes: Vec<_> = (0..120)
        .map(|_| {
            let edit = Edit::Fields(&edit);
            scene.rogue.change(&scene.world, place, incident_part(), Some(&saved), &edit)
        })
        .collect();
    let results = scene.rogue.push(&scene.world, &envelopes);
    let aside = results.iter().filter(|r| r.verdict == Verdict::Quarantined).count();
    let later = results.iter().filter(|r| r.verdict == Verdict::RefusedRetry).count();
    assert!(aside > 10 && later > 10 && aside + later == 120, "{aside} {later}");
    let again = scene.rogue.push(&scene.world, &envelopes);
    let again = again.iter().filter(|r| r.verdict == Verdict::Quarantined).count();
    assert!(again > aside, "it goes on where it stopped");
    scene.unharmed();
}

#[test]
fn a_session_space_of_a_strangers_making_gets_no_word_before_its_readers_changed_the_key() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let id = scene.world.record("cleo", "intervention", &[("kind", text("defusing"))]);
    let amy = scene.world.member("amy");
    scene.world.sync_all();
    // Made for amy by somebody who keeps the key to themselves.
    let body = SpaceBody {
        kind: SpaceKind::Session as u8,
        owner: SpaceOwner::Doc(id),
        readers: vec![amy],
        suite: Suite::X25519,
        epoch_key: scene.rogue.keys.seal_key().to_vec().into(),
        wraps: vec![],
    };
    let trap = scene.rogue.space(&scene.world, &body);
    assert_eq!(
        scene.rogue.push(&scene.world, std::slice::from_ref(&trap))[0].verdict,
        Verdict::Stored
    );
    scene.world.sync_all();
    scene.world.on("cleo", |phone, env| phone.assign(env, id, &[amy])).unwrap();
    scene.world.sync_all();
    scene.world.write("amy", id, "exploration", 0, "in confidence");
    let (body, _) = scene.world.request("amy");
    let request: SyncRequest = from_cbor(&tests::unpack(&body)).unwrap();
    for packed in &request.push {
        let envelope = request.batch.unpack(packed).unwrap();
        assert_ne!(envelope.header.space, trap.header.space, "{:?}", envelope.header.kind);
    }
    scene.world.sync_all();
    assert_eq!(scene.world.phase("amy", id, "defusing.exploration"), "in confidence");
}

#[test]
fn one_device_cannot_split_a_document_until_nobody_may_write_to_it() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let (_, _, saved) =
        scene.world.on("amy", |phone, _| phone.drill_document(scene.theirs)).unwrap().unwrap();
    let place = (scene.operations, scene.theirs);
    let mut envelopes = Vec::new();
    for actor_no in 0..256_u16 {
        let header =
            scene.rogue.document(&scene.world, Kind::Change, place.0, place.1, incident_part());
        let header = Header { actor_no, ..header };
        let edit = [FieldOp::Put("personnel_exposed".into(), Scalar::Int(i64::from(actor_no) + 1))];
        let change =
            doc::author(Some(&saved), incident_part(), header.actor(), &Edit::Fields(&edit));
        envelopes.push(scene.rogue.keys.sign_envelope(header, change.unwrap().unwrap()));
    }
    let results = scene.rogue.push(&scene.world, &envelopes);
    let stored = results.iter().filter(|result| result.verdict == Verdict::Stored).count();
    assert_eq!(stored, 1, "the rest do not build on it");
    scene.world.sync_all();
    scene.before = state(&mut scene.world);
    scene.unharmed();
}

#[test]
fn keys_of_another_phone_in_an_answer_to_an_invitation_do_not_take_its_place() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let invitation = tests::hostile::invite(&mut scene.world, &[Role::PeerSupporter], false);
    let amy = scene.world.member("amy");
    let listed = {
        let device = directory(&scene.world).devices_of(amy).next().unwrap();
        (device.id, *device.verify_key, *device.seal_key)
    };
    let own = DeviceKeys::generate(&mut scene.rogue.rng);
    answer_invitation(&mut scene.world, &invitation, listed.1, own.seal_key());
    // An honest relay passes no listed key on; one that is in league with the invited member does.
    lie(&mut scene.world, "admin", |response| {
        response.pending = vec![PendingEnrolment {
            lookup: invite::lookup(&invitation.secret),
            verify_key: listed.1.into(),
            seal_key: own.seal_key().into(),
            mac: invite::bind(&invitation.secret, invitation.team, &listed.1, &own.seal_key()),
        }];
    })
    .unwrap();
    scene.world.sync("admin");
    let directory_now = directory(&scene.world);
    let device = directory_now.device(&listed.0).unwrap();
    assert_eq!((device.member, *device.seal_key), (amy, listed.2), "amy's phone is amy's");
    scene.world.on("admin", |phone, _| assert!(phone.status().unwrap().pending == 0));
    scene.world.edit("amy", scene.theirs, &[("severity", Value::Int(4))]);
    scene.world.sync_all();
    assert_eq!(scene.world.shown("cleo", scene.theirs, "severity"), Some(Value::Int(4)));
}

/// A space the rogue shares with amy, stored by the relay.
fn shared_with_amy(scene: &mut Scene) -> tests::hostile::Keyed {
    let readers = [scene.rogue.member, scene.world.member("amy")];
    let (keyed, made) =
        scene.rogue.keyed_space(&scene.world, SpaceKind::Shared, SpaceOwner::Team, &readers);
    let results = scene.rogue.push(&scene.world, &made);
    assert!(results.iter().all(|result| result.verdict == Verdict::Stored), "{results:?}");
    keyed
}

fn check_in(zone: &str) -> Vec<FieldOp> {
    vec![FieldOp::Put("zone".into(), Scalar::Str(zone.into()))]
}

#[test]
fn a_document_that_repeats_anothers_id_in_its_own_space_does_not_take_its_place() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let keyed = shared_with_amy(&mut scene);
    let zone = check_in("ill");
    let double = scene.rogue.sealed(&scene.world, &keyed, scene.theirs, part(50), |actor| {
        doc::author(None, part(50), actor, &Edit::Fields(&zone)).unwrap().unwrap()
    });
    assert_eq!(scene.rogue.push(&scene.world, &[double])[0].verdict, Verdict::Stored);
    scene.world.sync_all();
    let record = scene.world.on("amy", |phone, _| phone.show(scene.theirs)).unwrap();
    assert_eq!((record.kind, record.space), ("incident", scene.operations));
    scene.unharmed();
}

#[test]
fn sealed_garbage_and_sealed_hostile_changes_are_set_aside_and_readers_go_on() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let keyed = shared_with_amy(&mut scene);
    let world = &scene.world;
    let zone = check_in("ill");
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let sound = |actor| doc::author(None, part(50), actor, &Edit::Fields(&zone)).unwrap().unwrap();
    let mut push = Vec::new();
    // Random bytes; a compressed chunk; a hundred mutated changes; a value the record does not take; broken seals.
    push.push(scene.rogue.sealed(world, &keyed, DocId::new([1; 16]), part(50), |_| vec![9; 300]));
    push.push(scene.rogue.sealed(world, &keyed, DocId::new([2; 16]), part(50), |actor| {
        let mut parts = forge::Parts::read(&sound(actor));
        parts.chunk_type = 2;
        parts.write()
    }));
    for n in 0..100_u8 {
        let doc = DocId::new([100 + n; 16]);
        let mutated = scene
            .rogue
            .sealed(world, &keyed, doc, part(50), |actor| mutate(&sound(actor), &mut rng));
        push.push(mutated);
    }
    let outside = check_in("not a zone");
    push.push(scene.rogue.sealed(world, &keyed, DocId::new([3; 16]), part(50), |actor| {
        doc::author(None, part(50), actor, &Edit::Fields(&outside)).unwrap().unwrap()
    }));
    for at in [0, 100] {
        let whole = scene.rogue.sealed(world, &keyed, DocId::new([4; 16]), part(50), sound);
        let mut body: SealedBody = from_cbor(&whole.body).unwrap();
        body.ciphertext[at] ^= 1;
        push.push(scene.rogue.keys.sign_envelope(whole.header, to_cbor(&body)));
    }
    // Keys that never come.
    let orphan = scene.rogue.sealed(world, &keyed, DocId::new([5; 16]), part(50), sound);
    let mut body: SealedBody = from_cbor(&orphan.body).unwrap();
    body.wrapped_dek = None;
    push.push(scene.rogue.keys.sign_envelope(orphan.header, to_cbor(&body)));
    let good = DocId::new([6; 16]);
    push.push(scene.rogue.sealed(world, &keyed, good, part(50), sound));
    let results = scene.rogue.push(world, &push);
    assert!(results.iter().all(|result| result.verdict == Verdict::Stored), "{results:?}");
    let shapeless = scene.rogue.document(&scene.world, Kind::Sealed, keyed.space, good, part(50));
    let shapeless = scene.rogue.keys.sign_envelope(shapeless, b"no sealed body".to_vec());
    scene.refused(&shapeless, Verdict::Quarantined, Code::Malformed);

    scene.world.sync_all();
    assert_eq!(scene.world.shown("amy", good, "zone"), Some(text("ill")));
    let drafts = scene.world.on("amy", |phone, _| phone.drafts()).unwrap();
    assert!(drafts.len() > 50, "{}", drafts.len());
    assert!(drafts.iter().all(|draft| !draft.own && draft.values.is_empty()));
    for code in [Code::HostileChange, Code::Compressed, Code::SchemaViolation, Code::SealBroken] {
        assert!(drafts.iter().any(|draft| draft.code == code), "{code}");
    }
    assert_eq!(alarms(&mut scene.world, "amy"), []);
    // Amy shares something of her own in the same space, and the incident goes on.
    let own = scene.world.record("amy", "check_in", &[("zone", text("ready"))]);
    let with = scene.rogue.member;
    scene.world.on("amy", |phone, env| phone.share(env, own, &[with], false)).unwrap();
    scene.world.edit("amy", scene.theirs, &[("severity", Value::Int(5))]);
    scene.world.sync_all();
    assert_eq!(scene.world.on("amy", |phone, _| phone.status()).unwrap().pending, 0);
    assert_eq!(scene.world.shown("cleo", scene.theirs, "severity"), Some(Value::Int(5)));
}

#[test]
fn a_reader_who_floods_a_space_with_keys_is_stopped_and_the_others_write_on() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let keyed = shared_with_amy(&mut scene);
    let junk: Vec<EpochId> = (0..3_000_u16)
        .map(|n| {
            let mut id = [0; 16];
            id[..2].copy_from_slice(&n.to_be_bytes());
            EpochId::new(id)
        })
        .collect();
    let mut epoch = |key: &[u8], replaces: &[EpochId]| {
        let body = to_cbor(&EpochBody {
            suite: Suite::X25519,
            epoch_key: key.to_vec().into(),
            replaces: replaces.to_vec(),
            wraps: vec![],
        });
        scene.rogue.structure(&scene.world, Kind::Epoch, keyed.space, body)
    };
    let bad: Vec<_> = [&[0; 32][..], b"", b"short"].iter().map(|key| epoch(key, &[])).collect();
    let key = DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(1)).seal_key();
    let many: Vec<_> = (0..300).map(|n| epoch(&key, if n < 20 { &junk } else { &[] })).collect();
    let results = scene.rogue.push(&scene.world, &bad);
    assert!(results.iter().all(|result| result.code == "malformed"), "{results:?}");
    let results: Vec<PushResult> =
        many.chunks(100).flat_map(|some| scene.rogue.push(&scene.world, some)).collect();
    let stored = results.iter().filter(|result| result.verdict == Verdict::Stored).count();
    assert_eq!(stored, limits::MAX_EPOCHS - 1);
    assert!(results.iter().skip(stored).all(|result| result.code == "too_large"));
    let started = std::time::Instant::now();
    scene.world.sync_all();
    let own = scene.world.record("amy", "check_in", &[("zone", text("ready"))]);
    let with = scene.rogue.member;
    scene.world.on("amy", |phone, env| phone.share(env, own, &[with], false)).unwrap();
    scene.world.sync_all();
    assert!(started.elapsed().as_secs() < 30);
    assert_eq!(scene.world.on("amy", |phone, _| phone.status()).unwrap().pending, 0);
    scene.unharmed();
}
