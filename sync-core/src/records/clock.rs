//! The clock of one incident: where each of its interventions stands, until when, what is next and for whom.
//!
//! A pure function of what records say, the team's windows and the time, which is handed in already corrected by a
//! relay's. It stores nothing, ranks nothing (lines stand in the order of [`GUIDES`]), and where a time may be wrong it says so
//! instead of guessing. Called by the engine for phones and by the coordinators' page.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::DocId;
use crate::protocol::Timestamp;

use super::{
    FieldView, GUIDES, PolicyProfile, Value, Window, WindowState, closing_soon, state, window,
};

/// What a record says, by field.
type Said = BTreeMap<String, FieldView>;

/// Why a state may be wrong. The names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// The clock that says what time it is was never compared with a relay's.
    Clock,
    /// The incident's times come from such a clock.
    IncidentTime,
    /// The intervention's times come from such a clock.
    InterventionTime,
    /// Two ends of the incident were written at once.
    TwoEnds,
    /// Two kinds or two starts of the intervention were written at once.
    TwoStarts,
}

impl Doubt {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Doubt::Clock => "clock_unsure",
            Doubt::IncidentTime => "incident_time_unsure",
            Doubt::InterventionTime => "intervention_time_unsure",
            Doubt::TwoEnds => "two_ends",
            Doubt::TwoStarts => "two_starts",
        }
    }

    /// What it means and what to do.
    pub const fn advice(self) -> &'static str {
        match self {
            Doubt::Clock => "this clock was never compared with a relay's: sync, or check the time",
            Doubt::IncidentTime => {
                "the incident's time comes from a phone whose clock was not checked: correct it and set time_quality"
            }
            Doubt::InterventionTime => {
                "its times come from a phone whose clock was not checked: correct them and set time_quality"
            }
            Doubt::TwoEnds => "two end times were written for the incident: settle them",
            Doubt::TwoStarts => "two kinds or two starts were written for it: settle them",
        }
    }
}

/// One intervention of an incident, planned or not, on its clock.
#[derive(Debug, Clone, PartialEq)]
pub struct ClockLine {
    /// The kind.
    pub kind: String,
    /// The record; `None` where nobody has made one.
    pub intervention: Option<DocId>,
    /// Whether triage decided on the kind, or a record of it is there.
    pub wanted: bool,
    /// Whether nothing more is to come: it has an outcome, or it began.
    pub settled: bool,
    /// Where it stands.
    pub state: WindowState,
    /// The last quarter of ideal.
    pub closing_soon: bool,
    /// Its window, if the kind has one.
    pub window: Option<Window>,
    /// What the clock waits for, if anything, as `opens`, `ideal_ends`, `window_ends` or `planned`.
    pub next: Option<(&'static str, Timestamp)>,
    /// The crews it is for.
    pub crews: BTreeSet<String>,
    /// Its leads (hex).
    pub leads: BTreeSet<String>,
    /// Why the state may be wrong.
    pub doubts: Vec<Doubt>,
}

/// The clock of an incident: every intervention recorded for it and every kind that has a window or was decided on.
/// `None` while nobody has written when the incident ended. `is_sure`: whether a relay ever attested the time.
pub fn clock(
    profile: &PolicyProfile,
    incident: &Said,
    interventions: &[(DocId, Said)],
    now: Timestamp,
    is_sure: bool,
) -> Option<Vec<ClockLine>> {
    let end = time(incident, "occurred_end")?;
    let decided = set(incident, "interventions_decided");
    let at = At { profile, incident, end, now, is_sure };
    let mut lines = Vec::new();
    for guide in GUIDES {
        let mut own: Vec<&(DocId, Said)> = interventions
            .iter()
            .filter(|(_, said)| text(said, "kind") == Some(guide.kind))
            .collect();
        own.sort_by_key(|(id, said)| {
            let first = time(said, "started_at").or(time(said, "planned_start"));
            (first.map_or(i64::MAX, |at| at.0), *id)
        });
        let is_decided = decided.contains(guide.kind);
        lines.extend(own.iter().map(|(id, said)| at.line(guide.kind, Some((*id, said)), true)));
        if own.is_empty() && (is_decided || window(profile, guide.kind).is_some()) {
            lines.push(at.line(guide.kind, None, is_decided));
        }
    }
    // A kind from newer software has no guide here, and is not to vanish for that.
    for (id, said) in interventions {
        match text(said, "kind") {
            Some(kind) if GUIDES.iter().all(|guide| guide.kind != kind) => {
                lines.push(at.line(kind, Some((*id, said)), true));
            }
            _ => {}
        }
    }
    Some(lines)
}

/// What needs somebody next: of what is wanted and not settled, what the clock waits for first.
pub fn next(lines: &[ClockLine]) -> Option<&ClockLine> {
    let open = lines
        .iter()
        .filter(|line| line.wanted && !line.settled && line.state != WindowState::Missed);
    open.min_by_key(|line| line.next.map_or(i64::MAX, |(_, at)| at.0))
}

/// What all lines of one clock share.
struct At<'a> {
    profile: &'a PolicyProfile,
    incident: &'a Said,
    end: Timestamp,
    now: Timestamp,
    is_sure: bool,
}

