//! A relay and hand-made phones: keys, headers and requests written out, so that every verdict can be provoked.
#![allow(
    clippy::unwrap_used,
    dead_code,
    missing_docs,
    reason = "each test file uses its own part of the helpers"
)]

pub mod console;
pub mod markup;
#[path = "../../../sync-core/tests/messages/mod.rs"]
mod messages;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use messages::empty_request;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use server::relay::{Refusal, Relay, Settings};
use sync_core::crypto::{DeviceKeys, token, verify};
use sync_core::directory::{Directory, Op, open_space_id};
use sync_core::doc::{self, Edit};
use sync_core::ids::{Chain, DocId, EpochId, MemberId, SpaceId, TeamId};
use sync_core::protocol::{
    Batch, Code, Cursor, Cursors, Day, Envelope, Header, InviteNotice, Kind, Packed, Priority,
    PushResult, SealedBody, SignedAnswer, SpaceBody, SpaceOwner, Suite, SyncRequest, SyncResponse,
    Timestamp, answer_to_sign, from_cbor, to_cbor,
};
use sync_core::records::{DeviceClass, DocType, FieldOp, PolicyProfile, Role, Scalar, SpaceKind};

pub const ORIGIN: &str = "http://relay.example";
pub const START: &str = "2026-03-01T18:00:00Z";

pub const INCIDENT: u16 = 10;
pub const INTERVENTION: u16 = 20;
pub const TASK: u16 = 40;
pub const STAFF: u16 = 1;
pub const CONTACT_DETAIL: u16 = 31;
pub const CONTACT_NOTE: u16 = 32;

/// A relay on a folder of its own, with a clock that stands still until moved.
pub struct Station {
    pub relay: Arc<Relay>,
    pub now: Arc<AtomicI64>,
    pub folder: PathBuf,
    _own: Option<tempfile::TempDir>,
}

fn open(folder: &std::path::Path, now: &Arc<AtomicI64>) -> Arc<Relay> {
    let clock = Arc::clone(now);
    let settings = Settings {
        origin: ORIGIN.into(),
        clock: Arc::new(move || Timestamp(clock.load(Ordering::SeqCst))),
        rng: Box::new(ChaCha20Rng::seed_from_u64(7)),
    };
    Arc::new(Relay::open(folder, settings).unwrap())
}

impl Station {
    pub fn new() -> Self {
        let own = tempfile::tempdir().unwrap();
        let station = Self::on(own.path().into());
        Self { _own: Some(own), ..station }
    }

    /// A relay on a folder that outlives it.
    pub fn on(folder: PathBuf) -> Self {
        let now = Arc::new(AtomicI64::new(Timestamp::parse(START).unwrap().0));
        Self { relay: open(&folder, &now), now, folder, _own: None }
    }

    pub fn restart(&mut self) {
        // The old one must let go of its connections first.
        let other = tempfile::tempdir().unwrap();
        self.relay = open(other.path(), &self.now);
        self.relay = open(&self.folder, &self.now);
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    pub fn wait_minutes(&self, minutes: i64) {
        self.now.fetch_add(minutes * 60_000, Ordering::SeqCst);
    }

    /// SQL for looking where no answer shows it.
    pub fn count(&self, table: &str) -> i64 {
        let database = rusqlite::Connection::open(self.folder.join("relay.db")).unwrap();
        database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }
}

/// A hand-made phone.
pub struct Hand {
    pub keys: DeviceKeys,
    pub member: MemberId,
    pub seqs: BTreeMap<SpaceId, u64>,
    pub cursors: BTreeMap<SpaceId, Cursor>,
    pub rng: ChaCha20Rng,
}

impl Hand {
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let (keys, member) = (DeviceKeys::generate(&mut rng), MemberId::random(&mut rng));
        Self { keys, member, seqs: BTreeMap::new(), cursors: BTreeMap::new(), rng }
    }

    pub fn doc(&mut self) -> DocId {
        DocId::random(&mut self.rng)
    }

    pub fn list(&self) -> Cursors {
        Cursors(self.cursors.values().copied().collect())
    }

    /// Moves the cursors as the answer says.
    pub fn apply(&mut self, response: &SyncResponse) {
        for space in &response.spaces {
            let cursor = Cursor { space: space.space, seq: space.seq, chain: space.chain };
            if cursor.seq > 0 {
                self.cursors.insert(space.space, cursor);
            }
        }
    }
}

/// A team whose directory the test writes.
pub struct Team {
    pub admin: Hand,
    pub directory: Directory,
    pub entries: Vec<Envelope>,
}

impl Team {
    pub fn new(seed: u64) -> Self {
        Self::with_profile(seed, PolicyProfile::neutral())
    }

