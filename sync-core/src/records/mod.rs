//! What documents mean in the field: record kinds, their fields and merge rules, and who may write and read where.
//!
//! Pure data and pure functions: no clock, no randomness, no Automerge. `doc` turns documents into
//! [`Flat`] values and applies [`FieldOp`]s; `engine` asks this layer what to write and what a document says.

mod after_action;
mod bands;
pub mod chain;
mod check;
mod clock;
mod entries;
mod flat;
mod follow_ups;
mod guide;
mod input;
mod jurisdictions;
mod plan;
mod policy;
mod profile;
mod profile_form;
mod retention;
mod same;
mod schema;
mod staffing;
mod values;
mod view;
mod windows;

mod availability;
mod check_in;
mod follow_up_task;
mod incident;
mod intervention;
mod journal;
mod on_call;
mod on_call_shift;
mod own;
mod peer_contact;
mod referral;
mod resource;
mod session_note;
mod staff;
mod support_request;
mod trend;

pub use after_action::{AfterAction, Done, Moment, after_action, timeline};
pub use chain::{After, carry_on, disputed};
pub use clock::{ClockLine, Doubt, clock, next};
pub use flat::{FieldOp, Flat, Scalar, Value};
pub use follow_ups::{FOLLOW_UPS, FollowUp};
pub use guide::{GUIDES, Guide, guide_of, training_for};
pub use input::InputError;
pub use jurisdictions::{JURISDICTIONS, Jurisdiction};
pub use on_call::{Called, called, on_call};
pub use on_call_shift::{Shift, check_shift};
pub use own::{belongs_to, is_own, own_doc_id};
pub use plan::{check_new, plan_edit, plan_new};
pub use policy::{DeviceClass, OwnerKind, Role, SPACES, SpaceKind, SpacePolicy, Standing, Who};
pub use profile::{NotesMode, PolicyProfile};
pub use resource::{RESOURCE_STALE_DAYS, is_stale};
pub use retention::Retention;
pub use same::{as_one, same_offers, sessions};
pub use schema::{
    By, Derived, DocType, Field, FieldKind, FieldView, MarkKey, MarkValue, NoteRule, Origin,
    PartPlan, RECORDS, RecordType,
};
pub use session_note::{session_text_key, session_text_keys};
pub use staffing::{Conflict, Known, Staffed, Warning, crews_of, staffed, team_of};
pub use support_request::{
    RequestState, asks_for_help_now, escalates_after_min, is_urgent, members as request_members,
};
pub use trend::{CheckInDay, Direction, MAX_TREND_WEEKS, Mean, Week, trend};
pub use values::{normalize, parse_value};
pub use view::view;
pub use windows::{PRESETS, Preset, Window, WindowState, closing_soon, state, window};
