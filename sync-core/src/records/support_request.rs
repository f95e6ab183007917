//! `support_request`: somebody asks for a peer (DOMAIN F.18).
//!
//! Not an emergency call: whoever asks now sees the crisis numbers first. Lives sealed in the asking member's
//! `intake` space, which they and the team's peers read. In clear stand the day and whether it is urgent, nothing else.
//! Document type 60.

use std::collections::{BTreeMap, BTreeSet};

use super::schema::derives_nothing;
use super::{DocType, Field, FieldKind, FieldOp, RecordType, Retention, Scalar, SpaceKind, Value};

/// Document type of a request.
pub const SUPPORT_REQUEST: u16 = 60;
const URGENCIES: &[&str] = &["routine", "today", "now"];
const TIME_QUALITY: &[&str] = &["exact", "approximate", "device_unsure"];
/// Stored are the last two only, the others follow from who has seen and taken it. A concurrent closing never hides who
/// asks again.
const STATES: &[&str] = &["taken", "seen", "delivered", "queued", "closed"];

/// Document type 60.
const REQUEST_DOC: DocType = DocType {
    number: SUPPORT_REQUEST,
    name: "support_request",
    schema: 1,
    spaces: &[SpaceKind::Intake],
    writers: &[],
    note: None,
    retention: Retention::Subject,
    fields: &[
        Field::new(
            "urgency",
            FieldKind::Code(URGENCIES),
            "How soon. Now shows the crisis numbers at once and leaves the phone first.",
        ),
        Field::new(
            "asked_at",
            FieldKind::Time,
            "When it was asked; the phone's time if not given.",
        ),
        Field::new(
            "time_quality",
            FieldKind::Code(TIME_QUALITY),
            "How sure the time is; the phone says so where its clock was never corrected.",
        ),
        Field::new("who", FieldKind::Label(64), "Whom to ask for."),
        Field::new("call_back", FieldKind::Label(64), "How to call back."),
        Field::new("crew", FieldKind::Label(32), "The crew, as station-4."),
        Field::new("words", FieldKind::Entries(500), "A few words, if any."),
        Field::new("seen_by", FieldKind::IdSet, "Peers who opened it."),
        Field::new(
            "taken_by",
            FieldKind::IdSet,
            "Who calls back. Where two took it at once both stay until one steps back.",
        ),
        Field::new("passed_by", FieldKind::IdSet, "Peers who cannot and passed it on."),
        Field::new(
            "state",
            FieldKind::State(STATES),
            "How far it has come, on the phone that shows it.",
        )
        .or("queued"),
    ],
    texts: &[],
};

/// The record kind.
pub(super) static SUPPORT_REQUEST_RECORD: RecordType = RecordType {
    name: "support_request",
    parts: &[&REQUEST_DOC],
    required: &["urgency"],
    inputs: &[],
    derive: derives_nothing,
};

/// How far a request has come, as its author and every peer see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestState {
    /// It waits on the phone.
    Queued,
    /// The relay has it; nobody has seen it yet.
    Delivered,
    /// A peer has opened it.
    Seen,
    /// A peer calls back.
    Taken,
    /// It needs nobody any more.
    Closed,
}

impl RequestState {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            RequestState::Queued => "queued",
            RequestState::Delivered => "delivered",
            RequestState::Seen => "seen",
            RequestState::Taken => "taken",
            RequestState::Closed => "closed",
        }
    }

    /// What a request's values say. `asked_by`: the asking member (hex), who does not count as having seen it.
    /// `stored`: whether the relay has all of it.
    pub fn of(values: &BTreeMap<String, Value>, asked_by: &str, stored: bool) -> RequestState {
        let somebody = |name: &str| members(values, name).iter().any(|member| member != asked_by);
        if values.get("state") == Some(&Value::Text("closed".into())) {
            RequestState::Closed
        } else if somebody("taken_by") {
            RequestState::Taken
        } else if somebody("seen_by") || somebody("passed_by") {
            RequestState::Seen
        } else if stored {
            RequestState::Delivered
        } else {
            RequestState::Queued
        }
    }
}

/// The members that a set of a request names.
pub fn members(values: &BTreeMap<String, Value>, name: &str) -> BTreeSet<String> {
    match values.get(name) {
        Some(Value::Set(set)) => set.clone(),
        _ => BTreeSet::new(),
    }
}

/// Minutes until the next on call is called, of a policy's `escalate_min`: urgent ones as it says, for today eight
/// times as long, the others a hundred times.
pub fn escalates_after_min(urgency: &str, escalate_min: u16) -> u32 {
    let times = match urgency {
        "now" => 1,
        "today" => 8,
        _ => 100,
    };
    u32::from(escalate_min) * times
}

/// Whether a form asks for help at once, so that the crisis numbers are shown before anything else is done.
pub fn asks_for_help_now(form: &BTreeMap<String, Value>) -> bool {
    let says = |name: &str, code: &str| form.get(name) == Some(&Value::Text(code.to_owned()));
    says("urgency", "now") || says("wants_contact", "urgent")
}

/// Whether a write to a document of this type is an urgent request, which leaves before all else and says so in clear.
pub fn is_urgent(number: u16, ops: &[FieldOp]) -> bool {
    let now = Scalar::Str("now".to_owned());
    number == SUPPORT_REQUEST
        && ops
            .iter()
            .any(|op| matches!(op, FieldOp::Put(key, value) if key == "urgency" && *value == now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(fields: &[(&str, &[&str])]) -> BTreeMap<String, Value> {
        let set = |ids: &[&str]| Value::Set(ids.iter().map(|id| (*id).to_owned()).collect());
        fields.iter().map(|(name, ids)| ((*name).to_owned(), set(ids))).collect()
    }

    #[test]
    fn a_request_is_seen_by_others_only_and_taken_counts_before_seen() {
        let state =
            |fields: &[(&str, &[&str])], stored| RequestState::of(&values(fields), "me", stored);
        assert_eq!(state(&[], false), RequestState::Queued);
        assert_eq!(state(&[], true), RequestState::Delivered);
        assert_eq!(state(&[("seen_by", &["me"])], true), RequestState::Delivered);
        assert_eq!(state(&[("seen_by", &["amy"])], false), RequestState::Seen);
        assert_eq!(state(&[("passed_by", &["amy"])], true), RequestState::Seen);
        assert_eq!(
            state(&[("seen_by", &["amy"]), ("taken_by", &["bo"])], true),
            RequestState::Taken
        );
        let mut closed = values(&[("taken_by", &["bo"])]);
        closed.insert("state".into(), Value::Text("closed".into()));
        assert_eq!(RequestState::of(&closed, "me", true), RequestState::Closed);
    }

    #[test]
    fn only_a_request_for_now_is_urgent() {
        let urgency = |code: &str| [FieldOp::Put("urgency".into(), Scalar::Str(code.into()))];
        assert!(is_urgent(SUPPORT_REQUEST, &urgency("now")));
        assert!(!is_urgent(SUPPORT_REQUEST, &urgency("today")));
        assert!(!is_urgent(50, &urgency("now")));
        assert!(!is_urgent(SUPPORT_REQUEST, &[]));
    }

    #[test]
    fn the_more_urgent_the_sooner_the_next_is_called() {
        assert_eq!(escalates_after_min("now", 15), 15);
        assert_eq!(escalates_after_min("today", 15), 120);
        assert_eq!(escalates_after_min("routine", 15), 1_500);
        assert_eq!(escalates_after_min("routine", u16::MAX), 6_553_500);
    }
}
