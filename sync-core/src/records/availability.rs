//! `availability`: whether a staff member can be asked to work now, in their own word.
//!
//! Not the roster's trainings (`staff`) and not who is on call. Lives open in `roster`; every member says it of themselves
//! alone, which all nodes check. Document type 2.

use super::schema::derives_nothing;
use super::{By, DocType, Field, FieldKind, MarkKey, MarkValue, RecordType, Retention, SpaceKind};

const STATES: &[&str] = &["on_call", "available", "resting", "unavailable"];

/// Document type 2.
const AVAILABILITY_DOC: DocType = DocType {
    number: 2,
    name: "availability",
    schema: 1,
    spaces: &[SpaceKind::Roster],
    writers: &[],
    note: None,
    retention: Retention::Kept,
    fields: &[Field::new(
        "availability",
        FieldKind::Marks(MarkKey::Member, MarkValue::Code(STATES)),
        "The member's own word: whether they can be asked.",
    )
    .said_by(By::Named)],
    texts: &[],
};

/// The record kind.
pub(super) static AVAILABILITY: RecordType = RecordType {
    name: "availability",
    parts: &[&AVAILABILITY_DOC],
    required: &["availability"],
    inputs: &[],
    derive: derives_nothing,
};
