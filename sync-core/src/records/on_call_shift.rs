//! `on_call_shift`: when a staff member can be reached, and when not (DOMAIN F.1, F.19).
//!
//! Not a duty roster of the agency: it says who of the team answers requests, in which order. Each staff member
//! writes their own; admins may write anybody's. Lives open in `roster`. Document type 3.
//! Invariant: whose it is stands in its id (see `own`), so nobody else's word about it counts.

use std::collections::BTreeMap;

use crate::ids::{DocId, MemberId};
use crate::protocol::Timestamp;

use super::own::belongs_to;
use super::schema::derives_nothing;
use super::{DocType, Field, FieldKind, InputError, RecordType, Retention, SpaceKind, Value, Who};

const AVAILABILITY: &[&str] = &["on_call", "available", "resting", "unavailable"];
/// The join of concurrent states: who called it off is not called.
const STATES: &[&str] = &["cancelled", "planned"];
/// Longest shift: who is always on call says so once a month.
const MAX_MS: i64 = 31 * 24 * 60 * 60 * 1000;

/// Document type 3.
const SHIFT_DOC: DocType = DocType {
    number: super::own::SHIFT,
    name: "on_call_shift",
    schema: 1,
    spaces: &[SpaceKind::Roster],
    writers: &[Who::Admin, Who::Staff],
    note: None,
    retention: Retention::Kept,
    fields: &[
        Field::new("member", FieldKind::Id, "Whose it is; the writer's own if not given."),
        Field::new("starts_at", FieldKind::Time, "When it begins."),
        Field::new(
            "ends_at",
            FieldKind::Time,
            "When it ends; that moment is not in it any more. At most 31 days after the beginning.",
        ),
        Field::new(
            "availability",
            FieldKind::Code(AVAILABILITY),
            "Whether the member is on call then. Resting or unavailable takes them off call.",
        )
        .or("on_call"),
        Field::new("rank", FieldKind::Int { min: 1, max: 9 }, "1 is called first, 9 last.").or("1"),
        Field::new("state", FieldKind::State(STATES), "Whether it still holds.").or("planned"),
    ],
    texts: &[],
};

/// The record kind.
pub(super) static ON_CALL_SHIFT: RecordType = RecordType {
    name: "on_call_shift",
    parts: &[&SHIFT_DOC],
    required: &["member", "starts_at", "ends_at"],
    inputs: &[],
    derive: derives_nothing,
};

/// A shift that holds, as who is on call is worked out from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Whose.
    pub member: MemberId,
    /// The first moment in it.
    pub starts: Timestamp,
    /// The first moment after it.
    pub ends: Timestamp,
    /// 1 is called first.
    pub rank: i64,
    /// Whether the member is on call in it; else they are off call in it.
    pub on_call: bool,
}

impl Shift {
    /// The shift that a record's values say; `None` if it does not hold, says nothing about being called, or is not the
    /// named member's to give.
    pub fn of(doc: DocId, values: &BTreeMap<String, Value>) -> Option<Shift> {
        let text = |name: &str| match values.get(name) {
            Some(Value::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let member: MemberId = text("member")?.parse().ok()?;
        let (starts, ends) = span(values)?;
        let on_call = match text("availability") {
            Some("on_call") => true,
            Some("resting" | "unavailable") => false,
            _ => return None,
        };
        let rank = match values.get("rank") {
            Some(Value::Int(rank)) => *rank,
            _ => 1,
        };
        let holds =
            belongs_to(doc, member) && text("state") != Some("cancelled") && fits(starts, ends);
        holds.then_some(Shift { member, starts, ends, rank, on_call })
    }

    /// Whether a moment lies in it.
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.starts <= at && at < self.ends
    }
}

fn span(values: &BTreeMap<String, Value>) -> Option<(Timestamp, Timestamp)> {
    let time = |name: &str| match values.get(name) {
        Some(Value::Text(text)) => Timestamp::parse(text).ok(),
        _ => None,
    };
    Some((time("starts_at")?, time("ends_at")?))
}

fn fits(starts: Timestamp, ends: Timestamp) -> bool {
    ends > starts && ends.0.saturating_sub(starts.0) <= MAX_MS
}

/// Checks that a shift ends after it begins, and in time. Said to who types it; whoever reads goes by [`Shift::of`].
///
/// # Errors
/// `bad_value`.
pub fn check_shift(values: &BTreeMap<String, Value>) -> Result<(), InputError> {
    match span(values) {
        Some((starts, ends)) if !fits(starts, ends) => Err(InputError::bad_value(
            "ends_at",
            "takes a time after starts_at and at most 31 days after it",
        )),
        _ => Ok(()),
    }
}
