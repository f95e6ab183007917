//! `peer_contact`: a peer supporter's contact with one person or a small group (DOMAIN F.6).
//!
//! Never who it was: the subject is a random handle, sealed. Three documents: the coarse header open in the
//! supporter's `caseload` (type 30), the detail (31) and the text (32) sealed in their `care` space.
//! Invariant: the header holds no exact time, no length in minutes, no issue and no link to an incident.

use std::collections::BTreeMap;

use crate::protocol::Timestamp;

use super::bands::band_of;
use super::check_in::ZONES;
use super::intervention::GROUP_BANDS;
use super::schema::OF;
use super::{
    Derived, DocType, Field, FieldKind, NoteRule, RecordType, Retention, SpaceKind, Value, Who,
};

const DURATION_BANDS: &[&str] = &["under_15", "15_29", "30_59", "60_119", "120_plus"];
const MODES: &[&str] = &["in_person", "phone", "text", "video", "group", "ride_along"];
const CONTACT_NUMBERS: &[&str] = &["first", "repeat"];
const INITIATED_BY: &[&str] = &[
    "self_referral",
    "peer_outreach",
    "supervisor_suggestion",
    "post_incident",
    "family",
    "dispatch_tag",
    "coordinator_assignment",
];
const ISSUES: &[&str] = &[
    "critical_incident",
    "cumulative_stress",
    "shift_fatigue_sleep",
    "conflict_at_work",
    "discipline_investigation",
    "injury_illness",
    "relationship_family",
    "grief",
    "finances",
    "alcohol",
    "other_substance",
    "gambling",
    "anxiety",
    "depression",
    "suicidal_thoughts",
    "moral_injury",
    "retirement_transition",
    "legal",
    "spiritual",
    "other",
];
const POPULATIONS: &[&str] = &["responder", "civilian_staff", "volunteer", "retiree", "family"];

/// Document type 30.
const HEADER_DOC: DocType = DocType {
    number: 30,
    name: "peer_contact",
    schema: 1,
    spaces: &[SpaceKind::Caseload],
    writers: &[Who::Owner],
    note: None,
    retention: Retention::Kept,
    fields: &[
        Field::new("day", FieldKind::Day, "The day, from the start.").derived(),
        Field::new(
            "duration_band",
            FieldKind::Code(DURATION_BANDS),
            "How long it took in minutes, as a band, from the duration.",
        )
        .derived(),
        Field::new("mode", FieldKind::Code(MODES), "How they met."),
        Field::new("group_size", FieldKind::Code(GROUP_BANDS), "How many, of a group, as a band."),
        Field::new(
            "contact_number",
            FieldKind::Code(CONTACT_NUMBERS),
            "Whether it is the first contact with the person.",
        ),
        Field::new("on_duty", FieldKind::Bool, "Whether the person was on duty."),
        Field::new("referral_made", FieldKind::Bool, "Whether a referral was made.").or("false"),
        Field::new("escalated", FieldKind::Bool, "Whether it was escalated.").or("false"),
    ],
    texts: &[],
};

/// Document type 31.
const DETAIL_DOC: DocType = DocType {
    number: 31,
    name: "contact_detail",
    schema: 1,
    spaces: &[SpaceKind::Care],
    writers: &[],
    note: None,
    retention: Retention::Subject,
    fields: &[
        OF,
        Field::new("started_at", FieldKind::Time, "When it began."),
        Field::new(
            "tz_offset_min",
            FieldKind::Int { min: -840, max: 840 },
            "Minutes local time is ahead of UTC; the day follows it.",
        ),
        Field::new("duration_min", FieldKind::Int { min: 1, max: 480 }, "Minutes it took."),
        Field::new("travel_min", FieldKind::Int { min: 0, max: 600 }, "Minutes of travel."),
        Field::new("initiated_by", FieldKind::Code(INITIATED_BY), "What led to it."),
        Field::new("incident_id", FieldKind::Id, "The incident it follows, if any."),
        Field::new("issues", FieldKind::CodeSet(ISSUES), "What it was about."),
        Field::new("population", FieldKind::Code(POPULATIONS), "Which group the person is of."),
        Field::new(
            "subject_handle",
            FieldKind::Id,
            "A random handle for the person, never a staff number.",
        ),
        Field::new("zone_before", FieldKind::Code(ZONES), "The person's zone before."),
        Field::new("zone_after", FieldKind::Code(ZONES), "The person's zone after."),
        Field::new("next_check_in_day", FieldKind::Day, "The day of the next check-in."),
    ],
    texts: &[],
};

/// Document type 32.
const NOTE_DOC: DocType = DocType {
    number: 32,
    name: "contact_note",
    schema: 1,
    spaces: &[SpaceKind::Care],
    writers: &[],
    note: Some(NoteRule::Contact),
    retention: Retention::Note,
    fields: &[OF, Field::new("text", FieldKind::Entries(4_000), "The supporter's own note.")],
    texts: &[],
};

/// The record kind.
pub(super) static PEER_CONTACT: RecordType = RecordType {
    name: "peer_contact",
    parts: &[&HEADER_DOC, &DETAIL_DOC, &NOTE_DOC],
    required: &["started_at", "duration_min", "mode"],
    inputs: &[],
    derive,
};

fn derive(form: &BTreeMap<String, Value>) -> Derived {
    let minutes = match form.get("duration_min") {
        Some(Value::Int(minutes)) => u64::try_from(*minutes).ok(),
        _ => None,
    };
    let band = minutes.and_then(|minutes| band_of(DURATION_BANDS, minutes));
    let band = band.map(|band| Value::Text(band.to_owned()));
    let day = local_day(form, "started_at").map(|day| ("day", day));
    day.into_iter().chain(band.map(|band| ("duration_band", band))).collect()
}

/// The day a typed time lies in: the local one if the form holds `tz_offset_min`, else the UTC one.
pub(super) fn local_day(form: &BTreeMap<String, Value>, time: &str) -> Option<Value> {
    let Some(Value::Text(text)) = form.get(time) else {
        return None;
    };
    let offset_min = match form.get("tz_offset_min") {
        Some(Value::Int(minutes)) => *minutes,
        _ => 0,
    };
    let local = Timestamp::parse(text).ok()?.plus_minutes(offset_min);
    Some(Value::Text(local.day().to_string()))
}
