//! `follow_up_task`: something a supporter is to do for somebody by a day (DOMAIN F.7).
//!
//! Never for whom: that is sealed. The task lives open in the assignee's `caseload` (document type 40), its
//! exact time, subject and words sealed in their `care` space (document type 41).

use std::collections::BTreeMap;

use super::peer_contact::local_day;
use super::schema::OF;
use super::{Derived, DocType, Field, FieldKind, RecordType, Retention, SpaceKind, Value};

const KINDS: &[&str] = &[
    "call",
    "visit",
    "message",
    "second_interview",
    "screen_offer",
    "anniversary",
    "resource_check",
];
/// The join of concurrent states (DOMAIN F.14).
const STATES: &[&str] = &["done", "declined", "unreachable", "cancelled", "reassigned", "open"];

/// Document type 40.
const TASK_DOC: DocType = DocType {
    number: 40,
    name: "follow_up_task",
    schema: 1,
    spaces: &[SpaceKind::Caseload],
    writers: &[],
    note: None,
    retention: Retention::Kept,
    fields: &[
        Field::new("kind", FieldKind::Code(KINDS), "What is to be done."),
        Field::new("due_day", FieldKind::Day, "The day it is due, from the time.").derived(),
        Field::new("assignee", FieldKind::Id, "The member who is to do it."),
        Field::new("priority", FieldKind::Int { min: 0, max: 3 }, "0 (least) to 3.").or("1"),
        Field::new("state", FieldKind::State(STATES), "How it stands.").or("open"),
        Field::new("done_day", FieldKind::Day, "The day it was done."),
    ],
    texts: &[],
};

/// Document type 41.
const DETAIL_DOC: DocType = DocType {
    number: 41,
    name: "task_detail",
    schema: 1,
    spaces: &[SpaceKind::Care],
    writers: &[],
    note: None,
    retention: Retention::Subject,
    fields: &[
        OF,
        Field::new("due_at", FieldKind::Time, "When it is due."),
        Field::new(
            "tz_offset_min",
            FieldKind::Int { min: -840, max: 840 },
            "Minutes local time is ahead of UTC; the day follows it.",
        ),
        Field::new("parent", FieldKind::Id, "The record it follows."),
        Field::new("subject_handle", FieldKind::Id, "The person's random handle."),
        Field::new("text", FieldKind::Entries(500), "Words for the assignee."),
    ],
    texts: &[],
};

/// The record kind.
pub(super) static FOLLOW_UP_TASK: RecordType = RecordType {
    name: "follow_up_task",
    parts: &[&TASK_DOC, &DETAIL_DOC],
    required: &["kind", "due_at", "assignee"],
    inputs: &[],
    derive,
};

fn derive(form: &BTreeMap<String, Value>) -> Derived {
    local_day(form, "due_at").map(|day| ("due_day", day)).into_iter().collect()
}
