//! A phone whose person is away, gone or forced: what it still does without reading, and what is left of it.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::Path;

use sync_core::engine::{
    EngineError, GRACE_LOCK_MS, GRACE_WARN_MS, Store, TRIES_ALLOWED, Table, TextEdit, Uptime,
};
use sync_core::ids::DocId;
use sync_core::protocol::{Code, Timestamp};
use sync_core::records::{PolicyProfile, Role, Value};
use sync_core::store::{MemoryStore, Person, SqliteStore};
use tests::failing::{FailingStore, Fault, Faults, rows, survive};
use tests::{World, form, text};

const CANARY: &str = "the stair gave way under him";
const CANARY_NOTE: &str = "we pulled back in time";
const PHASE: &str = "defusing.exploration";
const KEY: [u8; 32] = [5; 32];
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Amy and Bo lead a defusing whose note both have typed into; Amy has a check-in of her own.
struct Scene {
    world: World,
    store: MemoryStore,
    faults: Faults,
    defusing: DocId,
    check_in: DocId,
}

impl Scene {
    fn new() -> Scene {
        let (store, faults) = (MemoryStore::new(), Faults::default());
        let mut world = World::new(5, PolicyProfile::neutral());
        let failing = FailingStore::new(Box::new(store.clone()), &faults);
        world.join_on("amy", &[Role::PeerSupporter], Box::new(failing));
        world.join("bo", &[Role::FacilitatorMhp]);
        let (defusing, check_in) = recorded(&mut world);
        Scene { world, store, faults, defusing, check_in }
    }

    /// The phone's process ends; nobody is there when it starts again.
    fn reopen_locked(&mut self) {
        let (store, faults) = (self.store.clone(), self.faults.clone());
        let open = || FailingStore::new(Box::new(store), &faults);
        self.world.reopen_locked("amy", || Box::new(open()));
    }

    fn unlock(&mut self) -> Result<(), EngineError> {
        self.world.on("amy", |phone, env| phone.unlock(env))
    }

    fn observe(&mut self, boot: u8, uptime_ms: u64) {
        let seen = Uptime { boot_id: [boot; 16], uptime_ms };
        self.world.on("amy", |phone, _| phone.observe_uptime(&seen)).unwrap();
    }

    fn alarms(&mut self) -> Vec<Code> {
        let alarms = self.world.on("amy", |phone, _| phone.alarms()).unwrap();
        alarms.into_iter().map(|alarm| alarm.code).collect()
    }

    fn outbox(&mut self) -> usize {
        self.world.on("amy", |phone, _| phone.outbox()).unwrap().len()
    }

    fn note(&mut self, name: &str) -> String {
        all_notes(&mut self.world, name, self.defusing)
    }

    fn write(&mut self, name: &str, at: usize, insert: &str) -> Result<(), EngineError> {
        let edit = TextEdit { at, delete: 0, insert: insert.into() };
        let defusing = self.defusing;
        self.world.on(name, |phone, env| phone.write(env, defusing, "exploration", &edit))
    }

    fn shows(&mut self, record: DocId) -> bool {
        self.world.shown("amy", record, "text").is_some()
    }
}

fn recorded(world: &mut World) -> (DocId, DocId) {
    let defusing = world.record("amy", "intervention", &[("kind", text("defusing"))]);
    let leads = [world.member("amy"), world.member("bo")];
    world.sync("amy");
    world.on("amy", |phone, env| phone.assign(env, defusing, &leads)).unwrap();
    world.sync_all();
    world.write("amy", defusing, "exploration", 0, CANARY_NOTE);
    let fields = [("zone", text("reacting")), ("text", text(CANARY))];
    let check_in = world.record("amy", "check_in", &fields);
    world.sync_all();
    (defusing, check_in)
}

fn all_notes(world: &mut World, name: &str, defusing: DocId) -> String {
    let notes = world.on(name, |phone, _| phone.notes(defusing)).unwrap();
    let texts = notes.iter().filter_map(|note| note.phases.get(PHASE).cloned());
    texts.collect::<Vec<_>>().join("\n")
}

