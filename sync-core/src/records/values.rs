//! Values between the form and the document: typed to stored, stored to shown, and which of them fit a field.
//!
//! Not the merge rules (`view`) and not the keys of a whole document (`check`). Invariant: what
//! [`normalize`] lets through fits, and what fits is shown as it was normalised. Called by `plan`, `view`
//! and `check`, and by apps and command lines that read text.

use std::collections::BTreeSet;

use crate::protocol::{Day, Timestamp};

use super::{Field, FieldKind, InputError, MarkKey, Scalar, Value, bands};

/// Most members a person gives a set at once.
const MAX_SET: usize = 64;
/// 0001-01-01T00:00:00Z and the last millisecond of 9999: what RFC 3339 can write.
const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;
/// 1970-01-01 to 9999-12-31.
const DAYS: std::ops::RangeInclusive<i64> = 0..=2_932_896;

/// Checks a typed value and brings it to the form in which [`view`](super::view()) shows it.
///
/// # Errors
/// `bad_value`, naming what the field takes.
pub fn normalize(field: &Field, value: &Value) -> Result<Value, InputError> {
    normalized(field, value)
        .ok_or_else(|| InputError::bad_value(field.name, format!("takes {}", allowed(&field.kind))))
}

/// Reads a value as typed on a command line: sets separated by commas, times in RFC 3339, text as it is.
///
/// # Errors
/// `bad_value`, naming what the field takes.
pub fn parse_value(field: &Field, text: &str) -> Result<Value, InputError> {
    let plain = text.trim();
    let value = match field.kind {
        FieldKind::Entries(_) => Value::Text(text.to_owned()),
        FieldKind::CodeSet(_)
        | FieldKind::IdSet
        | FieldKind::LabelSet(_)
        | FieldKind::Marks(..) => {
            let members = plain.split(',').map(str::trim).filter(|member| !member.is_empty());
            Value::Set(members.map(str::to_owned).collect())
        }
        FieldKind::Int { .. } | FieldKind::Counter { .. } => {
            plain.parse().map_or(Value::Text(String::new()), Value::Int)
        }
        FieldKind::Step { .. } => plain.parse().map_or(Value::Text(String::new()), Value::Number),
        FieldKind::Bool => plain.parse().map_or(Value::Text(String::new()), Value::Bool),
        _ => Value::Text(plain.to_owned()),
    };
    normalize(field, &value)
}

fn normalized(field: &Field, value: &Value) -> Option<Value> {
    match (&field.kind, value) {
        (FieldKind::CodeSet(_) | FieldKind::IdSet | FieldKind::LabelSet(_), Value::Set(set)) => {
            let set: BTreeSet<String> =
                set.iter().map(|member| lowercase_id(&field.kind, member)).collect();
            let fits = set.len() <= MAX_SET && set.iter().all(|m| member_fits(&field.kind, m));
            fits.then_some(Value::Set(set))
        }
        (FieldKind::Marks(..), Value::Set(set)) => {
            let marks: Option<BTreeSet<String>> = set
                .iter()
                .map(|mark| mark_of(&field.kind, mark).map(|(key, value)| format!("{key}@{value}")))
                .collect();
            marks.filter(|marks| marks.len() <= MAX_SET).map(Value::Set)
        }
        (FieldKind::Counter { max }, Value::Int(sum)) => {
            (0..=*max).contains(sum).then_some(Value::Int(*sum))
        }
        (FieldKind::Entries(max), Value::Text(text)) => {
            (text.chars().count() <= *max).then(|| value.clone())
        }
        (kind, value) => {
            let scalar = to_scalar(kind, value).filter(|scalar| fits(kind, scalar))?;
            shown(kind, &scalar)
        }
    }
}

