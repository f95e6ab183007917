//! What a record's documents say to a person: one value per field, and all values where people disagree.
//!
//! Not a form and not a permission: it shows what it is given. Invariant: it never fails, whatever newer
//! phones wrote; keys it does not know are left out, codes it does not know are shown as they are.
//! Called by the engine, the relay's projections and the console.

use std::collections::{BTreeMap, BTreeSet};

use super::values::{key_to_member, parse_value, shown};
use super::{
    DocType, Field, FieldKind, FieldView, Flat, MarkValue, Origin, RecordType, Scalar, Value,
    entries,
};

/// What the documents of one record say, field by field. Unknown keys from newer phones are left out.
///
/// A field nobody has written is shown with its default (an empty set, a counter of 0, else [`Field::default`]),
/// but only if its document is among `parts`: nothing is said about a document that cannot be opened.
/// Several documents of one type are shown as one.
pub fn view(
    record: &'static RecordType,
    parts: &[(&'static DocType, Flat)],
) -> BTreeMap<String, FieldView> {
    let mut fields = BTreeMap::new();
    for part in record.parts {
        let Some(flat) = merged(part, parts) else { continue };
        for field in part.fields.iter().filter(|field| field.origin != Origin::Link) {
            if let Some(seen) = field_view(field, &flat) {
                fields.insert(field.name.to_owned(), seen);
            }
        }
    }
    fields
}

/// All documents of one type as one; `None` if there is none.
pub(super) fn merged(part: &DocType, parts: &[(&'static DocType, Flat)]) -> Option<Flat> {
    let mut flats = parts.iter().filter(|(other, _)| other.number == part.number);
    let mut all = flats.next()?.1.clone();
    for (_, flat) in flats {
        for (key, values) in &flat.keys {
            all.keys.entry(key.clone()).or_default().extend(values.iter().cloned());
        }
    }
    Some(all)
}

/// A field as its merge rule shows it; `None` if nobody wrote it and it has no default.
pub(super) fn field_view(field: &Field, flat: &Flat) -> Option<FieldView> {
    let one = |value| FieldView { value, conflict: Vec::new() };
    match &field.kind {
        FieldKind::CodeSet(_) | FieldKind::IdSet | FieldKind::LabelSet(_) => {
            Some(one(Value::Set(members(field, flat))))
        }
        FieldKind::Marks(_, value) => Some(marks_view(field, *value, flat)),
        FieldKind::Counter { .. } => {
            let sum =
                counter_parts(field, flat).values().fold(0, |sum: u64, n| sum.saturating_add(*n));
            Some(one(Value::Int(i64::try_from(sum).unwrap_or(i64::MAX))))
        }
        FieldKind::Entries(_) => {
            all_of(entries::live(field.name, flat).into_values().flatten().map(Value::Text))
        }
        FieldKind::State(order) => {
            flat.keys.get(field.name).and_then(|values| folded(order, values)).map(one)
        }
        kind => {
            all_of(flat.keys.get(field.name).into_iter().flatten().filter_map(|s| shown(kind, s)))
        }
    }
    .or_else(|| default_of(field).map(one))
}

/// The first value shown, the others beside it if they differ.
fn all_of(values: impl Iterator<Item = Value>) -> Option<FieldView> {
    let mut distinct: Vec<Value> = Vec::new();
    for value in values {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    let value = distinct.first()?.clone();
    let conflict = if distinct.len() > 1 { distinct } else { Vec::new() };
    Some(FieldView { value, conflict })
}

/// Of concurrent states the one standing first in the order; states this software does not know come last.
fn folded(order: &[&str], values: &[Scalar]) -> Option<Value> {
    let rank = |state: &str| order.iter().position(|known| *known == state).unwrap_or(order.len());
    values
        .iter()
        .filter_map(|value| match value {
            Scalar::Str(state) => Some(state),
            _ => None,
        })
        .min_by_key(|state| (rank(state), state.as_str()))
        .map(|state| Value::Text(state.clone()))
}

/// The marks of a field by key, every value that was written at once.
pub(super) fn marks(field: &Field, value: MarkValue, flat: &Flat) -> BTreeMap<String, Vec<String>> {
    let prefix = format!("{}.", field.name);
    let mut all = BTreeMap::new();
    for (key, values) in &flat.keys {
        let Some(key) = key.strip_prefix(&prefix) else { continue };
        let mut told: Vec<String> = Vec::new();
        for scalar in values {
            if let Some(Value::Text(text)) = shown(&value.kind(), scalar)
                && !told.contains(&text)
            {
                told.push(text);
            }
        }
        if !told.is_empty() {
            all.insert(key.to_owned(), told);
        }
    }
    all
}

/// Each mark with the value shown; where people wrote different ones, a second set with the next value, and so on.
fn marks_view(field: &Field, value: MarkValue, flat: &Flat) -> FieldView {
    let marks = marks(field, value, flat);
    let most = marks.values().map(Vec::len).max().unwrap_or(1);
    let sets: Vec<Value> = (0..most)
        .map(|place| {
            let at = |(key, told): (&String, &Vec<String>)| {
                format!("{key}@{}", told[place.min(told.len() - 1)])
            };
            Value::Set(marks.iter().map(at).collect())
        })
        .collect();
    let shown = sets.first().cloned().unwrap_or(Value::Set(BTreeSet::new()));
    FieldView { value: shown, conflict: if sets.len() > 1 { sets } else { Vec::new() } }
}

/// The members of a set; of marks, each `key@value`.
pub(super) fn members(field: &Field, flat: &Flat) -> BTreeSet<String> {
    if let FieldKind::Marks(_, value) = field.kind {
        let all = marks(field, value, flat).into_iter();
        return all
            .flat_map(|(key, told)| told.into_iter().map(move |text| format!("{key}@{text}")))
            .collect();
    }
    let prefix = format!("{}.", field.name);
    flat.keys
        .iter()
        .filter(|(_, values)| values.contains(&Scalar::Bool(true)))
        .filter_map(|(key, _)| key.strip_prefix(&prefix))
        .map(|part| key_to_member(&field.kind, part))
        .collect()
}

/// The parts of a counter by actor (hex). Of concurrent values of one part the highest counts.
pub(super) fn counter_parts(field: &Field, flat: &Flat) -> BTreeMap<String, u64> {
    let prefix = format!("{}.", field.name);
    let count = |values: &[Scalar]| {
        let counts = values.iter().filter_map(|value| match value {
            Scalar::Uint(count) => Some(*count),
            _ => None,
        });
        counts.max()
    };
    flat.keys
        .iter()
        .filter_map(|(key, values)| Some((key.strip_prefix(&prefix)?.to_owned(), count(values)?)))
        .collect()
}

fn default_of(field: &Field) -> Option<Value> {
    parse_value(field, field.default?).ok()
}
