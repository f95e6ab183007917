//! The policy profiles that ship: what each starts from, why, and which crisis numbers it brings.
//!
//! None of it is legal advice: a profile is a cautious reading that a team's creator sees, with its sources,
//! and may change. Numbers carry the day on which they were last compared with their source.

use std::collections::BTreeMap;

use super::{NotesMode, PolicyProfile};

/// A profile that ships.
#[derive(Debug, Clone, Copy)]
pub struct Jurisdiction {
    /// Its name.
    pub name: &'static str,
    /// Whom it is for.
    pub title: &'static str,
    /// Notes of group sessions.
    pub notes_mode: NotesMode,
    /// Notes of peer contacts.
    pub contact_notes_mode: NotesMode,
    /// What the creator is told: the rule, and what follows from it.
    pub consequences: &'static [&'static str],
    /// What it was read in.
    pub sources: &'static [&'static str],
    /// Crisis numbers: label, number, source.
    pub crisis_numbers: &'static [(&'static str, &'static str, &'static str)],
    /// The day (UTC) on which the numbers were compared with their sources.
    pub numbers_verified: &'static str,
}

const LIFELINE: &str =
    "988 Suicide and Crisis Lifeline (988lifeline.org): live nationwide since 2022-07-16";
const US_NUMBERS: &[(&str, &str, &str)] = &[
    ("emergency", "911", "national emergency number"),
    ("988 Suicide and Crisis Lifeline, call or text", "988", LIFELINE),
];

/// The profiles, `neutral` first.
pub const JURISDICTIONS: &[Jurisdiction] = &[
    Jurisdiction {
        name: "neutral",
        title: "No particular law",
        notes_mode: NotesMode::SealedText,
        contact_notes_mode: NotesMode::ChecklistOnly,
        consequences: &[
            "Session leads may write a sealed note, which is kept 30 days after its session; contacts are recorded by codes, without text.",
            "Set your own crisis numbers: only a placeholder ships.",
        ],
        sources: &[],
        crisis_numbers: &[(
            "local emergency number",
            "112 or 911",
            "placeholder until the team sets its own",
        )],
        numbers_verified: "2026-11-25",
    },
    Jurisdiction {
        name: "us_mt",
        title: "Montana, public safety",
        notes_mode: NotesMode::None,
        contact_notes_mode: NotesMode::None,
        consequences: &[
            "A programme's policy must ban recording a peer support session in writing, video or audio: no note of any kind is taken.",
            "Group sessions have no notes either: a cautious reading. Counts and coded facts remain.",
            "A person must be able to choose among several peers and may not be made to use a supervisor.",
        ],
        sources: &["Montana Code 7-32-602", "Montana Code 39-74-105"],
        crisis_numbers: US_NUMBERS,
        numbers_verified: "2026-11-25",
    },
    Jurisdiction {
        name: "us_fed",
        title: "United States, federal law enforcement",
        notes_mode: NotesMode::SealedText,
        contact_notes_mode: NotesMode::ChecklistOnly,
        consequences: &[
            "Notes, reports and records are confidential, and so is consulting another peer or supervisor of the programme.",
            "Give the written notice before the first session.",
            "Not covered: an explicit threat of suicide with intent and a plan or means, imminent serious harm, abuse that must be reported, admission of a crime, a court order, consent of everybody present.",
        ],
        sources: &["34 U.S.C. 50901 (Public Law 117-60)"],
        crisis_numbers: US_NUMBERS,
        numbers_verified: "2026-11-25",
    },
    Jurisdiction {
        name: "us_ca_fire",
        title: "California, fire and emergency medical services",
        notes_mode: NotesMode::SealedText,
        contact_notes_mode: NotesMode::ChecklistOnly,
        consequences: &[
            "The person may refuse disclosure in civil, administrative and arbitration proceedings. Criminal proceedings are not named: keep notes short.",
            "After a referral, consultation or other disclosure the person must be told of it in writing.",
        ],
        sources: &["California Government Code 8669.15-8669.20"],
        crisis_numbers: US_NUMBERS,
        numbers_verified: "2026-11-25",
    },
    Jurisdiction {
        name: "us_me",
        title: "Maine, critical incident stress management teams",
        notes_mode: NotesMode::SealedText,
        contact_notes_mode: NotesMode::None,
        consequences: &[
            "Identity and records of a critical incident's interventions are confidential in civil matters; statistics without names must be available.",
            "Talks that belong to no critical incident may be unprotected: contacts are recorded by codes, without text.",
            "Not covered: admission of a crime, a report that law requires, danger to somebody.",
        ],
        sources: &["Maine Revised Statutes, Title 25, section 4202"],
        crisis_numbers: &[
            ("emergency", "911", "national emergency number"),
            ("988 Suicide and Crisis Lifeline, call or text", "988", LIFELINE),
            (
                "Maine Crisis Line",
                "1-888-568-1112",
                "Maine Department of Health and Human Services, crisis services",
            ),
        ],
        numbers_verified: "2026-11-25",
    },
    Jurisdiction {
        name: "uk_gdpr",
        title: "United Kingdom, data protection",
        notes_mode: NotesMode::ChecklistOnly,
        contact_notes_mode: NotesMode::ChecklistOnly,
        consequences: &[
            "What people say about their health is special category data: have a condition of Article 9(2), an appropriate policy document and an impact assessment before you use text.",
            "No text is taken; ticks and codes are. A team that has done its assessment may choose sealed_text.",
            "People may ask for their data and its erasure.",
        ],
        sources: &["UK GDPR, Articles 5, 9, 15, 17 and 35", "Data Protection Act 2018, Schedule 1"],
        crisis_numbers: &[
            ("emergency", "999", "national emergency number"),
            ("Samaritans", "116 123", "Samaritans: free, day and night"),
            ("Shout, text", "85258", "Shout: crisis support by text, day and night"),
            (
                "NHS 111, option 2 (England)",
                "111",
                "NHS England: crisis support at 111, option 2, since 2024",
            ),
        ],
        numbers_verified: "2026-11-25",
    },
];