fn contact(world: &mut World, name: &str) -> DocId {
    let fields = form(&[
        ("started_at", text("2026-03-01T17:12:00Z")),
        ("duration_min", Value::Int(25)),
        ("mode", text("phone")),
        ("issues", tests::set(&["grief"])),
    ]);
    world.on(name, |phone, env| phone.record(env, "peer_contact", &fields)).unwrap()
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

#[test]
fn a_locked_phone_syncs_lists_what_is_open_and_shows_the_sealed_as_locked() {
    let mut scene = Scene::new();
    scene.reopen_locked();
    let fields =
        [("type", tests::set(&["disaster"])), ("occurred_end", text("2026-03-01T12:00:00Z"))];
    let incident = scene.world.record("bo", "incident", &fields);
    scene.write("bo", 0, "Bo: it was loud. ").unwrap();
    scene.world.sync("bo");
    let mine = scene.world.record("amy", "incident", &fields);
    let (_, moved) = scene.world.sync("amy");
    assert!(moved > 2, "both ways, with nobody there");
    assert!(scene.world.on("amy", |phone, _| phone.show(incident)).is_ok());
    scene.world.sync("bo");
    assert!(scene.world.on("bo", |phone, _| phone.show(mine)).is_ok());

    let check_in = scene.check_in;
    let view = scene.world.on("amy", |phone, _| phone.show(check_in)).unwrap();
    assert!(view.fields.is_empty() && view.unreadable == ["check_in"], "{view:?}");
    assert_eq!(view.shut, Some(Code::Locked));
    let defusing = scene.defusing;
    let notes = scene.world.on("amy", |phone, _| phone.notes(defusing)).unwrap();
    assert!(notes.iter().all(|note| note.unreadable && note.shut == Some(Code::Locked)));
    assert_eq!(scene.world.on("amy", |phone, _| phone.status()).unwrap().shut, Some(Code::Locked));
    // An urgent check-in and the numbers ask for nobody.
    assert!(!scene.world.on("amy", |phone, _| phone.crisis_numbers()).unwrap().is_empty());
    scene.world.record(
        "amy",
        "check_in",
        &[("zone", text("ill")), ("wants_contact", text("urgent"))],
    );

    scene.unlock().unwrap();
    assert!(scene.shows(check_in));
    assert_eq!(scene.note("amy"), scene.note("bo"), "what came while locked opened");
    assert!(scene.note("amy").contains("Bo: it was loud."));
}

#[test]
fn a_session_that_was_shared_while_the_phone_was_locked_opens_when_it_is_unlocked() {
    let mut scene = Scene::new();
    scene.world.on("amy", |phone, _| phone.lock());
    let other = scene.world.record("bo", "intervention", &[("kind", text("cisd"))]);
    let leads = [scene.world.member("amy"), scene.world.member("bo")];
    scene.world.on("bo", |phone, env| phone.assign(env, other, &leads)).unwrap();
    scene.world.write("bo", other, "fact", 0, "as it was");
    scene.world.sync_all();
    assert_eq!(scene.world.phase("amy", other, "cisd.fact"), "");
    scene.reopen_locked();
    scene.unlock().unwrap();
    assert_eq!(scene.world.phase("amy", other, "cisd.fact"), "as it was");
    scene.world.write("amy", other, "fact", 0, "Amy: yes, ");
    scene.world.sync_all();
    assert_eq!(scene.world.phase("bo", other, "cisd.fact"), "Amy: yes, as it was");
}

#[test]
fn what_is_recorded_while_locked_reaches_readers_and_its_author_after_unlocking() {
    let mut scene = Scene::new();
    scene.reopen_locked();
    scene.write("amy", 0, "late: he asked for me").unwrap();
    scene.write("amy", 0, "later: he is home").unwrap();
    let contact = contact(&mut scene.world, "amy");
    let check_in = scene.world.record("amy", "check_in", &[("zone", text("ready"))]);
    let shown = |scene: &mut Scene| scene.world.shown("amy", contact, "issues");
    assert!(shown(&mut scene).is_none(), "a locked phone does not read its own words back");
    scene.world.sync_all();
    for late in ["late: he asked for me", "later: he is home"] {
        assert!(scene.note("bo").contains(late), "{}", scene.note("bo"));
    }
    scene.unlock().unwrap();
    assert_eq!(scene.note("amy"), scene.note("bo"));
    assert!(shown(&mut scene).is_some());
    assert_eq!(scene.world.shown("amy", check_in, "zone"), Some(text("ready")));
    // Under the sender keys of the locked time and of the time before, everything goes on.
    scene.write("amy", 0, "unlocked again. ").unwrap();
    scene.world.sync_all();
    assert!(scene.note("bo").contains("unlocked again. "));
    assert_eq!(scene.world.on("bo", |phone, _| phone.drafts()).unwrap().len(), 0);
}

#[test]
fn editing_what_is_sealed_is_refused_while_locked_and_what_is_open_can_be_edited() {
    let mut scene = Scene::new();
    let fields =
        [("type", tests::set(&["disaster"])), ("occurred_end", text("2026-03-01T12:00:00Z"))];
    let incident = scene.world.record("amy", "incident", &fields);
    scene.world.on("amy", |phone, _| phone.lock());
    let before = rows(&mut scene.store.clone());
    let (check_in, member) = (scene.check_in, scene.world.member("bo"));
    let zone = form(&[("zone", text("ready"))]);
    let refused = [
        scene.world.on("amy", |phone, env| phone.edit(env, check_in, &zone)),
        scene.write("amy", 3, "in the middle"),
        scene.world.on("amy", |phone, env| phone.share(env, check_in, &[member], true)).map(drop),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().code(), Code::Locked);
    }
    assert!(rows(&mut scene.store.clone()) == before, "a refusal leaves nothing behind");
    scene.world.edit("amy", incident, &[("severity", Value::Int(4))]);
    assert_eq!(scene.world.shown("amy", incident, "severity"), Some(Value::Int(4)));
}