    pub fn with_profile(seed: u64, profile: PolicyProfile) -> Self {
        let admin = Hand::new(seed);
        let op = Op::Genesis {
            nonce: [seed as u8; 16].into(),
            member: admin.member,
            roles: vec![Role::Coordinator],
            verify_key: admin.keys.verify_key().into(),
            seal_key: admin.keys.seal_key().into(),
            seal_key_2: admin.keys.seal_key_2().map(Into::into),
            profile,
        };
        let header = Header { space: SpaceId::ZERO, ..bare(Kind::Directory, Priority::First) };
        let header = Header { device: admin.keys.device_id(), device_seq: 1, ..header };
        let genesis = admin.keys.sign_envelope(header, to_cbor(&op));
        let mut directory = Directory::new(TeamId::new(*genesis.id().as_bytes()));
        directory.append(&genesis).unwrap();
        Self { admin, directory, entries: vec![genesis] }
    }

    pub fn id(&self) -> TeamId {
        self.directory.team()
    }

    pub fn space(&self, kind: SpaceKind, owner: Option<MemberId>) -> SpaceId {
        open_space_id(self.id(), kind, owner)
    }

    pub fn operations(&self) -> SpaceId {
        self.space(SpaceKind::Operations, None)
    }

    /// An entry on top of the directory, signed by some device, not yet part of it.
    pub fn entry(&self, signer: &Hand, op: &Op) -> Envelope {
        let header = Header {
            space: self.directory.space(),
            device: signer.keys.device_id(),
            device_seq: self.directory.len() + 1,
            directory_seq: self.directory.len(),
            directory_hash: self.directory.head(),
            ..bare(Kind::Directory, Priority::First)
        };
        signer.keys.sign_envelope(header, to_cbor(op))
    }

    pub fn extend(&mut self, op: &Op) -> Envelope {
        let entry = self.entry(&self.admin, op);
        self.directory.append(&entry).unwrap();
        self.entries.push(entry.clone());
        entry
    }

    /// Enters a member with one device.
    pub fn enter(&mut self, hand: &Hand, roles: &[Role]) {
        self.extend(&Op::Member {
            member: hand.member,
            roles: roles.to_vec(),
            admin: false,
            unit: None,
            supervises: Vec::new(),
            guest: None,
            last: None,
        });
        self.extend(&Op::Device {
            member: hand.member,
            verify_key: hand.keys.verify_key().into(),
            seal_key: hand.keys.seal_key().into(),
            seal_key_2: hand.keys.seal_key_2().map(Into::into),
            class: DeviceClass::Native,
        });
    }

    /// An envelope of a device, next in its count.
    pub fn envelope(&self, hand: &mut Hand, header: Header, body: Vec<u8>) -> Envelope {
        let seq = hand.seqs.entry(header.space).or_insert(0);
        *seq += 1;
        let header = Header {
            device: hand.keys.device_id(),
            device_seq: *seq,
            directory_seq: self.directory.len(),
            directory_hash: self.directory.head(),
            day: Day(20_513),
            ..header
        };
        hand.keys.sign_envelope(header, body)
    }

    /// A change of an open document on top of what it holds.
    pub fn change(
        &self,
        hand: &mut Hand,
        space: SpaceId,
        record: u16,
        doc: DocId,
        base: Option<&[u8]>,
        fields: &[(&str, Scalar)],
    ) -> Envelope {
        let header = Header {
            space,
            doc,
            record,
            schema: 1,
            actor_no: 1,
            device: hand.keys.device_id(),
            ..bare(Kind::Change, Priority::Open)
        };
        let ops: Vec<_> =
            fields.iter().map(|(key, value)| FieldOp::Put((*key).into(), value.clone())).collect();
        let doc_type = DocType::by_number(record).unwrap();
        let change =
            doc::author(base, doc_type, header.actor(), &Edit::Fields(&ops)).unwrap().unwrap();
        self.envelope(hand, header, change)
    }

    pub fn incident(&self, hand: &mut Hand, doc: DocId, area: &str) -> Envelope {
        let fields = [
            ("occurred_end", Scalar::Int(Timestamp::parse(START).unwrap().0 - 3_600_000)),
            ("area", Scalar::Str(area.into())),
            ("type.failed_rescue", Scalar::Bool(true)),
        ];
        self.change(hand, self.operations(), INCIDENT, doc, None, &fields)
    }

    /// A sealed space of a kind.
    pub fn sealed_space(
        &self,
        hand: &mut Hand,
        kind: SpaceKind,
        owner: SpaceOwner,
        readers: &[MemberId],
    ) -> Envelope {
        let key = *hand.doc().as_bytes();
        let body = SpaceBody {
            kind: kind as u8,
            owner,
            readers: readers.to_vec(),
            suite: Suite::X25519,
            epoch_key: [key, key].concat().into(),
            wraps: Vec::new(),
        };
        let body = to_cbor(&body);
        let header = Header {
            device: hand.keys.device_id(),
            device_seq: 1,
            directory_seq: self.directory.len(),
            directory_hash: self.directory.head(),
            day: Day(20_513),
            ..bare(Kind::Space, Priority::Structure)
        };
        let space = hand.keys.sign_envelope(header, body.clone()).header.derived_space();
        hand.seqs.insert(space, 1);
        hand.keys.sign_envelope(Header { space, ..header }, body)
    }

