//! Session notes: who leads, and text that several leads type at once.

use std::collections::HashMap;

use sync_core::engine::{NoteView, TextEdit};

use crate::error::AftercallError;
use crate::phone::AftercallPhone;
use crate::values::{member_ids, record_id};

/// A change to the text of a phase. Positions and counts are Unicode scalar values, not UTF-16 units.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct TextChange {
    /// Where.
    pub at: u32,
    /// How many characters to remove there.
    pub remove: u32,
    /// What to insert there.
    pub insert: String,
}

/// The session note of an intervention, or one of several that were begun apart.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Note {
    /// Its id.
    pub id: String,
    /// Text by phase, `<kind>.<phase>`; phases without text are left out.
    pub phases: HashMap<String, String>,
    /// Whether it exists but cannot be opened on this phone.
    pub unreadable: bool,
    /// Why it cannot be opened, `locked` or `write_only`, if the phone is shut.
    pub shut: Option<String>,
}

impl From<NoteView> for Note {
    fn from(view: NoteView) -> Self {
        Note {
            id: view.doc.to_string(),
            phases: view.phases.into_iter().collect(),
            unreadable: view.unreadable,
            shut: view.shut.map(|code| code.as_str().to_owned()),
        }
    }
}

#[uniffi::export]
impl AftercallPhone {
    /// Makes members leads of an intervention: they read and write its session note.
    pub fn assign(&self, intervention: String, leads: Vec<String>) -> Result<(), AftercallError> {
        let (intervention, leads) = (record_id(&intervention)?, member_ids(&leads)?);
        self.with(|phone, env| phone.assign(env, intervention, &leads))
    }

    /// Changes the text of a phase, as `exploration` of a defusing.
    pub fn write_note(
        &self,
        intervention: String,
        phase: String,
        change: TextChange,
    ) -> Result<(), AftercallError> {
        let intervention = record_id(&intervention)?;
        let edit = TextEdit {
            at: change.at as usize,
            delete: change.remove as usize,
            insert: change.insert,
        };
        self.with(|phone, env| phone.write(env, intervention, &phase, &edit))
    }

    /// The session notes of an intervention.
    pub fn notes(&self, intervention: String) -> Result<Vec<Note>, AftercallError> {
        let intervention = record_id(&intervention)?;
        let notes = self.look(|phone| phone.notes(intervention))?;
        Ok(notes.into_iter().map(Into::into).collect())
    }
}