/// What a field takes, in words.
pub(super) fn allowed(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Code(codes) | FieldKind::State(codes) => format!("one of {}", codes.join(", ")),
        FieldKind::CodeSet(codes) => format!("a set of {}", codes.join(", ")),
        FieldKind::IdSet => format!("a set of at most {MAX_SET} ids of 32 hexadecimal digits"),
        FieldKind::LabelSet(max) => format!(
            "a set of at most {MAX_SET} labels of 1 to {max} characters out of a-z, 0-9 and -"
        ),
        FieldKind::Marks(key, value) => {
            let key = match key {
                MarkKey::Codes(codes) => format!("one of {}", codes.join(", ")),
                MarkKey::Member => "a member's id".to_owned(),
            };
            format!(
                "a set of key@value, each key once: {key}, then @ and {}",
                allowed(&value.kind())
            )
        }
        FieldKind::Int { min, max } => format!("a whole number from {min} to {max}"),
        FieldKind::Counter { max } => {
            format!("a whole number up to {max}, never lower than what is counted already")
        }
        FieldKind::Step { min, max, step } => {
            format!("a number from {min} to {max} in steps of {step}")
        }
        FieldKind::Bool => "true or false".to_owned(),
        FieldKind::Time => {
            "a time written as 2026-03-01T18:00:00Z (RFC 3339, with its offset)".to_owned()
        }
        FieldKind::Day => "a day written as 2026-03-01".to_owned(),
        FieldKind::Label(max) => format!("one line of 1 to {max} characters"),
        FieldKind::Id => "an id of 32 hexadecimal digits".to_owned(),
        FieldKind::Entries(max) => format!("text of at most {max} characters"),
    }
}

/// A typed value of a register as it would be stored; whether it fits is another question.
pub(super) fn to_scalar(kind: &FieldKind, value: &Value) -> Option<Scalar> {
    match (kind, value) {
        (FieldKind::Code(codes), Value::Text(text)) => {
            let code = bands::band_typed(codes, text).unwrap_or(text);
            Some(Scalar::Str(code.to_owned()))
        }
        (FieldKind::State(_), Value::Text(text)) => Some(Scalar::Str(text.clone())),
        // A number that is only to be kept as a band.
        (FieldKind::Code(codes), Value::Int(number)) => {
            let band = bands::band_of(codes, u64::try_from(*number).ok()?)?;
            Some(Scalar::Str(band.to_owned()))
        }
        (FieldKind::Label(_), Value::Text(text)) => Some(Scalar::Str(text.trim().to_owned())),
        (FieldKind::Id, Value::Text(text)) => Some(Scalar::Str(lowercase_id(kind, text))),
        (FieldKind::Int { .. }, Value::Int(number)) => Some(Scalar::Int(*number)),
        // Adding zero makes -0 and 0 one value.
        (FieldKind::Step { .. }, Value::Number(number)) => Some(Scalar::F64(number + 0.0)),
        (FieldKind::Step { .. }, Value::Int(number)) => Some(Scalar::F64(*number as f64)),
        (FieldKind::Bool, Value::Bool(truth)) => Some(Scalar::Bool(*truth)),
        (FieldKind::Time, Value::Text(text)) => {
            Timestamp::parse(text.trim()).ok().map(|time| Scalar::Int(time.0))
        }
        (FieldKind::Day, Value::Text(text)) => {
            let day = Day::parse(text.trim()).ok()?;
            // Days before 1970 read as day 0; they are not what was typed.
            (day.to_string() == text.trim()).then_some(Scalar::Int(i64::from(day.0)))
        }
        _ => None,
    }
}

/// Whether a stored scalar is one this field takes.
pub(super) fn fits(kind: &FieldKind, scalar: &Scalar) -> bool {
    match (kind, scalar) {
        (FieldKind::Code(codes) | FieldKind::State(codes), Scalar::Str(code)) => {
            codes.contains(&code.as_str())
        }
        (FieldKind::Int { min, max }, Scalar::Int(number)) => (min..=max).contains(&number),
        (FieldKind::Step { min, max, step }, Scalar::F64(number)) => {
            let steps = (number - min) / step;
            (min..=max).contains(&number) && (steps - steps.round()).abs() < 1e-9
        }
        (FieldKind::Bool, Scalar::Bool(_)) => true,
        (FieldKind::Time, Scalar::Int(ms)) => TIMES.contains(ms),
        (FieldKind::Day, Scalar::Int(day)) => DAYS.contains(day),
        (FieldKind::Label(max), Scalar::Str(label)) => {
            (1..=*max).contains(&label.chars().count()) && !label.contains(char::is_control)
        }
        (FieldKind::Id, Scalar::Str(id)) => is_id(id),
        _ => false,
    }
}

