//! What is typed after `aftercall phone`. Only shapes; meaning is the verbs' business.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// A phone on the command line.
#[derive(Debug, Args)]
pub struct PhoneArgs {
    /// Folder of this phone's encrypted database and vault
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Print JSON instead of words
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// What a terminal phone does. A record or a member may be named by the first digits (at least four) of its id.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a team; this phone becomes its first admin's
    Create(Create),
    /// Let a member's phone in: prints a link or a code for it
    Invite(Invite),
    /// Show the invitations made on this phone, and what became of them
    Invites,
    /// Change who may do what, and sign what other admins propose
    #[command(subcommand)]
    Team(TeamVerb),
    /// Join a team by an invitation's link or typed code
    Join(Join),
    /// Print the reply that the inviting phone takes with `accept`, where there is no link to the relay
    Reply,
    /// Take a new phone's reply and let it in
    Accept {
        /// The reply, or `-` to read it from standard input
        #[arg(value_name = "REPLY")]
        reply: String,
    },
    /// Show the team's phones and other devices
    Devices,
    /// Note that somebody compared a device's id on both phones
    Check {
        /// The device, by its id or the first digits of it
        #[arg(value_name = "DEVICE")]
        device: String,
    },
    /// Show who is in the team
    Members,
    /// Make a record, as: record check_in zone=reacting sleep_hours=5.5
    Record {
        /// The kind of record
        kind: String,
        /// Its fields; sets separated by commas, times as 2026-03-01T18:00:00Z or `now`
        #[arg(value_name = "FIELD=VALUE")]
        fields: Vec<String>,
    },
    /// Change fields of a record
    Edit {
        /// The record
        #[arg(value_name = "REF")]
        record: String,
        /// The fields to change
        #[arg(value_name = "FIELD=VALUE", required = true)]
        fields: Vec<String>,
    },
    /// Show the clock of an incident (of every open one, if none is named): what is next, until when and for whom
    Clock {
        /// The incident
        #[arg(value_name = "INCIDENT")]
        incident: Option<String>,
    },
    /// Show interventions that look like one session logged twice, or say of two whether they are one
    Same {
        /// The two records
        #[arg(value_name = "INTERVENTION", num_args = 0..=2)]
        records: Vec<String>,
        /// They are two sessions
        #[arg(long)]
        no: bool,
    },
    /// Show the after-action report of an incident: counts, times and windows kept, without a name
    AfterAction {
        /// The incident
        #[arg(value_name = "INCIDENT")]
        incident: String,
    },
    /// Plan the follow-ups of an incident that are still to come (24 hours, 1 week, 1 month, anniversary) as tasks of one member
    FollowUps {
        /// The incident
        #[arg(value_name = "INCIDENT")]
        incident: String,
        /// Whose tasks; your own unless told otherwise
        #[arg(long = "for", value_name = "MEMBER")]
        assignee: Option<String>,
    },
    /// Tick phases and ground rules of an intervention with their time, as: tick 1a2b introduction no_rank@2026-03-01T18:05:00Z
    Tick {
        /// The intervention
        #[arg(value_name = "INTERVENTION")]
        intervention: String,
        /// Phases or ground rules; now, unless a time stands behind @
        #[arg(value_name = "CODE[@TIME]", required = true)]
        ticks: Vec<String>,
    },
    /// What is usual for each kind of intervention: for whom, who leads, how large, which phases
    Kinds {
        /// Only this kind
        kind: Option<String>,
    },
    /// Write in the session note of an intervention
    Write(Write),
    /// Put members on the team of an intervention, as its leads unless told otherwise
    Assign {
        /// The intervention
        #[arg(value_name = "INTERVENTION")]
        intervention: String,
        /// Ids or names of the members
        #[arg(value_name = "MEMBER", required = true)]
        members: Vec<String>,
        /// As what: lead (who reads the session note), mhp, peer, chaplain, doorkeeper, support
        #[arg(long = "as", value_name = "PART", default_value = "lead")]
        part: String,
    },
    /// Show the team of an intervention: answers, what speaks against somebody, trainings, load
    Staffing {
        /// The intervention
        #[arg(value_name = "INTERVENTION")]
        intervention: String,
    },
    /// Answer for yourself whether you may work on an intervention; without one, show which wait for your answer
    Declare(Declare),
    /// Let a member work in spite of a conflict, with the reason (clinical directors; noted in the audit log)
    Override {
        /// The intervention
        #[arg(value_name = "INTERVENTION")]
        intervention: String,
        /// The member
        #[arg(value_name = "MEMBER")]
        member: String,
        /// nobody_else_available, crew_asked_for_them, conflict_is_remote or recorded_in_error
        #[arg(value_name = "REASON")]
        reason: String,
    },
    /// Say whether you can be asked to work: on_call, available, resting or unavailable
    Available {
        /// The state
        #[arg(value_name = "STATE")]
        state: String,
    },
    /// Show a copy of a check-in to someone
    Share {
        /// The check-in
        #[arg(value_name = "REF")]
        record: String,
        /// Who sees the copy
        #[arg(long, value_name = "MEMBER", required = true)]
        with: Vec<String>,
        /// Send its text along
        #[arg(long)]
        text: bool,
    },
    /// Show who reads what is sealed of a record, with the words to compare in person
    Readers {
        /// The record
        #[arg(value_name = "REF")]
        record: String,
    },
    /// Show the eight words of this phone's keys, to compare with what others' phones show
    Fingerprint,
    /// Let a member read what is sealed of a record that you read
    LetIn {
        /// The record
        #[arg(value_name = "REF")]
        record: String,
        /// Who is let in
        #[arg(value_name = "MEMBER")]
        member: String,
        /// Only what is written from now on, not what is there already
        #[arg(long)]
        from_now_on: bool,
    },
    /// Renew the key of what is sealed of a record, so that what follows opens with the new one alone
    Rotate {
        /// The record
        #[arg(value_name = "REF")]
        record: String,
    },
    /// Keep a sealed copy of your own check-ins at the relay, or on this phone only (as at first)
    Backup {
        /// on or off
        #[arg(value_parser = ["on", "off"])]
        switch: String,
    },
    /// Erase a record for good, on every phone and the relay
    Purge {
        /// The record
        #[arg(value_name = "REF")]
        record: String,
        /// Only the session note of this intervention
        #[arg(long)]
        note: bool,
    },
    /// What was erased, when and why
    Receipts,
    /// Keep a record from being erased by anybody or by its time (admins)
    Hold {
        /// The record
        #[arg(value_name = "REF")]
        record: String,
        /// End the hold
        #[arg(long)]
        end: bool,
    },
    /// Prepare for the loss of this phone, or restore a lost one's reading on this phone
    Recovery {
        /// What to do
        #[command(subcommand)]
        verb: RecoveryVerb,
    },
    /// List records
    List {
        /// Only this kind
        kind: Option<String>,
    },
    /// Show one record, and the session note of an intervention
    Show {
        /// The record
        #[arg(value_name = "REF")]
        record: String,
    },
    /// Show where people wrote different values at once
    Conflicts,
    /// Settle a conflict: the value given is the one that counts
    Resolve {
        /// The record
        #[arg(value_name = "REF")]
        record: String,
        /// The fields to settle
        #[arg(value_name = "FIELD=VALUE", required = true)]
        fields: Vec<String>,
    },
    /// Show what was refused or set aside and is kept for you
    Drafts,
    /// Show what somebody must know
    Alarms {
        /// What this alarm tells of is known and done with: end it
        #[arg(long, value_name = "CODE")]
        seen: Option<String>,
    },
    /// Show what waits to be sent
    #[command(alias = "pending")]
    Outbox,
    /// Exchange what each side lacks with the relay
    Sync,
    /// Go on syncing whenever the relay hints that something is there, and say what arrived; Ctrl-C ends it. It keeps the
    /// phone to itself meanwhile, and shows nothing sealed once it has locked itself
    Watch {
        /// Seconds after which it syncs without a hint, too
        #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
        every: u64,
    },
    /// Show what this phone is
    Status,
    /// Show what this phone knows of its relay; --list is an admin's word
    Relay {
        /// List a relay beside or in place of the one listed before (admins)
        #[arg(long, value_name = "NUMBER")]
        list: Option<sync_core::ids::RelayId>,
        /// The change that was told is known: end that alarm
        #[arg(long)]
        seen: bool,
    },
    /// Fetch and show the relay's audit log (admins)
    Audit,
    /// Stay locked: show nothing sealed and ask for no passphrase, until `unlock`
    Lock,
    /// Unlock with the passphrase
    Unlock,
    /// Say what is left after a panic, or destroy everything this phone can read
    Panic {
        /// Destroy it; there is no way back on this phone
        #[arg(long)]
        yes: bool,
    },
    /// Show the crisis numbers; needs no link and no waiting
    Crisis,
    /// Show who else can help: crisis lines, clinicians, chaplains; needs no link
    Resources {
        /// Only this kind of help, as chaplain
        kind: Option<String>,
    },
    /// Ask for a peer: `now` shows the crisis numbers first, and leaves this phone first
    Ask {
        /// routine, today or now
        urgency: String,
        /// What else to say, as call_back="555 0100" words="..."
        #[arg(value_name = "FIELD=VALUE")]
        fields: Vec<String>,
    },
    /// Show your own check-ins by week; nothing of it leaves this phone
    Trend {
        /// How many weeks
        #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=52))]
        weeks: u32,
    },
    /// Show requests for support: your own and how far they are, and those that you may answer
    Requests,
    /// Open a request for support and answer it
    Request {
        /// The request
        #[arg(value_name = "REF")]
        request: String,
        /// What you do about it; without it, it is opened, and whoever asked is told that you have seen it
        #[arg(value_enum)]
        step: Option<RequestVerb>,
        /// With `take`: although somebody else calls back already
        #[arg(long)]
        also: bool,
    },
    /// Show who of the team is on call now, and who is next; needs no link
    OnCall,
}

