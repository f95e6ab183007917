//! `referral`: that somebody was offered further help, of which kind, and what came of it (DOMAIN F.8).
//!
//! Never who or why: that is sealed. The referral lives open in its author's `caseload` (document type 45); the person's random
//! handle and consent (type 46) and the words (type 47, a note) sealed in their `care` space.

use super::schema::{OF, derives_nothing};
use super::{DocType, Field, FieldKind, NoteRule, RecordType, Retention, SpaceKind};

const TO_KINDS: &[&str] = &[
    "eap",
    "mhp",
    "physician",
    "chaplain",
    "substance_program",
    "crisis_line",
    "emergency",
    "financial",
    "legal",
    "family_service",
    "peer_other",
];
const URGENCIES: &[&str] = &["routine", "72h", "24h", "immediate"];
/// The join of concurrent states (DOMAIN F.14).
const STATES: &[&str] = &["completed", "declined", "accepted", "offered", "unknown"];

/// Document type 45.
const REFERRAL_DOC: DocType = DocType {
    number: 45,
    name: "referral",
    schema: 1,
    spaces: &[SpaceKind::Caseload],
    writers: &[],
    note: None,
    retention: Retention::Kept,
    fields: &[
        Field::new("to_kind", FieldKind::Code(TO_KINDS), "To what kind of help."),
        Field::new("urgency", FieldKind::Code(URGENCIES), "How soon.").or("routine"),
        Field::new("state", FieldKind::State(STATES), "What came of it.").or("offered"),
        Field::new("resource_id", FieldKind::Id, "The resource of the team's list, if it is one."),
    ],
    texts: &[],
};

/// Document type 46.
const DETAIL_DOC: DocType = DocType {
    number: 46,
    name: "referral_detail",
    schema: 1,
    spaces: &[SpaceKind::Care],
    writers: &[],
    note: None,
    retention: Retention::Subject,
    fields: &[
        OF,
        Field::new("subject_handle", FieldKind::Id, "The person's random handle."),
        Field::new("parent", FieldKind::Id, "The contact or intervention it follows."),
        Field::new("offered_at", FieldKind::Time, "When it was offered."),
        Field::new("consent", FieldKind::Bool, "Whether the person agreed that it is passed on."),
    ],
    texts: &[],
};

/// Document type 47.
const NOTE_DOC: DocType = DocType {
    number: 47,
    name: "referral_note",
    schema: 1,
    spaces: &[SpaceKind::Care],
    writers: &[],
    note: Some(NoteRule::Contact),
    retention: Retention::Note,
    fields: &[OF, Field::new("why", FieldKind::Entries(500), "Why, in the author's own words.")],
    texts: &[],
};

/// The record kind.
pub(super) static REFERRAL: RecordType = RecordType {
    name: "referral",
    parts: &[&REFERRAL_DOC, &DETAIL_DOC, &NOTE_DOC],
    required: &["to_kind"],
    inputs: &[],
    derive: derives_nothing,
};
