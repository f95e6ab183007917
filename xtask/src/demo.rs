//! `cargo xtask demo`: builds the relay with its drills and plays an evening of peer support.
//!
//! All that is shown and checked is done by `aftercall demo`; this only builds it and gets out of its way.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{clean_env, root};
use crate::{Outcome, build, failed, need, usage};

const DEFAULT_EXERCISE: &str = "tests/exercises/county-evening.jsonl";

/// The whole command.
pub fn run(args: &[&str]) -> Outcome {
    let options = parse(args)?;
    need::native_build_tools()?;
    let exercise = match options.exercise {
        Some(file) => file,
        None => root().join(DEFAULT_EXERCISE),
    };
    if !exercise.is_file() {
        return failed(format!("there is no exercise at {}", exercise.display()));
    }
    let built = build::cargo_build(&[
        "--release",
        "-p",
        "server",
        "--features",
        "drill",
        "--bin",
        "aftercall",
    ])?;
    let mut demo = Command::new(build::program(&built, "aftercall")?);
    clean_env(&mut demo);
    demo.arg("demo").arg("--exercise").arg(exercise);
    if options.check {
        demo.arg("--check");
    }
    hand_over(demo)
}

struct Options {
    exercise: Option<PathBuf>,
    check: bool,
}

fn parse(args: &[&str]) -> Outcome<Options> {
    let mut options = Options { exercise: None, check: false };
    let mut rest = args;
    loop {
        rest = match rest {
            [] => return Ok(options),
            ["--check", rest @ ..] => {
                options.check = true;
                rest
            }
            ["--exercise", file, rest @ ..] => {
                options.exercise = Some(PathBuf::from(file));
                rest
            }
            ["--exercise"] => return usage("--exercise needs a file"),
            [other, ..] => {
                return usage(format!(
                    "demo does not take {other}; it takes --exercise FILE and --check"
                ));
            }
        };
    }
}

/// Becomes the demo, so that stopping it (Ctrl-C, a signal) reaches it directly.
#[cfg(unix)]
fn hand_over(mut demo: Command) -> Outcome {
    use std::os::unix::process::CommandExt;
    let error = demo.exec();
    failed(format!("cannot start the demo: {error}"))
}

/// Runs the demo to its end.
#[cfg(not(unix))]
fn hand_over(mut demo: Command) -> Outcome {
    crate::shell::run(&mut demo)
}
