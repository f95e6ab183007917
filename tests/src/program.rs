//! The built `aftercall`, for tests that play it as a person would.
//!
//! It is built by `cargo xtask test`, or by hand with `cargo build -p server --features drill`; a test that does
//! not find it says so.

use std::path::{Path, PathBuf};

/// Where the program lies, beside the tests that were built with it.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let folder = test.parent().and_then(Path::parent).expect("tests lie in target/*/deps");
    let program = folder.join(format!("aftercall{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "{} is not built: run `cargo build -p server --features drill` first",
        program.display()
    );
    program
}

/// What a program printed.
pub fn printed(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
