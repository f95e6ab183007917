//! Who can help: members on call, and resources, as the roster says it.

use std::collections::BTreeMap;

use maud::{Markup, html};
use sync_core::protocol::Day;
use sync_core::records::{Shift, Value, is_stale, on_call};

use crate::store::StoreError;
use crate::store::records::{self, RecordRow};

use super::scene::{MOST, Scene};
use super::table::table;
use super::{layout, value, when};

/// The shifts that hold, of present members.
pub(super) fn shifts(scene: &Scene<'_>) -> Result<Vec<Shift>, StoreError> {
    let rows = records::list(scene.reader, scene.team(), "on_call_shift", "ends_at", 10 * MOST)?;
    let shifts = rows.iter().filter_map(|row| Shift::of(row.doc, &values(row)));
    Ok(shifts.filter(|shift| scene.directory.member(&shift.member).is_some()).collect())
}

fn values(row: &RecordRow) -> BTreeMap<String, Value> {
    let read = |value: &serde_json::Value| serde_json::from_value(value.clone()).ok();
    row.fields.iter().filter_map(|(name, value)| Some((name.clone(), read(value)?))).collect()
}

/// Who is on call, and who is next.
pub(super) fn duty(scene: &Scene<'_>) -> Result<Markup, StoreError> {
    let shifts = shifts(scene)?;
    let now = on_call(&shifts, scene.now);
    let mut next: Vec<&Shift> =
        shifts.iter().filter(|shift| shift.on_call && shift.starts > scene.now).collect();
    next.sort_by_key(|shift| (shift.starts, shift.rank, shift.member));
    next.truncate(MOST);
    let end = |member| {
        let held =
            shifts.iter().filter(|s| s.member == member && s.on_call && s.holds_at(scene.now));
        held.map(|shift| shift.ends).max().unwrap_or(scene.now)
    };
    Ok(html! {
        section aria-labelledby="on-call" {
            h2 id="on-call" { "On call" }
            @if now.is_empty() {
                (layout::empty("Nobody is on call now.", "Each staff member enters their own shifts on their phone; until somebody does, a request for support goes to every peer."))
            } @else {
                (table("On call now, who is called first coming first", ["Who", "Until"], now.iter().map(|member| {
                    [html! { (scene.name(member)) }, when::moment(end(*member), scene.now)]
                })))
            }
            @if !next.is_empty() {
                (table("Shifts to come", ["Who", "From", "To"], next.iter().map(|shift| {
                    [html! { (scene.name(&shift.member)) }, when::moment(shift.starts, scene.now), when::moment(shift.ends, scene.now)]
                })))
            }
        }
    })
}

/// The resources that every phone has.
pub(super) fn resources(scene: &Scene<'_>) -> Result<Markup, StoreError> {
    let mut rows = records::list(scene.reader, scene.team(), "resource", "verified_at", MOST)?;
    rows.sort_by(|a, b| (a.text("kind"), a.text("name")).cmp(&(b.text("kind"), b.text("name"))));
    let shown = |row: &RecordRow, name| value::shown(scene, row, name);
    Ok(html! {
        section aria-labelledby="resources" {
            h2 id="resources" { "Resources" }
            @if rows.is_empty() {
                (layout::empty("No resource is recorded.", "An admin records crisis lines, clinicians and chaplains on their phone; every member then has them without a link."))
            } @else {
                (table("Resources on every phone", ["Name", "Kind", "Phone", "Hours", "Last checked"], rows.iter().map(|row| {
                    [shown(row, "name"), shown(row, "kind"), shown(row, "phone"), shown(row, "hours"), checked(row, scene.now.day())]
                })))
            }
        }
    })
}

fn checked(row: &RecordRow, today: Day) -> Markup {
    let day = row.text("verified_at").and_then(|text| Day::parse(text).ok());
    html! {
        @match day {
            Some(day) => time datetime=(day) { (when::day(day)) },
            None => span .none { "never" },
        }
        @if is_stale(day, today) {
            " " span .state.late data-code="stale" { span aria-hidden="true" { "▲" } " Stale: compare it again" }
        }
    }
}