#[test]
fn with_the_database_key_alone_no_sealed_word_and_no_key_that_reads_is_found() {
    let mut scene = Scene::new();
    scene.world.on("amy", |phone, _| phone.lock());
    let all = rows(&mut scene.store.clone());
    assert!(all.iter().filter(|(table, ..)| *table == Table::Sealed).count() > 4);
    for (table, _, value) in &all {
        for word in [CANARY, CANARY_NOTE, "reacting"] {
            assert!(!holds(value, word), "{table:?} holds a sealed word");
        }
    }
    // The same rows open once the key of the person is there: the words were not simply absent.
    scene.unlock().unwrap();
    let check_in = scene.check_in;
    assert!(scene.shows(check_in) && scene.note("amy").contains(CANARY_NOTE));
}

/// Every byte of every file in a folder.
fn on_disk(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap();
    files.flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
}

#[test]
fn a_panic_on_a_real_file_leaves_no_sealed_row_keeps_the_outbox_and_a_late_note_reaches_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("phone.db");
    let open = || -> Box<dyn Store> { Box::new(SqliteStore::open(&path, &KEY).unwrap()) };
    let mut world = World::new(6, PolicyProfile::neutral());
    world.join_on("amy", &[Role::PeerSupporter], open());
    world.join("bo", &[Role::FacilitatorMhp]);
    let (defusing, check_in) = recorded(&mut world);
    world.write("amy", defusing, "exploration", 0, "unsent. ");
    let preview = world.on("amy", |phone, _| phone.panic_preview()).unwrap();
    assert!(!preview.is_recoverable() && preview.unsent > 0 && preview.only_here > 0);
    let before = world.on("amy", |phone, _| phone.outbox()).unwrap();
    world.on("amy", |phone, _| phone.panic()).unwrap();
    assert_eq!(world.on("amy", |phone, _| phone.outbox()).unwrap(), before);
    let error = world.on("amy", |phone, env| phone.unlock(env)).unwrap_err();
    assert_eq!(error.code(), Code::WriteOnly);
    world.reopen_locked("amy", open);
    let error = world.on("amy", |phone, env| phone.unlock(env)).unwrap_err();
    assert_eq!(error.code(), Code::WriteOnly);

    // Late, by a phone that reads nothing.
    world.write("amy", defusing, "exploration", 0, "late: after all that");
    let edit = TextEdit { at: 2, delete: 0, insert: "x".into() };
    let refused = world.on("amy", |phone, env| phone.write(env, defusing, "exploration", &edit));
    assert_eq!(refused.unwrap_err().code(), Code::WriteOnly);
    contact(&mut world, "amy");
    world.sync_all();
    let read = all_notes(&mut world, "bo", defusing);
    for word in ["unsent. ", CANARY_NOTE, "late: after all that"] {
        assert!(read.contains(word), "{read}");
    }
    assert_eq!(all_notes(&mut world, "amy", defusing), "");
    let view = world.on("amy", |phone, _| phone.show(check_in)).unwrap();
    assert_eq!((view.fields.len(), view.shut), (0, Some(Code::WriteOnly)));

    // The file, opened with its own key, holds neither a sealed row nor the wrapped key; nor does its log.
    world.devices.remove("amy");
    let mut store = SqliteStore::open_existing(&path, &KEY).unwrap();
    let all = rows(&mut store);
    assert!(all.iter().all(|(table, ..)| *table != Table::Sealed), "a sealed row is left");
    assert!(all.iter().all(|(_, key, _)| key != b"reading_key"));
    assert!(all.iter().any(|(table, ..)| *table == Table::Envelopes));
    for (_, _, value) in &all {
        assert!([CANARY, CANARY_NOTE].iter().all(|word| !holds(value, word)));
    }
    drop(store);
    let bytes = on_disk(folder.path());
    assert!([CANARY, CANARY_NOTE].iter().all(|word| !holds(&bytes, word)));
}

