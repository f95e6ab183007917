//! How long documents are kept (DOMAIN.md C.4, F.0): a class stated with each kind of document, and its days in the
//! team's policy.
//!
//! Not when a document expires: that follows from its rows in the log, in `gates::expires_on`. Called by gates and by
//! whoever tells people how long something is kept.

use super::{PolicyProfile, SpaceKind};

/// How long a kind of document is kept after it was last touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// `retention_note_days`: words about people.
    Note,
    /// `retention_contact_days`: facts with a person's handle.
    Subject,
    /// For good: facts and counts without anybody's identity, which statistics are drawn from, and a member's own.
    Kept,
}

impl Retention {
    /// Every class.
    pub const ALL: [Retention; 3] = [Retention::Note, Retention::Subject, Retention::Kept];

    /// Days after the last touch; `None` for ever.
    pub fn days(self, profile: &PolicyProfile) -> Option<u16> {
        match self {
            Retention::Note => Some(profile.retention_note_days),
            Retention::Subject => Some(profile.retention_contact_days),
            Retention::Kept => None,
        }
    }

    /// The class in a kind of space: a member's own stays theirs, and what was shown to others is kept as a note is.
    pub const fn in_space(self, kind: SpaceKind) -> Retention {
        match kind {
            SpaceKind::Personal => Retention::Kept,
            SpaceKind::Shared => Retention::Note,
            SpaceKind::Directory
            | SpaceKind::Roster
            | SpaceKind::Operations
            | SpaceKind::Caseload
            | SpaceKind::Team
            | SpaceKind::Intake
            | SpaceKind::Care
            | SpaceKind::Session
            | SpaceKind::Clinical
            | SpaceKind::Audit => self,
        }
    }

    /// In words, for documents and forms.
    pub const fn words(self) -> &'static str {
        match self {
            Retention::Note => "`retention_note_days`",
            Retention::Subject => "`retention_contact_days`",
            Retention::Kept => "for good",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::RECORDS;

    #[test]
    fn no_sealed_document_about_others_is_kept_for_good_and_no_open_one_expires() {
        for part in RECORDS.iter().flat_map(|record| record.parts) {
            for kind in part.spaces {
                let class = part.retention.in_space(*kind);
                let own = *kind == SpaceKind::Personal;
                let lasts = !kind.policy().sealed || own;
                assert_eq!(class == Retention::Kept, lasts, "{} in {kind:?}", part.name);
            }
        }
    }
}