/// What is done about a request for support.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RequestVerb {
    /// Call back; the others are told
    Take,
    /// Step back, or pass it on: the next on call is called
    StepBack,
    /// Close it: it needs nobody any more
    Close,
    /// Open it again: it needs somebody after all
    Reopen,
}

/// What an admin's phone does with the team's directory.
#[derive(Debug, Subcommand)]
pub enum TeamVerb {
    /// Show the changes that wait for another admin's signature
    Approvals,
    /// Sign a change as `approvals` shows it
    Approve {
        /// The change
        #[arg(value_name = "CHANGE")]
        change: String,
    },
    /// Refuse a change; its admin is told
    Decline {
        /// The change
        #[arg(value_name = "CHANGE")]
        change: String,
    },
    /// Take back a change proposed on this phone
    Withdraw {
        /// The change
        #[arg(value_name = "CHANGE")]
        change: String,
    },
    /// Take a member out of the team with all their devices, or one device
    Remove {
        /// The member
        #[arg(value_name = "MEMBER", required_unless_present = "device")]
        member: Option<String>,
        /// Only this device, by its id or the first digits of it
        #[arg(long, value_name = "DEVICE", conflicts_with = "member")]
        device: Option<String>,
        /// And order what is removed to erase everything it holds when it next calls
        #[arg(long)]
        wipe: bool,
    },
    /// Order a removed phone to erase everything it holds when it next calls
    Wipe {
        /// The phone, as `devices` shows it, or its member's name for all of theirs that were removed
        #[arg(value_name = "DEVICE")]
        device: String,
    },
    /// Show what came after its device was removed
    SetAside,
    /// Let items that `set-aside` shows count after all
    Release {
        /// The items
        #[arg(value_name = "ITEM", required = true)]
        items: Vec<String>,
    },
    /// Set a member's roles: those given are all they have afterwards
    Roles {
        /// The member
        #[arg(value_name = "MEMBER")]
        member: String,
        /// A field role
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// Whether the member may sign directory entries
        #[arg(long)]
        admin: bool,
    },
}

