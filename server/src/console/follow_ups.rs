//! Open follow-ups: what is overdue or due today, and, folded away, what comes within a week.

use maud::{Markup, html};
use sync_core::protocol::Day;

use crate::store::StoreError;
use crate::store::records::{self, RecordRow};

use super::now::Part;
use super::scene::{MOST, Scene};
use super::table::table;
use super::{layout, value, when};

/// Follow-ups due within so many days are shown ahead.
const AHEAD_DAYS: u32 = 7;

type Due = (Day, RecordRow);

pub(super) fn part(scene: &Scene<'_>) -> Result<Part, StoreError> {
    let today = scene.now.day();
    let (due, ahead): (Vec<Due>, Vec<Due>) =
        open(scene, today)?.into_iter().partition(|(day, _)| *day <= today);
    let overdue = due.iter().filter(|(day, _)| *day < today).count();
    let body = html! {
        @if due.is_empty() {
            (layout::empty(
                if ahead.is_empty() { "Nothing is due within a week." } else { "Nothing is due today." },
                "Follow-ups appear here once the phone that planned them has synced."))
        } @else {
            (rows(scene, "Open follow-ups, the longest overdue first", &due, today))
        }
        @if !ahead.is_empty() {
            details {
                summary { (ahead.len()) " more within a week" }
                (rows(scene, "Open follow-ups of the next days", &ahead, today))
            }
        }
    };
    let told = match (overdue, due.len() - overdue) {
        (0, 0) => "none due".to_owned(),
        (0, today) => format!("{today} due today"),
        (overdue, 0) => format!("{overdue} overdue"),
        (overdue, today) => format!("{overdue} overdue, {today} due today"),
    };
    Ok(Part { id: "follow-ups", title: "Follow-ups", told, calls: !due.is_empty(), body })
}

/// Open follow-ups up to a week from today, the longest overdue first, within a day the most urgent.
fn open(scene: &Scene<'_>, today: Day) -> Result<Vec<Due>, StoreError> {
    let (reader, team) = (scene.reader, scene.team());
    let open = records::list_where(reader, team, "follow_up_task", "state", "open", 10 * MOST)?;
    let mut due: Vec<Due> = open
        .into_iter()
        .filter_map(|row| Some((Day::parse(row.text("due_day")?).ok()?, row)))
        .filter(|(day, _)| day.0 <= today.0.saturating_add(AHEAD_DAYS))
        .collect();
    let priority = |row: &RecordRow| row.fields.get("priority").and_then(|value| value.as_i64());
    due.sort_by_key(|(day, row)| (*day, std::cmp::Reverse(priority(row))));
    due.truncate(MOST);
    Ok(due)
}

fn rows(scene: &Scene<'_>, caption: &str, due: &[Due], today: Day) -> Markup {
    table(
        caption,
        ["What", "State", "Due", "By whom", "Priority"],
        due.iter().map(|(day, row)| {
            let shown = |name| value::shown(scene, row, name);
            [
                shown("kind"),
                shown("state"),
                due_day(*day, today),
                shown("assignee"),
                shown("priority"),
            ]
        }),
    )
}

fn due_day(day: Day, today: Day) -> Markup {
    let (class, code, shape) = match day.cmp(&today) {
        std::cmp::Ordering::Less => ("missed", "overdue", "▲"),
        std::cmp::Ordering::Equal => ("soon", "due", "●"),
        std::cmp::Ordering::Greater => ("early", "ahead", "○"),
    };
    html! {
        span .state .(class) data-code=(code) {
            span aria-hidden="true" { (shape) } " " (when::due(day, today))
        }
        " " time .exact datetime=(day) { (when::day(day)) }
    }
}
