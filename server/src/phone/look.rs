//! `members`, `list`, `show`, `conflicts`, `drafts`, `alarms`, `outbox`, `status`: what this phone knows.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use sync_core::engine::{KeptUntil, NoteView, Phone, RecordView};
use sync_core::ids::DocId;
use sync_core::protocol::{Code, Timestamp};
use sync_core::records::{FieldView, RecordType, Value, WindowState};

use super::output::{Output, field_json, field_words, short, table, words};
use super::{Outcome, now, refs};

/// `members`.
pub fn members(phone: &mut Phone) -> Outcome {
    let members = phone.members()?;
    let mut rows = Vec::new();
    let mut json = Vec::new();
    for member in &members {
        let mut roles: Vec<&str> = member.roles.iter().map(|role| role.as_str()).collect();
        if member.admin {
            roles.push("admin");
        }
        let name = member.name.clone().unwrap_or_else(|| "-".into());
        let device = match (member.waits, member.has_device) {
            (true, _) => "waits for another admin",
            (_, true) => "yes",
            _ => "no",
        };
        rows.push(vec![short(member.id), name, device.into(), roles.join(", ")]);
        json.push(json!({ "member": member.id.to_string(), "name": member.name, "roles": roles,
                          "has_device": member.has_device, "waits": member.waits }));
    }
    let words = table(&["member", "name", "phone", "roles"], &rows);
    Ok(Output { words, json: Json::Array(json) })
}

pub(super) fn record_json(view: &RecordView) -> Json {
    let fields: serde_json::Map<String, Json> =
        view.fields.iter().map(|(name, field)| (name.clone(), field_json(field))).collect();
    json!({ "record": view.id.to_string(), "kind": view.kind, "fields": fields,
            "unreadable": view.unreadable, "shut": view.shut.map(Code::as_str), "stored": view.stored,
            "only_here": view.only_here })
}

/// The most telling fields of a record on one line: what its form asks for first, then the rest.
pub(super) fn summary(view: &RecordView) -> String {
    let record = RecordType::by_name(view.kind);
    let required = record.map(|record| record.required).unwrap_or_default();
    let typed = record.into_iter().flat_map(RecordType::typed).map(|field| field.name);
    let mut names: Vec<&str> = required.to_vec();
    names.extend(typed.chain(view.fields.keys().map(String::as_str)));
    let mut seen = BTreeSet::new();
    let parts: Vec<String> = names
        .into_iter()
        .filter(|name| seen.insert(*name))
        .filter_map(|name| Some((name, view.fields.get(name)?)))
        .filter(|(_, field)| tells_something(field))
        .map(|(name, field)| format!("{name}={}", compact(&field_words(field))))
        .collect();
    if parts.is_empty() && !view.unreadable.is_empty() {
        return "cannot be opened here".into();
    }
    parts.join(" ")
}

/// Ids by their first digits, times to the minute.
fn compact(words: &str) -> String {
    if words.parse::<DocId>().is_ok() {
        return short(words);
    }
    let is_time = words.contains('T') && Timestamp::parse(words).is_ok();
    match words.get(..16) {
        Some(minute) if is_time => format!("{minute}Z"),
        _ => words.to_owned(),
    }
}

fn tells_something(field: &FieldView) -> bool {
    match &field.value {
        Value::Set(set) => !set.is_empty(),
        Value::Bool(false) | Value::Int(0) => false,
        _ => true,
    }
}

/// `list`.
pub fn list(phone: &mut Phone, kind: Option<&str>) -> Outcome {
    if let Some(kind) = kind {
        super::forms::record_type(kind)?;
    }
    let mut records = refs::all_records(phone, kind)?;
    if kind.is_none() {
        // `members`, `resources` and `on-call` show them.
        records.retain(|view| !["staff", "resource", "on_call_shift"].contains(&view.kind));
    }
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|view| {
            let stored = match (view.stored, view.only_here) {
                (true, _) => "sent",
                (_, true) => "here",
                _ => "waits",
            };
            vec![short(view.id), view.kind.into(), stored.into(), summary(view)]
        })
        .collect();
    let words = match rows.is_empty() {
        true => "There are no records here yet.".into(),
        false => table(&["ref", "kind", "", "fields"], &rows),
    };
    Ok(Output { words, json: Json::Array(records.iter().map(record_json).collect()) })
}