#[test]
fn a_phone_that_dies_at_any_write_of_a_panic_or_of_an_unlock_is_whole_and_can_do_it_again() {
    for fault in [Fault::DieBefore, Fault::DieAfter, Fault::Full] {
        for at in 1..200 {
            let mut scene = Scene::new();
            scene.reopen_locked();
            scene.write("bo", 0, "Bo: it was loud. ").unwrap();
            scene.world.sync("bo");
            scene.write("amy", 0, "late").unwrap();
            scene.world.sync("amy");
            scene.faults.plan(fault, at);
            let survived = survive(|| scene.unlock().is_ok());
            let happened = scene.faults.end();
            if survived.is_none() {
                scene.reopen_locked();
            }
            // Writes of the count may have gone through, nothing else.
            assert_eq!(survived == Some(true), !happened, "write {at}");
            scene.unlock().unwrap();
            scene.world.sync_all();
            assert!(scene.note("amy").contains("late") && scene.note("amy").contains("loud"));
            assert_eq!(scene.note("amy"), scene.note("bo"));
            if !happened {
                assert!(at > 10);
                break;
            }
        }
    }
    for fault in [Fault::DieBefore, Fault::DieAfter, Fault::Full] {
        for at in 1..200 {
            let mut scene = Scene::new();
            scene.write("amy", 0, "unsent. ").unwrap();
            scene.faults.plan(fault, at);
            let outbox_before = 2;
            let survived = survive(|| scene.world.on("amy", |phone, _| phone.panic()).is_ok());
            let happened = scene.faults.end();
            if survived.is_none() {
                scene.reopen_locked();
            }
            let gone = rows(&mut scene.store.clone()).iter().all(|(t, ..)| *t != Table::Sealed);
            if !gone {
                // Nothing was erased, so it still opens.
                scene.unlock().unwrap();
                assert!(scene.note("amy").contains("unsent. "), "write {at}");
                scene.world.on("amy", |phone, _| phone.panic()).unwrap();
            }
            assert_eq!(scene.unlock().unwrap_err().code(), Code::WriteOnly);
            assert!(scene.outbox() < outbox_before && scene.outbox() > 0);
            scene.world.sync_all();
            assert!(scene.note("bo").contains("unsent. "));
            if !happened {
                assert!(at > 5);
                break;
            }
        }
    }
}

