//! Codes and fields in plain words. A code without its own words reads as itself, without underscores.

/// Codes whose own name would not be understood, or would read badly.
const CODES: &[(&str, &str)] = &[
    ("lodd", "Line-of-duty death"),
    ("lodd_support", "Line-of-duty death support"),
    ("rits", "Rest, information, transition (RITS)"),
    ("cmb", "Crisis management briefing"),
    ("cisd", "Debriefing (CISD)"),
    ("sfa", "Stress First Aid"),
    ("trim_assessment", "TRiM assessment"),
    ("one_on_one", "One-to-one"),
    ("on_scene_support", "On-scene support"),
    ("ems", "EMS"),
    ("sar", "Search and rescue"),
    ("mhp", "Mental-health professional"),
    ("facilitator_mhp", "Facilitator or mental-health professional"),
    ("member_serious_injury", "Serious injury of a member"),
    ("member_suicide", "Suicide of a member"),
    ("responder_caused_death", "Death caused by responders"),
    ("cumulative", "Many hard calls"),
    ("victim_known", "Victim known to the crew"),
    ("media_intense", "Heavy media"),
    ("prolonged_event", "Long event"),
    ("cad_tag", "Tagged by dispatch"),
    ("manual", "By hand"),
    ("device_unsure", "Uncertain (the phone's clock was not checked)"),
    ("under_5", "fewer than 5"),
    ("5_9", "5 to 9"),
    ("10_19", "10 to 19"),
    ("20_49", "20 to 49"),
    ("50_plus", "50 or more"),
    ("under_15", "under 15 min"),
    ("15_29", "15 to 29 min"),
    ("30_59", "30 to 59 min"),
    ("60_119", "60 to 119 min"),
    ("120_plus", "120 min or more"),
    ("neutral", "Neutral place"),
    ("virtual", "By video or phone"),
    ("upgraded_to_cisd", "Upgraded to a debriefing (CISD)"),
    ("not_required_to_speak", "Nobody has to speak"),
    ("speak_for_yourself", "Speak only for yourself"),
    ("no_pagers_off_duty", "No pagers, off duty"),
    ("others_leave", "Who does not belong leaves"),
    ("n_a", "no window"),
    ("crew_asked_for_them", "The crew asked for them"),
    ("eap", "Employee assistance (EAP)"),
    ("native", "App"),
    ("web", "Browser"),
];

/// Fields whose own name would not be understood, or would read badly.
const FIELDS: &[(&str, &str)] = &[
    ("cad_number", "Dispatch number"),
    ("tz_offset_min", "Local time"),
    ("incident_id", "Incident"),
    ("occurred_start", "Began"),
    ("occurred_end", "Ended"),
    ("time_quality", "How sure the times are"),
    ("type", "What happened"),
    ("personnel_exposed", "People exposed"),
    ("disciplines", "Whose responders"),
    ("units", "Crews present"),
    ("requested_by_role", "Support asked for by"),
    ("requested_at", "Support asked for"),
    ("acknowledged_at", "Team answered"),
    ("source", "How it was reported"),
    ("planned_start", "Planned for"),
    ("started_at", "Began"),
    ("ended_at", "Ended"),
    ("duration_min", "Minutes it took"),
    ("attendees", "How many came"),
    ("homogeneous_group", "One crew, one experience"),
    ("voluntary", "Taking part was voluntary"),
    ("team_mhp", "Mental-health professionals on the team"),
    ("team_peers", "Peers on the team"),
    ("team_chaplains", "Chaplains on the team"),
    ("leads", "Led by"),
    ("same_as", "Logged as well as"),
    ("crews", "For the crews"),
    ("location_kind", "Where"),
    ("rules_read_at", "Ground rules read"),
    ("rules_read", "Ground rules, each with its time"),
    ("phase_times", "Phases with their times"),
    ("outcome_reason", "Why it went otherwise"),
    ("travel_min", "Minutes of travel"),
    ("triaged_at", "Team decided"),
    ("interventions_decided", "Decided on"),
    ("closed_at", "Closed"),
    ("closed_because", "Why it was closed"),
    ("one_on_ones_triggered", "One-to-ones that followed"),
    ("referrals_count", "Referrals offered"),
    ("handouts", "Handouts given"),
    ("follow_up_due_at", "Follow-up due"),
    ("team_self_debrief_done", "Team's own debrief done"),
    ("follow_up_task", "Follow-up"),
    ("due_day", "Due"),
    ("assignee", "By whom"),
];

/// A code or a field's name in plain words.
pub(super) fn label(code: &str) -> String {
    if let Some((_, words)) = CODES.iter().chain(FIELDS).find(|(name, _)| *name == code) {
        return (*words).to_owned();
    }
    let mut words = code.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// A number and what it counts.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_as_words() {
        assert_eq!(label("cisd"), "Debriefing (CISD)");
        assert_eq!(label("failed_rescue"), "Failed rescue");
        assert_eq!(label(""), "");
        assert_eq!(label("éa"), "éa");
    }

    #[test]
    fn no_code_has_two_wordings() {
        let mut names: Vec<_> = CODES.iter().chain(FIELDS).map(|(name, _)| name).collect();
        names.sort();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(count(1, "item", "items"), "1 item");
        assert_eq!(count(0, "item", "items"), "0 items");
    }
}
