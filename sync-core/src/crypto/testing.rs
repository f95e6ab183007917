//! What the tests of this layer share: seeded randomness, a header, hex.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::ids::{DeviceId, DocId, EnvelopeId, SpaceId};
use crate::protocol::{Day, Header, Kind, Priority, Suite};

pub(super) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// The header of a sealed change by `device`.
pub(super) fn header(device: DeviceId) -> Header {
    Header {
        kind: Kind::Sealed,
        priority: Priority::Sealed,
        schema: 1,
        record: 2,
        space: SpaceId::new([3; 16]),
        doc: DocId::new([4; 16]),
        device,
        device_seq: 5,
        actor_no: 6,
        day: Day(20_000),
        directory_seq: 7,
        directory_hash: EnvelopeId::new([8; 32]),
        body_hash: [0; 32],
    }
}

/// Every version of `bytes` with one bit changed.
pub(super) fn flipped(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len() * 8).map(|bit| {
        let mut other = bytes.to_vec();
        other[bit / 8] ^= 1 << (bit % 8);
        (bit, other)
    })
}

/// As [`flipped`], for what is made in a suite: every bit in suite 1, one bit of every byte in suite 2, which is long
/// and slow to try.
pub(super) fn flips(suite: Suite, bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let every = |bit: &usize| suite == Suite::X25519 || bit % 8 == (bit / 8) % 8;
    flipped(bytes).filter(|(bit, _)| every(bit)).collect()
}

pub(super) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hex"))
        .collect()
}
