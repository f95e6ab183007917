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
    RelayStep { op: String, #[serde(default)] point: Option<String>, #[serde(default, rename = "as")] name: Option<String>, #[serde(default)] confirm: Option<bool> }
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
    /// A copy shown to someone.
    Share { device: String, #[serde(rename = "ref")] record: String, with: Texts, #[serde(default)] text: bool }
    /// The key of a record's sealed spaces renewed.
    Rotate { device: String, space_of: String }
    /// An admin's phone takes a device out of the team.
    Revoke { device: String, by: String }
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
    ExpectShown { device: String, what: Shown }
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
    Relay(RelayOp),
    Tamper(Tamper),
    Meet(Meet),
    PushRaw { device: String, case: RawCase, record: Option<String> },
    Record(Record),
    Edit(Edit),
    Write(Write),
    Assign(Assign),
    Share(Share),
    Rotate(Rotate),
    Revoke(Revoke),
    Purge(OnRecord),
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
}

const LATER: &[&str] = &[
    "clone",
    "bundle",
    "escalate",
    "hand_over",
    "confirm_same",
    "hold",
    "lock",
    "unlock",
    "panic",
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
            "relay" => Self::Relay(relay(arguments(object)?)?),
            "tamper" => Self::Tamper(tamper(arguments(object)?)?),
            "meet" => Self::Meet(arguments(object)?),
            "push_raw" => raw::push_raw(arguments(object)?)?,
            "record" => Self::Record(arguments(object)?),
            "edit" => Self::Edit(arguments(object)?),
            "write" => Self::Write(arguments(object)?),
            "assign" => Self::Assign(arguments(object)?),
            "share" => Self::Share(arguments(object)?),
            "rotate" => Self::Rotate(arguments(object)?),
            "revoke" => Self::Revoke(arguments(object)?),
            "purge" => Self::Purge(arguments(object)?),
            "recover" => Self::Recover(arguments(object)?),
            "escrow" => Self::Escrow(arguments(object)?),
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
    let step_point = step.point.clone();
    let name = step.name.clone().unwrap_or_else(|| "backup".into());
    let confirm = step.confirm.unwrap_or(true);
    match (step.op.as_str(), step.name, step.confirm, step.point) {
        ("backup", _, None, None) => return Ok(RelayOp::Backup(name)),
        ("restore", _, _, point) => return Ok(RelayOp::Restore { name, confirm, point }),
        ("wipe", None, _, None) => return Ok(RelayOp::Wipe { confirm }),
        ("backup", ..) => return Err("backup takes \"as\" and nothing more".into()),
        ("wipe", ..) => return Err("wipe takes \"confirm\" and nothing more".into()),
        (_, Some(_), ..) => return Err("\"as\" belongs to backup and restore".into()),
        (_, _, Some(_), _) => return Err("\"confirm\" belongs to restore and wipe".into()),
        _ => {}
    }
    match (step.op.as_str(), step_point) {
        ("restart", None) => Ok(RelayOp::Restart),
        ("kill", None) => Ok(RelayOp::Kill),
        ("kill", Some(point)) => Ok(RelayOp::KillAt(point)),
        ("restart", Some(_)) => Err("\"point\" belongs to kill".into()),
        _ => Err("\"op\" is one of restart, kill, backup, restore, wipe".into()),
    }
}

fn tamper(step: TamperStep) -> Result<Tamper, String> {
    let TamperStep { what, record, part, to, from, member, entries, devices } = step;
    let given = [
        ("ref", record.is_some()),
        ("part", part.is_some()),
        ("to", to.is_some()),
        ("from", from.is_some()),
        ("member", member.is_some()),
        ("entries", entries.is_some()),
        ("devices", devices.is_some()),
    ];
    let given: Vec<&str> = given.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    let (takes, tamper): (&[&str], Option<Tamper>) = match what.as_str() {
        "flip_byte" => (
            &["ref", "part"],
            record.zip(part).map(|(record, part)| Tamper::FlipByte { record, part }),
        ),
        "move_envelope" => {
            (&["ref", "to"], record.zip(to).map(|(record, to)| Tamper::MoveEnvelope { record, to }))
        }
        "swap_enrolment_keys" => (&[], Some(Tamper::SwapEnrolmentKeys)),
        "relay_add_device" => (&["member"], member.map(|member| Tamper::RelayAddDevice { member })),
        "rollback_directory" => {
            (&["entries"], entries.map(|entries| Tamper::RollbackDirectory { entries }))
        }
        "fork_directory" => {
            (&["devices"], devices.map(|devices| Tamper::ForkDirectory { devices }))
        }
        "withhold" => {
            (&["to", "from"], from.zip(to).map(|(from, to)| Tamper::Withhold { from, to }))
        }
        _ => {
            return Err("\"what\" is one of flip_byte, move_envelope, relay_add_device, rollback_directory, fork_directory, swap_enrolment_keys, withhold".into());
        }
    };
    match tamper {
        Some(tamper) if given == takes => Ok(tamper),
        _ if takes.is_empty() => Err(format!("{what} takes nothing more")),
        _ => {
            let takes: Vec<String> = takes.iter().map(|name| format!("\"{name}\"")).collect();
            Err(format!("{what} takes {}", takes.join(" and ")))
        }
    }
}
