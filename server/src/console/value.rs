//! A field's value on a page: coded values in words with their code beside them, ids as names, times with their zone.

use maud::{Markup, html};
use serde_json::Value;
use sync_core::protocol::Timestamp;
use sync_core::records::{Field, FieldKind, RecordType};

use crate::store::records::RecordRow;

use super::scene::Scene;
use super::words;

/// The field of a record's open part.
pub(super) fn field(record: &str, name: &str) -> Option<&'static Field> {
    RecordType::by_name(record)?.parts.first()?.field(name)
}

/// A code in words, with the code itself for whoever looks it up.
pub(super) fn coded(code: &str) -> Markup {
    html! { span data-code=(code) { (words::label(code)) } }
}

/// A field of a record as it stands.
pub(super) fn shown(scene: &Scene<'_>, row: &RecordRow, name: &str) -> Markup {
    match row.fields.get(name) {
        Some(value) => of(scene, &row.record, name, value),
        None => html! { span .none { "not given" } },
    }
}

/// One value of a field.
pub(super) fn of(scene: &Scene<'_>, record: &str, name: &str, value: &Value) -> Markup {
    let kind = field(record, name).map(|field| field.kind);
    match (kind, value) {
        (_, Value::Array(values)) => html! {
            ul .set { @for value in values { li { (one(scene, kind, name, value)) } } }
            @if values.is_empty() { span .none { "none" } }
        },
        _ => one(scene, kind, name, value),
    }
}

fn one(scene: &Scene<'_>, kind: Option<FieldKind>, name: &str, value: &Value) -> Markup {
    match (kind, value) {
        (
            Some(FieldKind::Code(_) | FieldKind::CodeSet(_) | FieldKind::State(_)),
            Value::String(code),
        ) => coded(code),
        (Some(FieldKind::Time), Value::String(text)) => match Timestamp::parse(text) {
            Ok(time) => html! { time datetime=(text) { (words::time(time)) } },
            Err(_) => html! { (text) },
        },
        (Some(FieldKind::Id), Value::String(id)) if name == "incident_id" => {
            html! { a href={ "/console/incident/" (id) } { "incident " (id.get(..8).unwrap_or(id)) } }
        }
        (Some(FieldKind::Id | FieldKind::IdSet), Value::String(id)) => {
            html! { (scene.name_of(id)) }
        }
        (_, Value::Bool(yes)) => html! { (if *yes { "yes" } else { "no" }) },
        (_, Value::String(text)) => html! { (text) },
        (_, other) => html! { (other.to_string()) },
    }
}
