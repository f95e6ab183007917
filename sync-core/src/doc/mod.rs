//! The one door to Automerge: documents are authored, tried and flattened here and nowhere else.
//!
//! Functions are pure: saved bytes in, bytes and plain values out. A document is loaded for the call
//! and dropped after it. Saved documents are trusted only as far as their checksum: whatever Automerge
//! does on damaged ones ends as [`DocError::Damaged`]. Changes of peers come in only through `gates`.

mod author;
mod flatten;
mod genesis;
mod scratch;
#[cfg(test)]
mod tests;

use crate::records::FieldOp;

pub use author::author;
pub use flatten::{flatten, flatten_at, heads};
pub(crate) use genesis::FIRST_ACTOR;
pub use genesis::first_change;
pub(crate) use scratch::{Scratch, Tried};

/// A document that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocError {
    /// The saved bytes are damaged; rebuild it from its envelopes.
    #[error("the stored document is damaged")]
    Damaged,
    /// The text position lies outside the text.
    #[error("the text has {len} characters; the position or count reaches beyond them")]
    Position {
        /// Length of the text in Unicode scalar values.
        len: usize,
    },
    /// The document has no such text.
    #[error("the note has no such phase")]
    NoSuchText,
    /// One edit needs more operations or bytes than a change may hold.
    #[error("the edit is too long for one change; save in smaller steps")]
    TooLong,
}

/// What a person does to a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit<'a> {
    /// Writes to root keys. Of several writes to one key the last counts.
    Fields(&'a [FieldOp]),
    /// Changes a text: positions and counts are Unicode scalar values.
    Text {
        /// Root key of the text.
        key: &'a str,
        /// Where.
        at: usize,
        /// How many characters to remove there.
        delete: usize,
        /// What to insert there.
        insert: &'a str,
    },
}
