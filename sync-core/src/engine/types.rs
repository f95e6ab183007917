//! What goes into and comes out of the engine: plain values an app shows to people.

use std::collections::BTreeMap;

use rand_core::CryptoRng;

use crate::directory::Guest;
use crate::ids::{DeviceId, DocId, EnvelopeId, MemberId, ProposalId, SpaceId, TeamId};
use crate::protocol::{Code, Timestamp};
use crate::records::{
    Called, DeviceClass, FieldView, InputError, RequestState, Role, Shift, Value,
};

use super::grace::Grace;
use super::store::StoreError;

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
#[derive(Debug, Clone, Default)]
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
    /// Limits of a guest (mutual aid); `None` for a member of the team.
    pub guest: Option<Guest>,
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
    /// Whether this member's own check-ins are backed up to the relay, sealed.
    pub backup: bool,
    /// Why nothing sealed can be read now, `locked` or `write_only`; `None` while it can.
    pub shut: Option<Code>,
    /// How long the phone has been without its relay.
    pub grace: Grace,
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
    /// Whether entering them waits for another admin.
    pub waits: bool,
    /// Limits, if the member is a guest.
    pub guest: Option<Guest>,
}

/// A request for support as the phone shows it.
#[derive(Clone)]
pub struct RequestView {
    /// The record.
    pub id: DocId,
    /// Who asks.
    pub member: MemberId,
    /// Whether it is this member's own.
    pub own: bool,
    /// How far it has come.
    pub state: RequestState,
    /// When it was asked.
    pub asked_at: Option<Timestamp>,
    /// Whether that, or the time here, is a clock's that no relay corrected: whose turn it is may be wrong.
    pub uncertain: bool,
    /// Whom to ask for.
    pub who: Option<String>,
    /// How to call back.
    pub call_back: Option<String>,
    /// How soon.
    pub urgency: String,
    /// Peers who opened it.
    pub seen_by: Vec<MemberId>,
    /// Who calls back; several until all but one step back.
    pub taken_by: Vec<MemberId>,
    /// Who is called by now; `None` once somebody calls back or it is closed.
    pub called: Option<Called>,
    /// Whether this member is.
    pub calls_me: bool,
    /// Whether anybody else in the team answers requests. Else say so: it is kept until somebody does.
    pub has_peers: bool,
    /// Names from the roster.
    pub names: BTreeMap<MemberId, String>,
}

/// What a reader does about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestStep {
    /// A peer has opened it.
    Seen,
    /// A peer calls back.
    Take {
        /// Even if somebody else does already.
        also: bool,
    },
    /// A peer cannot, or not any more: the next one is called.
    StepBack,
    /// It needs nobody any more.
    Close,
    /// It needs somebody again.
    Reopen,
}

/// Who is on call, as the roster says it.
#[derive(Debug, Clone)]
pub struct OnCallView {
    /// Who is now, who is called first coming first, and until when.
    pub now: Vec<(MemberId, Timestamp)>,
    /// Shifts that begin later, the soonest first.
    pub next: Vec<Shift>,
    /// Names from the roster.
    pub names: BTreeMap<MemberId, String>,
    /// Whether a relay ever attested the time here; else who is on call is uncertain.
    pub is_sure: bool,
}

/// A change of the directory that waits for a further signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposalView {
    /// Its name, for [`super::Phone::approve`]: bound to the very bytes that are signed.
    pub id: ProposalId,
    /// Who proposes it.
    pub by: MemberId,
    /// Their name from the roster.
    pub by_name: Option<String>,
    /// What would change, in words.
    pub what: String,
    /// Whether this phone proposed it.
    pub mine: bool,
    /// Whether this phone's member is asked for a signature.
    pub waits_for_me: bool,
    /// Whether it is complete and this phone enters it with the next sync.
    pub entering: bool,
    /// Who signed it.
    pub signed: Vec<MemberId>,
    /// Who refused it.
    pub declined: Vec<MemberId>,
}

/// A device that reads a sealed space, as a person checks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderView {
    /// Whose it is.
    pub member: MemberId,
    /// Name from the roster.
    pub name: Option<String>,
    /// The device; `None` for a reader who has none yet, and for a recovery key.
    pub device: Option<DeviceId>,
    /// What kind of installation it is.
    pub class: Option<DeviceClass>,
    /// Eight words of its keys, to be compared in person; empty without a device.
    pub fingerprint: String,
    /// Whether it is no device but the member's recovery key.
    pub recovery: bool,
    /// Whether it reads the past too.
    pub past: bool,
}

/// A change to the text of a session note. Positions and counts are Unicode scalar values.
#[derive(Clone)]
pub struct TextEdit {
    /// Where.
    pub at: usize,
    /// How many characters to remove there.
    pub delete: usize,
    /// What to insert there.
    pub insert: String,
}

/// A record as the phone shows it.
#[derive(Clone)]
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
    /// Why they cannot, if it is because the phone is `locked` or `write_only`.
    pub shut: Option<Code>,
    /// Whether all of its envelopes are acknowledged by the relay.
    pub stored: bool,
    /// Whether something of it stays on this phone, because backup is off.
    pub only_here: bool,
}

/// The session note of an intervention, or one of several made apart.
#[derive(Clone)]
pub struct NoteView {
    /// The session space.
    pub space: SpaceId,
    /// The note.
    pub doc: DocId,
    /// Text by phase, `<kind>.<phase>` (only phases with text).
    pub phases: BTreeMap<String, String>,
    /// Whether the note cannot be opened here.
    pub unreadable: bool,
    /// Why it cannot, if it is because the phone is `locked` or `write_only`.
    pub shut: Option<Code>,
}

/// An envelope that was refused or set aside.
#[derive(Clone)]
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
    /// What it concerns (an id in hex; of a use of recovery the member's and the key's, with `/` between), empty if
    /// nothing in particular.
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
    /// Whether the relay may lack something that this phone holds: exchange again.
    pub heal: bool,
}

impl EngineError {
    pub(crate) fn refused(code: Code) -> Self {
        EngineError::Refused { code, detail: String::new() }
    }

    pub(crate) fn refused_because(code: Code, detail: impl std::fmt::Display) -> Self {
        EngineError::Refused { code, detail: format!(" ({detail})") }
    }
}

impl From<Code> for EngineError {
    fn from(code: Code) -> Self {
        EngineError::refused(code)
    }
}

impl From<InputError> for EngineError {
    fn from(error: InputError) -> Self {
        let detail = format!(" ({}: {})", error.field, error.problem);
        EngineError::Refused { code: error.code, detail }
    }
}

/// The heads of documents, sorted, by (space, document).
pub type DocumentHeads = BTreeMap<(SpaceId, DocId), Vec<[u8; 32]>>;

/// Implements `Debug` for what holds a person's words: ids and codes only, since debug text ends in logs and panics.
macro_rules! wordless_debug {
    ($name:ident { $($field:ident),* }) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($field), &self.$field))*
                    .finish_non_exhaustive()
            }
        }
    };
}
wordless_debug!(TextEdit { at, delete });
wordless_debug!(NoteView { space, doc, unreadable });
wordless_debug!(RecordView { id, kind, space, unreadable, stored, only_here });
wordless_debug!(RequestView { id, member, own, state, calls_me });
wordless_debug!(Draft { id, record, code, own });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_text_holds_no_words() {
        let edit = TextEdit { at: 1, delete: 2, insert: "canary".into() };
        assert_eq!(format!("{edit:?}"), "TextEdit { at: 1, delete: 2, .. }");
    }
}
