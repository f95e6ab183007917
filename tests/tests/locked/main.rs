//! A phone whose person is away, gone or forced: what it still does without reading, and what is left of it.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod background;
mod panics;
mod tries;

use sync_core::engine::{EngineError, Table, TextEdit, Uptime};
use sync_core::ids::DocId;
use sync_core::protocol::Code;
use sync_core::records::{PolicyProfile, Role, Value};
use sync_core::store::MemoryStore;
use tests::failing::{FailingStore, Faults, rows};
use tests::{World, form, text};

const CANARY: &str = "the stair gave way under him";
const CANARY_NOTE: &str = "we pulled back in time";
const PHASE: &str = "defusing.exploration";
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
        let seen = Uptime { boot: boot.into(), ms: uptime_ms as i64 };
        self.world.on("amy", |phone, _| phone.observe_uptime(seen)).unwrap();
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
