//! What a view is made from: one consistent state of a team's open records, and the names to show.

use std::collections::BTreeMap;

use sync_core::directory::Directory;
use sync_core::ids::{DocId, MemberId, TeamId};
use sync_core::protocol::Timestamp;

use crate::store::records::{self, RecordRow};

use super::same;
use crate::store::{Reader, StoreError};

/// Most records a list shows.
pub(super) const MOST: usize = 500;

/// A team as one page sees it.
pub(super) struct Scene<'a> {
    /// The database, at one moment.
    pub reader: &'a Reader,
    /// The directory.
    pub directory: &'a Directory,
    /// The relay's clock.
    pub now: Timestamp,
    names: BTreeMap<MemberId, String>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        reader: &'a Reader,
        directory: &'a Directory,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let staff = records::list(reader, directory.team(), "staff", "display_name", 10 * MOST)?;
        let names = staff
            .iter()
            .filter_map(|row| {
                let member = row.text("member")?.parse().ok()?;
                Some((member, row.text("display_name")?.to_owned()))
            })
            .collect();
        Ok(Self { reader, directory, now, names })
    }

    /// The team.
    pub(super) fn team(&self) -> TeamId {
        self.directory.team()
    }

    /// What a member is shown as: the name staff chose, else the beginning of a random id.
    pub(super) fn name(&self, member: &MemberId) -> String {
        match self.names.get(member) {
            Some(name) => name.clone(),
            None => format!("member {}", &member.to_string()[..8]),
        }
    }

    /// What a member of this id in text is shown as.
    pub(super) fn name_of(&self, member: &str) -> String {
        member.parse().map_or_else(|_| "unknown member".to_owned(), |id| self.name(&id))
    }

    /// Incidents, latest end first.
    pub(super) fn incidents(&self) -> Result<Vec<RecordRow>, StoreError> {
        records::list(self.reader, self.team(), "incident", "occurred_end", MOST)
    }

    /// One incident.
    pub(super) fn incident(&self, doc: DocId) -> Result<Option<RecordRow>, StoreError> {
        records::get(self.reader, self.team(), "incident", doc)
    }

    /// Interventions by the incident they answer, those without one under `None`; a session logged twice stands once.
    pub(super) fn interventions(
        &self,
    ) -> Result<BTreeMap<Option<String>, Vec<RecordRow>>, StoreError> {
        let all =
            records::list(self.reader, self.team(), "intervention", "planned_start", 4 * MOST)?;
        let mut by_incident: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for row in same::as_sessions(all) {
            let incident = row.text("incident_id").map(str::to_owned);
            by_incident.entry(incident).or_default().push(row);
        }
        Ok(by_incident)
    }
}

/// The beginning of a record's id, by which phones name it too.
pub(super) fn short(doc: DocId) -> String {
    doc.to_string().chars().take(8).collect()
}

/// A time in a record.
pub(super) fn time(row: &RecordRow, field: &str) -> Option<Timestamp> {
    row.text(field).and_then(|text| Timestamp::parse(text).ok())
}

/// Whether an incident still needs somebody.
pub(super) fn is_open(incident: &RecordRow) -> bool {
    !matches!(incident.text("status"), Some("closed" | "no_action"))
}
