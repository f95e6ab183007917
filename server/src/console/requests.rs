//! Requests for support that nobody has answered: how many, since when, how urgent. Never whose, never a word.
//!
//! All of it follows from headers: who else than its author wrote in a request has at least opened it. A request that
//! its author closed before anybody saw it looks like one that waits, until it is erased or its time here is over.

use maud::{Markup, html};
use sync_core::protocol::Day;

use crate::store::StoreError;
use crate::store::requests::{self, RequestRow};

use super::now::Part;
use super::scene::{MOST, Scene};
use super::table::table;
use super::{layout, when};

/// Days for which a request that nobody opened is shown.
const SHOWN_DAYS: u32 = 30;

pub(super) fn part(scene: &Scene<'_>) -> Result<Part, StoreError> {
    let since = Day(scene.now.day().0.saturating_sub(SHOWN_DAYS));
    let all = requests::since(scene.reader, scene.team(), since)?;
    let mut waiting: Vec<RequestRow> =
        all.into_iter().filter(|request| waits(scene, request)).collect();
    waiting.sort_by_key(|request| (!request.urgent, request.day));
    let urgent = waiting.iter().filter(|request| request.urgent).count();
    let body = html! {
        @if waiting.is_empty() {
            (layout::empty("No request waits for somebody to open it.", "A request appears here, without a name or a word, as soon as its phone has synced, until a peer has opened it."))
        } @else {
            (table("Requests that nobody has opened yet", ["Priority", "Came"], waiting.iter().take(MOST).map(|request| {
                [priority(request.urgent), day(request.day, scene.now.day())]
            })))
        }
    };
    let told = match (urgent, waiting.len()) {
        (0, 0) => "none waiting".to_owned(),
        (0, count) => format!("{count} waiting"),
        (urgent, count) => format!("{count} waiting, {urgent} urgent"),
    };
    Ok(Part {
        id: "requests",
        title: "Requests for support",
        told,
        calls: !waiting.is_empty(),
        body,
    })
}

/// Whether nobody but the asking member wrote in it.
fn waits(scene: &Scene<'_>, request: &RequestRow) -> bool {
    let mut writers = request.devices.iter().map(|device| scene.directory.owner_of(device));
    writers.all(|member| member == Some(request.asked_by))
}

fn priority(urgent: bool) -> Markup {
    let (class, code, shape, told) = match urgent {
        true => ("missed", "urgent", "▲", "Urgent"),
        false => ("early", "not_urgent", "○", "Not urgent"),
    };
    html! { span .state .(class) data-code=(code) { span aria-hidden="true" { (shape) } " " (told) } }
}

fn day(day: Day, today: Day) -> Markup {
    let ago = match today.0.saturating_sub(day.0) {
        0 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        days => format!("{days} days ago"),
    };
    html! { time datetime=(day) { (ago) " " span .exact { (when::day(day)) } } }
}
