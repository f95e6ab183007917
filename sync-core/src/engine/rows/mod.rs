//! The rows a phone keeps, and typed access to them within one transaction.
//!
//! Layout of keys: docs in [`Rows`]' methods. Every value but raw key bytes and envelopes is CBOR.

mod cosign;
mod healing;
mod invites;
mod kinds;
mod recovery;
mod removal;
mod secret;
mod tombstone;
mod wipe;
mod wrapped;

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::ids::{DeviceId, DocId, EnvelopeId, EpochId, SpaceId};
use crate::protocol::{Envelope, Priority, from_cbor, to_cbor};

use super::store::{StoreError, Table, Transaction};

pub(super) use cosign::CosignRow;
pub(super) use healing::{AuditPin, HoleRow, StrangerRow, Turn};
pub(super) use invites::{InviteRow, TryRow, TypedRow, VouchRow, Way};
pub(super) use kinds::{
    DocumentRow, DraftRow, IdentityRow, ItemRow, ItemState, JoiningRow, PartRow, Proposal,
    RelayRow, SpaceRow,
};
pub(super) use recovery::MyProposal;
pub(super) use secret::SecretName;
pub(super) use tombstone::{SoftRow, TombstoneRow};
pub(super) use wipe::{OwedRow, WipedRow};

fn key(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// Typed access to the rows within one transaction.
pub(super) struct Rows<'a>(pub Box<dyn Transaction + 'a>);

type Result<T> = std::result::Result<T, StoreError>;

#[derive(Debug, thiserror::Error)]
#[error("a stored row is damaged")]
struct DamagedRow;

fn id_and_doc(value: &[u8]) -> Result<(EnvelopeId, DocId)> {
    let (id, doc) = value.split_at_checked(32).ok_or_else(damaged)?;
    let id = EnvelopeId::from_slice(id).map_err(|_| damaged())?;
    Ok((id, DocId::from_slice(doc).map_err(|_| damaged())?))
}

fn damaged() -> StoreError {
    StoreError::Failed(Box::new(DamagedRow))
}

impl<'a> Rows<'a> {
    pub fn commit(self) -> Result<()> {
        self.0.commit()
    }

    fn read<T: for<'b> Decode<'b, ()>>(&self, table: Table, key: &[u8]) -> Result<Option<T>> {
        self.0.get(table, key)?.map(|bytes| from_cbor(&bytes).map_err(|_| damaged())).transpose()
    }

    fn write<T: Encode<()>>(&mut self, table: Table, key: &[u8], value: &T) -> Result<()> {
        let bytes = Zeroizing::new(to_cbor(value));
        self.0.put(table, key, &bytes)
    }

    /// Every entry under a prefix. For prefixes that hold few entries.
    pub fn all(&self, table: Table, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.0.scan(table, prefix, None, usize::MAX)
    }

    // ---- meta
    pub fn identity(&self) -> Result<Option<IdentityRow>> {
        self.read(Table::Meta, b"identity")
    }

    pub fn put_identity(&mut self, row: &IdentityRow) -> Result<()> {
        self.write(Table::Meta, b"identity", row)
    }

    pub fn relay(&self) -> Result<Option<RelayRow>> {
        self.read(Table::Meta, b"relay")
    }

    pub fn put_relay(&mut self, row: &RelayRow) -> Result<()> {
        self.write(Table::Meta, b"relay", row)
    }

    pub fn number(&self, name: &str) -> Result<Option<i64>> {
        self.read(Table::Meta, name.as_bytes())
    }

    pub fn put_number(&mut self, name: &str, value: i64) -> Result<()> {
        self.write(Table::Meta, name.as_bytes(), &value)
    }

    pub fn forget_number(&mut self, name: &str) -> Result<()> {
        self.0.delete(Table::Meta, name.as_bytes())
    }

    /// The next number of a counter, from 1.
    pub fn next(&mut self, name: &str) -> Result<u64> {
        let next = self.number(name)?.unwrap_or(0) + 1;
        self.put_number(name, next)?;
        Ok(next as u64)
    }

    pub fn proposals(&self) -> Result<Vec<Proposal>> {
        Ok(self.read(Table::Meta, b"proposals")?.unwrap_or_default())
    }

