//! What a phone shows of a record.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use sync_core::records::{Field, Origin, RecordType, Value};

use crate::drill::protocol::PhoneCommand;
use crate::drill::script::{Expect, ExpectConflict, OnRecord};

use super::super::{Failed, Played, World};

fn words(value: Option<&Value>) -> String {
    match value {
        Some(value) => serde_json::to_string(value).unwrap_or_else(|_| "something".into()),
        None => "nothing".into(),
    }
}

fn value_of(json: &Json) -> Option<Value> {
    serde_json::from_value(json.clone()).ok()
}

/// Values that stand for one another: the wire has one kind of number, a set has no order.
fn same(field: Option<&Field>, expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Int(a), Value::Number(b)) | (Value::Number(b), Value::Int(a)) => *a as f64 == *b,
        (Value::Set(a), Value::Set(b)) => a == b,
        (expected, found) => match field {
            Some(field) => {
                let norm = |value| sync_core::records::normalize(field, value).ok();
                expected == found || norm(expected).is_some_and(|e| norm(found) == Some(e))
            }
            None => expected == found,
        },
    }
}

fn field_of(kind: &str, name: &str) -> Option<&'static Field> {
    let record = RecordType::by_name(kind)?;
    record.parts.iter().flat_map(|part| part.fields).find(|field| field.name == name)
}

/// Names of the fields that lie in sealed parts.
fn sealed_fields(kind: &str) -> BTreeSet<&'static str> {
    let parts = RecordType::by_name(kind).map(|record| record.parts).unwrap_or_default();
    let sealed = parts.iter().filter(|part| part.is_sealed());
    let fields = sealed.flat_map(|part| part.fields);
    fields.filter(|field| field.origin != Origin::Link).map(|field| field.name).collect()
}

impl World {
    /// What the phone shows of a record; `None` if it has none of it.
    fn shown(&mut self, device: &str, id: &str) -> Played<Option<Json>> {
        match self.ask(device, PhoneCommand::Show { record: id.to_owned() }) {
            Ok(view) => Ok(Some(view)),
            Err(Failed::Refused { code, .. }) if code == "no_such_record" => Ok(None),
            Err(other) => Err(other),
        }
    }

    fn must_show(&mut self, device: &str, record: &str) -> Played<Json> {
        let id = self.id_on(device, record)?;
        let shown = self.shown(device, &id)?;
        shown.ok_or_else(|| Failed::unmet(format!("{device} shows {record}"), "no such record"))
    }

    pub(in super::super) fn expect(&mut self, expect: &Expect) -> Played {
        if let Some(phase) = &expect.phase {
            return self.expect_text(expect, phase);
        }
        let view = self.must_show(&expect.device, &expect.record)?;
        let kind = self.made(&expect.record)?.kind.clone();
        for (name, written) in &expect.shown.0 {
            let expected = self.value(&expect.device, written)?;
            let field = &view["fields"][name];
            let conflict = field["conflict"].as_array().is_some_and(|all| !all.is_empty());
            let found = value_of(&field["value"]).filter(|_| !field.is_null());
            let holds = match (&expected, &found) {
                (None, None) => true,
                (Some(expected), Some(found)) => same(field_of(&kind, name), expected, found),
                _ => false,
            };
            if conflict || !holds {
                let found = match conflict {
                    true => format!("a conflict of {}", field["conflict"]),
                    false => words(found.as_ref()),
                };
                return Err(Failed::unmet(
                    format!("{name} is {}", words(expected.as_ref())),
                    found,
                ));
            }
        }
        Ok(())
    }

    fn phase_text(&mut self, device: &str, record: &str, phase: &str) -> Played<String> {
        let record = self.id_on(device, record)?;
        let notes = match self.ask(device, PhoneCommand::Notes { record }) {
            Ok(notes) => notes,
            Err(Failed::Refused { code, .. }) => {
                return Err(Failed::unmet("the note is shown", code));
            }
            Err(other) => return Err(other),
        };
        let mut texts = Vec::new();
        for note in notes.as_array().into_iter().flatten() {
            for (key, text) in note["phases"].as_object().into_iter().flatten() {
                if key.split_once('.').is_some_and(|(_, own)| own == phase) {
                    texts.extend(text.as_str().map(str::to_owned));
                }
            }
        }
        // Notes made apart stay side by side.
        Ok(texts.join("\n"))
    }

