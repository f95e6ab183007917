//! The after-action report of one incident: counts, times and windows kept, without a name.
//!
//! A pure function of what the incident and its interventions say. It judges nobody and ranks nothing; what nobody entered
//! stands under `missing` and what people disagree on under `disputed`, instead of a number that looks sure. Called by the
//! engine for phones and by the coordinators' page.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::protocol::Timestamp;

use super::{FieldView, PolicyProfile, Value, WindowState, guide_of, state};

/// What a record says, by field.
type Said = BTreeMap<String, FieldView>;

/// The report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AfterAction {
    /// What happened, as codes.
    pub types: BTreeSet<String>,
    /// How far the team is.
    pub status: Option<String>,
    /// Why it was closed.
    pub closed_because: Option<String>,
    /// 1 to 5.
    pub severity: Option<i64>,
    /// How many responders were exposed.
    pub personnel_exposed: Option<i64>,
    /// How many crews were present.
    pub crews: usize,
    /// Whose responders.
    pub disciplines: BTreeSet<String>,
    /// Minutes from the request to the team's answer.
    pub request_to_acknowledge_min: Option<i64>,
    /// Minutes from the request to the first intervention that began.
    pub request_to_first_start_min: Option<i64>,
    /// Its interventions, in the order in which they began.
    pub interventions: Vec<Done>,
    /// How many began in which state of their window; those without a window under `n_a`.
    pub began_by_state: BTreeMap<String, usize>,
    /// Of those that began and have a window, how many began in the ideal one.
    pub began_ideal: usize,
    /// Those that began and have a window.
    pub began_with_window: usize,
    /// How many were called off, declined or not begun in time.
    pub not_held: usize,
    /// One-to-one talks that followed.
    pub one_on_ones: i64,
    /// Referrals offered.
    pub referrals: i64,
    /// Minutes of interventions.
    pub minutes: i64,
    /// What nobody entered, as `field` of the incident or `kind.field` of an intervention.
    pub missing: Vec<String>,
    /// Fields for which people wrote different values.
    pub disputed: Vec<String>,
    /// What happened when.
    pub timeline: Vec<Moment>,
}

/// One intervention in the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Done {
    /// The kind.
    pub kind: String,
    /// Where it stood in its window when it began, or stands if it has not.
    pub window: &'static str,
    /// Whether it began.
    pub began: bool,
    /// Hours from the incident's end to its start, in tenths.
    pub hours_after: Option<f64>,
    /// Minutes it took.
    pub minutes: Option<i64>,
    /// How many attended, as a band.
    pub attendees: Option<String>,
    /// Whether taking part was voluntary.
    pub voluntary: Option<bool>,
    /// How many of its phases were run.
    pub phases_done: usize,
    /// How many phases the kind has.
    pub phases: usize,
    /// How many ground rules were read.
    pub rules_read: usize,
    /// Hand-outs given.
    pub handouts: BTreeSet<String>,
    /// Size of the team: leads and others, without their names.
    pub team: usize,
    /// Whether the team debriefed itself.
    pub own_debrief: bool,
    /// How it went.
    pub outcome: Option<String>,
    /// Why it went otherwise.
    pub outcome_reason: Option<String>,
}

/// Something that happened at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// When, in RFC 3339.
    pub at: String,
    /// What, as a field's name.
    pub what: &'static str,
    /// Of which kind of intervention; none for the incident itself.
    pub kind: Option<String>,
}

