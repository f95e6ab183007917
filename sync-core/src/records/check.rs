//! The schema check: whether a hydrated document holds only what its kind allows.
//!
//! Not a check of one change: it sees the merged document. Invariant: it judges each key by itself, so two
//! changes that pass alone also pass merged, in either order (a counter's sum may therefore exceed its
//! maximum). Called by the gates of relay and phones through [`DocType::check`].

use crate::protocol::Code;
use crate::protocol::limits::{MAX_KEY, MAX_OPEN_TEXT, MAX_SEALED_TEXT};

use super::values::{fits, is_id, key_to_member, mark_key_fits, member_fits, member_to_key};
use super::{DocType, Field, FieldKind, Flat, Scalar, chain, entries};

/// See [`DocType::check`].
pub(super) fn check(doc_type: &DocType, flat: &Flat, schema: u16) -> Result<(), Code> {
    let newer = schema > doc_type.schema;
    let keys_fit = flat.keys.iter().all(|(key, values)| {
        shape_fits(doc_type, key, values) && (newer || values_fit(doc_type, key, values))
    });
    let texts_fit = flat
        .texts
        .keys()
        .all(|key| if newer { key_fits(key) } else { doc_type.texts.contains(&key.as_str()) });
    if keys_fit && texts_fit { Ok(()) } else { Err(Code::SchemaViolation) }
}

/// What holds in every schema version: the alphabet and length of keys, the size of scalars.
fn shape_fits(doc_type: &DocType, key: &str, values: &[Scalar]) -> bool {
    let longest = if doc_type.is_sealed() { MAX_SEALED_TEXT } else { MAX_OPEN_TEXT };
    key_fits(key)
        && values.iter().all(|value| match value {
            Scalar::Str(text) => text.len() <= longest,
            Scalar::F64(number) => number.is_finite(),
            Scalar::Bool(_) | Scalar::Uint(_) | Scalar::Int(_) => true,
        })
}

fn key_fits(key: &str) -> bool {
    let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.');
    (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(plain)
}

fn values_fit(doc_type: &DocType, key: &str, values: &[Scalar]) -> bool {
    let (name, rest) = match key.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (key, None),
    };
    match key {
        // A successor of any kind names the document before it and its record.
        chain::AFTER => return values.iter().all(chain::fits),
        chain::OF => return values.iter().all(|value| fits(&FieldKind::Id, value)),
        _ => {}
    }
    doc_type
        .field(name)
        .is_some_and(|field| values.iter().all(|value| value_fits(field, rest, value)))
}

fn value_fits(field: &Field, rest: Option<&str>, value: &Scalar) -> bool {
    let Some(rest) = rest else {
        return fits(&field.kind, value);
    };
    match (&field.kind, value) {
        (
            FieldKind::CodeSet(_) | FieldKind::IdSet | FieldKind::LabelSet(_),
            Scalar::Bool(true) | Scalar::Uint(0),
        ) => {
            let member = key_to_member(&field.kind, rest);
            member_fits(&field.kind, &member) && member_to_key(&field.kind, &member) == rest
        }
        (FieldKind::Marks(key, mark), value) => {
            mark_key_fits(key, rest) && (*value == Scalar::Uint(0) || fits(&mark.kind(), value))
        }
        (FieldKind::Counter { max }, Scalar::Uint(part)) => {
            is_id(rest) && i64::try_from(*part).is_ok_and(|part| part <= *max)
        }
        (FieldKind::Entries(max), value) => entries::fits(rest, value, *max),
        _ => false,
    }
}
