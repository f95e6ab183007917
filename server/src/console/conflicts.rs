//! Fields for which people wrote different values at once: every value, and how to settle it.

use maud::{Markup, html};
use serde_json::Value;

use crate::store::StoreError;
use crate::store::records::{self, RecordRow};

use super::now::Part;
use super::scene::{MOST, Scene, short};
use super::{layout, value, words};

pub(super) fn part(scene: &Scene<'_>) -> Result<Part, StoreError> {
    let rows = records::in_conflict(scene.reader, scene.team(), MOST)?;
    let body = html! {
        @if rows.is_empty() {
            (layout::empty("There are none.", "When two people write different values at the same time, both are kept and shown here."))
        } @else {
            p { "Nothing was lost: every value is kept. Ask whoever knows which one is right." }
            @for row in &rows { (card(scene, row)) }
        }
    };
    let told = match rows.len() {
        0 => "none".to_owned(),
        many => words::count(many, "record", "records"),
    };
    Ok(Part { id: "conflicts", title: "Different values", told, calls: !rows.is_empty(), body })
}

fn card(scene: &Scene<'_>, row: &RecordRow) -> Markup {
    let name =
        html! { span data-code=(row.record) { (words::label(&row.record)) } " " (short(row.doc)) };
    html! {
        article {
            h3 {
                @if row.record == "incident" {
                    a href={ "/console/incident/" (row.doc) } { (name) }
                } @else { (name) }
            }
            @if row.fields.contains_key("kind") { p { (value::shown(scene, row, "kind")) } }
            @if row.fields.contains_key("incident_id") { p { "For " (value::shown(scene, row, "incident_id")) } }
            (fields(scene, row))
        }
    }
}

/// The fields of one record that hold several values.
pub(super) fn fields(scene: &Scene<'_>, row: &RecordRow) -> Markup {
    html! {
        @for (field, values) in &row.conflicts {
            div .conflict {
                p {
                    span .state.soon { span aria-hidden="true" { "≠" } " Different values for " }
                    strong data-code=(field) { (words::label(field)) }
                }
                ul .values {
                    @for value in values.as_array().map_or(&[][..], Vec::as_slice) {
                        li { (value::of(scene, &row.record, field, value)) }
                    }
                }
                p {
                    "To settle it, choose the right value on a phone: "
                    code { "resolve " (short(row.doc)) " " (field) "=" (example(values)) }
                }
            }
        }
    }
}

/// One of the values as it is typed on a phone.
fn example(values: &Value) -> String {
    match values.get(0) {
        Some(Value::String(text)) if text.len() <= 40 && !text.contains(char::is_whitespace) => {
            text.clone()
        }
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => "VALUE".to_owned(),
    }
}
