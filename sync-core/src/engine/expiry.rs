//! Expiry on a phone: the days counted on relay-attested time, what has expired erased, and what people are told of it.
//!
//! Time is what a listed relay attested last, advanced by a clock that nobody sets ([`Uptime`]); the phone's own clock
//! only corroborates it. A phone without a link sees no later touch of a document, so what it erases by time alone it
//! asks the relay about: gone there, the tombstone stands for good; still there, every change is fetched again. What
//! never left this phone is not erased by time: it becomes a draft.

use std::collections::{BTreeMap, BTreeSet};

use crate::directory::Directory;
use crate::gates::{self, Touch};
use crate::ids::{DocId, EnvelopeId, SpaceId};
use crate::protocol::{Code, Day, Envelope, PurgeReason, SyncResponse, Timestamp};
use crate::records::{DocType, Retention};

use super::desk::Desk;
use super::rows::{DocumentRow, DraftRow, HoleRow, ItemState, SoftRow, TombstoneRow};
use super::session::note_doc;
use super::store::StoreError;
use super::{Env, Phone, Result};

/// How far an answer's time may be ahead of what this phone counts by itself and still be believed at once.
const MAX_STEP_MS: i64 = 2 * 86_400_000;

/// The time by which documents expire.
const TIME: &str = "expiry_ms";
/// How far it was ahead of the phone's own clock when it was last attested.
const OFFSET: &str = "expiry_offset_ms";
/// Whether a relay's time was not believed.
const DOUBT: &str = "expiry_doubt";
/// Which start of the machine the last reading of its uptime belongs to, and the reading.
const BOOT: &str = "expiry_boot";
const UP: &str = "expiry_up_ms";
/// The day and the directory's length at which documents were last looked through.
const LOOKED: &str = "expiry_looked";
const LOOKED_AT: &str = "expiry_looked_at";

/// A reading of a clock that nobody sets: how long this machine has been on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uptime {
    /// Another number after every start of the machine.
    pub boot: i64,
    /// Milliseconds since that start, those asleep included.
    pub ms: i64,
}

/// Until when a part of a record is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptUntil {
    /// The document.
    pub doc: DocId,
    /// Its kind.
    pub kind: &'static str,
    /// The last day on which it is kept, unless somebody touches it again; `None` until the relay has all of it.
    pub day: Option<Day>,
    /// Whether a legal hold keeps it beyond that day.
    pub held: bool,
}

/// What this phone knows of the rows of a document.
#[derive(Default)]
struct Known {
    touches: Vec<Touch>,
    /// Changes that never left this phone.
    unsent: Vec<EnvelopeId>,
    /// Whether the relay took a change whose row was not read yet.
    unread: bool,
}

impl Phone {
    /// Advances the time that a relay attested last by what has passed since, and erases what has expired by it. To be
    /// called when the app opens and while it is open; needs no link. Returns the number of documents erased.
    pub fn expire(&mut self, up: Uptime) -> Result<u64> {
        let mut desk = self.desk()?;
        desk.pass_time(up)?;
        let count = desk.expire_due()?;
        desk.commit()?;
        Ok(count)
    }

    /// Until when the parts of a record are kept, and the session notes of an intervention; what is kept for good is not
    /// named.
    ///
    /// # Errors
    /// `no_such_record`.
    pub fn kept_until(&mut self, record: DocId) -> Result<Vec<KeptUntil>> {
        let desk = self.desk()?;
        let (_, parts) = desk.open_record(record)?;
        let mut docs: Vec<(SpaceId, DocId)> = parts.iter().map(|p| (p.space, p.doc)).collect();
        for row in desk.session_spaces(record)? {
            docs.push((row.info.id, note_doc(row.info.id)));
        }
        let later: BTreeSet<DocId> = docs.iter().map(|(_, doc)| doc.successor()).collect();
        let mut kept = Vec::new();
        for (space, doc) in docs.into_iter().filter(|(_, doc)| !later.contains(doc)) {
            kept.extend(desk.kept(space, doc)?);
        }
        Ok(kept)
    }
}

