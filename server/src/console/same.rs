//! One session logged twice, on a page: shown once where somebody confirmed it, told where two records look alike.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::Value as Json;
use sync_core::ids::DocId;
use sync_core::records::{FieldView, RecordType, as_one, same_offers, sessions};

use crate::store::records::RecordRow;

use super::clock::said;
use super::scene::{Scene, short};
use super::value;

type Said = BTreeMap<String, FieldView>;

/// The same interventions, those of one session as what they say together, in the place of the first of them.
pub(super) fn as_sessions(rows: Vec<RecordRow>) -> Vec<RecordRow> {
    let tied = rows.iter().any(|row| !value::is_empty(row, "same_as"));
    let Some(part) = RecordType::by_name("intervention").map(|record| record.parts[0]) else {
        return rows;
    };
    if !tied {
        return rows;
    }
    let all: Vec<(DocId, Said)> = rows.iter().map(|row| (row.doc, said(row))).collect();
    let first = sessions(&all);
    let mut shown = Vec::new();
    for row in rows {
        if first[&row.doc] != row.doc {
            continue;
        }
        let group: Vec<&Said> =
            all.iter().filter(|(id, _)| first[id] == row.doc).map(|(_, said)| said).collect();
        shown.push(if group.len() > 1 { together(row, &as_one(part, &group)) } else { row });
    }
    shown
}

fn together(mut row: RecordRow, said: &Said) -> RecordRow {
    row.fields = said.iter().map(|(name, view)| (name.clone(), json(&view.value))).collect();
    let disputed = said.iter().filter(|(_, view)| !view.conflict.is_empty());
    row.conflicts = disputed.map(|(name, view)| (name.clone(), json(&view.conflict))).collect();
    row
}

/// Values serialise to plain JSON; a number JSON cannot carry becomes null.
fn json<T: serde::Serialize>(value: &T) -> Json {
    serde_json::to_value(value).unwrap_or(Json::Null)
}

/// Pairs of an incident's interventions that look alike. A person says on a phone whether they are one.
pub(super) fn offers(scene: &Scene<'_>, rows: &[RecordRow]) -> Markup {
    let all: Vec<(DocId, Said)> = rows.iter().map(|row| (row.doc, said(row))).collect();
    let offers = same_offers(&all);
    let kind = |id: DocId| rows.iter().find(|row| row.doc == id);
    html! {
        @for (a, b) in offers {
            p .note data-code="same_session" {
                "Same session? " (short(a)) " and " (short(b))
                @if let Some(row) = kind(a) { " (" (value::shown(scene, row, "kind")) ")" }
                " look like one session logged twice. Say so on a phone: both records stay either way."
            }
        }
    }
}
