//! Which documents pass the schema check, at this schema version and above it.

use sync_core::protocol::Code;
use sync_core::records::{DocType, Flat, RECORDS, Scalar};

use crate::support::{ID, Phone, kind, smallest};

fn part(name: &str) -> &'static DocType {
    let parts = RECORDS.iter().flat_map(|record| record.parts);
    parts.copied().find(|part| part.name == name).expect("the document type exists")
}

fn checked(name: &str, key: &str, value: Scalar, schema: u16) -> Result<(), Code> {
    let mut flat = Flat::default();
    flat.keys.insert(key.to_owned(), vec![value]);
    part(name).check(&flat, schema)
}

fn str(text: &str) -> Scalar {
    Scalar::Str(text.to_owned())
}

#[test]
fn every_planned_document_passes() {
    for record in RECORDS {
        for (part, flat) in Phone::new(1).record(record.name, &smallest(record.name)) {
            assert_eq!(part.check(&flat, part.schema), Ok(()), "{}", part.name);
        }
    }
}

#[test]
fn a_key_value_or_type_outside_the_schema_violates_it_here_but_not_above() {
    let id = ID;
    for (name, key, value) in [
        ("incident", "unheard_of", str("x")),
        ("incident", "severity.x", Scalar::Bool(true)),
        ("incident", "type", str("lodd")),
        ("incident", "severity", Scalar::Int(6)),
        ("incident", "severity", Scalar::Int(0)),
        ("incident", "severity", Scalar::Uint(3)),
        ("incident", "severity", str("3")),
        ("incident", "source", str("satellite")),
        ("incident", "status", str("paused")),
        ("incident", "type.space_debris", Scalar::Bool(true)),
        ("incident", "type.lodd", Scalar::Bool(false)),
        ("incident", "type.lodd", Scalar::Uint(1)),
        ("incident", "cad_number", str("a number of more than thirty-two characters")),
        ("incident", "area", str("")),
        ("incident", "area", str("two\nlines")),
        ("incident", "units.a.b", Scalar::Bool(true)),
        ("incident", "occurred_end", Scalar::Int(i64::MAX)),
        ("incident", "occurred_end", str("2026-03-01T18:00:00Z")),
        ("incident", "narrative", str("told in the open")),
        ("intervention", "attendees_count", Scalar::Int(12)),
        ("intervention", "attendees", str("12")),
        ("intervention", "leads.amy", Scalar::Bool(true)),
        ("intervention", "referrals_count", Scalar::Uint(1)),
        ("intervention", "referrals_count.amy", Scalar::Uint(1)),
        ("peer_contact", "started_at", Scalar::Int(0)),
        ("peer_contact", "day", Scalar::Int(-1)),
        ("peer_contact", "issues.grief", Scalar::Bool(true)),
        ("contact_detail", "subject_handle", str("Amy")),
        ("contact_note", "text", str("bare")),
        ("check_in", "sleep_hours", Scalar::F64(7.3)),
        ("check_in", "sleep_hours", Scalar::Int(7)),
        ("session_note", "defusing.exploration", str("not a text")),
    ] {
        assert_eq!(
            checked(name, key, value.clone(), 1),
            Err(Code::SchemaViolation),
            "{name} {key}"
        );
        let newer = part(name).schema + 1;
        assert_eq!(checked(name, key, value, newer), Ok(()), "{name} {key} from a newer phone");
    }
    let wrong_entries = [
        (format!("text.{id}.body"), Scalar::Bool(true)),
        (format!("text.{id}.body"), Scalar::Str("x".repeat(501))),
        (format!("text.{id}.note"), str("x")),
        ("text.1.body".to_owned(), str("x")),
        (format!("text.{id}.supersedes"), str("")),
        (format!("text.{id}.supersedes"), str(id)),
    ];
    for (key, value) in wrong_entries {
        let code = Err(Code::SchemaViolation);
        assert_eq!(checked("check_in", &key, value, 1), code, "{key}");
    }
}

#[test]
fn what_the_schema_allows_passes() {
    let id = ID;
    for (name, key, value) in [
        ("incident", "units.station_4", Scalar::Bool(true)),
        ("incident", "occurred_end", Scalar::Int(1_772_388_000_000)),
        ("intervention", &format!("leads.{id}"), Scalar::Bool(true)),
        ("intervention", &format!("referrals_count.{id}"), Scalar::Uint(99)),
        ("contact_detail", "of", str(id)),
        ("contact_note", &format!("text.{id}.body"), Scalar::Str("ü".repeat(4_000))),
        (
            "check_in",
            &format!("text.{id}.supersedes"),
            Scalar::Str(format!("{0} {0}", "a".repeat(32))),
        ),
        ("check_in", "sleep_hours", Scalar::F64(7.5)),
    ] {
        assert_eq!(checked(name, key, value, 1), Ok(()), "{name} {key}");
    }
}

#[test]
fn one_wrong_value_among_concurrent_ones_violates() {
    let mut flat = Flat::default();
    flat.keys.insert("severity".to_owned(), vec![Scalar::Int(3), Scalar::Int(7)]);
    assert_eq!(part("incident").check(&flat, 1), Err(Code::SchemaViolation));
}

#[test]
fn counts_that_pass_alone_pass_merged() {
    let mut flat = Flat::default();
    for actor in ["01", "02"] {
        let key = format!("referrals_count.{}", actor.repeat(16));
        flat.keys.insert(key, vec![Scalar::Uint(99)]);
    }
    assert_eq!(part("intervention").check(&flat, 1), Ok(()));
}

#[test]
fn shape_is_checked_at_every_schema() {
    for (name, key, value) in [
        ("incident", "Upper", str("x")),
        ("incident", "a-b", str("x")),
        ("incident", "", str("x")),
        ("incident", &"k".repeat(97), str("x")),
        ("incident", "future", Scalar::Str("x".repeat(257))),
        ("check_in", "future", Scalar::Str("x".repeat(16 * 1024 + 1))),
        ("check_in", "future", Scalar::F64(f64::NAN)),
    ] {
        assert_eq!(checked(name, key, value, 9), Err(Code::SchemaViolation), "{name} {key}");
    }
    assert_eq!(checked("incident", &"k".repeat(96), Scalar::Str("x".repeat(256)), 9), Ok(()));
    assert_eq!(checked("check_in", "future", Scalar::Str("x".repeat(16 * 1024)), 9), Ok(()));
}

#[test]
fn texts_are_those_of_the_session_note_and_nobody_elses() {
    let note = part("session_note");
    let mut flat = Flat::default();
    for key in note.texts {
        flat.texts.insert((*key).to_owned(), "words".to_owned());
    }
    assert_eq!(note.check(&flat, 1), Ok(()));
    assert_eq!(part("incident").check(&flat, 1), Err(Code::SchemaViolation));
    flat.texts.insert("defusing.gossip".to_owned(), String::new());
    assert_eq!(note.check(&flat, 1), Err(Code::SchemaViolation));
    assert_eq!(note.check(&flat, 2), Ok(()));
    assert_eq!(kind("session_note").parts.len(), 1);
}