/// The report of an incident. `interventions`: those of one session once.
pub fn after_action(
    profile: &PolicyProfile,
    incident: &Said,
    interventions: &[&Said],
    now: Timestamp,
) -> AfterAction {
    let mut ordered = interventions.to_vec();
    ordered.sort_by_key(|said| {
        let first = time(said, "started_at").or(time(said, "planned_start"));
        (first.map_or(i64::MAX, |at| at.0), text(said, "kind"))
    });
    let end = time(incident, "occurred_end");
    let done: Vec<Done> = ordered.iter().map(|said| report(profile, end, said, now)).collect();
    let began: Vec<&Done> = done.iter().filter(|one| one.began).collect();
    let mut began_by_state = BTreeMap::new();
    for one in &began {
        *began_by_state.entry(one.window.to_owned()).or_insert(0) += 1;
    }
    let windowed = |one: &&&Done| super::window(profile, &one.kind).is_some();
    let requested = time(incident, "requested_at");
    let since_request = |at: Option<Timestamp>| Some((at?.0 - requested?.0) / 60_000);
    let first = ordered.iter().filter_map(|said| time(said, "started_at")).min_by_key(|at| at.0);
    AfterAction {
        types: set(incident, "type"),
        status: text(incident, "status"),
        closed_because: text(incident, "closed_because"),
        severity: number(incident, "severity"),
        personnel_exposed: number(incident, "personnel_exposed"),
        crews: set(incident, "units").len(),
        disciplines: set(incident, "disciplines"),
        request_to_acknowledge_min: since_request(time(incident, "acknowledged_at")),
        request_to_first_start_min: since_request(first),
        began_ideal: began.iter().filter(|one| one.window == WindowState::Ideal.as_str()).count(),
        began_with_window: began.iter().filter(windowed).count(),
        not_held: done.iter().filter(|one| was_not_held(one)).count(),
        one_on_ones: sum(&ordered, "one_on_ones_triggered"),
        referrals: sum(&ordered, "referrals_count"),
        minutes: done.iter().filter_map(|one| one.minutes).sum(),
        missing: missing(incident, &ordered),
        disputed: disputed(incident, &ordered),
        timeline: timeline(incident, &ordered),
        began_by_state,
        interventions: done,
    }
}

fn was_not_held(one: &Done) -> bool {
    let called_off = matches!(one.outcome.as_deref(), Some("cancelled" | "declined"));
    called_off || (!one.began && one.window == WindowState::Missed.as_str())
}

fn report(profile: &PolicyProfile, end: Option<Timestamp>, said: &Said, now: Timestamp) -> Done {
    let kind = text(said, "kind").unwrap_or_default();
    let started = time(said, "started_at");
    let window =
        end.map_or(WindowState::NotApplicable, |end| state(profile, &kind, end, started, now));
    let took = || {
        let (from, to) = (started?, time(said, "ended_at")?);
        Some((to.0 - from.0) / 60_000).filter(|minutes| *minutes >= 0)
    };
    let phases = guide_of(&kind).map_or(&[][..], |guide| guide.phases);
    let run = set(said, "phases_done");
    Done {
        window: window.as_str(),
        began: started.is_some(),
        hours_after: started.zip(end).map(|(at, end)| {
            let tenths = (at.0 - end.0) / 360_000;
            tenths as f64 / 10.0
        }),
        minutes: number(said, "duration_min").or_else(took),
        attendees: text(said, "attendees"),
        voluntary: truth(said, "voluntary"),
        phases_done: phases.iter().filter(|phase| run.contains(**phase)).count(),
        phases: phases.len(),
        rules_read: set(said, "rules_read").len(),
        handouts: set(said, "handouts"),
        team: super::team_of(said).len(),
        own_debrief: truth(said, "team_self_debrief_done") == Some(true),
        outcome: text(said, "outcome"),
        outcome_reason: text(said, "outcome_reason"),
        kind,
    }
}

