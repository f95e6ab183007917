//! A team on phones without any network, and what a test does with them in a few words.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::engine::{EngineError, Env, NewMember, Phone, Store, SyncOutcome, Table};
use sync_core::ids::{DocId, MemberId};
use sync_core::protocol::{Code, Invitation, Timestamp, to_cbor};
use sync_core::records::{PolicyProfile, Role, Value};
use sync_core::store::{MemoryStore, MemoryVault};

use super::paper_relay::PaperRelay;

/// A phone, and what it is given.
pub struct Handset {
    pub phone: Phone,
    pub store: MemoryStore,
    pub vault: MemoryVault,
    pub rng: ChaCha20Rng,
}

/// A team, its phones by name, and the relay that its directory lists.
pub struct Team {
    pub relay: PaperRelay,
    pub phones: BTreeMap<&'static str, Handset>,
    pub now: Timestamp,
}

/// A text value.
pub fn text(value: &str) -> Value {
    Value::Text(value.into())
}

/// Fields as a person types them.
pub fn form(fields: &[(&str, Value)]) -> BTreeMap<String, Value> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// A member to be entered.
pub fn member(name: &str, roles: &[Role], admin: bool) -> NewMember {
    let (roles, name) = (roles.to_vec(), Some(name.to_owned()));
    NewMember { name, roles, admin, ..NewMember::default() }
}

impl Team {
    /// A team of one admin whose phone has synced, so that the directory lists the relay.
    pub fn new() -> Team {
        let now = Timestamp::parse("2026-03-01T18:00:00Z").unwrap();
        let (store, mut rng) = (MemoryStore::new(), ChaCha20Rng::seed_from_u64(1));
        let mut env = Env { now, rng: &mut rng };
        let (profile, admin) = (PolicyProfile::neutral(), member("admin", &[], true));
        let origin = "http://relay.example";
        let vault = MemoryVault::new();
        let (kept, wraps) = (Box::new(store.clone()), Box::new(vault.clone()));
        let phone = Phone::create_team(kept, wraps, &mut env, origin, profile, admin).unwrap();
        let relay = PaperRelay::new(phone.team(), 99, now);
        let phones = BTreeMap::from([("admin", Handset { phone, store, vault, rng })]);
        let mut team = Team { relay, phones, now };
        team.sync("admin");
        assert!(team.phones["admin"].phone.directory().lists_relay(&team.relay.id()));
        team
    }

