//! Erasing: orders a person gives, orders that arrive, and what a document leaves behind.
//!
//! A document that was ordered to be erased never comes back: its tombstone stands before anything of it is
//! looked at. What this phone had of it goes in the same transaction, and the store overwrites freed pages.

use std::collections::BTreeSet;

use crate::directory::{Directory, Op, SpaceInfo};
use crate::gates;
use crate::ids::{DocId, EnvelopeId, MemberId, SpaceId};
use crate::protocol::{
    Code, Day, Envelope, Kind, Priority, PurgeBody, PurgeReason, SealedBody, from_cbor, to_cbor,
};
use crate::records::{DocType, RecordType};

use super::desk::{Desk, Slip};
use super::rows::{ItemState, SecretName, TombstoneRow};
use super::store::Table;
use super::{EngineError, Env, Phone, Result};

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
    /// sealed part first. It is gone here at once; the order leaves before anything else.
    ///
    /// # Errors
    /// `no_such_record`; `not_allowed` unless this member wrote it, reads its sealed space, or (open records)
    /// coordinates or is an admin; `legal_hold` while it is held. Nothing is erased then.
    pub fn purge(&mut self, env: &mut Env<'_>, record: DocId) -> Result<()> {
        crate::crash_point!("phone.record.before_begin");
        let mut desk = self.desk()?;
        desk.require_enrolled()?;
        let (_, mut parts) = desk.open_record(record)?;
        parts.sort_by_key(|part| !part.doc_type.is_sealed());
        for part in &parts {
            desk.order_purge(env, part.space, part.doc, PurgeReason::Ordered)?;
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
    fn order_purge(
        &mut self,
        env: &mut Env<'_>,
        space: SpaceId,
        doc: DocId,
        why: PurgeReason,
    ) -> Result<()> {
        let row = self.space_row(space)?;
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
        self.check_order(&order, &row.info, len).map_err(EngineError::refused)?;
        let day = header.day;
        self.erase(&BTreeSet::from([(space, doc)]))?;
        self.bury(
            space,
            doc,
            TombstoneRow { record: 0, day, why, by: Some(self.identity.member), late: 0 },
        )?;
        self.post(space, &order)
    }

    /// Checks an order against the directory at a length, as every node does.
    fn check_order(
        &self,
        order: &Envelope,
        space: &SpaceInfo,
        directory_seq: u64,
    ) -> std::result::Result<(), Code> {
        let directory: &Directory = &self.directory;
        let author =
            directory.device_at(&order.header.device, directory_seq).ok_or(Code::UnknownDevice)?;
        let written_by =
            self.written_by(order.header.space, order.header.doc).map_err(|_| Code::StoreFailed)?;
        gates::check_purge(order, &author, space, written_by, directory, directory_seq)
    }

    /// Who wrote a document's first change, as far as this phone holds it; what is not open here counts too.
    fn written_by(&self, space: SpaceId, doc: DocId) -> Result<Option<MemberId>> {
        let mut ids = self.rows.changes(space, doc)?;
        if ids.is_empty() {
            ids = self.rows.envelopes_of(&BTreeSet::from([(space, doc)]))?;
            let mut placed = Vec::new();
            for id in ids {
                let seq = self.rows.item(id)?.map_or(0, |item| item.seq);
                placed.push((seq == 0, seq, id));
            }
            placed.sort();
            ids = placed.into_iter().map(|(.., id)| id).collect();
        }
        for id in ids {
            if let Some(envelope) = self.rows.envelope(id)? {
                return Ok(self.directory.owner_of(&envelope.header.device));
            }
        }
        Ok(None)
    }

    /// An order from the log takes effect.
    pub fn receive_purge(&mut self, order: &Envelope, directory_seq: u64) -> Result<()> {
        let (space, doc) = (order.header.space, order.header.doc);
        let row = self.space_row(space)?;
        if self.rows.tombstone(space, doc)?.is_some() {
            return Ok(());
        }
        self.check_order(order, &row.info, directory_seq)?;
        let body: PurgeBody = from_cbor(&order.body).map_err(|_| Code::Malformed)?;
        let late = self.erase(&BTreeSet::from([(space, doc)]))?;
        let by = self.directory.owner_of(&order.header.device);
        self.bury(
            space,
            doc,
            TombstoneRow { record: 0, day: order.header.day, why: body.why, by, late },
        )
    }

    /// Leaves a tombstone, in which the kind of record is known if it ever was.
    fn bury(&mut self, space: SpaceId, doc: DocId, row: TombstoneRow) -> Result<()> {
        let record = self.rows.document(space, doc)?.map_or(row.record, |known| known.record);
        self.rows.delete_document(space, doc)?;
        Ok(self.rows.put_tombstone(space, doc, &TombstoneRow { record, ..row })?)
    }

    /// Erases documents with everything this phone has of them, and says how many changes of this device came
    /// too late. Their rows of `documents` stay for [`Desk::bury`].
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

    /// Whether a document was erased: nothing of it is taken any more. A change of this device is counted as late.
    pub fn is_purged(&self, space: SpaceId, doc: DocId) -> Result<bool> {
        Ok(self.rows.tombstone(space, doc)?.is_some())
    }
}
