//! `intervention`: what the team did for a group or a person, as facts and counts (DOMAIN F.3).
//!
//! Not its note (`session_note`) and never who attended: the count typed is banded on the author's phone and
//! stored nowhere. Its window state is computed (`windows`), never stored. Lives open in `operations`.
//! Document type 20.

use std::collections::BTreeMap;

use super::bands::band_of;
use super::{Derived, DocType, Field, FieldKind, RecordType, Retention, SpaceKind, Value};

/// Every kind of intervention.
pub(super) const KINDS: &[&str] = &[
    "pre_incident_education",
    "on_scene_support",
    "demobilization",
    "rits",
    "cmb",
    "defusing",
    "cisd",
    "one_on_one",
    "family_support",
    "organizational_consultation",
    "pastoral",
    "follow_up_group",
    "lodd_support",
    "trim_assessment",
    "sfa",
];
/// Bands of a number of people.
pub(super) const GROUP_BANDS: &[&str] = &["under_5", "5_9", "10_19", "20_49", "50_plus"];
const LOCATIONS: &[&str] = &["station", "neutral", "hospital", "command_post", "virtual", "other"];
const PHASES: &[&str] = &[
    "introduction",
    "exploration",
    "information",
    "fact",
    "thought",
    "reaction",
    "symptom",
    "teaching",
    "re_entry",
    "stabilize",
    "acknowledge",
    "facilitate",
    "encourage",
    "recovery_or_referral",
    "check",
    "coordinate",
    "cover",
    "calm",
    "connect",
    "competence",
    "confidence",
    "before",
    "during",
    "after",
];
const HANDOUTS: &[&str] = &[
    "stress_reactions",
    "coping",
    "sleep",
    "family_guide",
    "talking_with_children",
    "team_contact",
    "crisis_lines",
    "local_resources",
];
/// What a group spoke of, in words that point to nobody.
const THEMES: &[&str] = &[
    "life_threat",
    "loss",
    "moral_injury",
    "wear_and_tear",
    "helplessness",
    "sleep",
    "family",
    "media",
    "workload",
    "mutual_support",
    "pride_in_work",
];
const OUTCOMES: &[&str] = &["completed", "partial", "cancelled", "declined", "upgraded_to_cisd"];

/// Document type 20.
const INTERVENTION_DOC: DocType = DocType {
    number: 20,
    name: "intervention",
    schema: 1,
    spaces: &[SpaceKind::Operations],
    writers: &[],
    note: None,
    retention: Retention::Kept,
    fields: &[
        Field::new("incident_id", FieldKind::Id, "The incident it answers, if any."),
        Field::new("kind", FieldKind::Code(KINDS), "Which intervention."),
        Field::new("planned_start", FieldKind::Time, "When it is planned."),
        Field::new("started_at", FieldKind::Time, "When it began."),
        Field::new("ended_at", FieldKind::Time, "When it ended."),
        Field::new(
            "tz_offset_min",
            FieldKind::Int { min: -840, max: 840 },
            "Minutes local time is ahead of UTC.",
        ),
        Field::new("duration_min", FieldKind::Int { min: 0, max: 600 }, "Minutes it took."),
        Field::new("attendees", FieldKind::Code(GROUP_BANDS), "How many attended, as a band."),
        Field::new("homogeneous_group", FieldKind::Bool, "Whether one crew had one experience."),
        Field::new("voluntary", FieldKind::Bool, "Whether taking part was voluntary."),
        Field::new("team_peers", FieldKind::Int { min: 0, max: 50 }, "Peers on the team."),
        Field::new(
            "team_mhp",
            FieldKind::Int { min: 0, max: 10 },
            "Mental-health professionals on the team.",
        ),
        Field::new("team_chaplains", FieldKind::Int { min: 0, max: 10 }, "Chaplains on the team."),
        Field::new("leads", FieldKind::IdSet, "The members who lead it."),
        Field::new("location_kind", FieldKind::Code(LOCATIONS), "What kind of place."),
        Field::new("phases_done", FieldKind::CodeSet(PHASES), "Phases that were run."),
        Field::new("rules_read_at", FieldKind::Time, "When the ground rules were read aloud."),
        Field::new(
            "one_on_ones_triggered",
            FieldKind::Counter { max: 99 },
            "One-to-one talks that followed.",
        ),
        Field::new("referrals_count", FieldKind::Counter { max: 99 }, "Referrals offered."),
        Field::new("handouts", FieldKind::CodeSet(HANDOUTS), "Handouts given."),
        Field::new("follow_up_due_at", FieldKind::Time, "When the follow-up is due."),
        Field::new("team_self_debrief_done", FieldKind::Bool, "Whether the team debriefed itself.")
            .or("false"),
        Field::new("outcome", FieldKind::Code(OUTCOMES), "How it went."),
        Field::new("themes", FieldKind::CodeSet(THEMES), "What was spoken of, coded."),
    ],
    texts: &[],
};

/// The record kind.
pub(super) static INTERVENTION: RecordType = RecordType {
    name: "intervention",
    parts: &[&INTERVENTION_DOC],
    required: &["kind"],
    inputs: &[Field::new(
        "attendees_count",
        FieldKind::Int { min: 0, max: 1_000 },
        "How many attended; only the band is kept.",
    )],
    derive,
};

fn derive(form: &BTreeMap<String, Value>) -> Derived {
    let count = match form.get("attendees_count") {
        Some(Value::Int(count)) => u64::try_from(*count).ok(),
        _ => None,
    };
    let band = count.and_then(|count| band_of(GROUP_BANDS, count));
    band.map(|band| ("attendees", Value::Text(band.to_owned()))).into_iter().collect()
}