/// Arguments of `declare`.
#[derive(Debug, Args)]
pub struct Declare {
    /// The intervention
    #[arg(value_name = "INTERVENTION")]
    pub intervention: Option<String>,
    /// Nothing speaks against it: the answer to all three is yes
    #[arg(long, conflicts_with_all = ["not_present", "no_supervision", "not_close"])]
    pub clear: bool,
    /// You were not at the incident
    #[arg(long, value_name = "yes|no", value_parser = ["yes", "no"])]
    pub not_present: Option<String>,
    /// You supervise nobody of the crews
    #[arg(long, value_name = "yes|no", value_parser = ["yes", "no"])]
    pub no_supervision: Option<String>,
    /// You are close to nobody served
    #[arg(long, value_name = "yes|no", value_parser = ["yes", "no"])]
    pub not_close: Option<String>,
}

/// Arguments of `create`.
#[derive(Debug, Args)]
pub struct Create {
    /// The relay's address, as `https://relay.example`
    #[arg(long, value_name = "URL")]
    pub relay: String,
    /// Your name, as the team's staff see it
    #[arg(long)]
    pub name: Option<String>,
    /// Your field roles besides admin, as coordinator
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,
    /// The policy profile that the team starts from: neutral, us_mt, us_fed, us_ca_fire, us_me, uk_gdpr
    #[arg(long, default_value = "neutral")]
    pub profile: String,
    /// Policy fields laid over the profile, as notes_mode=none
    #[arg(long = "policy", value_name = "FIELD=VALUE")]
    pub policy: Vec<String>,
}

