//! The relay's process: started, stopped, killed, armed and told the time.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value as Json;
use sync_core::protocol::Timestamp;

use crate::drill::child::{ChildError, Process};
use crate::drill::protocol::{Answer, PhoneCommand, RelayCommand};
use crate::drill::script::{RelayOp, Tamper};

use super::devices::Armed;
use super::{Failed, Played, World};

/// Longest wait for a stop in good order.
const STOP: Duration = Duration::from_secs(30);

fn broken(error: std::io::Error) -> Failed {
    Failed::Broken(format!("a folder of the relay: {error}"))
}

/// Where the keys of a backup are kept.
fn key_folder(backup: &Path) -> PathBuf {
    backup.with_extension("keys")
}

/// A running relay.
pub struct Relay {
    program: PathBuf,
    folder: PathBuf,
    log: PathBuf,
    process: Process,
    address: SocketAddr,
    pub(super) armed: Option<Armed>,
}

impl Relay {
    /// Starts one on `folder/relay`, logging to `folder/relay.log`.
    pub fn start(program: &Path, folder: &Path, now: Timestamp) -> Result<Self, ChildError> {
        let (data, log) = (folder.join("relay"), folder.join("relay.log"));
        let (process, address) = launch(program, &data, &log, now)?;
        Ok(Self { program: program.to_owned(), folder: data, log, process, address, armed: None })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its data folder and its log.
    pub fn places(&self) -> [&Path; 2] {
        [&self.folder, &self.log]
    }

    fn relaunch(&mut self, now: Timestamp) -> Result<(), ChildError> {
        (self.process, self.address) = launch(&self.program, &self.folder, &self.log, now)?;
        Ok(())
    }
}

fn launch(
    program: &Path,
    data: &Path,
    log: &Path,
    now: Timestamp,
) -> Result<(Process, SocketAddr), ChildError> {
    let (data, now) = (data.to_string_lossy(), now.0.to_string());
    let arguments = ["drill-relay", "--data", &data, "--listen", "127.0.0.1:0", "--now-ms", &now];
    let mut process = Process::start(program, &arguments, log)?;
    let line = process.line()?;
    let Ok(Answer::Done(ready)) = serde_json::from_str(&line) else {
        return Err(ChildError::Babble);
    };
    let address = ready["address"].as_str().and_then(|text| text.parse().ok());
    Ok((process, address.ok_or(ChildError::Babble)?))
}

impl World {
    /// Tells the relay's process something.
    pub(super) fn tell_relay(&mut self, command: &RelayCommand) -> Played<Json> {
        match self.relay.process.ask(command)? {
            Answer::Done(json) => Ok(json),
            Answer::Refused { code, sentence } => Err(Failed::Refused { code, sentence }),
            Answer::Broken(reason) => Err(Failed::Broken(reason)),
        }
    }

    fn relaunch(&mut self) -> Played {
        if self.forked {
            return Err(Failed::Broken("a forked relay is not started again".into()));
        }
        self.relay.relaunch(self.now)?;
        let mut upstream = self.upstream.lock().unwrap_or_else(|poison| poison.into_inner());
        *upstream = self.relay.address;
        Ok(())
    }

    /// Starts the relay again if it died at its armed point; whether it did.
    pub(super) fn revive_relay(&mut self) -> Played<bool> {
        if self.relay.armed.is_some() {
            // The process may still be on its way out when its broken connection is noticed.
            self.relay.process.settle();
        }
        if self.relay.process.is_alive() {
            return Ok(false);
        }
        if self.relay.armed.take().is_none() {
            let log = self.relay.log.display();
            return Err(Failed::Broken(format!("the relay ended by itself; its log is {log}")));
        }
        self.relaunch()?;
        Ok(true)
    }

    fn stop_relay(&mut self) {
        // It says nothing more: its pipe just closes.
        let _ = self.relay.process.say(&RelayCommand::Stop);
        self.relay.process.wait_end(STOP);
        self.missed.extend(self.relay.armed.take());
    }

    fn backup_folder(&self, name: &str) -> PathBuf {
        self.folder.join("relay-backups").join(name)
    }

    /// Runs the operator's own command, in its own process; at a crash point it dies there.
    fn restore_from(&self, from: &Path, keys: Option<&Path>, point: Option<&str>) -> Played {
        let mut command = std::process::Command::new(&self.relay.program);
        command.arg("drill-restore").arg("--data").arg(&self.relay.folder);
        command.arg("--from").arg(from).args(["--now-ms", &self.now.0.to_string()]);
        if let Some(keys) = keys {
            command.arg("--keys").arg(keys);
        }
        command.args(point.map(|point| format!("--point={point}")));
        let output = command.output().map_err(broken)?;
        match (output.status.success(), point) {
            (true, None) | (false, Some(_)) => Ok(()),
            (true, Some(point)) => Err(Failed::Broken(format!("it passed {point}"))),
            (false, None) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                Err(Failed::Broken(format!("the backup was not restored: {said}")))
            }
        }
    }

