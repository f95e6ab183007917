//! `aftercall`: the relay, its coordinator page and a terminal phone in one binary.
//!
//! Reads the command line once and hands over; nothing is decided here. Exit codes: 0 done, 1 refused or
//! failed (one sentence on standard error), 2 a wrong command line.

#[cfg(feature = "drill")]
mod drill;
mod keep;
mod operate;
mod phone;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Peer support and critical incident records that work where there is no signal
#[derive(Debug, Parser)]
#[command(name = "aftercall", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a relay
    Serve(operate::ServeArgs),
    /// Be a phone on this terminal
    Phone(phone::PhoneArgs),
    /// Look after a relay's folder, whether or not it is running
    Admin(operate::AdminArgs),
    /// Copy a relay's data or keys, running or not
    Backup(keep::BackupArgs),
    /// Put a backup in the place of a stopped relay's data
    Restore(keep::RestoreArgs),
    /// Check a stopped relay's folder
    Verify(keep::VerifyArgs),
    /// Play exercises against a real relay and real phones
    #[cfg(feature = "drill")]
    Exercise(drill::ExerciseArgs),
    /// Show an evening of peer support
    #[cfg(feature = "drill")]
    Demo(drill::DemoArgs),
    #[cfg(feature = "drill")]
    #[command(hide = true)]
    DrillPhone(drill::DrillPhoneArgs),
    #[cfg(feature = "drill")]
    #[command(hide = true)]
    DrillRestore(drill::DrillRestoreArgs),
    #[cfg(feature = "drill")]
    #[command(hide = true)]
    DrillRelay(drill::DrillRelayArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match &cli.command {
        Command::Serve(args) => operate::serve(args),
        Command::Phone(args) => phone::run(args),
        Command::Admin(args) => operate::admin(args),
        Command::Backup(args) => keep::backup(args),
        Command::Restore(args) => keep::restore(args),
        Command::Verify(args) => keep::verify(args),
        #[cfg(feature = "drill")]
        Command::Exercise(args) => drill::exercise(args),
        #[cfg(feature = "drill")]
        Command::Demo(args) => drill::demo(args),
        #[cfg(feature = "drill")]
        Command::DrillPhone(args) => drill::phone(args),
        #[cfg(feature = "drill")]
        Command::DrillRestore(args) => drill::restore(args),
        #[cfg(feature = "drill")]
        Command::DrillRelay(args) => {
            operate::log_to_stderr();
            drill::relay(args)
        }
    }
}
