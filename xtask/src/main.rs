//! The project's commands: `cargo xtask demo | test | ci | bindings | bench | prove`.
//!
//! Each installs what it is missing where it can, says in a sentence what to do where it cannot, and
//! exits non-zero whenever anything failed. Plain std, so that a fresh clone starts it in seconds.

mod bench;
mod bindings;
mod build;
mod checks;
mod ci;
mod demo;
mod drill;
mod need;
mod prove;
mod shell;
mod test;
mod wasm;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask demo [--exercise FILE] [--check]   build the relay and play an evening of peer support
cargo xtask test [AREA]                        format, lints and every test; or one area:
                                               core, keys, field, sync, console, bindings
cargo xtask ci                                 test, then each crate alone and the documentation
cargo xtask bindings [python|kotlin|swift]     generate the bindings and run them
cargo xtask bench [FIGURE…] [--json] [--compare FILE]
                                               measure S1a, S1p, S1b, S2, S3, S4, S5, S8 beside their floors;
                                               FILE holds what an earlier run printed with --json
cargo xtask prove [WHAT] [TIMES]               what takes hours: kills, histories, agreement, seals, fuzz,
                                               dependencies";

/// Why a command ended without doing what it was asked.
pub enum Stop {
    /// The command line is wrong, or asks for something that is not there: exit code 2.
    Usage(String),
    /// Something failed: exit code 1.
    Failed(String),
}

/// What a command hands back.
pub type Outcome<T = ()> = Result<T, Stop>;

/// A failure with this sentence.
pub fn failed<T>(sentence: impl Into<String>) -> Outcome<T> {
    Err(Stop::Failed(sentence.into()))
}

/// A wrong command line, with this sentence.
pub fn usage<T>(sentence: impl Into<String>) -> Outcome<T> {
    Err(Stop::Usage(sentence.into()))
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Usage(sentence)) => {
            eprintln!("xtask: {sentence}");
            ExitCode::from(2)
        }
        Err(Stop::Failed(sentence)) => {
            eprintln!("xtask: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Outcome {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        ["demo", rest @ ..] => demo::run(rest),
        ["test"] => test::run(None),
        ["test", area] => test::run(Some(area)),
        ["ci"] => ci::run(),
        ["bindings", languages @ ..] => bindings::run(languages),
        ["bench", rest @ ..] => bench::run(rest),
        ["prove", rest @ ..] => prove::all(rest),
        [command @ ("test" | "ci"), ..] => {
            usage(format!("too many arguments for {command}\n{HELP}"))
        }
        [other, ..] => usage(format!("there is no command {other}\n{HELP}")),
    }
}
