//! A relay on paper: keeps logs and signs answers, judges nothing by itself, and refuses what it is told to.

use std::collections::{BTreeMap, VecDeque};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::crypto::{DeviceKeys, device_id};
use sync_core::directory::{Directory, SpaceInfo, open_space_id};
use sync_core::ids::{Chain, DeviceId, EnvelopeId, RelayId, SpaceId, TeamId};
use sync_core::protocol::{
    Batch, Code, Cosign, Cursor, Cursors, Day, EnrolAnswer, EnrolRequest, EnrolState, Envelope,
    Kind, PendingEnrolment, PushResult, SignedAnswer, SpaceItem, SpaceItems, SyncRequest,
    SyncResponse, Timestamp, Verdict, answer_to_sign, from_cbor, next_chain, to_cbor,
};
use sync_core::records::SpaceKind;

use super::messages::empty_response;

/// A position of a log: the envelope, and why it is set aside.
struct Row {
    envelope: Envelope,
    code: Option<Code>,
    directory_seq: u64,
    row_day: Day,
    chain: Chain,
}

/// A relay that does as it is told.
pub struct PaperRelay {
    keys: DeviceKeys,
    now: Timestamp,
    /// The directory as sequenced here.
    pub directory: Directory,
    logs: BTreeMap<SpaceId, Vec<Row>>,
    spaces: BTreeMap<SpaceId, SpaceInfo>,
    cursors: BTreeMap<DeviceId, Cursors>,
    /// Devices that ask to be let in, as admins' devices are told.
    pub pending: Vec<PendingEnrolment>,
    /// Verdicts for the next document envelopes that are new here, one each.
    pub verdicts: VecDeque<Option<(Verdict, Code)>>,
    /// Envelopes that were pushed, whatever became of them.
    pub pushed: Vec<Envelope>,
    /// Operations that wait for signatures, handed to everybody.
    pub cosigns: Vec<Cosign>,
    /// Changes of recovery keys that wait, handed to everybody.
    pub recovery: Vec<minicbor::bytes::ByteVec>,
}

