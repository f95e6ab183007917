//! Drills: exercises played against real processes, and the demo. Compiled only with the feature `drill`.
//!
//! Time travel, crash points, tampering and hostile phones live here and nowhere else; a release build has
//! none of them. `script` reads a file, `runner` plays it, `phone_process` and `relay_process` are the
//! processes it starts, `proxy` is the bad network between them, `demo` shows an evening.

mod child;
mod demo;
mod http;
mod phone_process;
mod protocol;
mod proxy;
mod relay_process;
mod runner;
mod scan;
mod script;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use runner::{Options, Report, StepReport};
use script::Exercise;

/// Exit code for a file or a command line that is wrong.
const USAGE: u8 = 2;

/// Arguments of `exercise`.
#[derive(Debug, Args)]
pub struct ExerciseArgs {
    /// Exercise files
    #[arg(value_name = "FILE", required_unless_present = "points")]
    pub files: Vec<PathBuf>,
    /// Print one JSON object a step
    #[arg(long)]
    pub json: bool,
    /// Make ids (and keys) repeat from run to run
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The relay's store
    #[arg(long, value_enum, default_value_t = StoreKind::Sqlite)]
    pub store: StoreKind,
    /// Keep the relay's and the phones' folders here
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// List the crash points and do nothing else
    #[arg(long)]
    pub points: bool,
}

/// A relay's store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StoreKind {
    /// The embedded one.
    Sqlite,
    /// Not in this release.
    Postgres,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Play this file instead of the county's evening
    #[arg(long, value_name = "FILE")]
    pub exercise: Option<PathBuf>,
    /// Play it without waiting afterwards; the exit code tells whether every expectation held
    #[arg(long)]
    pub check: bool,
}

/// Arguments of a phone's process.
#[derive(Debug, Args)]
pub struct DrillPhoneArgs {
    /// The device's folder
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Makes its randomness repeat
    #[arg(long)]
    pub seed: Option<u64>,
}

/// Arguments of the relay's process.
#[derive(Debug, Args)]
pub struct DrillRelayArgs {
    /// The relay's folder
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Its clock, in milliseconds since 1970
    #[arg(long, allow_negative_numbers = true)]
    pub now_ms: i64,
}

/// Arguments of a restore at the time of an exercise.
#[derive(Debug, Args)]
pub struct DrillRestoreArgs {
    /// The relay's folder
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The backup
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// The keys' backup
    #[arg(long, value_name = "PATH")]
    pub keys: Option<PathBuf>,
    /// The time, in milliseconds since 1970
    #[arg(long, allow_negative_numbers = true)]
    pub now_ms: i64,
    /// A crash point to die at
    #[arg(long)]
    pub point: Option<String>,
}

/// Restores a backup, as the operator's command does.
pub fn restore(args: &DrillRestoreArgs) -> ExitCode {
    if let Err(reason) = sync_core::drill::arm(args.point.as_deref()) {
        eprintln!("{reason}");
        return ExitCode::from(USAGE);
    }
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    let now = sync_core::protocol::Timestamp(args.now_ms);
    match server::restore::restore(&args.data, &args.from, args.keys.as_deref(), now, &mut rng) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a phone's process.
pub fn phone(args: &DrillPhoneArgs) -> ExitCode {
    phone_process::run(&args.data, args.seed)
}

/// Runs the relay's process.
pub fn relay(args: &DrillRelayArgs) -> ExitCode {
    relay_process::run(&args.data, args.listen, args.now_ms)
}

/// Runs the demo.
pub fn demo(args: &DemoArgs) -> ExitCode {
    demo::run(args)
}

/// Plays exercises: 0 if nothing failed, 1 if something did, 2 if a file is wrong.
pub fn exercise(args: &ExerciseArgs) -> ExitCode {
    if args.points {
        use sync_core::drill::{HEALING_POINTS, PHONE_POINTS, RELAY_POINTS, WIPE_POINTS};
        let all = [PHONE_POINTS, RELAY_POINTS, HEALING_POINTS, WIPE_POINTS];
        for point in all.into_iter().flatten() {
            println!("{point}");
        }
        return ExitCode::SUCCESS;
    }
    if args.store == StoreKind::Postgres {
        eprintln!("error: --store postgres is not in this release; leave it out");
        return ExitCode::from(USAGE);
    }
    let exercises: Result<Vec<Exercise>, _> =
        args.files.iter().map(|file| Exercise::read(file)).collect();
    let exercises = match exercises {
        Ok(exercises) => exercises,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(USAGE);
        }
    };
    let mut total = Report::default();
    for exercise in &exercises {
        let keep = args.keep.as_ref().map(|folder| folder.join(stem(&exercise.file)));
        let options = Options { seed: args.seed, keep };
        match runner::play(exercise, &options, &mut |step| show(step, args.json)) {
            Ok((report, _)) => total.add(&report),
            Err(reason) => {
                eprintln!("error: {}: {reason}", exercise.file);
                return ExitCode::FAILURE;
            }
        }
    }
    let summary = total.summary();
    match args.json {
        true => println!(
            "{}",
            json!({ "summary": summary, "passed": total.passed, "failed": total.failed })
        ),
        false => println!("{summary}"),
    }
    if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn stem(file: &str) -> String {
    let stem = PathBuf::from(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.unwrap_or_else(|| "exercise".into())
}

fn show(step: &StepReport, json: bool) {
    if json {
        println!("{}", step.json());
    } else if let Some(line) = step.failure_line() {
        println!("{line}");
    }
}
