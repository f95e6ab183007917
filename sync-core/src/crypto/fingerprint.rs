//! A device's keys as eight words that two people compare, read aloud or by QR code.
//!
//! 88 bits of a hash over every public key of the device, eleven to a word of the English BIP-39 list: whoever
//! wants another device to show the same words must try 2^88 keys. The words are no secret and open nothing.

use sha2::{Digest, Sha256};

use super::{SealKeys, labels};

/// The eight words of a device: 88 bits of SHA-256("fingerprint v1" || Ed25519 key || sealing keys), eleven a word,
/// most significant first.
pub fn fingerprint(verify_key: &[u8; 32], seal_keys: SealKeys<'_>) -> [&'static str; 8] {
    let mut hash = Sha256::new();
    hash.update(labels::FINGERPRINT);
    hash.update(verify_key);
    hash.update(seal_keys.to_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let bits = digest[..11].iter().fold(0u128, |bits, byte| (bits << 8) | u128::from(*byte));
    let words = bip39::Language::English.word_list();
    std::array::from_fn(|i| words[(bits >> (77 - 11 * i)) as usize & 0x7ff])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::DeviceKeys;
    use super::super::testing::rng;
    use super::*;

    #[test]
    fn every_key_of_a_device_counts() {
        let (a, b) = (DeviceKeys::generate(&mut rng(1)), DeviceKeys::generate(&mut rng(2)));
        let key = |keys: &DeviceKeys| (keys.verify_key(), keys.seal_key(), keys.seal_key_2());
        let (first, other) = (key(&a), key(&b));
        let words = |verify: &[u8; 32], seal: &[u8; 32], second: Option<&[u8]>| {
            fingerprint(verify, SealKeys { first: seal, second }).join(" ")
        };
        let shown = [
            words(&first.0, &first.1, first.2.as_deref()),
            words(&other.0, &first.1, first.2.as_deref()),
            words(&first.0, &other.1, first.2.as_deref()),
            words(&first.0, &first.1, other.2.as_deref()),
            words(&first.0, &first.1, None),
        ];
        assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), shown.len());
        assert!(shown.iter().all(|words| words.split(' ').count() == 8));
        assert_eq!(shown[0], words(&first.0, &first.1, first.2.as_deref()), "always the same");
    }

    #[test]
    fn the_words_are_the_first_88_bits_eleven_to_a_word() {
        let shown = fingerprint(&[1; 32], SealKeys { first: &[2; 32], second: None });
        let list = bip39::Language::English.word_list();
        let bits: String = shown
            .iter()
            .map(|word| list.iter().position(|other| other == word).expect("of the list"))
            .map(|index| format!("{index:011b}"))
            .collect();
        let input = [labels::FINGERPRINT, &[1; 32], &[2; 32]].concat();
        let digest = Sha256::digest(input);
        let expected: String = digest[..11].iter().map(|byte| format!("{byte:08b}")).collect();
        assert_eq!(bits, expected);
    }
}
