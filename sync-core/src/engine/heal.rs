//! Healing a relay that lost something: telling it what is held here, and handing back what it lacks.
//!
//! A space is marked when its log no longer continues this phone's cursor, every space when the relay's incarnation
//! changed. A marked space is read anew from its beginning, where what is known here is only acknowledged; and the
//! relay is told short hashes of what is held of it. What it lacks is queued and pushed with its old row. Everything
//! here may be cut at any point and repeated.

use std::collections::{BTreeMap, BTreeSet};

use crate::crypto;
use crate::directory::Directory;
use crate::gates;
use crate::ids::{EnvelopeId, SpaceId};
use crate::protocol::{
    Code, Envelope, Healing, HeldItems, Kind, MAX_HELD, MAX_WANTED, PushResult, ReconcileAnswer,
    ReconcileRequest, RowData, SignedAnswer, SyncResponse, Verdict, from_cbor, held_hash,
    reconcile_to_sign,
};

use super::desk::Desk;
use super::rows::{ItemRow, ItemState, RelayRow, Turn};
use super::store::Table;
use super::{Env, Phone, Result};

impl Phone {
    /// What to send to `POST /v1/reconcile` before the next sync; `None` if nothing has to be healed.
    pub fn reconcile_request(&mut self, env: &mut Env<'_>) -> Result<Option<ReconcileRequest>> {
        if self.wiped.is_some() {
            return Ok(None);
        }
        let desk = self.desk()?;
        let marks = desk.rows.marks()?;
        if marks.is_empty() || desk.require_enrolled().is_err() {
            return Ok(None);
        }
        let mut seed = [0; 16];
        env.rng.fill_bytes(&mut seed);
        let held = desk.held(&marks)?;
        let mut left = MAX_HELD;
        let mut spaces = Vec::new();
        for (space, told) in marks {
            let ids = held.get(&space).map_or(&[][..], Vec::as_slice);
            let rest = ids.get(told as usize..).unwrap_or_default();
            let page: Vec<EnvelopeId> = rest.iter().take(left).map(|held| held.id).collect();
            left -= page.len();
            spaces.push(HeldItems::of(&seed, space, &page));
            if left == 0 {
                break;
            }
        }
        let (team, device) = (desk.identity.team, desk.device());
        Ok(Some(ReconcileRequest { team, device, seed: seed.into(), spaces }))
    }

    /// Takes the answer: queues what the relay lacks. `request`: its bytes as they were sent, inflated or not, which
    /// the signature covers; `message`: the request itself.
    ///
    /// # Errors
    /// `bad_signature` or `malformed` if the answer is not what the relay signed for this request.
    pub fn reconcile_answer(
        &mut self,
        message: &ReconcileRequest,
        request: &[u8],
        answer: &[u8],
    ) -> Result<()> {
        crate::crash_point!("phone.reconcile.after_answer");
        let signed: SignedAnswer = from_cbor(answer).map_err(|_| Code::Malformed)?;
        let answer: ReconcileAnswer = from_cbor(&signed.answer).map_err(|_| Code::Malformed)?;
        let bytes = reconcile_to_sign(request, &signed.answer);
        if !crypto::verify(answer.relay.as_bytes(), &bytes, &signed.sig) {
            return Err(Code::BadSignature.into());
        }
        let mut desk = self.desk()?;
        desk.queue_lacking(message, &answer)?;
        crate::crash_point!("phone.reconcile.before_commit");
        desk.commit()?;
        crate::crash_point!("phone.reconcile.after_commit");
        Ok(())
    }

    /// The relay refused a request because its directory does not list this device. It may have lost that: the next
    /// request brings the directory along. False if it just did, or if this phone is not let in anywhere.
    pub fn offer_directory(&mut self) -> bool {
        let listed = self.directory.device(&self.keys.device_id()).is_some();
        let offers = listed && !self.offers_directory;
        self.offers_directory = offers;
        offers
    }
}

/// Something held here that a relay had.
pub(super) struct Held {
    pub turn: Turn,
    pub seq: u64,
    pub id: EnvelopeId,
}

