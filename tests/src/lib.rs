//! The harness: a real relay and real phones in one process, on true or wrong clocks, without sockets.
//!
//! What is exchanged is what HTTP would carry, token and signature included; only the socket is left out, so
//! that many runs are cheap. Stories over real HTTP and real processes are the exercises' business.

pub mod doing;
pub mod enrolling;
pub mod failing;
pub mod fuzz;
pub mod hostile;
pub mod loss;
#[path = "../../sync-core/tests/messages/mod.rs"]
pub mod messages;
pub mod program;
pub mod terminal;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use server::relay::{Relay, Settings};
use sync_core::engine::{EngineError, Env, NewMember, Phone, Store, SyncOutcome};
use sync_core::ids::{DocId, MemberId};
use sync_core::protocol::{
    Code, EnrolAnswer, Invitation, SignedAnswer, SyncResponse, Timestamp, from_cbor, to_cbor,
};
use sync_core::records::{PolicyProfile, Role, Value};
use sync_core::store::{MemoryStore, MemoryVault};

/// What phones call the relay.
pub const ORIGIN: &str = "http://relay.example";

/// Exchanges after which a sync that does not come to rest is a defect.
const MOST_EXCHANGES: usize = 50;

/// A phone with its own clock and randomness.
pub struct Device {
    /// The phone.
    pub phone: Phone,
    /// The member it belongs to.
    pub member: MemberId,
    /// How far its clock is off, in milliseconds.
    pub offset_ms: i64,
    /// Where its keys are wrapped.
    pub vault: MemoryVault,
    rng: ChaCha20Rng,
}

impl Device {
    /// A phone that was made elsewhere, on the true time.
    pub fn new(phone: Phone, member: MemberId, vault: MemoryVault, rng: ChaCha20Rng) -> Self {
        Self { phone, member, offset_ms: 0, vault, rng }
    }
}

/// A relay, its team and their phones.
pub struct World {
    /// The relay.
    pub relay: Relay,
    /// The phones by name.
    pub devices: BTreeMap<String, Device>,
    now_ms: Arc<AtomicI64>,
    rng: ChaCha20Rng,
    folder: tempfile::TempDir,
}

/// Fields as a person types them.
pub fn form(fields: &[(&str, Value)]) -> BTreeMap<String, Value> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// A text value.
pub fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

/// A set of codes.
pub fn set(codes: &[&str]) -> Value {
    Value::Set(codes.iter().map(|code| (*code).to_owned()).collect())
}

/// Whether a phone has no such record.
pub fn is_absent(world: &mut World, name: &str, record: DocId) -> bool {
    let shown = world.on(name, |phone, _| phone.show(record));
    shown.is_err_and(|error| error.code() == Code::NoSuchRecord)
}

/// Compresses a message.
pub fn pack(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 3).expect("compressing in memory cannot fail")
}

/// Inflates an answer.
pub fn unpack(bytes: &[u8]) -> Vec<u8> {
    zstd::decode_all(bytes).expect("a relay compresses its answers")
}

/// What a relay's answer says, as it came.
pub fn read_answer(answer: &[u8]) -> SyncResponse {
    let signed: SignedAnswer = from_cbor(&unpack(answer)).expect("a signed answer");
    from_cbor(&signed.answer).expect("an answer")
}

/// How often a test repeats itself: as this variable of the environment says, else as often as every run can afford.
pub fn often(variable: &str, otherwise: u32) -> u32 {
    let told = std::env::var(variable);
    told.map_or(otherwise, |told| told.parse().expect("the variable is a number"))
}

/// In memory where the system offers that: many relays are made, and none has to survive a power cut.
pub fn temporary_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

fn open_relay(folder: &std::path::Path, now_ms: &Arc<AtomicI64>, rng: &mut ChaCha20Rng) -> Relay {
    let clock = Arc::clone(now_ms);
    let settings = Settings {
        origin: ORIGIN.into(),
        clock: Arc::new(move || Timestamp(clock.load(Ordering::SeqCst))),
        rng: Box::new(ChaCha20Rng::seed_from_u64(rng.next_u64())),
    };
    Relay::open(folder, settings).expect("the relay opens")
}

