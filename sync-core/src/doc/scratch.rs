//! Scratch documents: loaded for a call, tried on a copy, never kept.
//!
//! Automerge can panic on well-formed hostile changes and can save documents that it then refuses to
//! load. So a change is tried on a copy under `catch_unwind`, and only what saves, loads again and
//! shows the same heads and values comes back. `gates` walks every change before it reaches this file.

use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{Automerge, Change, LoadOptions, ReadDoc, TextEncoding};

use crate::records::{DocType, Flat};

use super::DocError;
use super::flatten::{sorted_heads, values};
use super::genesis::first_document;

/// Positions in texts count Unicode scalar values on every platform.
const ENCODING: TextEncoding = TextEncoding::UnicodeCodePoint;

/// A new, empty document.
pub(super) fn empty() -> Automerge {
    Automerge::new_with_encoding(ENCODING)
}

/// Loads saved bytes.
pub(super) fn load(saved: &[u8]) -> Result<Automerge, DocError> {
    if saved.is_empty() {
        return Err(DocError::Damaged);
    }
    let options = LoadOptions::new().text_encoding(ENCODING);
    Automerge::load_with_options(saved, options).map_err(|_| DocError::Damaged)
}

/// Loads a saved document, or starts a new one of the type.
pub(super) fn open(base: Option<&[u8]>, doc_type: &DocType) -> Result<Automerge, DocError> {
    match base {
        Some(saved) => load(saved),
        None => first_document(doc_type),
    }
}

/// Runs Automerge on bytes that may be damaged: a panic becomes an error.
///
/// Where panics abort (wasm32) the host restarts the worker instead.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T, DocError>) -> Result<T, DocError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(DocError::Damaged))
}

/// A document that changes are tried on.
pub(crate) struct Scratch(Automerge);

/// A document that passed its trial.
#[derive(Debug)]
pub(crate) struct Tried {
    /// The document, saved.
    pub saved: Vec<u8>,
    /// Its heads, sorted.
    pub heads: Vec<[u8; 32]>,
    /// Its values.
    pub flat: Flat,
}

impl Scratch {
    /// Loads a saved document, or starts a new one of the type.
    pub(crate) fn open(base: Option<&[u8]>, doc_type: &DocType) -> Result<Self, DocError> {
        guarded(|| open(base, doc_type).map(Self))
    }

    /// The changes it holds, ancestors first.
    pub(crate) fn changes(&self) -> Result<Vec<Vec<u8>>, DocError> {
        guarded(|| {
            Ok(self.0.get_changes(&[]).iter().map(|change| change.raw_bytes().to_vec()).collect())
        })
    }

    /// The document as it was saved, with nothing to try.
    pub(crate) fn as_it_is(&self, saved: &[u8]) -> Result<Tried, DocError> {
        guarded(|| {
            Ok(Tried {
                flat: values(&self.0)?,
                heads: sorted_heads(&self.0),
                saved: saved.to_vec(),
            })
        })
    }

    /// Applies changes to a copy, reads it, saves it, loads that save and compares heads and values.
    pub(crate) fn try_with(&self, changes: &[&[u8]]) -> Result<Tried, DocError> {
        guarded(|| {
            let changes = changes
                .iter()
                .map(|bytes| Change::from_bytes(bytes.to_vec()).map_err(|_| DocError::Damaged))
                .collect::<Result<Vec<_>, _>>()?;
            let mut doc = self.0.clone();
            doc.apply_changes(changes).map_err(|_| DocError::Damaged)?;
            if !doc.get_missing_deps(&[]).is_empty() {
                return Err(DocError::Damaged);
            }
            let tried = Tried {
                flat: values(&doc)?,
                heads: sorted_heads(&doc),
                // Uncompressed, so that the limit on saved bytes also limits memory.
                saved: doc.save_nocompress(),
            };
            let again = load(&tried.saved)?;
            if sorted_heads(&again) != tried.heads || values(&again)? != tried.flat {
                return Err(DocError::Damaged);
            }
            Ok(tried)
        })
    }
}
