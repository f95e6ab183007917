//! The phones' processes: asked, killed at crash points, started again, synced.

use std::path::PathBuf;

use serde_json::Value as Json;

use crate::drill::child::{ChildError, Process};
use crate::drill::protocol::{Answer, PhoneCommand, ToPhone};
use crate::drill::proxy::{Proxy, Traffic};
use crate::drill::script::Revoke;

use super::{Failed, Played, World};

/// Tries of one sync while the network or a process fails.
const TRIES: usize = 8;
/// Rounds after which `sync *` that does not come to rest has failed.
const ROUNDS: usize = 40;

/// A crash point that waits to be reached.
#[derive(Debug, Clone)]
pub struct Armed {
    /// Its name.
    pub point: String,
    /// The line that armed it.
    pub line: usize,
}

/// A device of the file.
pub struct Device {
    /// Its handle.
    pub handle: String,
    /// Its member's handle.
    pub member: String,
    /// How far its clock is off.
    pub offset_s: i64,
    /// Its link.
    pub proxy: Proxy,
    /// What it last showed by itself.
    pub shown: Vec<String>,
    /// Its id, once it was taken out of the team.
    pub id: Option<String>,
    armed: Option<Armed>,
    folder: PathBuf,
    log: PathBuf,
    process: Process,
}

/// What a sync moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Envelopes sent or refused.
    pub sent: u64,
    /// Items received.
    pub received: u64,
}

fn passphrase(handle: &str) -> String {
    format!("exercise passphrase of {handle}")
}

impl World {
    /// Starts a device's process on a folder of its own.
    pub(super) fn start_device(&mut self, handle: &str, member: &str) -> Played {
        let phones = self.folder.join("phones");
        // A phone of this name that was not let in has left its folder.
        let again = (2..).map(|again| format!("{handle}-{again}"));
        let mut names = std::iter::once(handle.to_owned()).chain(again);
        let name = names.find(|name| !phones.join(name).exists());
        let name = name.unwrap_or_else(|| handle.to_owned());
        let (folder, log) = (phones.join(&name), phones.join(format!("{name}.log")));
        if self.devices.iter().any(|device| device.handle == handle) {
            return Err(Failed::unmet(format!("{handle} is free"), "it was enrolled before"));
        }
        std::fs::create_dir_all(&folder).map_err(Failed::broken)?;
        let proxy = Proxy::start(self.upstream.clone(), self.answers.clone());
        let proxy = proxy.map_err(Failed::broken)?;
        let process = self.launch(&folder, &log)?;
        self.devices.push(Device {
            handle: handle.to_owned(),
            member: member.to_owned(),
            offset_s: 0,
            proxy,
            shown: Vec::new(),
            id: None,
            armed: None,
            folder,
            log,
            process,
        });
        Ok(())
    }

    fn launch(
        &self,
        folder: &std::path::Path,
        log: &std::path::Path,
    ) -> Result<Process, ChildError> {
        let folder = folder.to_string_lossy();
        let seed = self.seed.map(|seed| seed.to_string());
        let mut arguments = vec!["drill-phone", "--data", &folder];
        if let Some(seed) = &seed {
            arguments.extend(["--seed", seed]);
        }
        Process::start(&self.program, &arguments, log)
    }

    /// Takes a device that never came to be out again.
    pub(super) fn forget_device(&mut self, handle: &str) {
        if let Some(at) = self.devices.iter().position(|device| device.handle == handle) {
            let gone = self.devices.remove(at);
            self.missed.extend(gone.armed);
        }
    }

    /// Its passphrase and what it connects to.
    pub(super) fn credentials(&mut self, handle: &str) -> Played<(String, String)> {
        Ok((passphrase(handle), self.device(handle)?.proxy.url()))
    }

    /// The device of this handle.
    pub(super) fn device(&mut self, handle: &str) -> Played<&mut Device> {
        let found = self.devices.iter_mut().find(|device| device.handle == handle);
        found.ok_or_else(|| {
            Failed::Broken(format!("{handle} has no phone: its step did not succeed"))
        })
    }

    /// What went over all links so far.
    pub(super) fn traffic(&self) -> Traffic {
        let links = self.devices.iter().map(|device| device.proxy.traffic());
        links.fold(Traffic::default(), Traffic::plus)
    }

    /// Handles of every device, in order of creation.
    pub(super) fn handles(&self) -> Vec<String> {
        self.devices.iter().map(|device| device.handle.clone()).collect()
    }

