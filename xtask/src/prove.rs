//! `cargo xtask prove [WHAT] [TIMES]`: what takes too long for every change. The same tests as `test`, many more times.
//!
//! A test that can be made longer reads how long from the environment, under a name that stands here; without it the
//! test is as short as `cargo xtask test` needs it.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{cargo, root, run};
use crate::{Outcome, Stop, build, failed, need, usage};

/// The version that the words of `deny.toml` are written for.
const CARGO_DENY: &str = "0.19.0";

/// A test that is run more often: its name on the command line, the test program, what says how often, and how often.
struct Long {
    name: &'static str,
    package: &'static str,
    program: &'static str,
    variable: &'static str,
    times: u32,
}

const LONG: [Long; 4] = [
    // SECURITY: 1,000,000 seals without a repeated nonce or key.
    Long {
        name: "seals",
        package: "sync-core",
        program: "sealing",
        variable: "AFTERCALL_SEALS",
        times: 1_000_000,
    },
    // SECURITY: 10,000 kills without one acknowledged write lost.
    Long {
        name: "kills",
        package: "tests",
        program: "relay_kills",
        variable: "AFTERCALL_KILLS",
        times: 10_000,
    },
    Long {
        name: "histories",
        package: "tests",
        program: "healing",
        variable: "AFTERCALL_HISTORIES",
        times: 2_000,
    },
    Long {
        name: "agreement",
        package: "tests",
        program: "convergence",
        variable: "AFTERCALL_SEEDS",
        times: 250,
    },
];

/// What is run, for the help.
pub const WHAT: &str = "kills, histories, agreement, seals, fuzz or dependencies";

const CARGO_FUZZ: &str = "0.13.2";
/// Minutes that the fuzzer spends on each target.
const FUZZ_MINUTES: u32 = 60;

/// The whole command.
pub fn all(args: &[&str]) -> Outcome {
    match args {
        [] => {
            dependencies()?;
            fuzz(FUZZ_MINUTES)?;
            LONG.iter().try_for_each(|long| again(long, long.times))
        }
        ["dependencies"] => dependencies(),
        ["fuzz"] => fuzz(FUZZ_MINUTES),
        ["fuzz", minutes] => match minutes.parse() {
            Ok(minutes @ 1..) => fuzz(minutes),
            _ => usage(format!("{minutes} is no number of minutes")),
        },
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
    command.args(["test", "-p", long.package, "--test", long.program]);
    match long.package {
        "tests" => command.args(["--features", "server/drill"]),
        _ => command.arg("--all-features"),
    };
    run(command.env(long.variable, times.to_string()))
}

/// Lets a coverage-guided fuzzer look for bytes that break a promise, on every target. What it finds lies in
/// `tests/fuzz/artifacts`, and belongs into the corpus once it is mended.
fn fuzz(minutes: u32) -> Outcome {
    let fuzzer = tool("cargo-fuzz", CARGO_FUZZ)?;
    let cargo_fuzz = |verb: &str| {
        let mut command = Command::new(&fuzzer);
        // Coverage is a flag that the stable compiler knows and does not promise.
        command.env("RUSTC_BOOTSTRAP", "1").current_dir(root().join("tests/fuzz"));
        command.args(["fuzz", verb, "--fuzz-dir", ".", "--sanitizer", "none"]);
        command
    };
    run(&mut cargo_fuzz("build"))?;
    let targets = std::fs::read_dir(root().join("tests/fuzz/corpus"))
        .map_err(|e| Stop::Failed(format!("cannot read the corpus: {e}")))?;
    let mut names: Vec<String> =
        targets.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    for name in names {
        let found = root().join("tests/fuzz/target/corpus").join(&name);
        std::fs::create_dir_all(&found)
            .map_err(|e| Stop::Failed(format!("cannot make {}: {e}", found.display())))?;
        let mut command = cargo_fuzz("run");
        // New bytes go into the first folder; the one that is kept in the repository is only read.
        command.arg(&name).arg(&found).arg(format!("corpus/{name}")).arg("--");
        command.args(["-rss_limit_mb=2048", "-max_len=4096", "-timeout=20"]);
        run(command.arg(format!("-max_total_time={}", minutes * 60)))?;
    }
    Ok(())
}

/// Licences, sources and duplicates of everything the product is built from, and advisories where their database
/// can be fetched.
fn dependencies() -> Outcome {
    let deny = tool("cargo-deny", CARGO_DENY)?;
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

/// A program of others, of this version, installed beside what is built here.
fn tool(name: &str, version: &str) -> Outcome<PathBuf> {
    let tools = root().join("target/tools");
    let program = tools.join("bin").join(name);
    if !program.is_file() {
        run(cargo()
            .args(["install", name, "--locked", "--version", version, "--root"])
            .arg(&tools))?;
    }
    Ok(program)
}
