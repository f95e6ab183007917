//! The verbs of this release and their arguments.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::raw::RawCase;
use super::{Expected, Typed, Written};

/// One text or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Texts {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Texts {
    /// All of them.
    pub fn all(&self) -> &[String] {
        match self {
            Texts::One(text) => std::slice::from_ref(text),
            Texts::Many(texts) => texts,
        }
    }
}

macro_rules! arguments {
    ($($(#[$doc:meta])* $name:ident { $($(#[$meta:meta])* $field:ident: $type:ty),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name { $($(#[$meta])* pub $field: $type,)* }
        )*
    };
}

arguments! {
    /// A team made on an admin's own device.
    Team { id: String, #[serde(default)] policy: Map<String, Json> }
    /// A member entered by admin1.
    NewMember {
        id: String,
        #[serde(default)] roles: Vec<String>,
        #[serde(default)] unit: Option<String>,
        #[serde(default)] supervises: Vec<String>,
        #[serde(default)] trainings: Vec<Json>,
    }
    /// A device enrolled by invitation.
    NewDevice { id: String, member: String, #[serde(default, rename = "notice")] _notice: Option<bool>, #[serde(default)] by: HandedOver, #[serde(default)] class: Class }
    /// The true time.
    At { at: String }
    /// Time that passes.
    Wait { minutes: i64 }
    /// A wrong clock on one phone.
    Clock { device: String, offset_s: i64 }
    /// One device, or `*`.
    On { device: String }
    /// A crash point of a phone.
    Kill { device: String, point: String }
    /// What a bad network loses next.
    Lose { device: String, next: Half }
    /// What happens to the relay's process.
    RelayStep { op: String, #[serde(default)] point: Option<String>, #[serde(default, rename = "as")] name: Option<String>, #[serde(default)] confirm: Option<bool>, #[serde(default)] keys: Option<bool> }
    /// What a malicious relay does.
    TamperStep { what: String, #[serde(default, rename = "ref")] record: Option<String>, #[serde(default)] part: Option<Part>, #[serde(default)] to: Option<String>, #[serde(default)] from: Option<String>, #[serde(default)] member: Option<String>, #[serde(default)] entries: Option<u64>, #[serde(default)] devices: Option<Vec<String>> }
    /// Two phones exchange over a local link without a relay.
    Meet { a: String, b: String }
    /// What a modified phone pushes.
    PushRaw { device: String, case: Json, #[serde(default, rename = "ref")] record: Option<String> }
    /// A new record.
    Record {
        device: String,
        #[serde(rename = "as")] name: String,
        record: String,
        #[serde(default)] fields: Map<String, Json>,
        #[serde(default)] sealed: Map<String, Json>,
        #[serde(skip)] typed: Typed,
    }
    /// Fields written anew.
    Edit {
        device: String,
        #[serde(rename = "ref")] record: String,
        #[serde(default)] fields: Map<String, Json>,
        #[serde(default)] sealed: Map<String, Json>,
        #[serde(skip)] typed: Typed,
    }
    /// Text put in.
    Insert { at: usize, text: String }
    /// Text taken out.
    Delete { at: usize, count: usize }
    /// A change to a session note.
    Write {
        device: String,
        #[serde(rename = "ref")] record: String,
        phase: String,
        #[serde(default)] insert: Option<Insert>,
        #[serde(default)] delete: Option<Delete>,
    }
    /// Members who become leads.
    Assign { device: String, #[serde(rename = "ref")] record: String, members: Vec<String>, #[serde(default)] declare: Option<Json> }
    /// Two logs of one session, or not.
    ConfirmSame { device: String, a: String, b: String, #[serde(default)] same: Option<bool> }
    /// A copy shown to someone.
    Share { device: String, #[serde(rename = "ref")] record: String, with: Texts, #[serde(default)] text: bool }
    /// A peer answers a request for support, or its author closes it.
    Answer { device: String, #[serde(rename = "ref")] record: String, step: AnswerStep, #[serde(default)] also: bool }
    /// The key of a record's sealed spaces renewed.
    Rotate { device: String, space_of: String }
    /// An admin's phone takes a device out of the team.
    Revoke { device: String, by: String, #[serde(default)] wipe: bool }
    /// A member's reading restored on a new phone.
    Recover {
        member: String,
        #[serde(rename = "as")] name: String,
        with: RecoverWith,
        /// Who hands over a share; the first two who hold one if not given.
        #[serde(default)] holders: Option<Vec<String>>,
        /// The holder whose share is not the one that was made.
        #[serde(default)] wrong: Option<String>,
    }
    /// Whether a member's recovery key reads their own spaces of a kind.
    Escrow { device: String, space: OwnSpace, on: bool }
    /// What a phone shows of a record or of a phase.
    Expect {
        device: String,
        #[serde(rename = "ref")] record: String,
        #[serde(default)] fields: Map<String, Json>,
        #[serde(default)] sealed: Map<String, Json>,
        #[serde(default)] phase: Option<String>,
        #[serde(default)] text: Option<String>,
        #[serde(default)] contains: Option<Texts>,
        #[serde(default)] not: Option<Texts>,
        #[serde(skip)] shown: Expected,
    }
    /// Values in conflict.
    ExpectConflict {
        device: String,
        #[serde(rename = "ref")] record: String,
        field: String,
        values: Vec<Json>,
        #[serde(skip)] shown: Vec<Written>,
    }
    /// A record on a device.
    OnRecord { device: String, #[serde(rename = "ref")] record: String }
    /// A code.
    ExpectRefused { code: String }
    /// Length of an outbox.
    ExpectPending { device: String, count: u64 }
    /// Devices to compare.
    ExpectSame { devices: Texts }
    /// Words that never stand at the relay, or in its data.
    ExpectNever { text: Texts, #[serde(default)] place: Place }
    /// What a page shows.
    ExpectConsole { view: View, #[serde(default)] contains: Option<Texts>, #[serde(default)] not: Option<Texts> }
    /// State of a window.
    ExpectWindow { device: String, #[serde(rename = "ref")] record: String, #[serde(default)] intervention: Option<String>, state: String }
    /// Items set aside.
    ExpectQuarantine { #[serde(default)] count: Option<u64>, #[serde(default)] code: Option<String>, #[serde(default)] device: Option<String> }
    /// An alarm.
    ExpectAlarm { device: String, code: String }
    /// Something a phone shows.
    ExpectShown { device: String, what: Shown, #[serde(default)] of: Option<String> }
    /// How far a request for support has come, and whether this phone's member is called for it.
    ExpectRequest { device: String, #[serde(rename = "ref")] record: String, #[serde(default)] state: Option<String>, #[serde(default)] called: Option<bool> }
}

/// Where at the relay words are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In all it keeps, logged or answered.
    #[default]
    All,
    /// In what it keeps: answers of earlier days stand elsewhere.
    Data,
}

/// What restores a member's reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoverWith {
    /// Another device of the member.
    Device,
    /// The printed code.
    Code,
    /// Two of three shares.
    Shares,
}

/// A space that a member may keep from their recovery key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnSpace {
    /// Check-ins.
    Personal,
    /// Contact notes.
    Care,
}

/// How an invitation reaches the new phone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandedOver {
    /// As a link or QR code; the answer goes over the relay.
    #[default]
    Link,
    /// As ten characters that are typed.
    Code,
    /// As one of a printed batch.
    Batch,
    /// As a QR code, and the answer as a second one: no relay in between.
    Scan,
}

/// What kind of installation a device is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// An app.
    #[default]
    Native,
    /// A browser.
    Web,
}

impl From<Class> for sync_core::records::DeviceClass {
    fn from(class: Class) -> Self {
        match class {
            Class::Native => Self::Native,
            Class::Web => Self::Web,
        }
    }
}

/// Half of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Half {
    /// What the phone sends.
    Request,
    /// What the relay answers.
    Response,
}

/// Part of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Its header.
    Header,
    /// Its body.
    Body,
    /// Its signature.
    Sig,
}

/// A view of the coordinator's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// What needs somebody now.
    Now,
    /// Every incident.
    Incidents,
    /// One incident after the other, in full.
    Incident,
    /// Members and devices.
    People,
}

/// What is done about a request for support.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerStep {
    /// Opened.
    Seen,
    /// Whoever does calls back.
    Take,
    /// Passed on.
    StepBack,
    /// Closed.
    Close,
    /// Opened again.
    Reopen,
}

/// What a phone may have to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// Crisis numbers, at once.
    CrisisNumbers,
    /// Values kept for their author after a refusal.
    Draft,
    /// A device whose fingerprint nobody has compared yet.
    UncheckedDevice,
    /// That the directory was not signed anew for too long.
    StaleDirectory,
    /// A resource that nobody has compared with its source for too long.
    StaleResource,
    /// That this phone's member is on call now.
    OnCall,
    /// That it was wiped by order of its team; on an admin's phone, that another one was.
    Wiped,
    /// On an admin's phone: that another one was ordered to be wiped, and has not said that it was.
    NotYetSeen,
}

/// What happens to the relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayOp {
    /// Stopped in good order and started again.
    Restart,
    /// Killed now and started again.
    Kill,
    /// Killed at a crash point of its next request, then started again.
    KillAt(String),
    /// A copy of its data is kept under a name.
    Backup(String),
    /// Its data are replaced by a copy, and the operator confirms that unless told otherwise.
    Restore {
        /// The copy.
        name: String,
        /// Whether the operator confirms.
        confirm: bool,
        /// Whether there is a backup of the keys; if not, those in place are lost as well.
        keys: bool,
        /// Where the restore dies at first, to be begun again.
        point: Option<String>,
    },
    /// All its data and keys are lost; an admin lists its new key unless told otherwise.
    Wipe {
        /// Whether an admin lists it.
        confirm: bool,
    },
}

/// What a malicious relay does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tamper {
    /// One byte of a stored envelope is changed.
    FlipByte {
        /// Whose.
        record: String,
        /// Where.
        part: Part,
    },
    /// An envelope is served in another document's place.
    MoveEnvelope {
        /// Whose.
        record: String,
        /// Where to.
        to: String,
    },
    /// The next device's keys are replaced while its request waits.
    SwapEnrolmentKeys,
    /// A device of the relay's own making is listed for a member.
    RelayAddDevice {
        /// Whose it claims to be.
        member: String,
    },
    /// The directory's last entries are forgotten.
    RollbackDirectory {
        /// How many.
        entries: u64,
    },
    /// A second directory is kept for some devices.
    ForkDirectory {
        /// For these.
        devices: Vec<String>,
    },
    /// What one device wrote is kept from another one.
    Withhold {
        /// The author.
        from: String,
        /// Who does not get it.
        to: String,
    },
}

/// A step's verb with its arguments.
#[derive(Debug, Clone)]
pub enum Verb {
    Team(Team),
    Member(NewMember),
    Device(NewDevice),
    Time(At),
    Wait(Wait),
    Clock(Clock),
    Offline(On),
    Online(On),
    Sync(On),
    Restart(On),
    Kill(Kill),
    Drop(Lose),
    Repeat(On),
    Reorder(On),
    Lock(On),
    Unlock(On),
    Panic(On),
    Relay(RelayOp),
    Tamper(Tamper),
    Meet(Meet),
    PushRaw {
        device: String,
        case: RawCase,
        record: Option<String>,
    },
    Record(Record),
    Edit(Edit),
    Write(Write),
    Assign(Assign),
    ConfirmSame(ConfirmSame),
    Share(Share),
    /// A request for support answered.
    Answer(Answer),
    Rotate(Rotate),
    Revoke(Revoke),
    Purge(OnRecord),
    /// A record is under a legal hold from here on.
    Hold(OnRecord),
    Recover(Recover),
    Escrow(Escrow),
    Expect(Expect),
    ExpectConflict(ExpectConflict),
    ExpectNoConflict(OnRecord),
    ExpectUnreadable(OnRecord),
    ExpectAbsent(OnRecord),
    ExpectRefused(ExpectRefused),
    ExpectPending(ExpectPending),
    ExpectFirst(OnRecord),
    ExpectSame(ExpectSame),
    ExpectRelayNever(ExpectNever),
    ExpectConsole(ExpectConsole),
    ExpectWindow(ExpectWindow),
    ExpectQuarantine(ExpectQuarantine),
    ExpectAlarm(ExpectAlarm),
    ExpectShown(ExpectShown),
    /// How far a request for support has come.
    ExpectRequest(ExpectRequest),
}

impl Verb {
    /// Whether it only looks.
    pub fn is_expectation(&self) -> bool {
        matches!(
            self,
            Self::Expect(_)
                | Self::ExpectConflict(_)
                | Self::ExpectNoConflict(_)
                | Self::ExpectUnreadable(_)
                | Self::ExpectAbsent(_)
                | Self::ExpectRefused(_)
                | Self::ExpectPending(_)
                | Self::ExpectFirst(_)
                | Self::ExpectSame(_)
                | Self::ExpectRelayNever(_)
                | Self::ExpectConsole(_)
                | Self::ExpectWindow(_)
                | Self::ExpectQuarantine(_)
                | Self::ExpectAlarm(_)
                | Self::ExpectShown(_)
                | Self::ExpectRequest(_)
        )
    }
}
