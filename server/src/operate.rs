//! What a relay's operator types: `serve`, and `admin` on its folder.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use server::serve::system_now;
use server::serve::{self, Config, ServeError};
use server::{console, restore, store::StoreError};
use sync_core::ids::TeamId;
use sync_core::protocol::Code;
use tracing_subscriber::EnvFilter;

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The relay's folder; made if absent
    #[arg(long, value_name = "DIR", default_value = "aftercall-relay")]
    data: PathBuf,
    /// Where to listen; anything but this machine needs --insecure-lan
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4180")]
    listen: SocketAddr,
    /// What phones call the relay, as `https://relay.example`
    #[arg(long, value_name = "URL")]
    origin: Option<String>,
    /// Teams to allow, besides those allowed before
    #[arg(long = "allow", value_name = "TEAM")]
    allow: Vec<TeamId>,
    /// Listen beyond this machine without TLS of its own
    #[arg(long)]
    insecure_lan: bool,
}

/// Arguments of `admin`.
#[derive(Debug, Args)]
pub struct AdminArgs {
    /// The relay's folder
    #[arg(long, value_name = "DIR", default_value = "aftercall-relay", global = true)]
    data: PathBuf,
    #[command(subcommand)]
    verb: AdminVerb,
}

/// What an operator does to a folder.
#[derive(Debug, Subcommand)]
enum AdminVerb {
    /// Let a team use this relay
    AllowTeam {
        /// The team's number, as its creator's phone shows it
        team: TeamId,
    },
    /// After a restore: serve again now, without waiting for an admin's phone
    ConfirmRestore,
    /// After this machine's clock went far ahead, or the relay stood still: the clock is right, let records expire by it
    ConfirmClock,
    /// Make a one-time link to the coordinators' page
    ConsoleLink {
        /// The team's number
        team: TeamId,
        /// What the page is reached under
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4180")]
        origin: String,
    },
}

/// Logs to standard error; `RUST_LOG` chooses what.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // A second initialisation would only mean that somebody else logs already.
    let _ =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

/// Says what failed.
pub fn failed(code: &str, error: &dyn std::error::Error) -> ExitCode {
    eprintln!("error [{code}]: {error}");
    ExitCode::FAILURE
}

/// The stable code of a relay that does not start.
pub fn code_of(error: &ServeError) -> Code {
    match error {
        ServeError::NotLoopback(_) | ServeError::Listen(..) => Code::BadValue,
        ServeError::InUse => Code::AlreadySetUp,
        ServeError::Lock(_) | ServeError::Store(_) => Code::StoreFailed,
    }
}

/// Runs a relay until it is told to stop.
pub fn serve(args: &ServeArgs) -> ExitCode {
    log_to_stderr();
    let mut config = Config::new(args.data.clone());
    config.listen = args.listen;
    config.allow_lan = args.insecure_lan;
    config.origin = args.origin.clone();
    config.allow = args.allow.clone();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed("internal", &error),
    };
    match runtime.block_on(serve::run(config, greet, stop())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(code_of(&error).as_str(), &error),
    }
}

/// Says where the relay is. Nobody need be listening: a closed pipe stops no relay.
fn greet(bound: &serve::Bound) {
    let text = greeting(bound).unwrap_or_else(|error| format!("error [store_failed]: {error}\n"));
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn greeting(bound: &serve::Bound) -> Result<String, StoreError> {
    let (address, relay) = (bound.address(), bound.relay());
    let mut text =
        format!("Relay ready at http://{address} (phones call it {}).\n", relay.origin());
    let teams = relay.teams()?;
    if teams.is_empty() {
        text.push_str(
            "No team uses it yet. Allow one:  aftercall admin --data FOLDER allow-team NUMBER\n\
             Then, for its coordinators:      aftercall admin --data FOLDER console-link NUMBER\n",
        );
    }
    for team in teams {
        let path = relay.console_link(team)?;
        text.push_str(&format!(
            "Coordinators' page of team {team},\n  a link for one use:  http://{address}{path}\n"
        ));
    }
    Ok(text)
}

/// Ctrl-C, or a service manager's request to stop.
async fn stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler the signal ends the process by itself, which is a stop too.
    let _ = tokio::signal::ctrl_c().await;
}

/// Carries out an operator's verb.
pub fn admin(args: &AdminArgs) -> ExitCode {
    match &args.verb {
        AdminVerb::AllowTeam { team } => match serve::allow_team(&args.data, *team, system_now()) {
            Ok(()) => {
                println!("Allowed. The team's first phone can sync now.");
                ExitCode::SUCCESS
            }
            Err(error) => failed("store_failed", &error),
        },
        AdminVerb::ConfirmRestore => match restore::confirm(&args.data, system_now()) {
            Ok(0) => {
                println!("Nothing was held back.");
                ExitCode::SUCCESS
            }
            Ok(count) => {
                println!("Confirmed. {count} team(s) are served again.");
                ExitCode::SUCCESS
            }
            Err(error) => failed("store_failed", &error),
        },
        AdminVerb::ConfirmClock => match restore::confirm_clock(&args.data, system_now()) {
            Ok(()) => {
                println!(
                    "Confirmed: today is {}. What is past its time is erased.",
                    system_now().day()
                );
                ExitCode::SUCCESS
            }
            Err(error) => failed("store_failed", &error),
        },
        AdminVerb::ConsoleLink { team, origin } => {
            match console::console_link(&args.data, *team, system_now()) {
                Ok(path) => {
                    println!(
                        "A link for one use, good for 15 minutes:\n{}{path}",
                        origin.trim_end_matches('/')
                    );
                    ExitCode::SUCCESS
                }
                Err(error) => failed("store_failed", &error),
            }
        }
    }
}
