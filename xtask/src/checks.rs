//! Checks that no test program makes: format, lints, documentation, each crate by itself.

use crate::Outcome;
use crate::shell::{cargo, run};

/// The packages of the product, without the harness that always turns `drill` on.
const PRODUCT: [&str; 5] = ["sync-core", "server", "mobile-ffi", "uniffi-bindgen", "xtask"];

/// Every file is formatted.
pub fn format() -> Outcome {
    run(cargo().args(["fmt", "--all", "--", "--check"]))
}

/// No lint, as the product is released.
pub fn lints() -> Outcome {
    let mut command = cargo();
    command.args(["clippy", "--quiet", "--keep-going", "--all-targets"]);
    for package in PRODUCT {
        command.args(["-p", package]);
    }
    run(command.args(["--", "-D", "warnings"]))
}

/// No lint with the feature `drill`, harness included.
pub fn lints_with_drill() -> Outcome {
    run(cargo().args(["clippy", "--quiet", "--keep-going", "--workspace", "--all-targets"]).args([
        "--features",
        "server/drill",
        "--",
        "-D",
        "warnings",
    ]))
}

/// The documentation builds without a warning, private items included: it is for those who work on the code.
pub fn documentation() -> Outcome {
    run(cargo()
        .args([
            "doc",
            "--quiet",
            "--keep-going",
            "--workspace",
            "--no-deps",
            "--lib",
            "--document-private-items",
        ])
        .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links"))
}

/// Each crate compiles alone, and the core with each of its features alone.
pub fn alone() -> Outcome {
    for package in PRODUCT.iter().chain(["tests", "bench"].iter()) {
        run(cargo().args(["check", "--quiet", "-p", package]))?;
    }
    for features in ["", "sqlite", "client", "drill"] {
        run(cargo()
            .args(["check", "--quiet", "-p", "sync-core", "--no-default-features", "--features"])
            .arg(features))?;
    }
    Ok(())
}
