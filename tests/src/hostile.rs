//! Adversaries for tests: an enrolled phone that obeys nothing, and a relay that lies.
//!
//! Both hold genuine keys: the phone's were let in by the real enrolment, the relay's are read from its
//! database. What they make is well signed, so that it is refused for what it is and not for how it was faked.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::crypto::{self, DeviceKeys, DocumentKey, EpochSecret, SealKeys, SenderKey, token};
use sync_core::directory::{Directory, Op, open_space_id};
use sync_core::doc::{self, Edit};
use sync_core::engine::{Env, NewMember, SyncOutcome};
use sync_core::ids::{ActorId, DeviceId, DocId, EpochId, MemberId, SpaceId};
use sync_core::protocol::{
    Batch, Code, Cosign, Day, EnrolRequest, Envelope, EpochBody, Header, Invitation, Kind, Packed,
    Priority, PushResult, ReaderBody, SignedAnswer, SpaceBody, SpaceOwner, Suite, SyncRequest,
    SyncResponse, Verdict, WrapBody, answer_to_sign, from_cbor, to_cbor,
};
use sync_core::records::{DocType, Role, SpaceKind};

use crate::messages::empty_request;
use crate::{ORIGIN, World, pack, unpack};

/// An enrolled phone that obeys nothing.
pub struct Rogue {
    /// Its genuine keys.
    pub keys: DeviceKeys,
    /// Whose phone it is.
    pub member: MemberId,
    /// Its randomness.
    pub rng: ChaCha20Rng,
    numbers: BTreeMap<SpaceId, u64>,
}

/// Enters a member and invites a device of theirs; nobody has answered yet.
pub fn invite(world: &mut World, roles: &[Role], admin: bool) -> Invitation {
    let new = NewMember { roles: roles.to_vec(), admin, ..NewMember::default() };
    let member = world.on("admin", |phone, env| phone.add_member(env, new)).expect("entered");
    world.sync("admin");
    let invitation = world.on("admin", |phone, env| phone.invite(env, member)).expect("invited");
    world.sync("admin");
    invitation
}

/// Answers an invitation with these public keys, whoever holds their secrets, and lets the admin's phone decide. A
/// second sealing key is that of suite 2.
pub fn answer_invitation(
    world: &mut World,
    invitation: &Invitation,
    verify_key: [u8; 32],
    seal_key: [u8; 32],
    seal_key_2: Option<&[u8]>,
) {
    let team = invitation.team;
    let both = SealKeys { first: &seal_key, second: seal_key_2 }.to_bytes();
    let request = EnrolRequest {
        team,
        lookup: crypto::invite::lookup(&invitation.secret),
        verify_key: verify_key.into(),
        seal_key: seal_key.into(),
        mac: crypto::invite::bind(&invitation.secret, team, &verify_key, &both, 0),
        class: None,
        proof: None,
        seal_key_2: seal_key_2.map(|key| key.to_vec().into()),
        recovery: None,
    };
    world.relay.enrol(&pack(&to_cbor(&request))).expect("the relay takes the answer");
    world.sync("admin");
}

/// The keys of a device that was set up before there was suite 2.
pub fn old_keys(rng: &mut ChaCha20Rng) -> DeviceKeys {
    let bytes = DeviceKeys::generate(rng).to_secret_bytes();
    DeviceKeys::from_secret_bytes(&bytes[..64]).expect("keys without suite 2")
}

impl Rogue {
    /// Enrols a new member's phone whose keys the test holds: the keys of both suites, as every phone has them.
    pub fn enrol(world: &mut World, seed: u64, roles: &[Role], admin: bool) -> Rogue {
        let invitation = invite(world, roles, admin);
        Self::enrol_by(world, seed, &invitation)
    }

    /// Somebody with these keys, listed or not.
    pub fn with_keys(keys: DeviceKeys, member: MemberId, seed: u64) -> Rogue {
        let rng = ChaCha20Rng::seed_from_u64(seed);
        Rogue { keys, member, rng, numbers: BTreeMap::new() }
    }

