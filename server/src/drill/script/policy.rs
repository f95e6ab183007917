//! A `team` step's policy as the profile it makes.
//!
//! Only shapes: which fields there are and what they take is the policy profile's own business. Called when a file
//! is checked, and by the phone that makes the team.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use sync_core::records::{PolicyProfile, Value};

const WINDOW: &str = "a window is hours after the incident's end: opening, ideal end and hard end (null if there is none)";

type Fields = BTreeMap<String, Value>;

/// The profile of an exercise's `policy`, laid over `neutral` or its own `jurisdiction`.
///
/// # Errors
/// A sentence that names the field and what it takes.
pub fn profile_of(policy: &Map<String, Json>) -> Result<PolicyProfile, String> {
    let mut fields = Fields::new();
    for (name, json) in policy {
        match name.as_str() {
            "windows" => fields.extend(windows(json)?),
            "crisis_numbers" => fields.extend(crisis_numbers(json)?),
            _ => {
                let value = plain(json).ok_or_else(|| format!("{name} takes no such value"))?;
                fields.insert(name.clone(), value);
            }
        }
    }
    PolicyProfile::with("neutral", &fields).map_err(|error| error.to_string())
}

fn plain(json: &Json) -> Option<Value> {
    Some(match json {
        Json::String(text) => Value::Text(text.clone()),
        Json::Number(number) => Value::Int(number.as_i64()?),
        Json::Array(items) => Value::Set(
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>()?,
        ),
        _ => return None,
    })
}

fn windows(json: &Json) -> Result<Fields, String> {
    let object = json.as_object().ok_or_else(|| WINDOW.to_owned())?;
    object
        .iter()
        .map(|(kind, hours)| Ok((format!("windows.{kind}"), Value::Text(window(hours)?))))
        .collect()
}

/// As a profile reads it: `24,72,240`, or `24,72,none`.
fn window(hours: &Json) -> Result<String, String> {
    let hour = |json: &Json| match json {
        Json::Null => Some("none".to_owned()),
        json => json.as_u64().map(|hour| hour.to_string()),
    };
    let mut parts: Vec<String> = hours
        .as_array()
        .and_then(|hours| hours.iter().map(hour).collect())
        .ok_or_else(|| WINDOW.to_owned())?;
    if parts.len() == 2 {
        parts.push("none".into());
    }
    Ok(parts.join(","))
}

fn crisis_numbers(json: &Json) -> Result<Fields, String> {
    let wrong = || "crisis_numbers is an object of labels and numbers, never empty".to_owned();
    let object = json.as_object().filter(|object| !object.is_empty()).ok_or_else(wrong)?;
    object
        .iter()
        .map(|(label, number)| {
            let number = number.as_str().ok_or_else(wrong)?;
            Ok((format!("crisis_numbers.{label}"), Value::Text(number.to_owned())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sync_core::records::NotesMode;

    fn read(policy: Json) -> Result<PolicyProfile, String> {
        profile_of(policy.as_object().expect("an object"))
    }

    #[test]
    fn a_jurisdiction_brings_its_own_modes() {
        let profile = read(json!({ "jurisdiction": "us_mt" })).expect("is taken");
        assert_eq!(profile.jurisdiction, "us_mt");
        assert_eq!(profile.notes_mode, NotesMode::None);
        assert_eq!(profile.contact_notes_mode, NotesMode::None);
        assert!(read(json!({ "jurisdiction": "atlantis" })).is_err());
    }

    #[test]
    fn windows_and_numbers_are_objects_in_an_exercise() {
        let profile = read(json!({ "windows": { "cisd": [24, 72, null], "defusing": [0, 6] },
                                   "crisis_numbers": { "lifeline": "988" } }));
        let profile = profile.expect("is taken");
        assert_eq!(profile.windows["cisd"], (24, 72, None));
        assert_eq!(profile.windows["defusing"], (0, 6, None));
        assert_eq!(profile.crisis_numbers.len(), 1);
        assert!(read(json!({ "crisis_numbers": {} })).is_err());
        assert!(read(json!({ "windows": { "cisd": [72, 24, 12] } })).is_err());
    }

    #[test]
    fn fields_that_nothing_acts_on_yet_take_what_holds_in_this_release() {
        let now = json!({ "subject_identity": "pseudonym", "scale_labels": "sfa",
                          "screeners_enabled": [], "notice_text_version": 0 });
        assert_eq!(read(now), Ok(PolicyProfile::neutral()));
        let later = read(json!({ "scale_labels": "r2mr" })).expect_err("later");
        assert!(later.contains("not in this release"), "{later}");
        let later = read(json!({ "screeners_enabled": ["phq_2"] })).expect_err("later");
        assert!(later.contains("not in this release"), "{later}");
    }
}
