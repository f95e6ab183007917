//! `cargo xtask bench`: builds relay and bench as they are released and measures this release.
//!
//! All measuring is done by the program `bench`; this builds it without drills and hands over what it was asked.

use std::process::Command;

use crate::shell::{clean_env, root};
use crate::{Outcome, Stop, build, failed, need, usage};

/// The whole command.
pub fn run(args: &[&str]) -> Outcome {
    if cfg!(not(target_os = "linux")) {
        return usage("bench reads the relay's CPU time and memory from /proc; it runs on Linux");
    }
    need::native_build_tools()?;
    let programs = ["-p", "server", "-p", "bench", "--bin", "aftercall", "--bin", "bench"];
    let built = build::cargo_build_quietly(&[&["--release"], &programs[..]].concat())?;
    let mut bench = Command::new(build::program(&built, "bench")?);
    clean_env(&mut bench);
    bench.arg("--relay").arg(build::program(&built, "aftercall")?);
    bench.arg("--folder").arg(root().join("target/bench")).args(args);
    let status = bench.status().map_err(|e| Stop::Failed(format!("cannot start bench: {e}")))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(1) => failed("a budget is missed; docs/performance.md says which and why"),
        _ => failed("bench could not measure; its words stand above"),
    }
}
