//! What follows an incident, as this phone knows it: its clock, from records, windows and the corrected time.

use std::collections::BTreeMap;

use crate::ids::{DocId, MemberId};
use crate::protocol::{Code, Timestamp};
use crate::records::{
    AfterAction, ClockLine, FOLLOW_UPS, FieldView, FollowUp, RecordType, Value, after_action,
    clock, sessions, view,
};

use super::desk::Desk;
use super::record::record_type;
use super::{EngineError, Env, Phone, Result};

/// What a record says, by field.
pub(super) type Said = BTreeMap<String, FieldView>;

/// The clock of an incident.
#[derive(Debug, Clone)]
pub struct IncidentClock {
    /// The incident.
    pub incident: DocId,
    /// The time it was read at, corrected by a relay's if this phone ever had one.
    pub now: Timestamp,
    /// Whether a relay ever attested that time.
    pub is_sure: bool,
    /// Its interventions, recorded or not; empty while nobody has written when the incident ended.
    pub lines: Vec<ClockLine>,
}

impl Phone {
    /// The after-action report of an incident: counts, times, windows kept, no name. `now`: this phone's own clock.
    ///
    /// # Errors
    /// `no_such_record` if it is no incident of this phone's.
    pub fn after_action(&mut self, now: Timestamp, incident: DocId) -> Result<AfterAction> {
        let desk = self.desk()?;
        let (id, said) = desk.said(incident, "incident")?;
        let interventions = desk.interventions_of(id)?;
        let interventions: Vec<&Said> = interventions.iter().map(|(_, said)| said).collect();
        let (now, _) = desk.corrected(now)?;
        let profile = desk.directory.profile().ok_or(Code::NotSetUp)?;
        Ok(after_action(profile, &said, &interventions, now))
    }

    /// Plans the follow-ups of an incident that are still to come as tasks of one member, and returns them with their due
    /// times. A task that this phone planned before for the same step and member is not made again.
    ///
    /// # Errors
    /// `no_such_record`; `no_such_member`; `missing_field` if the incident has no end yet.
    pub fn plan_follow_ups(
        &mut self,
        env: &mut Env<'_>,
        incident: DocId,
        assignee: MemberId,
    ) -> Result<Vec<(FollowUp, DocId)>> {
        crate::crash_point!("phone.record.before_begin");
        let mut desk = self.desk()?;
        desk.require_enrolled()?;
        let (id, said) = desk.said(incident, "incident")?;
        let end = match said.get("occurred_end").map(|field| &field.value) {
            Some(Value::Text(end)) => Timestamp::parse(end).ok(),
            _ => None,
        };
        let end = end.ok_or_else(|| {
            EngineError::refused_because(Code::Missing, "the incident has no occurred_end yet")
        })?;
        let (now, _) = desk.corrected(env.now)?;
        let task = record_type("follow_up_task")?;
        let planned = desk.all_said(task)?;
        let mut made = Vec::new();
        for step in FOLLOW_UPS.iter().filter(|step| step.due(end) > now) {
            let fields: BTreeMap<String, Value> = [
                ("kind", step.kind.to_owned()),
                ("due_at", step.due(end).to_string()),
                ("assignee", assignee.to_string()),
                ("parent", id.to_string()),
            ]
            .map(|(name, text)| (name.to_owned(), Value::Text(text)))
            .into();
            let says = |said: &Said| {
                fields
                    .iter()
                    .all(|(name, value)| said.get(name).is_some_and(|field| field.value == *value))
            };
            if !planned.iter().any(|(_, said)| says(said)) {
                made.push((*step, desk.write_new(env, task, &fields, None)?));
            }
        }
        desk.commit_recorded()?;
        Ok(made)
    }

    /// Where every intervention of an incident stands, until when, and for whom. `now`: this phone's own clock.
    ///
    /// # Errors
    /// `no_such_record` if it is no incident of this phone's.
    pub fn clock(&mut self, now: Timestamp, incident: DocId) -> Result<IncidentClock> {
        let desk = self.desk()?;
        let (id, said) = desk.said(incident, "incident")?;
        let interventions = desk.interventions_of(id)?;
        let (now, is_sure) = desk.corrected(now)?;
        let profile = desk.directory.profile().ok_or(Code::NotSetUp)?;
        let lines = clock(profile, &said, &interventions, now, is_sure).unwrap_or_default();
        Ok(IncidentClock { incident: id, now, is_sure, lines })
    }
}

impl Desk<'_> {
    /// What a record of a kind says; its id.
    pub fn said(&self, record: DocId, kind: &str) -> Result<(DocId, Said)> {
        let (record_type, parts) = self.open_record(record)?;
        if record_type.name != kind {
            let (why, article) = (kind, if kind.starts_with('i') { "an" } else { "a" });
            let detail = format!("that record is not {article} {why}");
            return Err(EngineError::refused_because(Code::NoSuchRecord, &detail));
        }
        let root = self.rows.root_of(record)?.unwrap_or(record);
        Ok((root, view(record_type, &self.flats_of(&parts)?)))
    }

    /// Every record of a kind on this phone that cannot be mistaken for another, with what it says.
    pub fn all_said(&self, record: &'static RecordType) -> Result<Vec<(DocId, Said)>> {
        let roots = self.rows.roots(record.parts[0].number, None, usize::MAX)?;
        roots.into_iter().map(|root| self.said(root, record.name)).collect()
    }

    /// The interventions of an incident; those of one session once, as what they say together.
    pub fn interventions_of(&self, incident: DocId) -> Result<Vec<(DocId, Said)>> {
        let mut all = self.all_said(record_type("intervention")?)?;
        let of = Value::Text(incident.to_string());
        all.retain(|(_, said)| said.get("incident_id").is_some_and(|field| field.value == of));
        let first = sessions(&all);
        all.retain(|(id, _)| first[id] == *id);
        all.into_iter().map(|(id, _)| Ok((id, self.session_said(id)?))).collect()
    }
}
