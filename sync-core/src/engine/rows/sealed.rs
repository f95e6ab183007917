//! Sealed rows: the one place where a value goes under the reading key on its way to the store.
//!
//! They lie in a table of their own, so that a panic erases all of them and nothing else. While the phone is
//! locked none is read and none is written: callers find nothing, and what they would keep lives in memory
//! for that call only. What must be done again once the phone is unlocked is noted as `later` (no secret).

use zeroize::Zeroizing;

use crate::ids::{DocId, EnvelopeId, SpaceId};

use super::super::store::Table;
use super::{Result, Rows, SecretName, damaged, key};

const TABLE: Table = Table::Sealed;
/// A document that must be made again from its envelopes: changes of it were written or refused while locked.
const LATER: &[u8] = b"later/";
/// Wraps for this device that came while it was locked.
const WRAPS: &[u8] = b"wraps/";
const WRAPPED_KEY: &[u8] = b"reading_key";

/// Place of a secret key's row.
fn of_secret(name: &SecretName) -> Vec<u8> {
    key(&[b"k", &name.key()])
}

/// Place of a saved document's row.
fn of_document(space: SpaceId, doc: DocId) -> Vec<u8> {
    key(&[b"d", space.as_bytes(), doc.as_bytes()])
}

/// Place of a draft's values.
fn of_draft(id: EnvelopeId) -> Vec<u8> {
    key(&[b"v", id.as_bytes()])
}

