//! What forms take: required fields, ranges at both ends, codes, and how a refusal is worded.

use sync_core::protocol::Code;
use sync_core::records::{
    Field, FieldKind, InputError, MarkKey, MarkValue, Origin, RECORDS, RecordType, Value,
    parse_value,
};

use crate::support::{Form, ID, OTHER_ID, Phone, kind, set, shown, smallest, text};

fn refusal(record: &str, form: &Form) -> InputError {
    Phone::new(1).plan_new(record, form).expect_err("the form is wrong")
}

fn with(record: &str, field: &str, value: Value) -> Result<(), InputError> {
    let mut form = smallest(record);
    form.insert(field.to_owned(), value);
    Phone::new(1).plan_new(record, &form).map(|_| ())
}

#[test]
fn the_smallest_form_of_every_kind_is_taken_and_each_required_field_is_missed() {
    for record in RECORDS {
        let smallest = smallest(record.name);
        let names: Vec<&str> = smallest.keys().map(String::as_str).collect();
        let mut required = record.required.to_vec();
        required.sort_unstable();
        assert_eq!(names, required, "{}", record.name);
        assert!(Phone::new(1).plan_new(record.name, &smallest).is_ok(), "{}", record.name);
        for name in record.required {
            let mut form = smallest.clone();
            form.remove(*name);
            let error = refusal(record.name, &form);
            assert_eq!((error.code, error.field.as_str()), (Code::Missing, *name));
        }
    }
}

#[test]
fn a_required_set_must_not_be_empty() {
    let mut form = smallest("incident");
    form.insert("type".to_owned(), set(&[]));
    assert_eq!(refusal("incident", &form).code, Code::Missing);
}

/// Values a field takes (both ends of its range) and values just beyond.
fn samples(field: &Field) -> (Vec<Value>, Vec<Value>) {
    let long = |n: usize| Value::Text("ü".repeat(n));
    match field.kind {
        // A number is taken where the codes are bands of numbers.
        FieldKind::Code(codes) if codes.contains(&"under_5") => (
            codes
                .iter()
                .map(|code| text(code))
                .chain([Value::Int(0), text("<5"), text("7")])
                .collect(),
            vec![text("no_such_code"), text(""), text("<6"), Value::Int(-1)],
        ),
        FieldKind::Code(codes) | FieldKind::State(codes) => (
            codes.iter().map(|code| text(code)).collect(),
            vec![text("no_such_code"), text(""), text("READY"), Value::Int(0)],
        ),
        FieldKind::CodeSet(codes) => (
            vec![set(codes), set(&codes[..1])],
            vec![set(&[codes[0], "no_such_code"]), text(codes[0])],
        ),
        FieldKind::IdSet => {
            (vec![set(&[ID, OTHER_ID]), set(&[])], vec![set(&["abc"]), set(&[&"g".repeat(32)])])
        }
        FieldKind::LabelSet(max) => (
            vec![set(&["station-4", "e2"]), set(&[&"a".repeat(max)])],
            vec![set(&["Station 4"]), set(&["a_b"]), set(&[""]), set(&[&"a".repeat(max + 1)])],
        ),
        FieldKind::Marks(key, value) => {
            let key = match key {
                MarkKey::Codes(codes) => codes[0],
                MarkKey::Member => ID,
            };
            let (right, wrong, other) = match value {
                MarkValue::Time => ("2026-03-01T18:00:00Z", "soon", "2026-03-01T19:00:00Z"),
                MarkValue::Day => ("2026-03-01", "2026-02-30", "2026-03-02"),
                MarkValue::Code(codes) => (codes[0], "no_such_code", codes[1]),
            };
            let mark = |key: &str, value: &str| format!("{key}@{value}");
            (
                vec![set(&[]), set(&[&mark(key, right)])],
                vec![
                    set(&[key]),
                    set(&[&mark(key, wrong)]),
                    set(&[&mark("no_such_key", right)]),
                    set(&[&mark(key, right), &mark(key, other)]),
                    text(&mark(key, right)),
                ],
            )
        }
        FieldKind::Int { min, max } => (
            vec![Value::Int(min), Value::Int(max)],
            vec![
                Value::Int(min - 1),
                Value::Int(max + 1),
                Value::Number(min as f64 + 0.5),
                text("1"),
            ],
        ),
        FieldKind::Counter { max } => {
            (vec![Value::Int(0), Value::Int(max)], vec![Value::Int(-1), Value::Int(max + 1)])
        }
        FieldKind::Step { min, max, step } => (
            vec![Value::Number(min), Value::Number(max), Value::Number(min + step), Value::Int(1)],
            vec![
                Value::Number(min - step),
                Value::Number(max + step),
                Value::Number(min + step / 2.0),
                Value::Number(f64::NAN),
                Value::Number(f64::INFINITY),
            ],
        ),
        FieldKind::Bool => {
            (vec![Value::Bool(true), Value::Bool(false)], vec![text("true"), Value::Int(1)])
        }
        FieldKind::Time => (
            vec![text("2026-03-01T18:00:00Z"), text("2026-03-01T18:00:00-07:00")],
            vec![text("2026-03-01"), text("2026-03-01T18:00:00"), text("soon"), Value::Int(0)],
        ),
        FieldKind::Day => (
            vec![text("2026-03-01"), text("1970-01-01")],
            vec![
                text("2026-02-30"),
                text("1969-12-31"),
                text("2026-03-01T00:00:00Z"),
                Value::Int(0),
            ],
        ),
        FieldKind::Label(max) => {
            (vec![long(1), long(max)], vec![long(0), text("  "), long(max + 1), text("a\nb")])
        }
        FieldKind::Id => (vec![text(ID)], vec![text(""), text(&ID[1..]), text(&"g".repeat(32))]),
        FieldKind::Entries(max) => (vec![long(max), long(0)], vec![long(max + 1), Value::Int(1)]),
    }
}

