//! Taking what a device pushes: every envelope judged in order, all in one transaction.
//!
//! Invariant: an envelope that has a position uses up its author's number in that space; one that waits or is
//! refused uses up nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use sync_core::directory::Directory;
use sync_core::gates::{self, Author};
use sync_core::ids::{DeviceId, DocId, EnvelopeId, IncarnationId, SpaceId, TeamId};
use sync_core::protocol::{
    Batch, Carried, Code, Envelope, Kind, Packed, PushResult, RowData, Timestamp, limits,
    next_chain, to_cbor,
};

use crate::crash_point;
use crate::live::Touched;
use crate::store::incarnations::Incarnation;
use crate::store::items::{NewItem, Position};
use crate::store::quarantine::{self, Refused};
use crate::store::spaces::{Head, SpaceRow};
use crate::store::{StoreError, Tx, audit, devices, items, meta, spaces};

use super::auth::Authentic;
use super::changes::OpenDocument;
use super::heal;
use super::outcome::Outcome;
use super::{Refusal, Relay, TOKEN_MEMORY_S};

impl Relay {
    /// Takes everything a request pushes, in one durable transaction.
    pub(super) fn push(
        &self,
        authentic: &Authentic,
        now: Timestamp,
    ) -> Result<Vec<PushResult>, Refusal> {
        let Authentic { claims, request } = authentic;
        let _pushing = self.pushing.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = self.directory(request.team);
        let before = directory.len();
        let incarnation = IncarnationId::new(self.random());
        crash_point!("relay.push.before_begin");
        let (results, directory, erased, touched) = self.store().write(|tx| {
            let keep_until = claims.exp.saturating_add(TOKEN_MEMORY_S);
            if !meta::spend_token(tx, claims.device, &claims.jti, keep_until, now.seconds())? {
                return Err(Refusal::from(Code::TokenReplayed));
            }
            devices::saw(tx, request.device, request.team, now)?;
            audit::sum_up_days(tx, request.team, now)?;
            let healing = request.healing.as_ref();
            let rows = healing.map_or(&[][..], |healing| &healing.rows);
            // What has expired is gone before anything of this request is judged.
            let mut expired = self.expire_team(tx, request.team, &directory, now, false)?;
            let mut push = Push::new(tx, request.team, request.device, directory, now);
            let results = push.take_all(&request.batch, &request.push, rows)?;
            push.keep_enrolments(request)?;
            push.keep_cosigns(request)?;
            push.keep_recovery(request.recovery.as_deref().unwrap_or_default())?;
            if let Some((why, held)) = push.begins(before == 0) {
                let begun = Incarnation { id: incarnation, held };
                heal::begin(tx, request.team, begun, why, now)?;
            }
            let present = self.incarnation(tx, request.team)?;
            heal::open_for_admin(tx, present, healing, &push.directory, request, now)?;
            // A hold that ended, or rows that are handed back, may be over their time.
            let handed_back = !rows.is_empty();
            expired += self.expire_team(tx, request.team, &push.directory, now, handed_back)?;
            crash_point!("relay.push.before_commit");
            Ok((results, push.directory, push.erased || expired > 0, push.touched))
        })?;
        crash_point!("relay.push.after_commit");
        // Before anything that may wait: whoever is removed now is refused from now on.
        if directory.len() > before {
            let mut all = self.directories.write().unwrap_or_else(PoisonError::into_inner);
            all.insert(request.team, Arc::clone(&directory));
        }
        self.streams().committed(&directory, &touched);
        if erased {
            self.tidy();
        }
        Ok(results)
    }
}

/// One request's push, under way.
pub(super) struct Push<'a> {
    pub(super) tx: &'a Tx<'a>,
    pub(super) team: TeamId,
    pub(super) device: DeviceId,
    pub(super) directory: Arc<Directory>,
    pub(super) now: Timestamp,
    pub(super) spaces: BTreeMap<SpaceId, SpaceRow>,
    pub(super) documents: BTreeMap<(SpaceId, DocId), OpenDocument>,
    /// Whether a document was erased.
    pub(super) erased: bool,
    /// Orders to erase that were judged so far.
    pub(super) orders: usize,
    /// Bytes of documents and changes tried so far.
    pub(super) tried: usize,
    /// Envelopes that are handed back, with the rows they had.
    pub(super) carried: BTreeMap<EnvelopeId, RowData>,
    /// A row was replaced, so that a log is another one now.
    pub(super) rechained: bool,
    /// The envelope that is judged for a row that has its number already.
    pub(super) replacing: Option<EnvelopeId>,
    /// Whether anything got a position.
    pub(super) appended: bool,
    /// Released items that were tried so far.
    pub(super) released: usize,
    /// Open documents a row of which was put right.
    pub(super) mended: BTreeSet<(SpaceId, DocId)>,
    /// What the commit changes for those who listen.
    pub(super) touched: Touched,
}

