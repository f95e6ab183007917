//! `resource`: somebody outside the talk who can help, as a crisis line, a clinician or a chaplain (DOMAIN F.9).
//!
//! Not the crisis numbers of the policy profile, which need no record. Admins write it, every member has it on
//! their phone. Lives open in `roster`. Document type 4.

use crate::protocol::Day;

use super::schema::derives_nothing;
use super::{DocType, Field, FieldKind, RecordType, Retention, SpaceKind, Who};

const KINDS: &[&str] = &[
    "crisis_line",
    "emergency",
    "eap",
    "mhp",
    "physician",
    "chaplain",
    "substance_program",
    "family_service",
    "financial",
    "legal",
    "peer_other",
    "other",
];
/// A resource whose details nobody has compared for longer is shown as stale (DOMAIN F.9).
pub const RESOURCE_STALE_DAYS: u32 = 180;

/// Document type 4.
const RESOURCE_DOC: DocType = DocType {
    number: 4,
    name: "resource",
    schema: 1,
    spaces: &[SpaceKind::Roster],
    writers: &[Who::Admin],
    note: None,
    retention: Retention::Kept,
    fields: &[
        Field::new("name", FieldKind::Label(64), "What it is called."),
        Field::new("kind", FieldKind::Code(KINDS), "What kind of help it is."),
        Field::new("phone", FieldKind::Label(32), "The number to call."),
        Field::new("url", FieldKind::Label(64), "Its page."),
        Field::new("hours", FieldKind::Label(64), "When it can be reached."),
        Field::new("coverage", FieldKind::Label(64), "For whom and where."),
        Field::new("languages", FieldKind::LabelSet(12), "Languages, as en or es-mx."),
        Field::new(
            "confidentiality_note",
            FieldKind::Label(64),
            "Whom they tell what, in a few words.",
        ),
        Field::new(
            "verified_at",
            FieldKind::Day,
            "The day on which somebody last compared all this with its source.",
        ),
    ],
    texts: &[],
};

/// The record kind.
pub(super) static RESOURCE: RecordType = RecordType {
    name: "resource",
    parts: &[&RESOURCE_DOC],
    required: &["name", "kind"],
    inputs: &[],
    derive: derives_nothing,
};

/// Whether a resource must be compared with its source again: never done, or more than 180 days ago.
pub fn is_stale(verified: Option<Day>, today: Day) -> bool {
    verified.is_none_or(|day| today.0.saturating_sub(day.0) > RESOURCE_STALE_DAYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_stale_after_more_than_180_days_or_if_nobody_ever_compared_it() {
        let today = Day(20_000);
        assert!(!is_stale(Some(today), today));
        assert!(!is_stale(Some(Day(20_000 - 180)), today));
        assert!(is_stale(Some(Day(20_000 - 181)), today));
        assert!(is_stale(None, today));
        assert!(!is_stale(Some(Day(20_001)), today), "a day ahead is no reason to distrust it");
    }
}
