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
            @for what in ["type", "kind"] {
                @if !value::is_empty(row, what) { p { (value::shown(scene, row, what)) } }
            }
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
                p { "Type the line of the right one on a phone:" }
                ul .values {
                    @for value in values.as_array().map_or(&[][..], Vec::as_slice) {
                        li {
                            strong { (value::of(scene, &row.record, field, value)) } " "
                            code { "resolve " (short(row.doc)) " " (field) "=" (typed(value)) }
                        }
                    }
                }
            }
        }
    }
}

/// A value as it is typed on a phone.
fn typed(value: &Value) -> String {
    match value {
        Value::String(text)
            if text.contains(|c: char| !c.is_ascii_alphanumeric() && !"-_.:".contains(c)) =>
        {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::typed;
    use serde_json::json;

    #[test]
    fn what_is_typed_on_a_phone_is_one_word_for_its_shell() {
        assert_eq!(typed(&json!(5)), "5");
        assert_eq!(typed(&json!("2026-03-01T18:05:00Z")), "2026-03-01T18:05:00Z");
        assert_eq!(typed(&json!("north bank")), "'north bank'");
        assert_eq!(typed(&json!("it's; ls")), "'it'\\''s; ls'");
    }
}
