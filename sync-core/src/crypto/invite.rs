//! What an invitation's secret yields: a value to be found by, and a MAC over the new device's keys.
//!
//! The relay learns the look-up value only. It cannot compute the MAC, so it cannot put its own keys in
//! the place of the invited phone's. Callers: the inviting and the joining device's engine.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use minicbor::bytes::ByteArray;
use sha2::Sha256;

use crate::ids::TeamId;

use super::labels;
use super::secret::Secret;

/// The look-up value, the only thing a relay learns of the secret.
pub fn lookup(secret: &[u8; 16]) -> ByteArray<16> {
    let mut value = [0; 16];
    derive(secret, labels::INVITE_LOOKUP, &mut value);
    value.into()
}

/// MAC over a new device's keys and class (0: an app), under another derivation of the secret.
pub fn bind(
    secret: &[u8; 16],
    team: TeamId,
    verify_key: &[u8; 32],
    seal_key: &[u8],
    class: u8,
) -> ByteArray<32> {
    let tag = mac(secret, team, verify_key, seal_key, class).finalize().into_bytes();
    let tag: [u8; 32] = tag.into();
    tag.into()
}

/// Checks [`bind`] in constant time.
pub fn check(
    secret: &[u8; 16],
    team: TeamId,
    verify_key: &[u8; 32],
    seal_key: &[u8],
    class: u8,
    tag: &[u8; 32],
) -> bool {
    mac(secret, team, verify_key, seal_key, class).verify_slice(tag).is_ok()
}

/// HMAC-SHA256 over team (32 bytes) || verifying key (32) || sealing key (the rest), under a key of the class's own.
fn mac(
    secret: &[u8; 16],
    team: TeamId,
    verify_key: &[u8; 32],
    seal_key: &[u8],
    class: u8,
) -> Hmac<Sha256> {
    let mut key = Secret::zero();
    let label = match class {
        0 => labels::INVITE_BIND.to_vec(),
        other => [labels::INVITE_BIND_CLASS, &[other]].concat(),
    };
    derive(secret, &label, key.as_mut_bytes());
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(team.as_bytes());
    mac.update(verify_key);
    mac.update(seal_key);
    mac
}

fn derive(secret: &[u8; 16], label: &[u8], out: &mut [u8]) {
    Hkdf::<Sha256>::new(None, secret)
        .expand(label, out)
        .expect("16 and 32 bytes are lengths that HKDF can give");
}

#[cfg(test)]
mod tests {
    use super::super::testing::flipped;
    use super::*;

    const SECRET: [u8; 16] = [1; 16];
    const TEAM: TeamId = TeamId::new([2; 32]);
    const VERIFY: [u8; 32] = [3; 32];
    const SEAL: [u8; 32] = [4; 32];
    const CLASS: u8 = 0;

    #[test]
    fn the_invited_keys_pass() {
        let tag = bind(&SECRET, TEAM, &VERIFY, &SEAL, CLASS);
        assert!(check(&SECRET, TEAM, &VERIFY, &SEAL, CLASS, &tag));
    }

    #[test]
    fn swapped_or_foreign_keys_do_not() {
        let tag = bind(&SECRET, TEAM, &VERIFY, &SEAL, CLASS);
        assert!(!check(&SECRET, TEAM, &SEAL, &VERIFY, CLASS, &tag), "swapped");
        assert!(!check(&SECRET, TEAM, &[9; 32], &SEAL, CLASS, &tag), "another verifying key");
        assert!(!check(&SECRET, TEAM, &VERIFY, &[9; 32], CLASS, &tag), "another sealing key");
        assert!(!check(&SECRET, TeamId::new([9; 32]), &VERIFY, &SEAL, CLASS, &tag), "another team");
        assert!(!check(&[9; 16], TEAM, &VERIFY, &SEAL, CLASS, &tag), "another invitation");
        for class in 1..=4 {
            assert!(!check(&SECRET, TEAM, &VERIFY, &SEAL, class, &tag), "another class");
        }
        for (bit, other) in flipped(tag.as_slice()) {
            let other = other.try_into().expect("32 bytes");
            assert!(!check(&SECRET, TEAM, &VERIFY, &SEAL, CLASS, &other), "bit {bit}");
        }
    }

    #[test]
    fn the_look_up_value_tells_neither_the_secret_nor_the_binding_key() {
        let found_by = lookup(&SECRET);
        assert_ne!(*found_by, SECRET);
        // A relay may stretch what it knows; the look-up value must be no part of the binding key.
        let mut longer = [0; 32];
        derive(&SECRET, labels::INVITE_LOOKUP, &mut longer);
        let mut mac = Hmac::<Sha256>::new_from_slice(&longer).expect("any key length");
        for part in [TEAM.as_bytes(), &VERIFY, &SEAL] {
            mac.update(part);
        }
        let forged = mac.finalize().into_bytes().into();
        assert!(!check(&SECRET, TEAM, &VERIFY, &SEAL, CLASS, &forged));
        let tag = bind(&SECRET, TEAM, &VERIFY, &SEAL, CLASS);
        assert!(
            !check(&found_by.into(), TEAM, &VERIFY, &SEAL, CLASS, &tag),
            "a relay that tries it"
        );
    }
}
