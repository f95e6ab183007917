//! A phone that dies, or whose storage is full, at every single write of what it does: whatever it had
//! acknowledged is there afterwards, nothing is doubled, and nobody sees a trace of what was interrupted.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use sync_core::engine::{EngineError, Store, Table};
use sync_core::ids::DocId;
use sync_core::protocol::{Code, Envelope};
use sync_core::records::{PolicyProfile, Role, Value};
use sync_core::store::{MemoryStore, SqliteStore};
use tests::failing::{FailingStore, Fault, Faults, rows, survive};
use tests::{World, set, text};

/// More writes than anything here takes.
const MOST_WRITES: u64 = 400;
const KEY: [u8; 32] = [5; 32];
const PHASE: &str = "defusing.exploration";

/// Where a phone's data outlives the phone.
enum Disk {
    Memory(MemoryStore),
    File(PathBuf),
}

impl Disk {
    fn open(&self, faults: &Faults) -> Box<dyn Store> {
        let inner: Box<dyn Store> = match self {
            Disk::Memory(store) => Box::new(store.clone()),
            Disk::File(path) => Box::new(SqliteStore::open(path, &KEY).unwrap()),
        };
        Box::new(FailingStore::new(inner, faults))
    }
}

/// A defusing led by two; the phone of one of them suffers.
struct Scene {
    world: World,
    disk: Disk,
    faults: Faults,
    defusing: DocId,
    words: usize,
}

impl Scene {
    fn on(disk: Disk) -> Scene {
        let mut world = World::new(3, PolicyProfile::neutral());
        let faults = Faults::default();
        world.join_on("amy", &[Role::PeerSupporter], disk.open(&faults));
        world.join("bo", &[Role::FacilitatorMhp]);
        let defusing = world.record("amy", "intervention", &[("kind", text("defusing"))]);
        let leads = [world.member("amy"), world.member("bo")];
        world.sync("amy");
        world.on("amy", |phone, env| phone.assign(env, defusing, &leads)).unwrap();
        let mut scene = Scene { world, disk, faults, defusing, words: 0 };
        scene.world.sync_all();
        // Keys that a first use makes are there.
        for name in ["amy", "bo"] {
            scene.type_word(name).unwrap();
        }
        scene.contact().unwrap();
        scene.world.sync_all();
        scene
    }

    fn in_memory() -> Scene {
        Scene::on(Disk::Memory(MemoryStore::new()))
    }

    /// Does something that meets a fault. Returns its result, `None` if the phone died and was opened again.
    fn suffer<T>(
        &mut self,
        fault: Fault,
        at: u64,
        act: impl FnOnce(&mut Scene) -> T,
    ) -> (Option<T>, bool) {
        self.faults.plan(fault, at);
        let result = survive(|| act(self));
        let happened = self.faults.end();
        if result.is_none() {
            let Scene { world, disk, faults, .. } = self;
            world.reopen("amy", || disk.open(faults));
        }
        (result, happened)
    }

    fn type_word(&mut self, name: &str) -> Result<String, EngineError> {
        self.words += 1;
        let word = format!("<{name} {}>", self.words);
        let edit = sync_core::engine::TextEdit { at: 0, delete: 0, insert: word.clone() };
        let defusing = self.defusing;
        self.world
            .on(name, |phone, env| phone.write(env, defusing, "exploration", &edit))
            .map(|()| word)
    }

    fn contact(&mut self) -> Result<(), EngineError> {
        let fields = tests::form(&[
            ("started_at", text("2026-03-01T17:12:00Z")),
            ("duration_min", Value::Int(25)),
            ("mode", text("phone")),
            ("issues", set(&["grief"])),
        ]);
        self.world.on("amy", |phone, env| phone.record(env, "peer_contact", &fields)).map(drop)
    }

    fn contacts(&mut self) -> usize {
        self.world
            .on("amy", |phone, _| phone.list(Some("peer_contact"), None, 9_999))
            .unwrap()
            .len()
    }

