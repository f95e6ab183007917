//! `trend`: the member's own check-ins by week, in words. Nothing of it leaves the phone.

use serde_json::{Value as Json, json};
use sync_core::engine::Phone;
use sync_core::protocol::Day;
use sync_core::records::{Direction, Mean, Week};

use super::output::Output;
use super::{Outcome, now};

/// A zone with its colour's name, so that nothing depends on seeing it.
fn zone_words(zone: &str) -> String {
    let colour = match zone {
        "ready" => "green",
        "reacting" => "yellow",
        "injured" => "orange",
        "ill" => "red",
        // A newer phone's.
        _ => return zone.to_owned(),
    };
    format!("{zone} ({colour})")
}

fn mean_words(name: &str, unit: &str, mean: Mean) -> Option<String> {
    let lies = match mean.direction {
        Direction::Up => ", more than the week before",
        Direction::Down => ", less than the week before",
        Direction::Same => ", as the week before",
        Direction::Unknown => "",
    };
    mean.mean.map(|number| format!("  {name}: {number:.1}{unit}{lies}\n"))
}

fn week_words(week: &Week) -> String {
    let last = Day(week.from.0 + 6);
    if week.count == 0 {
        return format!("{} to {last}: no check-in\n", week.from);
    }
    let zones: Vec<String> =
        week.zones.iter().map(|(zone, count)| format!("{} x{count}", zone_words(zone))).collect();
    let many = if week.count == 1 { "check-in" } else { "check-ins" };
    let mut out = format!("{} to {last}: {} {many}: {}\n", week.from, week.count, zones.join(", "));
    out.extend(mean_words("sleep", " h", week.sleep_hours));
    out.extend(mean_words("mood", " of 10", week.mood));
    out.extend(mean_words("stress", " of 10", week.stress));
    out
}

fn mean_json(mean: Mean) -> Json {
    json!({ "mean": mean.mean, "direction": mean.direction.as_str() })
}

/// `trend`.
pub fn trend(phone: &mut Phone, weeks: u32) -> Outcome {
    let weeks = phone.trend(now(), weeks)?;
    let mut words: String = weeks.iter().map(week_words).collect();
    if !phone.is_unlocked() {
        words = "This phone cannot read now: what is sealed is left out. 'unlock' to see all.\n"
            .to_owned()
            + &words;
    }
    words.push_str("This repeats what you recorded; it is no finding. Only this phone shows it.");
    let json = weeks
        .iter()
        .map(|week| {
            json!({ "from": week.from.to_string(), "count": week.count, "zones": week.zones,
                    "sleep_hours": mean_json(week.sleep_hours), "mood": mean_json(week.mood),
                    "stress": mean_json(week.stress) })
        })
        .collect();
    Ok(Output { words, json: Json::Array(json) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_is_told_in_words_with_the_colours_named() {
        let mean = |mean, direction| Mean { mean, direction };
        let week = Week {
            from: Day::parse("2026-02-23").expect("a day"),
            count: 3,
            zones: [("ready".to_owned(), 1), ("reacting".to_owned(), 2)].into(),
            sleep_hours: mean(Some(5.25), Direction::Down),
            mood: mean(Some(6.0), Direction::Unknown),
            stress: mean(None, Direction::Unknown),
        };
        let told = week_words(&week);
        assert!(
            told.starts_with(
                "2026-02-23 to 2026-03-01: 3 check-ins: reacting (yellow) x2, ready (green) x1\n"
            ),
            "{told}"
        );
        assert!(
            told.contains("  sleep: 5.2 h, less than the week before\n  mood: 6.0 of 10\n"),
            "{told}"
        );
        assert!(!told.contains("stress"), "{told}");
    }
}
