//! Fields as typed on a command line, `name=value`, read by the schema of their record.

use std::collections::BTreeMap;

use sync_core::protocol::{Code, Timestamp};
use sync_core::records::{
    FieldKind, InputError, MarkValue, RECORDS, RecordType, Value, parse_value,
};

use super::Failure;

/// Typed values by field name.
pub type Form = BTreeMap<String, Value>;

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Failure::with(error.code, format!("{}: {}.", error.field, error.problem))
    }
}

/// The record kind of this name.
pub fn record_type(name: &str) -> Result<&'static RecordType, Failure> {
    RecordType::by_name(name).ok_or_else(|| {
        let names: Vec<&str> = RECORDS.iter().map(|record| record.name).collect();
        Failure::with(
            Code::BadValue,
            format!("There is no record of that kind; there are {}.", names.join(", ")),
        )
    })
}

/// Reads `name=value` arguments. `now` stands for a time, a day and nothing else.
pub fn read(record: &RecordType, typed: &[String], now: Timestamp) -> Result<Form, Failure> {
    let mut form = Form::new();
    for argument in typed {
        let (name, text) = argument.split_once('=').ok_or_else(|| {
            Failure::with(
                Code::BadValue,
                "Write each field as name=value, without spaces around =.",
            )
        })?;
        let Some(field) = record.typed_field(name) else {
            // The core's own words for it name the fields that there are.
            form.insert(name.to_owned(), Value::Text(String::new()));
            continue;
        };
        let value = match field.kind {
            FieldKind::Time if text == "now" => parse_value(field, &whole_minute(now).to_string())?,
            FieldKind::Day if text == "now" || text == "today" => {
                parse_value(field, &now.day().to_string())?
            }
            FieldKind::Marks(_, MarkValue::Time) => parse_value(field, &with_times(text, now))?,
            _ => parse_value(field, text)?,
        };
        if form.insert(name.to_owned(), value).is_some() {
            return Err(Failure::with(Code::BadValue, format!("{name} is given twice.")));
        }
    }
    Ok(form)
}

/// Marks of times as typed: one without a time, or with `now`, is of this minute.
fn with_times(text: &str, now: Timestamp) -> String {
    let marks = text.split(',').map(str::trim).filter(|mark| !mark.is_empty());
    marks.map(|mark| mark_with_time(mark, now)).collect::<Vec<_>>().join(",")
}

/// The same for one mark.
pub fn mark_with_time(mark: &str, now: Timestamp) -> String {
    match mark.split_once('@') {
        None | Some((_, "now")) => {
            let key = mark.split_once('@').map_or(mark, |(key, _)| key);
            format!("{key}@{}", whole_minute(now))
        }
        Some(_) => mark.to_owned(),
    }
}

/// Whether a time is typed as `now`, so that it is the clock's.
pub fn takes_the_clock(record: &RecordType, typed: &[String]) -> bool {
    typed.iter().filter_map(|argument| argument.split_once('=')).any(|(name, text)| {
        let field = record.typed_field(name);
        text == "now" && field.is_some_and(|field| matches!(field.kind, FieldKind::Time))
    })
}

/// Says that the times are a clock's that no relay attested, where the record can say so and the person did not.
pub fn mark_unsure(record: &RecordType, form: &mut Form) {
    if record.typed_field("time_quality").is_some() {
        form.entry("time_quality".into()).or_insert_with(|| Value::Text("device_unsure".into()));
    }
}

/// A person who types `now` means the minute.
fn whole_minute(now: Timestamp) -> Timestamp {
    Timestamp(now.0 - now.0.rem_euclid(60_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_in(typed: &[&str]) -> Result<Form, Failure> {
        let typed: Vec<String> = typed.iter().map(|text| (*text).to_owned()).collect();
        read(record_type("check_in").expect("is a record"), &typed, Timestamp(0))
    }

    #[test]
    fn fields_are_read_by_their_kind() {
        let form = check_in(&["zone=ready", "sleep_hours=5.5", "cause=loss,home"]).expect("reads");
        assert_eq!(form["sleep_hours"], Value::Number(5.5));
        assert_eq!(form["cause"], Value::Set(["home".into(), "loss".into()].into()));
    }

    #[test]
    fn a_wrong_value_gets_its_code_and_the_allowed_ones() {
        let failure = check_in(&["zone=purple"]).expect_err("no zone");
        assert_eq!(failure.code, "bad_value");
        assert!(failure.sentence.contains("ready"), "{failure}");
        assert!(!failure.sentence.contains("purple"), "{failure}");
    }

    #[test]
    fn only_a_time_typed_as_now_is_the_clocks_and_what_a_person_says_of_it_stands() {
        let record = record_type("incident").expect("is a record");
        assert!(takes_the_clock(record, &["occurred_end=now".into()]));
        assert!(!takes_the_clock(record, &["area=now".into(), "severity=3".into()]));
        let mut form = Form::new();
        mark_unsure(record, &mut form);
        assert_eq!(form["time_quality"], Value::Text("device_unsure".into()));
        form.insert("time_quality".into(), Value::Text("exact".into()));
        mark_unsure(record, &mut form);
        assert_eq!(form["time_quality"], Value::Text("exact".into()));
        let mut contact = Form::new();
        mark_unsure(record_type("peer_contact").expect("is a record"), &mut contact);
        assert!(contact.is_empty());
    }

    #[test]
    fn a_mark_without_a_time_is_of_now() {
        let record = record_type("intervention").expect("is a record");
        let typed = ["rules_read=no_rank,confidential@1970-01-01T01:00:00+01:00,no_breaks@now"];
        let form = read(record, &typed.map(str::to_owned), Timestamp(61_000)).expect("reads");
        let minute = "1970-01-01T00:01:00Z";
        let set = [
            format!("no_rank@{minute}"),
            format!("no_breaks@{minute}"),
            "confidential@1970-01-01T00:00:00Z".to_owned(),
        ];
        assert_eq!(form["rules_read"], Value::Set(set.into()));
    }

    #[test]
    fn now_is_a_time() {
        let record = record_type("incident").expect("is a record");
        let form = read(record, &["occurred_end=now".into()], Timestamp(59_999)).expect("reads");
        assert_eq!(form["occurred_end"], Value::Text("1970-01-01T00:00:00Z".into()));
    }
}
