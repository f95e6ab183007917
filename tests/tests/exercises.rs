//! The exercises that ship, played by the built `aftercall` against real processes and real HTTP.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tests::program::{printed, program};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("exercises").join(name)
}

fn aftercall(arguments: &[&str]) -> Output {
    Command::new(program()).args(arguments).output().expect("the program starts")
}

/// Plays a shipped exercise; every expectation must hold, and there must be at least so many.
fn play(name: &str, at_least: u64) -> String {
    let file = shipped(name);
    let output = aftercall(&["exercise", &file.to_string_lossy()]);
    let told = printed(&output.stdout);
    assert!(output.status.success(), "{told}{}", printed(&output.stderr));
    let last = told.lines().last().unwrap_or_default();
    let passed = last.strip_suffix(" passed, 0 failed").and_then(|n| n.parse::<u64>().ok());
    assert!(passed.is_some_and(|passed| passed >= at_least), "{last}");
    told
}

/// Plays a file made here.
fn play_text(lines: &[&str], more: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("own.jsonl");
    std::fs::write(&file, lines.join("\n")).expect("writes");
    let file = file.to_string_lossy();
    let mut arguments = vec!["exercise", &file];
    arguments.extend(more);
    aftercall(&arguments)
}

const TEAM: &str = r#"{"do":"team","id":"t"}"#;
const AMY: &str = r#"{"do":"member","id":"amy","roles":["peer_supporter"]}"#;
const PHONE: &str = r#"{"do":"device","id":"amy1","member":"amy"}"#;
const FIRE: &str = r#"{"do":"record","device":"amy1","as":"fire","record":"incident","fields":{"type":["other"],"occurred_end":"2026-03-01T07:00:00Z","area":"north bank"}}"#;
const SYNC: &str = r#"{"do":"sync","device":"*"}"#;

#[test]
fn county_evening_converges_after_three_days_offline_and_the_relay_holds_no_sealed_word() {
    play("county-evening.jsonl", 100);
}

#[test]
fn both_kept_shows_concurrent_values_until_one_step_settles_them() {
    play("both-kept.jsonl", 25);
}

#[test]
fn lock_and_panic_go_on_recording_and_sending_without_a_key_that_reads() {
    play("lock-and-panic.jsonl", 30);
}

#[test]
fn what_a_locked_phone_wrote_into_a_space_that_another_made_first_is_not_lost() {
    play("locked-collision.jsonl", 6);
}

#[test]
fn killed_anywhere_loses_nothing_and_doubles_nothing() {
    let told = play("killed-anywhere.jsonl", 60);
    assert!(!told.contains("never reached"), "every crash point must have been reached: {told}");
    // Points of healing are passed only where a relay lost something.
    let files = ["killed-anywhere.jsonl", "restore.jsonl", "wiped-phone.jsonl"];
    let read = |name: &str| std::fs::read_to_string(shipped(name)).expect("reads");
    let file: String = files.into_iter().map(read).collect();
    let points = printed(&aftercall(&["exercise", "--points"]).stdout);
    assert!(points.lines().count() >= 18, "{points}");
    for point in points.lines() {
        assert!(file.contains(&format!("\"{point}\"")), "{point} is not in the exercise");
    }
}

#[test]
fn an_incident_is_worked_from_report_to_closing() {
    play("cism.jsonl", 21);
}

#[test]
fn a_session_logged_twice_is_one_when_somebody_says_so_and_nothing_of_either_is_lost() {
    play("same-session.jsonl", 13);
}

#[test]
fn lost_answers_are_asked_for_again() {
    play("lost-answers.jsonl", 15);
}

#[test]
fn wrong_clocks_order_nothing_and_refuse_nothing() {
    play("wrong-clocks.jsonl", 15);
}

#[test]
fn hostile_changes_and_a_tampering_relay_harm_nothing_else() {
    play("hostile.jsonl", 30);
}

#[test]
fn restore_brings_back_what_a_backup_a_wipe_or_damage_lost() {
    play("restore.jsonl", 30);
}

#[test]
fn edges_hold_where_no_note_is_kept_and_words_have_two_spellings() {
    play("edges.jsonl", 25);
}

#[test]
fn what_is_erased_stays_erased_whoever_was_away() {
    play("erasure.jsonl", 14);
    play("expiry.jsonl", 17);
}

#[test]
fn lost_phones_are_wiped_wherever_they_die_and_say_so() {
    play("wiped-phone.jsonl", 35);
}

#[test]
fn readers_read_what_they_may_whoever_renews_the_key() {
    play("readers.jsonl", 14);
}

#[test]
fn who_can_help_is_on_every_phone_and_nobody_writes_anothers_shift() {
    play("roster.jsonl", 19);
}

#[test]
fn a_request_for_support_leaves_first_is_seen_taken_and_escalated_and_only_peers_read_it() {
    play("support.jsonl", 40);
}

