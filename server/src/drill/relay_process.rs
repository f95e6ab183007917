//! The relay of an exercise: the real relay behind real HTTP, with its time and its misdeeds on a pipe.
//!
//! What it serves is what `aftercall serve` serves. The pipe sets its clock, arms crash points and tampers
//! with its own database, as a malicious operator would; nothing is done inside a phone.

mod tamper;

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value as Json, json};
use server::relay::Relay;
use server::serve::{self, Config};
use sync_core::ids::TeamId;
use sync_core::protocol::Timestamp;

use super::protocol::{Answer, RelayCommand};
use tamper::Database;

/// What phones and tokens call the relay of every exercise, wherever it listens.
pub const ORIGIN: &str = "http://relay.exercise";

/// Runs it until it is told to stop or its pipe closes.
pub fn run(folder: &Path, listen: SocketAddr, now_ms: i64) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(serve(folder, listen, now_ms)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(folder: &Path, listen: SocketAddr, now_ms: i64) -> Result<(), String> {
    let clock = Arc::new(AtomicI64::new(now_ms));
    let reading = Arc::clone(&clock);
    let mut config = Config::new(folder.to_owned());
    config.listen = listen;
    config.origin = Some(ORIGIN.into());
    config.clock = Arc::new(move || Timestamp(reading.load(Ordering::SeqCst)));
    let bound = serve::bind(config).await.map_err(|error| error.to_string())?;
    let address = bound.address();
    let control = Control {
        relay: Arc::clone(bound.relay()),
        database: Database::open(folder).map_err(|error| error.to_string())?,
        clock,
        address,
        folder: folder.to_owned(),
        runtime: tokio::runtime::Handle::current(),
        second: None,
    };
    say(&Answer::Done(json!({ "address": address.to_string() })))?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    // Its own thread: reading a pipe blocks. It ends with the pipe or with the word to stop.
    std::thread::spawn(move || {
        if let Err(reason) = control.listen() {
            eprintln!("{reason}");
        }
        let _ = stop.send(());
    });
    let served = bound.serve(async {
        let _ = stopped.await;
    });
    served.await.map_err(|error| error.to_string())
}

fn say(answer: &Answer) -> Result<(), String> {
    let line = serde_json::to_string(answer).map_err(|error| error.to_string())?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| error.to_string())
}

struct Control {
    relay: Arc<Relay>,
    database: Database,
    clock: Arc<AtomicI64>,
    address: SocketAddr,
    folder: PathBuf,
    runtime: tokio::runtime::Handle,
    /// The database of the second relay, where the directory is forked.
    second: Option<Database>,
}

impl Control {
    fn listen(mut self) -> Result<(), String> {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            let answer = match serde_json::from_str::<RelayCommand>(&line) {
                Ok(RelayCommand::Stop) => return Ok(()),
                Ok(command) => match self.perform(&command) {
                    Ok(json) => Answer::Done(json),
                    Err(reason) => Answer::Broken(reason),
                },
                Err(_) => Answer::Broken("the command cannot be read".into()),
            };
            say(&answer)?;
        }
        Ok(())
    }

    fn perform(&mut self, command: &RelayCommand) -> Result<Json, String> {
        let failed = |error: &dyn std::fmt::Display| error.to_string();
        match command {
            RelayCommand::Time { now_ms } => {
                self.pass(*now_ms)?;
                Ok(Json::Null)
            }
            RelayCommand::Arm { point } => {
                sync_core::drill::arm(Some(point))?;
                Ok(Json::Null)
            }
            RelayCommand::AllowTeam { team } => {
                let team: TeamId = team.parse().map_err(|error| failed(&error))?;
                self.relay.allow_team(team).map_err(|error| failed(&error))?;
                Ok(Json::Null)
            }
            RelayCommand::Backup { folder, keys } => {
                let now = Timestamp(self.clock.load(Ordering::SeqCst));
                self.database.backup(Path::new(folder), Path::new(keys), now)
            }
            RelayCommand::ConfirmRestore => {
                self.relay.confirm_restore().map_err(|error| failed(&error))?;
                Ok(Json::Null)
            }
            RelayCommand::Id => Ok(json!({ "relay": self.relay.id().to_string() })),
            RelayCommand::ConsoleLink { team } => {
                let team: TeamId = team.parse().map_err(|error| failed(&error))?;
                let path = self.relay.console_link(team).map_err(|error| failed(&error))?;
                Ok(json!({ "link": format!("http://{}{path}", self.address), "path": path }))
            }
            RelayCommand::FlipByte { doc, part } => self.database.flip_byte(doc, *part),
            RelayCommand::MoveEnvelope { doc, to } => self.database.move_envelope(doc, to),
            RelayCommand::SwapEnrolmentKeys => self.database.swap_enrolment_keys(),
            RelayCommand::AddDevice { member } => self.database.add_device(member),
            RelayCommand::RollbackDirectory { entries } => {
                self.database.rollback_directory(*entries)
            }
            RelayCommand::ForkDirectory => self.fork(),
            RelayCommand::Mirror => match &mut self.second {
                Some(second) => self.database.mirror(second),
                None => Err("the directory is not forked".into()),
            },
            RelayCommand::Withhold { from, to } => {
                let from = from.parse().map_err(|error| failed(&error))?;
                let to = to.parse().map_err(|error| failed(&error))?;
                server::relay::withhold(from, to);
                Ok(Json::Null)
            }
            RelayCommand::Quarantine { team } => self.database.quarantine(team),
            RelayCommand::Row { doc } => self.database.row(doc),
            RelayCommand::Stop => Ok(Json::Null),
        }
    }

    /// Time passes as it does for a relay that runs all the while: nothing is seen of it but what is done day by day.
    fn pass(&self, to_ms: i64) -> Result<(), String> {
        const STEP_MS: i64 = 3 * 24 * 60 * 60 * 1000;
        while self.clock.load(Ordering::SeqCst).saturating_add(STEP_MS) < to_ms {
            self.clock.fetch_add(STEP_MS, Ordering::SeqCst);
            self.relay.expire().map_err(|error| error.to_string())?;
        }
        self.clock.store(to_ms, Ordering::SeqCst);
        self.relay.expire().map(drop).map_err(|error| error.to_string())
    }

    /// Serves a copy of everything, with the same key, at a second address of this process.
    fn fork(&mut self) -> Result<Json, String> {
        let folder = self.folder.with_extension("fork");
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        self.database.copy_to(&folder)?;
        let reading = Arc::clone(&self.clock);
        let mut config = Config::new(folder.clone());
        config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.origin = Some(ORIGIN.into());
        config.clock = Arc::new(move || Timestamp(reading.load(Ordering::SeqCst)));
        let bound =
            self.runtime.block_on(serve::bind(config)).map_err(|error| error.to_string())?;
        let address = bound.address();
        self.runtime.spawn(bound.serve(std::future::pending()));
        self.second = Some(Database::open(&folder).map_err(|error| error.to_string())?);
        Ok(json!({ "address": address.to_string() }))
    }
}