    fn expect_text(&mut self, expect: &Expect, phase: &str) -> Played {
        let found = self.phase_text(&expect.device, &expect.record, phase)?;
        if let Some(text) = &expect.text
            && *text != found
        {
            return Err(Failed::unmet(format!("{phase} reads {text:?}"), format!("{found:?}")));
        }
        let contains = expect.contains.iter().flat_map(|texts| texts.all());
        if let Some(missing) = contains.into_iter().find(|text| !found.contains(*text)) {
            return Err(Failed::unmet(
                format!("{phase} contains {missing:?}"),
                format!("{found:?}"),
            ));
        }
        let not = expect.not.iter().flat_map(|texts| texts.all());
        if let Some(present) = not.into_iter().find(|text| found.contains(*text)) {
            return Err(Failed::unmet(format!("{phase} lacks {present:?}"), format!("{found:?}")));
        }
        Ok(())
    }

    pub(in super::super) fn expect_conflict(&mut self, expect: &ExpectConflict) -> Played {
        let view = self.must_show(&expect.device, &expect.record)?;
        let kind = self.made(&expect.record)?.kind.clone();
        let field = field_of(&kind, &expect.field);
        let mut expected = Vec::new();
        for written in &expect.shown {
            expected.extend(self.value(&expect.device, written)?);
        }
        let conflict = view["fields"][&expect.field]["conflict"].as_array();
        let found: Vec<Value> = conflict.into_iter().flatten().filter_map(value_of).collect();
        let all = |some: &[Value], of: &[Value]| {
            some.iter().all(|value| of.iter().any(|other| same(field, value, other)))
        };
        if found.len() == expected.len() && all(&found, &expected) && all(&expected, &found) {
            return Ok(());
        }
        let text = |values: &[Value]| {
            values.iter().map(|v| words(Some(v))).collect::<Vec<_>>().join(" and ")
        };
        let found = if found.is_empty() { "no conflict".into() } else { text(&found) };
        Err(Failed::unmet(format!("{} is both {}", expect.field, text(&expected)), found))
    }

    pub(in super::super) fn expect_no_conflict(&mut self, on: &OnRecord) -> Played {
        let view = self.must_show(&on.device, &on.record)?;
        for (name, field) in view["fields"].as_object().into_iter().flatten() {
            if field["conflict"].as_array().is_some_and(|all| !all.is_empty()) {
                return Err(Failed::unmet("no conflict", format!("{name}: {}", field["conflict"])));
            }
        }
        Ok(())
    }

    /// The sealed half, or the note, cannot be opened there; open fields may show.
    pub(in super::super) fn expect_unreadable(&mut self, on: &OnRecord) -> Played {
        let id = self.id_on(&on.device, &on.record)?;
        let kind = self.made(&on.record)?.kind.clone();
        let Some(view) = self.shown(&on.device, &id)? else { return Ok(()) };
        let sealed = sealed_fields(&kind);
        let shown = view["fields"].as_object().into_iter().flatten();
        if let Some((name, _)) = shown.into_iter().find(|(name, _)| sealed.contains(name.as_str()))
        {
            return Err(Failed::unmet("the sealed half does not open", format!("{name} is shown")));
        }
        if kind == "intervention" {
            let notes = self.ask(&on.device, PhoneCommand::Notes { record: id })?;
            let opened = notes
                .as_array()
                .into_iter()
                .flatten()
                .any(|n| n["unreadable"] == Json::Bool(false));
            if opened {
                return Err(Failed::unmet("the note does not open", "it is shown"));
            }
        } else if sealed.is_empty() {
            return Err(Failed::unmet(
                "a sealed half",
                format!("a record of kind {kind} has none"),
            ));
        }
        Ok(())
    }

    /// Neither half is there, nor any copy.
    pub(in super::super) fn expect_absent(&mut self, on: &OnRecord) -> Played {
        let record = self.made(&on.record)?;
        let ids: BTreeSet<String> = record.copies.values().chain([&record.id]).cloned().collect();
        for id in ids {
            if self.shown(&on.device, &id)?.is_some() {
                return Err(Failed::unmet(format!("{} is not there", on.record), "it is shown"));
            }
        }
        Ok(())
    }
}
