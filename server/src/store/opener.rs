//! Opening what a database keeps with a key file: what whoever holds both can read.
//!
//! Used to prove that something is erased, by exercises and by tests; the relay itself reads through its [`super::Reader`].

use std::path::Path;

use rusqlite::Connection;
use sync_core::ids::{DocId, SpaceId};
use sync_core::protocol::Envelope;

use super::keys::{self, Place, RestKey};
use super::{StoreError, at_rest};

/// A key file, opened to look only.
pub struct Opener(Connection);

impl Opener {
    /// Opens the key file of a relay's folder.
    ///
    /// # Errors
    /// Those of the store; `NotKeys` if it is none.
    pub fn of_folder(folder: &Path) -> Result<Self, StoreError> {
        Self::of_file(&folder.join(keys::FILE))
    }

    /// Opens a key file, or a backup of one.
    ///
    /// # Errors
    /// As for [`Opener::of_folder`].
    pub fn of_file(file: &Path) -> Result<Self, StoreError> {
        if !file.is_file() {
            return Err(StoreError::NoKeys);
        }
        keys::look_into(file).map(Self)
    }

    fn key(&self, place: Place) -> Result<Option<RestKey>, StoreError> {
        keys::by_place(&self.0, place)
    }

    /// Whether it holds the key of a document.
    ///
    /// # Errors
    /// Those of the store.
    pub fn holds(&self, space: SpaceId, doc: DocId) -> Result<bool, StoreError> {
        Ok(self.key((space, doc))?.is_some())
    }

    /// An envelope from what a row keeps of it, if it opens.
    ///
    /// # Errors
    /// Those of the store.
    pub fn envelope(&self, kept: &[u8]) -> Result<Option<Envelope>, StoreError> {
        let key = at_rest::place_of(kept).map(|place| self.key(place)).transpose()?;
        Ok(at_rest::envelope_with(key.flatten().as_ref(), kept))
    }

    /// A merged document from what a row keeps of it, if it opens.
    ///
    /// # Errors
    /// Those of the store.
    pub fn document(
        &self,
        space: SpaceId,
        doc: DocId,
        kept: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let key = self.key((space, doc))?;
        Ok(key.and_then(|key| at_rest::document_with(&key, (space, doc), kept)))
    }

    /// What pages show of a document, as JSON, from what a row keeps of it, if it opens.
    ///
    /// # Errors
    /// Those of the store.
    pub fn record(
        &self,
        space: SpaceId,
        doc: DocId,
        kept: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let key = self.key((space, doc))?;
        Ok(key.and_then(|key| at_rest::record_with(&key, (space, doc), kept)))
    }
}
