//! A policy profile as a team's creator fills it in: typed fields laid over a jurisdiction's profile.
//!
//! Not the policy in force (a signed entry of the directory) and not legal advice. Invariant: what comes out
//! has every value in its range and at least one crisis number. Called where a team is created or its policy
//! changed.

use std::collections::BTreeMap;

use super::intervention::KINDS;
use super::jurisdictions;
use super::values::normalize;
use super::windows::PRESETS;
use super::{Field, FieldKind, InputError, NotesMode, PolicyProfile, Value};

const MODES: &[&str] = &["none", "checklist_only", "sealed_text"];
/// Most hours of a window: ten years.
const MAX_HOURS: u32 = 87_600;

const FIELDS: &[Field] = &[
    Field::new(
        "jurisdiction",
        FieldKind::Code(jurisdictions::NAMES),
        "The profile it is laid over.",
    ),
    Field::new("notes_mode", FieldKind::Code(MODES), "Notes of group sessions."),
    Field::new("contact_notes_mode", FieldKind::Code(MODES), "Notes of peer contacts."),
    Field::new("k_min", FieldKind::Int { min: 5, max: 50 }, "Smallest count that is shown."),
    Field::new(
        "retention_note_days",
        FieldKind::Int { min: 0, max: 365 },
        "Days until a closed note's key is destroyed.",
    ),
    Field::new(
        "retention_contact_days",
        FieldKind::Int { min: 0, max: 1_095 },
        "Days until a contact's subject handle is destroyed.",
    ),
    Field::new(
        "escalate_min",
        FieldKind::Int { min: 5, max: 240 },
        "Minutes until the next on call is called for an urgent request.",
    ),
];

/// Fields whose only value in this release is the one it behaves by: name, that value, what it means.
const SETTLED: &[(&str, &str, &str)] = &[
    ("subject_identity", "pseudonym", "people are random handles"),
    ("scale_labels", "sfa", "the zones have Stress First Aid's labels"),
    ("notice_text_version", "0", "no notice is shown"),
    ("screeners_enabled", "", "no screener is offered"),
];

impl PolicyProfile {
    /// Lays typed fields over a jurisdiction's profile (a typed `jurisdiction` replaces `name`).
    ///
    /// Fields have the names of DOMAIN F.0. A window is typed as `windows.<kind>`, three hours after the
    /// incident's end as text: `24,72,240`, or `24,72,none` where it is late for ever; `windows` alone names a set of
    /// them ([`PRESETS`]), over which single ones are laid. A crisis number is typed as
    /// `crisis_numbers.<label>`; the first one typed replaces the placeholder. Where `notes_mode` is typed and
    /// `contact_notes_mode` is not, contacts follow it only to be stricter. Fields that nothing acts on yet take the
    /// one value that holds already, and are not stored.
    ///
    /// # Errors
    /// `unknown_field`, `bad_value`.
    pub fn with(name: &str, fields: &BTreeMap<String, Value>) -> Result<Self, InputError> {
        let mut profile = base(name, fields)?;
        if let Some(preset) = fields.get("windows") {
            profile.set_windows(preset)?;
        }
        for (name, value) in fields {
            if name == "windows" {
                continue;
            }
            if let Some(kind) = name.strip_prefix("windows.") {
                profile.set_window(kind, value)?;
            } else if let Some(label) = name.strip_prefix("crisis_numbers.") {
                profile.set_crisis_number(label, value, fields)?;
            } else {
                profile.set_field(name, value)?;
            }
        }
        if !fields.contains_key("contact_notes_mode") {
            profile.contact_notes_mode = profile.contact_notes_mode.min(profile.notes_mode);
        }
        Ok(profile)
    }

    fn set_field(&mut self, name: &str, value: &Value) -> Result<(), InputError> {
        if let Some((_, only, meaning)) = SETTLED.iter().find(|(settled, ..)| *settled == name) {
            return settled(name, value, only, meaning);
        }
        let Some(field) = FIELDS.iter().find(|field| field.name == name) else {
            let mut names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
            names.extend(["windows", "windows.<kind>", "crisis_numbers.<label>"]);
            return Err(InputError::unknown_field(name, &names));
        };
        match (name, normalize(field, value)?) {
            ("notes_mode", Value::Text(mode)) => set(&mut self.notes_mode, mode_of(&mode)),
            ("contact_notes_mode", Value::Text(mode)) => {
                set(&mut self.contact_notes_mode, mode_of(&mode));
            }
            ("k_min", Value::Int(k)) => set(&mut self.k_min, k.try_into().ok()),
            ("retention_note_days", Value::Int(days)) => {
                set(&mut self.retention_note_days, days.try_into().ok());
            }
            ("retention_contact_days", Value::Int(days)) => {
                set(&mut self.retention_contact_days, days.try_into().ok());
            }
            ("escalate_min", Value::Int(minutes)) => self.escalate_min = minutes.try_into().ok(),
            // `jurisdiction` chose the base.
            _ => {}
        }
        Ok(())
    }

