//! What is typed after `aftercall phone`. Only shapes; meaning is the verbs' business.

use std::path::PathBuf;

use clap::{Args, Subcommand};

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
    /// Let a member's phone in: prints a link for it
    Invite(Invite),
    /// Join a team by an invitation's link
    Join(Join),
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
    /// Write in the session note of an intervention
    Write(Write),
    /// Make members the leads of an intervention
    Assign {
        /// The intervention
        #[arg(value_name = "INTERVENTION")]
        intervention: String,
        /// Ids or names of the leads
        #[arg(value_name = "MEMBER", required = true)]
        members: Vec<String>,
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
    /// Keep a sealed copy of your own check-ins at the relay, or on this phone only (as at first)
    Backup {
        /// on or off
        #[arg(value_parser = ["on", "off"])]
        switch: String,
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
    Alarms,
    /// Show what waits to be sent
    #[command(alias = "pending")]
    Outbox,
    /// Exchange what each side lacks with the relay
    Sync,
    /// Show what this phone is
    Status,
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
    /// The policy profile that the team starts from: neutral, us_mt
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
    #[arg(long, value_name = "MEMBER", conflicts_with_all = ["name", "roles", "admin", "unit", "supervises"])]
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
}

/// Arguments of `join`.
#[derive(Debug, Args)]
pub struct Join {
    /// The invitation's link, or `-` to read it from standard input; nothing to go on waiting
    #[arg(value_name = "LINK")]
    pub link: Option<String>,
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
