//! What `push_raw` pushes: a step that the phone's own checks would refuse, or a change that harms.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::Typed;
use super::parse::arguments;
use super::verbs::{Delete, Insert, PushRaw, Verb};

/// A harmful change that a modified phone pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostileCase {
    /// A compressed chunk.
    CompressedChunk,
    /// A change of another author's actor.
    WrongActor,
    /// The same number of the device with other content.
    RepeatedSequence,
    /// A device that the directory does not list.
    UnknownDevice,
    /// A change of another document.
    OtherDocument,
    /// A change cut short.
    Truncated,
    /// Well-formed, but with columns that no phone writes.
    HostileColumns,
}

/// What `push_raw` pushes.
#[derive(Debug, Clone)]
pub enum RawCase {
    /// A record that the phone's own checks would refuse.
    Record {
        /// Its kind.
        record: String,
        /// Its fields.
        typed: Typed,
    },
    /// Text in a session note that the phone's own checks would refuse.
    Note {
        /// The intervention; one of the phone's own if not given.
        record: Option<String>,
        /// The phase.
        phase: String,
        /// Text put in.
        insert: Option<Insert>,
        /// Text taken out.
        delete: Option<Delete>,
    },
    /// A harmful change.
    Hostile(HostileCase),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRecord {
    record: String,
    #[serde(default)]
    fields: Map<String, Json>,
    #[serde(default)]
    sealed: Map<String, Json>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWrite {
    #[serde(default, rename = "ref")]
    record: Option<String>,
    phase: String,
    #[serde(default)]
    insert: Option<Insert>,
    #[serde(default)]
    delete: Option<Delete>,
}

const CASE: &str = "\"case\" is a record or write step, or the name of a hostile change";

pub(super) fn push_raw(step: PushRaw) -> Result<Verb, String> {
    let case = match step.case {
        Json::String(_) => RawCase::Hostile(
            serde_json::from_value(step.case).map_err(|error| format!("\"case\": {error}"))?,
        ),
        Json::Object(mut object) => {
            // The step's own device pushes it, and nothing refers to it later.
            object.remove("device");
            object.remove("as");
            let verb = match object.remove("do") {
                None if object.contains_key("phase") => "write".to_owned(),
                None => "record".to_owned(),
                Some(Json::String(verb)) => verb,
                Some(_) => return Err(CASE.into()),
            };
            match verb.as_str() {
                "record" => raw_record(arguments(object)?)?,
                "write" => raw_write(arguments(object)?)?,
                _ => return Err(CASE.into()),
            }
        }
        _ => return Err(CASE.into()),
    };
    Ok(Verb::PushRaw { device: step.device, case, record: step.record })
}

fn raw_write(RawWrite { record, phase, insert, delete }: RawWrite) -> Result<RawCase, String> {
    if insert.is_some() == delete.is_some() {
        return Err("write takes either \"insert\" or \"delete\"".into());
    }
    Ok(RawCase::Note { record, phase, insert, delete })
}

fn raw_record(raw: RawRecord) -> Result<RawCase, String> {
    if raw.record == "session_note" {
        return raw_note(raw);
    }
    let mut typed = Typed::default();
    typed.take(&raw.record, &raw.fields, &raw.sealed)?;
    Ok(RawCase::Record { record: raw.record, typed })
}

/// A session note as a record: its intervention and the text of one phase.
fn raw_note(raw: RawRecord) -> Result<RawCase, String> {
    let (mut record, mut written) = (None, None);
    for (name, json) in raw.fields.into_iter().chain(raw.sealed) {
        let Json::String(text) = json else {
            return Err(format!("{name} of a session_note is a text"));
        };
        match name.as_str() {
            "intervention" | "intervention_id" => record = Some(text),
            _ if written.is_some() => {
                return Err("push one phase of a session_note at a time".into());
            }
            // A modified phone may write anywhere; the first phase will do.
            "text" => written = Some(("introduction".to_owned(), text)),
            _ => written = Some((name, text)),
        }
    }
    let (phase, text) = written.unwrap_or_else(|| ("introduction".into(), "a note".into()));
    let insert = Some(Insert { at: 0, text });
    Ok(RawCase::Note { record, phase, insert, delete: None })
}
