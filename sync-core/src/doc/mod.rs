//! The one door to Automerge: documents are authored, tried and flattened here and nowhere else.
//!
//! Functions are pure: saved bytes in, bytes and plain values out. A document is loaded for the call
//! and dropped after it.

use crate::ids::ActorId;
use crate::records::{DocType, FieldOp, Flat};

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
    /// One edit needs more operations than a change may hold.
    #[error("the edit is too long for one change")]
    TooLong,
}

/// What a person does to a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit<'a> {
    /// Writes to root keys.
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

/// Makes one uncompressed change (time 0, no message, no extra bytes) by this actor on top of a saved document
/// (`None`: a new one, or the fixed first change where the type has texts). `None` if the edit changes nothing.
pub fn author(
    _base: Option<&[u8]>,
    _doc_type: &DocType,
    _actor: ActorId,
    _edit: &Edit<'_>,
) -> Result<Option<Vec<u8>>, DocError> {
    unimplemented!()
}

/// The values of a saved document.
pub fn flatten(_saved: &[u8]) -> Result<Flat, DocError> {
    unimplemented!()
}

/// The heads of a saved document, sorted.
pub fn heads(_saved: &[u8]) -> Result<Vec<[u8; 32]>, DocError> {
    unimplemented!()
}