impl PaperRelay {
    /// A relay with a key of its own.
    pub fn new(team: TeamId, seed: u64, now: Timestamp) -> Self {
        Self {
            keys: DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(seed)),
            now,
            directory: Directory::new(team),
            logs: BTreeMap::new(),
            spaces: BTreeMap::new(),
            cursors: BTreeMap::new(),
            pending: Vec::new(),
            verdicts: VecDeque::new(),
            pushed: Vec::new(),
            cosigns: Vec::new(),
            recovery: Vec::new(),
        }
    }

    /// Its id.
    pub fn id(&self) -> RelayId {
        RelayId::new(self.keys.verify_key())
    }

    /// Time passes.
    pub fn wait_ms(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
    }

    /// Serves a request.
    pub fn serve(&mut self, body: &[u8]) -> Vec<u8> {
        let response = self.respond(body);
        self.sign(body, &response)
    }

    /// Signs an answer to a request.
    pub fn sign(&self, body: &[u8], response: &SyncResponse) -> Vec<u8> {
        let answer = to_cbor(response);
        let sig = self.keys.sign(&answer_to_sign(body, &answer));
        to_cbor(&SignedAnswer { answer: answer.into(), sig: sig.into() })
    }

    /// What it answers, before it is signed.
    pub fn respond(&mut self, body: &[u8]) -> SyncResponse {
        let request: SyncRequest = from_cbor(body).unwrap();
        let mut results = Vec::new();
        for packed in &request.push {
            let envelope = request.batch.unpack(packed).unwrap();
            results.push(self.take(envelope));
        }
        self.keep_cosigns(&request);
        for told in request.recovery.iter().flatten().filter(|told| !told.is_empty()) {
            if !self.recovery.contains(told) {
                self.recovery.push(told.clone());
            }
        }
        let cursors = match request.cursors {
            Some(cursors) => cursors,
            None => self.cursors.get(&request.device).cloned().unwrap_or_default(),
        };
        let need_cursors = cursors.digest() != *request.digest;
        let mut response = SyncResponse {
            need_cursors,
            results,
            pending: self.pending.clone(),
            recovery: Some(self.recovery.clone()),
            cosign: Some(self.cosigns.clone()),
            ..empty_response(self.id(), self.now)
        };
        if !need_cursors {
            self.pull(request.device, cursors, &mut response);
        }
        response
    }

    fn keep_cosigns(&mut self, request: &SyncRequest) {
        let team = self.directory.team();
        for told in request.cosign.iter().flatten() {
            match self.cosigns.iter_mut().find(|known| known.id(team) == told.id(team)) {
                Some(known) => *known = told.clone(),
                None => self.cosigns.push(told.clone()),
            }
        }
        let withdrawn = request.withdrawn.clone().unwrap_or_default();
        let directory = &self.directory;
        self.cosigns.retain(|known| {
            !withdrawn.contains(&known.id(team)) && !directory.has_spent(&known.nonce)
        });
    }

    fn pull(&mut self, device: DeviceId, cursors: Cursors, response: &mut SyncResponse) {
        let mut at: BTreeMap<SpaceId, Cursor> =
            cursors.0.into_iter().map(|cursor| (cursor.space, cursor)).collect();
        let first = self.directory.space();
        let mut spaces: Vec<SpaceId> =
            self.logs.keys().copied().filter(|space| self.serves(device, *space)).collect();
        spaces.sort_by_key(|space| *space != first);
        for space in spaces {
            let from = at.get(&space).map_or(0, |cursor| cursor.seq);
            let log = &self.logs[&space];
            let items: Vec<SpaceItem> = log[from as usize..]
                .iter()
                .map(|row| item(row, device, &mut response.batch))
                .collect();
            if let Some(last) = log.last().filter(|_| !items.is_empty()) {
                let (seq, chain) = (log.len() as u64, last.chain);
                at.insert(space, Cursor { space, seq, chain });
                response.spaces.push(SpaceItems { space, items, seq, chain, more: false });
            }
        }
        self.cursors.insert(device, Cursors(at.into_values().collect()));
    }

    fn serves(&self, device: DeviceId, space: SpaceId) -> bool {
        let Some(device) = self.directory.device(&device) else { return false };
        let team = self.directory.team();
        let open = [SpaceKind::Directory, SpaceKind::Roster, SpaceKind::Operations];
        open.iter().any(|kind| open_space_id(team, *kind, None) == space)
            || self.spaces.get(&space).is_some_and(|info| info.is_read_by(&device.member))
    }

    /// Takes an envelope, whoever brings it.
    pub fn take(&mut self, envelope: Envelope) -> PushResult {
        let id = envelope.id();
        self.pushed.push(envelope.clone());
        if let Some((seq, row)) = self.find(id) {
            let code = row.code.map_or("", Code::as_str).to_owned();
            let verdict =
                if row.code.is_some() { Verdict::Quarantined } else { Verdict::Duplicate };
            return PushResult { id, verdict, seq, chain: row.chain, code };
        }
        match self.judge(&envelope) {
            Some((verdict @ Verdict::Quarantined, code)) => {
                self.append(envelope, Some(code), verdict)
            }
            Some((verdict, code)) => {
                PushResult { id, verdict, seq: 0, chain: Chain::EMPTY, code: code.to_string() }
            }
            None => self.append(envelope, None, Verdict::Stored),
        }
    }

    fn judge(&mut self, envelope: &Envelope) -> Option<(Verdict, Code)> {
        match envelope.header.kind {
            Kind::Directory => match self.directory.append(envelope) {
                Ok(()) => None,
                Err(code @ Code::DirectoryBehind) => Some((Verdict::RefusedRetry, code)),
                Err(code) => Some((Verdict::RefusedFinal, code)),
            },
            Kind::Space => {
                let info = SpaceInfo::made_by(envelope).unwrap();
                let one_only = matches!(info.kind(), SpaceKind::Clinical | SpaceKind::Personal);
                let has_one =
                    |other: &SpaceInfo| other.kind() == info.kind() && other.owner == info.owner;
                if one_only && self.spaces.values().any(has_one) {
                    return Some((Verdict::RefusedFinal, Code::SpaceExists));
                }
                self.spaces.insert(info.id, info);
                None
            }
            kind => {
                let space = envelope.header.space;
                if let Some(info) = self.spaces.get_mut(&space) {
                    info.apply(envelope).unwrap();
                } else if kind != Kind::Change {
                    return Some((Verdict::Waiting, Code::WrongSpace));
                }
                if kind.is_document() { self.verdicts.pop_front().flatten() } else { None }
            }
        }
    }

    fn append(&mut self, envelope: Envelope, code: Option<Code>, verdict: Verdict) -> PushResult {
        let id = envelope.id();
        let space = match envelope.header.kind {
            Kind::Directory => self.directory.space(),
            _ => envelope.header.space,
        };
        let directory_seq = self.directory.len();
        let log = self.logs.entry(space).or_default();
        let before = log.last().map_or(Chain::EMPTY, |row| row.chain);
        let row_day = self.now.day();
        let chain = next_chain(before, id, directory_seq, row_day);
        log.push(Row { envelope, code, directory_seq, row_day, chain });
        let seq = log.len() as u64;
        PushResult { id, verdict, seq, chain, code: code.map_or("", Code::as_str).to_owned() }
    }

    /// What was put into any log, in the order of arrival.
    pub fn envelopes(&self) -> Vec<Envelope> {
        let kept = |envelope: &&Envelope| self.find(envelope.id()).is_some();
        let mut seen = std::collections::BTreeSet::new();
        let all = self.pushed.iter().filter(kept).filter(|envelope| seen.insert(envelope.id()));
        all.cloned().collect()
    }

    fn find(&self, id: EnvelopeId) -> Option<(u64, &Row)> {
        self.logs.values().find_map(|log| {
            let at = log.iter().position(|row| row.envelope.id() == id)?;
            Some((at as u64 + 1, &log[at]))
        })
    }

    /// A device asks to be let in.
    pub fn enrol(&mut self, request: &EnrolRequest) -> EnrolAnswer {
        if self.directory.device(&device_id(&request.verify_key)).is_some() {
            return self.listed(|entry| entry);
        }
        let pending = PendingEnrolment::from(request);
        if !self.pending.contains(&pending) {
            self.pending.push(pending);
        }
        let (batch, directory) = (Batch::new(), Vec::new());
        EnrolAnswer { state: EnrolState::Pending, now: self.now, batch, directory }
    }

    /// The whole directory, every entry as `show` would have it.
    pub fn listed(&self, show: impl Fn(Envelope) -> Envelope) -> EnrolAnswer {
        let mut batch = Batch::new();
        let log = &self.logs[&self.directory.space()];
        let directory = log.iter().map(|row| batch.pack(&show(row.envelope.clone()))).collect();
        EnrolAnswer { state: EnrolState::Listed, now: self.now, batch, directory }
    }
}

fn item(row: &Row, reader: DeviceId, batch: &mut Batch) -> SpaceItem {
    let Row { envelope, code, directory_seq, row_day, .. } = row;
    let (directory_seq, row_day) = (*directory_seq, *row_day);
    let (id, header) = (envelope.id(), envelope.header);
    match code {
        Some(code) => SpaceItem::Stub {
            directory_seq,
            row_day,
            id,
            device: header.device,
            device_seq: header.device_seq,
            code: code.to_string(),
        },
        None if header.device == reader => SpaceItem::Own { directory_seq, row_day, id },
        None => SpaceItem::Envelope { directory_seq, row_day, packed: batch.pack(envelope) },
    }
}