    /// Asks a phone. If its process dies at its armed point it is started again and `Crashed` told.
    pub(super) fn ask(&mut self, handle: &str, command: PhoneCommand) -> Played<Json> {
        let now = self.now;
        let device = self.device(handle)?;
        let now_ms = now.0.saturating_add(device.offset_s.saturating_mul(1000));
        match device.process.ask(&ToPhone { now_ms, up_ms: now.0, command }) {
            Ok(Answer::Done(json)) => Ok(json),
            Ok(Answer::Refused { code, sentence }) => Err(Failed::Refused { code, sentence }),
            Ok(Answer::Broken(reason)) => Err(Failed::Broken(reason)),
            Err(ChildError::Died(..)) if device.armed.take().is_some() => {
                self.relaunch_device(handle)?;
                Err(Failed::Crashed)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn relaunch_device(&mut self, handle: &str) -> Played {
        let device = self.device(handle)?;
        let missed = device.armed.take();
        device.process.kill();
        let (folder, log) = (device.folder.clone(), device.log.clone());
        self.missed.extend(missed);
        let process = self.launch(&folder, &log)?;
        self.device(handle)?.process = process;
        let (passphrase, connect) = self.credentials(handle)?;
        self.ask(handle, PhoneCommand::Open { passphrase, connect }).map(|_| ())
    }

    /// The process goes, the database and the vault stay.
    pub(super) fn restart(&mut self, handle: &str) -> Played {
        self.relaunch_device(handle)
    }

    pub(super) fn arm(&mut self, handle: &str, point: &str, line: usize) -> Played {
        self.ask(handle, PhoneCommand::Arm { point: point.to_owned() })?;
        let armed = Armed { point: point.to_owned(), line };
        let missed = self.device(handle)?.armed.replace(armed);
        self.missed.extend(missed);
        Ok(())
    }

    /// Whether a crash point waits there.
    pub(super) fn is_armed(&mut self, handle: &str) -> Played<bool> {
        Ok(self.device(handle)?.armed.is_some())
    }

    /// Crash points that were armed and never reached, with the lines that armed them.
    pub(super) fn unreached(&self) -> Vec<(usize, String)> {
        let phones = self.devices.iter().filter_map(|device| device.armed.as_ref());
        let armed = self.missed.iter().chain(phones).chain(&self.relay.armed);
        armed.map(|armed| (armed.line, armed.point.clone())).collect()
    }

    /// Exchanges until this device has nothing to send or fetch. What a bad network or a dead process
    /// interrupts is tried again, as a phone does by itself.
    pub(super) fn sync(&mut self, handle: &str) -> Played<Moved> {
        let mut moved = Moved::default();
        for _ in 0..TRIES {
            let (faults, _) = self.device(handle)?.proxy.faults();
            match self.ask(handle, PhoneCommand::Sync) {
                Ok(totals) => {
                    moved.sent += count(&totals, "stored") + count(&totals, "refused");
                    moved.received += count(&totals, "received");
                    self.mirror()?;
                    return Ok(moved);
                }
                Err(Failed::Crashed) => {}
                Err(Failed::Refused { code, sentence }) => {
                    let interrupted = self.device(handle)?.proxy.faults().0 > faults;
                    if !(self.revive_relay()? || interrupted) {
                        return Err(Failed::Refused { code, sentence });
                    }
                }
                Err(other) => return Err(other),
            }
            // What an interrupted exchange moved is not known: something may have.
            moved.sent += 1;
        }
        Err(Failed::unmet(
            "the phone gets through in the end",
            format!("{TRIES} interrupted tries"),
        ))
    }

    /// Rounds over all online devices until none sends or fetches anything.
    pub(super) fn sync_all(&mut self) -> Played {
        for _ in 0..ROUNDS {
            let mut moved = false;
            for handle in self.handles() {
                if !self.device(&handle)?.proxy.is_offline() {
                    match self.sync(&handle) {
                        Ok(found) => moved |= found != Moved::default(),
                        // It is out, and has nothing to send or fetch any more.
                        Err(Failed::Refused { code, .. }) if is_removed(&code) => {}
                        Err(other) => return Err(other),
                    }
                }
            }
            if !moved {
                return Ok(());
            }
        }
        Err(Failed::unmet(
            "the devices come to rest",
            format!("{ROUNDS} rounds with something new in each"),
        ))
    }
}

impl World {
    /// Takes a device out of the team, on an admin's phone, and lets the relay know.
    pub(super) fn revoke(&mut self, step: &Revoke) -> Played {
        let device = match &self.device(&step.device)?.id {
            Some(removed) => removed.clone(),
            None => {
                let status = self.ask(&step.device, PhoneCommand::Status)?;
                status["device"].as_str().unwrap_or_default().to_owned()
            }
        };
        let again = self.device(&step.device)?.id.replace(device.clone()).is_some();
        self.ask(
            &step.by,
            match again && step.wipe {
                true => PhoneCommand::OrderWipe { device },
                false => PhoneCommand::RemoveDevice { device, wipe: step.wipe },
            },
        )?;
        self.sync(&step.by).map(|_| ())
    }
}

fn is_removed(code: &str) -> bool {
    use sync_core::protocol::Code::{DeviceRemoved, DeviceWiped};
    [DeviceRemoved, DeviceWiped].iter().any(|out| out.as_str() == code)
}

fn count(totals: &Json, name: &str) -> u64 {
    totals[name].as_u64().unwrap_or(0)
}
