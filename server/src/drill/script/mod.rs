//! An exercise file as data: read whole and checked before anything runs.
//!
//! One JSON object a line. Whatever a line says that this release does not know is an error that names file
//! and line; nothing is skipped. Nothing here starts a process or touches a record.

mod check;
mod declare;
mod fields;
mod parse;
mod policy;
mod raw;
mod trainings;
mod verbs;

use std::path::Path;

use serde_json::{Map, Value as Json};

pub use check::role;
pub use declare::declared;
pub use fields::{Expected, Typed, Written};
pub use policy::profile_of;
pub use raw::{HostileCase, RawCase};
pub use trainings::read as trainings;
pub use verbs::*;

/// A step with the line it stands on.
#[derive(Debug, Clone)]
pub struct Step {
    /// Line number, from 1.
    pub line: usize,
    /// Shown when the step fails.
    pub why: Option<String>,
    /// Whether a refusal is kept for the next `expect_refused`.
    pub attempt: bool,
    /// The verb's name.
    pub name: String,
    /// What to do.
    pub verb: Verb,
}

/// A whole exercise.
#[derive(Debug, Clone)]
pub struct Exercise {
    /// Name of the file, for messages.
    pub file: String,
    /// Its steps in order.
    pub steps: Vec<Step>,
}

/// A file that is no exercise of this release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct ScriptError {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong and what is allowed.
    pub reason: String,
}

impl Exercise {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, ScriptError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| ScriptError {
            file: file.clone(),
            line: 0,
            reason: format!("the file cannot be read: {error}"),
        })?;
        Self::parse(&file, &text)
    }

    /// Reads and checks a file's text.
    pub fn parse(file: &str, text: &str) -> Result<Self, ScriptError> {
        let wrong = |line, reason| ScriptError { file: file.to_owned(), line, reason };
        let mut steps = Vec::new();
        for (index, text) in text.lines().enumerate() {
            let line = index + 1;
            if text.trim().is_empty() || text.starts_with('#') {
                continue;
            }
            steps.push(parse_step(line, text).map_err(|reason| wrong(line, reason))?);
        }
        if steps.is_empty() {
            return Err(wrong(0, "the file has no step".into()));
        }
        check::check(&mut steps).map_err(|(line, reason)| wrong(line, reason))?;
        Ok(Self { file: file.to_owned(), steps })
    }
}

fn parse_step(line: usize, text: &str) -> Result<Step, String> {
    let mut object: Map<String, Json> =
        serde_json::from_str(text).map_err(|error| format!("not one JSON object: {error}"))?;
    let name = match object.remove("do") {
        Some(Json::String(name)) => name,
        _ => return Err("a step needs \"do\" with the name of a verb".into()),
    };
    let why = match object.remove("why") {
        None => None,
        Some(Json::String(why)) => Some(why),
        Some(_) => return Err("\"why\" is a text".into()),
    };
    let attempt = match object.remove("try") {
        None => false,
        Some(Json::Bool(attempt)) => attempt,
        Some(_) => return Err("\"try\" is true or false".into()),
    };
    let verb = Verb::parse(&name, object)?;
    // What only looks is never refused.
    let attempt = attempt && !verb.is_expectation();
    Ok(Step { line, why, attempt, name, verb })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"{"do":"team","id":"t"}
{"do":"member","id":"amy","roles":["peer_supporter"]}
{"do":"device","id":"amy1","member":"amy"}
"#;

    fn error(line: &str) -> String {
        Exercise::parse("x.jsonl", &format!("{HEAD}{line}\n")).expect_err("wrong").to_string()
    }

    #[test]
    fn comments_and_blank_lines_are_allowed_and_lines_counted() {
        let text = format!("# a comment\n\n{HEAD}");
        let exercise = Exercise::parse("x.jsonl", &text).expect("reads");
        assert_eq!(exercise.steps[0].line, 3);
        assert_eq!(exercise.steps.len(), 3);
    }

    #[test]
    fn unknown_verbs_arguments_and_handles_are_named_with_their_line() {
        assert_eq!(error(r#"{"do":"dance"}"#), "x.jsonl:4: no verb is named dance");
        assert!(error(r#"{"do":"sync","device":"amy1","fast":true}"#).contains("fast"));
        assert!(error(r#"{"do":"sync","device":"amy2"}"#).contains("no device is named amy2"));
        assert!(error("nonsense").starts_with("x.jsonl:4: not one JSON object"));
    }

    #[test]
    fn verbs_of_later_releases_are_said_to_be_so() {
        let text = error(r#"{"do":"hand_over","device":"amy1","ref":"c1","to":"bo"}"#);
        assert!(text.ends_with("hand_over is not in this release"), "{text}");
    }

    #[test]
    fn what_is_restored_was_backed_up_and_each_word_belongs_to_its_operation() {
        let text = error(r#"{"do":"relay","op":"restore","as":"monday"}"#);
        assert!(text.contains("no backup is named monday"), "{text}");
        let text = error(r#"{"do":"relay","op":"restart","confirm":true}"#);
        assert!(text.contains("restore and wipe"), "{text}");
    }

    #[test]
    fn records_fields_and_codes_are_checked_before_anything_runs() {
        assert!(
            error(r#"{"do":"record","device":"amy1","as":"c","record":"poem"}"#)
                .contains("no record is named poem")
        );
        let field = r#"{"do":"record","device":"amy1","as":"c","record":"check_in","fields":{"zome":"ready"}}"#;
        assert!(error(field).contains("check_in has no field zome"));
        let code = r#"{"do":"record","device":"amy1","as":"c","record":"check_in","fields":{"zone":"purple"}}"#;
        assert!(error(code).contains("zone: takes one of ready"), "{}", error(code));
    }
}
