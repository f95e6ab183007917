//! The policy profile a team chose: what may be written down, for how long, and in which windows.

use std::collections::BTreeMap;

use super::jurisdictions::{JURISDICTIONS, Jurisdiction};

/// What may be written about people (DOMAIN.md F.0), strictest first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, minicbor::Encode, minicbor::Decode,
)]
#[cbor(index_only)]
pub enum NotesMode {
    /// Nothing.
    #[n(0)]
    None,
    /// Ticks, no text.
    #[n(1)]
    ChecklistOnly,
    /// Sealed text.
    #[n(2)]
    SealedText,
}

impl NotesMode {
    /// Every mode.
    pub const ALL: [NotesMode; 3] =
        [NotesMode::None, NotesMode::ChecklistOnly, NotesMode::SealedText];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            NotesMode::None => "none",
            NotesMode::ChecklistOnly => "checklist_only",
            NotesMode::SealedText => "sealed_text",
        }
    }

    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<NotesMode> {
        NotesMode::ALL.into_iter().find(|mode| mode.as_str() == name)
    }
}

/// A team's policy, an entry of the directory. `neutral` is the default; nothing in it is legal advice.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct PolicyProfile {
    /// Name of the profile it is laid over.
    #[n(0)]
    pub jurisdiction: String,
    /// Notes of group sessions.
    #[n(1)]
    pub notes_mode: NotesMode,
    /// Notes of peer contacts.
    #[n(2)]
    pub contact_notes_mode: NotesMode,
    /// Smallest count that is shown, 5..50.
    #[n(3)]
    pub k_min: u8,
    /// Days that words about people are kept after the last touch, 0..365.
    #[n(4)]
    pub retention_note_days: u16,
    /// Days that facts with a person's handle are kept after the last touch, 0..1095.
    #[n(5)]
    pub retention_contact_days: u16,
    /// Windows that differ from the defaults: key → (open, ideal end, hard end) in hours after `occurred_end`.
    #[n(6)]
    pub windows: BTreeMap<String, (u32, u32, Option<u32>)>,
    /// Crisis numbers: label → number. Never empty.
    #[n(7)]
    pub crisis_numbers: BTreeMap<String, String>,
    /// Minutes until the next on call is called for an urgent request, 5..240; 15 if absent.
    #[n(8)]
    pub escalate_min: Option<u16>,
}

impl PolicyProfile {
    /// Sealed session notes with 30 days' retention, contacts by checklist. Crisis numbers: the team must set its own.
    pub fn neutral() -> Self {
        JURISDICTIONS[0].profile()
    }

    /// Minutes until the next on call is called for an urgent request.
    pub fn escalate_min(&self) -> u16 {
        self.escalate_min.unwrap_or(15)
    }

    /// The profile of a jurisdiction, as it ships. `None` if there is none of this name.
    pub fn of_jurisdiction(name: &str) -> Option<Self> {
        Jurisdiction::by_name(name).map(Jurisdiction::profile)
    }
}
