//! The follow-ups that come after an incident: when each is due and what it is (DOMAIN A.3).
//!
//! Steps only; a person makes tasks of them for somebody, and the dates stay theirs to change.

use crate::protocol::Timestamp;

/// A step after an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowUp {
    /// Hours after the incident's end.
    pub after_h: u32,
    /// The kind of task.
    pub kind: &'static str,
    /// What it is called.
    pub name: &'static str,
}

/// A day, a week, a month, a year.
pub const FOLLOW_UPS: &[FollowUp] = &[
    FollowUp { after_h: 24, kind: "call", name: "24 hours" },
    FollowUp { after_h: 168, kind: "call", name: "1 week" },
    FollowUp { after_h: 720, kind: "visit", name: "1 month" },
    FollowUp { after_h: 8_760, kind: "anniversary", name: "anniversary" },
];

impl FollowUp {
    /// When it is due after an incident that ended then.
    pub fn due(&self, occurred_end: Timestamp) -> Timestamp {
        occurred_end.plus_minutes(i64::from(self.after_h) * 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_a_week_a_month_and_a_year_after() {
        let end = Timestamp::parse("2026-03-01T18:00:00Z").expect("a time");
        let due: Vec<String> =
            FOLLOW_UPS.iter().map(|step| step.due(end).day().to_string()).collect();
        assert_eq!(due, ["2026-03-02", "2026-03-08", "2026-03-31", "2027-03-01"]);
    }
}
