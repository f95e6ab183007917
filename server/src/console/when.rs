//! Times and days as people say them, always with the exact time in UTC beside them.

use maud::{Markup, html};
use sync_core::protocol::{Day, Timestamp};

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A day as `Sun 1 Mar 2026`.
pub(super) fn day(day: Day) -> String {
    let text = day.to_string();
    let mut parts = text.splitn(3, '-');
    let (year, month, date) = (parts.next(), parts.next(), parts.next());
    let month = month.and_then(|month| month.parse::<usize>().ok()).unwrap_or_default();
    let month = month.checked_sub(1).and_then(|month| MONTHS.get(month));
    // Day 0, the first of 1970, was a Thursday.
    let weekday = WEEKDAYS.get(((u64::from(day.0) + 3) % 7) as usize);
    match (weekday, date, month, year) {
        (Some(weekday), Some(date), Some(month), Some(year)) => {
            format!("{weekday} {} {month} {year}", date.trim_start_matches('0'))
        }
        _ => text,
    }
}

/// A time as `Sun 1 Mar 2026, 18:05 UTC`.
pub(super) fn exact(time: Timestamp) -> String {
    let text = time.to_string();
    match text.get(11..16) {
        Some(clock) => format!("{}, {clock} UTC", day(time.day())),
        None => text,
    }
}

/// How far away a time is: `in 2 hours`, `20 minutes ago`, `now`.
pub(super) fn away(then: Timestamp, now: Timestamp) -> String {
    let minutes = then.0.saturating_sub(now.0) / 60_000;
    let (count, unit) = match minutes.unsigned_abs() {
        0 => return "now".to_owned(),
        minutes @ 1..120 => (minutes, "minute"),
        minutes @ 120..2880 => (minutes / 60, "hour"),
        minutes => (minutes / 1440, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    if minutes > 0 {
        format!("in {count} {unit}{plural}")
    } else {
        format!("{count} {unit}{plural} ago")
    }
}

/// A time, first how far away it is, then exactly.
pub(super) fn moment(then: Timestamp, now: Timestamp) -> Markup {
    html! {
        time datetime=(then) { (away(then, now)) " " span .exact { (exact(then)) } }
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

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("reads")
    }

    #[test]
    fn days_carry_their_weekday() {
        let named = |text| day(Day::parse(text).expect("reads"));
        assert_eq!(named("1970-01-01"), "Thu 1 Jan 1970");
        assert_eq!(named("2026-03-01"), "Sun 1 Mar 2026");
        assert_eq!(named("2028-02-29"), "Tue 29 Feb 2028");
        assert_eq!(named("2026-12-31"), "Thu 31 Dec 2026");
    }

    #[test]
    fn exact_times_carry_their_zone() {
        assert_eq!(exact(at("2026-03-01T18:05:00Z")), "Sun 1 Mar 2026, 18:05 UTC");
    }

    #[test]
    fn a_time_is_told_from_now_on_and_from_now_back() {
        let now = at("2026-03-01T18:05:00Z");
        let told = |minutes| away(now.plus_minutes(minutes), now);
        assert_eq!(told(0), "now");
        assert_eq!((told(1), told(-1)), ("in 1 minute".into(), "1 minute ago".into()));
        assert_eq!((told(119), told(120)), ("in 119 minutes".into(), "in 2 hours".into()));
        assert_eq!(told(-180), "3 hours ago");
        assert_eq!((told(2879), told(2880)), ("in 47 hours".into(), "in 2 days".into()));
    }

    #[test]
    fn a_due_day_tells_how_late_it_is() {
        assert_eq!(due(Day(10), Day(10)), "today");
        assert_eq!(due(Day(8), Day(10)), "2 days overdue");
        assert_eq!(due(Day(11), Day(10)), "tomorrow");
    }
}
