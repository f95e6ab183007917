//! What a demo shows of a world after its exercise: what each phone sees, and what the relay's disk holds.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::drill::protocol::{PhoneCommand, RelayCommand};
use crate::drill::scan::Scan;

use super::{Played, World};

/// How many records of each kind a phone shows, and how many it shows as unreadable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// The device.
    pub device: String,
    /// Its member's roles.
    pub roles: String,
    /// Counts by kind.
    pub kinds: BTreeMap<String, u64>,
    /// Session notes it reads.
    pub notes: u64,
    /// Values in conflict.
    pub conflicts: u64,
}

/// What a demo asks a world that has been played.
pub trait Showing {
    /// What every device sees.
    fn sights(&mut self) -> Played<Vec<Sight>>;
    /// A session note: a phone that reads it, the beginning of what it reads, and the relay's row of it.
    fn sealed_row(&mut self) -> Played<Option<(String, String, Json)>>;
    /// Searches everything the relay keeps, logs and answered.
    fn search(&self, texts: &[String]) -> Played<Scan>;
    /// A one-time link to the page.
    fn page_link(&mut self) -> Played<String>;
}

impl Showing for World {
    fn sights(&mut self) -> Played<Vec<Sight>> {
        let mut sights = Vec::new();
        for handle in self.handles() {
            sights.push(self.sight(&handle)?);
        }
        Ok(sights)
    }

    fn sealed_row(&mut self) -> Played<Option<(String, String, Json)>> {
        for handle in self.handles() {
            let notes = self.ask(&handle, PhoneCommand::ReadableNotes)?;
            for note in notes.as_array().into_iter().flatten() {
                let (Some(doc), Some(text)) = (note["doc"].as_str(), note["text"].as_str()) else {
                    continue;
                };
                let command = RelayCommand::Row { doc: doc.to_owned() };
                if let Ok(row) = self.tell_relay(&command) {
                    return Ok(Some((handle, text.to_owned(), row)));
                }
            }
        }
        Ok(None)
    }

    fn search(&self, texts: &[String]) -> Played<Scan> {
        self.scan(texts)
    }

    fn page_link(&mut self) -> Played<String> {
        Ok(self.console_link()?.0)
    }
}

impl World {
    fn sight(&mut self, handle: &str) -> Played<Sight> {
        let member = self.device(handle)?.member.clone();
        let roles = self.members.get(&member).map(|member| member.roles.join(", "));
        let roles = roles.filter(|roles| !roles.is_empty()).unwrap_or_else(|| "admin only".into());
        let mut sight = Sight { device: handle.to_owned(), roles, ..Sight::default() };
        let records = self.ask(handle, PhoneCommand::List { kind: None })?;
        for record in records.as_array().into_iter().flatten() {
            let kind = record["kind"].as_str().unwrap_or("record").to_owned();
            if kind == "intervention"
                && let Some(id) = record["record"].as_str()
            {
                let notes = self.ask(handle, PhoneCommand::Notes { record: id.to_owned() })?;
                let read = notes.as_array().into_iter().flatten();
                sight.notes +=
                    read.filter(|note| note["unreadable"] == Json::Bool(false)).count() as u64;
            }
            // A session note is counted with its intervention.
            if kind != "session_note" {
                *sight.kinds.entry(kind).or_default() += 1;
            }
            let fields = record["fields"].as_object().into_iter().flatten();
            let in_conflict = fields.filter(|(_, field)| {
                field["conflict"].as_array().is_some_and(|all| !all.is_empty())
            });
            sight.conflicts += in_conflict.count() as u64;
        }
        Ok(sight)
    }
}
