//! Hostile bytes that once were worth keeping, and scripts of a fixed seed, on every target of [`tests::fuzz`].

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::{Path, PathBuf};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use tests::fuzz::TARGETS;
use tests::often;

/// Scripts for each target: those that set a team up are slow.
fn scripts(target: &str) -> u32 {
    match target {
        "pushed" | "request" | "answer" => 150,
        _ => 2_000,
    }
}

fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files =
        std::fs::read_dir(&folder).unwrap_or_else(|_| panic!("{} is there", folder.display()));
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn run(name: &str) {
    let (_, target) = TARGETS.into_iter().find(|(known, _)| *known == name).unwrap();
    let kept = corpus(name);
    assert!(!kept.is_empty(), "{name} has a corpus");
    for file in kept {
        target(&std::fs::read(file).unwrap());
    }
    let mut rng = ChaCha20Rng::seed_from_u64(0xA57E);
    for _ in 0..often("AFTERCALL_SCRIPTS", scripts(name)) {
        let mut script = vec![0; 1 + 4 * (1 + rng.next_u32() as usize % 5)];
        rng.fill_bytes(&mut script);
        target(&script);
    }
}

#[test]
fn every_target_is_run_here() {
    let mut names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["answer", "change", "entry", "envelope", "invitation", "message", "pushed", "request"]
    );
}

#[test]
fn envelopes_and_messages_are_read_in_one_way_or_refused() {
    ["envelope", "message", "invitation"].into_iter().for_each(run);
}

#[test]
fn altered_changes_are_refused_without_a_trace_or_load_again() {
    run("change");
}

#[test]
fn altered_changes_of_an_enrolled_phone_harm_nobody_elses_record() {
    run("pushed");
}

#[test]
fn altered_requests_stop_neither_the_relay_nor_the_phone() {
    run("request");
}

#[test]
fn altered_answers_of_the_relay_take_nothing_from_a_phone() {
    run("answer");
}

#[test]
fn altered_entries_of_an_admin_are_taken_alike_everywhere_or_not_at_all() {
    run("entry");
}
