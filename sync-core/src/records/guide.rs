//! The kinds of interventions as teams practise them: for whom, who usually leads, how large, how long, which phases.
//!
//! A help beside the form and a page of the docs, never a rule: nothing is refused for a size or a leader that differs,
//! and the order is that of the source, not a ranking. Called by apps, the command line and the docs.

/// What is usual for a kind of intervention.
#[derive(Debug, Clone, Copy)]
pub struct Guide {
    /// The kind.
    pub kind: &'static str,
    /// When it is done.
    pub when: &'static str,
    /// For whom.
    pub whom: &'static str,
    /// Who usually leads.
    pub led_by: &'static str,
    /// How large and how long.
    pub size: &'static str,
    /// Its phases in their order, as they are ticked; empty where it has none.
    pub phases: &'static [&'static str],
}

const TRANSITION: &[&str] = &["food", "facts", "stress_teaching", "team_contact"];
const NO_PHASES: &[&str] = &[];

/// Every kind, in the order of the core components (Everly and Mitchell; ICISF teams' manuals), then Stress First Aid and TRiM.
pub const GUIDES: &[Guide] = &[
    guide(
        "pre_incident_education",
        "before",
        "everybody",
        "trained peers, instructors",
        "any",
        NO_PHASES,
    ),
    guide(
        "on_scene_support",
        "during, when the incident commander asks",
        "a distressed crew",
        "peers, chaplain",
        "one to one",
        NO_PHASES,
    ),
    guide(
        "demobilization",
        "at the end of a shift or deployment, once",
        "whole units leaving a major event, so that nobody is singled out",
        "peers, with handouts",
        "large; about 10 minutes of information and 20 of food and rest",
        TRANSITION,
    ),
    guide(
        "rits",
        "at the end of a shift or deployment, once",
        "whole units leaving a major event, so that nobody is singled out",
        "peers, with handouts",
        "large; about 10 minutes of information and 20 of food and rest",
        TRANSITION,
    ),
    guide(
        "cmb",
        "any time, may be repeated",
        "large mixed groups, schools, communities",
        "the organisation's leaders with the team",
        "large; 45 to 75 minutes; information one way",
        &["assemble", "facts", "reactions_teaching", "resources"],
    ),
    guide(
        "defusing",
        "within hours, before a chance to sleep",
        "a small group that works together",
        "usually peers",
        "fewer than about 20; 20 to 45 minutes, at most an hour",
        &["introduction", "exploration", "information"],
    ),
    guide(
        "cisd",
        "as the team's window says, when the operation is over",
        "a small group with one experience",
        "a mental-health professional with peers",
        "up to 15 or 20; 1 to 3 hours; one of the team for every 5 to 7, at least two",
        &["introduction", "fact", "thought", "reaction", "symptom", "teaching", "re_entry"],
    ),
    guide(
        "one_on_one",
        "any time, anywhere",
        "one person",
        "any trained member",
        "15 minutes to 2 hours, 1 to 3 contacts",
        &["stabilize", "acknowledge", "facilitate", "encourage", "recovery_or_referral"],
    ),
    guide(
        "family_support",
        "any time",
        "families",
        "a mental-health professional, peer or chaplain",
        "small",
        NO_PHASES,
    ),
    guide(
        "organizational_consultation",
        "any time",
        "command",
        "coordinator, mental-health professional",
        "any",
        NO_PHASES,
    ),
    guide("pastoral", "any time", "people and groups", "chaplain", "any", NO_PHASES),
    guide(
        "follow_up_group",
        "days to months after",
        "everybody served before",
        "peers",
        "small",
        NO_PHASES,
    ),
    guide(
        "lodd_support",
        "after a death in the line of duty or of a colleague",
        "those who worked with them",
        "as the team's plan says",
        "any",
        NO_PHASES,
    ),
    guide(
        "trim_assessment",
        "about 72 hours after, again about a month later",
        "one person or a group",
        "TRiM practitioners",
        "small",
        &["before", "during", "after"],
    ),
    guide(
        "sfa",
        "any time",
        "one person or a crew",
        "any trained member",
        "any; check and coordinate go on throughout",
        &["check", "coordinate", "cover", "calm", "connect", "competence", "confidence"],
    ),
];

const fn guide(
    kind: &'static str,
    when: &'static str,
    whom: &'static str,
    led_by: &'static str,
    size: &'static str,
    phases: &'static [&'static str],
) -> Guide {
    Guide { kind, when, whom, led_by, size, phases }
}

/// The training that a team's members should have for a kind, if one is usual.
pub fn training_for(kind: &str) -> Option<&'static str> {
    match kind {
        "defusing" | "cisd" | "rits" | "demobilization" | "cmb" | "follow_up_group" => {
            Some("group_crisis_intervention")
        }
        "one_on_one" | "on_scene_support" => Some("assisting_individuals"),
        "sfa" => Some("sfa"),
        "trim_assessment" => Some("trim_practitioner"),
        _ => None,
    }
}

/// What is usual for a kind; `None` for one that this software does not know.
pub fn guide_of(kind: &str) -> Option<&'static Guide> {
    GUIDES.iter().find(|guide| guide.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::super::intervention::{KINDS, PHASES};
    use super::*;

    #[test]
    fn every_kind_has_a_guide_and_every_phase_can_be_ticked() {
        let guided: Vec<&str> = GUIDES.iter().map(|guide| guide.kind).collect();
        assert_eq!(guided, KINDS);
        for guide in GUIDES {
            assert!(guide.phases.iter().all(|phase| PHASES.contains(phase)), "{}", guide.kind);
        }
        for phase in PHASES {
            assert!(GUIDES.iter().any(|guide| guide.phases.contains(phase)), "{phase}");
        }
    }

    #[test]
    fn every_training_asked_for_is_one_of_the_roster() {
        let asked: Vec<&str> = GUIDES.iter().filter_map(|g| training_for(g.kind)).collect();
        assert!(asked.len() > 5);
        assert!(asked.iter().all(|code| super::super::staff::TRAININGS.contains(code)));
    }

    #[test]
    fn phases_with_a_text_are_those_of_the_session_note() {
        use super::super::session_text_keys;
        for guide in GUIDES {
            let texts: Vec<&str> = session_text_keys(guide.kind)
                .iter()
                .filter_map(|key| Some(key.split_once('.')?.1))
                .collect();
            assert!(texts.is_empty() || texts == guide.phases, "{}", guide.kind);
        }
    }
}