/// What a coordinator would be asked for, and nobody entered.
fn missing(incident: &Said, interventions: &[&Said]) -> Vec<String> {
    let has = |said: &Said, field: &str| said.contains_key(field);
    let asked = ["requested_at", "acknowledged_at", "personnel_exposed", "severity"];
    let mut all: Vec<String> =
        asked.into_iter().filter(|field| !has(incident, field)).map(str::to_owned).collect();
    if matches!(text(incident, "status").as_deref(), Some("closed" | "no_action"))
        && !has(incident, "closed_because")
    {
        all.push("closed_because".to_owned());
    }
    for said in interventions {
        let kind = text(said, "kind").unwrap_or_default();
        let held = ["voluntary", "attendees", "outcome"];
        let asked: &[&str] = match (has(said, "started_at"), text(said, "outcome").as_deref()) {
            (true, _) => &held,
            (false, Some("cancelled" | "declined")) => &["outcome_reason"],
            (false, _) => &["outcome"],
        };
        let absent = asked.iter().filter(|field| !has(said, field));
        all.extend(absent.map(|field| format!("{kind}.{field}")));
    }
    all
}

fn disputed(incident: &Said, interventions: &[&Said]) -> Vec<String> {
    let of = |said: &Said| -> Vec<String> {
        let open = said.iter().filter(|(_, field)| !field.conflict.is_empty());
        open.map(|(name, _)| name.clone()).collect()
    };
    let mut all = of(incident);
    for said in interventions {
        let kind = text(said, "kind").unwrap_or_default();
        all.extend(of(said).into_iter().map(|field| format!("{kind}.{field}")));
    }
    all
}