    /// As [`Rogue::enrol`], a phone that was set up before there was suite 2.
    pub fn enrol_old(world: &mut World, seed: u64, roles: &[Role], admin: bool) -> Rogue {
        let invitation = invite(world, roles, admin);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let keys = old_keys(&mut rng);
        Self::enrol_with(world, keys, rng, &invitation)
    }

    /// Enrols a phone whose keys the test holds by an invitation that was made before.
    pub fn enrol_by(world: &mut World, seed: u64, invitation: &Invitation) -> Rogue {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let keys = DeviceKeys::generate(&mut rng);
        Self::enrol_with(world, keys, rng, invitation)
    }

    fn enrol_with(
        world: &mut World,
        keys: DeviceKeys,
        rng: ChaCha20Rng,
        invitation: &Invitation,
    ) -> Rogue {
        let second = keys.seal_key_2();
        let (verify_key, seal_key) = (keys.verify_key(), keys.seal_key());
        answer_invitation(world, invitation, verify_key, seal_key, second.as_deref());
        let listed = directory(world).device(&keys.device_id()).expect("it was let in");
        assert_eq!(listed.seal_keys().second, second.as_deref(), "with the keys it has");
        Rogue { keys, member: invitation.member, rng, numbers: BTreeMap::new() }
    }

    /// The device.
    pub fn device(&self) -> DeviceId {
        self.keys.device_id()
    }

    /// The next header of this device in a space.
    pub fn header(&mut self, world: &World, kind: Kind, space: SpaceId) -> Header {
        let number = self.numbers.entry(space).or_default();
        *number += 1;
        let directory = directory(world);
        Header {
            kind,
            priority: priority_of(kind),
            schema: 0,
            record: 0,
            space,
            doc: DocId::ZERO,
            device: self.keys.device_id(),
            device_seq: *number,
            actor_no: 0,
            day: world.now().day(),
            directory_seq: directory.len(),
            directory_hash: directory.head(),
            body_hash: [0; 32],
        }
    }

    /// An envelope that concerns a space itself.
    pub fn structure(
        &mut self,
        world: &World,
        kind: Kind,
        space: SpaceId,
        body: Vec<u8>,
    ) -> Envelope {
        let header = self.header(world, kind, space);
        self.keys.sign_envelope(header, body)
    }

    /// A header of a document, as an app would write it.
    pub fn document(
        &mut self,
        world: &World,
        kind: Kind,
        space: SpaceId,
        doc: DocId,
        part: &DocType,
    ) -> Header {
        let header = self.header(world, kind, space);
        Header { schema: part.schema, record: part.number, doc, actor_no: 1, ..header }
    }

    /// An open change, written over `base` by the actor this device is entitled to.
    pub fn change(
        &mut self,
        world: &World,
        (space, doc): (SpaceId, DocId),
        part: &'static DocType,
        base: Option<&[u8]>,
        edit: &Edit<'_>,
    ) -> Envelope {
        let header = self.document(world, Kind::Change, space, doc, part);
        let change = doc::author(base, part, header.actor(), edit).expect("an edit");
        self.keys.sign_envelope(header, change.expect("it changes something"))
    }

    /// A sealed space, announced by this device with a key of its own making.
    pub fn space(&mut self, world: &World, body: &SpaceBody) -> Envelope {
        let body = to_cbor(body);
        let mut header = self.header(world, Kind::Space, SpaceId::ZERO);
        header.device_seq = 1;
        header.day.0 += self.numbers[&SpaceId::ZERO] as u32;
        header.set_body(&body);
        header.space = header.derived_space();
        self.numbers.insert(header.space, 1);
        self.keys.sign_envelope(header, body)
    }

    /// A genuine request that pushes these envelopes: body and token.
    pub fn request(&mut self, world: &World, batch: Batch, push: Vec<Packed>) -> (Vec<u8>, String) {
        let empty = self.empty_request(world);
        self.sealed_request(world, &SyncRequest { batch, push, ..empty })
    }

    fn empty_request(&self, world: &World) -> SyncRequest {
        empty_request(directory(world).team(), self.device(), world.now())
    }

