//! What removing a device takes between phones and relay: how far it had come, what it is told, what it acknowledges.

use minicbor::bytes::ByteArray;

use crate::ids::{DeviceId, EnvelopeId, SpaceId, TeamId};

use super::wire::Packed;
use super::{Batch, Timestamp};

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
}

/// A removed device's word that it has erased what it held (`POST /v1/wiped`).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct WipedNotice {
    /// The team.
    #[n(0)]
    pub team: TeamId,
    /// The device.
    #[n(1)]
    pub device: DeviceId,
    /// The head of the directory that told it to.
    #[n(2)]
    pub head: EnvelopeId,
    /// Its Ed25519 signature over [`wiped_to_sign`].
    #[n(3)]
    pub sig: ByteArray<64>,
}

/// A [`WipedNotice`] as admins' devices are told of it.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Wiped {
    /// The notice.
    #[n(0)]
    pub notice: WipedNotice,
    /// When the relay took it.
    #[n(1)]
    pub at: Timestamp,
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

/// What a device signs when it has erased what it held.
pub fn wiped_to_sign(team: TeamId, device: DeviceId, head: EnvelopeId) -> Vec<u8> {
    let mut out = b"aftercall wiped v1".to_vec();
    out.extend_from_slice(team.as_bytes());
    out.extend_from_slice(device.as_bytes());
    out.extend_from_slice(head.as_bytes());
    out
}
