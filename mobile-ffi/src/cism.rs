//! What follows an incident: its clock.

use sync_core::records;

use crate::error::AftercallError;
use crate::phone::AftercallPhone;
use crate::values::record_id;

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

#[uniffi::export]
impl AftercallPhone {
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
