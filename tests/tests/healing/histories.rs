//! Random histories: people work, a backup is taken somewhere, the relay is lost somewhere, phones return in any
//! order. Whatever was acknowledged before the loss is everywhere afterwards.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tests::often;

use super::*;

const NAMES: [&str; 5] = ["admin", "amy", "bo", "cleo", "dee"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    Restored { confirm: bool },
    CopiedBack,
    Wiped,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Incident,
    Contact,
    Edit,
    Session,
    Write,
    CheckIn,
    Sync,
    Wait,
}

const ACTS: [Act; 12] = [
    Act::Incident,
    Act::Contact,
    Act::Edit,
    Act::Edit,
    Act::Session,
    Act::Write,
    Act::Write,
    Act::CheckIn,
    Act::Sync,
    Act::Sync,
    Act::Sync,
    Act::Wait,
];

struct History {
    world: World,
    rng: ChaCha20Rng,
    incidents: Vec<DocId>,
    sessions: Vec<DocId>,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed, PolicyProfile::neutral());
        world.join("amy", &[Role::PeerSupporter]);
        world.join("bo", &[Role::FacilitatorMhp]);
        world.join("cleo", &[Role::Coordinator]);
        world.join("dee", &[Role::Responder]);
        world.sync_all();
        let rng = ChaCha20Rng::seed_from_u64(seed ^ 0x5eed);
        Self { world, rng, incidents: Vec::new(), sessions: Vec::new() }
    }

    fn below(&mut self, end: usize) -> usize {
        (self.rng.next_u64() % end as u64) as usize
    }

    fn staff(&mut self) -> &'static str {
        NAMES[1 + self.below(3)]
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Incident => {
                let (name, severity) = (self.staff(), 1 + self.below(5) as i64);
                let id = incident(&mut self.world, name, severity);
                self.incidents.push(id);
            }
            Act::Contact => {
                contact(&mut self.world, "amy");
            }
            Act::Edit => {
                let Some(id) = self.one_of(self.incidents.clone()) else { return };
                let (name, severity) = (self.staff(), 1 + self.below(5) as i64);
                let fields = tests::form(&[("severity", Value::Int(severity))]);
                // Whoever has not got it yet edits nothing.
                let _ = self.world.on(name, |phone, env| phone.edit(env, id, &fields));
            }
            Act::Session => {
                let kind = [("kind", text("defusing"))];
                let id = self.world.record("cleo", "intervention", &kind);
                let leads = [self.world.member("amy"), self.world.member("bo")];
                self.world.on("cleo", |phone, env| phone.assign(env, id, &leads)).unwrap();
                self.sessions.push(id);
            }
            Act::Write => {
                let Some(id) = self.one_of(self.sessions.clone()) else { return };
                let name = NAMES[1 + self.below(2)];
                let insert = format!("<{}>", self.below(10_000));
                let edit = sync_core::engine::TextEdit { at: 0, delete: 0, insert };
                let _ =
                    self.world.on(name, |phone, env| phone.write(env, id, "exploration", &edit));
            }
            Act::CheckIn => {
                let bo = self.world.member("bo");
                let id = self.world.record("dee", "check_in", &[("zone", text("injured"))]);
                let _ = self.world.on("dee", |phone, env| phone.share(env, id, &[bo], false));
            }
            Act::Sync => {
                let name = NAMES[self.below(NAMES.len())];
                self.world.sync(name);
            }
            Act::Wait => self.world.wait_minutes(60 * 7),
        }
    }

    fn one_of(&mut self, ids: Vec<DocId>) -> Option<DocId> {
        if ids.is_empty() { None } else { Some(ids[self.below(ids.len())]) }
    }

    fn work(&mut self, count: usize) {
        for _ in 0..count {
            let act = ACTS[self.below(ACTS.len())];
            self.act(act);
        }
    }

    fn lose(&mut self, loss: Loss, backup: &tests::loss::Backup) {
        match loss {
            Loss::Restored { confirm } => self.world.restore(backup, confirm),
            Loss::CopiedBack => self.world.copy_back(backup),
            Loss::Wiped => self.world.wipe(),
        }
    }

    /// Phones return in random order, some several times, recording in between.
    fn return_in_any_order(&mut self, loss: Loss) {
        let mut listed = loss != Loss::Wiped;
        for _ in 0..12 {
            let name = NAMES[self.below(NAMES.len())];
            if name == "admin" && !listed {
                self.world.list_relay();
                listed = true;
            }
            self.world.sync(name);
            if self.below(3) == 0 {
                self.work(1);
            }
        }
        if !listed {
            self.world.list_relay();
        }
        // Held back, told and rebuilt: some rounds until nobody has anything left.
        for _ in 0..3 {
            self.world.sync_all();
        }
    }

    fn acknowledged(&mut self) -> BTreeSet<Vec<u8>> {
        log(&self.world).into_keys().collect()
    }

    fn check(&mut self, acknowledged: &BTreeSet<Vec<u8>>) {
        let here = self.acknowledged();
        let lost: Vec<_> = acknowledged.difference(&here).collect();
        assert!(lost.is_empty(), "{} acknowledged items are gone", lost.len());
        let mut known: DocumentHeads = DocumentHeads::new();
        for name in NAMES {
            assert_eq!(pending(&mut self.world, name), 0, "{name}: {}", self.world.troubles());
            let drafts = self.world.on(name, |phone, _| phone.drafts()).unwrap();
            assert!(drafts.is_empty(), "{name}: {drafts:?}");
            let held = heads(&mut self.world, name);
            for (place, heads) in &held {
                let other = known.entry(*place).or_insert_with(|| heads.clone());
                assert_eq!(other, heads, "{name} has other heads of a document");
            }
            let made = self.world.on(name, |phone, _| phone.rebuild()).unwrap();
            assert_eq!(made, held.len() as u64);
            assert_eq!(heads(&mut self.world, name), held, "{name}: a rebuild shows the same");
        }
        self.relay_shows_what_phones_have(&known);
        for name in ["amy", "bo", "cleo"] {
            for id in &self.incidents {
                let shown = self.world.on(name, |phone, _| phone.show(*id)).is_ok();
                assert!(shown, "{name} lacks an incident: {}", self.world.troubles());
            }
        }
        for id in self.sessions.clone() {
            let [amy, bo] =
                ["amy", "bo"].map(|name| self.world.on(name, |phone, _| phone.notes(id)).unwrap());
            let phases = |notes: Vec<sync_core::engine::NoteView>| -> Vec<_> {
                notes.into_iter().map(|note| (note.space, note.phases, note.unreadable)).collect()
            };
            assert_eq!(phases(amy), phases(bo));
        }
    }

    /// The relay's documents, which its pages are made of, have the heads that phones have.
    fn relay_shows_what_phones_have(&self, known: &DocumentHeads) {
        let database = rusqlite::Connection::open(self.world.folder().join("relay.db")).unwrap();
        let mut statement = database
            .prepare("SELECT space, doc, saved FROM documents WHERE saved IS NOT NULL")
            .unwrap();
        let rows: Vec<([u8; 16], [u8; 16], Vec<u8>)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for (space, doc, saved) in rows {
            let place = (sync_core::ids::SpaceId::new(space), DocId::new(doc));
            let saved = self.world.opener().document(place.0, place.1, &saved).unwrap();
            let heads = sync_core::doc::heads(&saved.unwrap()).unwrap();
            if let Some(phones) = known.get(&place) {
                assert_eq!(*phones, heads, "the relay has other heads of a document");
            }
        }
    }
}

