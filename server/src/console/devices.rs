//! When devices last synced: what a phone recorded since then is not on the page yet.

use std::collections::BTreeMap;

use maud::{Markup, html};
use sync_core::protocol::{Day, Timestamp};

use crate::store::{StoreError, devices, wiped};

use super::now::Part;
use super::scene::Scene;
use super::table::table;
use super::{layout, when, words};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// A device that did not sync for so long is marked: 7 days.
const QUIET_MS: i64 = 7 * DAY_MS;

/// The devices that have not synced for a day.
pub(super) fn part(scene: &Scene<'_>) -> Result<Part, StoreError> {
    let seen: BTreeMap<_, _> = devices::seen(scene.reader, scene.team())?.into_iter().collect();
    let all: Vec<(Option<Timestamp>, String)> = scene
        .directory
        .devices()
        .map(|device| (seen.get(&device.id).copied(), scene.name(&device.member)))
        .collect();
    let is_away =
        |last: &Option<Timestamp>| last.is_none_or(|last| since(last, scene.now) > DAY_MS);
    let mut away: Vec<_> = all.iter().filter(|(last, _)| is_away(last)).collect();
    away.sort();
    let body = html! {
        @if all.is_empty() {
            (layout::empty("No device is enrolled.", "Create the team on an admin's phone and let it sync with this relay."))
        } @else if away.is_empty() {
            p { "Every device has synced within a day (" (words::count(all.len(), "device", "devices")) ")." }
        } @else {
            p { "What these phones recorded since is not on this page. It arrives by itself once they have signal and sync." }
            (table("Devices that have not synced for a day, the longest first", ["Whose", "Last sync"],
                away.iter().map(|(last, name)| [html! { (name) }, last_sync(*last, scene.now)])))
        }
        p { a href="/console/people" { "All people and devices" } }
    };
    let told = match (all.len(), away.len()) {
        (0, _) => "none enrolled".to_owned(),
        (_, 0) => "all synced within a day".to_owned(),
        (_, away) => format!("{away} not seen for a day"),
    };
    Ok(Part { id: "devices", title: "Devices", told, calls: !away.is_empty(), body })
}

fn since(last: Timestamp, now: Timestamp) -> i64 {
    now.0.saturating_sub(last.0)
}

/// When a device last synced, marked if it has been quiet.
pub(super) fn last_sync(last: Option<Timestamp>, now: Timestamp) -> Markup {
    html! {
        @match last {
            Some(last) => {
                (when::moment(last, now))
                @if since(last, now) > QUIET_MS {
                    " " span .state.late data-code="quiet" { span aria-hidden="true" { "▲" } " Not seen for a week" }
                }
            }
            None => span .state.missed data-code="never" { span aria-hidden="true" { "✕" } " Never" },
        }
    }
}

/// Devices that were ordered to be wiped, and whether they were; nothing while none was.
pub(super) fn to_be_wiped(scene: &Scene<'_>) -> Result<Markup, StoreError> {
    let seen: BTreeMap<_, _> = devices::seen(scene.reader, scene.team())?.into_iter().collect();
    let mut rows = Vec::new();
    for device in scene.directory.removed() {
        let order = scene.directory.wipe_order(&device);
        let (Some(order), Some(member)) = (order, scene.directory.owner_of(&device)) else {
            continue;
        };
        let word = wiped::get(scene.reader, scene.team(), device)?;
        let wiped = word.filter(|ack| scene.directory.is_genuine_wipe(ack)).map(|ack| ack.day);
        let called = seen.get(&device).copied();
        rows.push([
            html! { (scene.name(&member)) },
            wipe_state(wiped, order.day),
            last_sync(called, scene.now),
        ]);
    }
    let caption = "Removed devices that are to erase what they hold";
    Ok(html! {
        @if !rows.is_empty() {
            h2 { "Ordered to be wiped" }
            p { "A device is wiped when it next calls, and says so under its own key. One that was tampered with may never do it." }
            (table(caption, ["Whose", "Wiped", "Last call"], rows))
        }
    })
}

fn wipe_state(wiped: Option<Day>, ordered: Day) -> Markup {
    html! {
        @match wiped {
            Some(day) => span data-code="wiped" { "Wiped on " (when::day(day)) },
            None => span .state.late data-code="not_yet_seen" {
                span aria-hidden="true" { "▲" } " Not yet seen since " (when::day(ordered))
            },
        }
    }
}
