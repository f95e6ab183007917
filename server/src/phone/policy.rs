//! A team's policy as its creator types it on a command line.
//!
//! Only shapes: which fields there are and what they take is the policy profile's own business. Called by
//! `create`.

use std::collections::BTreeMap;

use sync_core::protocol::Code;
use sync_core::records::{InputError, PolicyProfile, Value};

use super::Failure;

type Fields = BTreeMap<String, Value>;

/// The profile named, with fields typed as `notes_mode=none`, `windows.defusing=0,8,12` or
/// `crisis_numbers.988 lifeline=988` laid over it.
pub fn from_typed(profile: &str, typed: &[String]) -> Result<PolicyProfile, Failure> {
    let wrong =
        |reason| Failure::with(Code::BadValue, format!("The policy was not taken: {reason}."));
    let mut fields = Fields::new();
    for typed in typed {
        let (name, text) = typed
            .split_once('=')
            .ok_or_else(|| wrong("write each field as name=value".to_owned()))?;
        // What is dotted is text even where it looks like a number.
        let value = match text.parse::<i64>() {
            Ok(number) if !name.contains('.') => Value::Int(number),
            _ => Value::Text(text.to_owned()),
        };
        if fields.insert(name.to_owned(), value).is_some() {
            return Err(wrong(format!("{name} is given twice")));
        }
    }
    PolicyProfile::with(profile, &fields).map_err(|error| {
        Failure::with(error.code, format!("The policy was not taken: {}.", words(&error)))
    })
}

fn words(error: &InputError) -> String {
    format!("{}: {}", error.field, error.problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sync_core::records::NotesMode;

    fn typed(profile: &str, fields: &[&str]) -> Result<PolicyProfile, Failure> {
        let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        from_typed(profile, &fields)
    }

    #[test]
    fn typed_fields_are_laid_over_the_profile_named() {
        let fields = ["k_min=11", "windows.defusing=0,6,12", "crisis_numbers.988 lifeline=988"];
        let profile = typed("neutral", &fields).expect("is taken");
        assert_eq!(profile.k_min, 11);
        assert_eq!(profile.windows["defusing"], (0, 6, Some(12)));
        assert_eq!(profile.crisis_numbers["988 lifeline"], "988");
        assert_eq!(profile.crisis_numbers.len(), 1);
        assert_eq!(profile.notes_mode, NotesMode::SealedText);
    }

    #[test]
    fn a_jurisdiction_brings_its_own_modes_however_it_is_named() {
        for profile in [
            typed("us_mt", &[]).expect("is taken"),
            typed("neutral", &["jurisdiction=us_mt"]).expect("is taken"),
        ] {
            assert_eq!(profile.jurisdiction, "us_mt");
            assert_eq!(profile.notes_mode, NotesMode::None);
            assert_eq!(profile.contact_notes_mode, NotesMode::None);
        }
        assert_eq!(typed("atlantis", &[]).expect_err("none").code, "bad_value");
    }

    #[test]
    fn what_is_out_of_range_or_unknown_is_refused() {
        for wrong in ["k_min=4", "notes_mode=some", "windows.cisd=72,24", "colour=red", "plain"] {
            assert!(typed("neutral", &[wrong]).is_err(), "{wrong}");
        }
        assert!(typed("neutral", &["k_min=5", "k_min=6"]).is_err());
    }
}
