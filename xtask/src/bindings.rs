//! `cargo xtask bindings [python|kotlin|swift]`: generates the bindings of `mobile-ffi` and runs them.
//!
//! The generated code is a build product: it lies under `target/` and is never committed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::{self, Artifact};
use crate::shell::{clean_env, root, run as run_command};
use crate::test::{Tally, judge, one};
use crate::{Outcome, Stop, failed, need, usage};

/// Kotlin's compiler, with the coroutines it ships, from the npm registry.
const KOTLIN: &str = "kotlin-compiler@2.4.20";
const JNA: &str = "/usr/share/java/jna.jar";

/// The whole command.
pub fn run(languages: &[&str]) -> Outcome {
    for language in languages {
        if !LANGUAGES.iter().any(|(known, _)| known == language) {
            let known: Vec<_> = LANGUAGES.iter().map(|(known, _)| *known).collect();
            let known = known.join(", ");
            return usage(format!("there are no bindings for {language}; there are for {known}"));
        }
    }
    need::native_build_tools()?;
    let built = build::everything()?;
    let mut failures = Vec::new();
    let mut tally = Tally::default();
    for (language, check) in LANGUAGES {
        if languages.is_empty() || languages.contains(language) {
            tally.add(check(&built, &mut failures));
        }
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 { Ok(()) } else { failed(failures.join("; ")) }
}

type Check = fn(&[Artifact], &mut Vec<String>) -> Tally;

const LANGUAGES: &[(&str, Check)] = &[("python", python), ("kotlin", kotlin), ("swift", swift)];

/// Generates every binding and runs it as far as this machine can.
pub fn all(built: &[Artifact], failures: &mut Vec<String>) -> Tally {
    let mut tally = Tally::default();
    LANGUAGES.iter().for_each(|(_, check)| tally.add(check(built, failures)));
    tally
}

/// Generates the Python bindings, and runs the smoke test and the story through them.
fn python(built: &[Artifact], failures: &mut Vec<String>) -> Tally {
    let mut tally = Tally::default();
    for file in ["smoke.py", "story.py"] {
        let name = format!("python {file}");
        tally.add(judged(&name, failures, || {
            if !need::answers("python3", "--version") {
                need::debian(&["python3"], "run the Python bindings")?;
            }
            let folder = generate(built, "python")?;
            let mut test = Command::new("python3");
            clean_env(&mut test);
            test.arg(root().join("mobile-ffi/tests").join(file)).env("PYTHONPATH", &folder);
            test.env("AFTERCALL_PROGRAM", build::program(built, "aftercall")?);
            // Warnings are for people; the interpreter's cache would litter the source tree.
            test.env("PYTHONDONTWRITEBYTECODE", "1");
            Ok(test)
        }));
    }
    tally
}

/// Generates the Kotlin bindings, compiles them with the story, and runs it on the JVM.
fn kotlin(built: &[Artifact], failures: &mut Vec<String>) -> Tally {
    judged("kotlin story", failures, || {
        let tools = kotlin_tools()?;
        let folder = generate(built, "kotlin")?;
        let lib = tools.join("lib");
        let app = folder.join("story.jar");
        let libraries = ["kotlinx-coroutines-core-jvm.jar", "kotlin-stdlib.jar"];
        let mut classes = vec![PathBuf::from(JNA)];
        classes.extend(libraries.map(|jar| lib.join(jar)));
        let mut compile = Command::new("bash");
        clean_env(&mut compile);
        compile.arg(tools.join("bin/kotlinc")).args(["-nowarn", "-cp"]).arg(join_paths(&classes)?);
        compile.arg(folder.join("uniffi/mobile_ffi/mobile_ffi.kt"));
        compile.arg(root().join("mobile-ffi/tests/Story.kt")).arg("-d").arg(&app);
        run_command(&mut compile)?;
        let story = folder.join("story");
        let cannot =
            |e: std::io::Error| Stop::Failed(format!("cannot empty {}: {e}", story.display()));
        if story.exists() {
            std::fs::remove_dir_all(&story).map_err(cannot)?;
        }
        std::fs::create_dir_all(&story).map_err(cannot)?;
        let mut test = Command::new("java");
        clean_env(&mut test);
        // Where the machine looks for libraries: the variable is called otherwise on macOS.
        test.env("LD_LIBRARY_PATH", &folder).env("DYLD_LIBRARY_PATH", &folder).arg("-cp");
        classes.push(app);
        test.arg(join_paths(&classes)?).arg("StoryKt");
        test.env("AFTERCALL_PROGRAM", build::program(built, "aftercall")?);
        test.env("STORY_FOLDER", story);
        Ok(test)
    })
}

/// Installs what Kotlin needs; returns the folder of its compiler.
fn kotlin_tools() -> Outcome<PathBuf> {
    if !need::answers("java", "-version") {
        need::debian(&["default-jre-headless"], "run the Kotlin bindings")?;
    }
    if !Path::new(JNA).is_file() {
        need::debian(&["libjna-java"], "call the library from Kotlin")?;
    }
    let tools = root().join("target/tools/kotlin");
    let compiler = tools.join("node_modules/kotlin-compiler");
    if !compiler.join("bin/kotlinc").is_file() {
        std::fs::create_dir_all(&tools)
            .map_err(|e| Stop::Failed(format!("cannot make {}: {e}", tools.display())))?;
        let mut npm = Command::new("npm");
        clean_env(&mut npm);
        npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]);
        run_command(npm.arg(&tools).arg(KOTLIN))?;
    }
    Ok(compiler)
}

/// Generates the Swift bindings and has a C compiler read their header. No Swift compiler runs here: that the Swift
/// itself compiles is not shown.
fn swift(built: &[Artifact], failures: &mut Vec<String>) -> Tally {
    let header = || {
        let folder = generate(built, "swift")?;
        let mut check = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
        check.args(["-fsyntax-only", "-Werror", "-D_Nonnull=", "-D_Nullable=", "-x", "c"]);
        // Read as a program would read it, which includes it.
        check.arg("-include").arg(folder.join("mobile_ffiFFI.h"));
        run_command(check.arg("/dev/null"))
    };
    one("swift header", header(), failures)
}

/// Prepares a program and judges it by how it ends; what goes wrong before that counts as a failure.
fn judged(
    name: &str,
    failures: &mut Vec<String>,
    prepare: impl FnOnce() -> Outcome<Command>,
) -> Tally {
    match prepare() {
        Ok(mut program) => judge(name, &mut program, true, failures),
        Err(stop) => one(name, Err(stop), failures),
    }
}

fn join_paths(paths: &[PathBuf]) -> Outcome<OsString> {
    std::env::join_paths(paths).map_err(|e| Stop::Failed(format!("a folder's name: {e}")))
}

fn generate(built: &[Artifact], language: &str) -> Outcome<PathBuf> {
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