    /// Sends a genuine request that says what is put into it, and reads the whole answer.
    pub fn ask(
        &mut self,
        world: &World,
        say: impl FnOnce(&mut SyncRequest),
    ) -> Result<SyncResponse, Code> {
        let mut request = self.empty_request(world);
        say(&mut request);
        let (body, token) = self.sealed_request(world, &request);
        let answer = world.relay.sync(&token, &body).map_err(|refusal| refusal.code)?;
        Ok(open_answer(&answer).1)
    }

    /// Any request, compressed, with a token for it.
    pub fn sealed_request(&mut self, world: &World, request: &SyncRequest) -> (Vec<u8>, String) {
        let body = pack(&to_cbor(request));
        let token = self.token(world, &body);
        (body, token)
    }

    /// A genuine token for any bytes.
    pub fn token(&mut self, world: &World, body: &[u8]) -> String {
        let audience = token::audience(ORIGIN, directory(world).team());
        token::mint(&self.keys, &audience, body, world.now(), &mut self.rng)
    }

    /// Pushes envelopes and reads the whole answer.
    pub fn exchange(&mut self, world: &World, push: &[Envelope]) -> Result<SyncResponse, Code> {
        self.ask(world, |request| {
            request.push = push.iter().map(|envelope| request.batch.pack(envelope)).collect();
        })
    }

    /// As an admin's phone: signs the entry of every change that waits for a second admin.
    pub fn cosign(&mut self, world: &mut World) {
        let waiting = self.exchange(world, &[]).expect("an answer").cosign.unwrap_or_default();
        let space = directory(world).space();
        for Cosign { op, nonce, approvals, .. } in waiting {
            let op = to_cbor(&Op::Approved { op, nonce, approvals });
            let entry = self.structure(world, Kind::Directory, space, op);
            assert_eq!(self.push(world, &[entry])[0].verdict, Verdict::Stored, "it is entered");
        }
        world.sync("admin");
    }

    /// Pushes envelopes and reads their results.
    pub fn push(&mut self, world: &World, push: &[Envelope]) -> Vec<PushResult> {
        self.exchange(world, push).expect("the request itself is genuine").results
    }
}

/// A sealed space of this device's making, with every key of it.
pub struct Keyed {
    /// The space.
    pub space: SpaceId,
    suite: Suite,
    epoch: EpochId,
    sender: SenderKey,
}

impl Rogue {
    /// Makes a sealed space whose key is wrapped for every device of its readers, and a sender key in it.
    pub fn keyed_space(
        &mut self,
        world: &World,
        kind: SpaceKind,
        owner: SpaceOwner,
        readers: &[MemberId],
    ) -> (Keyed, Vec<Envelope>) {
        let suite = Suite::X25519;
        let (secret, public) = EpochSecret::generate(suite, &mut self.rng);
        let (zero, directory) = (EpochId::new([0; 16]), directory(world));
        let mut wraps = Vec::new();
        for device in readers.iter().flat_map(|member| directory.devices_of(*member)) {
            let (id, key) = (device.id, device.seal_keys());
            wraps.push(secret.wrap_for(zero, &public, id, key, &mut self.rng).expect("wraps"));
        }
        let body = SpaceBody {
            kind: kind as u8,
            owner,
            readers: readers.to_vec(),
            suite,
            epoch_key: public.clone().into(),
            wraps,
        };
        let made = self.space(world, &body);
        let space = made.header.space;
        let epoch = EpochId::from_slice(&made.id().as_bytes()[..16]).expect("16 bytes");
        let sender = SenderKey::generate(&mut self.rng);
        let sealed =
            sender.seal(suite, space, epoch, &public, self.device(), &mut self.rng).expect("seals");
        let announced = self.structure(world, Kind::Sender, space, to_cbor(&sealed));
        (Keyed { space, suite, epoch, sender }, vec![made, announced])
    }

