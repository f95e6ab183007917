//! `staff`: who on the team is staff, by the name phones and the console show.
//!
//! Not a member's rights (the directory holds those) and never a plain responder, whose name is sealed.
//! Lives open in `roster`, so every member sees it. Document type 1.

use super::schema::derives_nothing;
use super::{DocType, Field, FieldKind, RecordType, Retention, SpaceKind, Who};

/// Document type 1.
const STAFF_DOC: DocType = DocType {
    number: 1,
    name: "staff",
    schema: 1,
    spaces: &[SpaceKind::Roster],
    writers: &[Who::Admin],
    note: None,
    retention: Retention::Kept,
    fields: &[
        Field::new("member", FieldKind::Id, "The member."),
        Field::new("display_name", FieldKind::Label(64), "The name shown to the team."),
        Field::new("unit", FieldKind::Label(32), "The unit, as station-4."),
    ],
    texts: &[],
};

/// The record kind.
pub(super) static STAFF: RecordType = RecordType {
    name: "staff",
    parts: &[&STAFF_DOC],
    required: &["member", "display_name"],
    inputs: &[],
    derive: derives_nothing,
};