/// Names of the profiles.
pub(super) const NAMES: &[&str] = &["neutral", "us_mt", "us_fed", "us_ca_fire", "us_me", "uk_gdpr"];

impl Jurisdiction {
    /// The profile of this name.
    pub fn by_name(name: &str) -> Option<&'static Jurisdiction> {
        JURISDICTIONS.iter().find(|known| known.name == name)
    }

    /// The policy a team starts from.
    pub fn profile(&self) -> PolicyProfile {
        let numbers = self.crisis_numbers.iter();
        PolicyProfile {
            jurisdiction: self.name.into(),
            notes_mode: self.notes_mode,
            contact_notes_mode: self.contact_notes_mode,
            k_min: 10,
            retention_note_days: 30,
            retention_contact_days: 90,
            windows: BTreeMap::new(),
            crisis_numbers: numbers
                .map(|(label, number, _)| ((*label).to_owned(), (*number).to_owned()))
                .collect(),
            escalate_min: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Timestamp;

    #[test]
    fn every_profile_has_its_name_its_reasons_and_a_number_to_call() {
        assert_eq!(JURISDICTIONS.iter().map(|known| known.name).collect::<Vec<_>>(), NAMES);
        for known in JURISDICTIONS {
            assert!(!known.crisis_numbers.is_empty(), "{}", known.name);
            assert!(!known.consequences.is_empty(), "{}", known.name);
            assert!(known.name == "neutral" || !known.sources.is_empty(), "{}", known.name);
            let day = format!("{}T00:00:00Z", known.numbers_verified);
            assert!(Timestamp::parse(&day).is_ok(), "{}", known.name);
            for (label, number, source) in known.crisis_numbers {
                assert!(label.chars().count() <= 64, "{label}");
                assert!(number.chars().any(|c| c.is_ascii_digit()), "{label}");
                assert!(!source.is_empty(), "{label}");
            }
        }
    }

    #[test]
    fn contacts_are_never_freer_than_sessions() {
        for known in JURISDICTIONS {
            assert!(known.contact_notes_mode <= known.notes_mode, "{}", known.name);
        }
    }
}