    /// A sender key of this device in the first epoch of somebody else's space, made from what is public.
    pub fn keyed_in(&mut self, world: &World, space: SpaceId) -> (Keyed, Envelope) {
        let made = made_epochs(world, space).remove(0);
        let body: SpaceBody = from_cbor(&made.body).expect("a space");
        let epoch = EpochId::from_slice(&made.id().as_bytes()[..16]).expect("16 bytes");
        let sender = SenderKey::generate(&mut self.rng);
        let (suite, device) = (body.suite, self.device());
        let sealed = sender.seal(suite, space, epoch, &body.epoch_key, device, &mut self.rng);
        let sealed = to_cbor(&sealed.expect("seals"));
        let announced = self.structure(world, Kind::Sender, space, sealed);
        (Keyed { space, suite, epoch, sender }, announced)
    }

    /// Seals any bytes as a change of a document.
    pub fn sealed(
        &mut self,
        world: &World,
        keyed: &Keyed,
        doc: DocId,
        part: &DocType,
        change: impl FnOnce(ActorId) -> Vec<u8>,
    ) -> Envelope {
        let header = self.document(world, Kind::Sealed, keyed.space, doc, part);
        let (suite, epoch, actor) = (keyed.suite, keyed.epoch, header.actor());
        let key = DocumentKey::generate(&mut self.rng);
        let wrapped = Some(key.wrap(&keyed.sender, doc, actor));
        let change = change(actor);
        let body =
            crypto::seal_change(&header, suite, epoch, &key, wrapped, &change, &mut self.rng);
        self.keys.sign_envelope(header, to_cbor(&body))
    }
}

fn priority_of(kind: Kind) -> Priority {
    match kind {
        Kind::Change => Priority::Open,
        Kind::Sealed => Priority::Sealed,
        Kind::Space | Kind::Reader | Kind::Epoch | Kind::Sender | Kind::Wrap => Priority::Structure,
        _ => Priority::First,
    }
}

/// A directory entry on top of the head, signed with these keys.
pub fn entry(directory: &Directory, keys: &DeviceKeys, op: &Op) -> Envelope {
    let header = Header {
        kind: Kind::Directory,
        priority: Priority::First,
        schema: 0,
        record: 0,
        space: directory.space(),
        doc: DocId::ZERO,
        device: keys.device_id(),
        device_seq: 1_000 + directory.len(),
        actor_no: 0,
        day: Day(20_000),
        directory_seq: directory.len(),
        directory_hash: directory.head(),
        body_hash: [0; 32],
    };
    keys.sign_envelope(header, to_cbor(op))
}

/// The team's directory, as the admin's phone knows it.
pub fn directory(world: &World) -> &Directory {
    world.devices["admin"].phone.directory()
}

/// An open space of the team.
pub fn open_space(world: &World, kind: SpaceKind, owner: Option<MemberId>) -> SpaceId {
    open_space_id(directory(world).team(), kind, owner)
}

/// The relay's own signing keys, as a thief of its database holds them.
pub fn relay_keys(world: &World) -> DeviceKeys {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).expect("opens");
    let query = "SELECT value FROM meta WHERE key = 'relay_keys'";
    let bytes: Vec<u8> = database.query_row(query, [], |row| row.get(0)).expect("the relay's keys");
    DeviceKeys::from_secret_bytes(&bytes).expect("the relay's keys")
}

/// The directory's entries, as the relay's database holds them.
pub fn directory_entries(world: &World) -> Vec<Envelope> {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).expect("opens");
    let query = "SELECT envelope FROM items WHERE kind = ?1 ORDER BY seq";
    let mut statement = database.prepare(query).expect("the relay's tables");
    let rows =
        statement.query_map([Kind::Directory as u8], |row| row.get::<_, Vec<u8>>(0)).expect("rows");
    rows.map(|bytes| Envelope::from_bytes(&bytes.expect("a row")).expect("an envelope")).collect()
}

