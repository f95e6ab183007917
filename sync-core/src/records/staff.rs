//! `staff`: who on the team is staff, by the name phones and the console show.
//!
//! Not a member's rights (the directory holds those) and never a plain responder, whose name is sealed.
//! Lives open in `roster`, so every member sees it. Document type 1.

use super::schema::derives_nothing;
use super::{DocType, Field, FieldKind, MarkKey, MarkValue, RecordType, Retention, SpaceKind, Who};

/// Trainings of CISM and peer support teams (DOMAIN F.1).
pub(super) const TRAININGS: &[&str] = &[
    "group_crisis_intervention",
    "assisting_individuals",
    "sfa",
    "suicide_intervention",
    "trim_practitioner",
    "refresher",
];

/// Document type 1.
const STAFF_DOC: DocType = DocType {
    number: 1,
    name: "staff",
    schema: 2,
    spaces: &[SpaceKind::Roster],
    writers: &[Who::Admin],
    note: None,
    retention: Retention::Kept,
    fields: &[
        Field::new("member", FieldKind::Id, "The member."),
        Field::new("display_name", FieldKind::Label(64), "The name shown to the team."),
        Field::new("unit", FieldKind::Label(32), "The unit, as station-4."),
        Field::new("trainings", FieldKind::CodeSet(TRAININGS), "What they are trained for."),
        Field::new(
            "trainings_issued",
            FieldKind::Marks(MarkKey::Codes(TRAININGS), MarkValue::Day),
            "Since which day.",
        ),
        Field::new(
            "trainings_expire",
            FieldKind::Marks(MarkKey::Codes(TRAININGS), MarkValue::Day),
            "The last day it is good for; without one it does not expire.",
        ),
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