impl Rows<'_> {
    /// Whether the reading key is here.
    pub fn is_unlocked(&self) -> bool {
        self.1.is_some()
    }

    fn sealed(&self, place: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let Some(reading) = &self.1 else { return Ok(None) };
        let Some(sealed) = self.0.get(TABLE, place)? else { return Ok(None) };
        reading.open(TABLE.name(), place, &sealed).map(Some).map_err(|_| damaged())
    }

    fn put_sealed(&mut self, place: &[u8], value: &[u8]) -> Result<()> {
        match &mut self.1 {
            Some(reading) => self.0.put(TABLE, place, &reading.seal(TABLE.name(), place, value)),
            None => Ok(()),
        }
    }

    /// A secret key; `None` while locked.
    pub fn secret(&self, name: &SecretName) -> Result<Option<Zeroizing<Vec<u8>>>> {
        self.sealed(&of_secret(name))
    }

    /// Whether a secret key is here, be the phone locked or not.
    pub fn holds_secret(&self, name: &SecretName) -> Result<bool> {
        Ok(self.0.get(TABLE, &of_secret(name))?.is_some())
    }

    /// Keeps a secret key; not while locked.
    pub fn put_secret(&mut self, name: &SecretName, bytes: &[u8]) -> Result<()> {
        self.put_sealed(&of_secret(name), bytes)
    }

    /// Erases a secret key. Needs no key.
    pub fn delete_secret(&mut self, name: &SecretName) -> Result<()> {
        self.0.delete(TABLE, &of_secret(name))
    }

    /// Erases this device's own keys of a document. Needs no key.
    pub fn delete_document_keys(&mut self, space: SpaceId, doc: DocId) -> Result<()> {
        self.delete_all(TABLE, &key(&[b"kd", space.as_bytes(), doc.as_bytes()]))
    }

    /// The saved bytes of a sealed document; `None` while locked.
    pub(super) fn saved(&self, space: SpaceId, doc: DocId) -> Result<Option<Zeroizing<Vec<u8>>>> {
        self.sealed(&of_document(space, doc))
    }

    /// Keeps the saved bytes of a sealed document, or takes them away. While locked what is there stays.
    pub(super) fn put_saved(
        &mut self,
        space: SpaceId,
        doc: DocId,
        saved: Option<&[u8]>,
    ) -> Result<()> {
        let place = of_document(space, doc);
        match saved {
            Some(saved) => self.put_sealed(&place, saved),
            None if self.is_unlocked() => self.0.delete(TABLE, &place),
            None => Ok(()),
        }
    }

    /// Erases the saved bytes of a sealed document. Needs no key.
    pub(super) fn delete_saved(&mut self, space: SpaceId, doc: DocId) -> Result<()> {
        self.0.delete(TABLE, &of_document(space, doc))
    }

    /// The values of a draft; `None` while locked.
    pub(super) fn draft_values(&self, id: EnvelopeId) -> Result<Option<Zeroizing<Vec<u8>>>> {
        self.sealed(&of_draft(id))
    }

    pub(super) fn put_draft_values(&mut self, id: EnvelopeId, values: &[u8]) -> Result<()> {
        self.put_sealed(&of_draft(id), values)
    }

    pub(super) fn delete_draft_values(&mut self, id: EnvelopeId) -> Result<()> {
        self.0.delete(TABLE, &of_draft(id))
    }

    /// Erases every sealed row and the wrapped key that opened them. Needs no key.
    pub fn erase_sealed(&mut self) -> Result<()> {
        self.delete_all(TABLE, &[])?;
        self.0.delete(Table::Meta, WRAPPED_KEY)
    }

    /// The reading key as the vault wrapped it; `None` after it was erased.
    pub fn wrapped_reading_key(&self) -> Result<Option<Vec<u8>>> {
        self.0.get(Table::Meta, WRAPPED_KEY)
    }

    pub fn put_wrapped_reading_key(&mut self, wrapped: &[u8]) -> Result<()> {
        self.0.put(Table::Meta, WRAPPED_KEY, wrapped)
    }

    /// Notes that a document must be made again once the phone is unlocked. `refused`: the envelope that was
    /// refused meanwhile.
    pub fn redo_later(
        &mut self,
        space: SpaceId,
        doc: DocId,
        refused: Option<EnvelopeId>,
    ) -> Result<()> {
        let refused = refused.as_ref().map_or(&[][..], |id| id.as_bytes());
        let place = key(&[LATER, space.as_bytes(), doc.as_bytes(), refused]);
        self.0.put(Table::Meta, &place, &[])
    }

    /// Takes the notes of [`Rows::redo_later`].
    pub fn take_later(&mut self) -> Result<Vec<(SpaceId, DocId, Option<EnvelopeId>)>> {
        let mut taken = Vec::new();
        for (place, _) in self.all(Table::Meta, LATER)? {
            let ids = &place[LATER.len()..];
            let (space, rest) = ids.split_at_checked(16).ok_or_else(damaged)?;
            let (doc, refused) = rest.split_at_checked(16).ok_or_else(damaged)?;
            let refused = match refused {
                [] => None,
                id => Some(EnvelopeId::from_slice(id).map_err(|_| damaged())?),
            };
            taken.push((
                SpaceId::from_slice(space).map_err(|_| damaged())?,
                DocId::from_slice(doc).map_err(|_| damaged())?,
                refused,
            ));
            self.0.delete(Table::Meta, &place)?;
        }
        Ok(taken)
    }

    /// Notes that an envelope holds a wrap for this device, to be opened once the phone is unlocked.
    pub fn open_wraps_later(&mut self, space: SpaceId, id: EnvelopeId) -> Result<()> {
        self.0.put(Table::Meta, &key(&[WRAPS, space.as_bytes(), id.as_bytes()]), &[])
    }

    /// Takes the notes of [`Rows::open_wraps_later`].
    pub fn take_later_wraps(&mut self) -> Result<Vec<(SpaceId, EnvelopeId)>> {
        let mut taken = Vec::new();
        for (place, _) in self.all(Table::Meta, WRAPS)? {
            let (space, id) = place[WRAPS.len()..].split_at_checked(16).ok_or_else(damaged)?;
            let space = SpaceId::from_slice(space).map_err(|_| damaged())?;
            taken.push((space, EnvelopeId::from_slice(id).map_err(|_| damaged())?));
            self.0.delete(Table::Meta, &place)?;
        }
        Ok(taken)
    }
}
