//! Values: what a document holds at its root, and what a person types and sees.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// A scalar at a document's root.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// True or false.
    Bool(bool),
    /// A counter part or a count.
    Uint(u64),
    /// A whole number, a time in milliseconds since 1970.
    Int(i64),
    /// A number with a fraction.
    F64(f64),
    /// A code, an id in hex, a short label, or the text of an entry in a sealed document.
    Str(String),
}

/// A document as plain values: for every root key all concurrent values, the one Automerge shows first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flat {
    /// Scalar keys. A list is never empty; more than one value means concurrent writes.
    pub keys: BTreeMap<String, Vec<Scalar>>,
    /// Texts by key (only `session_note` has any).
    pub texts: BTreeMap<String, String>,
}

impl Flat {
    /// The value Automerge shows for a key.
    pub fn get(&self, key: &str) -> Option<&Scalar> {
        self.keys.get(key).and_then(|values| values.first())
    }
}

/// One write to a document's root.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldOp {
    /// Sets a key. Written even if the value is already shown, when the key holds concurrent values: that resolves them.
    Put(String, Scalar),
    /// Removes a key.
    Delete(String),
}

/// A value as a person types and sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction (hours of sleep, step 0.5).
    Number(f64),
    /// A code, a time (RFC 3339), a date, an id in hex, or text.
    Text(String),
    /// A set of codes, or of ids in hex.
    Set(BTreeSet<String>),
}
