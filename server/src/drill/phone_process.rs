//! One device of an exercise: a process of its own with its own encrypted database, vault and randomness.
//!
//! It is the terminal phone's core behind a pipe. Time comes with each command. With `--seed` its randomness
//! is ChaCha20 from (seed, folder name, count of starts): ids repeat from run to run, and so do keys, which
//! is why only exercises can do it; the count keeps a restarted phone from repeating itself. The vault's
//! salt is always from the system.

mod directory;
mod perform;
mod raw;
mod recover;

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use getrandom::SysRng;
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, SeedableRng, UnwrapErr};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use sync_core::client::Surroundings;
use sync_core::engine::{EngineError, Env, Phone, Uptime};
use sync_core::protocol::{Code, Timestamp};

use crate::phone::Failure;
use crate::phone::relay::Link;

use super::protocol::{Answer, ToPhone};

/// Why a command was not done.
enum Trouble {
    /// The phone refused.
    Refused(Failure),
    /// The command cannot be carried out here.
    Broken(String),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble::Refused(failure)
    }
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        Trouble::Refused(error.into())
    }
}

impl From<Code> for Trouble {
    fn from(code: Code) -> Self {
        Trouble::Refused(Failure::of(code))
    }
}

impl From<sync_core::ids::IdError> for Trouble {
    fn from(error: sync_core::ids::IdError) -> Self {
        Trouble::Broken(error.to_string())
    }
}

type Done = Result<Json, Trouble>;

/// A device: its folder, its randomness, and its phone once there is one.
struct Device {
    folder: PathBuf,
    rng: Box<dyn CryptoRng>,
    running: Option<Running>,
    /// What it says once it was wiped and holds nothing any more.
    wiped: Option<Failure>,
}

/// The clock a command carries, and the device's randomness.
struct At<'a> {
    now: Timestamp,
    rng: &'a mut dyn CryptoRng,
}

impl At<'_> {
    fn env(&mut self) -> Env<'_> {
        Env { now: self.now, rng: &mut *self.rng }
    }
}

impl Surroundings for At<'_> {
    fn now(&mut self) -> Timestamp {
        self.now
    }

    fn rng(&mut self) -> &mut dyn CryptoRng {
        &mut *self.rng
    }
}

/// A phone with its way to the relay.
struct Running {
    phone: Phone,
    link: Link,
    connect: String,
}

impl Device {
    /// Lets a phone that is open see what time has passed, as an app does.
    fn pass(&mut self, up: Uptime) -> Result<(), Trouble> {
        match &mut self.running {
            Some(running) if running.phone.wiped().is_none() => {
                running.phone.expire(up)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The phone and what it is handed for one command.
    fn running(&mut self, now: Timestamp) -> Result<(&mut Running, At<'_>), Trouble> {
        match &mut self.running {
            None if let Some(failure) = &self.wiped => Err(Trouble::Refused(failure.clone())),
            Some(running) => Ok((running, At { now, rng: self.rng.as_mut() })),
            None => Err(Trouble::Broken("the phone is not opened".into())),
        }
    }
}

/// Runs a device until its pipe closes.
pub fn run(folder: &Path, seed: Option<u64>) -> ExitCode {
    let rng: Box<dyn CryptoRng> = match seed {
        None => Box::new(UnwrapErr(SysRng)),
        Some(seed) => match seeded(folder, seed) {
            Ok(rng) => Box::new(rng),
            Err(error) => {
                eprintln!("the folder cannot be written: {error}");
                return ExitCode::FAILURE;
            }
        },
    };
    let mut device = Device { folder: folder.to_owned(), rng, running: None, wiped: None };
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        let answer = match serde_json::from_str::<ToPhone>(&line) {
            Ok(ToPhone { now_ms, up_ms, command }) => {
                let passed = device.pass(Uptime { boot: 1, ms: up_ms });
                answer(passed.and_then(|()| device.perform(Timestamp(now_ms), command)))
            }
            Err(_) => Answer::Broken("the command cannot be read".into()),
        };
        let Ok(line) = serde_json::to_string(&answer) else { break };
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

fn answer(done: Done) -> Answer {
    match done {
        Ok(json) => Answer::Done(json),
        Err(Trouble::Refused(Failure { code, sentence })) => {
            Answer::Refused { code: code.to_owned(), sentence }
        }
        Err(Trouble::Broken(reason)) => Answer::Broken(reason),
    }
}

fn seeded(folder: &Path, seed: u64) -> std::io::Result<ChaCha20Rng> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join("starts");
    let starts: u64 = match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().unwrap_or(0),
        Err(_) => 0,
    };
    std::fs::write(&path, (starts + 1).to_string())?;
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let mut hash = Sha256::new();
    hash.update(b"exercise device");
    hash.update(seed.to_be_bytes());
    hash.update(starts.to_be_bytes());
    hash.update(name.unwrap_or_default());
    Ok(ChaCha20Rng::from_seed(hash.finalize().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::Rng;

    #[test]
    fn a_seed_repeats_a_run_but_never_a_start() {
        let (one, two) = (tempfile::tempdir().expect("a"), tempfile::tempdir().expect("b"));
        let draw = |root: &Path| seeded(&root.join("amy1"), 7).expect("a folder").next_u64();
        let (first, again) = (draw(one.path()), draw(one.path()));
        assert_ne!(first, again);
        assert_eq!(draw(two.path()), first);
        assert_eq!(draw(two.path()), again);
    }
}
