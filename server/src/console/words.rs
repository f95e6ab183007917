//! Codes in plain words. A code without its own words reads as itself, without underscores.

use sync_core::protocol::{Day, Timestamp};

/// Codes whose own name would not be understood, or would read badly.
const WORDS: &[(&str, &str)] = &[
    ("lodd", "Line-of-duty death"),
    ("lodd_support", "Line-of-duty death support"),
    ("rits", "Rest, information, transition (RITS)"),
    ("cmb", "Crisis management briefing"),
    ("cisd", "Debriefing (CISD)"),
    ("sfa", "Stress First Aid"),
    ("trim_assessment", "TRiM assessment"),
    ("one_on_one", "One-to-one"),
    ("ems", "EMS"),
    ("sar", "Search and rescue"),
    ("mhp", "Mental-health professional"),
    ("facilitator_mhp", "Facilitator or mental-health professional"),
    ("cad_tag", "Tagged by dispatch"),
    ("cad_number", "Dispatch number"),
    ("tz_offset_min", "Minutes ahead of UTC"),
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
    ("incident_id", "Incident"),
    ("occurred_start", "Began"),
    ("occurred_end", "Ended"),
    ("type", "What happened"),
    ("units", "Crews present"),
    ("team_mhp", "Mental-health professionals on the team"),
    ("team_peers", "Peers on the team"),
    ("team_chaplains", "Chaplains on the team"),
    ("upgraded_to_cisd", "Upgraded to a debriefing (CISD)"),
    ("due_day", "Due"),
    ("native", "App"),
    ("web", "Browser"),
];

/// A code or a field's name in plain words.
pub(super) fn label(code: &str) -> String {
    if let Some((_, words)) = WORDS.iter().find(|(name, _)| *name == code) {
        return (*words).to_owned();
    }
    let mut words = code.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// A time as date and time of day in UTC.
pub(super) fn time(time: Timestamp) -> String {
    let text = time.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(date), Some(clock)) => format!("{date} {clock} UTC"),
        _ => text,
    }
}

/// How long ago a day or time was, in whole days or hours.
pub(super) fn ago(then: Timestamp, now: Timestamp) -> String {
    let minutes = now.0.saturating_sub(then.0) / 60_000;
    match minutes {
        ..2 => "just now".to_owned(),
        2..120 => format!("{minutes} minutes ago"),
        120..2880 => format!("{} hours ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}

/// How a day lies to today.
pub(super) fn due(day: Day, today: Day) -> String {
    match i64::from(today.0) - i64::from(day.0) {
        0 => "today".to_owned(),
        1 => "1 day overdue".to_owned(),
        late @ 2.. => format!("{late} days overdue"),
        -1 => "tomorrow".to_owned(),
        ahead => format!("in {} days", -ahead),
    }
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
    fn times_carry_their_date_and_zone() {
        let t = Timestamp::parse("2026-03-01T18:05:00Z").expect("reads");
        assert_eq!(time(t), "2026-03-01 18:05 UTC");
        assert_eq!(ago(t, t.plus_minutes(180)), "3 hours ago");
    }

    #[test]
    fn a_due_day_tells_how_late_it_is() {
        assert_eq!(due(Day(10), Day(10)), "today");
        assert_eq!(due(Day(8), Day(10)), "2 days overdue");
        assert_eq!(due(Day(11), Day(10)), "tomorrow");
    }
}