#[test]
fn recovery_by_code_and_by_shares_opens_what_it_may_and_nothing_else() {
    play("recovery.jsonl", 17);
}

#[test]
fn enrolment_lets_phones_in_by_every_way_and_nobody_else() {
    play("enrolment.jsonl", 24);
}

#[test]
fn a_lost_phone_is_out_at_its_next_request_what_it_wrote_before_counts_and_nothing_later() {
    play("lost-phone.jsonl", 19);
}

#[test]
fn further_phones_of_one_member_read_the_past_and_converge() {
    play("further-phones.jsonl", 19);
}

#[test]
fn a_withheld_revocation_a_meeting_and_a_forked_directory() {
    play("directory.jsonl", 8);
}

#[test]
fn a_relay_that_adds_its_own_device_is_refused_and_told_and_the_rest_goes_on() {
    play("directory-forged.jsonl", 6);
}

#[test]
fn a_relay_that_serves_an_older_directory_is_refused_and_told() {
    play("directory-rollback.jsonl", 3);
}

#[test]
fn every_exercise_that_ships_is_played_here_and_told_in_the_readme_with_its_steps() {
    let told = std::fs::read_to_string(shipped("README.md")).expect("reads");
    let played = include_str!("exercises.rs");
    let mut files = 0;
    for entry in std::fs::read_dir(shipped("")).expect("a folder") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        if !name.ends_with(".jsonl") {
            continue;
        }
        files += 1;
        assert!(told.contains(&format!("\n| `{name}` |")), "the README has no row for {name}");
        assert!(played.contains(&format!("play(\"{name}\"")), "{name} is not played");
        let text = std::fs::read_to_string(shipped(&name)).expect("reads");
        for line in text.lines().filter(|line| line.starts_with('{')) {
            let step: serde_json::Value = serde_json::from_str(line).expect("an object");
            let verb = step["do"].as_str().expect("a verb");
            assert!(
                told.contains(&format!("`{verb}`")),
                "{name}: the README says nothing of {verb}"
            );
        }
    }
    assert!(files >= 17, "{files}");
}

#[test]
fn a_crash_point_that_is_never_reached_fails_its_line() {
    let never = r#"{"do":"kill","device":"amy1","point":"phone.sync.between_items"}"#;
    let output = play_text(&[TEAM, AMY, PHONE, never], &[]);
    let told = printed(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("own.jsonl:4: kill: expected phone.sync.between_items"), "{told}");
    assert_eq!(told.lines().last(), Some("0 passed, 1 failed"), "{told}");
    // Started again before it came there, the phone has lost it.
    let restart = r#"{"do":"restart","device":"amy1"}"#;
    let told = printed(&play_text(&[TEAM, AMY, PHONE, never, restart], &[]).stdout);
    assert_eq!(told.lines().last(), Some("0 passed, 1 failed"), "{told}");
}

#[test]
fn a_handle_is_free_again_only_if_its_step_was_refused() {
    let first = FIRE.replace("}}", r#"},"try":true}"#);
    let output = play_text(&[TEAM, AMY, PHONE, &first, FIRE], &[]);
    let told = printed(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("own.jsonl:5: record: expected fire is free"), "{told}");
    assert_eq!(play_text(&[TEAM, AMY, PHONE, FIRE, FIRE], &[]).status.code(), Some(2));
    let swap = r#"{"do":"tamper","what":"swap_enrolment_keys"}"#;
    let refused = PHONE.replace('}', r#","try":true}"#);
    let output = play_text(&[TEAM, AMY, swap, &refused, PHONE, FIRE, SYNC], &[]);
    assert!(output.status.success(), "{}", printed(&output.stdout));
}

#[test]
fn an_idle_phone_asks_one_small_question() {
    let output = play_text(&[TEAM, AMY, PHONE, FIRE, SYNC, SYNC, SYNC], &["--json"]);
    let told = printed(&output.stdout);
    let syncs: Vec<serde_json::Value> = told
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|step: &serde_json::Value| step["do"] == "sync")
        .collect();
    let last = syncs.last().expect("the last sync");
    assert_eq!(last["requests"], 3, "one request a phone: {last}");
    assert!(last["bytes_up"].as_u64().is_some_and(|bytes| bytes < 3 * 1024), "{last}");
    assert!(last["bytes_down"].as_u64().is_some_and(|bytes| bytes < 3 * 1024), "{last}");
}

#[test]
fn an_expectation_that_fails_is_told_with_its_line_and_reason() {
    let looks = [
        r#"{"do":"expect","device":"amy1","ref":"fire","fields":{"severity":3},"why":"nobody said three"}"#,
        r#"{"do":"expect_relay_never","text":"SQLite format 3"}"#,
        r#"{"do":"expect_console","view":"incidents","contains":["south bank"]}"#,
        r#"{"do":"expect_pending","device":"amy1","count":7}"#,
        r#"{"do":"expect_unreadable","device":"amy1","ref":"fire"}"#,
        r#"{"do":"expect_pending","device":"amy1","count":0}"#,
    ];
    let lines: Vec<&str> = [TEAM, AMY, PHONE, FIRE, SYNC].into_iter().chain(looks).collect();
    let output = play_text(&lines, &[]);
    let told = printed(&output.stdout);
    // An incident has a sealed half, and amy1 has none of it: that one holds.
    assert_eq!(told.lines().last(), Some("2 passed, 4 failed"), "{told}");
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("own.jsonl:6: expect: expected severity is 3; found nothing"), "{told}");
    assert!(told.contains("(nobody said three)"), "{told}");
    assert!(told.contains("own.jsonl:7: expect_relay_never"), "it does stand there: {told}");
}

