//! Erasing: orders a person gives, orders that arrive, and what a document leaves behind.
//!
//! A document that was ordered to be erased never comes back: its tombstone stands before anything of it is
//! looked at. What this phone had of it goes in the same transaction, and the store overwrites freed pages. A person's
//! own order hides the document until the relay has taken the order: one that a hold defeats must not cost its author
//! the only copy.

use std::collections::BTreeSet;

use crate::directory::{Directory, Op, SpaceInfo};
use crate::doc;
use crate::gates::{self, Named};
use crate::ids::{DocId, EnvelopeId, MemberId, SpaceId};
use crate::protocol::{
    Code, Day, Envelope, Kind, Priority, PurgeBody, PurgeReason, SealedBody, from_cbor, to_cbor,
};
use crate::records::{DocType, RecordType};

use super::desk::{Desk, Slip};
use super::rows::{ItemState, SecretName, TombstoneRow};
use super::session::note_doc;
use super::store::Table;
use super::{Env, Phone, Result};

/// What a person is shown of something that was erased. It holds no content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The document.
    pub doc: DocId,
    /// Its space.
    pub space: SpaceId,
    /// The kind of record it belonged to, if it was known here.
    pub kind: Option<&'static str>,
    /// When it was erased, as far as this phone knows the day.
    pub day: Day,
    /// Why.
    pub why: PurgeReason,
    /// Who ordered it; `None` where its time had come.
    pub by: Option<MemberId>,
    /// Changes of this device that came too late, and are not kept.
    pub late: u64,
}

impl Phone {
    /// Orders a record to be erased for good, on every phone and the relay: what can be opened of it here, the
    /// sealed part first. It is hidden here at once and erased when the relay has taken the order, which leaves before
    /// anything else; if the relay refuses it, as during a hold, the record is shown again.
    ///
    /// # Errors
    /// `no_such_record`; `not_allowed` unless this member wrote it, reads its sealed space, or (open records)
    /// coordinates or is an admin; `legal_hold` while it is held. Nothing is hidden or ordered then.
    pub fn purge(&mut self, env: &mut Env<'_>, record: DocId) -> Result<()> {
        crate::crash_point!("phone.record.before_begin");
        let mut desk = self.desk()?;
        desk.require_enrolled()?;
        let (_, mut parts) = desk.open_record(record)?;
        parts.sort_by_key(|part| !part.doc_type.is_sealed());
        let all: BTreeSet<DocId> = parts.iter().map(|part| part.doc).collect();
        let later: BTreeSet<DocId> = all.iter().map(DocId::successor).collect();
        for part in parts.iter().filter(|part| !later.contains(&part.doc)) {
            desk.order_purge(env, part.space, part.doc)?;
        }
        desk.commit_recorded()
    }

    /// Orders the session notes of an intervention that this member reads to be erased for good, as [`Phone::purge`];
    /// the intervention's facts stay. Nobody writes into such a note again.
    ///
    /// # Errors
    /// `no_such_record` if there is no note to read; `legal_hold` while one is held.
    pub fn purge_notes(&mut self, env: &mut Env<'_>, intervention: DocId) -> Result<()> {
        crate::crash_point!("phone.record.before_begin");
        let mut desk = self.desk()?;
        desk.require_enrolled()?;
        let mut any = false;
        for row in desk.session_spaces(intervention)? {
            let (space, doc) = (row.info.id, note_doc(row.info.id));
            let here = desk.rows.document(space, doc)?.is_some() && !desk.is_hidden(space, doc)?;
            if here && row.info.is_read_by(&desk.identity.member) {
                desk.order_purge(env, space, doc)?;
                any = true;
            }
        }
        if !any {
            return Err(Code::NoSuchRecord.into());
        }
        desk.commit_recorded()
    }

