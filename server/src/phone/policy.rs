//! A team's policy as its creator types it: fields laid over a profile, each checked as it is read.
//!
//! Field names are those of the policy profile; what a later release brings is said to be so. Called by the
//! terminal phone's `create` and by exercises' `team`.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use sync_core::records::{NotesMode, PolicyProfile};

/// Fields of a profile that this release does not act on.
const LATER: &[&str] =
    &["subject_identity", "notice_text_version", "screeners_enabled", "scale_labels"];

const FIELDS: &str = "jurisdiction, notes_mode, contact_notes_mode, k_min, retention_note_days, \
                      retention_contact_days, windows, crisis_numbers";

/// Sets one field of a profile.
pub fn lay_over(profile: &mut PolicyProfile, name: &str, value: &Json) -> Result<(), String> {
    match name {
        "jurisdiction" => profile.jurisdiction = label(name, value)?,
        "notes_mode" => profile.notes_mode = notes_mode(name, value)?,
        "contact_notes_mode" => profile.contact_notes_mode = notes_mode(name, value)?,
        "k_min" => profile.k_min = number(name, value, 5, 50)? as u8,
        "retention_note_days" => {
            profile.retention_note_days = number(name, value, 0, 365)? as u16;
        }
        "retention_contact_days" => {
            profile.retention_contact_days = number(name, value, 0, 1095)? as u16;
        }
        "windows" => profile.windows.extend(windows(value)?),
        "crisis_numbers" => profile.crisis_numbers = crisis_numbers(value)?,
        later if LATER.contains(&later) => {
            return Err(format!("the policy field {later} is not in this release"));
        }
        _ => return Err(format!("a policy has no field of that name; there are {FIELDS}")),
    }
    Ok(())
}

/// Sets one field as typed on a command line: `notes_mode=none`, `windows.defusing=0,8,12`,
/// `crisis_numbers.988 lifeline=988`.
pub fn lay_over_typed(profile: &mut PolicyProfile, typed: &str) -> Result<(), String> {
    let (name, text) =
        typed.split_once('=').ok_or_else(|| "write a policy field as name=value".to_owned())?;
    if let Some(kind) = name.strip_prefix("windows.") {
        let hours = text.split(',').map(|part| part.trim().parse::<u32>().map(Json::from));
        let hours = hours.collect::<Result<Vec<_>, _>>().map_err(|_| WINDOW.to_owned())?;
        return lay_over(profile, "windows", &serde_json::json!({ kind: hours }));
    }
    if let Some(label) = name.strip_prefix("crisis_numbers.") {
        // The first own number replaces the placeholder.
        if profile.crisis_numbers == PolicyProfile::neutral().crisis_numbers {
            profile.crisis_numbers.clear();
        }
        profile.crisis_numbers.insert(label.to_owned(), text.to_owned());
        return Ok(());
    }
    let value = text.parse::<i64>().map_or_else(|_| Json::from(text), Json::from);
    lay_over(profile, name, &value)
}

const WINDOW: &str =
    "a window is hours after the incident's end: opening, ideal end and, if there is one, hard end";

fn label(name: &str, value: &Json) -> Result<String, String> {
    match value.as_str() {
        Some(text) if !text.is_empty() && text.len() <= 64 => Ok(text.to_owned()),
        _ => Err(format!("{name} is a short text")),
    }
}

fn notes_mode(name: &str, value: &Json) -> Result<NotesMode, String> {
    match value.as_str() {
        Some("none") => Ok(NotesMode::None),
        Some("checklist_only") => Ok(NotesMode::ChecklistOnly),
        Some("sealed_text") => Ok(NotesMode::SealedText),
        _ => Err(format!("{name} is one of none, checklist_only, sealed_text")),
    }
}

fn number(name: &str, value: &Json, min: u64, max: u64) -> Result<u64, String> {
    match value.as_u64() {
        Some(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(format!("{name} is a whole number from {min} to {max}")),
    }
}

type Window = (u32, u32, Option<u32>);

fn windows(value: &Json) -> Result<BTreeMap<String, Window>, String> {
    let object = value.as_object().ok_or_else(|| WINDOW.to_owned())?;
    object.iter().map(|(kind, hours)| Ok((kind.clone(), window(hours)?))).collect()
}

fn window(hours: &Json) -> Result<Window, String> {
    let hour = |json: &Json| json.as_u64().and_then(|hour| u32::try_from(hour).ok());
    let read = match hours.as_array().map(Vec::as_slice) {
        Some([open, ideal]) => hour(open).zip(hour(ideal)).map(|(open, ideal)| (open, ideal, None)),
        Some([open, ideal, Json::Null]) => {
            hour(open).zip(hour(ideal)).map(|(open, ideal)| (open, ideal, None))
        }
        Some([open, ideal, hard]) => hour(open)
            .zip(hour(ideal))
            .zip(hour(hard))
            .map(|((open, ideal), hard)| (open, ideal, Some(hard))),
        _ => None,
    };
    read.filter(|(open, ideal, hard)| open <= ideal && hard.is_none_or(|hard| *ideal <= hard))
        .ok_or_else(|| WINDOW.to_owned())
}

fn crisis_numbers(value: &Json) -> Result<BTreeMap<String, String>, String> {
    let wrong = || "crisis_numbers is an object of labels and numbers, never empty".to_owned();
    let object = value.as_object().filter(|object| !object.is_empty()).ok_or_else(wrong)?;
    object
        .iter()
        .map(|(label, number)| Ok((label.clone(), number.as_str().ok_or_else(wrong)?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_fields_are_laid_over_the_neutral_profile() {
        let mut profile = PolicyProfile::neutral();
        for typed in ["notes_mode=none", "k_min=11", "windows.defusing=0,6,12"] {
            lay_over_typed(&mut profile, typed).expect("is taken");
        }
        lay_over_typed(&mut profile, "crisis_numbers.988 lifeline=988").expect("is taken");
        assert_eq!(profile.notes_mode, NotesMode::None);
        assert_eq!(profile.k_min, 11);
        assert_eq!(profile.windows["defusing"], (0, 6, Some(12)));
        assert_eq!(profile.crisis_numbers.len(), 1);
        assert_eq!(profile.retention_note_days, PolicyProfile::neutral().retention_note_days);
    }

    #[test]
    fn what_is_out_of_range_or_unknown_is_refused_and_changes_nothing() {
        let mut profile = PolicyProfile::neutral();
        for typed in ["k_min=4", "notes_mode=some", "windows.cisd=72,24", "colour=red", "plain"] {
            assert!(lay_over_typed(&mut profile, typed).is_err(), "{typed}");
        }
        assert_eq!(profile, PolicyProfile::neutral());
    }
}