#[test]
fn every_field_takes_both_ends_of_its_range_and_nothing_beyond() {
    for record in RECORDS {
        for field in record.typed() {
            let (good, bad) = samples(field);
            for value in good {
                if record.required.contains(&field.name) && value == set(&[]) {
                    continue;
                }
                assert_eq!(with(record.name, field.name, value), Ok(()), "{}", field.name);
            }
            for value in bad {
                let error = with(record.name, field.name, value).expect_err(field.name);
                assert_eq!((error.code, error.field.as_str()), (Code::BadValue, field.name));
            }
        }
    }
}

#[test]
fn the_ranges_are_those_of_the_field() {
    for (record, field, min, max) in [
        ("incident", "severity", 1, 5),
        ("incident", "personnel_exposed", 0, 10_000),
        ("intervention", "duration_min", 0, 600),
        ("intervention", "attendees_count", 0, 1_000),
        ("intervention", "team_peers", 0, 50),
        ("intervention", "team_mhp", 0, 10),
        ("intervention", "one_on_ones_triggered", 0, 99),
        ("intervention", "referrals_count", 0, 99),
        ("peer_contact", "duration_min", 1, 480),
        ("peer_contact", "travel_min", 0, 600),
        ("peer_contact", "tz_offset_min", -840, 840),
        ("follow_up_task", "priority", 0, 3),
        ("check_in", "sleep_quality", 0, 4),
        ("check_in", "mood", 0, 10),
        ("check_in", "stress", 0, 10),
        ("check_in", "energy", 0, 4),
    ] {
        assert_eq!(with(record, field, Value::Int(min)), Ok(()), "{field}");
        assert_eq!(with(record, field, Value::Int(max)), Ok(()), "{field}");
        assert!(with(record, field, Value::Int(min - 1)).is_err(), "{field}");
        assert!(with(record, field, Value::Int(max + 1)).is_err(), "{field}");
    }
    for (record, field, max) in [
        ("incident", "narrative", 2_000),
        ("peer_contact", "text", 4_000),
        ("check_in", "text", 500),
    ] {
        assert_eq!(with(record, field, Value::Text("é".repeat(max))), Ok(()), "{field}");
        assert!(with(record, field, Value::Text("é".repeat(max + 1))).is_err(), "{field}");
    }
    assert_eq!(with("check_in", "sleep_hours", Value::Number(24.0)), Ok(()));
    assert!(with("check_in", "sleep_hours", Value::Number(7.3)).is_err());
}

#[test]
fn a_refusal_names_what_is_allowed_and_never_what_was_typed() {
    let error = with("check_in", "zone", text("purple secret")).expect_err("no such zone");
    assert!(error.problem.contains("ready, reacting, injured, ill"), "{error}");
    assert!(!error.to_string().contains("purple"), "{error}");
    let error = with("incident", "severity", Value::Int(4711)).expect_err("out of range");
    assert!(error.problem.contains("from 1 to 5"), "{error}");
    assert!(!error.to_string().contains("4711"), "{error}");
    let error = with("peer_contact", "text", Value::Text("x".repeat(4_001))).expect_err("long");
    assert!(error.problem.contains("4000") && !error.to_string().contains("xx"), "{error}");
}