/// What happened when, earliest first.
pub fn timeline(incident: &Said, interventions: &[&Said]) -> Vec<Moment> {
    const INCIDENT: [&str; 6] = [
        "occurred_start",
        "occurred_end",
        "requested_at",
        "acknowledged_at",
        "triaged_at",
        "closed_at",
    ];
    const INTERVENTION: [&str; 4] = ["planned_start", "started_at", "ended_at", "follow_up_due_at"];
    let mut all: Vec<(Timestamp, &'static str, Option<String>)> = Vec::new();
    all.extend(INCIDENT.into_iter().filter_map(|what| Some((time(incident, what)?, what, None))));
    for said in interventions {
        let kind = text(said, "kind");
        let has_begun = said.contains_key("started_at");
        // What was planned and then began is told by its start.
        let told = INTERVENTION.into_iter().filter(|what| *what != "planned_start" || !has_begun);
        all.extend(told.filter_map(|what| Some((time(said, what)?, what, kind.clone()))));
    }
    all.sort_by(|a, b| (a.0.0, a.1, &a.2).cmp(&(b.0.0, b.1, &b.2)));
    all.into_iter().map(|(at, what, kind)| Moment { at: at.to_string(), what, kind }).collect()
}

fn sum(interventions: &[&Said], field: &str) -> i64 {
    interventions.iter().filter_map(|said| number(said, field)).sum()
}

fn text(said: &Said, field: &str) -> Option<String> {
    match &said.get(field)?.value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn time(said: &Said, field: &str) -> Option<Timestamp> {
    Timestamp::parse(&text(said, field)?).ok()
}

fn number(said: &Said, field: &str) -> Option<i64> {
    match said.get(field)?.value {
        Value::Int(number) => Some(number),
        _ => None,
    }
}

fn truth(said: &Said, field: &str) -> Option<bool> {
    match said.get(field)?.value {
        Value::Bool(truth) => Some(truth),
        _ => None,
    }
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

    fn said(fields: &[(&str, Value)]) -> Said {
        let one = |(name, value): &(&str, Value)| {
            ((*name).to_owned(), FieldView { value: value.clone(), conflict: Vec::new() })
        };
        fields.iter().map(one).collect()
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn set(all: &[&str]) -> Value {
        Value::Set(all.iter().map(|one| (*one).to_owned()).collect())
    }

    fn river() -> Said {
        said(&[
            ("type", set(&["failed_rescue"])),
            ("occurred_end", text("2026-03-01T18:00:00Z")),
            ("requested_at", text("2026-03-01T18:10:00Z")),
            ("acknowledged_at", text("2026-03-01T18:25:00Z")),
            ("units", set(&["station-4", "medic-2"])),
            ("status", text("closed")),
        ])
    }

    fn defusing() -> Said {
        said(&[
            ("kind", text("defusing")),
            ("started_at", text("2026-03-01T20:30:00Z")),
            ("ended_at", text("2026-03-01T21:05:00Z")),
            ("planned_start", text("2026-03-01T20:00:00Z")),
            ("attendees", text("5_9")),
            ("voluntary", Value::Bool(true)),
            ("phases_done", set(&["introduction", "exploration"])),
            ("one_on_ones_triggered", Value::Int(2)),
            ("leads", set(&["b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0"])),
            ("outcome", text("completed")),
        ])
    }

    fn now() -> Timestamp {
        Timestamp::parse("2026-03-20T00:00:00Z").expect("a time")
    }

    #[test]
    fn counts_times_and_windows_are_told_and_no_name() {
        let late = said(&[("kind", text("cmb")), ("started_at", text("2026-03-06T18:00:00Z"))]);
        let missed =
            said(&[("kind", text("cisd")), ("planned_start", text("2026-03-03T18:00:00Z"))]);
        let talk =
            said(&[("kind", text("one_on_one")), ("started_at", text("2026-03-02T18:00:00Z"))]);
        let (defusing, incident) = (defusing(), river());
        let all = [&missed, &late, &talk, &defusing];
        let report = after_action(&PolicyProfile::neutral(), &incident, &all, now());
        assert_eq!(report.request_to_acknowledge_min, Some(15));
        assert_eq!(report.request_to_first_start_min, Some(140));
        let kinds: Vec<&str> = report.interventions.iter().map(|one| one.kind.as_str()).collect();
        assert_eq!(
            kinds,
            ["defusing", "one_on_one", "cisd", "cmb"],
            "as they began or were to begin"
        );
        let first = &report.interventions[0];
        assert_eq!(
            (first.window, first.hours_after, first.minutes),
            ("ideal", Some(2.5), Some(35))
        );
        assert_eq!((first.phases_done, first.phases, first.team), (2, 3, 1));
        assert_eq!((report.began_ideal, report.began_with_window), (1, 2), "a talk has no window");
        assert_eq!(report.began_by_state["late"], 1);
        assert_eq!((report.not_held, report.one_on_ones, report.crews), (1, 2, 2));
        let told = serde_json::to_string(&report).expect("serialises");
        assert!(!told.contains("b0b0") && !told.contains("station-4"), "{told}");
    }

    #[test]
    fn what_nobody_entered_and_what_is_disputed_is_said() {
        let mut incident = river();
        let severity =
            FieldView { value: Value::Int(3), conflict: vec![Value::Int(3), Value::Int(4)] };
        incident.insert("severity".to_owned(), severity);
        let bare = said(&[("kind", text("cisd")), ("started_at", text("2026-03-03T18:00:00Z"))]);
        let off = said(&[("kind", text("cmb")), ("outcome", text("declined"))]);
        let report = after_action(&PolicyProfile::neutral(), &incident, &[&bare, &off], now());
        let expected = [
            "personnel_exposed",
            "closed_because",
            "cisd.voluntary",
            "cisd.attendees",
            "cisd.outcome",
            "cmb.outcome_reason",
        ];
        assert_eq!(report.missing, expected);
        assert_eq!(report.disputed, ["severity"]);
        assert_eq!(report.not_held, 1);
    }

    #[test]
    fn the_timeline_is_in_order_and_a_plan_that_came_true_is_told_by_its_start() {
        let (incident, defusing) = (river(), defusing());
        let told = timeline(&incident, &[&defusing]);
        let whats: Vec<&str> = told.iter().map(|moment| moment.what).collect();
        let expected =
            ["occurred_end", "requested_at", "acknowledged_at", "started_at", "ended_at"];
        assert_eq!(whats, expected);
        assert_eq!(told[3].kind.as_deref(), Some("defusing"));
    }
}