/// `show`.
pub fn show(phone: &mut Phone, record: &str) -> Outcome {
    let id = refs::record(phone, record)?;
    let view = phone.show(id)?;
    let mut out = format!("{} {}\n", view.kind, view.id);
    for (name, field) in &view.fields {
        out.push_str(&format!("  {name}: {}\n", indented(&field_words(field))));
    }
    for part in &view.unreadable {
        let why = why_shut(view.shut).unwrap_or("cannot be opened here");
        out.push_str(&format!("  ({part} {why})\n"));
    }
    let mut json = record_json(&view);
    if view.kind == "intervention" {
        if let Some((state, unsure)) = window_of(phone, &view, now())? {
            let unsure_words =
                if unsure { " (uncertain: this phone's clock was never corrected)" } else { "" };
            out.push_str(&format!("  window: {}{unsure_words}\n", state.as_str()));
            json["window"] = json!({ "state": state.as_str(), "uncertain": unsure });
        }
        let notes = phone.notes(id)?;
        notes.iter().for_each(|note| out.push_str(&note_words(note)));
        json["notes"] = notes.iter().map(note_json).collect();
    }
    let kept = phone.kept_until(id)?;
    kept.iter().for_each(|part| out.push_str(&kept_words(part)));
    json["kept_until"] = kept.iter().map(kept_json).collect();
    let stored = match (view.stored, view.only_here) {
        (true, _) => "The relay has all of it.",
        (_, true) => "It stays on this phone only; `backup on` would send it, sealed.",
        _ => "Not all of it has left yet.",
    };
    out.push_str(stored);
    Ok(Output { words: out, json })
}

fn kept_words(part: &KeptUntil) -> String {
    let day = part.day.map(|day| format!("until the end of {day} (UTC)"));
    let until = match (part.held, day) {
        (true, _) => "while a legal hold lasts".into(),
        (false, Some(day)) => day,
        (false, None) => "for its days from when the relay has it".into(),
    };
    format!("  {} is kept {until}\n", part.kind)
}

fn kept_json(part: &KeptUntil) -> Json {
    json!({ "document": part.doc.to_string(), "kind": part.kind, "held": part.held,
            "day": part.day.map(|day| day.to_string()) })
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n    ")
}

/// Why something sealed cannot be read, if that is because the phone is shut.
fn why_shut(shut: Option<Code>) -> Option<&'static str> {
    Some(match shut? {
        Code::Locked => "is sealed; `unlock` to read",
        _ => "cannot be read on this phone now; recording goes on",
    })
}

fn note_words(note: &NoteView) -> String {
    if note.unreadable {
        let why = why_shut(note.shut).unwrap_or("cannot be opened here; its leads read it");
        return format!("  session note: {why}\n");
    }
    let mut out = format!("  session note {}\n", short(note.space));
    for (phase, text) in &note.phases {
        out.push_str(&format!("    {phase}: {}\n", indented(text)));
    }
    out
}

pub(super) fn note_json(note: &NoteView) -> Json {
    json!({ "space": note.space.to_string(), "phases": note.phases, "unreadable": note.unreadable,
            "shut": note.shut.map(Code::as_str) })
}

pub(super) fn minute(time: Timestamp) -> String {
    compact(&time.to_string())
}

fn time_of(field: Option<&FieldView>) -> Option<Timestamp> {
    match &field?.value {
        Value::Text(text) => Timestamp::parse(text).ok(),
        _ => None,
    }
}

