//! Bodies of the envelopes that make spaces and carry keys, and the outer form of a sealed change.
//!
//! Only shapes: what the bytes inside mean is `crypto`'s business. All are CBOR arrays; a later
//! version appends fields.

use minicbor::bytes::{ByteArray, ByteVec};

use crate::ids::{DekId, DeviceId, DocId, EpochId, MemberId};

/// A cipher suite. Anything else is refused. There is no negotiation to downgrade: an epoch's suite stands in the
/// envelope that made it, a device's in the entry that listed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum Suite {
    /// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305 (RFC 9180); changes under XChaCha20-Poly1305.
    #[n(1)]
    X25519,
    /// As suite 1, with X-Wing (X25519 and ML-KEM-768 together) in place of DHKEM(X25519).
    #[n(2)]
    XWing,
}

/// Whom a space belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub enum SpaceOwner {
    /// The team.
    #[n(0)]
    Team,
    /// One member.
    #[n(1)]
    Member(#[n(0)] MemberId),
    /// One document (the intervention of a `session`).
    #[n(2)]
    Doc(#[n(0)] DocId),
}

/// A secret key sealed to one device: HPKE encapsulated key || ciphertext.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct WrappedKey {
    /// The device that can open it.
    #[n(0)]
    pub device: DeviceId,
    /// The epoch whose secret key this is; [`EpochId`] of the carrying envelope where that makes the epoch (then zero here).
    #[n(1)]
    pub epoch: EpochId,
    /// Encapsulated key || ciphertext.
    #[n(2)]
    pub sealed: ByteVec,
}

/// Body of a `space` envelope.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct SpaceBody {
    /// The kind of space, as numbered in the policy table.
    #[n(0)]
    pub kind: u8,
    /// Whom it belongs to.
    #[n(1)]
    pub owner: SpaceOwner,
    /// Its first readers.
    #[n(2)]
    pub readers: Vec<MemberId>,
    /// Suite of its first epoch.
    #[n(3)]
    pub suite: Suite,
    /// Public key of its first epoch.
    #[n(4)]
    pub epoch_key: ByteVec,
    /// The first epoch's secret key, for each device of each reader.
    #[n(5)]
    pub wraps: Vec<WrappedKey>,
}

/// Body of a `reader` envelope: a present reader lets another member in.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct ReaderBody {
    /// The new reader.
    #[n(0)]
    pub member: MemberId,
    /// Whether earlier epochs are wrapped too.
    #[n(1)]
    pub with_past: bool,
    /// Without the past: the epoch from which on the member reads. It and what replaces it is wrapped for them.
    #[n(2)]
    pub from: Option<EpochId>,
}

/// Body of an `epoch` envelope: a reader replaces the space's key.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct EpochBody {
    /// Suite of the epoch.
    #[n(0)]
    pub suite: Suite,
    /// Its public key.
    #[n(1)]
    pub epoch_key: ByteVec,
    /// The epochs its author saw as current, which it replaces.
    #[n(2)]
    pub replaces: Vec<EpochId>,
    /// Its secret key, for each device of each reader.
    #[n(3)]
    pub wraps: Vec<WrappedKey>,
}

/// Body of a `sender` envelope: the device's sender key, sealed to an epoch.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct SenderBody {
    /// The epoch it is sealed to.
    #[n(0)]
    pub epoch: EpochId,
    /// Encapsulated key || ciphertext.
    #[n(1)]
    pub sealed: ByteVec,
}

/// Body of a `wrap` envelope: a present reader wraps epoch keys for one device.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct WrapBody {
    /// The wrapped keys.
    #[n(0)]
    pub keys: Vec<WrappedKey>,
    /// Keys that came to this device and do not fit: its asking for them again.
    #[n(1)]
    pub asks: Option<Vec<AskedKey>>,
    /// In a member's own space, by a device of theirs: whether their recovery key reads it from here on.
    #[n(4)]
    pub escrow: Option<bool>,
}

/// A device says that a key wrapped for it does not fit, and by whom, so that another reader wraps it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct AskedKey {
    /// The epoch whose key is missing.
    #[n(0)]
    pub epoch: EpochId,
    /// The device that signed the wrap that does not fit.
    #[n(1)]
    pub by: DeviceId,
}

/// Why a document is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum PurgeReason {
    /// Somebody who may erase it ordered it.
    #[n(0)]
    Ordered,
    /// The person it is about withdrew it.
    #[n(1)]
    Withdrawn,
    /// The time that the team's policy keeps such records was over.
    #[n(2)]
    Expired,
}

/// Body of a `purge` envelope: the document its header names is erased for good.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct PurgeBody {
    /// Why.
    #[n(0)]
    pub why: PurgeReason,
}

/// Body of a sealed change.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct SealedBody {
    /// Suite of the seal.
    #[n(0)]
    pub suite: Suite,
    /// The epoch whose sender key wraps the document key.
    #[n(1)]
    pub epoch: EpochId,
    /// Identity of the document key.
    #[n(2)]
    pub dek: DekId,
    /// The document key under the sender key; only in the first change that uses it.
    #[n(3)]
    pub wrapped_dek: Option<ByteArray<48>>,
    /// Nonce of the body.
    #[n(4)]
    pub nonce: ByteArray<24>,
    /// Compressed, padded, sealed change with its tag.
    #[n(5)]
    pub ciphertext: ByteVec,
}
