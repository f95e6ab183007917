//! `aftercall demo`: an evening of peer support, played by real processes, and what everyone sees of it after.

use std::collections::BTreeSet;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value as Json;

use super::runner::{self, Failed, Options, Report, Showing, StepReport, World};
use super::script::{Exercise, Place, Verb};
use super::{DemoArgs, USAGE};

const COUNTY: &str = include_str!("../../../tests/exercises/county-evening.jsonl");

/// Plays it, shows it, and stays until stopped, or with `--check` ends at once with its exit code.
pub fn run(args: &DemoArgs) -> ExitCode {
    let exercise = match &args.exercise {
        Some(file) => Exercise::read(file),
        None => Exercise::parse("county-evening.jsonl", COUNTY),
    };
    let exercise = match exercise {
        Ok(exercise) => exercise,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(USAGE);
        }
    };
    match play(&exercise) {
        Ok((report, mut world)) => {
            let shown = show(&exercise, &mut world);
            if let Err(reason) = &shown {
                eprintln!("error: the result cannot be shown: {reason:?}");
            }
            println!("{}", report.summary());
            if !args.check {
                stay(&mut world);
            }
            let good = report.failed == 0 && shown == Ok(true);
            if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn play(exercise: &Exercise) -> Result<(Report, World), String> {
    println!("Playing {}: a relay and its phones, each a process of its own.", exercise.file);
    let bar = ProgressBar::new(exercise.steps.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}") {
        bar.set_style(style);
    }
    let played = runner::play(exercise, &Options::default(), &mut |step: &StepReport| {
        bar.set_message(step.why.clone().unwrap_or_else(|| step.name.replace('_', " ")));
        bar.inc(1);
        if let Some(line) = step.failure_line() {
            bar.suspend(|| println!("{line}"));
        }
    });
    bar.finish_and_clear();
    played
}

/// The words of every sealed text in the file: what the relay must not hold.
fn canaries(exercise: &Exercise) -> Vec<String> {
    let mut words = BTreeSet::new();
    let mut take = |json: &Json| {
        if let Some(text) = json.as_str().filter(|text| text.len() > 3) {
            words.insert(text.to_owned());
        }
    };
    for step in &exercise.steps {
        match &step.verb {
            Verb::Record(step) => step.sealed.get("text").into_iter().for_each(&mut take),
            Verb::Edit(step) => step.sealed.get("text").into_iter().for_each(&mut take),
            Verb::Write(step) => {
                step.insert
                    .iter()
                    .for_each(|insert| take(&Json::String(insert.text.trim().into())));
            }
            Verb::ExpectRelayNever(step) if step.place == Place::All => {
                step.text.all().iter().for_each(|text| take(&Json::String(text.clone())));
            }
            _ => {}
        }
    }
    words.into_iter().collect()
}

/// Prints what each role sees and what the relay's disk holds; false if a sealed word stands there.
fn show(exercise: &Exercise, world: &mut World) -> Result<bool, Failed> {
    println!("\nWhat each phone shows now (records it can open):");
    for sight in world.sights()? {
        let mut kinds: Vec<String> =
            sight.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        if sight.notes > 0 {
            kinds.push(format!("{} session note", sight.notes));
        }
        if sight.conflicts > 0 {
            kinds.push(format!("{} in conflict", sight.conflicts));
        }
        println!("  {} ({})\n      {}", sight.device, sight.roles, kinds.join(", "));
    }
    match world.sealed_row()? {
        Some((reader, text, row)) => {
            let text: String = text.chars().take(68).collect();
            println!("\nOne session note, on the phone of {reader} and on the relay's disk:");
            println!("  {reader} reads   {text}");
            println!("  the relay has  {} ({} bytes)", head(&row["body"]), row["bytes"]);
        }
        None => println!("\nNo session note was made."),
    }
    let canaries = canaries(exercise);
    let scan = world.search(&canaries)?;
    println!(
        "\n{} of {} sealed texts found in {} files ({} KB) of the relay: data, logs, answers",
        scan.words_found(),
        canaries.len(),
        scan.files,
        scan.bytes / 1024
    );
    Ok(scan.words_found() == 0)
}

fn head(body: &Json) -> String {
    let hex: Vec<char> = body.as_str().unwrap_or_default().chars().take(48).collect();
    hex.chunks(8).map(|chunk| chunk.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// Stays up so that somebody can look at the page.
fn stay(world: &mut World) {
    match world.page_link() {
        Ok(link) => println!(
            "\nThe coordinator's page, a link for one use:\n  {link}\nCtrl-C ends the demo."
        ),
        Err(reason) => eprintln!("error: there is no link to the page: {reason:?}"),
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    // A signal that cannot be waited for would end the process by itself.
    let _ = runtime.block_on(tokio::signal::ctrl_c());
}
