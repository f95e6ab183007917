//! A real process on a pipe: one line asked, one line answered, and its death noticed.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde::Serialize;

use super::protocol::Answer;

/// Longest wait for an answer. Long, because opening a vault is meant to be slow.
const PATIENCE: Duration = Duration::from_secs(180);

/// How long a process may take to be gone after its connections broke.
const SETTLE: Duration = Duration::from_millis(500);

/// A process that did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// It died.
    #[error("the process ended ({0}) before it answered; its log is {1}")]
    Died(String, String),
    /// It is alive and silent.
    #[error("the process did not answer within {} seconds", PATIENCE.as_secs())]
    Silent,
    /// It said something else.
    #[error("the process answered what no exercise understands")]
    Babble,
    /// It did not start.
    #[error("the process cannot be started: {0}")]
    Start(#[from] std::io::Error),
}

/// A running process. It is killed when the value goes.
pub struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    log: PathBuf,
}

impl Process {
    /// Starts this program with these arguments; its standard error goes to the end of `log`.
    pub fn start(program: &Path, arguments: &[&str], log: &Path) -> Result<Self, ChildError> {
        let stderr = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        let mut child = Command::new(program)
            .args(arguments)
            .env("RUST_LOG", "debug")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()?;
        let closed = || std::io::Error::other("a pipe is missing");
        let stdin = child.stdin.take().ok_or_else(closed)?;
        let stdout = child.stdout.take().ok_or_else(closed)?;
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { return };
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, stdin, lines, log: log.to_owned() })
    }

    /// Sends a command.
    pub fn say(&mut self, command: &impl Serialize) -> Result<(), ChildError> {
        let mut line = serde_json::to_vec(command).map_err(|_| ChildError::Babble)?;
        line.push(b'\n');
        match self.stdin.write_all(&line).and_then(|()| self.stdin.flush()) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.died()),
        }
    }

    /// Sends a command and waits for its answer.
    pub fn ask(&mut self, command: &impl Serialize) -> Result<Answer, ChildError> {
        self.say(command)?;
        serde_json::from_str(&self.line()?).map_err(|_| ChildError::Babble)
    }

    /// The next line it says.
    pub fn line(&mut self) -> Result<String, ChildError> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => Err(ChildError::Silent),
            Err(RecvTimeoutError::Disconnected) => Err(self.died()),
        }
    }

    /// Whether it is still there.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn died(&mut self) -> ChildError {
        let how = match self.child.wait() {
            Ok(status) => describe(status),
            Err(_) => "unknown".into(),
        };
        ChildError::Died(how, self.log.display().to_string())
    }

    /// Kills it at once, as a dead battery would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it has ended by itself, then kills it if it has not.
    pub fn wait_end(&mut self, patience: Duration) {
        // Its pipe closes with it.
        while self.lines.recv_timeout(patience).is_ok() {}
        self.kill();
    }

    /// Gives a process that is dying a moment to be dead.
    pub fn settle(&mut self) {
        if let Err(RecvTimeoutError::Disconnected) = self.lines.recv_timeout(SETTLE) {
            let _ = self.child.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("signal {signal}");
    }
    status.to_string()
}
