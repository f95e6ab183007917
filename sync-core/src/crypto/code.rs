//! A typed code: ten characters that a person reads from one phone and types on another.
//!
//! Crockford's alphabet, five bits a character, no look-alikes. The first three characters are the nameplate, by
//! which the relay finds the invitation; the seven after them are the password (35 bits), which is never sent in any
//! form that could be tried without both phones taking part ([`super::pake`]).

use std::fmt;

use minicbor::bytes::ByteArray;
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::ids::first_16;

use super::{CryptoError, labels};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of a code.
const LENGTH: usize = 10;
/// Characters of its nameplate.
const NAMEPLATE: usize = 3;

/// A typed code.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedCode(Zeroizing<[u8; LENGTH]>);

impl TypedCode {
    /// A fresh code: 15 random bits of nameplate, 35 of password.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        rng.fill_bytes(bytes.as_mut_slice());
        for byte in bytes.iter_mut() {
            *byte = ALPHABET[usize::from(*byte & 31)];
        }
        Self(bytes)
    }

    /// Reads what a person typed: small letters, spaces and hyphens are taken, `o` is 0, `i` and `l` are 1.
    ///
    /// # Errors
    /// `Key` if it is not ten characters of the alphabet.
    pub fn parse(typed: &str) -> Result<Self, CryptoError> {
        let mut code = Zeroizing::new([0; LENGTH]);
        let mut length = 0;
        for character in typed.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let upper = match character.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let byte = u8::try_from(upper).map_err(|_| CryptoError::Key)?;
            if !ALPHABET.contains(&byte) {
                return Err(CryptoError::Key);
            }
            *code.get_mut(length).ok_or(CryptoError::Key)? = byte;
            length += 1;
        }
        if length == LENGTH { Ok(Self(code)) } else { Err(CryptoError::Key) }
    }

    /// As it is shown: `ABC-DEFG-HJK`.
    pub fn shown(&self) -> Zeroizing<String> {
        let text: String = self.0.iter().map(|byte| char::from(*byte)).collect();
        Zeroizing::new(format!("{}-{}-{}", &text[..3], &text[3..7], &text[7..]))
    }

    /// What the relay finds the invitation by. It tells the nameplate, and nothing of the password.
    pub fn lookup(&self) -> ByteArray<16> {
        let mut hash = Sha256::new();
        hash.update(labels::NAMEPLATE);
        hash.update(&self.0[..NAMEPLATE]);
        first_16(hash).into()
    }

    /// The ten characters, for an encrypted store and the exchange only.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for TypedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedCode([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::rng;
    use super::*;

    #[test]
    fn a_code_reads_back_as_people_type_it() {
        let code = TypedCode::generate(&mut rng(1));
        let shown = code.shown();
        for typed in [shown.to_string(), shown.to_lowercase(), shown.replace('-', " ")] {
            assert_eq!(TypedCode::parse(&typed), Ok(code.clone()), "{typed}");
        }
        let read = |text| TypedCode::parse(text).map(|code| code.shown().to_string());
        assert_eq!(read("oil-oil0-000"), Ok("011-0110-000".to_owned()));
        for wrong in ["", "ABC-DEFG-HJ", "ABC-DEFG-HJKM", "UUU-UUUU-UUU", "ÄBC-DEFG-HJK"] {
            assert_eq!(read(wrong), Err(CryptoError::Key), "{wrong}");
        }
        assert_eq!(format!("{code:?}"), "TypedCode([redacted])");
    }

    #[test]
    fn codes_use_the_whole_alphabet_and_the_look_up_value_tells_only_the_nameplate() {
        let rng = &mut rng(2);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            seen.extend(TypedCode::generate(rng).as_bytes().to_vec());
        }
        assert_eq!(seen.len(), 32);
        let one = TypedCode::parse("ABC-DEFG-HJK").expect("a code");
        let same_plate = TypedCode::parse("ABC-0000-000").expect("a code");
        let other_plate = TypedCode::parse("ABD-DEFG-HJK").expect("a code");
        assert_eq!(one.lookup(), same_plate.lookup());
        assert_ne!(one.lookup(), other_plate.lookup());
    }
}