    /// Begins or ends a legal hold of a record: of every part of it that this phone holds. Nobody's order and no
    /// time erases it meanwhile. In force once the relay has taken it.
    ///
    /// # Errors
    /// `not_allowed` without the `admin` capability, `no_such_record`.
    pub fn hold(&mut self, record: DocId, held: bool) -> Result<()> {
        crate::crash_point!("phone.record.before_begin");
        let mut desk = self.desk()?;
        desk.require_admin()?;
        let (_, parts) = desk.open_record(record)?;
        for part in parts {
            desk.propose(Op::Hold { space: part.space, doc: part.doc, held })?;
        }
        desk.commit_recorded()
    }

    /// Whether any part of a record is under a legal hold, as far as this phone knows the directory.
    ///
    /// # Errors
    /// `no_such_record`.
    pub fn is_held(&mut self, record: DocId) -> Result<bool> {
        let desk = self.desk()?;
        let (_, parts) = desk.open_record(record)?;
        let len = desk.directory.len();
        Ok(parts.iter().any(|part| desk.directory.is_held(part.space, part.doc, len)))
    }

    /// What was erased here, the latest last.
    pub fn receipts(&mut self) -> Result<Vec<Receipt>> {
        let desk = self.desk()?;
        let rows = desk.rows.tombstones()?;
        let mut receipts: Vec<Receipt> = rows
            .into_iter()
            .filter(|(.., row)| !row.continues && row.order.is_none())
            .map(|(space, doc, row)| Receipt {
                doc,
                space,
                kind: RecordType::of_part(row.record).map(|record| record.name),
                day: row.day,
                why: row.why,
                by: row.by,
                late: row.late,
            })
            .collect();
        receipts.sort_by_key(|receipt| (receipt.day, receipt.doc));
        Ok(receipts)
    }
}