/// Arguments of `invite`.
#[derive(Debug, Args)]
pub struct Invite {
    /// A member who is entered already
    #[arg(long, value_name = "MEMBER", conflicts_with_all = ["name", "roles", "admin", "unit", "supervises", "until", "spaces"])]
    pub member: Option<String>,
    /// Name of a new member, if staff
    #[arg(long)]
    pub name: Option<String>,
    /// Field roles of a new member
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,
    /// Whether the new member may enter members
    #[arg(long)]
    pub admin: bool,
    /// Unit of the new member, as station-4
    #[arg(long)]
    pub unit: Option<String>,
    /// Units that the new member supervises
    #[arg(long, value_name = "UNIT")]
    pub supervises: Vec<String>,
    /// A further phone of your own
    #[arg(long, conflicts_with_all = ["member", "name", "roles", "admin", "unit", "supervises", "batch"])]
    pub my_device: bool,
    /// Ten characters to be typed on the new phone, instead of a link; both phones must reach the relay
    #[arg(long, conflicts_with = "batch")]
    pub typed: bool,
    /// Links for these members, to be printed: good for three days
    #[arg(long, value_name = "MEMBER", num_args = 1.., conflicts_with_all = ["member", "name", "roles", "admin", "unit", "supervises"])]
    pub batch: Vec<String>,
    /// Last day of a guest, as 2026-03-14
    #[arg(long, value_name = "DAY", requires = "spaces")]
    pub until: Option<String>,
    /// A kind of space the guest may use, as operations
    #[arg(long = "space", value_name = "KIND", requires = "until")]
    pub spaces: Vec<String>,
}

/// Arguments of `join`.
#[derive(Debug, Args)]
pub struct Join {
    /// The invitation's link or code, or `-` to read it from standard input; nothing to go on waiting
    #[arg(value_name = "LINK|CODE")]
    pub link: Option<String>,
    /// With a code: the relay's address, as the inviting phone shows it
    #[arg(long, value_name = "URL")]
    pub relay: Option<String>,
    /// Longest wait for the admin's phone
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub wait: u64,
}

/// Arguments of `write`.
#[derive(Debug, Args)]
pub struct Write {
    /// The intervention
    #[arg(value_name = "INTERVENTION")]
    pub intervention: String,
    /// The phase, as exploration
    pub phase: String,
    /// Position in characters; the end if not given
    #[arg(long)]
    pub at: Option<usize>,
    /// How many characters to remove there
    #[arg(long, default_value_t = 0)]
    pub delete: usize,
    /// What to insert there; may be left out when something is removed
    #[arg(default_value = "")]
    pub text: String,
}

/// What can be done about recovery. Codes and shares are read from standard input, one a line, never from arguments.
#[derive(Debug, Subcommand)]
pub enum RecoveryVerb {
    /// Make a recovery key: a code to print, shares for three holders, or both
    Setup {
        /// Print a code that restores your reading alone
        #[arg(long)]
        code: bool,
        /// A member who holds a share; three of them, any two of whom restore your reading
        #[arg(long = "holder", value_name = "MEMBER")]
        holders: Vec<String>,
    },
    /// Ask for your recovery key to be dropped
    Drop,
    /// Show how far recovery is set up, and whether it is time to try it
    Status,
    /// Try whether the code, or two shares, would work; changes nothing
    Drill {
        /// Read shares instead of the code
        #[arg(long)]
        shares: bool,
    },
    /// Whether your recovery key reads your own spaces of a kind
    Escrow {
        /// personal (check-ins) or care (contact notes)
        #[arg(value_parser = ["personal", "care"])]
        space: String,
        /// on or off
        #[arg(value_parser = ["on", "off"])]
        switch: String,
    },
    /// Admins: show whose recovery waits to be approved
    Asks,
    /// Admins: approve a member's recovery
    Approve {
        /// Id or name of the member
        #[arg(value_name = "MEMBER")]
        member: String,
    },
    /// Show the text by which holders of shares hand theirs to this phone
    Request,
    /// Hand the share you hold to the phone whose request this is
    Release {
        /// The request's text
        #[arg(value_name = "REQUEST")]
        request: String,
        /// The eight words that the new phone shows, as its owner reads them to you
        #[arg(long, value_name = "WORDS")]
        fingerprint: Option<String>,
    },
    /// Restore on this phone: with an invitation's link it begins, without one it goes on
    Use(Restore),
}

/// Arguments of `recovery use`.
#[derive(Debug, Args)]
pub struct Restore {
    /// The invitation's link; a newer one may be given later
    #[arg(value_name = "LINK")]
    pub link: Option<String>,
    /// With shares instead of the code; begins by showing the request for their holders
    #[arg(long)]
    pub shares: bool,
    /// Type the code again, as when another one was refused
    #[arg(long, conflicts_with = "shares")]
    pub code: bool,
    /// Longest wait for the admin's phone
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub wait: u64,
}
