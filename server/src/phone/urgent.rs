//! Crisis numbers: shown first and at once, without a link, whenever somebody asks for help now.
//!
//! An urgent check-in and an urgent request for support do.

use std::collections::BTreeMap;

use sync_core::engine::{EngineError, Phone};
use sync_core::records::asks_for_help_now;

use super::output::Output;
use super::{Failure, forms::Form};

/// The numbers to show before anything else, if this form asks for urgent contact.
pub fn numbers_for(
    phone: &mut Phone,
    form: &Form,
) -> Result<Option<BTreeMap<String, String>>, EngineError> {
    if asks_for_help_now(form) { phone.crisis_numbers().map(Some) } else { Ok(None) }
}

/// The numbers in words.
pub fn words(numbers: &BTreeMap<String, String>) -> String {
    let mut out = String::from("If you or somebody else is in danger, call now:\n");
    if numbers.is_empty() {
        out.push_str("  your local emergency number (112 or 911)\n");
    }
    for (label, number) in numbers {
        out.push_str(&format!("  {label}: {number}\n"));
    }
    out
}

/// `crisis`: the numbers of the team's policy.
pub fn crisis(phone: &mut Phone) -> Result<Output, Failure> {
    let numbers = phone.crisis_numbers()?;
    Ok(Output { words: words(&numbers), json: serde_json::json!({ "crisis_numbers": numbers }) })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_phone_that_knows_no_numbers_yet_names_the_emergency_number() {
        assert!(super::words(&Default::default()).contains("112 or 911"));
    }

    #[test]
    fn the_numbers_stand_with_their_labels() {
        let numbers = [("988 lifeline".to_owned(), "988".to_owned())].into();
        assert!(super::words(&numbers).contains("988 lifeline: 988"));
    }
}
