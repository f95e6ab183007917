//! A process killed in the middle of writing: whatever it had acknowledged is there afterwards, and whole.

#![cfg(all(unix, feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use sync_core::engine::{Store, Table, Transaction};
use sync_core::store::SqliteStore;

const CHILD: &str = "AFTERCALL_TEST_WRITES";
const KEY: [u8; 32] = [3; 32];
/// One table without rowid and two with large values: a commit must take all of them or none.
const TABLES: [Table; 3] = [Table::Outbox, Table::Envelopes, Table::Changes];

fn value(n: u64) -> Vec<u8> {
    n.to_be_bytes().repeat(1 + (n as usize * 37) % 3000)
}

/// How many commits the store holds, after checking that each is whole and none is missing between them.
fn commits(tx: &dyn Transaction) -> u64 {
    let counts = TABLES.map(|table| {
        let entries = tx.scan(table, b"", None, usize::MAX).unwrap();
        for (n, (key, bytes)) in entries.iter().enumerate() {
            assert_eq!(key, &(n as u64).to_be_bytes(), "{table:?} has a gap");
            assert!(*bytes == value(n as u64), "{table:?} holds a torn value");
        }
        entries.len() as u64
    });
    assert_eq!(counts, [counts[0]; 3], "a commit was half-written");
    counts[0]
}

/// Commits and acknowledges until it is killed (bounded, should nobody do so).
fn write_until_killed(path: &Path) {
    let mut store = SqliteStore::open(path, &KEY).unwrap();
    let start = commits(&*store.begin().unwrap());
    let mut out = std::io::stdout().lock();
    for n in start..start + 20_000 {
        let mut tx = store.begin().unwrap();
        for table in TABLES {
            tx.put(table, &n.to_be_bytes(), &value(n)).unwrap();
        }
        tx.commit().unwrap();
        writeln!(out, "\nack {n}").unwrap();
        out.flush().unwrap();
    }
}

/// Runs a writer, kills it after `acks` acknowledgements, and returns the last one that it sent.
fn last_ack_of_a_killed_writer(path: &Path, acks: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "every_acknowledged_commit_survives_sigkill", "--nocapture"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    let mut ack = || lines.by_ref().find_map(|line| line.strip_prefix("ack ")?.parse::<u64>().ok());
    for _ in 1..acks {
        ack().expect("the writer goes on until it is killed");
    }
    let mut last = ack().expect("the writer goes on until it is killed");
    // SIGKILL, at whatever point of the next commit the writer has reached by now.
    child.kill().unwrap();
    while let Some(later) = ack() {
        last = later;
    }
    assert!(!child.wait().unwrap().success());
    last
}

#[test]
fn every_acknowledged_commit_survives_sigkill() {
    if let Some(path) = std::env::var_os(CHILD) {
        return write_until_killed(Path::new(&path));
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("phone.db");
    for acks in [1, 2, 7, 40, 3, 90, 11, 150] {
        let last = last_ack_of_a_killed_writer(&path, acks);
        let mut store = SqliteStore::open_existing(&path, &KEY).unwrap();
        let held = commits(&*store.begin().unwrap());
        assert!(held == last + 1 || held == last + 2, "{held} commits, {last} acknowledged");
    }
}