#[test]
fn a_step_that_is_refused_without_try_fails() {
    let wrong =
        r#"{"do":"record","device":"amy1","as":"x","record":"incident","fields":{"severity":3}}"#;
    let output = play_text(&[TEAM, AMY, PHONE, wrong], &[]);
    let told = printed(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("refused with missing_field"), "{told}");
}

#[test]
fn a_wrong_file_ends_with_two_and_names_its_line_before_anything_runs() {
    for (line, reason) in [
        (r#"{"do":"dance"}"#, "no verb is named dance"),
        (r#"{"do":"sync","device":"bo1"}"#, "no device is named bo1"),
        (r#"{"do":"sync","device":"amy1","fast":1}"#, "unknown field `fast`"),
        (
            r#"{"do":"kill","device":"amy1","point":"somewhere"}"#,
            "no crash point is named somewhere",
        ),
        (
            r#"{"do":"hand_over","device":"amy1","ref":"fire","to":"bo"}"#,
            "hand_over is not in this release",
        ),
        (
            r#"{"do":"edit","device":"amy1","ref":"fire","fields":{"severty":2}}"#,
            "no field severty",
        ),
        (r#"{"do":"edit","device":"amy1","ref":"fire","fields":{"severity":9}}"#, "severity"),
        (r#"{"do":"expect_refused","code":"no_key"}"#, "follows a step with \"try\": true"),
        (
            r#"{"do":"expect_alarm","device":"amy1","code":"verdict_disputed"}"#,
            "the code verdict_disputed is not in this release",
        ),
        (r#"{"do":"meet","a":"amy1","b":"amy1"}"#, "two phones meet"),
        (
            r#"{"do":"tamper","what":"withhold","from":"amy1"}"#,
            "withhold takes \"to\" and \"from\"",
        ),
        (r#"{"do":"member","id":"bo","trainings":["juggling"]}"#, "a training is one of"),
    ] {
        let output = play_text(&[TEAM, AMY, PHONE, FIRE, line], &[]);
        let told = printed(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {told}");
        assert!(told.contains("own.jsonl:5: ") && told.contains(reason), "{line}: {told}");
    }
    assert_eq!(aftercall(&["exercise", "no-such-file.jsonl"]).status.code(), Some(2));
    assert_eq!(aftercall(&["exercise"]).status.code(), Some(2));
    let output = play_text(&[TEAM], &["--store", "postgres"]);
    assert_eq!(output.status.code(), Some(2), "{}", printed(&output.stderr));
}

#[test]
fn the_demo_checks_itself_and_shows_what_the_relay_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("evening.jsonl");
    let lines = [
        TEAM,
        AMY,
        PHONE,
        r#"{"do":"record","device":"amy1","as":"iv","record":"intervention","fields":{"kind":"defusing"}}"#,
        r#"{"do":"assign","device":"amy1","ref":"iv","members":["amy"]}"#,
        r#"{"do":"write","device":"amy1","ref":"iv","phase":"exploration","insert":{"at":0,"text":"a sealed canary sings"}}"#,
        SYNC,
        r#"{"do":"expect_relay_never","text":"canary"}"#,
    ];
    std::fs::write(&file, lines.join("\n")).expect("writes");
    let output = aftercall(&["demo", "--check", "--exercise", &file.to_string_lossy()]);
    let told = printed(&output.stdout);
    assert!(output.status.success(), "{told}{}", printed(&output.stderr));
    assert!(told.contains("amy1 (peer_supporter)"), "{told}");
    assert!(told.contains("0 of 2 sealed texts found in"), "{told}");
    assert!(told.contains("amy1 reads   a sealed canary sings"), "{told}");
    assert!(told.contains("the relay has"), "{told}");
    assert!(told.contains("1 passed, 0 failed"), "{told}");
}

#[test]
fn the_words_that_mark_a_drill_stand_in_a_drill() {
    // A release is searched for the same words; this shows that the search would find them.
    let bytes = std::fs::read(program()).expect("reads");
    for word in ["phone.record.before_commit", "relay.push.before_commit", "relay_add_device"] {
        assert!(bytes.windows(word.len()).any(|window| window == word.as_bytes()), "{word}");
    }
}
