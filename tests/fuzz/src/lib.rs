//! The targets of `tests::fuzz` under a coverage-guided fuzzer: `cargo xtask prove fuzz`.

use std::sync::Once;

/// Runs a target. What panics inside of it and is caught there is no find: the gates promise to catch.
pub fn run(name: &str, bytes: &[u8]) {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| ())));
    let target = tests::fuzz::TARGETS.into_iter().find(|(known, _)| *known == name);
    let (_, target) = target.expect("a target of this name");
    if let Err(panic) = std::panic::catch_unwind(|| target(bytes)) {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
        eprintln!("{name}: {}", words.unwrap_or("a panic"));
        std::process::abort();
    }
}
