//! What failed a check, counted by reason. The things themselves are never shown.

use maud::html;
use sync_core::protocol::Code;

use crate::store::{StoreError, quarantine};

use super::now::Part;
use super::scene::Scene;
use super::table::table;
use super::{layout, words};

pub(super) fn part(scene: &Scene<'_>) -> Result<Part, StoreError> {
    let counts = quarantine::counts(scene.reader, scene.team())?;
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let items = words::count(usize::try_from(total).unwrap_or(usize::MAX), "item", "items");
    let body = html! {
        @if counts.is_empty() {
            (layout::empty("Nothing was set aside.", "What fails a check is kept here apart, never applied and never lost."))
        } @else {
            p { (items) " failed a check. Each is kept apart and applied nowhere; the records are whole." }
            p { "If you did not expect this, tell the relay's operator." }
            (table("What was set aside, by reason", ["Reason", "Items"], counts.iter().map(|(code, count)| {
                [html! { span data-code=(code) { (reason(code)) } }, html! { (count) }]
            })))
        }
    };
    let told = if counts.is_empty() { "nothing".to_owned() } else { items };
    Ok(Part { id: "set-aside", title: "Set aside", told, calls: total > 0, body })
}

fn reason(code: &str) -> String {
    match Code::from_name(code) {
        Some(code) => code.advice().to_owned(),
        None => words::label(code),
    }
}
