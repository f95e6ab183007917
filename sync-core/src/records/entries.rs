//! Sealed text as append-only entries: which of them are live, and what a new one stands for.
//!
//! An entry is `<field>.<32 hex>.body` and, where it replaces others, `<field>.<32 hex>.supersedes`, their
//! ids separated by a space. An entry is live while none supersedes it; no entry is ever changed.
//! Invariant: where there are entries, at least one is live, so that no change can hide every word.
//! Called by `view`, `plan` and `check`.

use std::collections::{BTreeMap, BTreeSet};

use super::values::is_id;
use super::{FieldOp, Flat, Scalar};

/// Most entries one entry may stand for.
const MAX_SUPERSEDED: usize = 64;

/// The live entries of a field: bodies by id. An entry written twice at once has several bodies.
pub(super) fn live(field: &str, flat: &Flat) -> BTreeMap<String, Vec<String>> {
    let mut bodies: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut marks: Vec<(&str, &str)> = Vec::new();
    let prefix = format!("{field}.");
    for (key, values) in &flat.keys {
        let Some((id, part)) = key.strip_prefix(&prefix).and_then(|rest| rest.split_once('.'))
        else {
            continue;
        };
        let texts = values.iter().filter_map(|value| match value {
            Scalar::Str(text) => Some(text),
            _ => None,
        });
        match part {
            "body" => bodies.entry(id.to_owned()).or_default().extend(texts.cloned()),
            "supersedes" => marks.extend(texts.map(|text| (id, text.as_str()))),
            _ => {}
        }
    }
    bodies.retain(|_, texts| !texts.is_empty());
    let superseded: BTreeSet<&str> = marks
        .into_iter()
        .filter(|(id, _)| bodies.contains_key(*id))
        .flat_map(|(id, ids)| ids.split(' ').filter(move |other| *other != id))
        .collect();
    let live: BTreeMap<String, Vec<String>> = bodies
        .iter()
        .filter(|(id, _)| !superseded.contains(id.as_str()))
        .map(|(id, texts)| (id.clone(), texts.clone()))
        .collect();
    if live.is_empty() { bodies } else { live }
}

/// Writes a new entry that stands for all live ones.
pub(super) fn write(field: &str, flat: &Flat, entry_id: [u8; 16], text: &str) -> Vec<FieldOp> {
    let id: String = entry_id.iter().map(|byte| format!("{byte:02x}")).collect();
    let old: Vec<String> = live(field, flat).into_keys().take(MAX_SUPERSEDED).collect();
    let body = FieldOp::Put(format!("{field}.{id}.body"), Scalar::Str(text.to_owned()));
    let mark = FieldOp::Put(format!("{field}.{id}.supersedes"), Scalar::Str(old.join(" ")));
    if old.is_empty() { vec![body] } else { vec![body, mark] }
}

/// Whether a key's rest (after `<field>.`) and value are those of an entry of at most `max` characters.
pub(super) fn fits(rest: &str, value: &Scalar, max: usize) -> bool {
    let (Some((id, part)), Scalar::Str(text)) = (rest.split_once('.'), value) else {
        return false;
    };
    let part_fits = match part {
        "body" => text.chars().count() <= max,
        "supersedes" => {
            text.split(' ').all(|other| is_id(other) && other != id)
                && text.split(' ').count() <= MAX_SUPERSEDED
        }
        _ => false,
    };
    is_id(id) && part_fits
}
