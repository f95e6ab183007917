//! What must be on the machine before anything is built, said in one sentence if it is not.
//!
//! Debian packages are installed by [`debian`] where that is possible; the C compiler, make and perl
//! are the machine's own business.

use std::process::{Command, Stdio};

use crate::shell::run;
use crate::{Outcome, failed};

/// Checks for the C compiler, make and perl that the encrypted database is built with.
pub fn native_build_tools() -> Outcome {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let missing: Vec<&str> = [compiler.as_str(), "make", "perl"]
        .into_iter()
        .filter(|tool| !answers(tool, "--version"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    failed(format!(
        "cannot build without {}: install a C compiler, make and perl first (Debian: apt-get install -y build-essential perl; macOS: xcode-select --install)",
        missing.join(", ")
    ))
}

/// Whether a program is there and answers this argument with success.
pub fn answers(program: &str, argument: &str) -> bool {
    Command::new(program)
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Installs Debian packages; `purpose` completes "… is needed to".
pub fn debian(packages: &[&str], purpose: &str) -> Outcome {
    let list = packages.join(" ");
    if !answers("apt-get", "--version") {
        return failed(format!(
            "{list} is needed to {purpose}, and this machine has no apt-get to install it with; install it by hand and run this again"
        ));
    }
    if !is_root() {
        return failed(format!(
            "{list} is needed to {purpose}; run `sudo apt-get install -y --no-install-recommends {list}` and then this again"
        ));
    }
    run(apt().arg("update").arg("-qq"))?;
    run(apt().args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages))
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.trim_ascii() == b"0")
}
