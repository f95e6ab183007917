//! `journal`: what a member writes down for themself (DOMAIN B).
//!
//! Not a note about anybody else, so no notes policy governs it, and never shared. Lives sealed in the member's
//! `personal` space, which stays on the phone unless they turn backup on. Document type 51.

use super::schema::derives_nothing;
use super::{DocType, Field, FieldKind, RecordType, Retention, SpaceKind};

/// Document type 51.
const JOURNAL_DOC: DocType = DocType {
    number: 51,
    name: "journal",
    schema: 1,
    spaces: &[SpaceKind::Personal],
    writers: &[],
    note: None,
    retention: Retention::Kept,
    fields: &[
        Field::new("at", FieldKind::Time, "When; the phone's time if not given."),
        Field::new("text", FieldKind::Entries(4_000), "What the member writes for themself."),
    ],
    texts: &[],
};

/// The record kind.
pub(super) static JOURNAL: RecordType = RecordType {
    name: "journal",
    parts: &[&JOURNAL_DOC],
    required: &["text"],
    inputs: &[],
    derive: derives_nothing,
};
