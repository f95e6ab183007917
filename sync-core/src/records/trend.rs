//! A member's own check-ins by week: what they said, in counts, means and words.
//!
//! Not a score and not a finding: it repeats what the member typed, beside the week before. Pure. Called by the
//! engine on the member's own phone; nothing of it is ever sent.

use std::collections::BTreeMap;

use crate::protocol::Day;

use super::Value;

/// What one check-in says that a trend shows.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckInDay {
    /// Its day.
    pub day: Day,
    /// Its values.
    pub values: BTreeMap<String, Value>,
}

/// How a week's mean lies to that of the week before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Higher by the least difference that is told, or more.
    Up,
    /// Lower by as much.
    Down,
    /// Neither.
    Same,
    /// One of the two weeks says nothing.
    Unknown,
}

impl Direction {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Direction::Up => "up",
            Direction::Down => "down",
            Direction::Same => "same",
            Direction::Unknown => "unknown",
        }
    }
}

/// The mean of a number over a week, and how it lies to the week before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// The mean of those check-ins that say it; `None` if none does.
    pub mean: Option<f64>,
    /// How it lies to the week before.
    pub direction: Direction,
}

/// A week of check-ins: seven days, the last one being today for the last week.
#[derive(Debug, Clone, PartialEq)]
pub struct Week {
    /// Its first day.
    pub from: Day,
    /// How many check-ins.
    pub count: usize,
    /// How many of each zone, by code; codes of newer phones included.
    pub zones: BTreeMap<String, usize>,
    /// Hours of sleep.
    pub sleep_hours: Mean,
    /// Mood, 0 to 10.
    pub mood: Mean,
    /// Stress, 0 to 10.
    pub stress: Mean,
}

/// Days of a week here.
const WEEK: u32 = 7;
/// Most weeks of a trend.
pub const MAX_TREND_WEEKS: u32 = 52;
/// Least difference of hours of sleep that is told.
const SLEEP_STEP: f64 = 0.5;
/// Least difference of mood or stress that is told.
const POINT: f64 = 1.0;

/// The last weeks, the oldest first, of at most a year. Check-ins of other days are left out.
pub fn trend(check_ins: &[CheckInDay], today: Day, weeks: u32) -> Vec<Week> {
    let weeks = weeks.clamp(1, MAX_TREND_WEEKS);
    // One more, to which the first one shown is compared.
    let begin = |ago: u32| i64::from(today.0) + 1 - i64::from(WEEK * (ago + 1));
    let mut before: Option<[Option<f64>; 3]> = None;
    let mut shown = Vec::new();
    for ago in (0..=weeks).rev() {
        let (from, end) = (begin(ago), begin(ago) + i64::from(WEEK));
        let of_week: Vec<&CheckInDay> =
            check_ins.iter().filter(|c| (from..end).contains(&i64::from(c.day.0))).collect();
        let means = ["sleep_hours", "mood", "stress"].map(|name| mean(&of_week, name));
        if ago < weeks {
            let last = before.unwrap_or_default();
            let told = |at: usize, least| Mean {
                mean: means[at],
                direction: direction(last[at], means[at], least),
            };
            let (sleep_hours, mood, stress) = (told(0, SLEEP_STEP), told(1, POINT), told(2, POINT));
            let from = Day(u32::try_from(from).unwrap_or(0));
            let (count, zones) = (of_week.len(), zones(&of_week));
            shown.push(Week { from, count, zones, sleep_hours, mood, stress });
        }
        before = Some(means);
    }
    shown
}

fn mean(check_ins: &[&CheckInDay], name: &str) -> Option<f64> {
    let numbers = check_ins.iter().filter_map(|check_in| match check_in.values.get(name)? {
        Value::Int(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        _ => None,
    });
    let (sum, count) = numbers.fold((0.0, 0u32), |(sum, count), number| (sum + number, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

fn direction(before: Option<f64>, now: Option<f64>, least: f64) -> Direction {
    let (Some(before), Some(now)) = (before, now) else { return Direction::Unknown };
    // A little is lost when thirds are added up.
    let least = least - 1e-9;
    match now - before {
        more if more >= least => Direction::Up,
        less if less <= -least => Direction::Down,
        _ => Direction::Same,
    }
}

fn zones(check_ins: &[&CheckInDay]) -> BTreeMap<String, usize> {
    let mut zones = BTreeMap::new();
    for check_in in check_ins {
        if let Some(Value::Text(zone)) = check_in.values.get("zone") {
            *zones.entry(zone.clone()).or_default() += 1;
        }
    }
    zones
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_in(day: u32, zone: &str, sleep: f64, mood: i64) -> CheckInDay {
        let values = [
            ("zone", Value::Text(zone.to_owned())),
            ("sleep_hours", Value::Number(sleep)),
            ("mood", Value::Int(mood)),
        ];
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        CheckInDay { day: Day(day), values }
    }

    #[test]
    fn a_week_ends_today_and_the_one_before_ends_where_it_begins() {
        let all = [
            check_in(1_000, "ready", 8.0, 7),
            check_in(994, "reacting", 7.0, 5),
            check_in(993, "injured", 4.0, 2),
            check_in(987, "ill", 2.0, 0),
            check_in(986, "ill", 2.0, 0),
            check_in(1_001, "ill", 2.0, 0),
        ];
        let weeks = trend(&all, Day(1_000), 2);
        let told: Vec<_> = weeks.iter().map(|week| (week.from, week.count)).collect();
        assert_eq!(told, [(Day(987), 2), (Day(994), 2)]);
        assert_eq!(weeks[1].zones, BTreeMap::from([("reacting".into(), 1), ("ready".into(), 1)]));
        assert_eq!(weeks[1].sleep_hours, Mean { mean: Some(7.5), direction: Direction::Up });
        assert_eq!(weeks[1].mood, Mean { mean: Some(6.0), direction: Direction::Up });
        assert_eq!(weeks[1].stress, Mean { mean: None, direction: Direction::Unknown });
        assert_eq!(weeks[0].mood.direction, Direction::Up, "the week before is counted, not shown");
    }

    #[test]
    fn a_difference_is_told_from_half_an_hour_and_from_one_point_on() {
        let told = |sleep: f64, mood: i64| {
            let all = [check_in(993, "ready", 7.0, 5), check_in(1_000, "ready", sleep, mood)];
            let week = trend(&all, Day(1_000), 1).remove(0);
            (week.sleep_hours.direction, week.mood.direction)
        };
        assert_eq!(told(7.5, 6), (Direction::Up, Direction::Up));
        assert_eq!(told(6.5, 4), (Direction::Down, Direction::Down));
        assert_eq!(told(7.0, 5), (Direction::Same, Direction::Same));
        let thirds = [
            check_in(993, "ready", 7.0, 5),
            check_in(998, "ready", 7.5, 5),
            check_in(999, "ready", 7.5, 5),
            check_in(1_000, "ready", 7.0, 5),
        ];
        let week = trend(&thirds, Day(1_000), 1).remove(0);
        assert_eq!(week.sleep_hours.direction, Direction::Same, "a third of an hour is not");
    }

    #[test]
    fn an_empty_week_is_shown_empty_and_a_year_is_the_most() {
        let weeks = trend(&[], Day(3), 400);
        assert_eq!(weeks.len(), MAX_TREND_WEEKS as usize);
        assert_eq!(trend(&[], Day(3), 0).len(), 1);
        let last = &weeks[51];
        assert_eq!((last.count, last.mood.direction), (0, Direction::Unknown));
    }
}
