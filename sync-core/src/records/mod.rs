//! What documents mean in the field: record kinds, their fields and merge rules, and who may write and read where.
//!
//! Pure data and pure functions: no clock, no randomness, no Automerge. `doc` turns documents into
//! [`Flat`] values and applies [`FieldOp`]s; `engine` asks this layer what to write and what a document says.

mod flat;
mod policy;
mod profile;
mod schema;

pub use flat::{FieldOp, Flat, Scalar, Value};
pub use policy::{DeviceClass, OwnerKind, Role, SPACES, SpaceKind, SpacePolicy, Standing, Who};
pub use profile::{NotesMode, PolicyProfile};
pub use schema::{
    DocType, Field, FieldKind, FieldView, InputError, NoteRule, PartPlan, RECORDS, RecordType,
    plan_edit, plan_new, view,
};
