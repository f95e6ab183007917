//! The one typed description of every record kind: what a person types, where each part lives, how it merges.
//!
//! A record kind is one file (its [`RecordType`] and [`DocType`]s) plus its line in [`RECORDS`].

use std::collections::BTreeMap;

use crate::protocol::Code;

use super::{FieldOp, Flat, NotesMode, PolicyProfile, Retention, SpaceKind, Value, Who, check};
use super::{
    availability, check_in, follow_up_task, incident, intervention, journal, on_call_shift,
    peer_contact, referral, resource, session_note, staff, support_request,
};

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

/// What a mark stands beside.
#[derive(Debug, Clone, Copy)]
pub enum MarkKey {
    /// One of these codes.
    Codes(&'static [&'static str]),
    /// A member (hex).
    Member,
}

/// What a mark says.
#[derive(Debug, Clone, Copy)]
pub enum MarkValue {
    /// When.
    Time,
    /// Until or since which day.
    Day,
    /// One of these codes.
    Code(&'static [&'static str]),
}

impl MarkValue {
    /// How such a value is stored and read.
    pub(super) const fn kind(self) -> FieldKind {
        match self {
            MarkValue::Time => FieldKind::Time,
            MarkValue::Day => FieldKind::Day,
            MarkValue::Code(codes) => FieldKind::Code(codes),
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
    /// A set of short labels of `a-z`, `0-9` and `-`, at most this many characters each; add wins over a concurrent remove.
    /// Stored as `<field>.<label>: true` with `_` for `-`, since keys hold no `-`.
    LabelSet(usize),
    /// A value beside each of some keys, shown and typed as a set of `key@value`; each key is a multi-value register.
    /// Stored as `<field>.<key>`.
    Marks(MarkKey, MarkValue),
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
    /// Sealed text of at most this many characters: append-only entries `<field>.<32 hex>.body` and `.supersedes`
    /// (the ids of the entries it stands for, separated by a space).
    Entries(usize),
}

/// Where a field's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A person types it.
    Typed,
    /// It follows from typed fields; nobody types it.
    Derived,
    /// The engine sets it to tie a document to another; nobody types it and `view` leaves it out.
    Link,
}

/// Whose word a field is, of those who may write its document. Judged change by change, by every node alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Anybody's.
    Anyone,
    /// Of marks beside members: each member's own.
    Named,
    /// A clinical director's.
    ClinicalDirector,
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
    /// What is shown while nobody has written the field, as [`parse_value`](super::parse_value) reads it. Never stored.
    /// Sets (empty) and counters (0) need none.
    pub default: Option<&'static str>,
    /// Where its value comes from.
    pub origin: Origin,
    /// Whose word it is.
    pub by: By,
}

/// The link of a record's further documents to its first one.
pub(super) const OF: Field = Field {
    origin: Origin::Link,
    ..Field::new("of", FieldKind::Id, "The record's first document, set by the app.")
};

impl Field {
    /// A typed field without default.
    pub const fn new(name: &'static str, kind: FieldKind, help: &'static str) -> Self {
        Self { name, kind, help, default: None, origin: Origin::Typed, by: By::Anyone }
    }

    /// The same field, shown with this value while nobody has written it.
    pub const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// The same field, but this one's word alone.
    pub const fn said_by(self, by: By) -> Self {
        Self { by, ..self }
    }

    /// The same field, but following from others instead of typed.
    pub const fn derived(self) -> Self {
        Self { origin: Origin::Derived, ..self }
    }
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
    /// Who of those that may write to the space may write these; empty: all of them.
    pub writers: &'static [Who],
    /// The notes policy that governs it, if it is a note.
    pub note: Option<NoteRule>,
    /// How long it is kept.
    pub retention: Retention,
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
    pub fn check(&self, flat: &Flat, schema: u16) -> Result<(), Code> {
        check::check(self, flat, schema)
    }

    /// Whether one of its fields is not everybody's to write.
    pub fn has_own_words(&self) -> bool {
        self.fields.iter().any(|field| field.by != By::Anyone)
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
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
    /// Fields that are typed but stored nowhere: `derive` turns them into coarser ones.
    pub inputs: &'static [Field],
    /// Values that follow from typed ones: coarsening to the open half. Called with the typed fields (at an edit over
    /// what the record holds), already checked and in the form [`view`](super::view()) shows; returns further (field, value) pairs.
    pub derive: fn(&BTreeMap<String, Value>) -> Derived,
}

/// Values that follow from typed ones, by field.
pub type Derived = Vec<(&'static str, Value)>;

/// Every record kind.
pub const RECORDS: &[&RecordType] = &[
    &staff::STAFF,
    &availability::AVAILABILITY,
    &resource::RESOURCE,
    &on_call_shift::ON_CALL_SHIFT,
    &incident::INCIDENT,
    &intervention::INTERVENTION,
    &session_note::SESSION_NOTE,
    &peer_contact::PEER_CONTACT,
    &follow_up_task::FOLLOW_UP_TASK,
    &referral::REFERRAL,
    &check_in::CHECK_IN,
    &journal::JOURNAL,
    &support_request::SUPPORT_REQUEST_RECORD,
];

impl RecordType {
    /// The record kind of this name.
    pub fn by_name(name: &str) -> Option<&'static RecordType> {
        RECORDS.iter().copied().find(|record| record.name == name)
    }

    /// The record kind whose documents have this type.
    pub fn of_part(number: u16) -> Option<&'static RecordType> {
        RECORDS.iter().copied().find(|record| record.parts.iter().any(|part| part.number == number))
    }

    /// The fields a person types, in the order of the form.
    pub fn typed(&self) -> impl Iterator<Item = &'static Field> {
        let stored = self.parts.iter().flat_map(|part| part.fields);
        stored.chain(self.inputs).filter(|field| field.origin == Origin::Typed)
    }

    /// The typed field of this name.
    pub fn typed_field(&self, name: &str) -> Option<&'static Field> {
        self.typed().find(|field| field.name == name)
    }
}

/// A record that needs no coarsening.
pub(super) fn derives_nothing(_: &BTreeMap<String, Value>) -> Derived {
    Vec::new()
}

/// What to write to one document of a record.
#[derive(Debug, Clone)]
pub struct PartPlan {
    /// Which document.
    pub part: &'static DocType,
    /// What to write.
    pub ops: Vec<FieldOp>,
}

/// A field as a person sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldView {
    /// The value shown.
    pub value: Value,
    /// All values when people wrote different ones at once (two or more, the shown one among them), else empty.
    pub conflict: Vec<Value>,
}