impl At<'_> {
    fn line(&self, kind: &str, made: Option<(DocId, &Said)>, wanted: bool) -> ClockLine {
        let nothing = Said::new();
        let said = made.map_or(&nothing, |(_, said)| said);
        let started = time(said, "started_at");
        let settled = started.is_some() || said.contains_key("outcome");
        let at = state(self.profile, kind, self.end, started, self.now);
        let frame = window(self.profile, kind);
        let crews = match set(said, "crews") {
            own if own.is_empty() => set(self.incident, "units"),
            own => own,
        };
        ClockLine {
            kind: kind.to_owned(),
            intervention: made.map(|(id, _)| id),
            wanted,
            settled,
            state: at,
            closing_soon: !settled && closing_soon(self.profile, kind, self.end, started, self.now),
            window: frame,
            next: if settled { None } else { self.next(at, frame, time(said, "planned_start")) },
            crews,
            leads: set(said, "leads"),
            doubts: self.doubts(said, frame.is_some(), started.is_some()),
        }
    }

    /// What comes first: the next bound of the window, or the time it is planned for.
    fn next(
        &self,
        at: WindowState,
        frame: Option<Window>,
        planned: Option<Timestamp>,
    ) -> Option<(&'static str, Timestamp)> {
        let after = |hours: u32| self.end.plus_minutes(i64::from(hours) * 60);
        let bound = frame.and_then(|frame| match at {
            WindowState::Early => Some(("opens", after(frame.open_h))),
            WindowState::Ideal => Some(("ideal_ends", after(frame.ideal_end_h))),
            WindowState::Late => frame.hard_end_h.map(|hours| ("window_ends", after(hours))),
            WindowState::Missed | WindowState::NotApplicable => None,
        });
        let planned = planned.filter(|planned| *planned >= self.now).map(|at| ("planned", at));
        bound.into_iter().chain(planned).min_by_key(|(_, at)| at.0)
    }

    fn doubts(&self, said: &Said, has_window: bool, has_begun: bool) -> Vec<Doubt> {
        let disputed = |said: &Said, field: &str| {
            said.get(field).is_some_and(|field| !field.conflict.is_empty())
        };
        let unsure = |said: &Said| text(said, "time_quality") == Some("device_unsure");
        let all = [
            (Doubt::Clock, has_window && !has_begun && !self.is_sure),
            (Doubt::IncidentTime, has_window && unsure(self.incident)),
            (Doubt::InterventionTime, has_begun && unsure(said)),
            (Doubt::TwoEnds, has_window && disputed(self.incident, "occurred_end")),
            (Doubt::TwoStarts, disputed(said, "kind") || disputed(said, "started_at")),
        ];
        all.into_iter().filter(|(_, holds)| *holds).map(|(doubt, _)| doubt).collect()
    }
}

fn text<'a>(said: &'a Said, field: &str) -> Option<&'a str> {
    match &said.get(field)?.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn time(said: &Said, field: &str) -> Option<Timestamp> {
    Timestamp::parse(text(said, field)?).ok()
}

