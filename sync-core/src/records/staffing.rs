//! Staffing: what speaks against a member on the team of one intervention, and what is only to be noticed.
//!
//! A pure function of what the records and the directory say. A conflict blocks an assignment unless a clinical director
//! has overridden it; a warning never does. Called by the engine before it assigns, and wherever a team is shown, so that
//! a phone which skipped the check is seen through by every other one.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::Day;

use super::{FieldView, Value, training_for};

/// What a record says, by field.
type Said = BTreeMap<String, FieldView>;

/// What is known of a member apart from the intervention.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The member (hex).
    pub member: String,
    /// Units they supervise, as the directory says.
    pub supervises: BTreeSet<String>,
    /// Their own unit.
    pub unit: Option<String>,
    /// What the roster says of them.
    pub staff: Said,
    /// Their own word of whether they can be asked.
    pub availability: Option<String>,
    /// Interventions that they are on the team of and that are not over.
    pub open_interventions: usize,
}

/// Why a member may not work on an intervention. The names are stable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// The directory says that they supervise these crews.
    Supervises(BTreeSet<String>),
    /// They said that they were at the incident.
    WasPresent,
    /// They said that they supervise somebody of the crews.
    SaysSupervises,
    /// They said that they are close to somebody served.
    Close,
}

impl Conflict {
    /// The stable name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Conflict::Supervises(_) => "supervises_crew",
            Conflict::WasPresent => "was_present",
            Conflict::SaysSupervises => "says_supervises",
            Conflict::Close => "close",
        }
    }
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Conflict::Supervises(crews) => {
                let crews: Vec<&str> = crews.iter().map(String::as_str).collect();
                write!(f, "supervises {}", crews.join(", "))
            }
            Conflict::WasPresent => write!(f, "says that they were at the incident"),
            Conflict::SaysSupervises => write!(f, "says that they supervise somebody of the crews"),
            Conflict::Close => write!(f, "says that they are close to somebody served"),
        }
    }
}

/// What is to be noticed before a member works on an intervention. The names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// The roster names no training for this kind.
    NotTrained(&'static str),
    /// That training is over.
    TrainingExpired(&'static str),
    /// They are of a crew served: were they there?
    OwnCrew,
    /// They said that they rest or cannot be asked.
    NotAvailable,
    /// They are on several teams already.
    Load(usize),
    /// They have not answered the questions yet.
    Unanswered,
}

/// So many open interventions at once are told.
const LOAD: usize = 3;

impl Warning {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Warning::NotTrained(_) => "not_trained",
            Warning::TrainingExpired(_) => "training_expired",
            Warning::OwnCrew => "own_crew",
            Warning::NotAvailable => "not_available",
            Warning::Load(_) => "load",
            Warning::Unanswered => "unanswered",
        }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Warning::NotTrained(code) => write!(f, "the roster shows no training {code}"),
            Warning::TrainingExpired(code) => write!(f, "the training {code} has expired"),
            Warning::OwnCrew => write!(f, "is of a crew served: ask whether they were there"),
            Warning::NotAvailable => write!(f, "said that they rest or cannot be asked now"),
            Warning::Load(count) => write!(f, "is on {count} open interventions already"),
            Warning::Unanswered => write!(f, "has not answered the three questions yet"),
        }
    }
}

/// A member on the team of an intervention, or to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staffed {
    /// The member (hex).
    pub member: String,
    /// As what.
    pub roles: BTreeSet<String>,
    /// Their answers to the three questions, by field, where given (`true`: nothing speaks against it).
    pub answers: BTreeMap<&'static str, bool>,
    /// What speaks against it.
    pub conflicts: Vec<Conflict>,
    /// Why a clinical director lets them work all the same.
    pub overridden: Option<String>,
    /// What is to be noticed.
    pub warnings: Vec<Warning>,
}

impl Staffed {
    /// Whether something speaks against it that nobody has overridden.
    pub fn is_blocked(&self) -> bool {
        !self.conflicts.is_empty() && self.overridden.is_none()
    }
}

/// The three questions, with what a `no` means.
const QUESTIONS: [(&str, Conflict); 3] = [
    ("declared_not_present", Conflict::WasPresent),
    ("declared_no_supervision", Conflict::SaysSupervises),
    ("declared_not_close", Conflict::Close),
];

