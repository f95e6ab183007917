//! The first page: what needs somebody now.

use axum::response::Html;
use maud::{Markup, html};
use serde_json::Value;
use sync_core::protocol::{Code, Day, Timestamp};

use crate::relay::Refusal;
use crate::store::records::{self, RecordRow};
use crate::store::{StoreError, devices, quarantine};

use super::scene::{MOST, Scene, is_open};
use super::{layout, value, window, words};

/// Follow-ups due within so many days are shown ahead.
const AHEAD_DAYS: u32 = 7;
/// A device that did not sync for so long is marked: 7 days.
const QUIET_MS: i64 = 7 * 24 * 60 * 60 * 1000;

pub(super) fn page(scene: &Scene<'_>) -> Result<Html<String>, Refusal> {
    let main = html! {
        (incidents(scene)?)
        (follow_ups(scene)?)
        (conflicts(scene)?)
        (devices(scene)?)
        (set_aside(scene)?)
    };
    Ok(layout::page("/console/now", "Now", scene.now, &main))
}

fn incidents(scene: &Scene<'_>) -> Result<Markup, StoreError> {
    let mut interventions = scene.interventions()?;
    let incidents: Vec<RecordRow> = scene.incidents()?.into_iter().filter(is_open).collect();
    let alone = interventions.remove(&None).unwrap_or_default();
    Ok(html! {
        section aria-labelledby="incidents" {
            h2 #incidents { "Open incidents" }
            @if incidents.is_empty() {
                (layout::empty("No incident is open.", "Incidents appear here as soon as a phone that recorded one has synced."))
            }
            @for incident in &incidents {
                (card(scene, incident, interventions.get(&Some(incident.doc.to_string()))))
            }
            @if !alone.is_empty() {
                (window::table(scene, None, &alone, "Interventions without an incident"))
            }
        }
    })
}

fn card(scene: &Scene<'_>, incident: &RecordRow, interventions: Option<&Vec<RecordRow>>) -> Markup {
    html! {
        article {
            h3 {
                a href={ "/console/incident/" (incident.doc) } {
                    "Incident ended " (value::shown(scene, incident, "occurred_end"))
                }
            }
            p { (value::shown(scene, incident, "type")) }
            p {
                "Status: " (value::shown(scene, incident, "status"))
                @if let Some(area) = incident.text("area") { " · Area: " (area) }
            }
            @match interventions {
                Some(rows) => (window::table(scene, Some(incident), rows, "Interventions of this incident")),
                None => (layout::empty("No intervention is recorded for it yet.", "Plan one on a phone: record an intervention and name this incident.")),
            }
        }
    }
}

fn follow_ups(scene: &Scene<'_>) -> Result<Markup, StoreError> {
    let today = scene.now.day();
    let open = records::list_where(
        scene.reader,
        scene.team(),
        "follow_up_task",
        "state",
        "open",
        10 * MOST,
    )?;
    let mut due: Vec<(Day, RecordRow)> = open
        .into_iter()
        .filter_map(|row| Some((Day::parse(row.text("due_day")?).ok()?, row)))
        .filter(|(day, _)| day.0 <= today.0.saturating_add(AHEAD_DAYS))
        .collect();
    due.sort_by_key(|(day, _)| *day);
    due.truncate(MOST);
    Ok(html! {
        section aria-labelledby="follow-ups" {
            h2 #follow-ups { "Follow-ups" }
            @if due.is_empty() {
                (layout::empty("Nothing is due within a week.", "Follow-ups appear here once the phone that planned them has synced."))
            } @else {
                table {
                    caption { "Open follow-ups, the longest overdue first" }
                    thead { tr {
                        th scope="col" { "Due" } th scope="col" { "What" }
                        th scope="col" { "By whom" } th scope="col" { "State" }
                    } }
                    tbody { @for (day, row) in &due { (follow_up(scene, *day, row, today)) } }
                }
            }
        }
    })
}

fn follow_up(scene: &Scene<'_>, day: Day, row: &RecordRow, today: Day) -> Markup {
    let (class, code, shape) = match day.cmp(&today) {
        std::cmp::Ordering::Less => ("missed", "overdue", "▲"),
        std::cmp::Ordering::Equal => ("soon", "due", "●"),
        std::cmp::Ordering::Greater => ("early", "ahead", "○"),
    };
    html! {
        tr {
            td {
                (day) " "
                span .state .(class) data-code=(code) {
                    span aria-hidden="true" { (shape) } " " (words::due(day, today))
                }
            }
            th scope="row" { (value::shown(scene, row, "kind")) }
            td { (value::shown(scene, row, "assignee")) }
            td { (value::shown(scene, row, "state")) }
        }
    }
}