/// The envelopes that made a space's epochs, as the relay holds them.
pub fn made_epochs(world: &World, space: SpaceId) -> Vec<Envelope> {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).expect("opens");
    let query = "SELECT envelope FROM items WHERE space = ?1 AND kind IN (?2, ?3) ORDER BY seq";
    let mut statement = database.prepare(query).expect("the relay's tables");
    let wanted = rusqlite::params![space.as_bytes(), Kind::Space as u8, Kind::Epoch as u8];
    let rows = statement.query_map(wanted, |row| row.get::<_, Vec<u8>>(0)).expect("rows");
    rows.map(|bytes| Envelope::from_bytes(&bytes.expect("a row")).expect("an envelope")).collect()
}

/// Who let whom read a space that was there already, as the relay's logs show it.
pub fn readers_let_in(world: &World) -> Vec<(DeviceId, MemberId)> {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).expect("opens");
    let query = "SELECT envelope FROM items WHERE kind = ?1 ORDER BY rowid";
    let mut statement = database.prepare(query).expect("the relay's tables");
    let rows =
        statement.query_map([Kind::Reader as u8], |row| row.get::<_, Vec<u8>>(0)).expect("rows");
    rows.map(|bytes| {
        let envelope = Envelope::from_bytes(&bytes.expect("a row")).expect("an envelope");
        let body: ReaderBody = from_cbor(&envelope.body).expect("a body");
        (envelope.header.device, body.member)
    })
    .collect()
}

/// How many keys the relay holds that were wrapped for a device or a recovery key.
pub fn wraps_at_relay(world: &World, id: DeviceId) -> usize {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).expect("opens");
    let query = "SELECT envelope FROM items WHERE kind IN (?1, ?2, ?3)";
    let mut statement = database.prepare(query).expect("the relay's tables");
    let kinds = [Kind::Space as u8, Kind::Epoch as u8, Kind::Wrap as u8];
    let rows = statement.query_map(kinds, |row| row.get::<_, Vec<u8>>(0)).expect("rows");
    let mut count = 0;
    for bytes in rows {
        let envelope = Envelope::from_bytes(&bytes.expect("a row")).expect("an envelope");
        let wraps = match envelope.header.kind {
            Kind::Space => from_cbor::<SpaceBody>(&envelope.body).expect("a body").wraps,
            Kind::Epoch => from_cbor::<EpochBody>(&envelope.body).expect("a body").wraps,
            _ => from_cbor::<WrapBody>(&envelope.body).expect("a body").keys,
        };
        count += wraps.iter().filter(|wrap| wrap.device == id).count();
    }
    count
}

/// What the relay shows and holds of each document, by (space, document): its projection and its heads.
pub type RelayState = BTreeMap<(Vec<u8>, Vec<u8>), (String, Vec<[u8; 32]>)>;

/// What coordinators' pages would show, and the documents behind it, as the relay's database holds them.
pub fn relay_state(world: &World) -> RelayState {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).expect("opens");
    let opener = world.opener();
    let query = "SELECT d.space, d.doc, r.shown, d.saved FROM documents d
       LEFT JOIN records r ON r.space = d.space AND r.doc = d.doc";
    let mut statement = database.prepare(query).expect("the relay's tables");
    let rows = statement.query_map([], |row| {
        let (space, doc) = (SpaceId::new(row.get(0)?), DocId::new(row.get(1)?));
        let (shown, saved): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(2)?, row.get(3)?);
        let shown = shown.and_then(|shown| opener.record(space, doc, &shown).expect("opens"));
        let saved = saved.map(|saved| opener.document(space, doc, &saved).expect("opens"));
        let heads = saved
            .map(|saved| doc::heads(&saved.expect("its key is there")).expect("a whole document"));
        let shown = String::from_utf8(shown.unwrap_or_default()).expect("text");
        Ok(((row.get(0)?, row.get(1)?), (shown, heads.unwrap_or_default())))
    });
    rows.expect("rows").collect::<Result<_, _>>().expect("rows")
}

/// An answer's signed form and what it says.
pub fn open_answer(answer: &[u8]) -> (SignedAnswer, SyncResponse) {
    let signed: SignedAnswer = from_cbor(&unpack(answer)).expect("a signed answer");
    let response = from_cbor(&signed.answer).expect("an answer");
    (signed, response)
}

