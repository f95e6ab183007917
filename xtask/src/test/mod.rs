//! `cargo xtask test [AREA]`: every test once, from one build, with an honest last line.
//!
//! Without an area: format and lints, then all areas. A test program that stands in no area, a test
//! file of which nothing ran and an area without tests are failures, and so is anything that ends badly.

mod areas;
mod tally;

use std::process::Command;
use std::time::{Duration, Instant};

use areas::{Area, Part};
pub use tally::Tally;

use crate::build::{self, Artifact};
use crate::shell::{capture, cargo, clean_env};
use crate::{Outcome, Stop, bindings, checks, drill, failed, need, usage, wasm};

/// Longest that one test program may take.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// A run under way: what each area took and what came of it.
#[derive(Default)]
pub struct Run {
    lines: Vec<(String, Duration, Tally)>,
    failures: Vec<String>,
}

impl Run {
    /// Does one named step, counts it, and goes on whatever came of it.
    pub fn step(&mut self, name: &str, step: impl FnOnce(&mut Vec<String>) -> Tally) {
        println!("\n== {name}");
        let start = Instant::now();
        let mut tally = step(&mut self.failures);
        if tally.ran() == 0 {
            self.failures.push(format!("{name}: no test ran"));
            tally.add(Tally::FAILED);
        }
        self.lines.push((name.to_owned(), start.elapsed(), tally));
    }

    /// Does one check that passes or fails as a whole.
    pub fn check(&mut self, name: &str, check: impl FnOnce() -> Outcome) {
        self.step(name, |failures| one(name, check(), failures));
    }

    /// Does what tests need and is none itself: only its failure counts.
    fn prepare(&mut self, name: &str, work: impl FnOnce() -> Outcome) {
        println!("\n== {name}");
        let start = Instant::now();
        let tally = match work() {
            Ok(()) => Tally::default(),
            failed => one(name, failed, &mut self.failures),
        };
        self.lines.push((name.to_owned(), start.elapsed(), tally));
    }

    /// Prints what every step took, every failure, and the last line; fails if anything failed.
    pub fn finish(self) -> Outcome {
        let mut total = Tally::default();
        println!();
        for (name, took, tally) in &self.lines {
            total.add(*tally);
            let ignored = match tally.ignored {
                0 => String::new(),
                n => format!(", {n} left out by their author"),
            };
            println!(
                "{name:<24} {:>5.1} min   {} passed, {} failed{ignored}",
                took.as_secs_f64() / 60.0,
                tally.passed,
                tally.failed
            );
        }
        for failure in &self.failures {
            println!("FAILED {failure}");
        }
        println!("{} passed, {} failed", total.passed, total.failed);
        if total.failed == 0 { Ok(()) } else { failed("not everything passed") }
    }
}

/// Counts a check that passes or fails as a whole.
pub fn one(name: &str, outcome: Outcome, failures: &mut Vec<String>) -> Tally {
    match outcome {
        Ok(()) => Tally::PASSED,
        Err(Stop::Failed(why) | Stop::Usage(why)) => {
            println!("{why}");
            failures.push(format!("{name}: {why}"));
            Tally::FAILED
        }
    }
}

/// The whole command.
pub fn run(area: Option<&str>) -> Outcome {
    let mut run = Run::default();
    match area {
        None => {
            need::native_build_tools()?;
            all(&mut run);
        }
        Some(name) => {
            let Some(area) = Area::ALL.into_iter().find(|area| area.name() == name) else {
                let names: Vec<&str> = Area::ALL.into_iter().map(Area::name).collect();
                return usage(format!(
                    "there is no area {name}; choose one of {}",
                    names.join(", ")
                ));
            };
            need::native_build_tools()?;
            with_build(&mut run, &[area]);
        }
    }
    run.finish()
}

/// Format, lints and every area.
pub fn all(run: &mut Run) {
    run.check("format", checks::format);
    run.check("lints", checks::lints);
    run.check("lints with drill", checks::lints_with_drill);
    with_build(run, &Area::ALL);
    run.check("no drill without it", drill::absent_without_its_feature);
}

fn with_build(run: &mut Run, areas: &[Area]) {
    let mut built = Vec::new();
    run.prepare("build", || {
        built = build::everything()?;
        let homeless: Vec<String> = tests(&built)
            .filter(|program| areas::parts(program).is_none())
            .map(|program| format!("{}/tests/{}.rs", program.package, program.name))
            .collect();
        match homeless.is_empty() {
            true => Ok(()),
            false => failed(format!(
                "no area runs {}: give it a rule in xtask/src/test/areas.rs",
                homeless.join(", ")
            )),
        }
    });
    if built.is_empty() {
        return;
    }
    for area in areas {
        run.step(area.name(), |failures| run_area(*area, &built, failures));
    }
}

fn tests(built: &[Artifact]) -> impl Iterator<Item = &Artifact> {
    built.iter().filter(|artifact| artifact.test && artifact.executable.is_some())
}

fn run_area(area: Area, built: &[Artifact], failures: &mut Vec<String>) -> Tally {
    let mut tally = Tally::default();
    for program in tests(built) {
        let parts = areas::parts(program).unwrap_or_default();
        for part in parts.iter().filter(|part| part.area == area) {
            tally.add(run_part(program, part, failures));
        }
    }
    match area {
        Area::Core => {
            tally.add(doc_tests(failures));
            tally.add(one("wasm32", wasm::check(), failures));
        }
        Area::Bindings => tally.add(bindings::all(built, failures)),
        _ => {}
    }
    tally
}

fn run_part(program: &Artifact, part: &Part, failures: &mut Vec<String>) -> Tally {
    let name = format!("{} {}", program.package, program.name);
    let Some(executable) = &program.executable else { return Tally::default() };
    let mut command = Command::new(executable);
    clean_env(&mut command);
    command.current_dir(&program.folder).env("CARGO_MANIFEST_DIR", &program.folder);
    command.args(&part.only);
    for word in &part.skip {
        command.args(["--skip", word]);
    }
    let must_have_tests = program.kind == "test";
    judge(&name, &mut command, must_have_tests, failures)
}

/// Runs a test program and counts; prints all it said if anything failed.
pub fn judge(
    name: &str,
    command: &mut Command,
    must_have_tests: bool,
    failures: &mut Vec<String>,
) -> Tally {
    let start = Instant::now();
    let output = match capture(command, LIMIT) {
        Ok(output) => output,
        Err(stop) => return one(name, Err(stop), failures),
    };
    let mut tally = Tally::of(&output);
    let took = start.elapsed().as_secs_f64();
    if must_have_tests && tally.ran() == 0 {
        failures.push(format!("{name}: no test ran"));
        tally.add(Tally::FAILED);
    } else if tally.failed > 0 {
        println!("{}{}", output.stdout, output.stderr);
        if output.status.is_none() {
            println!("{name} was ended: it took longer than {} minutes", LIMIT.as_secs() / 60);
        }
        failures.push(format!("{name}: {} failed", tally.failed));
    }
    if tally.ran() > 0 {
        println!("{name:<36} {:>4} passed, {} failed ({took:.1} s)", tally.passed, tally.failed);
    }
    tally
}

/// The examples in the documentation, of all libraries at once; there may be none.
fn doc_tests(failures: &mut Vec<String>) -> Tally {
    let mut command = cargo();
    command.args(["test", "--quiet", "--doc", "--workspace", "--features", "server/drill"]);
    judge("documentation examples", &mut command, false, failures)
}
