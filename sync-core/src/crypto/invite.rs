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

/// MAC over a new device's keys, under another derivation of the secret.
pub fn bind(
    secret: &[u8; 16],
    team: TeamId,
    verify_key: &[u8; 32],
    seal_key: &[u8; 32],
) -> ByteArray<32> {
    let tag: [u8; 32] = mac(secret, team, verify_key, seal_key).finalize().into_bytes().into();
    tag.into()
}

/// Checks [`bind`] in constant time.
pub fn check(
    secret: &[u8; 16],
    team: TeamId,
    verify_key: &[u8; 32],
    seal_key: &[u8; 32],
    tag: &[u8; 32],
) -> bool {
    mac(secret, team, verify_key, seal_key).verify_slice(tag).is_ok()
}

/// HMAC-SHA256 over team || verifying key || sealing key, each of 32 bytes.
fn mac(
    secret: &[u8; 16],
    team: TeamId,
    verify_key: &[u8; 32],
    seal_key: &[u8; 32],
) -> Hmac<Sha256> {
    let mut key = Secret::zero();
    derive(secret, labels::INVITE_BIND, key.as_mut_bytes());
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
