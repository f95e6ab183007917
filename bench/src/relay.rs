//! The relay under measurement: `aftercall serve` as a process of its own, with the CPU time and memory it takes.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::Outcome;

/// Ticks of `/proc/PID/stat` in a second; 100 on every Linux in use.
const TICKS_PER_S: f64 = 100.0;

/// A running server process.
pub struct Server {
    child: Child,
    port: u16,
    /// Kept open: the server may still say something.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a program that says on its first line `… http://127.0.0.1:PORT …`, and waits for that line.
    pub fn start(command: &mut Command) -> Outcome<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("no output to read")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let port = port_in(&line).ok_or_else(|| format!("the server said: {line}"));
        if port.is_err() {
            child.kill()?;
        }
        Ok(Self { port: port?, child, _stdout: stdout })
    }

    /// A relay on a folder.
    pub fn relay(program: &Path, data: &Path, origin: &str, allow: &[String]) -> Outcome<Self> {
        let mut command = Command::new(program);
        command.arg("serve").arg("--data").arg(data);
        command.args(["--listen", "127.0.0.1:0", "--origin", origin]).env("RUST_LOG", "warn");
        for team in allow {
            command.args(["--allow", team]);
        }
        Self::start(&mut command)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn file(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id()))
    }

    /// CPU seconds it has taken, its own and the system's for it.
    pub fn cpu_s(&self) -> Outcome<f64> {
        let stat = std::fs::read_to_string(self.file("stat"))?;
        let ticks = ticks_in(&stat).ok_or("/proc/PID/stat is not as it was")?;
        Ok(ticks as f64 / TICKS_PER_S)
    }

    /// Lets the peak of its memory begin anew.
    pub fn forget_peak(&self) -> Outcome {
        Ok(std::fs::write(self.file("clear_refs"), "5")?)
    }

    /// Most memory it held since, in MiB.
    pub fn peak_mib(&self) -> Outcome<f64> {
        let status = std::fs::read_to_string(self.file("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        Ok(kib.ok_or("/proc/PID/status is not as it was")? / 1024.0)
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(mut self) -> Outcome {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status()?;
        if !asked.success() {
            self.child.kill()?;
        }
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone after `stop`; both calls then do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn port_in(line: &str) -> Option<u16> {
    let after = line.split_once("http://127.0.0.1:")?.1;
    let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    after[..end].parse().ok()
}

/// User and system ticks: the fourteenth and fifteenth field; the second, the name, may hold spaces.
fn ticks_in(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_and_the_ticks_are_read() {
        assert_eq!(
            port_in("Relay ready at http://127.0.0.1:4180 (phones call it x).\n"),
            Some(4180)
        );
        assert_eq!(port_in("error: in use"), None);
        let stat = "7 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 250 33 0 0 20 0 4 0";
        assert_eq!(ticks_in(stat), Some(283));
    }
}
