//! The fold of the directory: every operation by every signer with every set of approvals, against the table.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod docs;
mod fold;
mod people;
mod table;