    fn set_windows(&mut self, preset: &Value) -> Result<(), InputError> {
        let named = match preset {
            Value::Text(name) => PRESETS.iter().find(|preset| preset.name == name),
            _ => None,
        };
        let preset = named.ok_or_else(|| {
            let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
            InputError::bad_value("windows", format!("takes one of {}", names.join(", ")))
        })?;
        let windows = preset.windows.iter();
        self.windows.extend(
            windows.map(|(kind, w)| ((*kind).to_owned(), (w.open_h, w.ideal_end_h, w.hard_end_h))),
        );
        Ok(())
    }

    fn set_window(&mut self, kind: &str, value: &Value) -> Result<(), InputError> {
        if !KINDS.contains(&kind) {
            return Err(InputError::bad_value(
                "windows",
                format!("takes a window for one of {}", KINDS.join(", ")),
            ));
        }
        let hours = match value {
            Value::Text(text) => hours_of(text),
            _ => None,
        };
        let hours = hours.ok_or_else(|| {
            InputError::bad_value(
                &format!("windows.{kind}"),
                "takes three rising hours after the incident's end, as 24,72,240 or 24,72,none",
            )
        })?;
        self.windows.insert(kind.to_owned(), hours);
        Ok(())
    }

    fn set_crisis_number(
        &mut self,
        label: &str,
        value: &Value,
        fields: &BTreeMap<String, Value>,
    ) -> Result<(), InputError> {
        let field = Field::new("crisis_numbers", FieldKind::Label(64), "A number to call.");
        let label = normalize(&field, &Value::Text(label.to_owned()))?;
        let number = normalize(&field, value)?;
        let (Value::Text(label), Value::Text(number)) = (label, number) else {
            return Ok(());
        };
        let placeholders = Self::neutral().crisis_numbers;
        let is_typed = |label: &str| fields.contains_key(&format!("crisis_numbers.{label}"));
        self.crisis_numbers.retain(|label, _| !placeholders.contains_key(label) || is_typed(label));
        self.crisis_numbers.insert(label, number);
        Ok(())
    }
}

/// The profile of the jurisdiction typed, or else named.
fn base(name: &str, fields: &BTreeMap<String, Value>) -> Result<PolicyProfile, InputError> {
    let named = Value::Text(name.to_owned());
    let typed = fields.get("jurisdiction").unwrap_or(&named);
    let profile = match normalize(&FIELDS[0], typed)? {
        Value::Text(name) => PolicyProfile::of_jurisdiction(&name),
        _ => None,
    };
    profile.ok_or_else(|| {
        InputError::bad_value(
            "jurisdiction",
            format!("takes one of {}", jurisdictions::NAMES.join(", ")),
        )
    })
}