impl World {
    /// A relay with a team whose admin's phone is `admin`.
    pub fn new(seed: u64, profile: PolicyProfile) -> World {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let start = Timestamp::parse("2026-03-01T18:00:00Z").expect("a time");
        let now_ms = Arc::new(AtomicI64::new(start.0));
        let folder = temporary_folder();
        let relay = open_relay(folder.path(), &now_ms, &mut rng);
        let mut device_rng = ChaCha20Rng::seed_from_u64(rng.next_u64());
        let admin = NewMember { name: Some("admin".into()), admin: true, ..NewMember::default() };
        let mut env = Env { now: start, rng: &mut device_rng };
        let vault = MemoryVault::new();
        let (store, wraps) = (Box::new(MemoryStore::new()), Box::new(vault.clone()));
        let phone = Phone::create_team(store, wraps, &mut env, ORIGIN, profile, admin);
        let phone = phone.expect("a team");
        relay.allow_team(phone.team()).expect("the relay takes the team");
        let mut world = World { relay, devices: BTreeMap::new(), now_ms, rng, folder };
        world.add("admin", phone, vault, device_rng);
        world.sync("admin");
        world
    }

    /// As [`World::new`], with these members and a phone of each, settled.
    pub fn staffed(seed: u64, profile: PolicyProfile, staff: &[(&str, Role)]) -> World {
        let mut world = World::new(seed, profile);
        for (name, role) in staff {
            world.join(name, &[*role]);
        }
        world.sync_all();
        world
    }

    fn add(&mut self, name: &str, mut phone: Phone, vault: MemoryVault, rng: ChaCha20Rng) {
        let member = phone.status().expect("a status").member;
        self.devices.insert(name.into(), Device { phone, member, offset_ms: 0, vault, rng });
    }

