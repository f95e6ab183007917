//! `session_note`: what was said in a session, one text for every phase (DOMAIN F.4).
//!
//! Not the phases that were run: those are ticks on the intervention. Lives sealed in `session`, read by the
//! leads alone. The order of [`TEXTS`] is part of the document's fixed first change and never changes.
//! Document type 21.

use super::schema::derives_nothing;
use super::{DocType, NoteRule, RecordType, Retention, SpaceKind};

/// Every phase of every kind, as `<kind>.<phase>`.
const TEXTS: &[&str] = &[
    "defusing.introduction",
    "defusing.exploration",
    "defusing.information",
    "cisd.introduction",
    "cisd.fact",
    "cisd.thought",
    "cisd.reaction",
    "cisd.symptom",
    "cisd.teaching",
    "cisd.re_entry",
    "safer_r.stabilize",
    "safer_r.acknowledge",
    "safer_r.facilitate",
    "safer_r.encourage",
    "safer_r.recovery_or_referral",
    "sfa.check",
    "sfa.coordinate",
    "sfa.cover",
    "sfa.calm",
    "sfa.connect",
    "sfa.competence",
    "sfa.confidence",
    "trim.before",
    "trim.during",
    "trim.after",
];

/// Document type 21.
const SESSION_NOTE_DOC: DocType = DocType {
    number: 21,
    name: "session_note",
    schema: 1,
    spaces: &[SpaceKind::Session],
    writers: &[],
    note: Some(NoteRule::Session),
    retention: Retention::Note,
    fields: &[],
    texts: TEXTS,
};

/// The record kind.
pub(super) static SESSION_NOTE: RecordType = RecordType {
    name: "session_note",
    parts: &[&SESSION_NOTE_DOC],
    required: &[],
    inputs: &[],
    derive: derives_nothing,
};

/// The texts of an intervention's note in the order of its phases; empty for kinds without phases.
pub fn session_text_keys(intervention_kind: &str) -> &'static [&'static str] {
    let Some(prefix) = prefix(intervention_kind) else {
        return &[];
    };
    let is_own = |key: &&str| key.starts_with(prefix);
    let start = TEXTS.iter().position(is_own).unwrap_or(0);
    let count = TEXTS.iter().filter(|key| is_own(key)).count();
    &TEXTS[start..start + count]
}

/// The text of a phase (`exploration`) of an intervention of this kind (`defusing`), if it has that phase.
pub fn session_text_key(intervention_kind: &str, phase: &str) -> Option<&'static str> {
    session_text_keys(intervention_kind)
        .iter()
        .find(|key| key.split_once('.').is_some_and(|(_, own)| own == phase))
        .copied()
}

fn prefix(intervention_kind: &str) -> Option<&'static str> {
    match intervention_kind {
        "defusing" => Some("defusing."),
        "cisd" => Some("cisd."),
        "one_on_one" => Some("safer_r."),
        "sfa" => Some("sfa."),
        "trim_assessment" => Some("trim."),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_belongs_to_one_kind_of_intervention_in_the_order_of_its_phases() {
        let kinds = ["defusing", "cisd", "one_on_one", "sfa", "trim_assessment"];
        let all: Vec<&str> =
            kinds.iter().flat_map(|kind| session_text_keys(kind)).copied().collect();
        assert_eq!(all, TEXTS);
        assert_eq!(kinds.map(|kind| session_text_keys(kind).len()), [3, 7, 5, 7, 3]);
    }

    #[test]
    fn a_phase_is_found_by_its_intervention_only() {
        assert_eq!(session_text_key("defusing", "exploration"), Some("defusing.exploration"));
        assert_eq!(session_text_key("cisd", "exploration"), None);
        assert_eq!(session_text_key("one_on_one", "stabilize"), Some("safer_r.stabilize"));
        assert_eq!(session_text_key("trim_assessment", "after"), Some("trim.after"));
        assert_eq!(session_text_key("cmb", "introduction"), None);
        assert!(session_text_keys("cmb").is_empty());
    }
}
