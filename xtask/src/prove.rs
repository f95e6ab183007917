//! `cargo xtask prove [WHAT] [TIMES]`: what takes too long for every change. The same tests as `test`, many more times.
//!
//! A test that can be made longer reads how long from the environment, under a name that stands here; without it the
//! test is as short as `cargo xtask test` needs it.

use std::process::Command;

use crate::shell::{cargo, root, run};
use crate::{Outcome, build, failed, need, usage};

/// The version that the words of `deny.toml` are written for.
const CARGO_DENY: &str = "0.19.0";

/// A test that is run more often: its name on the command line, the test program, what says how often, and how often.
struct Long {
    name: &'static str,
    program: &'static str,
    variable: &'static str,
    times: u32,
}

const LONG: [Long; 3] = [
    // SECURITY: 10,000 kills without one acknowledged write lost.
    Long { name: "kills", program: "relay_kills", variable: "AFTERCALL_KILLS", times: 10_000 },
    Long { name: "histories", program: "healing", variable: "AFTERCALL_HISTORIES", times: 2_000 },
    Long { name: "agreement", program: "convergence", variable: "AFTERCALL_SEEDS", times: 250 },
];

/// What is run, for the help.
pub const WHAT: &str = "kills, histories, agreement or dependencies";

/// The whole command.
pub fn all(args: &[&str]) -> Outcome {
    match args {
        [] => {
            dependencies()?;
            LONG.iter().try_for_each(|long| again(long, long.times))
        }
        ["dependencies"] => dependencies(),
        [name, rest @ ..] => {
            let Some(long) = LONG.iter().find(|long| long.name == *name) else {
                return usage(format!("prove has no {name}; it has {WHAT}"));
            };
            match rest {
                [] => again(long, long.times),
                [times] => match times.parse() {
                    Ok(times) => again(long, times),
                    Err(_) => usage(format!("{times} is no number of times")),
                },
                _ => usage(format!("too many arguments for prove {name}")),
            }
        }
    }
}

fn again(long: &Long, times: u32) -> Outcome {
    need::native_build_tools()?;
    build::everything()?;
    println!("{}: {times} times", long.name);
    let mut command = cargo();
    command.args(["test", "-p", "tests", "--features", "server/drill", "--test", long.program]);
    run(command.env(long.variable, times.to_string()))
}

/// Licences, sources and duplicates of everything the product is built from, and advisories where their database
/// can be fetched.
fn dependencies() -> Outcome {
    let tools = root().join("target/tools");
    let deny = tools.join("bin/cargo-deny");
    if !deny.is_file() {
        run(cargo()
            .args(["install", "cargo-deny", "--locked", "--version", CARGO_DENY, "--root"])
            .arg(&tools))?;
    }
    let check = |what: &[&str]| {
        let mut command = Command::new(&deny);
        command.current_dir(root()).args(["check"]).args(what);
        run(&mut command)
    };
    check(&["bans", "licenses", "sources"])?;
    if check(&["advisories"]).is_err() {
        return failed(
            "advisories: see above; if their database could not be fetched, run this where it can",
        );
    }
    Ok(())
}