impl<'a> Push<'a> {
    fn new(
        tx: &'a Tx<'a>,
        team: TeamId,
        device: DeviceId,
        directory: Arc<Directory>,
        now: Timestamp,
    ) -> Self {
        let (spaces, documents, carried) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (tried, orders, released) = (0, 0, 0);
        let (rechained, erased, appended, replacing) = (false, false, false, None);
        Self {
            tx,
            team,
            device,
            directory,
            now,
            spaces,
            documents,
            erased,
            orders,
            tried,
            carried,
            rechained,
            replacing,
            appended,
            released,
            mended: BTreeSet::new(),
            touched: Touched::default(),
        }
    }

    /// Why this push begins an incarnation of its team, if it does, and whether that is held back.
    fn begins(&self, was_unknown: bool) -> Option<(&'static str, bool)> {
        let pusher = self.directory.device(&self.device);
        // A team's first device is an admin's. Anybody else brings back what another relay, or this one, had.
        let rebuilt = was_unknown && pusher.is_some_and(|device| !heal::is_admins(&device));
        if rebuilt {
            return Some(("rebuilt", true));
        }
        self.rechained.then_some(("mended", false))
    }

    fn take_all(
        &mut self,
        batch: &Batch,
        push: &[Packed],
        rows: &[Carried],
    ) -> Result<Vec<PushResult>, StoreError> {
        let unpacked: Vec<_> = push.iter().map(|packed| batch.unpack(packed)).collect();
        for carried in rows {
            if let Some(Ok(envelope)) = unpacked.get(carried.index as usize) {
                self.carried.insert(envelope.id(), carried.row);
            }
        }
        let mut results = Vec::with_capacity(push.len());
        let mut at = 0;
        while let Some(first) = unpacked.get(at) {
            let Ok(first) = first else {
                results.push(self.refuse_unreadable(batch, &push[at])?);
                at += 1;
                continue;
            };
            let changes = changes_from(&unpacked[at..]);
            if changes.is_empty() {
                results.push(self.take(first)?.result(first.id()));
                at += 1;
            } else {
                results.extend(self.take_changes(&changes)?);
                at += changes.len();
            }
        }
        if self.appended {
            self.retry_released()?;
        }
        self.merge_mended()?;
        self.keep_documents()?;
        Ok(results)
    }

    /// Judges one envelope, and stores it or sets it aside.
    pub(super) fn take(&mut self, envelope: &Envelope) -> Result<Outcome, StoreError> {
        let id = envelope.id();
        if let Some(position) = items::position(self.tx, self.team, id)? {
            self.mend_known(envelope)?;
            return Ok(Outcome::Known(position));
        }
        if let Some(mended) = self.mend_place(envelope)? {
            return Ok(mended);
        }
        let outcome = match envelope.header.kind {
            Kind::Directory => self.take_entry(envelope)?,
            Kind::Space => self.take_space(envelope)?,
            _ => self.take_item(envelope)?,
        };
        if outcome == Outcome::Purged {
            self.foreclose_next(envelope)?;
        }
        if let Outcome::Refused(code) = outcome
            && is_suspicious(code)
        {
            let bytes = envelope.to_bytes();
            let refused = Refused { id, device: self.device, code, bytes: &bytes };
            if quarantine::keep(self.tx, self.team, &refused, self.now)? {
                self.record_refusal(id.to_string(), code)?;
            }
        }
        self.record_outcome(envelope, &outcome)?;
        Ok(outcome)
    }

    /// Bytes that are no envelope: nothing in them can be trusted, so they are kept apart and refused for good.
    fn refuse_unreadable(&self, batch: &Batch, packed: &Packed) -> Result<PushResult, StoreError> {
        let id = claimed_id(batch, packed);
        let bytes = to_cbor(packed);
        if bytes.len() <= 2 * limits::MAX_BODY {
            let refused = Refused { id, device: self.device, code: Code::Malformed, bytes: &bytes };
            if quarantine::keep(self.tx, self.team, &refused, self.now)? {
                self.record_refusal(id.to_string(), Code::Malformed)?;
            }
        }
        Ok(Outcome::Refused(Code::Malformed).result(id))
    }

