//! The printed recovery code: 256 bits in 13 groups that a person can copy from paper.
//!
//! Each group holds four characters of Crockford's base 32 (20 bits) and one check character, so a mistyped group
//! is found and named before the code is used for anything. The check is a sum over GF(32) with a different
//! weight for every place and for the group's number: one wrong character, two exchanged characters and two
//! exchanged groups are always noticed. The four bits left over hold a check of the whole. None of this is
//! secrecy: it only finds errors.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{RecoverySecret, labels};

const GROUPS: usize = 13;
const DATA: usize = 4;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Why a code cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Too short or too long.
    #[error("the code has 13 groups of 5 characters; {found} characters were given")]
    Length {
        /// Characters given, without spaces and dashes.
        found: usize,
    },
    /// A group does not fit its check character.
    #[error("group {group} is mistyped; compare it with the paper")]
    Group {
        /// Which, from 1.
        group: usize,
    },
    /// Every group fits and the whole does not.
    #[error("the code is mistyped; compare every group with the paper")]
    Whole,
}

/// The code of a secret: 13 groups of 5 characters, separated by dashes.
pub fn recovery_code(secret: &RecoverySecret) -> Zeroizing<String> {
    let values = Zeroizing::new(values_of(secret));
    let mut code = Zeroizing::new(String::with_capacity(GROUPS * (DATA + 2)));
    for (group, data) in values.chunks(DATA).enumerate() {
        if group > 0 {
            code.push('-');
        }
        for value in data.iter().copied().chain([check(group, data)]) {
            code.push(char::from(ALPHABET[usize::from(value)]));
        }
    }
    code
}

/// Reads a code. Case, spaces and dashes do not matter; O is read as 0, I and L as 1.
///
/// # Errors
/// What is wrong, and where.
pub fn secret_of_code(typed: &str) -> Result<RecoverySecret, CodeError> {
    let mut places: Zeroizing<Vec<Option<u8>>> = Zeroizing::new(Vec::with_capacity(GROUPS * 5));
    let signs = typed.chars().filter(|c| !c.is_whitespace() && !is_dash(*c));
    // Far longer than any code is no code.
    for sign in signs.take(4 * GROUPS * (DATA + 1)) {
        places.push(value_of(sign));
    }
    if places.len() != GROUPS * (DATA + 1) {
        return Err(CodeError::Length { found: places.len() });
    }
    let mut values = Zeroizing::new([0; GROUPS * DATA]);
    for (group, typed) in places.chunks(DATA + 1).enumerate() {
        let wrong = CodeError::Group { group: group + 1 };
        let data = &mut values[group * DATA..(group + 1) * DATA];
        for (value, typed) in data.iter_mut().zip(typed) {
            *value = typed.ok_or(wrong)?;
        }
        if typed[DATA] != Some(check(group, data)) {
            return Err(wrong);
        }
    }
    let secret = secret_of(&values);
    if values_of(&secret) != *values {
        return Err(CodeError::Whole);
    }
    Ok(secret)
}

fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '_' | '.')
}

fn value_of(sign: char) -> Option<u8> {
    let sign = match sign.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        sign => sign,
    };
    ALPHABET.iter().position(|c| char::from(*c) == sign).map(|at| at as u8)
}

/// 52 values of 5 bits: the secret, then four bits that check it.
fn values_of(secret: &RecoverySecret) -> [u8; GROUPS * DATA] {
    let mut hash = Sha256::new();
    hash.update(labels::RECOVERY_CODE);
    hash.update(secret.as_bytes());
    let whole: [u8; 32] = hash.finalize().into();
    let mut values = [0; GROUPS * DATA];
    let bytes = secret.as_bytes().iter().chain(&whole[..1]);
    for (i, byte) in bytes.enumerate() {
        for bit in 0..8 {
            let at = i * 8 + bit;
            if let Some(value) = values.get_mut(at / 5) {
                *value |= (byte >> (7 - bit) & 1) << (4 - at % 5);
            }
        }
    }
    values
}