fn set(said: &Said, field: &str) -> BTreeSet<String> {
    match said.get(field).map(|field| &field.value) {
        Some(Value::Set(set)) => set.clone(),
        _ => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &str = "2026-03-01T18:00:00Z";

    fn said(fields: &[(&str, &str)]) -> Said {
        let one = |(name, text): &(&str, &str)| {
            let value = match *name {
                "interventions_decided" | "units" | "crews" | "leads" => {
                    Value::Set(text.split(',').map(str::to_owned).collect())
                }
                _ => Value::Text((*text).to_owned()),
            };
            ((*name).to_owned(), FieldView { value, conflict: Vec::new() })
        };
        fields.iter().map(one).collect()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    fn id(byte: u8) -> DocId {
        DocId::new([byte; 16])
    }

    fn lines(incident: &Said, interventions: &[(DocId, Said)], now: Timestamp) -> Vec<ClockLine> {
        clock(&PolicyProfile::neutral(), incident, interventions, now, true).expect("it has an end")
    }

    fn of<'a>(lines: &'a [ClockLine], kind: &str) -> &'a ClockLine {
        lines.iter().find(|line| line.kind == kind).expect("a line of the kind")
    }

    #[test]
    fn every_kind_with_a_window_stands_there_and_only_what_is_wanted_can_be_next() {
        let incident = said(&[("occurred_end", END), ("units", "station-4,medic-2")]);
        let all = lines(&incident, &[], at("2026-03-01T19:00:00Z"));
        let kinds: Vec<&str> = all.iter().map(|line| line.kind.as_str()).collect();
        let windowed = ["demobilization", "rits", "cmb", "defusing", "cisd", "trim_assessment"];
        assert_eq!(kinds, windowed, "in the order of the guides");
        assert_eq!(next(&all), None, "nobody decided on anything");

        let decided = said(&[
            ("occurred_end", END),
            ("units", "station-4,medic-2"),
            ("interventions_decided", "defusing,one_on_one,cisd"),
        ]);
        let all = lines(&decided, &[], at("2026-03-01T19:00:00Z"));
        let first = next(&all).expect("one is next");
        assert_eq!(first.kind, "defusing");
        assert_eq!(first.next, Some(("ideal_ends", at("2026-03-02T02:00:00Z"))));
        assert_eq!(first.crews, ["medic-2".to_owned(), "station-4".to_owned()].into());
        assert!(of(&all, "one_on_one").wanted && of(&all, "one_on_one").next.is_none());
    }

    #[test]
    fn each_bound_of_each_window_moves_what_the_clock_waits_for() {
        let incident = said(&[("occurred_end", END), ("interventions_decided", "defusing,cisd")]);
        let told = |kind: &str, minutes: i64, ms: i64| {
            let now = at(END).plus_minutes(minutes).plus_ms(ms);
            let all = lines(&incident, &[], now);
            let line = of(&all, kind);
            (line.state, line.next.map(|(what, _)| what), line.closing_soon)
        };
        use WindowState::{Early, Ideal, Late, Missed};
        for (kind, minutes, ms, expected) in [
            ("defusing", 0, -1, (Early, Some("opens"), false)),
            ("defusing", 0, 0, (Ideal, Some("ideal_ends"), false)),
            ("defusing", 6 * 60, -1, (Ideal, Some("ideal_ends"), false)),
            ("defusing", 6 * 60, 0, (Ideal, Some("ideal_ends"), true)),
            ("defusing", 8 * 60, 0, (Ideal, Some("ideal_ends"), true)),
            ("defusing", 8 * 60, 1, (Late, Some("window_ends"), false)),
            ("defusing", 12 * 60, 0, (Late, Some("window_ends"), false)),
            ("defusing", 12 * 60, 1, (Missed, None, false)),
            ("cisd", 24 * 60, -1, (Early, Some("opens"), false)),
            ("cisd", 24 * 60, 0, (Ideal, Some("ideal_ends"), false)),
            ("cisd", 72 * 60, 0, (Ideal, Some("ideal_ends"), true)),
            ("cisd", 72 * 60, 1, (Late, Some("window_ends"), false)),
            ("cisd", 240 * 60, 1, (Missed, None, false)),
            ("cmb", 72 * 60, 1, (Late, None, false)),
        ] {
            assert_eq!(told(kind, minutes, ms), expected, "{kind} {minutes} min {ms} ms");
        }
    }

    #[test]
    fn the_sets_that_ship_and_a_teams_own_window_move_the_clock() {
        let incident = said(&[("occurred_end", END), ("interventions_decided", "cisd,defusing")]);
        let state_of = |typed: &[(&str, &str)], kind: &str, hours: i64| {
            let form = typed.iter().map(|(k, v)| ((*k).to_owned(), Value::Text((*v).to_owned())));
            let profile = PolicyProfile::with("neutral", &form.collect()).expect("fits");
            let now = at(END).plus_minutes(hours * 60);
            let all = clock(&profile, &incident, &[], now, true).expect("it has an end");
            of(&all, kind).state
        };
        use WindowState::{Early, Ideal, Late, Missed};
        assert_eq!(state_of(&[("windows", "nifc")], "defusing", 47), Early);
        assert_eq!(state_of(&[("windows", "nifc")], "defusing", 72), Ideal);
        assert_eq!(state_of(&[("windows", "disaster")], "cisd", 72), Early);
        assert_eq!(state_of(&[("windows", "disaster")], "cisd", 504), Ideal);
        assert_eq!(state_of(&[("windows", "disaster")], "cisd", 673), Late);
        assert_eq!(state_of(&[("windows", "trim")], "trim_assessment", 72), Ideal);
        assert_eq!(state_of(&[("windows.cisd", "24,36,48")], "cisd", 49), Missed);
    }

    #[test]
    fn a_change_to_summer_time_moves_no_bound_because_offsets_are_typed() {
        // Central Europe, 2026-03-29: at 02:00 clocks go to 03:00. Eight hours are eight hours.
        let before = at("2026-03-29T00:30:00+01:00");
        let incident =
            said(&[("occurred_end", &before.to_string()), ("interventions_decided", "defusing")]);
        let state_at = |text: &str| of(&lines(&incident, &[], at(text)), "defusing").state;
        assert_eq!(state_at("2026-03-29T09:30:00+02:00"), WindowState::Ideal, "eight hours");
        assert_eq!(state_at("2026-03-29T09:30:01+02:00"), WindowState::Late);
        // Back to winter time, 2026-10-25: 02:30 comes twice, and the offset tells which.
        let autumn = |text: &str| said(&[("occurred_end", &at(text).to_string())]);
        let eight_later = at("2026-10-25T09:30:00+01:00");
        let first = lines(&autumn("2026-10-25T02:30:00+02:00"), &[], eight_later);
        let second = lines(&autumn("2026-10-25T02:30:00+01:00"), &[], eight_later);
        assert_eq!(of(&first, "defusing").state, WindowState::Ideal);
        assert_eq!(of(&first, "defusing").next.map(|n| n.1), Some(eight_later));
        assert_eq!(of(&second, "defusing").state, WindowState::Ideal);
        assert_eq!(of(&second, "defusing").next.map(|n| n.1), Some(eight_later.plus_minutes(60)));
    }

    #[test]
    fn what_may_be_wrong_is_said_and_what_began_needs_no_clock() {
        let decided = [("occurred_end", END), ("interventions_decided", "defusing")];
        let unsure = [&decided[..], &[("time_quality", "device_unsure")]].concat();
        let now = at("2026-03-01T20:00:00Z");
        let profile = PolicyProfile::neutral();
        let doubts = |incident: &Said, made: &[(DocId, Said)], sure| {
            let all = clock(&profile, incident, made, now, sure).expect("it has an end");
            of(&all, "defusing").doubts.clone()
        };
        let begun = [(id(1), said(&[("kind", "defusing"), ("started_at", END)]))];
        let begun_unsure = [(
            id(1),
            said(&[("kind", "defusing"), ("started_at", END), ("time_quality", "device_unsure")]),
        )];
        assert_eq!(doubts(&said(&decided), &[], true), []);
        assert_eq!(doubts(&said(&decided), &[], false), [Doubt::Clock]);
        assert_eq!(doubts(&said(&decided), &begun, false), []);
        assert_eq!(doubts(&said(&decided), &begun_unsure, true), [Doubt::InterventionTime]);
        assert_eq!(doubts(&said(&unsure), &[], true), [Doubt::IncidentTime]);
        let mut disputed = said(&decided);
        let end = disputed.get_mut("occurred_end").expect("is there");
        end.conflict = vec![Value::Text(END.into()), Value::Text("2026-03-01T17:00:00Z".into())];
        assert_eq!(doubts(&disputed, &[], true), [Doubt::TwoEnds]);
    }

    #[test]
    fn what_is_planned_begun_or_called_off_is_told_apart() {
        let incident = said(&[("occurred_end", END), ("units", "station-4")]);
        let now = at("2026-03-01T19:00:00Z");
        let made = [
            (
                id(1),
                said(&[
                    ("kind", "defusing"),
                    ("planned_start", "2026-03-01T20:00:00Z"),
                    ("crews", "medic-2"),
                ]),
            ),
            (id(2), said(&[("kind", "defusing"), ("started_at", "2026-03-01T18:30:00Z")])),
            (id(3), said(&[("kind", "cisd"), ("outcome", "declined")])),
            (
                id(4),
                said(&[("kind", "breathing_circle"), ("planned_start", "2026-03-01T21:00:00Z")]),
            ),
        ];
        let all = lines(&incident, &made, now);
        let by_id =
            |byte| all.iter().find(|line| line.intervention == Some(id(byte))).expect("has a line");
        assert_eq!(by_id(1).next, Some(("planned", at("2026-03-01T20:00:00Z"))));
        assert_eq!(by_id(1).crews, ["medic-2".to_owned()].into());
        assert!(by_id(2).settled && by_id(2).next.is_none() && !by_id(2).closing_soon);
        assert!(by_id(3).settled);
        assert_eq!(by_id(4).state, WindowState::NotApplicable, "from newer software, and shown");
        assert_eq!(next(&all).and_then(|line| line.intervention), Some(id(1)));
        assert_eq!(all.iter().filter(|line| line.kind == "defusing").count(), 2);
    }

    #[test]
    fn without_an_end_there_is_no_clock() {
        let open = said(&[("occurred_start", END)]);
        assert_eq!(clock(&PolicyProfile::neutral(), &open, &[], at(END), true), None);
    }
}
