//! From a filled-in form to what is written: validates, coarsens, splits over the record's documents.
//!
//! Plans only; the engine executes. Invariant: a field lands in the one document its record names, an exact
//! value that is only to be shown coarsely never reaches the open one, and nothing is planned if anything
//! typed is wrong. Called by the engine for `record` and `edit`.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::ActorId;

use super::values::{allowed, member_fits, member_to_key, normalize, to_scalar};
use super::view::{counter_parts, field_view, marks, members, merged, view};
use super::{
    DocType, Field, FieldKind, FieldOp, Flat, InputError, MarkValue, PartPlan, RecordType, Scalar,
    Value, entries,
};

/// Typed values by field name.
type Form = BTreeMap<String, Value>;

/// Plans a new record: validates the fields, coarsens, splits them over the record's parts. Parts with nothing to write are left out (the first one never is).
/// `actor` and `entry_id` (16 random bytes, one per text field in turn) name counter parts and text entries.
///
/// # Errors
/// `unknown_field`, `bad_value`, `missing_field`.
pub fn plan_new(
    record: &'static RecordType,
    fields: &BTreeMap<String, Value>,
    actor: &mut dyn FnMut(&DocType) -> ActorId,
    entry_id: &mut dyn FnMut() -> [u8; 16],
) -> Result<Vec<PartPlan>, InputError> {
    let mut form = validated(record, &[], fields)?;
    if let Some(missing) = record.required.iter().find(|name| !form.contains_key(**name)) {
        return Err(InputError::missing(missing));
    }
    let derived = (record.derive)(&form);
    form.extend(derived.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let mut plans = split(record, &[], &form, actor, entry_id)?;
    if plans.first().map(|plan| plan.part.number) != Some(record.parts[0].number) {
        plans.insert(0, PartPlan { part: record.parts[0], ops: Vec::new() });
    }
    Ok(plans)
}

/// Checks what was typed for a new record, without planning it.
///
/// # Errors
/// As [`plan_new`].
pub fn check_new(
    record: &'static RecordType,
    fields: &BTreeMap<String, Value>,
) -> Result<(), InputError> {
    let form = validated(record, &[], fields)?;
    match record.required.iter().find(|name| !form.contains_key(**name)) {
        Some(missing) => Err(InputError::missing(missing)),
        None => Ok(()),
    }
}

/// Plans an edit against what the documents hold now: a set replaces the set, text supersedes the entries shown,
/// a value given again resolves a conflict, derived values follow. Parts without a document yet have no entry in `current`.
/// What is shown already and not in conflict is left out, so the plan of an edit that changes nothing is empty.
///
/// # Errors
/// `unknown_field`, `bad_value`, `missing_field` (a required set emptied).
pub fn plan_edit(
    record: &'static RecordType,
    current: &[(&'static DocType, Flat)],
    fields: &BTreeMap<String, Value>,
    actor: &mut dyn FnMut(&DocType) -> ActorId,
    entry_id: &mut dyn FnMut() -> [u8; 16],
) -> Result<Vec<PartPlan>, InputError> {
    let mut form = validated(record, current, fields)?;
    form.extend(following(record, current, &form));
    split(record, current, &form, actor, entry_id)
}

/// The typed fields in the form `view` shows, or what is wrong with the first wrong one.
fn validated(
    record: &'static RecordType,
    current: &[(&'static DocType, Flat)],
    fields: &Form,
) -> Result<Form, InputError> {
    let mut form = Form::new();
    for (name, typed) in fields {
        let Some(field) = record.typed_field(name) else {
            let names: Vec<&str> = record.typed().map(|field| field.name).collect();
            return Err(InputError::unknown_field(name, &names));
        };
        let value = with_foreign_codes(record, current, field, typed)?;
        if record.required.contains(&field.name) && value == Value::Set(Default::default()) {
            return Err(InputError::missing(field.name));
        }
        form.insert(name.clone(), value);
    }
    Ok(form)
}

/// Checks a value; in a set, members that a newer phone wrote may be given back and are kept when left out,
/// since this software cannot offer them.
fn with_foreign_codes(
    record: &'static RecordType,
    current: &[(&'static DocType, Flat)],
    field: &Field,
    typed: &Value,
) -> Result<Value, InputError> {
    let Value::Set(typed_set) = typed else {
        return normalize(field, typed);
    };
    let part = record.parts.iter().find(|part| part.field(field.name).is_some());
    let mut foreign = part
        .and_then(|part| merged(part, current))
        .map(|flat| members(field, &flat))
        .unwrap_or_default();
    foreign.retain(|member| !member_fits(&field.kind, member));
    let known = typed_set.difference(&foreign).cloned().collect();
    match normalize(field, &Value::Set(known))? {
        Value::Set(set) => Ok(Value::Set(set.into_iter().chain(foreign).collect())),
        other => Ok(other),
    }
}

/// Derived values that an edit changes: those that would not follow from the record without what was typed.
fn following(
    record: &'static RecordType,
    current: &[(&'static DocType, Flat)],
    typed: &Form,
) -> Form {
    let seen = view(record, current).into_iter().map(|(name, seen)| (name, seen.value));
    let untouched: Form = seen.filter(|(name, _)| !typed.contains_key(name)).collect();
    let before = (record.derive)(&untouched);
    let mut after = untouched;
    after.extend(typed.clone());
    (record.derive)(&after)
        .into_iter()
        .filter(|pair| !before.contains(pair))
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Splits a validated form over the record's parts; parts with nothing to write are left out.
fn split(
    record: &'static RecordType,
    current: &[(&'static DocType, Flat)],
    form: &Form,
    actor: &mut dyn FnMut(&DocType) -> ActorId,
    entry_id: &mut dyn FnMut() -> [u8; 16],
) -> Result<Vec<PartPlan>, InputError> {
    let mut plans = Vec::new();
    for part in record.parts.iter().copied() {
        let flat = merged(part, current).unwrap_or_default();
        let mut ops = Vec::new();
        for field in part.fields {
            if let Some(value) = form.get(field.name) {
                ops.extend(write(field, &flat, value, &mut || actor(part), entry_id)?);
            }
        }
        if !ops.is_empty() {
            plans.push(PartPlan { part, ops });
        }
    }
    Ok(plans)
}

/// What to write so that the field shows this value.
fn write(
    field: &Field,
    flat: &Flat,
    value: &Value,
    actor: &mut dyn FnMut() -> ActorId,
    entry_id: &mut dyn FnMut() -> [u8; 16],
) -> Result<Vec<FieldOp>, InputError> {
    match (&field.kind, value) {
        (FieldKind::Marks(_, mark), Value::Set(set)) => write_marks(field, *mark, flat, set),
        (_, Value::Set(set)) => Ok(write_set(field, flat, set)),
        (FieldKind::Counter { .. }, Value::Int(sum)) => {
            write_counter(field, flat, *sum, &mut || actor().to_string())
        }
        (FieldKind::Entries(_), Value::Text(text)) => {
            let live = entries::live(field.name, flat);
            if (live.is_empty() && text.is_empty()) || is_settled(field, flat, value) {
                return Ok(Vec::new());
            }
            Ok(entries::write(field.name, flat, entry_id(), text))
        }
        _ if is_settled(field, flat, value) => Ok(Vec::new()),
        (kind, value) => {
            let put = |scalar| FieldOp::Put(field.name.to_owned(), scalar);
            Ok(to_scalar(kind, value).map(put).into_iter().collect())
        }
    }
}

/// Whether somebody wrote the field, it shows this value and nothing else.
fn is_settled(field: &Field, flat: &Flat, value: &Value) -> bool {
    let is_written = match field.kind {
        FieldKind::Entries(_) => true,
        _ => flat.keys.contains_key(field.name),
    };
    is_written
        && field_view(field, flat)
            .is_some_and(|seen| seen.value == *value && seen.conflict.is_empty())
}

fn write_set(field: &Field, flat: &Flat, set: &BTreeSet<String>) -> Vec<FieldOp> {
    let now = members(field, flat);
    let key = |member: &String| format!("{}.{}", field.name, member_to_key(&field.kind, member));
    let adds = set.difference(&now).map(|member| FieldOp::Put(key(member), Scalar::Bool(true)));
    let removes = now.difference(set).map(|member| FieldOp::Delete(key(member)));
    adds.chain(removes).collect()
}

/// Writes each mark that does not stand alone at its key already, and removes those left out. All values of a key that
/// people wrote at once may be given back, which leaves them as they are.
fn write_marks(
    field: &Field,
    value: MarkValue,
    flat: &Flat,
    set: &BTreeSet<String>,
) -> Result<Vec<FieldOp>, InputError> {
    let now = marks(field, value, flat);
    let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (key, text) in set.iter().filter_map(|mark| mark.split_once('@')) {
        wanted.entry(key).or_default().insert(text);
    }
    let mut ops = Vec::new();
    for (key, texts) in &wanted {
        let stands: BTreeSet<&str> =
            now.get(*key).into_iter().flatten().map(String::as_str).collect();
        if stands == *texts {
            continue;
        }
        let scalar = match texts.iter().collect::<Vec<_>>()[..] {
            [text] => to_scalar(&value.kind(), &Value::Text((*text).to_owned())),
            _ => None,
        };
        let wrong = || InputError::bad_value(field.name, format!("takes {}", allowed(&field.kind)));
        ops.push(FieldOp::Put(format!("{}.{key}", field.name), scalar.ok_or_else(wrong)?));
    }
    let gone = now.keys().filter(|key| !wanted.contains_key(key.as_str()));
    ops.extend(gone.map(|key| FieldOp::Delete(format!("{}.{key}", field.name))));
    Ok(ops)
}

/// Raises this actor's part by what is missing to the sum.
fn write_counter(
    field: &Field,
    flat: &Flat,
    sum: i64,
    actor: &mut dyn FnMut() -> String,
) -> Result<Vec<FieldOp>, InputError> {
    let parts = counter_parts(field, flat);
    let counted = parts.values().fold(0, |sum: u64, part| sum.saturating_add(*part));
    let wanted = u64::try_from(sum).unwrap_or(0);
    let missing = wanted.checked_sub(counted).ok_or_else(|| {
        InputError::bad_value(field.name, "is a count and never goes below what is counted already")
    })?;
    if missing == 0 {
        return Ok(Vec::new());
    }
    let actor = actor();
    let own = parts.get(&actor).copied().unwrap_or(0) + missing;
    Ok(vec![FieldOp::Put(format!("{}.{actor}", field.name), Scalar::Uint(own))])
}