fn losses() -> impl Strategy<Value = Loss> {
    prop_oneof![
        any::<bool>().prop_map(|confirm| Loss::Restored { confirm }),
        Just(Loss::CopiedBack),
        Just(Loss::Wiped),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: often("AFTERCALL_HISTORIES", 24), ..ProptestConfig::default() })]

    #[test]
    fn a_relay_that_lost_anything_loses_no_note_once_the_phones_return(
        seed in 0u64..1_000_000,
        before in 4usize..24,
        after in 4usize..24,
        loss in losses(),
    ) {
        let mut history = History::new(seed);
        history.work(before);
        let backup = history.world.backup();
        history.work(after);
        let acknowledged = history.acknowledged();
        history.lose(loss, &backup);
        history.work(3);
        history.return_in_any_order(loss);
        history.check(&acknowledged);
    }
}

/// A sealed change pushed before the relay is known to be older stands in its log before the one that brings its key.
#[test]
fn a_change_that_stands_before_the_one_with_its_key_opens_all_the_same() {
    let loss = Loss::Restored { confirm: false };
    let mut history = History::new(509_254);
    history.work(4);
    let backup = history.world.backup();
    history.work(17);
    let acknowledged = history.acknowledged();
    history.lose(loss, &backup);
    history.work(3);
    history.return_in_any_order(loss);
    history.check(&acknowledged);
}