#[test]
fn no_wall_clock_ends_the_grace_and_thirty_days_switched_on_do() {
    let mut scene = Scene::new();
    scene.observe(1, 1_000);
    for years in [10, -10, 0] {
        scene.world.devices.get_mut("amy").unwrap().offset_ms = years * 365 * DAY_MS as i64;
        scene.observe(1, 2_000);
        scene.world.record("amy", "check_in", &[("zone", text("ready"))]);
    }
    assert!(scene.alarms().is_empty());
    // A reboot loses the time off, no more: uptime begins anew and adds up.
    scene.observe(2, GRACE_WARN_MS - 10 * DAY_MS);
    scene.observe(2, GRACE_WARN_MS - 5_000);
    assert!(scene.alarms().is_empty());
    scene.observe(3, 60_000);
    assert_eq!(scene.alarms(), [Code::GraceWarning]);
    let check_in = scene.check_in;
    assert!(scene.shows(check_in), "a warning takes nothing away");
    scene.observe(3, GRACE_LOCK_MS - GRACE_WARN_MS + 60_000);
    assert_eq!(scene.alarms(), [Code::WriteOnly]);
    assert!(!scene.shows(check_in));
    let waiting = scene.outbox();
    assert_eq!(scene.unlock().unwrap_err().code(), Code::WriteOnly);
    scene.reopen_locked();
    assert_eq!(scene.unlock().unwrap_err().code(), Code::WriteOnly);
    // Recording goes on and the outbox is whole; one contact ends it.
    scene.write("amy", 0, "late, on day 31").unwrap();
    assert!(scene.outbox() > waiting);
    scene.world.sync_all();
    assert!(scene.note("bo").contains("late, on day 31"));
    scene.unlock().unwrap();
    assert!(scene.shows(check_in) && scene.alarms().is_empty());
    assert!(scene.note("amy").contains("late, on day 31"));
}

#[test]
fn a_phone_that_never_met_its_relay_has_no_grace_to_lose() {
    let mut scene = Scene::new();
    let mut rng =
        <rand_chacha::ChaCha20Rng as rand_chacha::rand_core::SeedableRng>::seed_from_u64(1);
    let mut env = sync_core::engine::Env { now: Timestamp(0), rng: &mut rng };
    let admin = sync_core::engine::NewMember {
        name: None,
        roles: vec![Role::Coordinator],
        admin: true,
        ..sync_core::engine::NewMember::default()
    };
    let (store, vault) =
        (Box::new(MemoryStore::new()), Box::new(sync_core::store::MemoryVault::new()));
    let profile = PolicyProfile::neutral();
    let mut alone = sync_core::engine::Phone::create_team(
        store,
        vault,
        &mut env,
        tests::ORIGIN,
        profile,
        admin,
    )
    .unwrap();
    let grace = alone.observe_uptime(&Uptime { boot_id: [1; 16], uptime_ms: 2 * GRACE_LOCK_MS });
    assert!(!grace.unwrap().is_over() && alone.is_unlocked());
    // One that met it does.
    scene.observe(1, 2 * GRACE_LOCK_MS);
    assert!(!scene.world.on("amy", |phone, _| phone.is_unlocked()));
}

