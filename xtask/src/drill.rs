//! A program built without the feature `drill` holds no crash point, no time travel and no tampering.
//!
//! Looks for words that only drills bring in, and first makes sure that a build with drills has them all.

use std::path::Path;

use crate::{Outcome, Stop, build, failed};

/// Words that only the feature `drill` brings into a program.
const WORDS: [&str; 4] = [
    "phone.record.before_commit",
    "relay.push.before_commit",
    "expect_relay_never",
    "swap_enrolment_keys",
];

/// The check. Leaves the build with drills in place, because that is what exercises run.
pub fn absent_without_its_feature() -> Outcome {
    let plain = build::cargo_build(&["-p", "server", "--bin", "aftercall"])?;
    let without = words_in(build::program(&plain, "aftercall")?)?;
    let drilled = build::everything()?;
    let with = words_in(build::program(&drilled, "aftercall")?)?;
    if let Some(word) = WORDS.iter().find(|word| !with.contains(word)) {
        return failed(format!(
            "drills hold no {word} any more; name another word in xtask/src/drill.rs"
        ));
    }
    match without.first() {
        None => Ok(()),
        Some(word) => failed(format!("a build without drills contains {word}")),
    }
}

fn words_in(program: &Path) -> Outcome<Vec<&'static str>> {
    let bytes = std::fs::read(program)
        .map_err(|e| Stop::Failed(format!("cannot read {}: {e}", program.display())))?;
    let holds = |word: &&str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
    Ok(WORDS.into_iter().filter(holds).collect())
}
