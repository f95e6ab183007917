//! What follows an incident, as this phone knows it: its clock, from records, windows and the corrected time.

use std::collections::BTreeMap;

use crate::ids::DocId;
use crate::protocol::{Code, Timestamp};
use crate::records::{ClockLine, FieldView, RecordType, Value, clock, sessions, view};

use super::desk::Desk;
use super::record::record_type;
use super::{EngineError, Phone, Result};

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