    /// Each word that stands in the note, and how often.
    fn note(&mut self, name: &str) -> BTreeMap<String, usize> {
        let note = self.world.phase(name, self.defusing, PHASE);
        let mut words = BTreeMap::new();
        for word in note.split_inclusive('>') {
            *words.entry(word.to_owned()).or_default() += 1;
        }
        words
    }

    fn assert_calm(&mut self) {
        for name in ["admin", "amy", "bo"] {
            let (pending, drafts, alarms) = self.world.on(name, |phone, _| {
                (phone.status().unwrap().pending, phone.drafts().unwrap(), phone.alarms().unwrap())
            });
            assert_eq!(pending, 0, "{name} still has something to send");
            assert!(drafts.is_empty() && alarms.is_empty(), "{name} {drafts:?} {alarms:?}");
        }
    }

    /// Every envelope the phone holds has a number of its own.
    fn assert_numbers_are_used_once(&mut self) {
        let rows = match &self.disk {
            Disk::Memory(store) => rows(&mut store.clone()),
            Disk::File(_) => return,
        };
        let mut numbers = BTreeMap::new();
        for (_, id, bytes) in rows.iter().filter(|(table, _, _)| *table == Table::Envelopes) {
            let header = Envelope::from_bytes(bytes).unwrap().header;
            let number = (header.device, header.space, header.device_seq);
            let other = numbers.insert(number, id.clone());
            assert!(other.is_none(), "two envelopes of a device with one number in a space");
        }
        assert!(numbers.len() > 10);
    }
}

/// Dies at every write of an act. `count` tells how often what it does stands on the phone. Returns whether the
/// act survived each death.
fn die_at_every_write(
    scene: &mut Scene,
    fault: Fault,
    step: u64,
    act: impl Fn(&mut Scene),
    count: impl Fn(&mut Scene) -> usize,
) -> Vec<bool> {
    let mut survived = Vec::new();
    for at in (1..MOST_WRITES).step_by(step as usize) {
        let before = count(scene);
        let (result, happened) = scene.suffer(fault, at, &act);
        let after = count(scene);
        if !happened {
            assert!(result.is_some() && after == before + 1, "an undisturbed act is acknowledged");
            return survived;
        }
        assert!(result.is_none());
        assert!(after <= before + 1, "doubled at write {at}");
        survived.push(after > before);
    }
    panic!("an act has no end");
}

