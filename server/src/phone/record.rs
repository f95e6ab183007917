//! `record`, `edit`, `resolve`, `write`, `share`: all work without a link.

use serde_json::json;
use sync_core::engine::{Phone, TextEdit};
use sync_core::ids::{DocId, MemberId};
use sync_core::protocol::Code;
use sync_core::records::{FieldKind, RecordType, Value, session_text_key, session_text_keys};

use super::arguments::Write;
use super::output::Output;
use super::{Failure, Outcome, forms, now, refs, urgent, with_env};

pub(super) const KEPT: &str = "It is kept on this phone and leaves with the next sync.";
const ONLY_HERE: &str = "It stays on this phone; `share` shows a copy to someone.";

/// Where a record just written will go.
fn kept(phone: &mut Phone, id: DocId) -> Result<&'static str, Failure> {
    let view = phone.show(id)?;
    Ok(match (view.only_here, view.kind) {
        (true, "check_in") => ONLY_HERE,
        (true, _) => "It stays on this phone.",
        _ => KEPT,
    })
}

/// The backup of the member's own check-ins, on or off.
pub fn backup(phone: &mut Phone, on: bool) -> Outcome {
    phone.set_backup(on)?;
    let words = if on {
        "Your own check-ins leave with the next sync, sealed: only you can read them."
    } else {
        "Your own check-ins stay on this phone from now on. What was sent before stays at the relay, sealed."
    };
    Ok(Output { words: words.into(), json: json!({ "backup": on }) })
}

/// A new record. An urgent check-in shows the crisis numbers before it does anything else.
pub fn record(phone: &mut Phone, kind: &str, fields: &[String]) -> Outcome {
    let form = form(phone, kind, fields)?;
    record_form(phone, kind, &form)
}

/// The same for a form that was read.
pub(super) fn record_form(phone: &mut Phone, kind: &str, form: &forms::Form) -> Outcome {
    let numbers = urgent::numbers_for(phone, form)?;
    let crisis = numbers.as_ref().map(urgent::words).unwrap_or_default();
    // Said before the record is tried: the numbers never wait for a disk.
    eprint!("{crisis}");
    let id = with_env(|env| phone.record(env, kind, form))?;
    Ok(Output {
        words: format!("Recorded {kind} {id}. {}", kept(phone, id)?),
        json: json!({ "record": id.to_string(), "crisis_numbers": numbers }),
    })
}

/// Where a field takes an id, a person may type a member's name or the first digits of a record's id.
fn with_ids(
    phone: &mut Phone,
    record_type: &RecordType,
    typed: &[String],
) -> Result<Vec<String>, Failure> {
    let mut whole = Vec::with_capacity(typed.len());
    for argument in typed {
        let named = argument.split_once('=').and_then(|(name, text)| {
            let field = record_type.typed_field(name)?;
            let is_whole = text.parse::<DocId>().is_ok();
            (matches!(field.kind, FieldKind::Id) && !is_whole).then_some((name, text))
        });
        whole.push(match named {
            Some((name @ ("assignee" | "member"), text)) => {
                format!("{name}={}", refs::member(phone, text)?)
            }
            // A subject's handle is random and nobody's: there is nothing to look it up in.
            Some((name, text)) if name != "subject_handle" => {
                format!("{name}={}", refs::record(phone, text)?)
            }
            _ => argument.clone(),
        });
    }
    Ok(whole)
}

pub(super) fn form(
    phone: &mut Phone,
    kind: &str,
    typed: &[String],
) -> Result<forms::Form, Failure> {
    let record_type = forms::record_type(kind)?;
    let (corrected, is_sure) = phone.corrected(now())?;
    let typed = with_ids(phone, record_type, typed)?;
    let mut form = forms::read(record_type, &typed, corrected)?;
    if !is_sure && forms::takes_the_clock(record_type, &typed) {
        forms::mark_unsure(record_type, &mut form);
    }
    Ok(form)
}

/// Fields written anew; the value already shown settles a conflict.
pub fn edit(phone: &mut Phone, record: &str, fields: &[String]) -> Outcome {
    let id = refs::record(phone, record)?;
    let kind = phone.show(id)?.kind;
    let form = form(phone, kind, fields)?;
    let numbers = urgent::numbers_for(phone, &form)?;
    eprint!("{}", numbers.as_ref().map(urgent::words).unwrap_or_default());
    with_env(|env| phone.edit(env, id, &form))?;
    Ok(Output {
        words: format!("Changed {kind} {id}. {}", kept(phone, id)?),
        json: json!({ "record": id.to_string(), "crisis_numbers": numbers }),
    })
}

/// Text in a phase of a session note, at its end unless a position is given.
pub fn write(phone: &mut Phone, typed: &Write) -> Outcome {
    let id = refs::record(phone, &typed.intervention)?;
    let key = phase_key(phone, id, &typed.phase)?;
    let at = match typed.at {
        Some(at) => at,
        None => {
            let notes = phone.notes(id)?;
            let text = notes.iter().find(|note| !note.unreadable).and_then(|n| n.phases.get(key));
            let length = text.map_or(0, |text| text.chars().count());
            length.saturating_sub(typed.delete)
        }
    };
    if typed.text.is_empty() && typed.delete == 0 {
        return Err(Failure::with(
            Code::BadValue,
            "Give a text to insert, or --delete with a count.",
        ));
    }
    let edit = TextEdit { at, delete: typed.delete, insert: typed.text.clone() };
    with_env(|env| phone.write(env, id, &typed.phase, &edit))?;
    Ok(Output {
        words: format!("Written to {}. {KEPT}", typed.phase),
        json: json!({ "intervention": id.to_string(), "phase": typed.phase, "at": at }),
    })
}

fn phase_key(phone: &mut Phone, id: DocId, phase: &str) -> Result<&'static str, Failure> {
    let view = phone.show(id)?;
    let kind = match view.fields.get("kind").map(|field| &field.value) {
        Some(Value::Text(kind)) if view.kind == "intervention" => kind.clone(),
        _ => return Err(Failure::with(Code::NoSuchRecord, "That record is not an intervention.")),
    };
    session_text_key(&kind, phase).ok_or_else(|| {
        let phases: Vec<&str> = session_text_keys(&kind)
            .iter()
            .filter_map(|key| Some(key.split_once('.')?.1))
            .collect();
        let sentence = match phases.is_empty() {
            true => "This kind of intervention has no phases to write in.".to_owned(),
            false => format!("There is no such phase; there are {}.", phases.join(", ")),
        };
        Failure::with(Code::BadValue, sentence)
    })
}

pub(super) fn members(phone: &mut Phone, typed: &[String]) -> Result<Vec<MemberId>, Failure> {
    typed.iter().map(|typed| refs::member(phone, typed)).collect()
}

/// A copy of a check-in for someone.
pub fn share(phone: &mut Phone, record: &str, with: &[String], text: bool) -> Outcome {
    let id = refs::record(phone, record)?;
    let readers = members(phone, with)?;
    let copy = with_env(|env| phone.share(env, id, &readers, text))?;
    let along = if text { "with its text" } else { "without its text" };
    Ok(Output {
        words: format!("Shared a copy {along}: {copy}. {KEPT}"),
        json: json!({ "copy": copy.to_string() }),
    })
}
