//! Receiving a space's log: every item passes the gates again here, whatever the relay did with it.

use std::collections::{BTreeMap, BTreeSet};

use crate::directory::{SpaceInfo, epoch_of};
use crate::gates::{self, Candidate};
use crate::ids::{Chain, DocId, EnvelopeId, SpaceId};
use crate::protocol::{
    Batch, Code, Day, Envelope, EpochBody, Kind, RowData, SenderBody, SpaceBody, SpaceItems,
    WrapBody, from_cbor,
};
use crate::records::DocType;

use super::desk::Desk;
use super::keys::Closed;
use super::page::{Content, News, Row, news};
use super::rows::{DraftRow, ItemState, SpaceRow};
use super::{EngineError, Result};

impl Desk<'_> {
    /// Takes what a space's log holds beyond the cursor.
    pub fn receive_space(&mut self, items: &SpaceItems, batch: &Batch) -> Result<u64> {
        let known = self.rows.space(items.space)?;
        let (held, high) = known.as_ref().map_or(((0, Chain::EMPTY), (0, Chain::EMPTY)), |row| {
            ((row.seq, row.chain), (row.high_seq, row.high_chain))
        });
        let mut rows = match news(items, batch, held, high)? {
            News::Rows(rows) => rows,
            News::Old => return Ok(0),
            News::Foreign => {
                self.rows.raise(Code::RelayChanged, &items.space.to_string())?;
                return Ok(0);
            }
        };
        if let Err(code) = self.check_page(items.space, &mut rows) {
            self.rows.raise(code, &items.space.to_string())?;
            return Ok(0);
        }
        if known.is_none() {
            match self.meet_space(items.space, &rows) {
                Ok(info) => self.rows.put_space(&SpaceRow::new(info))?,
                Err(code) => {
                    self.rows.raise(code, &items.space.to_string())?;
                    return Ok(0);
                }
            }
        }
        let count = rows.len() as u64;
        let data = |row: &Row| {
            (row.id, RowData { directory_seq: row.directory_seq, row_day: row.row_day })
        };
        self.row_data = rows.iter().map(data).collect();
        let mut changes: BTreeMap<DocId, Vec<(u64, Envelope)>> = BTreeMap::new();
        self.unpark(items.space, &rows, &mut changes)?;
        for row in rows {
            self.receive_item(items.space, row, &mut changes)?;
            crate::crash_point!("phone.sync.between_items");
        }
        for (doc, envelopes) in changes {
            self.receive_changes(items.space, doc, envelopes)?;
        }
        crate::crash_point!("phone.sync.before_cursor");
        let mut row = self.space_row(items.space)?;
        (row.seq, row.chain) = (items.seq, items.chain);
        self.rows.put_space(&row)?;
        Ok(count)
    }

    /// Takes up what was parked until something like these rows comes.
    pub fn unpark(
        &mut self,
        space: SpaceId,
        rows: &[Row],
        changes: &mut BTreeMap<DocId, Vec<(u64, Envelope)>>,
    ) -> Result<()> {
        for id in self.parked_for(space, rows)? {
            if let (Some(envelope), Some(item)) = (self.rows.envelope(id)?, self.rows.item(id)?) {
                changes.entry(envelope.header.doc).or_default().push((item.seq, envelope));
            }
        }
        Ok(())
    }

    /// Parked envelopes that a page may open or complete: all of the space if keys may have come, else those of its documents.
    fn parked_for(&mut self, space: SpaceId, rows: &[Row]) -> Result<Vec<EnvelopeId>> {
        let mut docs = BTreeSet::new();
        let mut keys = false;
        for row in rows {
            if let Content::Envelope(envelope) = &row.content {
                docs.insert(envelope.header.doc);
                keys |= !envelope.header.kind.is_document();
            }
        }
        Ok(self.rows.take_parked(space, (!keys).then_some(&docs))?)
    }

    /// Checks that every envelope of a page is its author's, made for this space, and judged at a directory state
    /// that this phone knows and its author had not passed.
    ///
    /// No honest relay gives anything else a position. So such a page is not taken at all, and the true one can
    /// still come.
    fn check_page(&self, space: SpaceId, rows: &mut [Row]) -> std::result::Result<(), Code> {
        for row in rows {
            if row.directory_seq > self.directory.len() {
                return Err(Code::DirectoryBehind);
            }
            let Content::Envelope(envelope) = &row.content else { continue };
            if envelope.header.space != space {
                return Err(Code::WrongSpace);
            }
            if envelope.header.directory_seq > row.directory_seq {
                return Err(Code::DirectoryBehind);
            }
            match gates::authenticate(envelope, &self.directory, row.directory_seq) {
                // What came after a removal is set aside alone, in `gate`.
                Ok(_) | Err(Code::AfterRemoval) => row.genuine = true,
                // The row is damaged, its place is not: it is set aside alone, and the rest goes on.
                Err(Code::BadSignature) => {}
                Err(code) => return Err(code),
            }
        }
        Ok(())
    }

    /// A space met for the first time: an open one of this member's, or one that an entitled device made.
    fn meet_space(&self, space: SpaceId, rows: &[Row]) -> std::result::Result<SpaceInfo, Code> {
        if let Some(info) = self.known_open_space(space) {
            return Ok(info);
        }
        let Some(Row { content: Content::Envelope(envelope), directory_seq, row_day, .. }) =
            rows.first()
        else {
            return Err(Code::WrongSpace);
        };
        let info = SpaceInfo::made_by(envelope)?;
        let id = envelope.id();
        let at = gates::judged_at(&self.directory, &envelope.header, id, *directory_seq)?;
        let author = self.directory.device_at(&envelope.header.device, at);
        gates::check_right(envelope, &author.ok_or(Code::UnknownDevice)?, &info, *row_day)?;
        gates::check_readers(envelope, &self.directory, at, &info)?;
        Ok(info)
    }

    pub fn receive_item(
        &mut self,
        space: SpaceId,
        row: Row,
        changes: &mut BTreeMap<DocId, Vec<(u64, Envelope)>>,
    ) -> Result<()> {
        let item = self.rows.item(row.id)?;
        if item.as_ref().is_some_and(|item| item.space != space) {
            self.rows.raise(Code::RelayChanged, &space.to_string())?;
            return Ok(());
        }
        let mut state = item.map(|item| item.state);
        if matches!(row.content, Content::Envelope(_)) && self.fills_hole(row.id, row.genuine)? {
            state = None;
        }
        let envelope = match (row.content, state) {
            (Content::Stub(code), state)
                if code == Code::Purged.as_str() && state != Some(ItemState::Outbox) =>
            {
                // What is erased is so by an order or its time, which every phone judges itself: nothing follows
                // from the relay's word alone, but that it is not missed any more.
                let missed = self.close_hole(row.id)?;
                if state.is_none() || missed {
                    return self.applied(row.id, space, row.seq, ItemState::Purged);
                }
                // Its day counts all the same.
                self.acknowledge(row.id, row.seq)?;
                return Ok(());
            }
            (Content::Own, None) => {
                // Another installation with this device's keys wrote it.
                return Ok(self.rows.raise(Code::DeviceCloned, &self.device().to_string())?);
            }
            (Content::Own | Content::Envelope(_), Some(ItemState::Refused)) => {
                return self.revive(row.id, row.seq, changes);
            }
            (Content::Own | Content::Envelope(_), Some(_)) => {
                self.acknowledge(row.id, row.seq)?;
                return Ok(());
            }
            (Content::Stub(code), Some(ItemState::Outbox)) => {
                let code = Code::from_name(&code).unwrap_or(Code::Internal);
                self.refuse_in_log(row.id, code)?;
                return Ok(());
            }
            (Content::Stub(code), None) => {
                if code == Code::RelayChanged.as_str() {
                    // The relay's copy is damaged.
                    self.rows.raise(Code::RelayChanged, &row.id.to_string())?;
                    self.note_hole(row.id, space, row.seq)?;
                }
                return self.applied(row.id, space, row.seq, ItemState::Refused);
            }
            (Content::Stub(_), Some(ItemState::Refused | ItemState::Purged)) => return Ok(()),
            (Content::Stub(_), Some(_)) => {
                // What was taken once stays: setting aside is decided before an item is served.
                self.offer_wanted(&[row.id])?;
                return Ok(self.rows.raise(Code::RelayChanged, &space.to_string())?);
            }
            (Content::Envelope(envelope), None) => *envelope,
        };
        if envelope.header.kind.is_document() && self.is_purged(space, envelope.header.doc)? {
            self.note_late(space, envelope.header.doc, row.id)?;
            return self.applied(row.id, space, row.seq, ItemState::Purged);
        }
        self.rows.put_envelope(&envelope)?;
        if let Err(code) =
            self.gate(space, &envelope, (row.directory_seq, row.row_day), row.genuine)?
        {
            return self.set_aside(&envelope, space, row.seq, code);
        }
        if envelope.header.kind.is_document() {
            changes.entry(envelope.header.doc).or_default().push((row.seq, envelope));
            return Ok(());
        }
        let taken = match envelope.header.kind {
            Kind::Purge => {
                // Whose the document is follows from its changes, so those before the order come first.
                if let Some(before) = changes.remove(&envelope.header.doc) {
                    self.receive_changes(space, envelope.header.doc, before)?;
                }
                self.receive_purge(&envelope, row.directory_seq)
            }
            _ => self.receive_structure(space, &envelope),
        };
        match taken {
            Ok(()) => self.applied(row.id, space, row.seq, ItemState::Applied),
            Err(EngineError::Refused { code, .. }) => {
                self.set_aside(&envelope, space, row.seq, code)
            }
            Err(failed @ EngineError::Store(_)) => Err(failed),
        }
    }

    /// An own change that was told to be refused stands in the log after all: everybody has it, so this phone does too.
    fn revive(
        &mut self,
        id: EnvelopeId,
        seq: u64,
        changes: &mut BTreeMap<DocId, Vec<(u64, Envelope)>>,
    ) -> Result<()> {
        let Some(envelope) = self.rows.envelope(id)? else { return Ok(()) };
        if envelope.header.kind.is_document() && envelope.header.device == self.device() {
            self.rows.delete_draft(id)?;
            changes.entry(envelope.header.doc).or_default().push((seq, envelope));
        }
        Ok(())
    }

    /// The gates that need no document, after the page was checked. The inner error is what is wrong with the
    /// envelope.
    fn gate(
        &self,
        space: SpaceId,
        envelope: &Envelope,
        (directory_seq, row_day): (u64, Day),
        genuine: bool,
    ) -> Result<std::result::Result<(), Code>> {
        if !genuine {
            return Ok(Err(Code::BadSignature));
        }
        let row = self.space_row(space)?;
        let (header, id) = (&envelope.header, envelope.id());
        let at = match gates::judged_at(&self.directory, header, id, directory_seq) {
            Ok(at) => at,
            Err(code) => return Ok(Err(code)),
        };
        let author = self.directory.device_at(&header.device, at);
        let judged = author
            .ok_or(Code::UnknownDevice)
            .and_then(|author| gates::check_right(envelope, &author, &row.info, row_day))
            .and_then(|()| gates::check_policy(envelope, &self.directory))
            .and_then(|()| gates::check_readers(envelope, &self.directory, at, &row.info));
        Ok(judged)
    }

    fn receive_structure(&mut self, space: SpaceId, envelope: &Envelope) -> Result<()> {
        let malformed = |_| Code::Malformed;
        let by = envelope.header.device;
        match envelope.header.kind {
            Kind::Space => {
                let body: SpaceBody = from_cbor(&envelope.body).map_err(malformed)?;
                self.take_wraps(space, Some(epoch_of(envelope)), &body.wraps, by)
            }
            Kind::Reader => self.fold_structure(space, envelope),
            Kind::Epoch => {
                let body: EpochBody = from_cbor(&envelope.body).map_err(malformed)?;
                self.fold_structure(space, envelope)?;
                self.take_wraps(space, Some(epoch_of(envelope)), &body.wraps, by)
            }
            Kind::Wrap => {
                let body: WrapBody = from_cbor(&envelope.body).map_err(malformed)?;
                self.take_asks(space, body.asks.as_deref().unwrap_or_default(), by)?;
                self.take_escrow(space, envelope, body.escrow)?;
                self.take_wraps(space, None, &body.keys, by)
            }
            Kind::Sender => {
                let body: SenderBody = from_cbor(&envelope.body).map_err(malformed)?;
                Ok(self.rows.put_sender(
                    space,
                    body.epoch,
                    envelope.header.device,
                    envelope.id(),
                )?)
            }
            _ => Err(Code::WrongSpace.into()),
        }
    }

    fn fold_structure(&mut self, space: SpaceId, envelope: &Envelope) -> Result<()> {
        let mut row = self.space_row(space)?;
        row.info.apply(envelope)?;
        Ok(self.rows.put_space(&row)?)
    }

    /// Admits the changes of one document: one trial for all of them.
    pub fn receive_changes(
        &mut self,
        space: SpaceId,
        doc: DocId,
        envelopes: Vec<(u64, Envelope)>,
    ) -> Result<()> {
        // A document keeps the kind it began with.
        let number = match self.rows.document(space, doc)? {
            Some(row) => row.record,
            None => envelopes[0].1.header.record,
        };
        let Some(part) = DocType::by_number(number) else { return Ok(()) };
        let mut opened = Vec::with_capacity(envelopes.len());
        let mut left = envelopes.len();
        let mut envelopes = std::collections::VecDeque::from(envelopes);
        // In a log that was rebuilt a change may stand before the one that brings its key: it gets another turn as
        // long as others open.
        let mut since_opened = 0;
        while let Some((seq, envelope)) = envelopes.pop_front() {
            if envelope.header.record != part.number {
                self.set_aside(&envelope, space, seq, Code::SchemaViolation)?;
                continue;
            }
            match self.open_body(&envelope)? {
                Ok(change) => {
                    (since_opened, left) = (0, envelopes.len());
                    opened.push((seq, envelope, change));
                }
                Err(Closed::Broken) => self.set_aside(&envelope, space, seq, Code::SealBroken)?,
                Err(Closed::NoKey) if since_opened < left => {
                    since_opened += 1;
                    envelopes.push_back((seq, envelope));
                }
                Err(Closed::NoKey) => {
                    self.applied(envelope.id(), space, seq, ItemState::Unreadable)?;
                    self.rows.park(space, doc, envelope.id())?;
                    let row = self.document_or_new(space, doc, part)?;
                    self.rows.put_document(space, doc, &row)?;
                }
            }
        }
        if opened.is_empty() {
            return Ok(());
        }
        let mut row = self.document_or_new(space, doc, part)?;
        let candidates: Vec<Candidate<'_>> = opened
            .iter()
            .map(|(_, envelope, change)| Candidate { header: &envelope.header, change })
            .collect();
        let base = row.saved.as_ref().map(|saved| saved.as_slice());
        let mut admission = gates::admit_changes(base, part, &candidates);
        if admission.results.contains(&Err(Code::Internal)) {
            // The cached document is damaged; its envelopes are not.
            let whole = self.replay(space, doc, part, None)?.document.map(|whole| whole.saved);
            admission = gates::admit_changes(whole.as_deref(), part, &candidates);
        }
        for ((seq, envelope, _), result) in opened.iter().zip(&admission.results) {
            let id = envelope.id();
            match result {
                Ok(()) => {
                    row.changes += 1;
                    self.rows.push_change(space, doc, row.changes, id)?;
                    self.applied(id, space, *seq, ItemState::Applied)?;
                }
                Err(Code::MissingAncestor) => {
                    self.applied(id, space, *seq, ItemState::Waiting)?;
                    self.rows.park(space, doc, id)?;
                }
                Err(code) => self.set_aside(envelope, space, *seq, *code)?,
            }
        }
        if let Some(admitted) = admission.document {
            row.saved = Some(admitted.saved.into());
            self.link(space, doc, part, &admitted.flat)?;
        }
        self.rows.put_document(space, doc, &row)?;
        Ok(())
    }

    /// The Automerge change of an envelope, opened if it is sealed.
    pub fn open_body(
        &mut self,
        envelope: &Envelope,
    ) -> Result<std::result::Result<zeroize::Zeroizing<Vec<u8>>, Closed>> {
        match envelope.header.kind {
            Kind::Sealed => self.unseal(envelope),
            _ => Ok(Ok(zeroize::Zeroizing::new(envelope.body.clone()))),
        }
    }

    /// Keeps an envelope of another device that failed a gate, apart and never applied.
    fn set_aside(
        &mut self,
        envelope: &Envelope,
        space: SpaceId,
        seq: u64,
        code: Code,
    ) -> Result<()> {
        let id = envelope.id();
        self.applied(id, space, seq, ItemState::Refused)?;
        if code == Code::BadSignature {
            // The relay vouched for it, so its copy is damaged: somebody must look.
            self.rows.raise(code, &id.to_string())?;
            self.note_hole(id, space, seq)?;
        }
        let record = self.rows.root_of(envelope.header.doc)?;
        let draft = DraftRow { code: code.to_string(), record, values: "{}".into(), own: false };
        Ok(self.rows.put_draft(id, &draft)?)
    }
}
