//! `cargo xtask bindings [python]`: generates the bindings of `mobile-ffi` and runs them.
//!
//! The generated code is a build product: it lies under `target/` and is never committed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::{self, Artifact};
use crate::shell::{clean_env, root, run as run_command};
use crate::test::{Tally, judge};
use crate::{Outcome, Stop, failed, need, usage};

/// The whole command.
pub fn run(language: &str) -> Outcome {
    match language {
        "python" => {}
        "kotlin" | "swift" => {
            return usage(format!(
                "{language} is not in this release; `cargo xtask bindings python` is"
            ));
        }
        other => return usage(format!("there are no bindings for {other}; there are for python")),
    }
    need::native_build_tools()?;
    let built = build::everything()?;
    let mut failures = Vec::new();
    let tally = python(&built, &mut failures);
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 { Ok(()) } else { failed(failures.join("; ")) }
}

/// Generates the Python bindings and runs the smoke test through them.
pub fn python(built: &[Artifact], failures: &mut Vec<String>) -> Tally {
    match generate(built, "python") {
        Ok(folder) => {
            let mut smoke = Command::new("python3");
            clean_env(&mut smoke);
            smoke.arg(root().join("mobile-ffi/tests/smoke.py")).env("PYTHONPATH", &folder);
            // Warnings are for people; the interpreter's cache would litter the source tree.
            smoke.env("PYTHONDONTWRITEBYTECODE", "1");
            judge("python bindings", &mut smoke, true, failures)
        }
        Err(Stop::Failed(why) | Stop::Usage(why)) => {
            println!("{why}");
            failures.push(format!("python bindings: {why}"));
            Tally::FAILED
        }
    }
}

fn generate(built: &[Artifact], language: &str) -> Outcome<PathBuf> {
    if !need::answers("python3", "--version") {
        need::debian(&["python3"], "run the Python bindings")?;
    }
    let library = library(built)?;
    let folder = root().join("target/bindings").join(language);
    let prepare =
        |e: std::io::Error| Stop::Failed(format!("cannot write {}: {e}", folder.display()));
    std::fs::create_dir_all(&folder).map_err(prepare)?;
    let mut generator = Command::new(build::program(built, "uniffi-bindgen")?);
    clean_env(&mut generator);
    generator.current_dir(root()).arg("generate").arg(library).args(["--language", language]);
    run_command(generator.arg("--out-dir").arg(&folder).arg("--no-format"))?;
    let name = library.file_name().unwrap_or_default();
    std::fs::copy(library, folder.join(name)).map_err(prepare)?;
    Ok(folder)
}

fn library(built: &[Artifact]) -> Outcome<&Path> {
    built
        .iter()
        .filter(|artifact| artifact.package == "mobile-ffi" && !artifact.test)
        .find_map(|artifact| artifact.dynamic_library.as_deref())
        .ok_or_else(|| Stop::Failed("the build made no dynamic library of mobile-ffi".to_owned()))
}