fn secret_of(values: &[u8; GROUPS * DATA]) -> RecoverySecret {
    let mut bytes = Zeroizing::new([0u8; 32]);
    for at in 0..256 {
        bytes[at / 8] |= (values[at / 5] >> (4 - at % 5) & 1) << (7 - at % 8);
    }
    RecoverySecret::from_secret_bytes(bytes.as_slice()).expect("32 bytes are a secret")
}

/// x^5 · group + x^4 · d0 + x^3 · d1 + x^2 · d2 + x · d3 over GF(32).
fn check(group: usize, data: &[u8]) -> u8 {
    times_x(data.iter().fold(group as u8, |sum, value| times_x(sum) ^ value))
}

/// Times x modulo x^5 + x^2 + 1.
fn times_x(value: u8) -> u8 {
    let shifted = value << 1;
    (shifted ^ (0b10_0101 * (value >> 4 & 1))) & 0b1_1111
}

#[cfg(test)]
mod tests {
    use super::super::testing::rng;
    use super::*;

    fn code(seed: u64) -> (RecoverySecret, String) {
        let secret = RecoverySecret::generate(&mut rng(seed));
        let code = recovery_code(&secret).to_string();
        (secret, code)
    }

    #[test]
    fn a_code_reads_back_as_people_type_it() {
        for seed in 0..64 {
            let (secret, code) = code(seed);
            assert_eq!(code.len(), 13 * 5 + 12);
            let spaced =
                code.to_lowercase().replace('-', " \n").replace('0', "o").replace('1', "l");
            for typed in [code.as_str(), &spaced, &code.replace('-', "")] {
                let read = secret_of_code(typed).expect("reads");
                assert_eq!(read.to_secret_bytes(), secret.to_secret_bytes());
            }
        }
    }

    #[test]
    fn every_wrong_character_is_found_in_its_group() {
        let (_, code) = code(1);
        let signs: Vec<char> = code.chars().filter(|c| *c != '-').collect();
        for at in 0..signs.len() {
            for other in ALPHABET.iter().map(|c| char::from(*c)).chain(['U', '?', 'ß']) {
                if other == signs[at] {
                    continue;
                }
                let mut typed = signs.clone();
                typed[at] = other;
                let read = secret_of_code(&typed.iter().collect::<String>());
                assert_eq!(read.err(), Some(CodeError::Group { group: at / 5 + 1 }), "{at}{other}");
            }
        }
    }

    #[test]
    fn exchanged_characters_and_groups_are_found_where_they_stand() {
        let (_, code) = code(2);
        let signs: Vec<char> = code.chars().filter(|c| *c != '-').collect();
        for at in 0..signs.len() - 1 {
            if signs[at] != signs[at + 1] {
                let mut typed = signs.clone();
                typed.swap(at, at + 1);
                let read = secret_of_code(&typed.iter().collect::<String>());
                let Some(CodeError::Group { group }) = read.err() else { panic!("{at} passed") };
                assert!((at / 5 + 1..=at / 5 + 2).contains(&group), "{at}: told {group}");
            }
        }
        let groups: Vec<&str> = code.split('-').collect();
        for first in 0..GROUPS {
            for second in first + 1..GROUPS {
                let mut typed = groups.clone();
                typed.swap(first, second);
                let read = secret_of_code(&typed.join("-"));
                assert_eq!(read.err(), Some(CodeError::Group { group: first + 1 }));
            }
        }
    }

    #[test]
    fn a_code_cut_short_or_too_long_is_told_by_its_length() {
        let (_, code) = code(3);
        for typed in ["", "0", &code[..code.len() - 1], &format!("{code}0"), &"0".repeat(9_999)] {
            assert!(matches!(secret_of_code(typed), Err(CodeError::Length { .. })), "{typed}");
        }
    }

    #[test]
    fn groups_that_fit_and_belong_to_another_code_are_found_by_the_whole() {
        let ((_, one), (_, other)) = (code(4), code(5));
        let mut found = 0;
        for group in 0..GROUPS {
            let mixed: Vec<&str> = one
                .split('-')
                .zip(other.split('-'))
                .enumerate()
                .map(|(at, (one, other))| if at == group { other } else { one })
                .collect();
            found += usize::from(secret_of_code(&mixed.join("-")).err() == Some(CodeError::Whole));
        }
        assert!(found >= 10, "four bits find 15 of 16: {found} of 13");
    }
}