/// The members of an intervention's team: those with a part in it, and its leads.
pub fn team_of(intervention: &Said) -> BTreeSet<String> {
    let leads = set(intervention, "leads");
    marks(intervention, "team").into_iter().map(|(member, _)| member).chain(leads).collect()
}

/// The crews that an intervention is for.
pub fn crews_of(intervention: &Said, incident: Option<&Said>) -> BTreeSet<String> {
    match (set(intervention, "crews"), incident) {
        (own, Some(incident)) if own.is_empty() => set(incident, "units"),
        (own, _) => own,
    }
}

/// How a member stands to an intervention for these crews.
pub fn staffed(
    intervention: &Said,
    crews: &BTreeSet<String>,
    known: &Known,
    today: Day,
) -> Staffed {
    let of_member = |field: &str| {
        let all = marks(intervention, field).into_iter();
        all.filter(|(member, _)| *member == known.member).map(|(_, value)| value)
    };
    let mut roles: BTreeSet<String> = of_member("team").collect();
    if set(intervention, "leads").contains(&known.member) {
        roles.insert("lead".to_owned());
    }
    let supervised: BTreeSet<String> = crews.intersection(&known.supervises).cloned().collect();
    let mut conflicts = Vec::new();
    if !supervised.is_empty() {
        conflicts.push(Conflict::Supervises(supervised));
    }
    let mut answers = BTreeMap::new();
    for (question, conflict) in QUESTIONS {
        let given: Vec<String> = of_member(question).collect();
        if given.is_empty() {
            continue;
        }
        // Of two answers given on two phones at once the one that speaks against it counts.
        let clear = given.iter().all(|answer| answer == "yes");
        answers.insert(question, clear);
        if !clear {
            conflicts.push(conflict);
        }
    }
    let overridden = of_member("conflict_overrides").next();
    let warnings = warnings(intervention, crews, known, answers.len(), today);
    Staffed { member: known.member.clone(), roles, answers, conflicts, overridden, warnings }
}

fn warnings(
    intervention: &Said,
    crews: &BTreeSet<String>,
    known: &Known,
    answered: usize,
    today: Day,
) -> Vec<Warning> {
    let mut all = Vec::new();
    let kind = match intervention.get("kind").map(|field| &field.value) {
        Some(Value::Text(kind)) => kind.as_str(),
        _ => "",
    };
    if let Some(training) = training_for(kind) {
        let last = marks(&known.staff, "trainings_expire")
            .into_iter()
            .filter(|(code, _)| code == training)
            .filter_map(|(_, day)| Day::parse(&day).ok())
            .max();
        let has = set(&known.staff, "trainings").contains(training) || last.is_some();
        if !has {
            all.push(Warning::NotTrained(training));
        } else if last.is_some_and(|last| last < today) {
            all.push(Warning::TrainingExpired(training));
        }
    }
    if known.unit.as_ref().is_some_and(|unit| crews.contains(unit)) {
        all.push(Warning::OwnCrew);
    }
    if matches!(known.availability.as_deref(), Some("resting" | "unavailable")) {
        all.push(Warning::NotAvailable);
    }
    if known.open_interventions >= LOAD {
        all.push(Warning::Load(known.open_interventions));
    }
    if answered < QUESTIONS.len() {
        all.push(Warning::Unanswered);
    }
    all
}