    pub fn put_proposals(&mut self, proposals: &[Proposal]) -> Result<()> {
        self.write(Table::Meta, b"proposals", &proposals)
    }

    /// The sequenced directory entries, in order.
    pub fn directory_entries(&self) -> Result<Vec<Envelope>> {
        let rows = self.all(Table::Meta, b"directory/")?;
        rows.iter().map(|(_, bytes)| Envelope::from_bytes(bytes).map_err(|_| damaged())).collect()
    }

    pub fn put_directory_entry(&mut self, seq: u64, entry: &Envelope) -> Result<()> {
        let key = key(&[b"directory/", &seq.to_be_bytes()]);
        self.0.put(Table::Meta, &key, &entry.to_bytes())
    }

    // ---- envelopes and items
    pub fn envelope(&self, id: EnvelopeId) -> Result<Option<Envelope>> {
        let bytes = self.0.get(Table::Envelopes, id.as_bytes())?;
        bytes.map(|b| Envelope::from_bytes(&b).map_err(|_| damaged())).transpose()
    }

    pub fn put_envelope(&mut self, envelope: &Envelope) -> Result<()> {
        self.0.put(Table::Envelopes, envelope.id().as_bytes(), &envelope.to_bytes())
    }

    pub fn item(&self, id: EnvelopeId) -> Result<Option<ItemRow>> {
        self.read(Table::Items, id.as_bytes())
    }

    pub fn put_item(&mut self, id: EnvelopeId, row: &ItemRow) -> Result<()> {
        self.write(Table::Items, id.as_bytes(), row)
    }

    // ---- outbox: priority || counter → id || doc
    pub fn push_outbox(&mut self, envelope: &Envelope) -> Result<Vec<u8>> {
        let number = self.next("outbox")?;
        let place = key(&[&[envelope.header.priority as u8], &number.to_be_bytes()]);
        let value = key(&[envelope.id().as_bytes(), envelope.header.doc.as_bytes()]);
        self.0.put(Table::Outbox, &place, &value)?;
        Ok(place)
    }

    /// The outbox from its head on: (id, document), at most `limit`.
    pub fn outbox(&self, limit: usize) -> Result<Vec<(EnvelopeId, DocId)>> {
        let rows = self.0.scan(Table::Outbox, &[], None, limit)?;
        rows.iter().map(|(_, value)| id_and_doc(value)).collect()
    }

    /// Moves an envelope to the urgent part of the outbox, keeping its order there. Its header does not change.
    pub fn hurry_outbox(&mut self, place: &[u8]) -> Result<Vec<u8>> {
        let value = self.0.get(Table::Outbox, place)?.ok_or_else(damaged)?;
        let urgent = key(&[&[Priority::Urgent as u8], place.get(1..).ok_or_else(damaged)?]);
        self.0.delete(Table::Outbox, place)?;
        self.0.put(Table::Outbox, &urgent, &value)?;
        Ok(urgent)
    }

    // ---- kept: "kept/" || counter → id || doc, what stays on this phone
    pub fn keep(&mut self, id: EnvelopeId, doc: DocId) -> Result<()> {
        let number = self.next("kept")?;
        let place = key(&[b"kept/", &number.to_be_bytes()]);
        self.0.put(Table::Meta, &place, &key(&[id.as_bytes(), doc.as_bytes()]))
    }

    /// What stays here, or stayed until the relay turned out to have it: (id, document).
    pub fn kept(&self) -> Result<Vec<(EnvelopeId, DocId)>> {
        self.all(Table::Meta, b"kept/")?.iter().map(|(_, value)| id_and_doc(value)).collect()
    }

    /// Empties the list of what stays here.
    pub fn take_kept(&mut self) -> Result<Vec<EnvelopeId>> {
        let kept = self.kept()?;
        for (place, _) in self.all(Table::Meta, b"kept/")? {
            self.0.delete(Table::Meta, &place)?;
        }
        Ok(kept.into_iter().map(|(id, _)| id).collect())
    }

    // ---- spaces
    pub fn space(&self, id: SpaceId) -> Result<Option<SpaceRow>> {
        self.read(Table::Spaces, id.as_bytes())
    }

    pub fn put_space(&mut self, row: &SpaceRow) -> Result<()> {
        self.write(Table::Spaces, row.info.id.as_bytes(), row)
    }