    pub(super) fn relay_step(&mut self, op: &RelayOp, line: usize) -> Played {
        match op {
            RelayOp::Restart => {
                self.stop_relay();
                self.relaunch()
            }
            RelayOp::Kill => {
                self.relay.process.kill();
                self.missed.extend(self.relay.armed.take());
                self.relaunch()
            }
            RelayOp::KillAt(point) => {
                self.tell_relay(&RelayCommand::Arm { point: point.clone() })?;
                let armed = Armed { point: point.clone(), line };
                self.missed.extend(self.relay.armed.replace(armed));
                Ok(())
            }
            RelayOp::Backup(name) => {
                let folder = self.backup_folder(name);
                let keys = key_folder(&folder);
                for folder in [&folder, &keys] {
                    if folder.exists() {
                        std::fs::remove_dir_all(folder).map_err(broken)?;
                    }
                }
                let folder = folder.to_string_lossy().into_owned();
                let keys = keys.to_string_lossy().into_owned();
                self.tell_relay(&RelayCommand::Backup { folder, keys }).map(|_| ())
            }
            RelayOp::Restore { name, confirm, keys, point } => {
                self.stop_relay();
                let from = self.backup_folder(name);
                let backed_up = key_folder(&from);
                if !keys {
                    std::fs::remove_file(self.relay.folder.join("relay-keys.db"))
                        .map_err(broken)?;
                }
                let keys = keys.then_some(backed_up.as_path());
                if let Some(point) = point {
                    self.restore_from(&from, keys, Some(point))?;
                }
                self.restore_from(&from, keys, None)?;
                self.relaunch()?;
                if *confirm {
                    self.tell_relay(&RelayCommand::ConfirmRestore)?;
                }
                Ok(())
            }
            RelayOp::Wipe { confirm } => {
                self.stop_relay();
                std::fs::remove_dir_all(&self.relay.folder).map_err(broken)?;
                self.relaunch()?;
                if let Some(team) = self.team.clone() {
                    self.tell_relay(&RelayCommand::AllowTeam { team })?;
                }
                let relay = self.tell_relay(&RelayCommand::Id)?["relay"].clone();
                let relay = relay.as_str().unwrap_or_default().to_owned();
                if *confirm && self.team.is_some() {
                    self.ask("admin1", PhoneCommand::ListRelay { relay })?;
                }
                Ok(())
            }
        }
    }

    pub(super) fn tamper(&mut self, tamper: &Tamper) -> Played {
        let command = match tamper {
            Tamper::FlipByte { record, part } => {
                RelayCommand::FlipByte { doc: self.made(record)?.id.clone(), part: *part }
            }
            Tamper::MoveEnvelope { record, to } => RelayCommand::MoveEnvelope {
                doc: self.made(record)?.id.clone(),
                to: self.made(to)?.id.clone(),
            },
            Tamper::SwapEnrolmentKeys => {
                self.swap_keys = true;
                return Ok(());
            }
            Tamper::RelayAddDevice { member } => {
                RelayCommand::AddDevice { member: self.member_id(member)? }
            }
            Tamper::RollbackDirectory { entries } => {
                self.tell_relay(&RelayCommand::RollbackDirectory { entries: *entries })?;
                self.relay.process.kill();
                return self.relaunch();
            }
            Tamper::ForkDirectory { devices } => return self.fork_directory(devices),
            Tamper::Withhold { from, to } => {
                RelayCommand::Withhold { from: self.device_id(from)?, to: self.device_id(to)? }
            }
        };
        self.tell_relay(&command).map(|_| ())
    }

    fn device_id(&mut self, handle: &str) -> Played<String> {
        let status = self.ask(handle, PhoneCommand::Status)?;
        let id = status["device"].as_str().map(str::to_owned);
        id.ok_or_else(|| Failed::Broken(format!("{handle} told no device")))
    }

    /// From here on these devices reach a second relay with the same key and a directory of its own.
    fn fork_directory(&mut self, devices: &[String]) -> Played {
        if self.forked {
            return Err(Failed::Broken("the directory is forked already".into()));
        }
        let told = self.tell_relay(&RelayCommand::ForkDirectory)?;
        let address = told["address"].as_str().and_then(|text| text.parse().ok());
        let address: SocketAddr =
            address.ok_or_else(|| Failed::Broken("the second relay told no address".into()))?;
        for device in devices {
            self.device(device)?.proxy.divert(address);
        }
        self.forked = true;
        Ok(())
    }

    /// Lets each side of a forked relay serve what the other side's devices wrote.
    pub(super) fn mirror(&mut self) -> Played {
        if self.forked { self.tell_relay(&RelayCommand::Mirror).map(|_| ()) } else { Ok(()) }
    }
}
