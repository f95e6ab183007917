//! `cargo xtask ci`: everything `test` does, then each crate by itself and the documentation.

use crate::test::{self, Run};
use crate::{Outcome, checks, need};

/// The whole command.
pub fn run() -> Outcome {
    need::native_build_tools()?;
    let mut run = Run::default();
    test::all(&mut run);
    run.check("each crate alone", checks::alone);
    run.check("documentation", checks::documentation);
    run.finish()
}