    pub fn spaces(&self) -> Result<Vec<SpaceRow>> {
        let rows = self.all(Table::Spaces, &[])?;
        rows.iter().map(|(_, bytes)| from_cbor(bytes).map_err(|_| damaged())).collect()
    }

    // ---- documents: space || doc
    pub fn document(&self, space: SpaceId, doc: DocId) -> Result<Option<DocumentRow>> {
        self.read(Table::Documents, &key(&[space.as_bytes(), doc.as_bytes()]))
    }

    pub fn put_document(&mut self, space: SpaceId, doc: DocId, row: &DocumentRow) -> Result<()> {
        self.write(Table::Documents, &key(&[space.as_bytes(), doc.as_bytes()]), row)
    }

    pub fn documents_of(
        &self,
        space: Option<SpaceId>,
    ) -> Result<Vec<(SpaceId, DocId, DocumentRow)>> {
        let prefix = space.map_or(Vec::new(), |space| space.as_bytes().to_vec());
        self.all(Table::Documents, &prefix)?
            .iter()
            .map(|(key, value)| {
                let (space, doc) = key.split_at_checked(16).ok_or_else(damaged)?;
                Ok((
                    SpaceId::from_slice(space).map_err(|_| damaged())?,
                    DocId::from_slice(doc).map_err(|_| damaged())?,
                    from_cbor(value).map_err(|_| damaged())?,
                ))
            })
            .collect()
    }

    /// Notes an envelope as the next change of a document.
    pub fn push_change(
        &mut self,
        space: SpaceId,
        doc: DocId,
        order: u64,
        id: EnvelopeId,
    ) -> Result<()> {
        let key = key(&[space.as_bytes(), doc.as_bytes(), &order.to_be_bytes()]);
        self.0.put(Table::Changes, &key, id.as_bytes())
    }

    /// Envelopes of a document in the order in which they arrived.
    pub fn changes(&self, space: SpaceId, doc: DocId) -> Result<Vec<EnvelopeId>> {
        self.all(Table::Changes, &key(&[space.as_bytes(), doc.as_bytes()]))?
            .iter()
            .map(|(_, id)| EnvelopeId::from_slice(id).map_err(|_| damaged()))
            .collect()
    }

    // ---- records: 'k' || number || root → (), 'p' || root || doc → part, 'r' || doc → root
    pub fn put_part(&mut self, root: DocId, doc: DocId, part: PartRow, first: u16) -> Result<()> {
        self.write(Table::Records, &key(&[b"p", root.as_bytes(), doc.as_bytes()]), &part)?;
        self.0.put(Table::Records, &key(&[b"r", doc.as_bytes()]), root.as_bytes())?;
        if part.number == first {
            self.0.put(
                Table::Records,
                &key(&[b"k", &first.to_be_bytes(), root.as_bytes()]),
                &[],
            )?;
        }
        Ok(())
    }

    pub fn parts(&self, root: DocId) -> Result<Vec<(DocId, PartRow)>> {
        self.all(Table::Records, &key(&[b"p", root.as_bytes()]))?
            .iter()
            .map(|(key, value)| {
                let doc = DocId::from_slice(&key[17..]).map_err(|_| damaged())?;
                Ok((doc, from_cbor(value).map_err(|_| damaged())?))
            })
            .collect()
    }

    pub fn root_of(&self, doc: DocId) -> Result<Option<DocId>> {
        let bytes = self.0.get(Table::Records, &key(&[b"r", doc.as_bytes()]))?;
        bytes.map(|b| DocId::from_slice(&b).map_err(|_| damaged())).transpose()
    }

    pub fn roots(&self, first: u16, after: Option<DocId>, limit: usize) -> Result<Vec<DocId>> {
        let prefix = key(&[b"k", &first.to_be_bytes()]);
        let after = after.map(|doc| key(&[&prefix, doc.as_bytes()]));
        self.0
            .scan(Table::Records, &prefix, after.as_deref(), limit)?
            .iter()
            .map(|(key, _)| DocId::from_slice(&key[3..]).map_err(|_| damaged()))
            .collect()
    }

    // ---- keys
    pub fn secret(&self, name: &SecretName) -> Result<Option<Zeroizing<Vec<u8>>>> {
        Ok(self.0.get(Table::Keys, &name.key())?.map(Zeroizing::new))
    }