fn conflicts(scene: &Scene<'_>) -> Result<Markup, StoreError> {
    let rows = records::in_conflict(scene.reader, scene.team(), MOST)?;
    Ok(html! {
        section aria-labelledby="conflicts" {
            h2 #conflicts { "Different values written at once" }
            @if rows.is_empty() {
                (layout::empty("There are none.", "When two people write different values at the same time, both are kept and shown here."))
            } @else {
                p { "Both values are kept. Whoever knows the right one chooses it on a phone." }
                @for row in &rows { (conflict(scene, row)) }
            }
        }
    })
}

/// The fields of one record that hold several values.
pub(super) fn conflict(scene: &Scene<'_>, row: &RecordRow) -> Markup {
    html! {
        table {
            caption {
                span data-code=(row.record) { (words::label(&row.record)) } " "
                @if row.record == "incident" {
                    a href={ "/console/incident/" (row.doc) } { (short(row)) }
                } @else { (short(row)) }
            }
            thead { tr { th scope="col" { "Field" } th scope="col" { "Values" } } }
            tbody {
                @for (field, values) in &row.conflicts {
                    tr {
                        th scope="row" { span data-code=(field) { (words::label(field)) } }
                        td { ul .values {
                            @for value in values.as_array().map_or(&[][..], Vec::as_slice) {
                                li { (either(scene, row, field, value)) }
                            }
                        } }
                    }
                }
            }
        }
    }
}

fn either(scene: &Scene<'_>, row: &RecordRow, field: &str, value: &Value) -> Markup {
    let is_shown = row.fields.get(field) == Some(value);
    html! {
        (value::of(scene, &row.record, field, value))
        @if is_shown { " " span .note { "(shown elsewhere)" } }
    }
}

fn short(row: &RecordRow) -> String {
    row.doc.to_string()[..8].to_owned()
}

fn devices(scene: &Scene<'_>) -> Result<Markup, StoreError> {
    let seen: std::collections::BTreeMap<_, _> =
        devices::seen(scene.reader, scene.team())?.into_iter().collect();
    let mut all: Vec<(Option<Timestamp>, String)> = scene
        .directory
        .devices()
        .map(|device| (seen.get(&device.id).copied(), scene.name(&device.member)))
        .collect();
    all.sort();
    Ok(html! {
        section aria-labelledby="devices" {
            h2 #devices { "Devices" }
            @if all.is_empty() {
                (layout::empty("No device is enrolled.", "Create the team on an admin's phone and let it sync with this relay."))
            } @else {
                table {
                    caption { "When each device last synced, the longest ago first" }
                    thead { tr { th scope="col" { "Whose" } th scope="col" { "Last sync" } } }
                    tbody {
                        @for (last, name) in &all {
                            tr { th scope="row" { (name) } td { (last_sync(*last, scene.now)) } }
                        }
                    }
                }
            }
        }
    })
}

/// When a device last synced, marked if it has been quiet.
pub(super) fn last_sync(last: Option<Timestamp>, now: Timestamp) -> Markup {
    html! {
        @match last {
            Some(last) => {
                (words::time(last)) ", " (words::ago(last, now))
                @if now.0.saturating_sub(last.0) > QUIET_MS {
                    " " span .state.late data-code="quiet" { span aria-hidden="true" { "▲" } " Not seen for a week" }
                }
            }
            None => span .state.missed data-code="never" { span aria-hidden="true" { "✕" } " Never" },
        }
    }
}

fn set_aside(scene: &Scene<'_>) -> Result<Markup, StoreError> {
    let counts = quarantine::counts(scene.reader, scene.team())?;
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    Ok(html! {
        section aria-labelledby="set-aside" {
            h2 #set-aside { "Set aside" }
            @if counts.is_empty() {
                (layout::empty("Nothing was set aside.", "What fails a check is kept here apart, never applied and never lost."))
            } @else {
                p { (total) (if total == 1 { " item" } else { " items" }) " failed a check. Each is kept apart and applied nowhere." }
                table {
                    caption { "What was set aside, by reason" }
                    thead { tr { th scope="col" { "Reason" } th scope="col" { "Items" } } }
                    tbody {
                        @for (code, count) in &counts {
                            tr {
                                th scope="row" { span data-code=(code) { (reason(code)) } }
                                td { (count) }
                            }
                        }
                    }
                }
            }
        }
    })
}

fn reason(code: &str) -> String {
    match Code::from_name(code) {
        Some(code) => code.advice().to_owned(),
        None => words::label(code),
    }
}
