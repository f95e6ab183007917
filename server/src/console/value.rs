//! A field's value on a page: coded values in words with their code beside them, ids as names, times with their zone.
//!
//! Where people wrote different values at once, all of them are shown and marked; the page never picks one.

use maud::{Markup, html};
use serde_json::Value;
use sync_core::protocol::{Day, Timestamp};
use sync_core::records::{Field, FieldKind, MarkKey, MarkValue, RecordType};

use crate::store::records::RecordRow;

use super::scene::Scene;
use super::{when, words};

/// The field of a record's open part.
fn field(record: &str, name: &str) -> Option<&'static Field> {
    RecordType::by_name(record)?.parts.first()?.field(name)
}

/// A code in words, with the code itself for whoever looks it up.
pub(super) fn coded(code: &str) -> Markup {
    html! { span data-code=(code) { (words::label(code)) } }
}

/// A field of a record as it stands: its value, or all of them if people disagree.
pub(super) fn shown(scene: &Scene<'_>, row: &RecordRow, name: &str) -> Markup {
    match (row.conflicts.get(name).and_then(Value::as_array), row.fields.get(name)) {
        (Some(values), _) => html! {
            @for (place, value) in values.iter().enumerate() {
                @if place > 0 { " or " }
                (of(scene, &row.record, name, value))
            }
            " " span .state.soon data-code="conflict" { span aria-hidden="true" { "≠" } " different values" }
        },
        (None, Some(value)) => of(scene, &row.record, name, value),
        (None, None) => html! { span .none { "not given" } },
    }
}

/// Whether there is nothing to show: not written, or an empty set.
pub(super) fn is_empty(row: &RecordRow, name: &str) -> bool {
    match row.fields.get(name) {
        None => true,
        Some(value) => value.as_array().is_some_and(Vec::is_empty),
    }
}

/// One value of a field.
pub(super) fn of(scene: &Scene<'_>, record: &str, name: &str, value: &Value) -> Markup {
    let kind = field(record, name).map(|field| field.kind);
    match value {
        Value::Array(values) if values.is_empty() => html! { span .none { "none" } },
        Value::Array(values) => html! {
            @for (place, value) in values.iter().enumerate() {
                @if place > 0 { ", " }
                (one(scene, kind, name, value))
            }
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
            Ok(time) => when::moment(time, scene.now),
            Err(_) => html! { (text) },
        },
        (Some(FieldKind::Day), Value::String(text)) => match Day::parse(text) {
            Ok(day) => html! { time datetime=(text) { (when::day(day)) } },
            Err(_) => html! { (text) },
        },
        (Some(FieldKind::Marks(key, value)), Value::String(mark)) => {
            marked(scene, key, value, mark)
        }
        (Some(FieldKind::Id), Value::String(id)) if name == "incident_id" => {
            html! { a href={ "/console/incident/" (id) } { "incident " (id.get(..8).unwrap_or(id)) } }
        }
        (Some(FieldKind::Id | FieldKind::IdSet), Value::String(id)) => {
            html! { (scene.name_of(id)) }
        }
        (Some(FieldKind::Int { max, .. }), Value::Number(number)) => match name {
            "severity" | "priority" => html! { (number) " of " (max) },
            "tz_offset_min" => html! { (offset(number.as_i64().unwrap_or_default())) },
            _ => html! { (number) },
        },
        (_, Value::Bool(yes)) => html! { (if *yes { "yes" } else { "no" }) },
        (_, Value::String(text)) => html! { (text) },
        (_, other) => html! { (other.to_string()) },
    }
}

/// A mark: what it stands beside, then what it says.
fn marked(scene: &Scene<'_>, key: MarkKey, value: MarkValue, mark: &str) -> Markup {
    let (beside, says) = mark.split_once('@').unwrap_or((mark, ""));
    html! {
        @match key {
            MarkKey::Codes(_) => (coded(beside)),
            MarkKey::Member => (scene.name_of(beside)),
        }
        " ("
        @match value {
            MarkValue::Time => (Timestamp::parse(says).map_or_else(|_| html! { (says) }, |at| when::moment(at, scene.now))),
            MarkValue::Day => (says),
            MarkValue::Code(_) => (coded(says)),
        }
        ")"
    }
}

/// Minutes ahead of UTC as people write a zone.
fn offset(minutes: i64) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs();
    format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::offset;

    #[test]
    fn a_zone_reads_as_hours_and_minutes() {
        assert_eq!(offset(-300), "UTC-05:00");
        assert_eq!(offset(345), "UTC+05:45");
        assert_eq!(offset(0), "UTC+00:00");
    }
}
