//! What a person typed and a record does not take, said so that they can correct it.
//!
//! Not a log line and not a value: a problem names the field and what is allowed, never what was typed.
//! Made by `values`, `plan` and `profile`; shown by apps, the command line and exercises.

use crate::protocol::Code;

/// Input that a record does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InputError {
    /// `unknown_field`, `bad_value` or `missing_field`.
    pub code: Code,
    /// The field.
    pub field: String,
    /// What is wrong and which values are allowed, never the value itself.
    pub problem: String,
}

/// Most names offered for a mistyped one.
const MOST_NEAR: usize = 4;
/// Longest mistyped name that is repeated and compared.
const LONGEST_NAME: usize = 64;

impl InputError {
    /// `bad_value`: what the field takes instead.
    pub(super) fn bad_value(field: &str, allowed: impl Into<String>) -> Self {
        Self { code: Code::BadValue, field: field.to_owned(), problem: allowed.into() }
    }

    /// `missing_field`.
    pub(super) fn missing(field: &str) -> Self {
        let problem = "must be given".to_owned();
        Self { code: Code::Missing, field: field.to_owned(), problem }
    }

    /// `unknown_field`, with the names it may have meant, or all names when none is near.
    pub(super) fn unknown_field(typed: &str, names: &[&'static str]) -> Self {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let is_plain = typed.len() <= LONGEST_NAME && typed.chars().all(plain) && !typed.is_empty();
        let near = if is_plain { near(typed, names) } else { Vec::new() };
        let problem = match (near.is_empty(), names.is_empty()) {
            (false, _) => format!("there is no such field; nearest is {}", near.join(" or ")),
            (true, false) => format!("there is no such field; there are {}", names.join(", ")),
            (true, true) => "there is no such field; this record takes none".to_owned(),
        };
        let field = if is_plain { typed } else { "this name" };
        Self { code: Code::UnknownField, field: field.to_owned(), problem }
    }
}

/// The names nearest to a mistyped one, nearest first.
fn near(typed: &str, names: &[&'static str]) -> Vec<&'static str> {
    let mut found: Vec<(usize, &'static str)> = names
        .iter()
        .map(|name| (distance(typed, name), *name))
        .filter(|(distance, name)| {
            *distance <= 2.max(typed.len() / 3)
                || (typed.len() >= 3 && (name.contains(typed) || typed.contains(name)))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().take(MOST_NEAR).map(|(_, name)| name).collect()
}

/// Letters to insert, remove or replace to make one name of another (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b = b.as_bytes();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_gets_the_nearest_ones() {
        let error = InputError::unknown_field("severty", &["severity", "status", "source"]);
        assert_eq!(error.code, Code::UnknownField);
        assert!(error.problem.contains("severity"), "{error}");
        assert!(!error.problem.contains("status"), "{error}");
    }

    #[test]
    fn a_name_like_no_other_gets_them_all_and_odd_input_is_not_repeated() {
        let error = InputError::unknown_field("Amy Jones 555", &["severity", "status"]);
        assert!(error.problem.contains("severity, status"), "{error}");
        assert!(!error.to_string().contains("Amy"), "{error}");
    }
}
