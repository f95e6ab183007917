//! `intervention`: what the team did for a group or a person, as facts and counts (DOMAIN F.3).
//!
//! Not its note (`session_note`) and never who attended: the count typed is banded on the author's phone and
//! stored nowhere. Its window state is computed (`windows`), never stored. Lives open in `operations`.
//! Document type 20.

use std::collections::BTreeMap;

use super::bands::band_of;
use super::incident::TIME_QUALITY;
use super::{
    By, Derived, DocType, Field, FieldKind, MarkKey, MarkValue, RecordType, Retention, SpaceKind,
    Value,
};

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
/// The phases of every kind; which kind has which stands in `guide`.
pub(super) const PHASES: &[&str] = &[
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
    "food",
    "facts",
    "stress_teaching",
    "team_contact",
    "assemble",
    "reactions_teaching",
    "resources",
];
/// The ground rules that are usually read aloud (DOMAIN A.6), one tick each.
const GROUND_RULES: &[&str] = &[
    "confidential",
    "not_required_to_speak",
    "no_breaks",
    "speak_for_yourself",
    "nothing_incriminating",
    "no_pagers_off_duty",
    "no_rank",
    "not_a_critique",
    "not_an_investigation",
    "others_leave",
];
/// Why an intervention did not happen as it was planned, in words that point to nobody.
const REASONS: &[&str] = &[
    "crew_declined",
    "operation_went_on",
    "window_missed",
    "no_team_available",
    "not_needed",
    "other_support_chosen",
    "logistics",
    "entered_in_error",
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

/// What a member does on the team of one intervention.
const TEAM_ROLES: &[&str] = &["lead", "mhp", "peer", "chaplain", "doorkeeper", "support"];
/// Why a clinical director lets a member work in spite of a conflict.
const OVERRIDES: &[&str] =
    &["nobody_else_available", "crew_asked_for_them", "conflict_is_remote", "recorded_in_error"];
const YES_NO: FieldKind = FieldKind::Marks(MarkKey::Member, MarkValue::Code(&["yes", "no"]));

/// Document type 20.
const INTERVENTION_DOC: DocType = DocType {
    number: 20,
    name: "intervention",
    schema: 2,
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
        Field::new(
            "crews",
            FieldKind::LabelSet(32),
            "Crews it is for, as station-4; none: all that were at the incident.",
        ),
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
        Field::new(
            "outcome_reason",
            FieldKind::Code(REASONS),
            "Why it did not happen as it was planned.",
        ),
        Field::new("themes", FieldKind::CodeSet(THEMES), "What was spoken of, coded."),
        Field::new(
            "phase_times",
            FieldKind::Marks(MarkKey::Codes(PHASES), MarkValue::Time),
            "When each phase was run; it is then done.",
        ),
        Field::new(
            "rules_read",
            FieldKind::Marks(MarkKey::Codes(GROUND_RULES), MarkValue::Time),
            "When each ground rule was read aloud.",
        ),
        Field::new(
            "team",
            FieldKind::Marks(MarkKey::Member, MarkValue::Code(TEAM_ROLES)),
            "Who is on its team, and as what.",
        ),
        Field::new("declared_not_present", YES_NO, "Each one's own word: was not at the incident.")
            .said_by(By::Named),
        Field::new(
            "declared_no_supervision",
            YES_NO,
            "Each one's own word: supervises nobody of the crews.",
        )
        .said_by(By::Named),
        Field::new("declared_not_close", YES_NO, "Each one's own word: is close to nobody served.")
            .said_by(By::Named),
        Field::new(
            "conflict_overrides",
            FieldKind::Marks(MarkKey::Member, MarkValue::Code(OVERRIDES)),
            "Whom a clinical director lets work in spite of a conflict, and why.",
        )
        .said_by(By::ClinicalDirector),
        Field::new(
            "same_as",
            FieldKind::IdSet,
            "Other records of the same session, as somebody confirmed.",
        ),
        Field::new("not_same_as", FieldKind::IdSet, "Records that are another session."),
        Field::new("time_quality", FieldKind::Code(TIME_QUALITY), "How sure its times are."),
        Field::new(
            "travel_min",
            FieldKind::Int { min: 0, max: 600 },
            "Minutes of the team's travel.",
        ),
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
    let attendees = band.map(|band| ("attendees", Value::Text(band.to_owned())));
    attendees.into_iter().chain(phases_with_times(form)).collect()
}

/// A phase with a time is done, beside those ticked without one.
fn phases_with_times(form: &BTreeMap<String, Value>) -> Option<(&'static str, Value)> {
    let Some(Value::Set(times)) = form.get("phase_times") else { return None };
    let timed = times.iter().filter_map(|mark| Some(mark.split_once('@')?.0.to_owned()));
    let ticked = match form.get("phases_done") {
        Some(Value::Set(ticked)) => ticked.clone(),
        _ => Default::default(),
    };
    let all: std::collections::BTreeSet<String> = timed.chain(ticked.iter().cloned()).collect();
    (all != ticked).then_some(("phases_done", Value::Set(all)))
}