    /// A sealed change: the relay sees no more of it than this.
    pub fn sealed(&self, hand: &mut Hand, space: SpaceId, record: u16, doc: DocId) -> Envelope {
        let body = SealedBody {
            suite: Suite::X25519,
            epoch: EpochId::new([1; 16]),
            dek: sync_core::ids::DekId::new([2; 16]),
            wrapped_dek: None,
            nonce: [3; 24].into(),
            ciphertext: vec![4; 256].into(),
        };
        let header = Header {
            space,
            doc,
            record,
            schema: 1,
            actor_no: 1,
            ..bare(Kind::Sealed, Priority::Sealed)
        };
        self.envelope(hand, header, to_cbor(&body))
    }

    pub fn request(&self, hand: &Hand) -> SyncRequest {
        SyncRequest {
            digest: hand.list().digest().into(),
            max_bytes: 1_000_000,
            ..empty_request(self.id(), hand.keys.device_id(), Timestamp(0))
        }
    }

    /// A request that pushes these and tells its cursors.
    pub fn pushing(&self, hand: &Hand, envelopes: &[Envelope]) -> SyncRequest {
        let mut request = self.request(hand);
        request.cursors = Some(hand.list());
        (request.batch, request.push) = packed(envelopes);
        request
    }

    pub fn inviting(&self, hand: &Hand, lookup: [u8; 16], expires: Timestamp) -> SyncRequest {
        let invites = vec![InviteNotice { lookup: lookup.into(), expires, kind: None }];
        SyncRequest { invites, ..self.pushing(hand, &[]) }
    }
}

/// A request that asks nothing.
pub fn empty_sync(team: TeamId, device: sync_core::ids::DeviceId) -> SyncRequest {
    empty_request(team, device, Timestamp(0))
}

pub fn packed(envelopes: &[Envelope]) -> (Batch, Vec<Packed>) {
    let mut batch = Batch::new();
    let push = envelopes.iter().map(|envelope| batch.pack(envelope)).collect();
    (batch, push)
}

pub fn bare(kind: Kind, priority: Priority) -> Header {
    Header {
        kind,
        priority,
        schema: 0,
        record: 0,
        space: SpaceId::ZERO,
        doc: DocId::ZERO,
        device: sync_core::ids::DeviceId::new([0; 16]),
        device_seq: 0,
        actor_no: 0,
        day: Day(20_513),
        directory_seq: 0,
        directory_hash: sync_core::ids::EnvelopeId::new([0; 32]),
        body_hash: [0; 32],
    }
}

pub fn zip(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 3).unwrap()
}

pub fn unzip(bytes: &[u8]) -> Vec<u8> {
    zstd::decode_all(bytes).unwrap()
}

pub fn mint(hand: &mut Hand, team: TeamId, body: &[u8], now: Timestamp) -> String {
    token::mint(&hand.keys, &token::audience(ORIGIN, team), body, now, &mut hand.rng)
}

/// Reads an answer and checks that the relay signed it for this request.
pub fn opened(relay: &Relay, body: &[u8], answer: &[u8]) -> SyncResponse {
    let signed: SignedAnswer = from_cbor(&unzip(answer)).unwrap();
    let message = answer_to_sign(body, &signed.answer);
    assert!(verify(relay.id().as_bytes(), &message, &signed.sig), "the answer's signature");
    from_cbor(&signed.answer).unwrap()
}

impl Station {
    pub fn send(&self, hand: &mut Hand, request: &SyncRequest) -> Result<SyncResponse, Refusal> {
        let body = zip(&to_cbor(request));
        let token = mint(hand, request.team, &body, self.now());
        let answer = self.relay.sync(&token, &body)?;
        Ok(opened(&self.relay, &body, &answer))
    }

    /// Pushes envelopes and takes whatever comes back.
    pub fn push(&self, team: &Team, hand: &mut Hand, envelopes: &[Envelope]) -> Vec<PushResult> {
        let request = team.pushing(hand, envelopes);
        let response = self.send(hand, &request).unwrap();
        hand.apply(&response);
        response.results
    }

    pub fn pull(&self, team: &Team, hand: &mut Hand) -> SyncResponse {
        let request = team.pushing(hand, &[]);
        let response = self.send(hand, &request).unwrap();
        hand.apply(&response);
        response
    }

    /// Allows a team and lets its admin's phone bring the directory.
    pub fn found(&self, team: &mut Team) {
        self.relay.allow_team(team.id()).unwrap();
        self.bring(team);
    }

    /// Pushes the whole directory as the admin.
    pub fn bring(&self, team: &mut Team) {
        let mut request = team.pushing(&team.admin, &[]);
        (request.batch, request.push) = packed(&team.entries);
        let response = self.send(&mut team.admin, &request).unwrap();
        assert!(response.results.iter().all(|r| r.code.is_empty()), "{:?}", response.results);
    }
}

/// The one code a push was refused or set aside with.
pub fn code(results: &[PushResult]) -> Option<Code> {
    assert_eq!(results.len(), 1);
    Code::from_name(&results[0].code)
}

pub const NO_CHAIN: Chain = Chain::EMPTY;
