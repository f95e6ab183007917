//! Bands of numbers: codes such as `under_5`, `5_9`, `50_plus`, and what a person may type for them.
//!
//! Not a field kind of its own: a band is a code, and nothing finer than the code is ever kept. Called where a
//! typed value is normalised and where a count is coarsened.

/// The band of these codes that a number lies in. `None` if the codes are no bands or it lies in none.
pub(super) fn band_of(codes: &[&'static str], number: u64) -> Option<&'static str> {
    codes.iter().copied().find(|code| holds(code, number))
}

/// The band that is typed as a number (`7`) or as it is printed (`<5`, `5-9`, `50+`).
pub(super) fn band_typed(codes: &[&'static str], text: &str) -> Option<&'static str> {
    if let Ok(number) = text.parse() {
        return band_of(codes, number);
    }
    codes.iter().copied().find(|code| printed(code).is_some_and(|printed| printed == text))
}

/// The two ends of a band, both in it; the upper one is missing where it is open.
fn ends(code: &str) -> Option<(u64, Option<u64>)> {
    if let Some(end) = code.strip_prefix("under_") {
        return Some((0, Some(end.parse::<u64>().ok()?.checked_sub(1)?)));
    }
    if let Some(begin) = code.strip_suffix("_plus") {
        return Some((begin.parse().ok()?, None));
    }
    let (begin, end) = code.split_once('_')?;
    Some((begin.parse().ok()?, Some(end.parse().ok()?)))
}

fn holds(code: &str, number: u64) -> bool {
    ends(code).is_some_and(|(begin, end)| begin <= number && end.is_none_or(|end| number <= end))
}

fn printed(code: &str) -> Option<String> {
    Some(match ends(code)? {
        (0, Some(end)) => format!("<{}", end + 1),
        (begin, Some(end)) => format!("{begin}-{end}"),
        (begin, None) => format!("{begin}+"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANDS: &[&str] = &["under_5", "5_9", "10_19", "50_plus"];

    #[test]
    fn a_number_lies_in_the_band_between_its_ends() {
        let found = [0, 4, 5, 9, 10, 19, 20, 50, 1_000].map(|number| band_of(BANDS, number));
        let expected = [
            Some("under_5"),
            Some("under_5"),
            Some("5_9"),
            Some("5_9"),
            Some("10_19"),
            Some("10_19"),
            None,
            Some("50_plus"),
            Some("50_plus"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_band_is_typed_as_a_number_or_as_it_is_printed() {
        for (typed, band) in [("<5", "under_5"), ("5-9", "5_9"), ("50+", "50_plus"), ("7", "5_9")] {
            assert_eq!(band_typed(BANDS, typed), Some(band), "{typed}");
        }
        for wrong in ["", "<6", "5-10", "-1", "20", "many"] {
            assert_eq!(band_typed(BANDS, wrong), None, "{wrong}");
        }
        assert_eq!(band_typed(&["first", "repeat", "ride_along"], "1"), None);
    }
}
