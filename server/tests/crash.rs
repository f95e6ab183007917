//! A relay that dies at any of its named points: nothing acknowledged is lost, nothing is stored twice.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]
#![cfg(feature = "drill")]

mod common;

use std::process::Command;

use common::*;
use sync_core::drill::{RELAY_POINTS, arm};
use sync_core::protocol::Verdict;
use sync_core::records::Role;

const POINT: &str = "AFTERCALL_TEST_POINT";
const FOLDER: &str = "AFTERCALL_TEST_FOLDER";

/// The same team and the same three envelopes whichever process makes them.
fn story() -> (Team, Hand, Vec<sync_core::protocol::Envelope>) {
    let (mut team, mut amy) = (Team::new(1), Hand::new(2));
    team.enter(&amy, &[Role::PeerSupporter]);
    let mut envelopes = Vec::new();
    for area in ["north", "south", "west"] {
        let doc = amy.doc();
        envelopes.push(team.incident(&mut amy, doc, area));
    }
    (team, amy, envelopes)
}

/// Runs in a process of its own, started by the test below.
#[test]
fn dies_at_the_point_it_is_told() {
    let (Ok(point), Ok(folder)) = (std::env::var(POINT), std::env::var(FOLDER)) else { return };
    let (mut team, mut amy, envelopes) = story();
    let station = Station::on(folder.into());
    station.found(&mut team);
    arm(Some(&point)).unwrap();
    station.push(&team, &mut amy, &envelopes);
    panic!("it passed {point}");
}

#[test]
fn whatever_point_it_dies_at_the_next_push_ends_with_everything_stored_once() {
    for point in RELAY_POINTS {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "dies_at_the_point_it_is_told", "--nocapture"])
            .env(POINT, point)
            .env(FOLDER, folder.path())
            .output()
            .unwrap();
        assert!(!child.status.success(), "{point}");
        assert!(!String::from_utf8_lossy(&child.stderr).contains("it passed"), "{point}");

        let (team, mut amy, envelopes) = story();
        // Another request, so another token.
        amy.rng = Hand::new(3).rng;
        let station = Station::on(folder.path().into());
        let committed = matches!(*point, "relay.push.after_commit" | "relay.answer.before_send");
        assert_eq!(station.count("records"), if committed { 3 } else { 0 }, "{point}");
        let expected = if committed { Verdict::Duplicate } else { Verdict::Stored };
        let results = station.push(&team, &mut amy, &envelopes);
        let found: Vec<_> = results.iter().map(|r| (r.verdict, r.seq)).collect();
        assert_eq!(found, [(expected, 1), (expected, 2), (expected, 3)], "{point}");
    }
}
