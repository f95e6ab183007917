//! The built `aftercall` as people use it on terminals: a relay, and phones.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::program::{printed, program};

const ANY_PORT: &str = "127.0.0.1:0";

/// A relay that ends with the test.
pub struct Relay {
    child: Child,
    /// Its folder.
    pub data: PathBuf,
    /// What phones call it.
    pub url: String,
}

impl Relay {
    /// Starts one on a free port, in a folder of this one.
    pub fn start(folder: &Path) -> Self {
        Self::serve(folder.join("relay"), ANY_PORT, &[])
    }

    /// Starts one on a free port, in this folder; phones call it by this name wherever it listens.
    pub fn start_in(data: &Path, origin: &str) -> Self {
        Self::serve(data.to_owned(), ANY_PORT, &["--origin", origin])
    }

    /// Ends it in the middle of everything, and starts it again where it was.
    pub fn restart(self) -> Self {
        let address = self.url.trim_start_matches("http://").to_owned();
        let data = self.data.clone();
        drop(self);
        Self::serve(data, &address, &[])
    }

    fn serve(data: PathBuf, address: &str, more: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(["serve", "--listen", address, "--data"])
            .arg(&data)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the relay starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("is piped");
        BufReader::new(stdout).read_line(&mut line).expect("says where it is");
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.expect("an address").trim_end_matches('.').to_owned();
        Self { child, data, url }
    }

    /// Lets a team use it, as its operator does.
    pub fn allow(&self, team: &str) {
        let allowed = Command::new(program())
            .args(["admin", "--data"])
            .arg(&self.data)
            .args(["allow-team", team])
            .output()
            .expect("the program starts");
        assert!(allowed.status.success(), "{}", printed(&allowed.stderr));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A phone on a terminal.
pub struct Terminal {
    /// Its folder.
    pub data: PathBuf,
    /// What opens it.
    pub passphrase: &'static str,
}

impl Terminal {
    /// What a person types.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.arg("phone").arg("--data").arg(&self.data).args(arguments);
        command.env("AFTERCALL_PASSPHRASE", self.passphrase);
        command
    }

    /// Runs it.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// Runs it to success, and says what it printed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", printed(&output.stderr));
        printed(&output.stdout)
    }

    /// As [`Terminal::ok`], in JSON.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let mut with_json = vec!["--json"];
        with_json.extend(arguments);
        serde_json::from_str(&self.ok(&with_json)).expect("JSON")
    }

    /// The sentence it is refused with.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", printed(&output.stdout));
        assert_eq!(printed(&output.stdout), "", "{arguments:?}");
        printed(&output.stderr)
    }

    /// Runs a verb with this on standard input.
    pub fn typing(&self, arguments: &[&str], typed: &str) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut input = child.stdin.take().expect("is piped");
        std::io::Write::write_all(&mut input, typed.as_bytes()).expect("types");
        drop(input);
        child.wait_with_output().expect("ends")
    }
}