impl Desk<'_> {
    /// What is held of the marked spaces, each in the order in which it is told and handed back.
    fn held(&self, marks: &[(SpaceId, u64)]) -> Result<BTreeMap<SpaceId, Vec<Held>>> {
        let wanted: BTreeSet<SpaceId> = marks.iter().map(|(space, _)| *space).collect();
        let mut held: BTreeMap<SpaceId, Vec<Held>> = BTreeMap::new();
        let directory = self.directory.space();
        if wanted.contains(&directory) {
            let entries = (1..=self.directory.len()).filter_map(|seq| {
                let id = self.directory.head_at(seq)?;
                Some(Held { turn: Turn::Directory, seq, id })
            });
            held.insert(directory, entries.collect());
        }
        for (key, value) in self.rows.all(Table::Items, &[])? {
            let item: ItemRow = from_cbor(&value).map_err(|_| Code::StoreFailed)?;
            if item.space == directory || !wanted.contains(&item.space) || !was_taken(&item) {
                continue;
            }
            let id = EnvelopeId::from_slice(&key).map_err(|_| Code::StoreFailed)?;
            let Some(envelope) = self.rows.envelope(id)? else { continue };
            if self.rows.hole(id)?.is_some() {
                continue;
            }
            let turn = turn_of(&envelope);
            held.entry(item.space).or_default().push(Held { turn, seq: item.seq, id });
        }
        for of_space in held.values_mut() {
            of_space.sort_by_key(|held| (held.turn, held.seq.wrapping_sub(1), held.id));
        }
        Ok(held)
    }

    fn queue_lacking(&mut self, asked: &ReconcileRequest, answer: &ReconcileAnswer) -> Result<()> {
        let marks = self.rows.marks()?;
        let held = self.held(&marks)?;
        let queued = self.rows.queued(usize::MAX)?.into_iter().map(|(_, id)| id);
        let mut queued: BTreeSet<EnvelopeId> = queued.collect();
        for told in &asked.spaces {
            let Some((_, before)) = marks.iter().find(|(space, _)| *space == told.space) else {
                continue;
            };
            let all = held.get(&told.space).map_or(&[][..], Vec::as_slice);
            let by_hash: BTreeMap<u64, &Held> =
                all.iter().map(|held| (held_hash(&asked.seed, held.id), held)).collect();
            let lacked = answer.lacking.iter().find(|lacked| lacked.space == told.space);
            let mut count = 0;
            for (at, hash) in told.each().enumerate() {
                count += 1;
                let Some(held) = by_hash.get(&hash) else { continue };
                if lacked.is_some_and(|lacked| lacked.lacks(at)) && queued.insert(held.id) {
                    self.rows.queue_again(held.turn, held.id)?;
                }
            }
            let told_now = before + count;
            if told_now < all.len() as u64 {
                self.rows.mark(told.space, told_now)?;
            } else {
                self.rows.unmark(told.space)?;
            }
        }
        Ok(())
    }

    /// Marks every space that this phone knows.
    pub fn mark_all(&mut self) -> Result<()> {
        for row in self.rows.spaces()? {
            self.rows.mark(row.info.id, 0)?;
        }
        Ok(())
    }

    /// The relay's log is not the one this phone knows: it is read anew, and the relay told what is held of it.
    pub fn start_over(&mut self, space: SpaceId) -> Result<()> {
        if let Some(mut row) = self.rows.space(space)? {
            (row.seq, row.chain) = (0, crate::ids::Chain::EMPTY);
            (row.high_seq, row.high_chain) = (0, crate::ids::Chain::EMPTY);
            self.rows.put_space(&row)?;
            self.rows.mark(space, 0)?;
        }
        Ok(())
    }

    /// Notes which incarnation of which relay answered. Another one than before may lack anything.
    pub fn note_relay(&mut self, response: &SyncResponse) -> Result<()> {
        let seen = RelayRow { relay: response.relay, incarnation: response.incarnation };
        match self.rows.relay()? {
            Some(known) if known == seen => return Ok(()),
            Some(_) => {
                self.rows.raise(Code::RelayChanged, &response.relay.to_string())?;
                self.mark_all()?;
                // The log of a restored relay goes another way from the backup on.
                self.rows.forget_audit_rows()?;
            }
            None => {}
        }
        Ok(self.rows.put_relay(&seen)?)
    }

    /// What the next request says about healing, but for the rows it hands back.
    pub fn healing(&self) -> Result<Option<Healing>> {
        let wanted = self.rows.holes(MAX_WANTED)?;
        let known = self.rows.relay()?;
        if known.is_none() && wanted.is_empty() {
            return Ok(None);
        }
        Ok(Some(Healing {
            incarnation: known.map(|known| known.incarnation),
            done: !self.rows.has_marks()? && self.rows.owes_no_order()?,
            rows: Vec::new(),
            wanted,
        }))
    }

    /// What is handed back next, with the rows it had. What is gone from here is dropped.
    pub fn hand_back(&mut self, limit: usize) -> Result<Vec<(Turn, Envelope, Option<RowData>)>> {
        let entries = match self.rows.queued(1)?.is_empty() {
            true => Vec::new(),
            false => self.rows.directory_entries()?,
        };
        let places: BTreeMap<EnvelopeId, u64> =
            entries.iter().enumerate().map(|(at, entry)| (entry.id(), at as u64 + 1)).collect();
        let mut out = Vec::new();
        for (place, id) in self.rows.queued(limit)? {
            if let Some(seq) = places.get(&id) {
                let row = self.directory_row(*seq)?;
                out.push((Turn::Directory, entries[*seq as usize - 1].clone(), row));
            } else if let (Some(envelope), Some(item)) =
                (self.rows.envelope(id)?, self.rows.item(id)?)
            {
                out.push((turn_of(&envelope), envelope, item.row));
            } else {
                self.rows.unqueue(&place)?;
            }
        }
        Ok(out)
    }

    /// The row of the directory entry at a length: the relay writes it once the entry is part of the directory.
    pub fn directory_row(&self, seq: u64) -> Result<Option<RowData>> {
        let day = self.rows.directory_day(seq)?.and_then(|day| u32::try_from(day).ok());
        Ok(day.map(|day| RowData { directory_seq: seq, row_day: crate::protocol::Day(day) }))
    }

    /// Takes the results of what was handed back out of the queue; how many the relay stored. A relay that is not
    /// listed is believed nothing, so whatever it answered about is not sent to it again.
    pub fn handed_back(&mut self, results: &[PushResult], believed: bool) -> Result<u64> {
        let queued = self.rows.queued(usize::MAX)?;
        if queued.is_empty() {
            return Ok(0);
        }
        let mut places: BTreeMap<EnvelopeId, Vec<u8>> =
            queued.into_iter().map(|(place, id)| (id, place)).collect();
        let mut count = 0;
        for result in results {
            if believed && !result.verdict.is_terminal() {
                continue;
            }
            let Some(place) = places.remove(&result.id) else { continue };
            self.rows.unqueue(&place)?;
            count += u64::from(matches!(result.verdict, Verdict::Stored | Verdict::Duplicate));
        }
        Ok(count)
    }

    /// Queues what the relay's copy of is damaged and this phone holds.
    pub fn offer_wanted(&mut self, wanted: &[EnvelopeId]) -> Result<bool> {
        let mut any = false;
        if wanted.is_empty() {
            return Ok(false);
        }
        let queued = self.rows.queued(usize::MAX)?;
        for id in wanted.iter().take(MAX_WANTED) {
            let Some(item) = self.rows.item(*id)? else { continue };
            let Some(envelope) = self.rows.envelope(*id)? else { continue };
            let sound = was_taken(&item) && self.rows.hole(*id)?.is_none();
            if sound && queued.iter().all(|(_, known)| known != id) {
                self.rows.queue_again(turn_of(&envelope), *id)?;
                any = true;
            }
        }
        Ok(any)
    }
}

fn turn_of(envelope: &Envelope) -> Turn {
    match envelope.header.kind {
        Kind::Directory => Turn::Directory,
        Kind::Purge => Turn::Purge,
        _ => Turn::Rest,
    }
}

/// Whether a relay gave the envelope a place: what never left this phone is the outbox's business.
pub(super) fn was_taken(item: &ItemRow) -> bool {
    match item.state {
        ItemState::Applied | ItemState::Unreadable | ItemState::Waiting => true,
        // Set aside here, but others may see it otherwise: it is part of the log.
        ItemState::Refused => item.seq > 0,
        ItemState::Outbox | ItemState::Kept | ItemState::Purged => false,
    }
}

/// Whether an envelope is its author's, as a directory had them at a length.
pub(super) fn is_genuine(envelope: &Envelope, directory: &Directory, seq: u64) -> bool {
    gates::authenticate(envelope, directory, seq).is_ok()
}