    /// Does something on a phone.
    pub fn on<T>(&mut self, name: &str, act: impl FnOnce(&mut Phone, &mut Env<'_>) -> T) -> T {
        let handset = self.phones.get_mut(name).unwrap();
        act(&mut handset.phone, &mut Env { now: self.now, rng: &mut handset.rng })
    }

    /// Time passes, for everybody.
    pub fn wait_minutes(&mut self, minutes: i64) {
        self.now = self.now.plus_minutes(minutes);
        self.relay.wait_ms(minutes * 60_000);
    }

    /// Enters a member and invites a phone of theirs.
    pub fn invite(&mut self, new: NewMember) -> Invitation {
        let member = self.on("admin", |phone, env| phone.add_member(env, new)).unwrap();
        self.sync("admin");
        let invitation = self.on("admin", |phone, env| phone.invite(env, member)).unwrap();
        self.sync("admin");
        invitation
    }

    /// A new phone begins to join.
    pub fn begin(&mut self, name: &'static str, invitation: &Invitation) {
        let seed = 100 + self.phones.len() as u64;
        let (store, mut rng) = (MemoryStore::new(), ChaCha20Rng::seed_from_u64(seed));
        let mut env = Env { now: self.now, rng: &mut rng };
        let vault = MemoryVault::new();
        let (kept, wraps) = (Box::new(store.clone()), Box::new(vault.clone()));
        let phone = Phone::start_joining(kept, wraps, &mut env, invitation).unwrap();
        self.phones.insert(name, Handset { phone, store, vault, rng });
    }

    /// A phone asks whether it is let in.
    pub fn ask(&mut self, name: &str) -> bool {
        let request = self.on(name, |phone, _| phone.enrol_request()).unwrap();
        let answer = self.relay.enrol(&request);
        self.on(name, |phone, _| phone.enrol_answer(&answer)).unwrap()
    }

    /// Enters a member and lets a phone of theirs in.
    pub fn join(&mut self, name: &'static str, roles: &[Role], admin: bool) -> MemberId {
        let invitation = self.invite(member(name, roles, admin));
        self.begin(name, &invitation);
        assert!(!self.ask(name));
        self.sync("admin");
        assert!(self.ask(name));
        self.sync(name);
        invitation.member
    }

    /// A phone's next request.
    pub fn request(&mut self, name: &str) -> Vec<u8> {
        self.on(name, |phone, env| {
            let body = to_cbor(&phone.sync_request(env).unwrap());
            phone.token(env, &body).unwrap();
            body
        })
    }

    /// Hands a phone an answer.
    pub fn answer(
        &mut self,
        name: &str,
        body: &[u8],
        answer: &[u8],
    ) -> Result<SyncOutcome, EngineError> {
        self.on(name, |phone, env| phone.sync_answer(env, body, answer))
    }

    /// Exchanges until the phone is at rest.
    pub fn sync(&mut self, name: &str) {
        for _ in 0..20 {
            let body = self.request(name);
            let answer = self.relay.serve(&body);
            if !self.answer(name, &body, &answer).unwrap().again {
                return;
            }
        }
        panic!("{name} does not come to rest");
    }

    /// Rounds over all enrolled phones, more than enough for everything to arrive.
    pub fn sync_all(&mut self) {
        let names: Vec<&str> = self.phones.keys().copied().collect();
        for _ in 0..4 {
            names.iter().for_each(|name| self.sync(name));
        }
    }

    /// Reports an incident.
    pub fn incident(&mut self, name: &str) -> DocId {
        let fields = form(&[
            ("type", Value::Set(["disaster".to_owned()].into())),
            ("occurred_end", text("2026-03-01T12:00:00Z")),
        ]);
        self.on(name, |phone, env| phone.record(env, "incident", &fields)).unwrap()
    }

    /// Edits a record.
    pub fn edit(&mut self, name: &str, record: DocId, fields: &[(&str, Value)]) {
        self.on(name, |phone, env| phone.edit(env, record, &form(fields))).unwrap();
    }

    /// What a phone shows of a field.
    pub fn shown(&mut self, name: &str, record: DocId, field: &str) -> Option<Value> {
        let view = self.on(name, |phone, _| phone.show(record)).ok()?;
        view.fields.get(field).map(|field| field.value.clone())
    }

    /// The codes of a phone's alarms.
    pub fn alarms(&mut self, name: &str) -> Vec<Code> {
        let alarms = self.on(name, |phone, _| phone.alarms()).unwrap();
        alarms.into_iter().map(|alarm| alarm.code).collect()
    }

    /// How much a phone still has to send.
    pub fn pending(&mut self, name: &str) -> u64 {
        self.on(name, |phone, _| phone.status()).unwrap().pending
    }

    /// Every row of a phone's store.
    pub fn rows(&mut self, name: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut store = self.phones[name].store.clone();
        let tx = store.begin().unwrap();
        Table::ALL.into_iter().flat_map(|t| tx.scan(t, &[], None, usize::MAX).unwrap()).collect()
    }

    /// No draft, no alarm, nothing to send, on any phone.
    pub fn assert_calm(&mut self) {
        let names: Vec<&str> = self.phones.keys().copied().collect();
        for name in names {
            assert_eq!(self.alarms(name), [], "{name}");
            assert_eq!(self.pending(name), 0, "{name}");
            assert!(self.on(name, |phone, _| phone.drafts()).unwrap().is_empty(), "{name}");
        }
    }
}
