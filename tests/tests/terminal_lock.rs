//! A phone on a terminal that is locked, unlocked, guessed at, and panicked.

use std::path::Path;

use tests::program::printed;
use tests::terminal::{Relay, Terminal};

/// A phone of a team of one, whose relay knows it, with a check-in.
fn phone(folder: &Path, relay: &Relay) -> (Terminal, String) {
    let phone = Terminal { data: folder.join("phone"), passphrase: "a long passphrase" };
    let made = phone.json(&["create", "--relay", &relay.url, "--role", "peer_supporter"]);
    relay.allow(made["team"].as_str().expect("a number"));
    phone.ok(&["backup", "on"]);
    let made = phone.json(&["record", "check_in", "zone=reacting", "text=kept waking up"]);
    phone.ok(&["sync"]);
    let check_in = made["record"].as_str().expect("an id").to_owned();
    (phone, check_in)
}

/// As a person who is asked nothing: without a passphrase around.
fn without_passphrase(phone: &Terminal, arguments: &[&str]) -> String {
    let output = phone.command(arguments).env_remove("AFTERCALL_PASSPHRASE").output();
    let output = output.expect("the program starts");
    assert!(output.status.success(), "{arguments:?}: {}", printed(&output.stderr));
    printed(&output.stdout)
}

#[test]
fn a_locked_terminal_syncs_and_records_with_nobody_there_and_reads_after_unlock() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let (phone, check_in) = phone(folder.path(), &relay);
    assert!(phone.ok(&["status"]).contains("reading   unlocked"));
    phone.ok(&["lock"]);
    let shown = without_passphrase(&phone, &["show", &check_in]);
    assert!(shown.contains("is sealed; `unlock`") && !shown.contains("waking"), "{shown}");
    let late = without_passphrase(&phone, &["record", "check_in", "zone=ready"]);
    assert!(!late.is_empty());
    without_passphrase(&phone, &["sync"]);
    let status = phone.json(&["status"]);
    assert_eq!((&status["pending"], &status["shut"]), (&0.into(), &"locked".into()));
    let refused = phone.refused(&["recovery", "setup", "--code"]);
    assert!(refused.starts_with("error [locked]: "), "{refused}");
    assert!(without_passphrase(&phone, &["crisis"]).contains("112 or 911"));
    phone.ok(&["unlock"]);
    assert!(phone.ok(&["show", &check_in]).contains("kept waking up"));
    assert!(phone.ok(&["list", "check_in"]).contains("zone=ready"));
}

#[test]
fn a_guesser_is_made_to_wait_and_the_owner_after_them_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let (phone, check_in) = phone(folder.path(), &relay);
    let guesser = Terminal { data: phone.data.clone(), passphrase: "another passphrase" };
    for _ in 0..3 {
        assert!(guesser.refused(&["show", &check_in]).starts_with("error [wrong_key]: "));
    }
    let refused = guesser.refused(&["show", &check_in]);
    assert!(refused.starts_with("error [unlock_delayed]: "), "{refused}");
    assert!(
        phone.refused(&["unlock"]).contains("seconds"),
        "the wait is the phone's, not the guesser's"
    );
    // What needs nobody goes on.
    assert!(without_passphrase(&phone, &["crisis"]).contains("112 or 911"));
    without_passphrase(&phone, &["sync"]);
}

#[test]
fn a_panic_says_first_what_remains_and_then_nothing_on_the_disk_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let (phone, check_in) = phone(folder.path(), &relay);
    phone.ok(&["record", "check_in", "zone=ill", "text=unsent words"]);
    let pending = phone.json(&["status"])["pending"].clone();
    let said = without_passphrase(&phone, &["panic"]);
    assert!(said.contains("gone for good") && said.contains("Nothing was done"), "{said}");
    assert!(phone.ok(&["show", &check_in]).contains("kept waking up"));
    let done: serde_json::Value =
        serde_json::from_str(&without_passphrase(&phone, &["--json", "panic", "--yes"]))
            .expect("JSON");
    assert_eq!((&done["destroyed"], &done["recovery_key"]), (&true.into(), &false.into()));
    assert!(!phone.data.join("reading.key").exists());
    assert_eq!(phone.json(&["status"])["pending"], pending, "the outbox stays");
    let shown = phone.ok(&["show", &check_in]);
    assert!(shown.contains("cannot be read on this phone now"), "{shown}");
    assert!(phone.refused(&["unlock"]).starts_with("error [write_only]: "));
    phone.ok(&["record", "check_in", "zone=ready"]);
    phone.ok(&["sync"]);
    assert_eq!(phone.json(&["status"])["pending"], 0);
}
