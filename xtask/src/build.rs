//! The one debug build that every test runs from: the whole workspace with the feature `drill`.
//!
//! One command and one feature set, so that nothing is compiled twice; cargo itself reports every test
//! program it made, so none can be forgotten.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::shell::{cargo, shown};
use crate::{Outcome, Stop, failed};

/// A program or library that cargo made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The folder of its package, which is the package's name here.
    pub package: String,
    /// The package's folder.
    pub folder: PathBuf,
    /// `lib`, `bin`, `test`, `cdylib` …
    pub kind: String,
    /// The target's name.
    pub name: String,
    /// Whether it is a test program.
    pub test: bool,
    /// The program, if it is one.
    pub executable: Option<PathBuf>,
    /// A dynamic library among its files, if there is one.
    pub dynamic_library: Option<PathBuf>,
}

/// Builds libraries, programs and tests of the whole workspace.
pub fn everything() -> Outcome<Vec<Artifact>> {
    cargo_build(&["--workspace", "--features", "server/drill", "--lib", "--bins", "--tests"])
}

/// Builds with these arguments and reports what was made.
pub fn cargo_build(args: &[&str]) -> Outcome<Vec<Artifact>> {
    println!("$ {}", shown(cargo().arg("build").args(args)));
    cargo_build_quietly(args)
}

/// As [`cargo_build`], with nothing on standard output: it belongs to the caller.
pub fn cargo_build_quietly(args: &[&str]) -> Outcome<Vec<Artifact>> {
    let mut command = cargo();
    command.arg("build").args(args);
    command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let out = command
        .spawn()
        .and_then(|child| child.wait_with_output())
        .map_err(|e| Stop::Failed(format!("cannot start cargo: {e}")))?;
    if !out.status.success() {
        return failed("the build failed; the compiler's words stand above");
    }
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    Ok(text.lines().filter_map(artifact).collect())
}

/// The program of this name, as the build reported it.
pub fn program<'a>(artifacts: &'a [Artifact], name: &str) -> Outcome<&'a Path> {
    artifacts
        .iter()
        .find(|a| a.kind == "bin" && !a.test && a.name == name)
        .and_then(|a| a.executable.as_deref())
        .ok_or_else(|| Stop::Failed(format!("the build made no program {name}")))
}

/// Reads one line of cargo's report. Paths hold no escapes on the systems we build on.
fn artifact(line: &str) -> Option<Artifact> {
    if !line.contains("\"reason\":\"compiler-artifact\"") {
        return None;
    }
    let folder = Path::new(text_after(line, "\"manifest_path\":\"")?).parent()?.to_path_buf();
    let target = after(line, "\"target\":{")?;
    let profile = after(line, "\"profile\":{")?;
    let profile = &profile[..profile.find('}')?];
    let files = after(line, "\"filenames\":[")?;
    let files = &files[..files.find(']')?];
    Some(Artifact {
        package: folder.file_name()?.to_string_lossy().into_owned(),
        kind: text_after(target, "\"kind\":[\"")?.to_owned(),
        name: text_after(target, "\"name\":\"")?.to_owned(),
        test: profile.contains("\"test\":true"),
        executable: text_after(line, "\"executable\":\"").map(PathBuf::from),
        dynamic_library: files
            .split('"')
            .find(|file| [".so", ".dylib", ".dll"].iter().any(|end| file.ends_with(end)))
            .map(PathBuf::from),
        folder,
    })
}

fn after<'a>(text: &'a str, marker: &str) -> Option<&'a str> {
    text.find(marker).map(|at| &text[at + marker.len()..])
}

fn text_after<'a>(text: &'a str, marker: &str) -> Option<&'a str> {
    let rest = after(text, marker)?;
    rest.find('"').map(|end| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///w/tests#0.1.0","manifest_path":"/w/tests/Cargo.toml","target":{"kind":["test"],"crate_types":["bin"],"name":"exercises","src_path":"/w/tests/tests/exercises.rs","edition":"2024","doc":false,"doctest":false,"test":true},"profile":{"opt_level":"0","debuginfo":"line-tables-only","debug_assertions":true,"overflow_checks":true,"test":true},"features":[],"filenames":["/w/target/debug/deps/exercises-1"],"executable":"/w/target/debug/deps/exercises-1","fresh":true}"#;

    #[test]
    fn a_test_program_is_read_from_cargos_report() {
        let read = artifact(LINE).expect("reads");
        assert_eq!((read.package.as_str(), read.kind.as_str()), ("tests", "test"));
        assert_eq!(read.name, "exercises");
        assert!(read.test);
        assert_eq!(read.executable.as_deref(), Some(Path::new("/w/target/debug/deps/exercises-1")));
    }

    #[test]
    fn a_program_is_not_taken_for_its_test() {
        let line = LINE.replace("\"overflow_checks\":true,\"test\":true", "\"test\":false");
        assert!(!artifact(&line).expect("reads").test);
        assert_eq!(artifact(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