fn settled(name: &str, value: &Value, only: &str, meaning: &str) -> Result<(), InputError> {
    let holds = match value {
        Value::Text(text) => text == only,
        Value::Int(number) => number.to_string() == only,
        Value::Set(set) => set.is_empty() && only.is_empty(),
        _ => false,
    };
    if holds {
        return Ok(());
    }
    let only = if only.is_empty() { "nothing" } else { only };
    let problem = format!("takes {only} ({meaning}); other values are not in this release");
    Err(InputError::bad_value(name, problem))
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn mode_of(name: &str) -> Option<NotesMode> {
    NotesMode::from_name(name)
}

/// Reads `open,ideal end,hard end` in hours; the hard end may be `none`.
fn hours_of(text: &str) -> Option<(u32, u32, Option<u32>)> {
    let mut parts = text.split(',').map(str::trim);
    let open: u32 = parts.next()?.parse().ok()?;
    let ideal_end: u32 = parts.next()?.parse().ok()?;
    let hard_end: Option<u32> = match parts.next()? {
        "none" => None,
        hours => Some(hours.parse().ok()?),
    };
    let last = hard_end.unwrap_or(ideal_end);
    let rises = open <= ideal_end && ideal_end <= last && last <= MAX_HOURS;
    (rises && parts.next().is_none()).then_some((open, ideal_end, hard_end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Code;

    fn with(fields: &[(&str, Value)]) -> Result<PolicyProfile, InputError> {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        PolicyProfile::with("neutral", &fields.collect())
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn nothing_typed_is_the_jurisdictions_own_profile() {
        assert_eq!(with(&[]), Ok(PolicyProfile::neutral()));
        let montana = PolicyProfile::with("us_mt", &BTreeMap::new()).expect("exists");
        assert_eq!(
            (montana.notes_mode, montana.contact_notes_mode),
            (NotesMode::None, NotesMode::None)
        );
        assert_eq!(with(&[("jurisdiction", text("us_mt"))]), Ok(montana));
    }

    #[test]
    fn an_unknown_jurisdiction_names_those_there_are() {
        let error = PolicyProfile::with("atlantis", &BTreeMap::new()).expect_err("unknown");
        assert_eq!(error.code, Code::BadValue);
        assert!(error.problem.contains("neutral, us_mt"), "{error}");
        assert!(!error.to_string().contains("atlantis"), "{error}");
    }

    #[test]
    fn contacts_follow_the_sessions_mode_only_to_be_stricter() {
        let modes = |fields: &[(&str, Value)]| {
            let profile = with(fields).expect("fits");
            (profile.notes_mode, profile.contact_notes_mode)
        };
        use NotesMode::{ChecklistOnly, None, SealedText};
        assert_eq!(modes(&[("notes_mode", text("none"))]), (None, None));
        assert_eq!(
            modes(&[("notes_mode", text("checklist_only"))]),
            (ChecklistOnly, ChecklistOnly)
        );
        assert_eq!(modes(&[("notes_mode", text("sealed_text"))]), (SealedText, ChecklistOnly));
        let both = [("notes_mode", text("none")), ("contact_notes_mode", text("sealed_text"))];
        assert_eq!(modes(&both), (None, SealedText));
    }

    #[test]
    fn numbers_are_taken_to_both_ends_of_their_range_and_no_further() {
        for (name, min, max) in [
            ("k_min", 5, 50),
            ("retention_note_days", 0, 365),
            ("retention_contact_days", 0, 1_095),
            ("escalate_min", 5, 240),
        ] {
            assert!(with(&[(name, Value::Int(min))]).is_ok(), "{name}");
            assert!(with(&[(name, Value::Int(max))]).is_ok(), "{name}");
            for outside in [min - 1, max + 1] {
                let error = with(&[(name, Value::Int(outside))]).expect_err("outside");
                assert_eq!((error.code, error.field.as_str()), (Code::BadValue, name));
            }
        }
        let profile = with(&[("k_min", Value::Int(7)), ("retention_note_days", Value::Int(0))]);
        let profile = profile.expect("fits");
        assert_eq!((profile.k_min, profile.retention_note_days), (7, 0));
    }

    #[test]
    fn a_window_is_three_rising_hours_of_a_known_kind() {
        let profile = with(&[("windows.cisd", text("48, 72, none"))]).expect("fits");
        assert_eq!(profile.windows.get("cisd"), Some(&(48, 72, None)));
        for wrong in ["72,48,none", "1,2", "1,2,3,4", "1,2,1", "a,b,c", "0,1,87601"] {
            let error = with(&[("windows.cisd", text(wrong))]).expect_err(wrong);
            assert_eq!(error.code, Code::BadValue);
        }
        assert_eq!(
            with(&[("windows.party", text("1,2,3"))]).expect_err("kind").code,
            Code::BadValue
        );
    }

    #[test]
    fn a_set_of_windows_is_laid_under_single_ones() {
        let profile = with(&[("windows", text("nifc")), ("windows.cisd", text("24,72,none"))]);
        let windows = profile.expect("fits").windows;
        assert_eq!(windows["cisd"], (24, 72, None));
        assert_eq!(windows["defusing"], (48, 72, None));
        assert_eq!(with(&[("windows", text("default"))]), Ok(PolicyProfile::neutral()));
        let error = with(&[("windows", text("mine"))]).expect_err("unknown");
        assert_eq!(error.code, Code::BadValue);
        assert!(error.problem.contains("default, nifc, trim, disaster"), "{error}");
    }

    #[test]
    fn a_teams_crisis_numbers_replace_the_placeholder() {
        let profile = with(&[
            ("crisis_numbers.crisis line", text("988")),
            ("crisis_numbers.duty officer", text("555 0100")),
        ]);
        let numbers = profile.expect("fits").crisis_numbers;
        assert_eq!(
            numbers.into_iter().collect::<Vec<_>>(),
            [
                ("crisis line".to_owned(), "988".to_owned()),
                ("duty officer".to_owned(), "555 0100".to_owned()),
            ]
        );
        assert!(with(&[("crisis_numbers.crisis line", text(""))]).is_err());
    }

    #[test]
    fn fields_that_nothing_acts_on_take_the_value_that_holds_and_no_other() {
        for (name, only, _) in SETTLED {
            assert_eq!(with(&[(name, text(only))]), Ok(PolicyProfile::neutral()), "{name}");
            let error = with(&[(name, text("other"))]).expect_err(name);
            assert_eq!((error.code, error.field.as_str()), (Code::BadValue, *name));
            assert!(error.problem.contains("not in this release"), "{error}");
        }
        assert!(with(&[("screeners_enabled", Value::Set(Default::default()))]).is_ok());
        assert!(with(&[("notice_text_version", Value::Int(0))]).is_ok());
        assert!(with(&[("notice_text_version", Value::Int(1))]).is_err());
    }

    #[test]
    fn an_unknown_policy_field_is_refused() {
        let error = with(&[("note_mode", text("none"))]).expect_err("unknown");
        assert_eq!(error.code, Code::UnknownField);
        assert!(error.problem.contains("notes_mode"), "{error}");
    }
}
