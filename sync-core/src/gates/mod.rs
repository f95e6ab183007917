//! The gates: what everything received must pass, on relay and phone alike, before it touches anything.
//!
//! Caps → shape and id → signature → device, class, role and write right at the row's directory state →
//! policy → for changes: column walk, trial on a scratch copy, schema check. Pure functions of bytes,
//! causal ancestors, directory state and schema, so that every node reaches the same verdict.

mod author;
mod change;
mod columns;
mod expiry;
mod history;
mod purge;
mod reader;
mod readers;
mod removal;
mod right;
mod rows;
mod trial;
mod walker;

pub use author::{Author, authenticate};
pub use expiry::{Touch, chains, expires_on, has_expired};
pub use purge::{Named, check_purge};
pub use readers::check_readers;
pub use removal::judged_at;
pub use right::{check_guest, check_policy, check_right};
pub use trial::admit_changes;

use crate::protocol::{Code, Header};
use crate::records::Flat;

/// A change to be admitted to a document, opened if it was sealed.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Its envelope's header, already authenticated.
    pub header: &'a Header,
    /// The Automerge change.
    pub change: &'a [u8],
}

/// A document after admission.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The document, saved; loads again with equal heads (that was tried).
    pub saved: Vec<u8>,
    /// Its heads, sorted.
    pub heads: Vec<[u8; 32]>,
    /// Its values.
    pub flat: Flat,
}

/// What became of the candidates.
#[derive(Debug)]
pub struct Admission {
    /// For each candidate in order: admitted, `waiting` (an ancestor is missing), or the code it was refused with.
    pub results: Vec<Result<(), Code>>,
    /// The document with the admitted ones; `None` if none was and there was no base.
    pub document: Option<Admitted>,
}