/// An answer to these request bytes, signed with these keys.
pub fn sign_answer(keys: &DeviceKeys, body: &[u8], response: &SyncResponse) -> Vec<u8> {
    let answer = to_cbor(response);
    let sig = keys.sign(&answer_to_sign(body, &answer));
    to_cbor(&SignedAnswer { answer: answer.into(), sig: sig.into() })
}

/// One exchange in which the relay answers something else than it would: altered, and signed with its own key.
pub fn lie(
    world: &mut World,
    name: &str,
    alter: impl FnOnce(&mut SyncResponse),
) -> Result<SyncOutcome, Code> {
    let (body, token) = world.request(name);
    let answer = world.relay.sync(&token, &body).map_err(|refusal| refusal.code)?;
    let (_, mut response) = open_answer(&answer);
    alter(&mut response);
    let answer = sign_answer(&relay_keys(world), &body, &response);
    take(world, name, &body, &answer)
}

/// Hands a phone an encoded answer to its request.
pub fn take(
    world: &mut World,
    name: &str,
    body: &[u8],
    answer: &[u8],
) -> Result<SyncOutcome, Code> {
    world
        .on(name, |phone, env: &mut Env<'_>| phone.sync_answer(env, body, answer))
        .map_err(|error| error.code())
}

/// The alarms that stand on a phone.
pub fn alarms(world: &mut World, name: &str) -> Vec<Code> {
    let alarms = world.on(name, |phone, _| phone.alarms()).expect("alarms");
    alarms.into_iter().map(|alarm| alarm.code).collect()
}

/// Makes a relay's database what the release before keys at rest left once its schema is brought up to date:
/// everything in it in the clear.
pub fn as_before_keys(database: &rusqlite::Connection, opener: &server::store::Opener) {
    type Row = (i64, [u8; 16], [u8; 16], Vec<u8>);
    let rows = |query: &str| -> Vec<Row> {
        let mut statement = database.prepare(query).expect("the relay's tables");
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .expect("rows");
        rows.collect::<Result<_, _>>().expect("rows")
    };
    for (row, _, _, kept) in rows("SELECT rowid, space, doc, envelope FROM items WHERE kind < 3") {
        let open = opener.envelope(&kept).expect("opens").expect("a key").to_bytes();
        let update = "UPDATE items SET envelope = ?2 WHERE rowid = ?1";
        database.execute(update, rusqlite::params![row, open]).expect("written");
    }
    for (row, space, doc, kept) in
        rows("SELECT rowid, space, doc, saved FROM documents WHERE saved IS NOT NULL")
    {
        let open = opener.document(SpaceId::new(space), DocId::new(doc), &kept).expect("opens");
        let update = "UPDATE documents SET saved = ?2 WHERE rowid = ?1";
        database.execute(update, rusqlite::params![row, open]).expect("written");
    }
    let shown = rows("SELECT rowid, space, doc, shown FROM records");
    database
        .execute_batch(
            "CREATE TABLE records_open (
               team BLOB NOT NULL, space BLOB NOT NULL, doc BLOB NOT NULL, record TEXT NOT NULL,
               fields TEXT NOT NULL, conflicts TEXT NOT NULL, PRIMARY KEY (space, doc)
             ) STRICT;
             INSERT INTO records_open SELECT team, space, doc, record, '', '' FROM records;",
        )
        .expect("made");
    for (_, space, doc, kept) in shown {
        let open = opener.record(SpaceId::new(space), DocId::new(doc), &kept).expect("opens");
        let parts: Vec<serde_json::Value> =
            serde_json::from_slice(&open.expect("a key")).expect("two objects");
        let update =
            "UPDATE records_open SET fields = ?3, conflicts = ?4 WHERE space = ?1 AND doc = ?2";
        let values = rusqlite::params![space, doc, parts[0].to_string(), parts[1].to_string()];
        database.execute(update, values).expect("written");
    }
    let rest = "DELETE FROM records; DELETE FROM meta WHERE key = 'at_rest';";
    database.execute_batch(rest).expect("made");
}