/// A stored scalar as a person sees it: codes this software does not know are shown as they are. `None` if the
/// scalar is of a type the field never has.
pub(super) fn shown(kind: &FieldKind, scalar: &Scalar) -> Option<Value> {
    match (kind, scalar) {
        (
            FieldKind::Code(_) | FieldKind::State(_) | FieldKind::Label(_) | FieldKind::Id,
            Scalar::Str(text),
        ) => Some(Value::Text(text.clone())),
        (FieldKind::Int { .. }, Scalar::Int(number)) => Some(Value::Int(*number)),
        (FieldKind::Step { .. }, Scalar::F64(number)) => Some(Value::Number(*number)),
        (FieldKind::Bool, Scalar::Bool(truth)) => Some(Value::Bool(*truth)),
        (FieldKind::Time, Scalar::Int(ms)) if TIMES.contains(ms) => {
            Some(Value::Text(Timestamp(*ms).to_string()))
        }
        (FieldKind::Day, Scalar::Int(day)) if DAYS.contains(day) => {
            u32::try_from(*day).ok().map(|day| Value::Text(Day(day).to_string()))
        }
        _ => None,
    }
}

/// Whether a mark may stand beside this key.
pub(super) fn mark_key_fits(key: &MarkKey, text: &str) -> bool {
    match key {
        MarkKey::Codes(codes) => codes.contains(&text),
        MarkKey::Member => is_id(text),
    }
}

/// A mark's key and value as they are shown; `None` if the field takes no such mark.
pub(super) fn mark_of(kind: &FieldKind, mark: &str) -> Option<(String, String)> {
    let FieldKind::Marks(key, value) = kind else { return None };
    let (name, text) = mark.split_once('@')?;
    let name = match key {
        MarkKey::Member => name.trim().to_ascii_lowercase(),
        MarkKey::Codes(_) => name.trim().to_owned(),
    };
    let kind = value.kind();
    let scalar = to_scalar(&kind, &Value::Text(text.trim().to_owned()))?;
    let fits = mark_key_fits(key, &name) && fits(&kind, &scalar);
    match shown(&kind, &scalar) {
        Some(Value::Text(text)) if fits => Some((name, text)),
        _ => None,
    }
}

/// Whether a set takes this member.
pub(super) fn member_fits(kind: &FieldKind, member: &str) -> bool {
    match kind {
        FieldKind::CodeSet(codes) => codes.contains(&member),
        FieldKind::IdSet => is_id(member),
        FieldKind::Marks(..) => mark_of(kind, member).is_some(),
        FieldKind::LabelSet(max) => {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            (1..=*max).contains(&member.len()) && member.chars().all(plain)
        }
        _ => false,
    }
}

/// A member as it stands in a key.
pub(super) fn member_to_key(kind: &FieldKind, member: &str) -> String {
    match kind {
        FieldKind::LabelSet(_) => member.replace('-', "_"),
        _ => member.to_owned(),
    }
}

/// The member that a key's part names.
pub(super) fn key_to_member(kind: &FieldKind, part: &str) -> String {
    match kind {
        FieldKind::LabelSet(_) => part.replace('_', "-"),
        _ => part.to_owned(),
    }
}

/// Whether this is an id of 128 bits in lowercase hex.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn lowercase_id(kind: &FieldKind, text: &str) -> String {
    match kind {
        FieldKind::Id | FieldKind::IdSet => text.trim().to_ascii_lowercase(),
        _ => text.to_owned(),
    }
}
