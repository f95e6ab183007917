//! `incident`: a critical incident, its open facts and its sealed narrative (DOMAIN F.2).
//!
//! Not who was there: it holds counts, disciplines and unit labels, never people. The facts live open in
//! `operations` (document type 10), the narrative sealed in `clinical` (document type 11).

use super::schema::{OF, derives_nothing};
use super::{DocType, Field, FieldKind, RecordType, Retention, SpaceKind};

const TIME_QUALITY: &[&str] = &["exact", "approximate", "device_unsure"];
const TYPE: &[&str] = &[
    "lodd",
    "member_serious_injury",
    "member_suicide",
    "child_death",
    "mass_casualty",
    "failed_rescue",
    "victim_known",
    "officer_involved_shooting",
    "threat_to_responders",
    "responder_caused_death",
    "disaster",
    "prolonged_event",
    "media_intense",
    "cumulative",
    "other",
];
const DISCIPLINES: &[&str] = &[
    "fire",
    "ems",
    "law_enforcement",
    "dispatch",
    "corrections",
    "sar",
    "hospital",
    "military",
    "chaplaincy",
    "other",
];
const REQUESTED_BY: &[&str] =
    &["self", "peer", "supervisor", "incident_commander", "dispatch", "agency_admin", "family"];
/// The join of concurrent states (DOMAIN F.14): a concurrent closing never hides open work.
const STATUS: &[&str] = &["active", "monitoring", "triaged", "reported", "closed", "no_action"];
const SOURCE: &[&str] = &["manual", "cad_tag"];

/// Document type 10.
const INCIDENT_DOC: DocType = DocType {
    number: 10,
    name: "incident",
    schema: 1,
    spaces: &[SpaceKind::Operations],
    writers: &[],
    note: None,
    retention: Retention::Kept,
    fields: &[
        Field::new("cad_number", FieldKind::Label(32), "The dispatch number."),
        Field::new("occurred_start", FieldKind::Time, "When it began."),
        Field::new("occurred_end", FieldKind::Time, "When it ended; the windows count from here."),
        Field::new(
            "tz_offset_min",
            FieldKind::Int { min: -840, max: 840 },
            "Minutes local time is ahead of UTC.",
        ),
        Field::new("time_quality", FieldKind::Code(TIME_QUALITY), "How sure the times are."),
        Field::new("type", FieldKind::CodeSet(TYPE), "What kind of incident; tick all."),
        Field::new("severity", FieldKind::Int { min: 1, max: 5 }, "1 (least) to 5."),
        Field::new(
            "personnel_exposed",
            FieldKind::Int { min: 0, max: 10_000 },
            "How many responders were exposed.",
        ),
        Field::new("disciplines", FieldKind::CodeSet(DISCIPLINES), "Whose responders."),
        Field::new("area", FieldKind::Label(64), "Coarse area, never an address."),
        Field::new("units", FieldKind::LabelSet(32), "Crews that were present, as station-4."),
        Field::new("requested_by_role", FieldKind::Code(REQUESTED_BY), "Who asked for support."),
        Field::new("requested_at", FieldKind::Time, "When support was asked for."),
        Field::new("acknowledged_at", FieldKind::Time, "When the team answered."),
        Field::new("status", FieldKind::State(STATUS), "How far the team is.").or("reported"),
        Field::new("source", FieldKind::Code(SOURCE), "How it was reported.").or("manual"),
    ],
    texts: &[],
};

/// Document type 11.
const NARRATIVE_DOC: DocType = DocType {
    number: 11,
    name: "incident_narrative",
    schema: 1,
    spaces: &[SpaceKind::Clinical],
    writers: &[],
    note: None,
    retention: Retention::Note,
    fields: &[
        OF,
        Field::new(
            "narrative",
            FieldKind::Entries(2_000),
            "What happened, for coordinators and the clinical director.",
        ),
    ],
    texts: &[],
};

/// The record kind.
pub(super) static INCIDENT: RecordType = RecordType {
    name: "incident",
    parts: &[&INCIDENT_DOC, &NARRATIVE_DOC],
    required: &["type", "occurred_end"],
    inputs: &[],
    derive: derives_nothing,
};
