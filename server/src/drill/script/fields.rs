//! Field values of a step: checked against the schema when the file is read, ids filled in when it runs.
//!
//! Where a field takes an id, a handle of the file may stand; it is resolved on the device that acts,
//! because a shared record has another id for each reader.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};
use sync_core::records::{Field, FieldKind, MarkKey, Origin, RecordType, Value, normalize};

/// A value as the file writes it.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// Just so.
    Plain(Value),
    /// An id, by handle.
    Handle(String),
    /// A set of ids, by handle.
    Handles(Vec<String>),
    /// Marks beside members, each a handle and what stands there.
    Marks(Vec<String>, Vec<String>),
    /// Nobody wrote it (`null`; expectations only).
    Nothing,
}

/// Fields that someone types.
#[derive(Debug, Clone, Default)]
pub struct Typed(pub BTreeMap<String, Written>);

/// Fields that a phone should show.
#[derive(Debug, Clone, Default)]
pub struct Expected(pub BTreeMap<String, Written>);

impl Written {
    /// The value, with handles resolved.
    pub fn resolve(&self, id_of: &dyn Fn(&str) -> Option<String>) -> Result<Option<Value>, String> {
        let find = |handle: &String| {
            id_of(handle)
                .ok_or_else(|| format!("{handle} has no id here: its step did not succeed"))
        };
        Ok(match self {
            Written::Plain(value) => Some(value.clone()),
            Written::Handle(handle) => Some(Value::Text(find(handle)?)),
            Written::Handles(handles) => {
                Some(Value::Set(handles.iter().map(find).collect::<Result<BTreeSet<_>, _>>()?))
            }
            Written::Marks(handles, words) => {
                let marks = handles.iter().zip(words);
                let found = marks.map(|(handle, word)| Ok(format!("{}@{word}", find(handle)?)));
                Some(Value::Set(found.collect::<Result<BTreeSet<_>, String>>()?))
            }
            Written::Nothing => None,
        })
    }

    /// The handles it names.
    pub fn handles(&self) -> &[String] {
        match self {
            Written::Handle(handle) => std::slice::from_ref(handle),
            Written::Handles(handles) | Written::Marks(handles, _) => handles,
            _ => &[],
        }
    }
}

fn record_type(name: &str) -> Result<&'static RecordType, String> {
    RecordType::by_name(name).ok_or_else(|| {
        let names: Vec<&str> =
            sync_core::records::RECORDS.iter().map(|record| record.name).collect();
        format!("no record is named {name} in this release; there are {}", names.join(", "))
    })
}

/// The name that a field has here, for one of a form's other names.
fn typed_name<'n>(record: &str, name: &'n str) -> &'n str {
    match (record, name) {
        ("follow_up_task", "assignee_id") => "assignee",
        _ => name,
    }
}

/// The same for what is shown: a count that is kept as a band only.
pub(super) fn shown_name<'n>(record: &str, name: &'n str) -> &'n str {
    match (record, name) {
        ("intervention", "attendees_count") => "attendees",
        _ => typed_name(record, name),
    }
}

/// The field of this name that a phone shows, typed or derived.
pub(super) fn shown_field(record: &str, name: &str) -> Result<&'static Field, String> {
    let record_type = record_type(record)?;
    let name = shown_name(record, name);
    record_type
        .parts
        .iter()
        .flat_map(|part| part.fields)
        .find(|field| field.name == name && field.origin != Origin::Link)
        .ok_or_else(|| format!("{record} has no field {name}"))
}

impl Typed {
    /// Takes `fields` and `sealed`, which are one form.
    pub fn take(
        &mut self,
        record: &str,
        fields: &Map<String, Json>,
        sealed: &Map<String, Json>,
    ) -> Result<(), String> {
        let record_type = record_type(record)?;
        for (name, json) in fields.iter().chain(sealed) {
            let field = record_type
                .typed_field(typed_name(record, name))
                .ok_or_else(|| format!("{record} has no field {name}"))?;
            if self.0.insert(field.name.to_owned(), read(field, json)?).is_some() {
                return Err(format!("{name} stands twice"));
            }
        }
        Ok(())
    }
}

impl Expected {
    /// Takes `fields` and `sealed`, which are one form.
    pub fn take(
        &mut self,
        record: &str,
        fields: &Map<String, Json>,
        sealed: &Map<String, Json>,
    ) -> Result<(), String> {
        for (name, json) in fields.iter().chain(sealed) {
            let field = shown_field(record, name)?;
            let written = if json.is_null() { Written::Nothing } else { read(field, json)? };
            if self.0.insert(field.name.to_owned(), written).is_some() {
                return Err(format!("{name} stands twice"));
            }
        }
        Ok(())
    }
}

/// Reads one value of a field.
pub(super) fn read(field: &Field, json: &Json) -> Result<Written, String> {
    match (&field.kind, json) {
        (FieldKind::Id, Json::String(text)) => {
            if let Ok(value) = normalize(field, &Value::Text(text.clone())) {
                return Ok(Written::Plain(value));
            }
            Ok(Written::Handle(text.clone()))
        }
        (FieldKind::IdSet, Json::Array(items)) => {
            let names = items.iter().map(|item| item.as_str().map(str::to_owned));
            names
                .collect::<Option<Vec<_>>>()
                .map(Written::Handles)
                .ok_or_else(|| format!("{} is a list of handles", field.name))
        }
        (FieldKind::Marks(MarkKey::Member, _), Json::Array(items)) => {
            let marks = items.iter().map(|item| item.as_str()?.split_once('@'));
            let (handles, words) = marks
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| format!("{} is a list of handle@value", field.name))?
                .into_iter()
                .map(|(handle, word)| (handle.to_owned(), word.to_owned()))
                .unzip();
            Ok(Written::Marks(handles, words))
        }
        _ => {
            let value = plain(json).ok_or_else(|| format!("{} takes no such value", field.name))?;
            let value = normalize(field, &value)
                .map_err(|error| format!("{}: {}", error.field, error.problem))?;
            Ok(Written::Plain(value))
        }
    }
}

fn plain(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Number(number.as_f64()?),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::Set(
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>()?,
        ),
        Json::Null | Json::Object(_) => return None,
    })
}