impl Desk<'_> {
    fn order_purge(&mut self, env: &mut Env<'_>, space: SpaceId, doc: DocId) -> Result<()> {
        let (row, why) = (self.space_row(space)?, PurgeReason::Ordered);
        let slip = Slip {
            kind: Kind::Purge,
            priority: Priority::First,
            doc,
            ..Slip::structure(Kind::Purge, space)
        };
        let mut header = self.next_header(env, &slip)?;
        let body = to_cbor(&PurgeBody { why });
        header.set_body(&body);
        let order = self.keys.sign_envelope(header, body);
        let len = self.directory.len();
        self.check_order(&order, &row.info, len, len)?;
        let (day, by) = (header.day, Some(self.identity.member));
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
        let stays = self.stays_here(space)? && !self.is_at_relay(space, doc)?;
        if stays {
            self.bury(space, doc, stone)?;
        } else {
            self.hide(space, doc, TombstoneRow { order: Some(order.id()), ..stone })?;
        }
        self.post_or_keep(space, &order, stays)
    }

    /// Whether the relay has said anything of a chain's changes: then it may keep some of it, whatever the backup
    /// switch says now.
    pub fn is_at_relay(&self, space: SpaceId, first: DocId) -> Result<bool> {
        let chain = self.chain_from(space, first)?.into_iter().map(|(doc, _)| (space, doc));
        for id in self.rows.envelopes_of(&chain.collect())? {
            let item = self.rows.item(id)?;
            if item.is_some_and(|item| item.seq > 0 || item.state == ItemState::Refused) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The relay turned out to have a change that was erased while nobody knew it had arrived there: it gets the order
    /// that stayed here.
    pub fn order_late(&mut self, erased: EnvelopeId, space: SpaceId) -> Result<()> {
        let kept = self.rows.kept()?;
        let Some((_, doc)) = kept.iter().find(|(id, _)| *id == erased) else { return Ok(()) };
        for (id, first) in &kept {
            let (Some(item), Some(order)) = (self.rows.item(*id)?, self.rows.envelope(*id)?) else {
                continue;
            };
            let waits = item.state == ItemState::Kept && order.header.kind == Kind::Purge;
            if waits && item.space == space && first.chain().any(|part| part == *doc) {
                self.send(space, &order)?;
            }
        }
        Ok(())
    }

    /// Hides a document with all it goes on in, until it is known what became of the order.
    fn hide(&mut self, space: SpaceId, first: DocId, stone: TombstoneRow) -> Result<()> {
        for (doc, row) in self.chain_from(space, first)? {
            if let Some(part) = DocType::by_number(row.record) {
                self.unlink(doc, part)?;
            }
            let stone =
                TombstoneRow { record: row.record, continues: doc != first, ..stone.clone() };
            self.rows.put_tombstone(space, doc, &stone)?;
        }
        Ok(())
    }

    /// Carries out this phone's own orders that the relay took, and shows again what it refused to erase.
    pub fn settle_orders(&mut self) -> Result<()> {
        for (space, doc, stone) in self.rows.tombstones()? {
            let Some(order) = stone.order else { continue };
            match self.rows.item(order)?.map(|item| item.state) {
                Some(ItemState::Applied) => self.carry_out(space, doc)?,
                Some(ItemState::Refused) | None => self.show_again(space, doc)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Erases what is hidden, without the relay's word. A hidden successor goes with its first document.
    pub fn carry_out(&mut self, space: SpaceId, doc: DocId) -> Result<()> {
        match self.rows.tombstone(space, doc)? {
            Some(stone) if stone.order.is_some() && !stone.continues => {
                self.bury(space, doc, TombstoneRow { order: None, ..stone })
            }
            _ => Ok(()),
        }
    }

    /// Erases whatever is ordered in a space that no relay will take: its orders reach nobody.
    pub fn carry_out_all(&mut self, space: SpaceId) -> Result<()> {
        for (of, doc, stone) in self.rows.tombstones()? {
            if of != space {
                continue;
            }
            self.carry_out(space, doc)?;
            let Some(order) = stone.order else { continue };
            if let Some(item) = self.rows.item(order)? {
                self.settle(order, item, ItemState::Refused)?;
            }
        }
        Ok(())
    }

    fn show_again(&mut self, space: SpaceId, doc: DocId) -> Result<()> {
        self.rows.delete_tombstone(space, doc)?;
        let Some(row) = self.rows.document(space, doc)? else { return Ok(()) };
        if let (Some(part), Some(saved)) = (DocType::by_number(row.record), &row.saved) {
            self.link(space, doc, part, &doc::flatten(saved)?)?;
        }
        Ok(())
    }

    /// Checks an order as every node does: its author as they were at a length of the directory (`judged_at`), holds at
    /// the length of its row.
    fn check_order(
        &self,
        order: &Envelope,
        space: &SpaceInfo,
        judged_at: u64,
        directory_seq: u64,
    ) -> Result<()> {
        let directory: &Directory = &self.directory;
        let author =
            directory.device_at(&order.header.device, judged_at).ok_or(Code::UnknownDevice)?;
        let (id, doc) = (order.header.space, order.header.doc);
        let named =
            Named { written_by: self.written_by(id, doc)?, continues: self.continues(id, doc)? };
        Ok(gates::check_purge(order, &author, space, named, directory, directory_seq)?)
    }

    /// Who wrote a document's first change, as far as this phone holds it; what is not open here counts too, what was
    /// set aside does not.
    fn written_by(&self, space: SpaceId, doc: DocId) -> Result<Option<MemberId>> {
        let mut ids = self.rows.changes(space, doc)?;
        if ids.is_empty() {
            let mut placed = Vec::new();
            for id in self.rows.envelopes_of(&BTreeSet::from([(space, doc)]))? {
                match self.rows.item(id)? {
                    Some(item) if item.state == ItemState::Refused => {}
                    item => placed.push((item.map_or(0, |item| item.seq), id)),
                }
            }
            placed.sort_by_key(|(seq, id)| (*seq == 0, *seq, *id));
            ids = placed.into_iter().map(|(_, id)| id).collect();
        }
        for id in ids {
            if let Some(envelope) = self.rows.envelope(id)? {
                return Ok(self.directory.owner_of(&envelope.header.device));
            }
        }
        Ok(None)
    }

    /// Whether a document goes on from one that is here, or was.
    fn continues(&self, space: SpaceId, doc: DocId) -> Result<bool> {
        let here = self.rows.documents_of(Some(space))?.into_iter().map(|(_, other, _)| other);
        let gone = self.rows.tombstones()?.into_iter();
        let gone = gone.filter(|(of, ..)| *of == space).map(|(_, other, _)| other);
        Ok(here.chain(gone).any(|other| other.successor() == doc))
    }

    /// An order from the log takes effect.
    pub fn receive_purge(&mut self, order: &Envelope, directory_seq: u64) -> Result<()> {
        let (space, doc) = (order.header.space, order.header.doc);
        let row = self.space_row(space)?;
        if self.is_purged(space, doc)? {
            return Ok(());
        }
        let at = gates::judged_at(&self.directory, &order.header, order.id(), directory_seq)?;
        self.check_order(order, &row.info, at, directory_seq)?;
        let body: PurgeBody = from_cbor(&order.body).map_err(|_| Code::Malformed)?;
        let (day, why) = (order.header.day, body.why);
        let by = self.directory.owner_of(&order.header.device);
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
        self.bury(space, doc, stone)
    }

    /// Erases a document with all it goes on in, and leaves tombstones: of the next one too, which nobody has begun.
    pub fn bury(&mut self, space: SpaceId, first: DocId, stone: TombstoneRow) -> Result<()> {
        let mut chain: Vec<(DocId, u16)> = self
            .chain_from(space, first)?
            .into_iter()
            .map(|(doc, row)| (doc, row.record))
            .collect();
        if chain.is_empty() {
            chain.push((first, stone.record));
        }
        let next = chain.last().map_or(first, |(last, _)| *last).successor();
        chain.push((next, 0));
        let late = self.erase(&chain.iter().map(|(doc, _)| (space, *doc)).collect())?;
        for (doc, record) in chain {
            self.rows.delete_document(space, doc)?;
            let (continues, late) = (doc != first, if doc == first { late } else { 0 });
            let stone = TombstoneRow { record, continues, late, ..stone.clone() };
            self.rows.put_tombstone(space, doc, &stone)?;
        }
        Ok(())
    }

    /// Erases documents with everything this phone has of them, and says how many changes of this device came
    /// too late.
    pub fn erase(&mut self, docs: &BTreeSet<(SpaceId, DocId)>) -> Result<u64> {
        let mut late = 0;
        for (space, doc) in docs {
            self.rows.take_parked(*space, Some(&BTreeSet::from([*doc])))?;
            if let Some(part) =
                self.rows.document(*space, *doc)?.and_then(|row| DocType::by_number(row.record))
            {
                self.unlink(*doc, part)?;
            }
            self.rows.delete_changes(*space, *doc)?;
            self.rows.delete_document_keys(*space, *doc)?;
        }
        for id in self.rows.envelopes_of(docs)? {
            late += u64::from(self.erase_envelope(id)?);
        }
        Ok(late)
    }

    /// Erases one change's bytes and whatever waits or is kept of it. True if it is this device's and came too late.
    fn erase_envelope(&mut self, id: EnvelopeId) -> Result<bool> {
        self.rows.delete_draft(id)?;
        self.close_hole(id)?;
        let Some(envelope) = self.rows.envelope(id)? else { return Ok(false) };
        if let Ok(sealed) = from_cbor::<SealedBody>(&envelope.body) {
            self.rows.delete_secret(&SecretName::Document(sealed.dek))?;
        }
        self.rows.0.delete(Table::Envelopes, id.as_bytes())?;
        let Some(item) = self.rows.item(id)? else { return Ok(false) };
        let late = envelope.header.device == self.device()
            && item.seq == 0
            && matches!(item.state, ItemState::Outbox | ItemState::Refused);
        self.settle(id, item, ItemState::Purged)?;
        Ok(late)
    }

    /// Whether a document was erased: nothing of it is taken any more.
    pub fn is_purged(&self, space: SpaceId, doc: DocId) -> Result<bool> {
        Ok(self.rows.tombstone(space, doc)?.is_some_and(|stone| stone.order.is_none()))
    }

    /// Whether a document is hidden here: erased, or ordered to be.
    pub fn is_hidden(&self, space: SpaceId, doc: DocId) -> Result<bool> {
        Ok(self.rows.tombstone(space, doc)?.is_some())
    }
}