/// Every mark of a field, all that were written at once.
fn marks(said: &Said, field: &str) -> BTreeSet<(String, String)> {
    let Some(field) = said.get(field) else { return BTreeSet::new() };
    let sets = std::iter::once(&field.value).chain(&field.conflict);
    let members = sets.filter_map(|value| match value {
        Value::Set(set) => Some(set),
        _ => None,
    });
    members
        .flatten()
        .filter_map(|mark| mark.split_once('@'))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
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

    const BO: &str = "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0";

    fn said(fields: &[(&str, &[&str])]) -> Said {
        let one = |(name, all): &(&str, &[&str])| {
            let value = match *name {
                "kind" => Value::Text(all[0].to_owned()),
                _ => Value::Set(all.iter().map(|one| (*one).to_owned()).collect()),
            };
            ((*name).to_owned(), FieldView { value, conflict: Vec::new() })
        };
        fields.iter().map(one).collect()
    }

    fn labels(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|one| (*one).to_owned()).collect()
    }

    fn bo() -> Known {
        Known { member: BO.to_owned(), ..Known::default() }
    }

    fn mark(value: &str) -> String {
        format!("{BO}@{value}")
    }

    fn judged(intervention: &Said, known: &Known) -> Staffed {
        staffed(intervention, &labels(&["station-4"]), known, Day(20_000))
    }

    #[test]
    fn a_supervisor_of_a_crew_served_is_blocked_with_the_crew_until_a_director_overrides() {
        let supervisor = Known { supervises: labels(&["station-4", "station-5"]), ..bo() };
        let plain = said(&[("kind", &["sfa"])]);
        let blocked = judged(&plain, &supervisor);
        assert!(blocked.is_blocked());
        assert_eq!(blocked.conflicts[0].to_string(), "supervises station-4");
        let elsewhere = staffed(&plain, &labels(&["medic-2"]), &supervisor, Day(20_000));
        assert!(!elsewhere.is_blocked(), "of other crews");
        let given = mark("nobody_else_available");
        let overridden = said(&[("kind", &["sfa"]), ("conflict_overrides", &[&given])]);
        let judged = judged(&overridden, &supervisor);
        assert!(!judged.is_blocked() && !judged.conflicts.is_empty(), "it stays in sight");
    }

    #[test]
    fn each_no_blocks_and_of_two_answers_the_one_against_it_counts() {
        for (question, conflict) in QUESTIONS {
            let no = mark("no");
            let judged = judged(&said(&[(question, &[&no])]), &bo());
            assert_eq!(judged.conflicts, [conflict]);
        }
        let (yes, no) = (mark("yes"), mark("no"));
        let mut twice = said(&[("declared_not_close", &[&yes])]);
        let field = twice.get_mut("declared_not_close").expect("is there");
        field.conflict = vec![Value::Set(labels(&[&yes])), Value::Set(labels(&[&no]))];
        assert!(judged(&twice, &bo()).is_blocked());
    }

    #[test]
    fn trainings_own_crew_rest_load_and_silence_warn_and_block_nothing() {
        let codes = |known: &Known, fields: &[(&str, &[&str])]| {
            let judged = judged(&said(fields), known);
            assert!(!judged.is_blocked());
            judged.warnings.iter().map(|warning| warning.as_str()).collect::<Vec<_>>()
        };
        let (yes, cisd) = (mark("yes"), ("kind", &["cisd"][..]));
        let silent = codes(&bo(), &[cisd]);
        assert_eq!(silent, ["not_trained", "unanswered"]);
        let answered: [(&str, &[&str]); 4] = [
            cisd,
            ("declared_not_present", &[&yes]),
            ("declared_no_supervision", &[&yes]),
            ("declared_not_close", &[&yes]),
        ];
        let day = |day: u32| format!("group_crisis_intervention@{}", Day(day));
        let trained =
            |last: u32| Known { staff: said(&[("trainings_expire", &[&day(last)])]), ..bo() };
        assert_eq!(codes(&trained(20_000), &answered), [""; 0]);
        assert_eq!(codes(&trained(19_999), &answered), ["training_expired"]);
        let tired = Known {
            unit: Some("station-4".into()),
            availability: Some("resting".into()),
            open_interventions: LOAD,
            ..trained(20_001)
        };
        assert_eq!(codes(&tired, &answered), ["own_crew", "not_available", "load"]);
    }

    #[test]
    fn the_team_is_who_has_a_part_or_leads_and_the_crews_are_its_own_or_the_incidents() {
        let part = mark("peer");
        let both = said(&[("team", &[&part]), ("leads", &["aa"])]);
        assert_eq!(team_of(&both), labels(&["aa", BO]));
        let incident = said(&[("units", &["station-4"])]);
        assert_eq!(crews_of(&both, Some(&incident)), labels(&["station-4"]));
        let own = said(&[("crews", &["medic-2"])]);
        assert_eq!(crews_of(&own, Some(&incident)), labels(&["medic-2"]));
    }
}
