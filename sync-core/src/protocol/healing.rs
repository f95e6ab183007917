//! What heals a relay that lost something: the messages of `POST /v1/reconcile`, and what a sync carries for it.
//!
//! A phone tells the relay short hashes of what it holds, learns what the relay lacks, and pushes that with the
//! data its old rows had. Nothing here is trusted by itself: what comes back passes the same gates as ever.

use std::hash::Hasher;

use minicbor::bytes::{ByteArray, ByteVec};
use sha2::{Digest, Sha256};
use siphasher::sip::SipHasher24;

use crate::ids::{DeviceId, EnvelopeId, IncarnationId, RelayId, SpaceId, TeamId};

use super::wire::Packed;
use super::{Day, Timestamp};

/// What the relay attested when it first wrote an item's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct RowData {
    /// Length of the directory then: rights are judged there.
    #[n(0)]
    pub directory_seq: u64,
    /// The relay's day then.
    #[n(1)]
    pub row_day: Day,
}

/// A pushed envelope that had a row before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Carried {
    /// Which of the pushed envelopes, from 0.
    #[n(0)]
    pub index: u32,
    /// Its old row.
    #[n(1)]
    pub row: RowData,
}

/// What a request says about healing.
#[derive(Debug, Clone, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Healing {
    /// The incarnation this device's cursors come from.
    #[n(0)]
    pub incarnation: Option<IncarnationId>,
    /// Whether the device has handed back everything it holds that this incarnation lacked.
    #[n(1)]
    pub done: bool,
    /// Pushed envelopes that are handed back.
    #[n(2)]
    pub rows: Vec<Carried>,
    /// Items of which the relay gave no genuine copy yet.
    #[n(3)]
    pub wanted: Vec<EnvelopeId>,
}

/// A genuine copy of an item that was wanted.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Found {
    /// Its row.
    #[n(0)]
    pub row: RowData,
    /// The envelope, packed into the answer's batch.
    #[n(1)]
    pub packed: Packed,
}

/// What an answer says about healing.
#[derive(Debug, Clone, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct HealingAnswer {
    /// Only the directory is served, until an admin's device has synced or the operator confirmed.
    #[n(0)]
    pub held: bool,
    /// Items whose copy at the relay is damaged: whoever holds one hands it back.
    #[n(1)]
    pub wanted: Vec<EnvelopeId>,
    /// What the device wanted and the relay has.
    #[n(2)]
    pub found: Vec<Found>,
    /// Of what the device wanted: erased for good, so that nobody has it any more.
    #[n(3)]
    pub erased: Option<Vec<EnvelopeId>>,
}

/// What a device sends to `POST /v1/reconcile`.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct ReconcileRequest {
    /// The team.
    #[n(0)]
    pub team: TeamId,
    /// The device; the token names the same.
    #[n(1)]
    pub device: DeviceId,
    /// Random, so that nobody can prepare ids whose hashes collide.
    #[n(2)]
    pub seed: ByteArray<16>,
    /// What the device holds, space by space.
    #[n(3)]
    pub spaces: Vec<HeldItems>,
}

/// Hashes of the items that a device holds of a space, or of a part of it.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct HeldItems {
    /// The space.
    #[n(0)]
    pub space: SpaceId,
    /// [`held_hash`] of each item, big-endian, one after the other.
    #[n(1)]
    pub hashes: ByteVec,
}

/// What the relay answers to a [`ReconcileRequest`].
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct ReconcileAnswer {
    /// The relay's key.
    #[n(0)]
    pub relay: RelayId,
    /// Its incarnation.
    #[n(1)]
    pub incarnation: IncarnationId,
    /// Its clock.
    #[n(2)]
    pub now: Timestamp,
    /// Spaces of which it lacks something.
    #[n(3)]
    pub lacking: Vec<LackedItems>,
}

/// Which of the told items the relay lacks.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct LackedItems {
    /// The space.
    #[n(0)]
    pub space: SpaceId,
    /// One bit an item, in the order told, the first the lowest of the first byte; set where it is lacking.
    #[n(1)]
    pub bits: ByteVec,
}

/// Most hashes in one request.
pub const MAX_HELD: usize = 100_000;
/// Most items wanted in one request, or by one answer.
pub const MAX_WANTED: usize = 64;

/// SipHash-2-4 of an item's id under a request's seed.
pub fn held_hash(seed: &[u8; 16], id: EnvelopeId) -> u64 {
    let mut hasher = SipHasher24::new_with_key(seed);
    hasher.write(id.as_bytes());
    hasher.finish()
}

impl HeldItems {
    /// The hashes of these items.
    pub fn of(seed: &[u8; 16], space: SpaceId, ids: &[EnvelopeId]) -> Self {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| held_hash(seed, *id).to_be_bytes()).collect();
        Self { space, hashes: bytes.into() }
    }

    /// Each hash, in order; bytes left over count for nothing.
    pub fn each(&self) -> impl Iterator<Item = u64> {
        self.hashes.as_chunks::<8>().0.iter().map(|bytes| u64::from_be_bytes(*bytes))
    }
}

impl LackedItems {
    /// Notes which of the told items are lacking; `None` if none is.
    pub fn of(space: SpaceId, lacking: impl Iterator<Item = bool>) -> Option<Self> {
        let mut bits = Vec::new();
        let mut any = false;
        for (at, lacks) in lacking.enumerate() {
            if at % 8 == 0 {
                bits.push(0);
            }
            if let (true, Some(byte)) = (lacks, bits.last_mut()) {
                *byte |= 1 << (at % 8);
                any = true;
            }
        }
        any.then(|| Self { space, bits: bits.into() })
    }

    /// Whether the item told at this place is lacking.
    pub fn lacks(&self, at: usize) -> bool {
        self.bits.get(at / 8).is_some_and(|byte| byte & (1 << (at % 8)) != 0)
    }
}

/// What a relay signs under an answer to `POST /v1/reconcile`.
pub fn reconcile_to_sign(request: &[u8], answer: &[u8]) -> Vec<u8> {
    let mut out = b"aftercall reconcile v1".to_vec();
    out.extend_from_slice(&Sha256::digest(request));
    out.extend_from_slice(&Sha256::digest(answer));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lacking_items_are_told_bit_by_bit() {
        let space = SpaceId::new([1; 16]);
        let lacking = [false, true, false, false, false, false, false, false, true, false];
        let told = LackedItems::of(space, lacking.iter().copied()).unwrap();
        assert_eq!(told.bits.as_slice(), [0b10, 0b1]);
        for (at, lacks) in lacking.iter().enumerate() {
            assert_eq!(told.lacks(at), *lacks);
        }
        assert!(!told.lacks(1_000));
        assert_eq!(LackedItems::of(space, [false; 9].into_iter()), None);
    }

    #[test]
    fn hashes_follow_from_seed_and_id_and_come_back_in_order() {
        let ids = [EnvelopeId::new([1; 32]), EnvelopeId::new([2; 32])];
        let held = HeldItems::of(&[7; 16], SpaceId::new([1; 16]), &ids);
        let each: Vec<u64> = held.each().collect();
        assert_eq!(each, ids.map(|id| held_hash(&[7; 16], id)));
        assert_ne!(held_hash(&[7; 16], ids[0]), held_hash(&[8; 16], ids[0]));
    }
}