impl Desk<'_> {
    /// Counts on by what has passed on this machine's own clock. A restart counts from its moment: what passed while the
    /// machine was off, nobody knows.
    fn pass_time(&mut self, up: Uptime) -> Result<()> {
        let Some(time) = self.rows.number(TIME)? else { return Ok(()) };
        let before = (self.rows.number(BOOT)?, self.rows.number(UP)?);
        let passed = match before {
            (Some(boot), Some(ms)) if boot == up.boot => up.ms.saturating_sub(ms),
            (Some(_), Some(_)) => up.ms,
            // The first reading after an answer.
            _ => 0,
        };
        self.rows.put_number(TIME, time.saturating_add(passed.max(0)))?;
        self.rows.put_number(BOOT, up.boot)?;
        Ok(self.rows.put_number(UP, up.ms)?)
    }

    /// Takes the time that the latest answer attests, if it is not far ahead of what this phone counts itself. Otherwise
    /// people are told, and only somebody who has looked at a calendar lets it count.
    pub fn note_attested(&mut self, env: &Env<'_>, response: &SyncResponse) -> Result<()> {
        let relay = response.relay.to_string();
        if let Some(counted) = self.rows.number(TIME)? {
            let own = env.now.plus_ms(self.rows.number(OFFSET)?.unwrap_or(0));
            let expected = own.0.max(counted);
            let seen = self.rows.number(DOUBT)?.unwrap_or(0) != 0
                && !self.rows.has_alarm(Code::RelayTimeAhead, &relay)?;
            if response.now.0.saturating_sub(expected) > MAX_STEP_MS && !seen {
                self.rows.raise(Code::RelayTimeAhead, &relay)?;
                return Ok(self.rows.put_number(DOUBT, 1)?);
            }
        }
        self.rows.lower(Code::RelayTimeAhead, &relay)?;
        self.rows.put_number(DOUBT, 0)?;
        self.rows.put_number(TIME, response.now.0)?;
        self.rows.put_number(OFFSET, response.now.0.saturating_sub(env.now.0))?;
        self.rows.forget_number(BOOT)?;
        Ok(self.rows.forget_number(UP)?)
    }

    /// Looks through everything again when the next occasion comes: something changed that expiry follows from.
    pub fn look_again(&mut self) -> Result<()> {
        Ok(self.rows.forget_number(LOOKED)?)
    }

    /// Erases what has expired by the time counted here, if a day has begun or the directory changed since the last time;
    /// how many documents.
    pub fn expire_due(&mut self) -> Result<u64> {
        let Some(time) = self.rows.number(TIME)? else { return Ok(0) };
        let (today, len) = (Timestamp(time).day(), self.directory.len());
        let at = (Some(i64::from(today.0)), i64::try_from(len).ok());
        if (self.rows.number(LOOKED)?, self.rows.number(LOOKED_AT)?) == at {
            return Ok(0);
        }
        let (count, settled) = self.expire_all(today)?;
        if !settled {
            return Ok(count);
        }
        self.rows.put_number(LOOKED, i64::from(today.0))?;
        self.rows.put_number(LOOKED_AT, i64::try_from(len).unwrap_or(i64::MAX))?;
        Ok(count)
    }

    /// How many documents expired; and whether no row has yet to be read that decides about another.
    fn expire_all(&mut self, today: Day) -> Result<(u64, bool)> {
        let mut known = self.known_rows()?;
        let (mut count, mut settled) = (0, true);
        for row in self.rows.spaces()?.into_iter().filter(|row| !row.superseded) {
            let (space, kind) = (row.info.id, row.info.kind());
            let documents: BTreeMap<DocId, DocumentRow> = self
                .rows
                .documents_of(Some(space))?
                .into_iter()
                .map(|(_, doc, row)| (doc, row))
                .collect();
            for chain in gates::chains(&documents.keys().copied().collect()) {
                let first = chain[0];
                let part = DocType::by_number(documents[&first].record);
                let Some(class) = part.map(|part| part.retention.in_space(kind)) else { continue };
                if class == Retention::Kept || self.is_hidden(space, first)? {
                    continue;
                }
                let mut all = Known::default();
                for doc in &chain {
                    all.add(known.remove(&(space, *doc)).unwrap_or_default());
                }
                let directory: &Directory = &self.directory;
                let expires = gates::expires_on(directory, space, first, class, &all.touches);
                if !gates::has_expired(directory, space, first, expires, today) {
                    continue;
                }
                if all.unread {
                    settled = false;
                } else if !all.unsent.is_empty() {
                    self.keep_unsent(&all.unsent)?;
                } else if self.rows.spared(space, first)? != Some(today) {
                    self.bury_expired(space, first, expires.unwrap_or(today))?;
                    count += 1;
                }
            }
        }
        Ok((count, settled))
    }

    /// The rows of every change that this phone holds, by document. What the relay served as set aside is none; what only
    /// this phone set aside is one, since the relay cannot tell.
    fn known_rows(&self) -> Result<BTreeMap<(SpaceId, DocId), Known>> {
        let mut known: BTreeMap<(SpaceId, DocId), Known> = BTreeMap::new();
        self.rows.each_envelope(|id, envelope| {
            let header = &envelope.header;
            if header.kind.is_document() {
                let of = known.entry((header.space, header.doc)).or_default();
                of.note(self, id, &envelope)?;
            }
            Ok(())
        })?;
        Ok(known)
    }

    /// What was typed into an expired document and never left stays readable for its author.
    fn keep_unsent(&mut self, unsent: &[EnvelopeId]) -> Result<()> {
        for id in unsent {
            let Some(envelope) = self.rows.envelope(*id)? else { continue };
            let (space, doc) = (envelope.header.space, envelope.header.doc);
            let values = self.values_without(*id, space, doc)?;
            let record = self.rows.root_of(doc)?;
            let code = Code::Expired.to_string();
            self.rows.put_draft(*id, &DraftRow { code, record, values, own: true })?;
        }
        Ok(())
    }

    /// Erases an expired document here, and asks the relay whether it is gone there too.
    fn bury_expired(&mut self, space: SpaceId, first: DocId, day: Day) -> Result<()> {
        let mut soft: BTreeMap<DocId, SoftRow> = BTreeMap::new();
        for (doc, row) in self.chain_from(space, first)? {
            let mut items: Vec<(u64, EnvelopeId)> = Vec::new();
            for id in self.rows.envelopes_of(&BTreeSet::from([(space, doc)]))? {
                items.extend(self.rows.item(id)?.map(|item| (item.seq, id)));
            }
            items.sort_unstable();
            let (actor_no, own_changes) = (row.actor_no, row.own_changes);
            let items = items.into_iter().map(|(_, id)| id).collect();
            soft.insert(doc, SoftRow { first, items, actor_no, own_changes });
        }
        let (why, by) = (PurgeReason::Expired, None);
        let stone = TombstoneRow {
            record: 0,
            day,
            why,
            by,
            late: 0,
            continues: false,
            order: None,
            soft: None,
        };
        self.bury(space, first, stone)?;
        for (doc, row) in soft {
            let Some(stone) = self.rows.tombstone(space, doc)? else { continue };
            if doc == first
                && let Some(probe) = row.items.last()
            {
                self.miss(space, *probe)?;
            }
            self.rows.put_tombstone(space, doc, &TombstoneRow { soft: Some(row), ..stone })?;
        }
        Ok(())
    }

    /// Asks the relay for an item that was erased here.
    fn miss(&mut self, space: SpaceId, id: EnvelopeId) -> Result<()> {
        let Some(item) = self.rows.item(id)? else { return Ok(()) };
        let Some(row) = item.row else { return Ok(()) };
        Ok(self.rows.put_hole(id, &HoleRow { space, seq: item.seq, row })?)
    }

    /// A change of a document came that expired here: whether it is gone follows from what the relay says of the rest.
    pub fn note_late(&mut self, space: SpaceId, doc: DocId, id: EnvelopeId) -> Result<()> {
        let Some(mut stone) = self.rows.tombstone(space, doc)? else { return Ok(()) };
        if let Some(soft) = stone.soft.as_mut().filter(|soft| !soft.items.contains(&id)) {
            soft.items.push(id);
            self.rows.put_tombstone(space, doc, &stone)?;
        }
        Ok(())
    }

    /// The relay still has a change of a document that expired here: it was touched, or held, unknown to this phone. All of
    /// it is fetched again, and it does not expire here before the next day.
    pub fn revive_expired(&mut self, space: SpaceId, doc: DocId) -> Result<bool> {
        let stone = self.rows.tombstone(space, doc)?;
        let Some(first) = stone.and_then(|stone| stone.soft).map(|soft| soft.first) else {
            return Ok(false);
        };
        for doc in first.chain() {
            let Some(stone) = self.rows.tombstone(space, doc)? else { break };
            self.rows.delete_tombstone(space, doc)?;
            let Some(soft) = stone.soft else { continue };
            for id in &soft.items {
                self.miss(space, *id)?;
            }
            // This device's numbers in the document go on where they were.
            let (actor_no, own_changes) = (soft.actor_no + 1, soft.own_changes);
            let record = stone.record;
            let row = DocumentRow { record, actor_no, own_changes, saved: None, changes: 0 };
            self.rows.put_document(space, doc, &row)?;
        }
        if let Some(time) = self.rows.number(TIME)? {
            self.rows.spare(space, first, Timestamp(time).day())?;
        }
        Ok(true)
    }

    /// The relay says that an item was erased: a document that expired here is then gone for good.
    pub fn confirm_expired(&mut self, id: EnvelopeId) -> Result<()> {
        for (space, doc, mut stone) in self.rows.tombstones()? {
            let Some(soft) = stone.soft.take().filter(|soft| soft.items.contains(&id)) else {
                continue;
            };
            self.rows.put_tombstone(space, doc, &stone)?;
            for other in soft.first.chain() {
                let Some(stone) = self.rows.tombstone(space, other)? else { break };
                self.rows.put_tombstone(space, other, &TombstoneRow { soft: None, ..stone })?;
            }
        }
        Ok(())
    }

    fn kept(&self, space: SpaceId, first: DocId) -> Result<Option<KeptUntil>> {
        let (Some(row), Some(info)) = (self.rows.document(space, first)?, self.rows.space(space)?)
        else {
            return Ok(None);
        };
        let Some(part) = DocType::by_number(row.record) else { return Ok(None) };
        let class = part.retention.in_space(info.info.kind());
        if class == Retention::Kept || self.is_hidden(space, first)? {
            return Ok(None);
        }
        let mut known = Known::default();
        for (doc, _) in self.chain_from(space, first)? {
            let mut ids = self.rows.changes(space, doc)?;
            ids.extend(self.rows.parked_of(space, doc)?);
            for id in ids {
                if let Some(envelope) = self.rows.envelope(id)? {
                    known.note(self, id, &envelope)?;
                }
            }
        }
        let directory: &Directory = &self.directory;
        let expires = gates::expires_on(directory, space, first, class, &known.touches);
        let settled = known.unsent.is_empty() && !known.unread;
        let day = expires.filter(|_| settled).map(|day| Day(day.0.saturating_sub(1)));
        let held = directory.is_held(space, first, directory.len());
        Ok(Some(KeptUntil { doc: first, kind: part.name, day, held }))
    }
}

impl Known {
    fn note(
        &mut self,
        desk: &Desk<'_>,
        id: EnvelopeId,
        envelope: &Envelope,
    ) -> std::result::Result<(), StoreError> {
        let Some(item) = desk.rows.item(id)? else { return Ok(()) };
        let own = envelope.header.device == desk.device();
        match (item.state, item.row) {
            (ItemState::Outbox, _) => self.unsent.push(id),
            (ItemState::Kept | ItemState::Purged, _) => {}
            (ItemState::Refused, _) if own => {}
            (_, Some(row)) => {
                self.touches.push(Touch { day: row.row_day, directory_seq: row.directory_seq })
            }
            (ItemState::Refused, None) => {}
            (_, None) => self.unread = true,
        }
        Ok(())
    }

    fn add(&mut self, other: Known) {
        self.touches.extend(other.touches);
        self.unsent.extend(other.unsent);
        self.unread |= other.unread;
    }
}
