//! The one typed description of every record kind: what a person types, where each part lives, how it merges.
//!
//! A record kind is one file (its [`RecordType`] and [`DocType`]s) plus its line in [`RECORDS`].

use std::collections::BTreeMap;

use crate::protocol::Code;

use super::{FieldOp, Flat, NotesMode, PolicyProfile, SpaceKind, Value};

/// Which of the policy's notes modes governs a kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteRule {
    /// `notes_mode`: group sessions.
    Session,
    /// `contact_notes_mode`: peer contacts.
    Contact,
}

impl NoteRule {
    /// The mode in force.
    pub fn mode(self, profile: &PolicyProfile) -> NotesMode {
        match self {
            NoteRule::Session => profile.notes_mode,
            NoteRule::Contact => profile.contact_notes_mode,
        }
    }
}

/// How a field is stored and merged (DOMAIN.md F.14), and which values it takes.
#[derive(Debug, Clone, Copy)]
pub enum FieldKind {
    /// One of these codes; concurrent values are both kept and shown. Stored as text under the field's name.
    Code(&'static [&'static str]),
    /// A set of these codes; add wins over a concurrent remove. Stored as `<field>.<code>: true`.
    CodeSet(&'static [&'static str]),
    /// A set of ids (hex). Stored as `<field>.<id>: true`.
    IdSet,
    /// A whole number in this range. Multi-value register.
    Int {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A number in this range with this step. Multi-value register.
    Step {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
        /// Step.
        step: f64,
    },
    /// True or false. Multi-value register.
    Bool,
    /// A time, typed as RFC 3339, stored as milliseconds since 1970. Multi-value register.
    Time,
    /// A day, typed as 2026-03-01, stored as days since 1970. Multi-value register.
    Day,
    /// A short label in an open document, at most this many characters. Multi-value register.
    Label(usize),
    /// An id (hex) of a member or another document. Multi-value register.
    Id,
    /// Counted per actor and summed. Stored as `<field>.<actor hex>: uint`; a person types the sum they mean to reach, never lower.
    Counter {
        /// Largest sum.
        max: i64,
    },
    /// A state: of concurrent values the one standing first in this list wins; a later edit may go back.
    State(&'static [&'static str]),
    /// Sealed text of at most this many characters: append-only entries `<field>.<32 hex>.body` and `.supersedes`.
    Entries(usize),
}

/// A field of a document.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The name a person types.
    pub name: &'static str,
    /// How it is stored and merged.
    pub kind: FieldKind,
    /// One plain sentence for docs and forms.
    pub help: &'static str,
}

/// A kind of document: a record, or one half of one.
#[derive(Debug)]
pub struct DocType {
    /// The number in envelope headers; never reused.
    pub number: u16,
    /// The stable name.
    pub name: &'static str,
    /// The schema version this software writes.
    pub schema: u16,
    /// The kinds of space it may live in.
    pub spaces: &'static [SpaceKind],
    /// The notes policy that governs it, if it is a note.
    pub note: Option<NoteRule>,
    /// Its fields.
    pub fields: &'static [Field],
    /// Root keys of its texts; its first change is then the fixed one that every node knows.
    pub texts: &'static [&'static str],
}

impl DocType {
    /// The type of this number.
    pub fn by_number(number: u16) -> Option<&'static DocType> {
        RECORDS.iter().flat_map(|record| record.parts).copied().find(|part| part.number == number)
    }

    /// Whether its documents live in sealed spaces.
    pub fn is_sealed(&self) -> bool {
        self.spaces.iter().any(|kind| kind.policy().sealed)
    }

    /// Checks a hydrated document against the fields: keys, types, ranges. `schema` is the header's; above ours
    /// only the shape of keys and scalars is checked, so that newer phones are not refused.
    ///
    /// # Errors
    /// `schema_violation`.
    pub fn check(&self, _flat: &Flat, _schema: u16) -> Result<(), Code> {
        unimplemented!()
    }
}

/// A kind of record: what a person types as one form. Its first part holds the record's id.
pub struct RecordType {
    /// The stable name.
    pub name: &'static str,
    /// The documents it is split into: the open one first, where there is one.
    pub parts: &'static [&'static DocType],
    /// Fields that must be given at creation.
    pub required: &'static [&'static str],
    /// Values that follow from typed ones: coarsening to the open half, defaults. Called with the typed fields; returns further (field, value) pairs.
    pub derive: fn(&BTreeMap<String, Value>) -> Vec<(&'static str, Value)>,
}

/// Every record kind.
pub const RECORDS: &[&RecordType] = &[];

impl RecordType {
    /// The record kind of this name.
    pub fn by_name(name: &str) -> Option<&'static RecordType> {
        RECORDS.iter().copied().find(|record| record.name == name)
    }

    /// The record kind whose documents have this type.
    pub fn of_part(number: u16) -> Option<&'static RecordType> {
        RECORDS.iter().copied().find(|record| record.parts.iter().any(|part| part.number == number))
    }
}

/// Input that a record does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InputError {
    /// `unknown_field`, `bad_value` or `missing_field`.
    pub code: Code,
    /// The field.
    pub field: String,
    /// What is wrong and which values are allowed, never the value itself.
    pub problem: String,
}

/// What to write to one document of a record.
#[derive(Debug, Clone)]
pub struct PartPlan {
    /// Which document.
    pub part: &'static DocType,
    /// What to write.
    pub ops: Vec<FieldOp>,
}

/// Plans a new record: validates the fields, coarsens, splits them over the record's parts. Parts with nothing to write are left out (the first one never is).
/// `actor` and `entry_id` (16 random bytes, one per text field in turn) name counter parts and text entries.
pub fn plan_new(
    _record: &'static RecordType,
    _fields: &BTreeMap<String, Value>,
    _actor: &mut dyn FnMut(&DocType) -> crate::ids::ActorId,
    _entry_id: &mut dyn FnMut() -> [u8; 16],
) -> Result<Vec<PartPlan>, InputError> {
    unimplemented!()
}

/// Plans an edit against what the documents hold now: a set replaces the set, text supersedes the entries shown,
/// a value given again resolves a conflict, derived values follow. Parts without a document yet have no entry in `current`.
pub fn plan_edit(
    _record: &'static RecordType,
    _current: &[(&'static DocType, Flat)],
    _fields: &BTreeMap<String, Value>,
    _actor: &mut dyn FnMut(&DocType) -> crate::ids::ActorId,
    _entry_id: &mut dyn FnMut() -> [u8; 16],
) -> Result<Vec<PartPlan>, InputError> {
    unimplemented!()
}

/// A field as a person sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldView {
    /// The value shown.
    pub value: Value,
    /// All values when people wrote different ones at once (two or more, the shown one among them), else empty.
    pub conflict: Vec<Value>,
}

/// What the documents of one record say, field by field. Unknown keys from newer phones are left out.
pub fn view(
    _record: &'static RecordType,
    _parts: &[(&'static DocType, Flat)],
) -> BTreeMap<String, FieldView> {
    unimplemented!()
}
