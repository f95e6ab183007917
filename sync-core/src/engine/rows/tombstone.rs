//! What is left of erased documents, and the removal of everything else of them.
//!
//! A tombstone: `t` || space || document in the table of records.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};

use crate::ids::{DocId, EnvelopeId, MemberId, SpaceId};
use crate::protocol::{Day, Envelope, PurgeReason, from_cbor};

use super::super::store::Table;
use super::{Result, Rows, damaged, key};

/// Envelopes looked at in one go while searching those of a document.
const STRETCH: usize = 256;

/// What stays of an erased document.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(in crate::engine) struct TombstoneRow {
    /// The kind of document, 0 if it was never known here.
    #[n(0)]
    pub record: u16,
    #[n(1)]
    pub day: Day,
    #[n(2)]
    pub why: PurgeReason,
    /// Who ordered it; `None` where its time had come.
    #[n(3)]
    pub by: Option<MemberId>,
    /// Changes of this device that came too late.
    #[n(4)]
    pub late: u64,
    /// Whether it goes on from another erased document: not told by itself.
    #[n(5)]
    pub continues: bool,
    /// This phone's own order while the relay has not taken it: the document is hidden, and nothing of it gone.
    #[n(6)]
    pub order: Option<EnvelopeId>,
    /// Where it expired here and the relay has not said so yet: what to fetch again if it did not.
    #[n(7)]
    pub soft: Option<SoftRow>,
}

/// What a document needs that expired here and turns out to be kept.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(in crate::engine) struct SoftRow {
    /// The first document of its chain.
    #[n(0)]
    pub first: DocId,
    /// Its changes in the order of the log.
    #[n(1)]
    pub items: Vec<EnvelopeId>,
    #[n(2)]
    pub actor_no: u16,
    #[n(3)]
    pub own_changes: u64,
}

impl Rows<'_> {
    pub fn tombstone(&self, space: SpaceId, doc: DocId) -> Result<Option<TombstoneRow>> {
        self.read(Table::Records, &key(&[b"t", space.as_bytes(), doc.as_bytes()]))
    }

    pub fn put_tombstone(&mut self, space: SpaceId, doc: DocId, row: &TombstoneRow) -> Result<()> {
        self.write(Table::Records, &key(&[b"t", space.as_bytes(), doc.as_bytes()]), row)
    }

    pub fn delete_tombstone(&mut self, space: SpaceId, doc: DocId) -> Result<()> {
        self.0.delete(Table::Records, &key(&[b"t", space.as_bytes(), doc.as_bytes()]))
    }

    pub fn tombstones(&self) -> Result<Vec<(SpaceId, DocId, TombstoneRow)>> {
        self.all(Table::Records, b"t")?
            .iter()
            .map(|(key, value)| {
                let (space, doc) = key[1..].split_at_checked(16).ok_or_else(damaged)?;
                let space = SpaceId::from_slice(space).map_err(|_| damaged())?;
                let doc = DocId::from_slice(doc).map_err(|_| damaged())?;
                Ok((space, doc, from_cbor(value).map_err(|_| damaged())?))
            })
            .collect()
    }

    pub fn delete_document(&mut self, space: SpaceId, doc: DocId) -> Result<()> {
        self.0.delete(Table::Documents, &key(&[space.as_bytes(), doc.as_bytes()]))
    }

    /// Forgets which envelopes a document was made of.
    pub fn delete_changes(&mut self, space: SpaceId, doc: DocId) -> Result<()> {
        self.delete_all(Table::Changes, &key(&[space.as_bytes(), doc.as_bytes()]))
    }

    /// Deletes this device's own keys of a document.
    pub fn delete_document_keys(&mut self, space: SpaceId, doc: DocId) -> Result<()> {
        self.delete_all(Table::Keys, &key(&[b"d", space.as_bytes(), doc.as_bytes()]))
    }

    fn delete_all(&mut self, table: Table, prefix: &[u8]) -> Result<()> {
        for (place, _) in self.all(table, prefix)? {
            self.0.delete(table, &place)?;
        }
        Ok(())
    }

    /// Every envelope that is a part of one of these documents: one walk over all envelopes, in stretches, because
    /// what was refused or waits stands in no list of its document.
    pub fn envelopes_of(&self, docs: &BTreeSet<(SpaceId, DocId)>) -> Result<Vec<EnvelopeId>> {
        let mut found = Vec::new();
        self.each_envelope(|id, envelope| {
            let header = &envelope.header;
            if header.kind.is_document() && docs.contains(&(header.space, header.doc)) {
                found.push(id);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Hands every envelope to `take`, in stretches.
    pub fn each_envelope(
        &self,
        mut take: impl FnMut(EnvelopeId, Envelope) -> Result<()>,
    ) -> Result<()> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.0.scan(Table::Envelopes, &[], after.as_deref(), STRETCH)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            for (id, bytes) in &rows {
                let id = EnvelopeId::from_slice(id).map_err(|_| damaged())?;
                take(id, Envelope::from_bytes(bytes).map_err(|_| damaged())?)?;
            }
        }
    }

    // ---- "s" || space || first: the day on which the relay was found to keep what had expired here
    pub fn spared(&self, space: SpaceId, first: DocId) -> Result<Option<Day>> {
        self.read(Table::Records, &key(&[b"s", space.as_bytes(), first.as_bytes()]))
    }

    pub fn spare(&mut self, space: SpaceId, first: DocId, day: Day) -> Result<()> {
        self.write(Table::Records, &key(&[b"s", space.as_bytes(), first.as_bytes()]), &day)
    }
}