/// Where an intervention stands in its window, and whether this phone's clock makes that uncertain.
/// `None` if it has no incident on this phone.
pub fn window_of(
    phone: &mut Phone,
    intervention: &RecordView,
    now: Timestamp,
) -> Result<Option<(WindowState, bool)>, super::Failure> {
    let text = |name: &str| match intervention.fields.get(name).map(|field| &field.value) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let (Some(kind), Some(incident)) = (text("kind"), text("incident_id")) else { return Ok(None) };
    let Ok(incident) = incident.parse() else { return Ok(None) };
    let incident = match phone.show(incident) {
        Ok(view) => view,
        Err(error) if error.code() == Code::NoSuchRecord => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let started = time_of(intervention.fields.get("started_at"));
    window(phone, &kind, &incident, started, now)
}

/// The same for a kind of intervention after an incident.
pub fn window(
    phone: &mut Phone,
    kind: &str,
    incident: &RecordView,
    started: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<(WindowState, bool)>, super::Failure> {
    let Some(end) = time_of(incident.fields.get("occurred_end")) else { return Ok(None) };
    let Some(profile) = phone.profile().cloned() else { return Ok(None) };
    let (corrected, sure) = phone.corrected(now)?;
    let state = sync_core::records::state(&profile, kind, end, started, corrected);
    Ok(Some((state, started.is_none() && !sure)))
}

/// `conflicts`.
pub fn conflicts(phone: &mut Phone) -> Outcome {
    let records = refs::all_records(phone, None)?;
    let mut rows = Vec::new();
    let mut json = Vec::new();
    for view in &records {
        for (name, field) in view.fields.iter().filter(|(_, field)| !field.conflict.is_empty()) {
            let values: Vec<String> = field.conflict.iter().map(words).collect();
            rows.push(vec![short(view.id), view.kind.into(), name.clone(), values.join(" | ")]);
            json.push(json!({ "record": view.id.to_string(), "kind": view.kind, "field": name,
                              "values": field.conflict }));
        }
    }
    let words = match rows.is_empty() {
        true => "Nothing is in conflict.".into(),
        false => {
            let table = table(&["ref", "kind", "field", "values"], &rows);
            format!("{table}Settle one with: resolve REF FIELD=VALUE")
        }
    };
    Ok(Output { words, json: Json::Array(json) })
}

/// `drafts`.
pub fn drafts(phone: &mut Phone) -> Outcome {
    let drafts = phone.drafts()?;
    let mut out = String::new();
    let mut json = Vec::new();
    for draft in &drafts {
        let whose = if draft.own { "yours" } else { "another phone's" };
        out.push_str(&format!(
            "{} {whose} [{}]: {}\n",
            short(draft.id),
            draft.code,
            draft.code.advice()
        ));
        for (name, value) in &draft.values {
            out.push_str(&format!("  {name}: {}\n", indented(&words(value))));
        }
        json.push(
            json!({ "id": draft.id.to_string(), "record": draft.record.map(|id| id.to_string()),
                          "code": draft.code.as_str(), "values": draft.values, "own": draft.own }),
        );
    }
    if out.is_empty() {
        out = "There are no drafts.".into();
    }
    Ok(Output { words: out, json: Json::Array(json) })
}

/// Ends the alarms of these codes.
pub(super) fn seen(phone: &mut Phone, codes: &[Code]) -> Result<(), super::Failure> {
    for alarm in phone.alarms()?.iter().filter(|alarm| codes.contains(&alarm.code)) {
        phone.alarm_seen(alarm.code, &alarm.subject)?;
    }
    Ok(())
}

/// `alarms`, without those that a person has seen.
pub fn alarms(phone: &mut Phone, ended: Option<&str>) -> Outcome {
    if let Some(name) = ended {
        let code = Code::from_name(name).ok_or_else(|| {
            let sentence = "There is no alarm of that code; write it as `alarms` shows it.";
            super::Failure::with(Code::BadValue, sentence)
        })?;
        seen(phone, &[code])?;
    }
    let alarms = phone.alarms()?;
    let words = match alarms.is_empty() {
        true => "There is nothing to report.".into(),
        false => alarms.iter().map(alarm_words).collect(),
    };
    let json = alarms
        .iter()
        .map(|alarm| json!({ "code": alarm.code.as_str(), "subject": alarm.subject }))
        .collect();
    Ok(Output { words, json: Json::Array(json) })
}

/// An alarm in words.
pub fn alarm_words(alarm: &sync_core::engine::Alarm) -> String {
    let subject = match alarm.subject.is_empty() {
        true => String::new(),
        false => format!(" ({})", short(&alarm.subject)),
    };
    format!("[{}]{subject}: {}\n", alarm.code, alarm.code.advice())
}

/// `outbox`.
pub fn outbox(phone: &mut Phone) -> Outcome {
    let outbox = phone.outbox()?;
    let rows: Vec<Vec<String>> = outbox
        .iter()
        .map(|(id, record)| vec![short(id), record.map_or_else(|| "(keys)".into(), short)])
        .collect();
    let words = match rows.is_empty() {
        true => "Nothing waits to be sent.".into(),
        false => format!("{}{} to be sent.", table(&["envelope", "record"], &rows), rows.len()),
    };
    let json = outbox
        .iter()
        .map(|(id, record)| json!({ "id": id.to_string(), "record": record.map(|id| id.to_string()) }))
        .collect();
    Ok(Output { words, json: Json::Array(json) })
}

/// `status`.
pub fn status(phone: &mut Phone) -> Outcome {
    let status = phone.status()?;
    let notices = phone.notices()?;
    let enrolled = if status.enrolled { "yes" } else { "not yet" };
    let recovery = super::recovery::notice(phone)?;
    let reading = match status.shut {
        None => "unlocked".to_owned(),
        Some(Code::Locked) => "locked; `unlock` to read what is sealed".to_owned(),
        Some(_) => "ended on this phone for now; recording and sending go on".to_owned(),
    };
    let words = format!(
        "team      {}\nmember    {}\ndevice    {}\nrelay     {}\nenrolled  {enrolled}\ndirectory {} entries\nwaiting   {} to be sent\nreading   {reading}\nrecovery  {recovery}\n",
        status.team,
        status.member,
        status.device,
        status.relay,
        status.directory_seq,
        status.pending,
    ) + &notices.iter().map(alarm_words).collect::<String>();
    let json = json!({ "team": status.team.to_string(), "member": status.member.to_string(),
                       "device": status.device.to_string(), "relay": status.relay,
                       "enrolled": status.enrolled, "directory_seq": status.directory_seq,
                       "pending": status.pending, "shut": status.shut.map(Code::as_str),
                       "notices": notices.iter().map(|n| n.code.as_str()).collect::<Vec<_>>() });
    Ok(Output { words, json })
}