#[test]
fn wrong_tries_are_counted_before_they_are_made_delayed_and_end_at_the_tenth() {
    let mut scene = Scene::new();
    scene.write("amy", 0, "unsent. ").unwrap();
    scene.reopen_locked();
    let vault = scene.world.devices["amy"].vault.clone();
    // Turning it down is no try.
    vault.set_person(Person::Absent);
    for _ in 0..20 {
        assert_eq!(scene.unlock().unwrap_err().code(), Code::Locked);
    }
    vault.set_person(Person::Wrong);
    let (mut uptime, mut wrong, mut delays) = (1_000, 0, 0);
    scene.observe(1, uptime);
    while wrong < TRIES_ALLOWED - 1 {
        // Neither a restart nor a wall clock shortens the wait.
        scene.reopen_locked();
        scene.world.devices.get_mut("amy").unwrap().offset_ms += 365 * DAY_MS as i64;
        match scene.unlock().unwrap_err().code() {
            Code::WrongKey => wrong += 1,
            Code::UnlockDelayed => {
                delays += 1;
                uptime += 1_000;
                scene.observe(1, uptime);
            }
            other => panic!("{other}"),
        }
    }
    assert!((900..1_000).contains(&delays), "{delays} seconds before the ninth try");
    let waiting = scene.outbox();
    uptime += DAY_MS;
    scene.observe(1, uptime);
    assert_eq!(scene.unlock().unwrap_err().code(), Code::WriteOnly);
    vault.set_person(Person::Present);
    assert_eq!(scene.unlock().unwrap_err().code(), Code::WriteOnly, "destroyed, not locked");
    assert!(rows(&mut scene.store.clone()).iter().all(|(table, ..)| *table != Table::Sealed));
    assert_eq!(scene.outbox(), waiting);
    scene.world.sync_all();
    assert!(scene.note("bo").contains("unsent. "), "the sealed outbox left");
}

#[test]
fn a_right_try_starts_the_count_anew_and_a_death_after_counting_does_not() {
    let mut scene = Scene::new();
    scene.reopen_locked();
    let vault = scene.world.devices["amy"].vault.clone();
    for _ in 0..20 {
        vault.set_person(Person::Wrong);
        for _ in 0..2 {
            assert_eq!(scene.unlock().unwrap_err().code(), Code::WrongKey);
        }
        vault.set_person(Person::Present);
        scene.unlock().unwrap();
        scene.reopen_locked();
    }
    // The third write is the commit of the count: the process dies before the vault is asked.
    for death in 1..=3 {
        scene.faults.plan(Fault::DieAfter, 3);
        assert!(survive(|| scene.unlock()).is_none(), "death {death}");
        assert!(scene.faults.end());
        scene.reopen_locked();
    }
    assert_eq!(scene.unlock().unwrap_err().code(), Code::UnlockDelayed);
}

#[test]
fn a_lost_key_store_key_is_said_and_nothing_is_changed() {
    let mut scene = Scene::new();
    scene.reopen_locked();
    scene.world.devices["amy"].vault.set_person(Person::KeyLost);
    let sealed = |scene: &Scene| {
        let mut all = rows(&mut scene.store.clone());
        all.retain(|(table, key, _)| *table != Table::Meta || key == b"reading_key");
        all
    };
    let before = sealed(&scene);
    for _ in 0..20 {
        let error = scene.unlock().unwrap_err();
        assert_eq!(error.code(), Code::KeyLost);
        assert!(error.to_string().contains("recovery"), "{error}");
    }
    assert!(sealed(&scene) == before);
    // A key store that comes back, as after an update, finds everything as it was.
    scene.world.devices["amy"].vault.set_person(Person::Present);
    scene.unlock().unwrap();
    let check_in = scene.check_in;
    assert!(scene.shows(check_in));
}

#[test]
fn a_phone_nobody_touches_locks_itself_and_its_setting_asks_for_the_person_again() {
    let mut scene = Scene::new();
    let vault = scene.world.devices["amy"].vault.clone();
    assert!(!scene.world.on("amy", |phone, _| phone.idle_lock(119_999)).unwrap());
    assert!(scene.world.on("amy", |phone, _| phone.idle_lock(120_000)).unwrap());
    scene.unlock().unwrap();
    vault.set_person(Person::Absent);
    let set =
        |scene: &mut Scene, ms| scene.world.on("amy", |phone, env| phone.set_idle_lock(env, ms));
    assert_eq!(set(&mut scene, 30_000).unwrap_err().code(), Code::Locked);
    assert!(!scene.world.on("amy", |phone, _| phone.idle_lock(60_000)).unwrap(), "not set");
    vault.set_person(Person::Present);
    assert_eq!(set(&mut scene, 120_001).unwrap_err().code(), Code::BadValue);
    set(&mut scene, 30_000).unwrap();
    assert!(scene.world.on("amy", |phone, _| phone.idle_lock(30_000)).unwrap());
}