#[test]
fn an_unknown_field_names_the_nearest_and_what_the_app_sets_cannot_be_typed() {
    let error = with("incident", "sevrity", Value::Int(3)).expect_err("mistyped");
    assert_eq!(error.code, Code::UnknownField);
    assert!(error.problem.contains("severity"), "{error}");
    for (record, field) in [
        ("peer_contact", "of"),
        ("peer_contact", "day"),
        ("peer_contact", "duration_band"),
        ("follow_up_task", "of"),
        ("follow_up_task", "due_day"),
        ("incident", "of"),
        ("intervention", "window_state"),
        ("check_in", "shared_from"),
    ] {
        let error = with(record, field, text(ID)).expect_err(field);
        assert_eq!(error.code, Code::UnknownField, "{record} {field}");
    }
}

#[test]
fn what_is_typed_is_what_is_shown_for_every_field_of_every_kind() {
    for record in RECORDS {
        for field in record.parts.iter().flat_map(|part| part.fields) {
            if field.origin != Origin::Typed {
                continue;
            }
            for typed in samples(field).0 {
                let mut form = smallest(record.name);
                form.insert(field.name.to_owned(), typed.clone());
                if typed == text("") || (typed == set(&[]) && record.required.contains(&field.name))
                {
                    continue;
                }
                let documents = Phone::new(1).record(record.name, &form);
                let seen = shown(record.name, &documents);
                let expected = sync_core::records::normalize(field, &typed).expect("it fits");
                assert_eq!(seen[field.name].value, expected, "{} {}", record.name, field.name);
                assert!(seen[field.name].conflict.is_empty(), "{}", field.name);
            }
        }
    }
}

#[test]
fn times_are_shown_in_utc_and_labels_without_outer_spaces() {
    let mut form = smallest("incident");
    form.insert("occurred_end".to_owned(), text("2026-03-01T18:00:00-07:00"));
    form.insert("area".to_owned(), text("  north valley "));
    let seen = shown("incident", &Phone::new(1).record("incident", &form));
    assert_eq!(seen["occurred_end"].value, text("2026-03-02T01:00:00Z"));
    assert_eq!(seen["area"].value, text("north valley"));
}

#[test]
fn defaults_are_shown_but_not_stored_and_only_for_documents_that_are_there() {
    let documents = Phone::new(1).record("follow_up_task", &smallest("follow_up_task"));
    let seen = shown("follow_up_task", &documents);
    assert_eq!(seen["state"].value, text("open"));
    assert_eq!(seen["priority"].value, Value::Int(1));
    assert!(documents.iter().all(|(_, flat)| !flat.keys.contains_key("state")));

    let documents = Phone::new(1).record("peer_contact", &smallest("peer_contact"));
    assert_eq!(shown("peer_contact", &documents)["issues"].value, set(&[]));
    let header_only = documents[..1].to_vec();
    assert!(!shown("peer_contact", &header_only).contains_key("issues"));

    let documents = Phone::new(1).record("intervention", &smallest("intervention"));
    assert_eq!(shown("intervention", &documents)["referrals_count"].value, Value::Int(0));
    assert!(!shown("intervention", &documents).contains_key("outcome"));
}

#[test]
fn every_default_is_a_value_of_its_field() {
    for field in RECORDS.iter().flat_map(|record| record.parts).flat_map(|part| part.fields) {
        if let Some(default) = field.default {
            assert!(parse_value(field, default).is_ok(), "{}", field.name);
        }
    }
}

#[test]
fn command_line_text_reads_as_values() {
    let read = |record: &'static RecordType, name: &str, typed: &str| {
        parse_value(record.typed_field(name).expect("exists"), typed)
    };
    let check_in = kind("check_in");
    assert_eq!(read(check_in, "sleep_hours", "7.5"), Ok(Value::Number(7.5)));
    assert_eq!(read(check_in, "mood", " 7 "), Ok(Value::Int(7)));
    assert_eq!(read(check_in, "cause", "loss, home"), Ok(set(&["loss", "home"])));
    assert_eq!(read(check_in, "cause", ""), Ok(set(&[])));
    assert_eq!(read(check_in, "text", " as typed, "), Ok(text(" as typed, ")));
    assert_eq!(read(kind("peer_contact"), "escalated", "true"), Ok(Value::Bool(true)));
    for (name, wrong) in [("sleep_hours", "nan"), ("mood", "7.0"), ("mood", "x"), ("zone", "")] {
        assert_eq!(read(check_in, name, wrong).expect_err(name).code, Code::BadValue);
    }
    assert!(read(kind("peer_contact"), "escalated", "maybe").is_err());
}

#[test]
fn a_number_typed_for_a_band_is_kept_as_the_band() {
    let group_size = RecordType::by_name("peer_contact").and_then(|r| r.typed_field("group_size"));
    let group_size = group_size.expect("is a field");
    for typed in [Value::Int(12), text("12"), text("10-19"), text("10_19")] {
        assert_eq!(sync_core::records::normalize(group_size, &typed), Ok(text("10_19")));
    }
}
