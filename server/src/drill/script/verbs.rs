//! The verbs of this release and their arguments, and the names of those that later releases have.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::raw::{self, RawCase};
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
    NewDevice { id: String, member: String, #[serde(default, rename = "notice")] _notice: Option<bool> }
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
    RelayStep { op: String, #[serde(default)] point: Option<String>, #[serde(default, rename = "as")] name: Option<String>, #[serde(default)] confirm: Option<bool> }
    /// What a malicious relay does.
    TamperStep { what: String, #[serde(default, rename = "ref")] record: Option<String>, #[serde(default)] part: Option<Part>, #[serde(default)] to: Option<String> }
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
    /// A copy shown to someone.
    Share { device: String, #[serde(rename = "ref")] record: String, with: Texts, #[serde(default)] text: bool }
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
    /// Words that never stand at the relay.
    ExpectNever { text: Texts }
    /// What a page shows.
    ExpectConsole { view: View, #[serde(default)] contains: Option<Texts>, #[serde(default)] not: Option<Texts> }
    /// State of a window.
    ExpectWindow { device: String, #[serde(rename = "ref")] record: String, #[serde(default)] intervention: Option<String>, state: String }
    /// Items set aside.
    ExpectQuarantine { #[serde(default)] count: Option<u64>, #[serde(default)] code: Option<String>, #[serde(default)] device: Option<String> }
    /// An alarm.
    ExpectAlarm { device: String, code: String }
    /// Something a phone shows.
    ExpectShown { device: String, #[serde(deserialize_with = "shown")] what: Shown }
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

/// What a phone may have to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// Crisis numbers, at once.
    CrisisNumbers,
    /// Values kept for their author after a refusal.
    Draft,
}

/// What a phone may show in later releases.
const SHOWN_LATER: &[&str] = &["stale_directory"];

fn shown<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Shown, D::Error> {
    let name = String::deserialize(from)?;
    if SHOWN_LATER.contains(&name.as_str()) {
        return Err(serde::de::Error::custom(not_yet(&format!("{name} of expect_shown"))));
    }
    Shown::deserialize(serde::de::value::StringDeserializer::new(name))
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
    PushRaw { device: String, case: RawCase, record: Option<String> },
    Record(Record),
    Edit(Edit),
    Write(Write),
    Assign(Assign),
    Share(Share),
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
}

const LATER: &[&str] = &[
    "clone",
    "bundle",
    "meet",
    "escalate",
    "hand_over",
    "confirm_same",
    "purge",
    "hold",
    "revoke",
    "rotate",
    "recover",
    "expect_statistic",
];

pub(super) fn arguments<T: DeserializeOwned>(object: Map<String, Json>) -> Result<T, String> {
    serde_json::from_value(Json::Object(object)).map_err(|error| error.to_string())
}

impl Verb {
    /// Reads a verb's arguments.
    pub fn parse(name: &str, object: Map<String, Json>) -> Result<Self, String> {
        Ok(match name {
            "team" => Self::Team(arguments(object)?),
            "member" => Self::Member(arguments(object)?),
            "device" => Self::Device(arguments(object)?),
            "time" => Self::Time(arguments(object)?),
            "wait" => Self::Wait(arguments(object)?),
            "clock" => Self::Clock(arguments(object)?),
            "offline" => Self::Offline(arguments(object)?),
            "online" => Self::Online(arguments(object)?),
            "sync" => Self::Sync(arguments(object)?),
            "restart" => Self::Restart(arguments(object)?),
            "kill" => Self::Kill(arguments(object)?),
            "drop" => Self::Drop(arguments(object)?),
            "repeat" => Self::Repeat(arguments(object)?),
            "reorder" => Self::Reorder(arguments(object)?),
            "lock" => Self::Lock(arguments(object)?),
            "unlock" => Self::Unlock(arguments(object)?),
            "panic" => Self::Panic(arguments(object)?),
            "relay" => Self::Relay(relay(arguments(object)?)?),
            "tamper" => Self::Tamper(tamper(arguments(object)?)?),
            "push_raw" => raw::push_raw(arguments(object)?)?,
            "record" => Self::Record(arguments(object)?),
            "edit" => Self::Edit(arguments(object)?),
            "write" => Self::Write(arguments(object)?),
            "assign" => Self::Assign(arguments(object)?),
            "share" => Self::Share(arguments(object)?),
            "expect" => Self::Expect(arguments(object)?),
            "expect_conflict" => Self::ExpectConflict(arguments(object)?),
            "expect_no_conflict" => Self::ExpectNoConflict(arguments(object)?),
            "expect_unreadable" => Self::ExpectUnreadable(arguments(object)?),
            "expect_absent" => Self::ExpectAbsent(arguments(object)?),
            "expect_refused" => Self::ExpectRefused(arguments(object)?),
            "expect_pending" => Self::ExpectPending(arguments(object)?),
            "expect_first" => Self::ExpectFirst(arguments(object)?),
            "expect_same" => Self::ExpectSame(arguments(object)?),
            "expect_relay_never" => Self::ExpectRelayNever(arguments(object)?),
            "expect_console" => Self::ExpectConsole(arguments(object)?),
            "expect_window" => Self::ExpectWindow(arguments(object)?),
            "expect_quarantine" => Self::ExpectQuarantine(arguments(object)?),
            "expect_alarm" => Self::ExpectAlarm(arguments(object)?),
            "expect_shown" => Self::ExpectShown(arguments(object)?),
            later if LATER.contains(&later) => return Err(not_yet(later)),
            _ => return Err(format!("no verb is named {name}")),
        })
    }

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
        )
    }
}

/// The sentence for what a later release has.
pub(super) fn not_yet(what: &str) -> String {
    format!("{what} is not in this release")
}

fn relay(step: RelayStep) -> Result<RelayOp, String> {
    if step.name.is_some() || step.confirm.is_some() {
        return Err("\"as\" and \"confirm\" belong to backup, restore and wipe, which are not in this release".into());
    }
    match (step.op.as_str(), step.point) {
        ("restart", None) => Ok(RelayOp::Restart),
        ("kill", None) => Ok(RelayOp::Kill),
        ("kill", Some(point)) => Ok(RelayOp::KillAt(point)),
        ("restart", Some(_)) => Err("\"point\" belongs to kill".into()),
        ("backup" | "restore" | "wipe", _) => Err(not_yet(&format!("relay {}", step.op))),
        _ => Err("\"op\" is one of restart, kill, backup, restore, wipe".into()),
    }
}

fn tamper(step: TamperStep) -> Result<Tamper, String> {
    match (step.what.as_str(), step.record, step.part, step.to) {
        ("flip_byte", Some(record), Some(part), None) => Ok(Tamper::FlipByte { record, part }),
        ("flip_byte", ..) => Err("flip_byte takes \"ref\" and \"part\"".into()),
        ("move_envelope", Some(record), None, Some(to)) => Ok(Tamper::MoveEnvelope { record, to }),
        ("move_envelope", ..) => Err("move_envelope takes \"ref\" and \"to\"".into()),
        ("swap_enrolment_keys", None, None, None) => Ok(Tamper::SwapEnrolmentKeys),
        ("swap_enrolment_keys", ..) => Err("swap_enrolment_keys takes nothing more".into()),
        ("relay_add_device" | "rollback_directory" | "fork_directory" | "withhold", ..) => {
            Err(not_yet(&format!("tamper {}", step.what)))
        }
        _ => Err("\"what\" is one of flip_byte, move_envelope, swap_enrolment_keys".into()),
    }
}
