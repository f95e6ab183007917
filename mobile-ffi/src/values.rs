//! Values and records as they cross the border: plain data, ids as text.

use std::collections::HashMap;

use sync_core::engine;
use sync_core::ids::{DeviceId, DocId, MemberId};
use sync_core::records::{FieldView, Value};

use crate::error::AftercallError;

/// A value as a person types and sees it.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
pub enum FieldValue {
    /// True or false.
    Flag {
        /// The value.
        value: bool,
    },
    /// A whole number.
    Whole {
        /// The value.
        value: i64,
    },
    /// A number with a fraction.
    Fraction {
        /// The value.
        value: f64,
    },
    /// A code, a time (RFC 3339), a date, an id, or text.
    Text {
        /// The value.
        value: String,
    },
    /// A set of codes or ids, in any order.
    Set {
        /// The members of the set.
        values: Vec<String>,
    },
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Field {
    /// The value shown.
    pub value: FieldValue,
    /// All values when people wrote different ones at once, else empty. Writing one of them again resolves it.
    pub conflict: Vec<FieldValue>,
}

/// A record as the phone shows it.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// Its kind, as `check_in`.
    pub kind: String,
    /// Its fields.
    pub fields: HashMap<String, Field>,
    /// Parts that exist but cannot be opened on this phone.
    pub unreadable: Vec<String>,
    /// Why they cannot be opened, `locked` or `write_only`, if the phone is shut.
    pub shut: Option<String>,
    /// Whether the relay has acknowledged all of it.
    pub stored: bool,
    /// Whether something of it stays on this phone, because backup is off.
    pub only_here: bool,
}

/// What was refused or set aside, kept for its author.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Draft {
    /// Its id.
    pub id: String,
    /// The record it belonged to.
    pub record: Option<String>,
    /// Why: a stable name.
    pub code: String,
    /// What to tell the person.
    pub detail: String,
    /// The values it would have written.
    pub values: HashMap<String, FieldValue>,
    /// Whether this phone wrote it.
    pub own: bool,
}

impl From<FieldValue> for Value {
    fn from(value: FieldValue) -> Self {
        match value {
            FieldValue::Flag { value } => Value::Bool(value),
            FieldValue::Whole { value } => Value::Int(value),
            FieldValue::Fraction { value } => Value::Number(value),
            FieldValue::Text { value } => Value::Text(value),
            FieldValue::Set { values } => Value::Set(values.into_iter().collect()),
        }
    }
}

impl From<Value> for FieldValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Bool(value) => FieldValue::Flag { value },
            Value::Int(value) => FieldValue::Whole { value },
            Value::Number(value) => FieldValue::Fraction { value },
            Value::Text(value) => FieldValue::Text { value },
            Value::Set(values) => FieldValue::Set { values: values.into_iter().collect() },
        }
    }
}

impl From<FieldView> for Field {
    fn from(view: FieldView) -> Self {
        Field {
            value: view.value.into(),
            conflict: view.conflict.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<engine::RecordView> for Record {
    fn from(view: engine::RecordView) -> Self {
        Record {
            id: view.id.to_string(),
            kind: view.kind.to_owned(),
            fields: view.fields.into_iter().map(|(name, field)| (name, field.into())).collect(),
            unreadable: view.unreadable.into_iter().map(str::to_owned).collect(),
            shut: view.shut.map(|code| code.as_str().to_owned()),
            stored: view.stored,
            only_here: view.only_here,
        }
    }
}

impl From<engine::Draft> for Draft {
    fn from(draft: engine::Draft) -> Self {
        Draft {
            id: draft.id.to_string(),
            record: draft.record.map(|id| id.to_string()),
            code: draft.code.as_str().to_owned(),
            detail: draft.code.advice().to_owned(),
            values: draft.values.into_iter().map(|(name, value)| (name, value.into())).collect(),
            own: draft.own,
        }
    }
}

/// Reads a record's id.
pub(crate) fn record_id(text: &str) -> Result<DocId, AftercallError> {
    text.parse().map_err(|_| AftercallError::bad_value("a record's id is 32 hexadecimal digits"))
}

/// Reads a member's id.
pub(crate) fn member_id(text: &str) -> Result<MemberId, AftercallError> {
    text.parse().map_err(|_| AftercallError::bad_value("a member's id is 32 hexadecimal digits"))
}

/// Reads a device's id.
pub(crate) fn device_id(text: &str) -> Result<DeviceId, AftercallError> {
    text.parse().map_err(|_| AftercallError::bad_value("a device is named by its id"))
}

/// Reads several members' ids.
pub(crate) fn member_ids(texts: &[String]) -> Result<Vec<MemberId>, AftercallError> {
    texts.iter().map(|text| member_id(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_border_both_ways() {
        let values = [
            Value::Bool(true),
            Value::Int(-3),
            Value::Number(6.5),
            Value::Text("reacting".into()),
            Value::Set(["home".to_owned(), "loss".to_owned()].into()),
        ];
        for value in values {
            assert_eq!(Value::from(FieldValue::from(value.clone())), value);
        }
    }

    #[test]
    fn a_wrong_id_is_refused_without_being_repeated() {
        let error = record_id("Jane Doe").expect_err("refused");
        assert!(!error.to_string().contains("Jane"));
        assert!(matches!(error, AftercallError::Input { .. }));
    }
}
