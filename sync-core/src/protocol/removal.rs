//! What removing a device takes between phones and relay: how far it had come, what it is told, what it brought too late.

use crate::ids::{DeviceId, EnvelopeId, SpaceId};

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