fn deaths_while_recording(mut scene: Scene, step: u64) {
    let contact = |scene: &mut Scene| scene.contact().unwrap();
    let word = |scene: &mut Scene| drop(scene.type_word("amy").unwrap());
    let words = |scene: &mut Scene| scene.note("amy").len();
    for fault in [Fault::DieBefore, Fault::DieAfter] {
        let lives = die_at_every_write(&mut scene, fault, step, contact, Scene::contacts);
        assert!(lives.len() as u64 * step > 10, "{lives:?}");
        if step == 1 {
            let (last, rest) = lives.split_last().unwrap();
            assert!(rest.iter().all(|lives| !lives), "half a record survived: {lives:?}");
            assert_eq!(*last, fault == Fault::DieAfter, "the last write is the commit");
        }
        die_at_every_write(&mut scene, fault, step, word, words);
        scene.world.sync("amy");
    }
    let (contacts, note) = (scene.contacts(), scene.note("amy"));
    scene.world.sync_all();
    scene.assert_calm();
    scene.assert_numbers_are_used_once();
    assert_eq!(scene.contacts(), contacts);
    assert_eq!(scene.note("bo"), note, "the other lead reads what survived");
    assert!(note.values().all(|times| *times == 1), "{note:?}");
    assert!(
        scene
            .world
            .on("bo", |phone, _| phone.list(Some("peer_contact"), None, 9))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_phone_that_dies_at_any_write_of_a_recording_has_all_of_it_or_none() {
    deaths_while_recording(Scene::in_memory(), 1);
}

#[test]
fn a_phone_on_an_encrypted_file_that_dies_while_recording_has_all_of_it_or_none() {
    let folder = tempfile::tempdir().unwrap();
    deaths_while_recording(Scene::on(Disk::File(folder.path().join("phone.db"))), 7);
}

/// Something of most kinds to send and to fetch: a directory entry, a roster record, words of both leads, an incident.
fn something_new(scene: &mut Scene) -> [String; 2] {
    let new = sync_core::engine::NewMember {
        name: Some("new".into()),
        roles: vec![Role::PeerSupporter],
        ..Default::default()
    };
    scene.world.on("admin", |phone, env| phone.add_member(env, new)).unwrap();
    scene.world.sync("admin");
    let fields = [("type", set(&["disaster"])), ("occurred_end", text("2026-03-01T12:00:00Z"))];
    scene.world.record("bo", "incident", &fields);
    let theirs = scene.type_word("bo").unwrap();
    scene.world.sync("bo");
    [theirs, scene.type_word("amy").unwrap()]
}

/// One exchange; the phone may fail in it.
fn exchange(scene: &mut Scene) -> Result<(), EngineError> {
    let (body, token) = scene.world.try_request("amy")?;
    let answer = scene.world.relay.sync(&token, &body).unwrap();
    scene.world.answer("amy", &body, &answer).map(drop)
}

fn incidents(scene: &mut Scene, name: &str) -> usize {
    scene.world.on(name, |phone, _| phone.list(Some("incident"), None, 9_999)).unwrap().len()
}

fn deaths_while_syncing(mut scene: Scene, step: u64) {
    let mut deaths = 0;
    for fault in [Fault::DieBefore, Fault::DieAfter] {
        for at in (1..MOST_WRITES).step_by(step as usize) {
            let words = something_new(&mut scene);
            let (result, happened) = scene.suffer(fault, at, |scene| exchange(scene).unwrap());
            assert_eq!(result.is_none(), happened);
            let note = scene.note("amy");
            assert_eq!(note.get(&words[1]), Some(&1), "an acknowledged word at write {at}");
            assert!(note.get(&words[0]).is_none_or(|times| *times == 1));
            scene.world.sync("amy");
            scene.world.sync("bo");
            for name in ["amy", "bo"] {
                let note = scene.note(name);
                assert!(
                    words.iter().all(|word| note.get(word) == Some(&1)),
                    "{name} at write {at}"
                );
            }
            assert_eq!(incidents(&mut scene, "amy"), incidents(&mut scene, "bo"));
            if !happened {
                break;
            }
            deaths += 1;
        }
    }
    assert!(deaths * step > 60, "only {deaths} deaths");
    scene.world.sync_all();
    scene.assert_calm();
    scene.assert_numbers_are_used_once();
    assert_eq!(scene.note("amy"), scene.note("bo"));
}

#[test]
fn a_phone_that_dies_at_any_write_of_an_exchange_loses_and_doubles_nothing() {
    deaths_while_syncing(Scene::in_memory(), 1);
}

#[test]
fn a_phone_on_an_encrypted_file_that_dies_in_an_exchange_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    deaths_while_syncing(Scene::on(Disk::File(folder.path().join("phone.db"))), 9);
}

/// Lets the storage be full at every write of an act, which must refuse with `store_failed` and change no row.
fn full_at_every_write<T>(
    scene: &mut Scene,
    mut act: impl FnMut(&mut Scene) -> Result<T, EngineError>,
) -> (T, u64) {
    let Disk::Memory(store) = &scene.disk else { panic!("compared in memory") };
    let mut store = store.clone();
    for at in 1..MOST_WRITES {
        let before = rows(&mut store);
        let (result, happened) = scene.suffer(Fault::Full, at, &mut act);
        match result.expect("nobody died") {
            Ok(value) => {
                assert!(!happened, "write {at} failed and nobody heard of it");
                return (value, at - 1);
            }
            Err(error) => {
                assert_eq!(error.code(), Code::StoreFailed, "write {at}");
                assert_eq!(rows(&mut store), before, "write {at} left something behind");
            }
        }
    }
    panic!("an act has no end");
}

#[test]
fn full_storage_refuses_a_recording_whole_and_the_phone_goes_on_when_there_is_room() {
    let mut scene = Scene::in_memory();
    let contacts = scene.contacts();
    let (_, writes) = full_at_every_write(&mut scene, Scene::contact);
    assert!(writes > 10);
    assert_eq!(scene.contacts(), contacts + 1);
    let (word, _) = full_at_every_write(&mut scene, |scene| scene.type_word("amy"));
    assert_eq!(scene.note("amy").get(&word), Some(&1));
    scene.world.sync_all();
    scene.assert_calm();
    scene.assert_numbers_are_used_once();
    assert_eq!(scene.note("bo"), scene.note("amy"));
}

#[test]
fn full_storage_leaves_a_phone_where_it_was_before_an_answer_and_the_answer_is_taken_later() {
    let mut scene = Scene::in_memory();
    let words = something_new(&mut scene);
    let session = scene.world.record("bo", "intervention", &[("kind", text("cisd"))]);
    let leads = [scene.world.member("amy"), scene.world.member("bo")];
    scene.world.on("bo", |phone, env| phone.assign(env, session, &leads)).unwrap();
    scene.world.write("bo", session, "fact", 0, "as it was");
    scene.world.sync("bo");
    let ((body, token), _) =
        full_at_every_write(&mut scene, |scene| scene.world.try_request("amy"));
    let answer = scene.world.relay.sync(&token, &body).unwrap();
    let directory = scene.world.on("amy", |phone, _| phone.status()).unwrap().directory_seq;
    let (_, writes) = full_at_every_write(&mut scene, |scene| {
        let now = scene.world.on("amy", |phone, _| phone.status()).unwrap().directory_seq;
        assert_eq!(now, directory, "the directory of a refused answer is not kept");
        scene.world.answer("amy", &body, &answer)
    });
    assert!(writes > 20, "{writes}");
    scene.world.sync_all();
    scene.assert_calm();
    for name in ["amy", "bo"] {
        let note = scene.note(name);
        assert!(words.iter().all(|word| note.get(word) == Some(&1)), "{name}");
    }
    assert_eq!(incidents(&mut scene, "amy"), incidents(&mut scene, "bo"));
    assert_eq!(scene.world.phase("amy", session, "cisd.fact"), "as it was");
}

#[test]
fn a_phone_that_dies_or_is_full_while_it_joins_joins_later() {
    for fault in [Fault::Full, Fault::DieBefore, Fault::DieAfter] {
        for at in 1..MOST_WRITES {
            let mut world = World::new(4, PolicyProfile::neutral());
            let invitation = world.invite("eli", &[Role::Responder]);
            let (store, faults) = (MemoryStore::new(), Faults::default());
            let open = || -> Box<dyn Store> {
                Box::new(FailingStore::new(Box::new(store.clone()), &faults))
            };
            world.begin_to_join("eli", open(), &invitation).unwrap();
            assert!(!world.ask_to_join("eli").unwrap());
            world.sync("admin");
            let before = rows(&mut store.clone());
            faults.plan(fault, at);
            let result = survive(|| world.ask_to_join("eli"));
            let happened = faults.end();
            match result {
                Some(Ok(joined)) => assert!(joined && !happened),
                Some(Err(error)) => {
                    assert_eq!(error.code(), Code::StoreFailed);
                    assert!(rows(&mut store.clone()) == before, "write {at} left something behind");
                }
                None => world.reopen("eli", open),
            }
            if !world.on("eli", |phone, _| phone.status()).unwrap().enrolled {
                assert!(world.ask_to_join("eli").unwrap());
            }
            let id = world.record("eli", "check_in", &[("zone", text("ready"))]);
            world.on("eli", |phone, _| phone.set_backup(true)).unwrap();
            world.sync_all();
            assert!(
                world.on("eli", |phone, _| phone.show(id)).unwrap().stored,
                "{}",
                world.troubles()
            );
            if !happened {
                assert!(at > 4);
                break;
            }
        }
    }
}
