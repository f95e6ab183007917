//! `cargo xtask ci`: everything `test` does, then what only a release needs to know.

use crate::test::{self, Run};
use crate::{Outcome, build, checks, failed, need};

/// Words that only the feature `drill` brings into a program.
const DRILL_WORDS: [&str; 3] =
    ["phone.record.before_commit", "relay.push.before_commit", "relay_add_device"];

/// The whole command.
pub fn run() -> Outcome {
    need::native_build_tools()?;
    let mut run = Run::default();
    test::all(&mut run);
    run.check("each crate alone", checks::alone);
    run.check("documentation", checks::documentation);
    run.check("no drill in a release", release_has_no_drill);
    run.finish()
}

/// A release build holds no crash point, no time travel and no tampering.
fn release_has_no_drill() -> Outcome {
    let built = build::cargo_build(&["--release", "-p", "server", "--bins"])?;
    let program = build::program(&built, "aftercall")?;
    let bytes = std::fs::read(program)
        .map_err(|e| crate::Stop::Failed(format!("cannot read the release binary: {e}")))?;
    for word in DRILL_WORDS {
        if bytes.windows(word.len()).any(|window| window == word.as_bytes()) {
            return failed(format!("the release binary contains {word}, which belongs to drills"));
        }
    }
    Ok(())
}
