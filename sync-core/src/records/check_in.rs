//! `check_in`: how a member is, in their own words and numbers (DOMAIN F.5).
//!
//! Not a note about anybody else, so no notes policy governs it; there is no open half. Lives sealed in the
//! member's `personal` space, or as a copy in a `shared` one that does not say of what it is the copy.
//! Document type 50.

use super::schema::derives_nothing;
use super::{DocType, Field, FieldKind, RecordType, Retention, SpaceKind};

/// The stress continuum, least strain first.
pub(super) const ZONES: &[&str] = &["ready", "reacting", "injured", "ill"];
const CAUSES: &[&str] =
    &["life_threat", "loss", "moral_injury", "wear_and_tear", "home", "organizational", "none"];
const WANTS: &[&str] = &["no", "peer_any", "peer_named", "chaplain", "mhp", "urgent"];

/// Document type 50.
const CHECK_IN_DOC: DocType = DocType {
    number: 50,
    name: "check_in",
    schema: 2,
    spaces: &[SpaceKind::Personal, SpaceKind::Shared],
    writers: &[],
    note: None,
    retention: Retention::Kept,
    fields: &[
        Field::new(
            "zone",
            FieldKind::Code(ZONES),
            "Ready (green), reacting, injured or ill (red).",
        ),
        Field::new(
            "sleep_hours",
            FieldKind::Step { min: 0.0, max: 24.0, step: 0.5 },
            "Hours of sleep.",
        ),
        Field::new("sleep_quality", FieldKind::Int { min: 0, max: 4 }, "0 (worst) to 4."),
        Field::new("mood", FieldKind::Int { min: 0, max: 10 }, "0 (worst) to 10."),
        Field::new("stress", FieldKind::Int { min: 0, max: 10 }, "0 (none) to 10."),
        Field::new("energy", FieldKind::Int { min: 0, max: 4 }, "0 (none) to 4."),
        Field::new("cause", FieldKind::CodeSet(CAUSES), "What weighs."),
        Field::new("wants_contact", FieldKind::Code(WANTS), "Whether somebody should call.")
            .or("no"),
        Field::new("text", FieldKind::Entries(500), "A private note."),
        // Since schema 2.
        Field::new("at", FieldKind::Time, "When; the phone's time if not given."),
    ],
    texts: &[],
};

/// The record kind.
pub(super) static CHECK_IN: RecordType = RecordType {
    name: "check_in",
    parts: &[&CHECK_IN_DOC],
    required: &["zone"],
    inputs: &[],
    derive: derives_nothing,
};