    pub fn put_secret(&mut self, name: &SecretName, bytes: &[u8]) -> Result<()> {
        self.0.put(Table::Keys, &name.key(), bytes)
    }

    pub fn delete_secret(&mut self, name: &SecretName) -> Result<()> {
        self.0.delete(Table::Keys, &name.key())
    }

    /// The `sender` envelope of a device in an epoch.
    pub fn sender(
        &self,
        space: SpaceId,
        epoch: EpochId,
        device: DeviceId,
    ) -> Result<Option<EnvelopeId>> {
        let key = key(&[b"n", space.as_bytes(), epoch.as_bytes(), device.as_bytes()]);
        let bytes = self.0.get(Table::Keys, &key)?;
        bytes.map(|b| EnvelopeId::from_slice(&b).map_err(|_| damaged())).transpose()
    }

    pub fn put_sender(
        &mut self,
        space: SpaceId,
        epoch: EpochId,
        device: DeviceId,
        id: EnvelopeId,
    ) -> Result<()> {
        let key = key(&[b"n", space.as_bytes(), epoch.as_bytes(), device.as_bytes()]);
        self.0.put(Table::Keys, &key, id.as_bytes())
    }

    // ---- parked: space || number → id || doc
    pub fn park(&mut self, space: SpaceId, doc: DocId, id: EnvelopeId) -> Result<()> {
        let number = self.next("parked")?;
        let place = key(&[space.as_bytes(), &number.to_be_bytes()]);
        self.0.put(Table::Parked, &place, &key(&[id.as_bytes(), doc.as_bytes()]))
    }

    /// Takes the parked envelopes of these documents of a space (`None`: of all), in the order in which they were parked.
    pub fn take_parked(
        &mut self,
        space: SpaceId,
        docs: Option<&BTreeSet<DocId>>,
    ) -> Result<Vec<EnvelopeId>> {
        let mut taken = Vec::new();
        for (place, value) in self.all(Table::Parked, space.as_bytes())? {
            let (id, doc) = id_and_doc(&value)?;
            if docs.is_none_or(|docs| docs.contains(&doc)) {
                self.0.delete(Table::Parked, &place)?;
                taken.push(id);
            }
        }
        Ok(taken)
    }

    /// The parked envelopes of a document.
    pub fn parked_of(&self, space: SpaceId, doc: DocId) -> Result<Vec<EnvelopeId>> {
        let mut found = Vec::new();
        for (_, value) in self.all(Table::Parked, space.as_bytes())? {
            let (id, of) = id_and_doc(&value)?;
            if of == doc {
                found.push(id);
            }
        }
        Ok(found)
    }

    // ---- drafts, alarms
    pub fn put_draft(&mut self, id: EnvelopeId, row: &DraftRow) -> Result<()> {
        self.write(Table::Drafts, id.as_bytes(), row)
    }

    pub fn delete_draft(&mut self, id: EnvelopeId) -> Result<()> {
        self.0.delete(Table::Drafts, id.as_bytes())
    }

    pub fn drafts(&self) -> Result<Vec<(EnvelopeId, DraftRow)>> {
        self.all(Table::Drafts, &[])?
            .iter()
            .map(|(id, row)| {
                let id = EnvelopeId::from_slice(id).map_err(|_| damaged())?;
                Ok((id, from_cbor(row).map_err(|_| damaged())?))
            })
            .collect()
    }

    pub fn raise(&mut self, code: crate::protocol::Code, subject: &str) -> Result<()> {
        let key = key(&[code.as_str().as_bytes(), b"/", subject.as_bytes()]);
        self.0.put(Table::Alarms, &key, &[])
    }

    pub fn has_alarm(&self, code: crate::protocol::Code, subject: &str) -> Result<bool> {
        let key = key(&[code.as_str().as_bytes(), b"/", subject.as_bytes()]);
        Ok(self.0.get(Table::Alarms, &key)?.is_some())
    }

    pub fn lower(&mut self, code: crate::protocol::Code, subject: &str) -> Result<()> {
        let key = key(&[code.as_str().as_bytes(), b"/", subject.as_bytes()]);
        self.0.delete(Table::Alarms, &key)
    }
}