    /// The author, if it is the pushing device, genuine, and its number in this space is free.
    pub(super) fn author<'d>(
        &self,
        envelope: &Envelope,
        directory: &'d Directory,
    ) -> Result<Result<Author<'d>, Outcome>, StoreError> {
        let header = &envelope.header;
        let author = match gates::authenticate(envelope, directory, self.row_length(envelope)) {
            Ok(author) => author,
            Err(Code::DirectoryBehind) => return Ok(Err(Outcome::Retry(Code::DirectoryBehind))),
            Err(code) => return Ok(Err(Outcome::Refused(code))),
        };
        if header.device != self.device && !self.is_carried(envelope) {
            return Ok(Err(Outcome::Refused(Code::NotAllowed)));
        }
        Ok(if !self.is_plausible(envelope)? {
            Err(Outcome::Refused(Code::Malformed))
        } else if self.replacing != Some(envelope.id()) && self.is_counted(envelope)? {
            Err(Outcome::Refused(Code::DeviceCloned))
        } else {
            Ok(author)
        })
    }

    /// Whether another envelope has the author's number in this space. Numbers may arrive in any order, because
    /// urgent ones leave first and refused ones leave a gap; none may arrive twice.
    pub(super) fn is_counted(&self, envelope: &Envelope) -> Result<bool, StoreError> {
        let header = &envelope.header;
        items::is_counted(self.tx, header.space, header.device, header.device_seq)
    }

    /// Whether a number is one that its device may have come to: not far beyond the last one stored in this space, so
    /// that what a removal names as accepted leaves little free below it.
    pub(super) fn is_plausible(&self, envelope: &Envelope) -> Result<bool, StoreError> {
        let header = &envelope.header;
        if header.device_seq == 0 || i64::try_from(header.device_seq).is_err() {
            return Ok(false);
        }
        match header.device_seq.checked_sub(limits::MAX_NUMBER_GAP) {
            None | Some(0) => Ok(true),
            Some(from) => items::is_stored_from(self.tx, header.space, header.device, from),
        }
    }

    /// Gives an envelope the next position of its space's log; with a code it is set aside there.
    pub(super) fn append(
        &mut self,
        space: SpaceId,
        envelope: &Envelope,
        code: Option<Code>,
    ) -> Result<Position, StoreError> {
        let RowData { directory_seq, row_day } = self.row_of(envelope);
        let row = self.spaces.get_mut(&space).ok_or(StoreError::Damaged("a space's head"))?;
        let id = envelope.id();
        let position = Position {
            seq: row.head.seq + 1,
            chain: next_chain(row.head.chain, id, directory_seq, row_day),
            code: code.map_or(String::new(), |code| code.as_str().to_owned()),
        };
        let item = NewItem { space, envelope, id, directory_seq, row_day, position: &position };
        items::insert(self.tx, &item)?;
        crash_point!("relay.push.after_item");
        row.head = Head { seq: position.seq, chain: position.chain };
        spaces::set_head(self.tx, space, row.head)?;
        crash_point!("relay.push.after_chain");
        self.appended = true;
        self.touched.note(space, envelope.header.kind);
        Ok(position)
    }

    /// Stores an envelope.
    pub(super) fn store(
        &mut self,
        space: SpaceId,
        envelope: &Envelope,
    ) -> Result<Outcome, StoreError> {
        Ok(Outcome::Stored(self.append(space, envelope, None)?))
    }

    /// Sets an envelope aside at its position.
    pub(super) fn quarantine(
        &mut self,
        space: SpaceId,
        envelope: &Envelope,
        code: Code,
    ) -> Result<Outcome, StoreError> {
        Ok(Outcome::Quarantined(self.append(space, envelope, Some(code))?))
    }
}

/// Refusals that no honest app provokes.
fn is_suspicious(code: Code) -> bool {
    matches!(
        code,
        Code::Malformed
            | Code::BadSignature
            | Code::UnknownDevice
            | Code::DirectoryFork
            | Code::DirectoryForged
            | Code::NotAllowed
            | Code::AfterRemoval
    )
}

/// The changes of open documents that a push begins with, up to the first envelope of another kind.
fn changes_from<E>(push: &[Result<Envelope, E>]) -> Vec<&Envelope> {
    let readable = push.iter().map_while(|envelope| envelope.as_ref().ok());
    readable.take_while(|envelope| envelope.header.kind == Kind::Change).collect()
}

/// The id that unreadable bytes claim, zero where not even that can be told.
fn claimed_id(batch: &Batch, packed: &Packed) -> EnvelopeId {
    batch.claimed_id(packed).unwrap_or(EnvelopeId::new([0; 32]))
}
