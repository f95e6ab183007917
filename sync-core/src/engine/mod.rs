//! The engine: a phone without a clock, a network or a file. Events in, durable state and messages out.
//!
//! [`Phone`] owns a [`Store`] and keeps nothing else that matters: whatever it acknowledges to its caller is
//! committed. Callers hand in [`Env`] (the phone's clock and randomness), carry [`Phone::sync_request`] to a
//! relay and its answer back to [`Phone::sync_answer`].

mod store;

use std::collections::BTreeMap;

use rand_core::CryptoRng;

use crate::ids::{DeviceId, DocId, EnvelopeId, MemberId, SpaceId, TeamId};
use crate::protocol::{Code, EnrolAnswer, EnrolRequest, Invitation, SyncRequest, Timestamp};
use crate::records::{FieldView, PolicyProfile, Role, Value};

pub use store::{Entry, Store, StoreError, Table, Transaction};

/// What an app hands in with every call: its clock and its randomness.
pub struct Env<'a> {
    /// The phone's own clock, right or wrong.
    pub now: Timestamp,
    /// Cryptographic randomness.
    pub rng: &'a mut dyn CryptoRng,
}

/// Why a call did nothing. Nothing is half-done.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The caller or the team's rules forbid it: the code says what to do. `detail` names a field or phase, never a value.
    #[error("{}{}", .code.advice(), .detail)]
    Refused {
        /// The code.
        code: Code,
        /// What it concerns: empty, or " (…)" with a field's or a phase's name and the allowed values.
        detail: String,
    },
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EngineError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            EngineError::Refused { code, .. } => *code,
            EngineError::Store(StoreError::WrongKey) => Code::WrongKey,
            EngineError::Store(StoreError::Newer) => Code::StoreNewer,
            EngineError::Store(_) => Code::StoreFailed,
        }
    }
}

/// A member to be entered by an admin's device.
#[derive(Debug, Clone)]
pub struct NewMember {
    /// The name staff are shown by (kept in the roster; `None` for plain responders).
    pub name: Option<String>,
    /// Field roles.
    pub roles: Vec<Role>,
    /// The `admin` capability.
    pub admin: bool,
    /// Unit label.
    pub unit: Option<String>,
    /// Units supervised.
    pub supervises: Vec<String>,
}

/// What a phone is.
#[derive(Debug, Clone)]
pub struct Status {
    /// The team.
    pub team: TeamId,
    /// This device.
    pub device: DeviceId,
    /// Whose it is.
    pub member: MemberId,
    /// The relay's origin.
    pub relay: String,
    /// Whether the directory lists this device yet.
    pub enrolled: bool,
    /// Length of the directory.
    pub directory_seq: u64,
    /// Envelopes not yet acknowledged by the relay.
    pub pending: u64,
}

/// A member as the phone shows them.
#[derive(Debug, Clone)]
pub struct MemberView {
    /// The member.
    pub id: MemberId,
    /// Name from the roster.
    pub name: Option<String>,
    /// Field roles.
    pub roles: Vec<Role>,
    /// The `admin` capability.
    pub admin: bool,
    /// Whether a device is enrolled.
    pub has_device: bool,
}

/// A change to the text of a session note. Positions and counts are Unicode scalar values.
#[derive(Debug, Clone)]
pub struct TextEdit {
    /// Where.
    pub at: usize,
    /// How many characters to remove there.
    pub delete: usize,
    /// What to insert there.
    pub insert: String,
}

/// A record as the phone shows it.
#[derive(Debug, Clone)]
pub struct RecordView {
    /// The record: the id of its first document.
    pub id: DocId,
    /// Its kind.
    pub kind: &'static str,
    /// The space of its first document.
    pub space: SpaceId,
    /// Its fields.
    pub fields: BTreeMap<String, FieldView>,
    /// Parts (by document type) that exist but cannot be opened here.
    pub unreadable: Vec<&'static str>,
    /// Whether all of its envelopes are acknowledged by the relay.
    pub stored: bool,
}

/// The session note of an intervention, or one of several made apart.
#[derive(Debug, Clone)]
pub struct NoteView {
    /// The session space.
    pub space: SpaceId,
    /// The note.
    pub doc: DocId,
    /// Text by phase, `<kind>.<phase>` (only phases with text).
    pub phases: BTreeMap<String, String>,
    /// Whether the note cannot be opened here.
    pub unreadable: bool,
}

/// An envelope that was refused or set aside.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The envelope.
    pub id: EnvelopeId,
    /// The record it belonged to.
    pub record: Option<DocId>,
    /// Why.
    pub code: Code,
    /// The values it would have written (this device's own drafts), readable for its author.
    pub values: BTreeMap<String, Value>,
    /// Whether this device wrote it.
    pub own: bool,
}

/// Something a person must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// The code; its advice says what to do.
    pub code: Code,
    /// What it concerns (an id in hex), empty if nothing in particular.
    pub subject: String,
}

/// What one exchange with the relay brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncOutcome {
    /// Whether another request has something to send or fetch.
    pub again: bool,
    /// Envelopes acknowledged.
    pub stored: u64,
    /// Envelopes refused or quarantined.
    pub refused: u64,
    /// Items received.
    pub received: u64,
}

/// A phone.
pub struct Phone {
    _store: Box<dyn Store>,
}

