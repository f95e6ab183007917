//! What removing a device takes between phones and relay: how far it had come, what it is told, what it brought too late.

use minicbor::bytes::ByteArray;

use crate::ids::{DeviceId, EnvelopeId, SpaceId, TeamId};

use super::wire::Packed;
use super::{Batch, Day, Timestamp};

/// How far a device's numbering in a space had come when its right to write ended or narrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Accepted {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// The space.
    #[n(1)]
    pub space: SpaceId,
    /// The last `device_seq` that counts. A space not named has none.
    #[n(2)]
    pub device_seq: u64,
}

/// What a removed device is told instead of an answer: the directory entries it lacks, which prove the removal. Not
/// signed by the relay, because the entries are by admins.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct RemovalNotice {
    /// Directory hashes of the entries.
    #[n(0)]
    pub batch: Batch,
    /// The entries, in order, from one the device holds or the first it lacks.
    #[n(1)]
    pub entries: Vec<Packed>,
    /// To a device that is to be wiped: of what it pushed, what was kept apart, or for which there is no room; it need
    /// not push any of it again.
    #[n(2)]
    pub heard: Option<Vec<EnvelopeId>>,
    /// The relay has this device's word that it was wiped.
    #[n(3)]
    pub wiped: Option<bool>,
}

/// A device's word that it erased what it held, by order of an entry.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct WipeAck {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// The entry that orders it.
    #[n(1)]
    pub order: EnvelopeId,
    /// The day, by the device's corrected clock.
    #[n(2)]
    pub day: Day,
    /// Ed25519 by the device over [`wiped_to_sign`].
    #[n(3)]
    pub sig: ByteArray<64>,
}

/// What a wiped device signs: it binds the word to the team, the device and the order.
pub fn wiped_to_sign(team: TeamId, device: DeviceId, order: EnvelopeId, day: Day) -> Vec<u8> {
    let mut out = b"aftercall wiped v1".to_vec();
    out.extend_from_slice(team.as_bytes());
    out.extend_from_slice(device.as_bytes());
    out.extend_from_slice(order.as_bytes());
    out.extend_from_slice(&day.0.to_be_bytes());
    out
}

/// Something that came after its device was removed, as admins' devices are told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct SetAside {
    /// The envelope.
    #[n(0)]
    pub id: EnvelopeId,
    /// Whose it is.
    #[n(1)]
    pub device: DeviceId,
    /// The space it was for.
    #[n(2)]
    pub space: SpaceId,
    /// The kind of document, as its header has it; 0 for none.
    #[n(3)]
    pub record: u16,
    /// When it came.
    #[n(4)]
    pub at: Timestamp,
}
