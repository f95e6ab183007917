//! The records layer from outside: forms in, writes out, documents checked and shown.
//!
//! No Automerge: concurrency is written down as the plain values a merged document holds.

mod check;
mod docs;
mod edit;
mod form;
mod hostile;
mod merge;
mod split;
mod support;