    /// The true time.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.now_ms.load(Ordering::SeqCst))
    }

    /// Where the relay keeps its data.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The relay's keys, as whoever has its folder holds them.
    pub fn opener(&self) -> server::store::Opener {
        server::store::Opener::of_folder(self.folder()).expect("the relay's keys")
    }

    /// Whether whoever has the relay's database and its keys reads these bytes in anything that opens.
    pub fn opens_at_relay(&self, words: &[u8]) -> bool {
        use sync_core::ids::SpaceId;
        let database = rusqlite::Connection::open(self.folder().join("relay.db")).expect("opens");
        let (opener, mut found) = (self.opener(), false);
        for (what, query) in [
            "SELECT space, doc, envelope FROM items",
            "SELECT space, doc, saved FROM documents WHERE saved IS NOT NULL",
            "SELECT space, doc, shown FROM records",
        ]
        .into_iter()
        .enumerate()
        {
            let mut rows = database.prepare(query).expect("the relay's tables");
            let mut rows = rows.query([]).expect("rows");
            while let Some(row) = rows.next().expect("a row") {
                let space = SpaceId::new(row.get(0).expect("an id"));
                let doc = DocId::new(row.get(1).expect("an id"));
                let kept: Vec<u8> = row.get(2).expect("bytes");
                let opened = match what {
                    0 => opener.envelope(&kept).map(|envelope| envelope.map(|e| e.body)),
                    1 => opener.document(space, doc, &kept),
                    _ => opener.record(space, doc, &kept),
                };
                let opened = opened.expect("reads").unwrap_or_default();
                found |= opened.windows(words.len()).any(|window| window == words);
            }
        }
        found
    }

    /// Whether these bytes stand in any file of the relay.
    pub fn stands_at_relay(&self, words: &[u8]) -> bool {
        let files = std::fs::read_dir(self.folder()).expect("the folder is there");
        files.into_iter().any(|file| {
            let bytes = std::fs::read(file.expect("an entry").path()).expect("reads");
            bytes.windows(words.len()).any(|window| window == words)
        })
    }

    /// Bytes of the document's changes in the relay's log, and whether a tombstone of it stands.
    pub fn on_the_relay(&self, doc: DocId) -> (i64, bool) {
        let database = rusqlite::Connection::open(self.folder().join("relay.db")).expect("opens");
        let bytes = database
            .query_row(
                "SELECT coalesce(sum(length(envelope)), 0) FROM items WHERE doc = ?1 AND kind IN (1, 2)",
                [doc.as_bytes()],
                |row| row.get(0),
            )
            .expect("the relay's tables");
        let stands = "SELECT EXISTS (SELECT 1 FROM purged WHERE doc = ?1)";
        let tombstone = database.query_row(stands, [doc.as_bytes()], |row| row.get(0));
        (bytes, tombstone.expect("the relay's tables"))
    }

    /// Lets time pass.
    pub fn wait_minutes(&self, minutes: i64) {
        self.now_ms.fetch_add(minutes * 60_000, Ordering::SeqCst);
    }

    /// Ends the relay and starts it again on what it has stored.
    pub fn restart_relay(&mut self) {
        self.relay = open_relay(self.folder.path(), &self.now_ms, &mut self.rng);
    }

    /// Does something on a phone, with its clock.
    pub fn on<T>(&mut self, name: &str, act: impl FnOnce(&mut Phone, &mut Env<'_>) -> T) -> T {
        let now = self.now();
        let device = self.devices.get_mut(name).expect("a known phone");
        let mut env = Env { now: now.plus_ms(device.offset_ms), rng: &mut device.rng };
        act(&mut device.phone, &mut env)
    }

    /// The member a phone belongs to.
    pub fn member(&self, name: &str) -> MemberId {
        self.devices[name].member
    }

    /// Enters a member and enrols a phone of theirs by invitation.
    pub fn join(&mut self, name: &str, roles: &[Role]) -> MemberId {
        self.join_on(name, roles, Box::new(MemoryStore::new()))
    }

    /// As [`World::new`], with a second admin whose phone is `second`.
    pub fn with_two_admins(seed: u64, profile: PolicyProfile) -> World {
        let mut world = World::new(seed, profile);
        let new = NewMember { name: Some("second".into()), admin: true, ..NewMember::default() };
        let invitation = world.invite_new(new);
        world.let_in("second", Box::new(MemoryStore::new()), &invitation);
        world.sync_all();
        world
    }

    /// As [`World::join`], with a phone on this store.
    pub fn join_on(&mut self, name: &str, roles: &[Role], store: Box<dyn Store>) -> MemberId {
        let invitation = self.invite(name, roles);
        self.let_in(name, store, &invitation);
        invitation.member
    }

    /// A phone on this store answers an invitation and is let in.
    pub fn let_in(&mut self, name: &str, store: Box<dyn Store>, invitation: &Invitation) {
        self.begin_to_join(name, store, invitation).expect("begins to join");
        assert!(!self.ask_to_join(name).expect("no directory yet"), "no admin has answered yet");
        self.sync("admin");
        let listed = self.ask_to_join(name).expect("a verified directory");
        assert!(listed, "the admin has answered");
        self.sync(name);
    }

    /// Enters a member and invites a phone of theirs.
    pub fn invite(&mut self, name: &str, roles: &[Role]) -> Invitation {
        let roles = roles.to_vec();
        let new = NewMember { name: Some(name.into()), roles, ..NewMember::default() };
        self.invite_new(new)
    }

    /// Enters this member and invites a phone of theirs.
    pub fn invite_new(&mut self, new: NewMember) -> Invitation {
        let member = self.on("admin", |phone, env| phone.add_member(env, new)).expect("entered");
        self.sync("admin");
        let invitation = self.on("admin", |phone, env| phone.invite(env, member)).expect("invited");
        self.sync("admin");
        invitation
    }

    /// A new phone on this store begins to join.
    pub fn begin_to_join(
        &mut self,
        name: &str,
        store: Box<dyn Store>,
        invitation: &Invitation,
    ) -> Result<(), EngineError> {
        let mut rng = ChaCha20Rng::seed_from_u64(self.rng.next_u64());
        let mut env = Env { now: self.now(), rng: &mut rng };
        let vault = MemoryVault::new();
        let phone = Phone::start_joining(store, Box::new(vault.clone()), &mut env, invitation)?;
        self.add(name, phone, vault, rng);
        Ok(())
    }

    /// A phone asks whether it is let in; true once it is.
    pub fn ask_to_join(&mut self, name: &str) -> Result<bool, EngineError> {
        let request = self.on(name, |phone, _| phone.enrol_request())?;
        let answer = self.relay.enrol(&pack(&to_cbor(&request))).expect("the relay answers");
        let answer: EnrolAnswer = from_cbor(&unpack(&answer)).expect("an answer");
        self.on(name, |phone, _| phone.enrol_answer(&answer))
    }

    /// Ends a phone's process and opens the phone again, on the store that is opened once the first one is closed.
    /// Its person unlocks it, unless it was wiped.
    pub fn reopen(&mut self, name: &str, store: impl FnOnce() -> Box<dyn Store>) {
        self.reopen_locked(name, store);
        if self.devices[name].phone.wiped().is_none() {
            self.on(name, |phone, env| phone.unlock(env)).expect("the phone unlocks");
        }
    }

    /// As [`World::reopen`], with nobody there to unlock it.
    pub fn reopen_locked(&mut self, name: &str, store: impl FnOnce() -> Box<dyn Store>) {
        let Device { phone, member, offset_ms, vault, rng } =
            self.devices.remove(name).expect("a known phone");
        drop(phone);
        let phone = Phone::open(store(), Box::new(vault.clone())).expect("the phone opens again");
        self.devices.insert(name.into(), Device { phone, member, offset_ms, vault, rng });
    }

    /// One exchange with the relay.
    pub fn exchange(&mut self, name: &str) -> Result<SyncOutcome, Code> {
        self.reconcile(name);
        let (body, token) = self.request(name);
        let (body, answer) = match self.relay.sync(&token, &body) {
            Err(refusal)
                if refusal.code == Code::UnknownDevice
                    && self.on(name, |phone, _| phone.offer_directory()) =>
            {
                let (body, token) = self.request(name);
                let answer = self.relay.sync(&token, &body).map_err(|refusal| refusal.code)?;
                (body, answer)
            }
            answer => (body, answer.map_err(|refusal| refusal.code)?),
        };
        Ok(self.answer(name, &body, &answer).expect("a genuine answer"))
    }

    /// Tells the relay what a phone holds, if that is due. Whether the relay was asked and answered.
    pub fn reconcile(&mut self, name: &str) -> bool {
        let request = self.on(name, |phone, env| phone.reconcile_request(env)).expect("a request");
        let Some(request) = request else { return false };
        let body = pack(&to_cbor(&request));
        let token = self.on(name, |phone, env| phone.token(env, &body)).expect("a token");
        let Ok(answer) = self.relay.reconcile(&token, &body) else { return false };
        let answer = unpack(&answer);
        self.on(name, |phone, _| phone.reconcile_answer(&request, &body, &answer))
            .expect("a genuine answer");
        true
    }

    /// A phone's next request: body and token.
    pub fn request(&mut self, name: &str) -> (Vec<u8>, String) {
        self.try_request(name).expect("a request")
    }

    /// As [`World::request`], on a phone whose store may fail.
    pub fn try_request(&mut self, name: &str) -> Result<(Vec<u8>, String), EngineError> {
        self.on(name, |phone, env| {
            let request = phone.sync_request(env)?;
            let body = pack(&to_cbor(&request));
            let token = phone.token(env, &body)?;
            Ok((body, token))
        })
    }

    /// Hands a phone the relay's answer to a request.
    pub fn answer(
        &mut self,
        name: &str,
        body: &[u8],
        answer: &[u8],
    ) -> Result<SyncOutcome, EngineError> {
        let answer = unpack(answer);
        self.on(name, |phone, env| phone.sync_answer(env, body, &answer))
    }

    /// Exchanges until the phone has nothing to send or fetch; a wrong clock is corrected once by the refusal.
    /// Returns the number of exchanges and of envelopes that moved.
    pub fn sync(&mut self, name: &str) -> (u64, u64) {
        let mut moved = 0;
        for exchanges in 1..=MOST_EXCHANGES {
            match self.exchange(name) {
                Ok(outcome) => {
                    moved += outcome.stored + outcome.refused + outcome.received;
                    if !outcome.again && !outcome.heal {
                        return (exchanges as u64, moved);
                    }
                }
                Err(Code::TokenExpired) => {
                    let now = self.now();
                    self.on(name, |phone, env| phone.clock_corrected(env, now)).expect("corrected");
                }
                Err(code) => panic!("{name}'s request was refused: {code}"),
            }
        }
        panic!("{name} does not come to rest");
    }

    /// Rounds over all phones until a whole round moves nothing.
    pub fn sync_all(&mut self) {
        self.sync_all_but("");
    }

    /// As [`World::sync_all`], without one phone.
    pub fn sync_all_but(&mut self, without: &str) {
        let names = self.devices.keys().filter(|name| *name != without).cloned();
        let names: Vec<String> = names.collect();
        for _ in 0..MOST_EXCHANGES {
            let moved: u64 = names.iter().map(|name| self.sync(name).1).sum();
            if moved == 0 {
                return;
            }
        }
        panic!("the phones do not come to rest: {}", self.troubles());
    }
}
