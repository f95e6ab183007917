//! What follows an incident: its clock, its staffing, and one session logged twice.

use sync_core::engine::Declaration;
use sync_core::records;

use crate::error::AftercallError;
use crate::phone::AftercallPhone;
use crate::values::{member_id, member_ids, record_id};

/// The clock of an incident.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct IncidentClock {
    /// The time it was read at, in RFC 3339.
    pub now: String,
    /// Whether a relay ever attested that time.
    pub is_sure: bool,
    /// Its interventions, recorded or not; empty while the incident has no end.
    pub lines: Vec<ClockLine>,
    /// Which line needs somebody next.
    pub next: Option<u32>,
}

/// One intervention on the clock.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ClockLine {
    /// The kind.
    pub kind: String,
    /// The record, if somebody made one.
    pub intervention: Option<String>,
    /// Whether it was decided on or recorded.
    pub wanted: bool,
    /// Whether it began or has an outcome.
    pub settled: bool,
    /// `early`, `ideal`, `late`, `missed` or `n_a`.
    pub state: String,
    /// The last quarter of ideal.
    pub closing_soon: bool,
    /// What the clock waits for: `opens`, `ideal_ends`, `window_ends` or `planned`.
    pub next_what: Option<String>,
    /// When that is, in RFC 3339.
    pub next_at: Option<String>,
    /// The crews it is for.
    pub crews: Vec<String>,
    /// The members who lead it.
    pub leads: Vec<String>,
    /// Why the state may be wrong, in sentences to show beside it.
    pub doubts: Vec<String>,
}

impl From<&records::ClockLine> for ClockLine {
    fn from(line: &records::ClockLine) -> Self {
        ClockLine {
            kind: line.kind.clone(),
            intervention: line.intervention.map(|id| id.to_string()),
            wanted: line.wanted,
            settled: line.settled,
            state: line.state.as_str().to_owned(),
            closing_soon: line.closing_soon,
            next_what: line.next.map(|(what, _)| what.to_owned()),
            next_at: line.next.map(|(_, at)| at.to_string()),
            crews: line.crews.iter().cloned().collect(),
            leads: line.leads.iter().cloned().collect(),
            doubts: line.doubts.iter().map(|doubt| doubt.advice().to_owned()).collect(),
        }
    }
}

/// Two interventions that look like one session logged twice.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SameOffer {
    /// One.
    pub a: String,
    /// The other.
    pub b: String,
}

/// A member on the team of an intervention.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct TeamPart {
    /// The member.
    pub member: String,
    /// As what.
    pub parts: Vec<String>,
    /// How many of the three questions they answered.
    pub answered: u32,
    /// What speaks against it, in words.
    pub conflicts: Vec<String>,
    /// Whether something does that nobody has overridden.
    pub blocked: bool,
    /// The reason of an override.
    pub overridden: Option<String>,
    /// What is to be noticed, in words.
    pub warnings: Vec<String>,
}

impl From<records::Staffed> for TeamPart {
    fn from(one: records::Staffed) -> Self {
        TeamPart {
            blocked: one.is_blocked(),
            answered: u32::try_from(one.answers.len()).unwrap_or(u32::MAX),
            conflicts: one.conflicts.iter().map(ToString::to_string).collect(),
            warnings: one.warnings.iter().map(ToString::to_string).collect(),
            parts: one.roles.into_iter().collect(),
            member: one.member,
            overridden: one.overridden,
        }
    }
}

#[uniffi::export]
impl AftercallPhone {
    /// Puts members on the team of an intervention, as `lead`, `mhp`, `peer`, `chaplain`, `doorkeeper` or `support`.
    pub fn staff(
        &self,
        intervention: String,
        members: Vec<String>,
        part: String,
    ) -> Result<(), AftercallError> {
        let (intervention, members) = (record_id(&intervention)?, member_ids(&members)?);
        self.with(|phone, env| phone.staff(env, intervention, &members, &part))
    }

    /// The team of an intervention, with what speaks against each and what is to be noticed.
    pub fn staffing(&self, intervention: String) -> Result<Vec<TeamPart>, AftercallError> {
        let intervention = record_id(&intervention)?;
        let team = self.with(|phone, env| phone.staffing(env.now, intervention))?;
        Ok(team.into_iter().map(Into::into).collect())
    }

    /// Answers the three questions for this phone's member; true: nothing speaks against it, none: as before.
    pub fn declare(
        &self,
        intervention: String,
        not_present: Option<bool>,
        no_supervision: Option<bool>,
        not_close: Option<bool>,
    ) -> Result<TeamPart, AftercallError> {
        let intervention = record_id(&intervention)?;
        let given = Declaration { not_present, no_supervision, not_close };
        self.with(|phone, env| phone.declare(env, intervention, given)).map(Into::into)
    }

    /// The after-action report of an incident as JSON: counts, times and windows kept, no name.
    pub fn after_action(&self, incident: String) -> Result<String, AftercallError> {
        let incident = record_id(&incident)?;
        let report = self.with(|phone, env| phone.after_action(env.now, incident))?;
        serde_json::to_string(&report).map_err(|_| AftercallError::broken())
    }

    /// Plans the follow-ups of an incident that are still to come as tasks of one member; returns the tasks.
    pub fn plan_follow_ups(
        &self,
        incident: String,
        assignee: String,
    ) -> Result<Vec<String>, AftercallError> {
        let (incident, assignee) = (record_id(&incident)?, member_id(&assignee)?);
        let made = self.with(|phone, env| phone.plan_follow_ups(env, incident, assignee))?;
        Ok(made.into_iter().map(|(_, task)| task.to_string()).collect())
    }

    /// Pairs of interventions that look like one session logged twice and that nobody has said yes or no to.
    pub fn same_offers(&self) -> Result<Vec<SameOffer>, AftercallError> {
        let offers = self.look(|phone| phone.same_offers())?.into_iter();
        Ok(offers.map(|(a, b)| SameOffer { a: a.to_string(), b: b.to_string() }).collect())
    }

    /// Says whether two interventions are one session. Both records stay.
    pub fn confirm_same(&self, a: String, b: String, same: bool) -> Result<(), AftercallError> {
        let (a, b) = (record_id(&a)?, record_id(&b)?);
        self.with(|phone, env| phone.confirm_same(env, a, b, same))
    }

    /// Where every intervention of an incident stands, until when, and for whom.
    pub fn incident_clock(&self, incident: String) -> Result<IncidentClock, AftercallError> {
        let incident = record_id(&incident)?;
        let clock = self.with(|phone, env| phone.clock(env.now, incident))?;
        let next = records::next(&clock.lines)
            .and_then(|next| clock.lines.iter().position(|line| line == next))
            .and_then(|place| u32::try_from(place).ok());
        Ok(IncidentClock {
            now: clock.now.to_string(),
            is_sure: clock.is_sure,
            lines: clock.lines.iter().map(Into::into).collect(),
            next,
        })
    }
}