#[allow(unused_variables, missing_docs)]
impl Phone {
    // ---- setting up
    pub fn create_team(
        store: Box<dyn Store>,
        env: &mut Env<'_>,
        relay: &str,
        profile: PolicyProfile,
        admin: NewMember,
    ) -> Result<Phone, EngineError> {
        unimplemented!()
    }
    pub fn start_joining(
        store: Box<dyn Store>,
        env: &mut Env<'_>,
        invitation: &Invitation,
    ) -> Result<Phone, EngineError> {
        unimplemented!()
    }
    pub fn open(store: Box<dyn Store>) -> Result<Phone, EngineError> {
        unimplemented!()
    }
    pub fn enrol_request(&mut self) -> Result<EnrolRequest, EngineError> {
        unimplemented!()
    }
    /// True once enrolled; false while pending.
    pub fn enrol_answer(
        &mut self,
        env: &mut Env<'_>,
        answer: &EnrolAnswer,
    ) -> Result<bool, EngineError> {
        unimplemented!()
    }
    pub fn status(&mut self) -> Result<Status, EngineError> {
        unimplemented!()
    }
    // ---- admin
    pub fn add_member(
        &mut self,
        env: &mut Env<'_>,
        member: NewMember,
    ) -> Result<MemberId, EngineError> {
        unimplemented!()
    }
    pub fn invite(
        &mut self,
        env: &mut Env<'_>,
        member: MemberId,
    ) -> Result<Invitation, EngineError> {
        unimplemented!()
    }
    pub fn members(&mut self) -> Result<Vec<MemberView>, EngineError> {
        unimplemented!()
    }
    // ---- records
    pub fn record(
        &mut self,
        env: &mut Env<'_>,
        kind: &str,
        fields: &BTreeMap<String, Value>,
    ) -> Result<DocId, EngineError> {
        unimplemented!()
    }
    pub fn edit(
        &mut self,
        env: &mut Env<'_>,
        record: DocId,
        fields: &BTreeMap<String, Value>,
    ) -> Result<(), EngineError> {
        unimplemented!()
    }
    /// `phase` is a phase of the intervention's kind, as `exploration` of a defusing. `space` chooses among several notes (`None`: the only one, or the lowest).
    pub fn write(
        &mut self,
        env: &mut Env<'_>,
        intervention: DocId,
        phase: &str,
        edit: &TextEdit,
    ) -> Result<(), EngineError> {
        unimplemented!()
    }
    pub fn assign(
        &mut self,
        env: &mut Env<'_>,
        intervention: DocId,
        leads: &[MemberId],
    ) -> Result<(), EngineError> {
        unimplemented!()
    }
    /// Copies a record (a check_in) to a space shared with these members; returns the copy. `text`: whether its text goes along.
    pub fn share(
        &mut self,
        env: &mut Env<'_>,
        record: DocId,
        with: &[MemberId],
        text: bool,
    ) -> Result<DocId, EngineError> {
        unimplemented!()
    }
    pub fn show(&mut self, record: DocId) -> Result<RecordView, EngineError> {
        unimplemented!()
    }
    /// Records of a kind (`None`: all), oldest id first, after a given one: pages of at most `limit`.
    pub fn list(
        &mut self,
        kind: Option<&str>,
        after: Option<DocId>,
        limit: usize,
    ) -> Result<Vec<RecordView>, EngineError> {
        unimplemented!()
    }
    pub fn notes(&mut self, intervention: DocId) -> Result<Vec<NoteView>, EngineError> {
        unimplemented!()
    }
    pub fn drafts(&mut self) -> Result<Vec<Draft>, EngineError> {
        unimplemented!()
    }
    pub fn alarms(&mut self) -> Result<Vec<Alarm>, EngineError> {
        unimplemented!()
    }
    /// Crisis numbers of the team's profile: available offline and at once.
    pub fn crisis_numbers(&mut self) -> Result<BTreeMap<String, String>, EngineError> {
        unimplemented!()
    }
    /// Time corrected by the last offset a relay attested, and whether there is one.
    pub fn corrected(&mut self, now: Timestamp) -> Result<(Timestamp, bool), EngineError> {
        unimplemented!()
    }
    /// Heads of every document, by (space, document): for comparing devices.
    pub fn heads(&mut self) -> Result<BTreeMap<(SpaceId, DocId), Vec<[u8; 32]>>, EngineError> {
        unimplemented!()
    }
    /// Ids in the outbox, in the order in which they leave, with the record each belongs to.
    pub fn outbox(&mut self) -> Result<Vec<(EnvelopeId, Option<DocId>)>, EngineError> {
        unimplemented!()
    }
    // ---- sync
    pub fn sync_request(&mut self, env: &mut Env<'_>) -> Result<SyncRequest, EngineError> {
        unimplemented!()
    }
    /// A token for this very request body.
    pub fn token(&mut self, env: &mut Env<'_>, body: &[u8]) -> Result<String, EngineError> {
        unimplemented!()
    }
    /// The relay refused the token for its times and told its own.
    pub fn clock_corrected(
        &mut self,
        env: &mut Env<'_>,
        relay_now: Timestamp,
    ) -> Result<(), EngineError> {
        unimplemented!()
    }
    /// `request`: the encoded request this answers (the answer's signature covers it). `answer`: an encoded `SignedAnswer`.
    pub fn sync_answer(
        &mut self,
        env: &mut Env<'_>,
        request: &[u8],
        answer: &[u8],
    ) -> Result<SyncOutcome, EngineError> {
        unimplemented!()
    }
}
