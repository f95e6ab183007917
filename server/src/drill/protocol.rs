//! What the runner says to the processes it started, and what they answer: one JSON object a line.
//!
//! Each command to a phone carries the phone's clock, so the runner owns time. Passphrases and links cross
//! these pipes and nothing else; they are never logged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sync_core::records::Value;

use super::script::{AnswerStep, Class, HandedOver, HostileCase, Part};

/// A command to a phone's process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToPhone {
    /// The phone's clock.
    pub now_ms: i64,
    /// A clock of the machine that nobody sets.
    pub up_ms: i64,
    /// What to do.
    pub command: PhoneCommand,
}

/// What a phone's process can do.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum PhoneCommand {
    /// Makes a team and its first device.
    Create {
        passphrase: String,
        origin: String,
        connect: String,
        policy: Json,
        name: String,
    },
    /// Starts to join by a link.
    Join {
        passphrase: String,
        connect: String,
        link: String,
        class: Class,
    },
    /// Starts to join by a link, with a member's recovery code.
    JoinRecovering {
        passphrase: String,
        connect: String,
        link: String,
        code: String,
    },
    /// Makes a recovery key: what is printed is told, to be kept by the runner as on paper.
    MakeRecovery {
        holders: Option<[String; 3]>,
        printed: bool,
    },
    /// An admin approves a member's recovery key.
    ApproveRecovery {
        member: String,
    },
    /// What a phone to be restored shows to holders of shares.
    RecoveryRequest,
    /// A holder hands over a share.
    ReleaseShare {
        request: String,
    },
    /// Gives a joining phone its shares.
    RecoverShares {
        shares: Vec<String>,
    },
    /// Whether the recovery key reads the member's own spaces of a kind.
    SetEscrow {
        care: bool,
        on: bool,
    },
    /// Starts to join by a typed code.
    JoinByCode {
        passphrase: String,
        connect: String,
        origin: String,
        code: String,
        class: Class,
    },
    /// What the inviting phone scans.
    JoinReply,
    /// Opens what the folder holds.
    Open {
        passphrase: String,
        connect: String,
        /// Whether nobody unlocks it.
        locked: bool,
    },
    /// Forgets what reads, until it is unlocked.
    Lock,
    /// Unlocks with its passphrase.
    Unlock,
    /// Destroys what reads.
    Panic,
    /// Asks the relay once whether the device is listed.
    Enrol,
    AddMember {
        name: Option<String>,
        roles: Vec<String>,
        admin: bool,
        unit: Option<String>,
        supervises: Vec<String>,
    },
    Invite {
        member: String,
        by: HandedOver,
    },
    RemoveDevice {
        device: String,
        wipe: bool,
    },
    /// An order for a device that was removed before.
    OrderWipe {
        device: String,
    },
    /// The devices that were removed, and which of them were wiped.
    Removed,
    /// Takes what the new phone showed.
    AcceptReply {
        reply: String,
    },
    /// Approves every change of the directory that waits for this phone's signature.
    ApproveAll,
    /// Says hello, answers a hello, or takes an answer of a meeting; bytes as hexadecimal digits.
    Meet {
        step: u8,
        message: String,
    },
    Record {
        kind: String,
        fields: BTreeMap<String, Value>,
    },
    Edit {
        record: String,
        fields: BTreeMap<String, Value>,
    },
    Write {
        record: String,
        phase: String,
        at: usize,
        delete: usize,
        insert: String,
    },
    Assign {
        record: String,
        members: Vec<String>,
    },
    /// Says whether two interventions are one session.
    ConfirmSame {
        a: String,
        b: String,
        same: bool,
    },
    /// Answers the three questions for the phone's own member.
    Declare {
        record: String,
        answers: [Option<bool>; 3],
    },
    /// Answers a request for support.
    Answer {
        record: String,
        step: AnswerStep,
        also: bool,
    },
    Purge {
        record: String,
    },
    /// Puts a record under a legal hold.
    Hold {
        record: String,
    },
    Share {
        record: String,
        with: Vec<String>,
        text: bool,
    },
    Rotate {
        record: String,
    },
    Show {
        record: String,
    },
    List {
        kind: Option<String>,
    },
    Notes {
        record: String,
    },
    Window {
        record: String,
        intervention: Option<String>,
    },
    Drafts,
    Alarms,
    /// Requests for support, and how far each is.
    Requests,
    /// Whether a resource is stale, and whether this phone's member is on call.
    Roster,
    Outbox,
    /// Heads by document, and the spaces this phone reads.
    Heads,
    /// Session notes that this phone reads, with their text.
    ReadableNotes,
    /// The devices that the directory lists.
    Devices,
    Status,
    /// Lists a relay; for an admin.
    ListRelay {
        relay: String,
    },
    Sync,
    /// Arms a crash point.
    Arm {
        point: String,
    },
    /// Pushes a record past the phone's own checks.
    PushRecord {
        kind: String,
        fields: BTreeMap<String, Value>,
    },
    /// Writes into a session note past the phone's own checks, and pushes it; without a record, of a session of its own.
    PushNote {
        record: Option<String>,
        phase: String,
        at: usize,
        delete: usize,
        insert: String,
    },
    /// Pushes a harmful change.
    PushHostile {
        case: HostileCase,
        record: Option<String>,
    },
}

/// A command to the relay's process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum RelayCommand {
    /// Sets the relay's clock.
    Time {
        /// Milliseconds since 1970.
        now_ms: i64,
    },
    /// Arms a crash point.
    Arm {
        /// Its name.
        point: String,
    },
    /// Allows a team.
    AllowTeam {
        /// Its number.
        team: String,
    },
    /// Copies the running relay's data into a folder, and its keys into another.
    Backup {
        /// The folder, which is empty.
        folder: String,
        /// The keys' folder.
        keys: String,
    },
    /// Serves again after a restore, as the operator says.
    ConfirmRestore,
    /// Its number.
    Id,
    /// Makes a one-time link to the coordinator's page.
    ConsoleLink {
        /// The team's number.
        team: String,
    },
    /// Changes one byte of the last envelope of a document.
    FlipByte {
        /// The document.
        doc: String,
        /// Where.
        part: Part,
    },
    /// Serves the last envelope of one document as one of another.
    MoveEnvelope {
        /// From.
        doc: String,
        /// To.
        to: String,
    },
    /// Replaces the keys of every device that waits to be let in.
    SwapEnrolmentKeys,
    /// Lists a device of the relay's own making for a member.
    AddDevice {
        /// The member.
        member: String,
    },
    /// Forgets the directory's last entries; the process must be started again.
    RollbackDirectory {
        /// How many.
        entries: u64,
    },
    /// Starts a second relay on a copy of everything, with the same key.
    ForkDirectory,
    /// Shows each of the two relays what was written at the other, but for the directory.
    Mirror,
    /// Keeps what one device writes from another one.
    Withhold {
        /// The author.
        from: String,
        /// Who does not get it.
        to: String,
    },
    /// What was set aside: ids and codes.
    Quarantine {
        /// The team's number.
        team: String,
    },
    /// The stored row of the last envelope of a document.
    Row {
        /// The document.
        doc: String,
    },
    /// Stops in good order.
    Stop,
}

/// An answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was done.
    Done(Json),
    /// It was refused; nothing is half-done.
    Refused {
        /// The code.
        code: String,
        /// The sentence.
        sentence: String,
    },
    /// The process cannot do it: a fault of the exercise, not of the product.
    Broken(String),
}
