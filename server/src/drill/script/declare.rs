//! What the assigned answer to the three questions, as an `assign` step says it.

use serde_json::Value as Json;
use sync_core::engine::Declaration;

const QUESTIONS: [&str; 3] = ["not_present", "no_supervision", "not_close"];

/// What a member answers at their next sync; `None`: nothing. Without a word they answer that all is clear.
///
/// `"clear"`, `"none"`, or answers (`{"not_present":false}`, of which those left out are clear) for everybody; the same by member
/// (`{"bo":"none"}`), where those left out are clear.
///
/// # Errors
/// What is wrong with it.
pub fn declared(declare: Option<&Json>, member: &str) -> Result<Option<Declaration>, String> {
    match declare {
        None => Ok(Some(Declaration::CLEAR)),
        Some(Json::Object(all)) if !all.keys().all(|key| QUESTIONS.contains(&key.as_str())) => {
            all.get(member).map_or(Ok(Some(Declaration::CLEAR)), answers)
        }
        Some(json) => answers(json),
    }
}

/// The members that it names.
pub fn named(declare: Option<&Json>) -> Vec<&str> {
    let Some(Json::Object(all)) = declare else { return Vec::new() };
    let keys = all.keys().map(String::as_str);
    keys.filter(|key| !QUESTIONS.contains(key)).collect()
}

fn answers(json: &Json) -> Result<Option<Declaration>, String> {
    let wrong = || {
        let questions = QUESTIONS.join(", ");
        format!("\"declare\" is clear, none, or true, false or clear for {questions}")
    };
    match json {
        Json::String(text) if text == "clear" => Ok(Some(Declaration::CLEAR)),
        Json::String(text) if text == "none" => Ok(None),
        Json::Object(given) => {
            let mut all = Declaration::CLEAR;
            for (question, answer) in given {
                let answer = match answer {
                    Json::Bool(clear) => *clear,
                    Json::String(text) if text == "clear" => true,
                    _ => return Err(wrong()),
                };
                match question.as_str() {
                    "not_present" => all.not_present = Some(answer),
                    "no_supervision" => all.no_supervision = Some(answer),
                    "not_close" => all.not_close = Some(answer),
                    _ => return Err(wrong()),
                }
            }
            Ok(Some(all))
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_assigned_are_clear_unless_something_else_is_said() {
        let of = |json: Json, member: &str| declared(Some(&json), member);
        assert_eq!(declared(None, "bo"), Ok(Some(Declaration::CLEAR)));
        assert_eq!(of(json!({"amy": "none"}), "bo"), Ok(Some(Declaration::CLEAR)));
        assert_eq!(of(json!({"bo": "none"}), "bo"), Ok(None));
        let was_there = Declaration { not_present: Some(false), ..Declaration::CLEAR };
        assert_eq!(of(json!({"bo": {"not_present": false}}), "bo"), Ok(Some(was_there)));
        assert_eq!(of(json!({"not_present": false}), "bo"), Ok(Some(was_there)));
        assert!(of(json!("maybe"), "bo").is_err());
        assert!(of(json!({"bo": {"asleep": true}}), "bo").is_err());
    }
}
