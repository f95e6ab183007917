//! The core compiles for a browser: `sync-core` without default features, for wasm32-unknown-unknown.
//!
//! The standard library for that target comes from rustup where it can be had, else it is compiled from
//! Debian's sources with Debian's compiler. Either way the command installs it itself.

use std::process::Command;

use crate::shell::{cargo, clean_env, root, run};
use crate::{Outcome, failed, need};

const TARGET: &str = "wasm32-unknown-unknown";
const CHECK: [&str; 6] =
    ["check", "--quiet", "-p", "sync-core", "--no-default-features", "--target"];

/// The check.
pub fn check() -> Outcome {
    if has_target() || (rustup(&["target", "add", TARGET]) && has_target()) {
        return run(cargo().args(CHECK).arg(TARGET).arg("--target-dir").arg("target/wasm"));
    }
    println!("rustup cannot add {TARGET} here; using Debian's compiler and its sources");
    with_debian()
}

fn has_target() -> bool {
    Command::new("rustup")
        .args(["target", "list", "--installed"])
        .current_dir(root())
        .output()
        .is_ok_and(|out| String::from_utf8_lossy(&out.stdout).lines().any(|line| line == TARGET))
}

fn rustup(args: &[&str]) -> bool {
    Command::new("rustup").args(args).current_dir(root()).status().is_ok_and(|s| s.success())
}

/// A check needs no linker and no C compiler, only rustc, cargo and the sources of the standard library.
fn with_debian() -> Outcome {
    let (rustc, rustdoc, cargo) = ("/usr/bin/rustc", "/usr/bin/rustdoc", "/usr/bin/cargo");
    if !is_debian_web(rustc) {
        need::debian(
            &["rustc-web", "cargo-web", "rust-web-src"],
            &format!("check the core for {TARGET}"),
        )?;
    }
    if !is_debian_web(rustc) {
        return failed(format!("{rustc} has no sources of its standard library beside it"));
    }
    let mut command = Command::new(cargo);
    clean_env(&mut command);
    for name in ["RUSTUP_TOOLCHAIN", "RUSTFLAGS", "CARGO"] {
        command.env_remove(name);
    }
    command
        .current_dir(root())
        .env("RUSTC", rustc)
        .env("RUSTDOC", rustdoc)
        // Building the standard library from source is an unstable option of a stable compiler.
        .env("RUSTC_BOOTSTRAP", "1")
        .args(CHECK)
        .arg(TARGET)
        .args(["--target-dir", "target/wasm-debian", "-Z", "build-std=std,panic_abort"]);
    run(&mut command)
}

/// Whether this compiler is there and has the standard library's sources in its sysroot.
fn is_debian_web(rustc: &str) -> bool {
    let Ok(out) = Command::new(rustc).args(["--print", "sysroot"]).output() else { return false };
    let sysroot = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    std::path::Path::new(&sysroot).join("lib/rustlib/src/rust/library/std/src/lib.rs").is_file()
}
