//! What an operator types about keeping and losing: `backup`, `restore`, `verify`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use server::backup::{self, BackupError};
use server::restore::{self, RestoreError};
use server::serve::system_now;
use server::verify::{self, ErasedError};
use sync_core::ids::{EnvelopeId, TeamId};
use sync_core::protocol::Code;

use crate::operate::{code_of, failed};

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The relay's folder; a relay may be running on it
    #[arg(long, value_name = "DIR", default_value = "aftercall-relay")]
    data: PathBuf,
    /// Copy the database into this folder, without keys
    #[arg(long, value_name = "DIR", required_unless_present = "keys")]
    to: Option<PathBuf>,
    /// Copy the keys into this folder, under today's name, and remove older ones there
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Days for which backups of the keys are kept, at most 35
    #[arg(long, value_name = "DAYS", default_value_t = backup::MOST_DAYS, requires = "keys")]
    keep: u32,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The relay's folder; what it holds is kept beside, under names that end in .replaced
    #[arg(long, value_name = "DIR", default_value = "aftercall-relay")]
    data: PathBuf,
    /// The folder that a backup was written to
    #[arg(long, value_name = "BACKUP")]
    from: PathBuf,
    /// A backup of the keys, or the folder of such backups: the newest is taken
    #[arg(long, value_name = "KEYS")]
    keys: Option<PathBuf>,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["audit", "erased"])))]
pub struct VerifyArgs {
    /// The folder of a stopped relay
    #[arg(long, value_name = "DIR", default_value = "aftercall-relay")]
    data: PathBuf,
    /// Check the audit log: no row edited, removed, reordered or cut off
    #[arg(long)]
    audit: bool,
    /// A head that a phone shows (`phone relay`), as NUMBER:HASH; finds a cut or rewritten log too
    #[arg(long, value_name = "NUMBER:HASH", requires = "audit")]
    anchor: Option<verify::Anchor>,
    /// Only this team's
    #[arg(long, value_name = "TEAM", requires = "audit")]
    team: Option<TeamId>,
    /// Check that nothing opens this erased record any more: its id, or the first digits of it
    #[arg(long, value_name = "ID")]
    erased: Option<String>,
    /// Folders of backups to look through, of the database and of the keys
    #[arg(long, value_name = "DIR", num_args = 1.., requires = "erased")]
    backups: Vec<PathBuf>,
    /// Days for which backups of the keys are kept
    #[arg(long, value_name = "DAYS", default_value_t = backup::MOST_DAYS, requires = "erased")]
    days: u32,
}

/// Backs up a relay's database, its keys, or both.
pub fn backup(args: &BackupArgs) -> ExitCode {
    let done = back_up(args);
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let code = match error {
                BackupError::NoRelay(_)
                | BackupError::TooLong
                | BackupError::Beside
                | BackupError::Unsealed => "bad_value",
                BackupError::Exists(_) => "already_set_up",
                BackupError::Files(_) | BackupError::Store(_) => "store_failed",
            };
            failed(code, &error)
        }
    }
}

/// The database first: whatever it holds then has its key in the copy of the keys.
fn back_up(args: &BackupArgs) -> Result<bool, BackupError> {
    let both = args.to.as_deref().zip(args.keys.as_deref());
    if both.is_some_and(|(to, keys)| is_within(keys, to) || is_within(to, keys)) {
        return Err(BackupError::Beside);
    }
    if args.keep > backup::MOST_DAYS {
        return Err(BackupError::TooLong);
    }
    if let Some(to) = &args.to {
        let file = backup::database(&args.data, to)?;
        println!("The database is copied to {}. It holds no keys.", file.display());
    }
    let Some(to) = &args.keys else { return Ok(true) };
    let done = backup::keys(&args.data, to, args.keep, system_now())?;
    println!(
        "The keys are copied to {}. Older than {} day(s) and removed: {}.",
        done.file.display(),
        args.keep,
        done.removed.len()
    );
    for file in &done.undated {
        eprintln!(
            "error [bad_value]: {} is dated after today, so it is never removed; remove it yourself",
            file.display()
        );
    }
    Ok(done.undated.is_empty())
}

fn is_within(inner: &Path, outer: &Path) -> bool {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute(inner).starts_with(absolute(outer))
}

/// Restores a backup.
pub fn restore(args: &RestoreArgs) -> ExitCode {
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    let keys = args.keys.as_deref();
    match restore::restore(&args.data, &args.from, keys, system_now(), &mut rng) {
        Ok(restored) => {
            let (teams, without_key) = (restored.teams, restored.without_key);
            println!(
                "Restored; {teams} team(s), {without_key} document(s) without a key, which phones hand back.\n\
                 Start the relay: it takes what phones hold, and gives nothing out until an admin's phone has synced.\n\
                 To serve at once:  aftercall admin --data FOLDER confirm-restore"
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            let code = match error {
                RestoreError::NoBackup(_) | RestoreError::NoKeys(_) | RestoreError::Same => {
                    "bad_value"
                }
                RestoreError::InUse => "already_set_up",
                RestoreError::Files(_) | RestoreError::Store(_) => "store_failed",
            };
            failed(code, &error)
        }
    }
}

/// Checks a folder: 0 if it holds, 1 if something was done to it or is still there.
pub fn verify(args: &VerifyArgs) -> ExitCode {
    match &args.erased {
        Some(typed) => verify_erased(args, typed),
        None => verify_audit(args),
    }
}

fn verify_audit(args: &VerifyArgs) -> ExitCode {
    let reports = match verify::audit(&args.data, args.team, args.anchor) {
        Ok(reports) => reports,
        Err(error) => return failed(code_of(&error).as_str(), &error),
    };
    if args.anchor.is_some() && reports.len() > 1 {
        eprintln!("error [bad_value]: an anchor is one team's; name it with --team");
        return ExitCode::FAILURE;
    }
    let mut holds = true;
    for report in &reports {
        let hash = EnvelopeId::new(report.hash);
        println!("Team {}: {} row(s) hold, up to {}:{hash}", report.team, report.rows, report.rows);
        if let Some(fault) = report.fault {
            eprintln!("error [audit_changed]: {fault}");
            holds = false;
        }
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn verify_erased(args: &VerifyArgs, typed: &str) -> ExitCode {
    let report = match verify::erased(&args.data, typed, &args.backups, args.days) {
        Ok(report) => report,
        Err(error) => {
            let code = match &error {
                ErasedError::Serve(error) => code_of(error).as_str(),
                ErasedError::Store(_) | ErasedError::Files(..) => "store_failed",
                ErasedError::NoId => "bad_value",
                ErasedError::NotOne(_) => "no_such_record",
            };
            return failed(code, &error);
        }
    };
    println!(
        "{} copy(ies) of databases looked through; {} other file(s) were not.",
        report.looked, report.other
    );
    for trace in &report.traces {
        eprintln!("error [{}]: {trace}", Code::StillThere.as_str());
    }
    if !report.traces.is_empty() {
        return ExitCode::FAILURE;
    }
    let day = report.day.map_or_else(String::new, |day| format!(" on {day}"));
    println!("Erased{day}: no body, no key, and nothing here opens it.");
    println!(
        "This speaks of one document. A record may have a sealed part with an id of its own: `phone receipts` names each."
    );
    ExitCode::SUCCESS
}
