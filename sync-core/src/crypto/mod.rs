//! Keys and sealing. Everything secret is zeroised on drop and prints as `[redacted]`.
//!
//! Primitives come from kept crates; this layer only composes them as docs/security.md describes. Every
//! domain label stands in `labels`.

use minicbor::bytes::ByteArray;
use rand_core::CryptoRng;

use crate::ids::{ActorId, DekId, DeviceId, DocId, EpochId, SpaceId, TeamId};
use crate::protocol::{Envelope, Header, SealedBody, SenderBody, Suite, WrappedKey};

/// A key or seal that does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// Wrong key, wrong place, or changed bytes.
    #[error("the seal does not open")]
    Seal,
    /// Bytes that are no key.
    #[error("the key is malformed")]
    Key,
    /// The opened text is longer than allowed or malformed.
    #[error("the sealed text is malformed")]
    Text,
}

/// The secret keys of one device.
pub struct DeviceKeys;

impl DeviceKeys {
    /// Fresh keys.
    pub fn generate(_rng: &mut dyn CryptoRng) -> Self {
        unimplemented!()
    }
    /// The keys from [`DeviceKeys::to_secret_bytes`].
    pub fn from_secret_bytes(_bytes: &[u8]) -> Result<Self, CryptoError> {
        unimplemented!()
    }
    /// The secret bytes, for an encrypted store only.
    pub fn to_secret_bytes(&self) -> zeroize::Zeroizing<Vec<u8>> {
        unimplemented!()
    }
    /// Ed25519 verifying key.
    pub fn verify_key(&self) -> [u8; 32] {
        unimplemented!()
    }
    /// HPKE (X25519) public key.
    pub fn seal_key(&self) -> [u8; 32] {
        unimplemented!()
    }
    /// The device's id.
    pub fn device_id(&self) -> DeviceId {
        unimplemented!()
    }
    /// Ed25519 signature over any message (domain-separated by its caller).
    pub fn sign(&self, _message: &[u8]) -> [u8; 64] {
        unimplemented!()
    }
    /// Completes a header (its body hash) and signs it.
    pub fn sign_envelope(&self, _header: Header, _body: Vec<u8>) -> Envelope {
        unimplemented!()
    }
}

/// The id of the device with this Ed25519 key: SHA-256("device v1" || key)[..16].
pub fn device_id(_verify_key: &[u8; 32]) -> DeviceId {
    unimplemented!()
}
/// Ed25519 `verify_strict`.
pub fn verify(_verify_key: &[u8; 32], _message: &[u8], _sig: &[u8; 64]) -> bool {
    unimplemented!()
}
/// Whether the envelope's signature is this key's over its header. (The body is bound by its hash: `check_shape`.)
pub fn verify_envelope(_verify_key: &[u8; 32], _envelope: &Envelope) -> bool {
    unimplemented!()
}

/// The secret key of a space's epoch.
pub struct EpochSecret;

impl EpochSecret {
    /// A fresh epoch key and its public half.
    pub fn generate(_suite: Suite, _rng: &mut dyn CryptoRng) -> (Self, Vec<u8>) {
        unimplemented!()
    }
    /// From [`EpochSecret::to_secret_bytes`].
    pub fn from_secret_bytes(_suite: Suite, _bytes: &[u8]) -> Result<Self, CryptoError> {
        unimplemented!()
    }
    /// The secret bytes, for an encrypted store only.
    pub fn to_secret_bytes(&self) -> zeroize::Zeroizing<Vec<u8>> {
        unimplemented!()
    }
    /// Seals the secret key to a device (HPKE; info = label || suite || epoch public key || device).
    /// `epoch` is carried, not authenticated (zero while the epoch's envelope is being made).
    pub fn wrap_for(
        &self,
        _epoch: EpochId,
        _epoch_public: &[u8],
        _device: DeviceId,
        _device_seal_key: &[u8; 32],
        _rng: &mut dyn CryptoRng,
    ) -> Result<WrappedKey, CryptoError> {
        unimplemented!()
    }
    /// Opens a wrap made for this device and checks that the key belongs to `epoch_public`.
    pub fn unwrap(
        _suite: Suite,
        _wrapped: &WrappedKey,
        _epoch_public: &[u8],
        _keys: &DeviceKeys,
    ) -> Result<Self, CryptoError> {
        unimplemented!()
    }
}

/// A device's key in an epoch, under which its document keys are wrapped.
pub struct SenderKey;

impl SenderKey {
    /// A fresh sender key.
    pub fn generate(_rng: &mut dyn CryptoRng) -> Self {
        unimplemented!()
    }
    /// From [`SenderKey::to_secret_bytes`].
    pub fn from_secret_bytes(_bytes: &[u8]) -> Result<Self, CryptoError> {
        unimplemented!()
    }
    /// The secret bytes, for an encrypted store only.
    pub fn to_secret_bytes(&self) -> zeroize::Zeroizing<Vec<u8>> {
        unimplemented!()
    }
    /// Seals it to an epoch's public key (info = label || suite || space || epoch || device): needs no secret of the epoch.
    pub fn seal(
        &self,
        _suite: Suite,
        _space: SpaceId,
        _epoch: EpochId,
        _epoch_public: &[u8],
        _device: DeviceId,
        _rng: &mut dyn CryptoRng,
    ) -> Result<SenderBody, CryptoError> {
        unimplemented!()
    }
    /// Opens a device's sender key with the epoch's secret key.
    pub fn open(
        _suite: Suite,
        _space: SpaceId,
        _device: DeviceId,
        _body: &SenderBody,
        _secret: &EpochSecret,
    ) -> Result<Self, CryptoError> {
        unimplemented!()
    }
}

/// A document key: one per (document, actor, epoch).
pub struct DocumentKey;

impl DocumentKey {
    /// A fresh document key.
    pub fn generate(_rng: &mut dyn CryptoRng) -> Self {
        unimplemented!()
    }
    /// From [`DocumentKey::to_secret_bytes`].
    pub fn from_secret_bytes(_bytes: &[u8]) -> Result<Self, CryptoError> {
        unimplemented!()
    }
    /// The secret bytes, for an encrypted store only.
    pub fn to_secret_bytes(&self) -> zeroize::Zeroizing<Vec<u8>> {
        unimplemented!()
    }
    /// SHA-256("dek v1" || key)[..16].
    pub fn id(&self) -> DekId {
        unimplemented!()
    }
    /// The key under the sender key: its own wrapping key by HKDF (doc, actor, dek id), so no key-nonce pair repeats.
    pub fn wrap(&self, _sender: &SenderKey, _doc: DocId, _actor: ActorId) -> [u8; 48] {
        unimplemented!()
    }
    /// Opens a wrapped document key and checks that it is the one named.
    pub fn unwrap(
        _wrapped: &[u8; 48],
        _sender: &SenderKey,
        _doc: DocId,
        _actor: ActorId,
        _dek: DekId,
    ) -> Result<Self, CryptoError> {
        unimplemented!()
    }
}

/// Compresses, pads (Padme, floor 256 B) and seals a change (XChaCha20-Poly1305).
/// AAD = "aftercall seal v1" || header with body_hash zeroed || suite || epoch || dek id.
/// `header.body_hash` is ignored; every other field must be final.
#[allow(clippy::too_many_arguments)]
pub fn seal_change(
    _header: &Header,
    _suite: Suite,
    _epoch: EpochId,
    _key: &DocumentKey,
    _wrapped_dek: Option<[u8; 48]>,
    _change: &[u8],
    _rng: &mut dyn CryptoRng,
) -> SealedBody {
    unimplemented!()
}

/// Opens a sealed change; inflation is capped at [`crate::protocol::limits::MAX_INFLATED`].
pub fn open_change(
    _header: &Header,
    _body: &SealedBody,
    _key: &DocumentKey,
) -> Result<zeroize::Zeroizing<Vec<u8>>, CryptoError> {
    unimplemented!()
}

/// What an invitation's secret yields.
pub mod invite {
    use super::*;
    /// The look-up value, the only thing a relay learns of the secret.
    pub fn lookup(_secret: &[u8; 16]) -> ByteArray<16> {
        unimplemented!()
    }
    /// MAC over a new device's keys, under another derivation of the secret.
    pub fn bind(
        _secret: &[u8; 16],
        _team: TeamId,
        _verify_key: &[u8; 32],
        _seal_key: &[u8; 32],
    ) -> ByteArray<32> {
        unimplemented!()
    }
    /// Checks [`bind`] in constant time.
    pub fn check(
        _secret: &[u8; 16],
        _team: TeamId,
        _verify_key: &[u8; 32],
        _seal_key: &[u8; 32],
        _mac: &[u8; 32],
    ) -> bool {
        unimplemented!()
    }
}

/// Device-signed request tokens: JWTs with one accepted header, `{"alg":"EdDSA","typ":"JWT"}`, byte for byte.
pub mod token {
    use super::*;
    use crate::protocol::{Code, Timestamp};

    /// What a token says.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Claims {
        /// The device that signed (iss; hex).
        pub device: DeviceId,
        /// Issued at, seconds since 1970.
        pub iat: i64,
        /// Expires, seconds since 1970; at most 120 s after `iat`.
        pub exp: i64,
        /// Unique id.
        pub jti: [u8; 16],
    }

    /// The audience: base64url of SHA-256("aud v1" || origin || 0 || team)[..16], short because it travels with every request.
    pub fn audience(_origin: &str, _team: TeamId) -> String {
        unimplemented!()
    }
    /// A token for one request body.
    pub fn mint(
        _keys: &DeviceKeys,
        _audience: &str,
        _body: &[u8],
        _now: Timestamp,
        _rng: &mut dyn CryptoRng,
    ) -> String {
        unimplemented!()
    }
    /// Reads a token's issuer without trusting it, to look its key up.
    pub fn issuer(_token: &str) -> Result<DeviceId, Code> {
        unimplemented!()
    }
    /// Checks signature, audience, body and times (60 s of leeway for a fast phone clock).
    ///
    /// # Errors
    /// `token_expired` when only the times are wrong, `token_invalid` for everything else.
    pub fn verify(
        _token: &str,
        _verify_key: &[u8; 32],
        _audience: &str,
        _body: &[u8],
        _now: Timestamp,
    ) -> Result<Claims, Code> {
        unimplemented!()
    }
}

/// Argon2id (64 MiB, t = 3, p = 1) of a passphrase.
pub fn passphrase_key(_passphrase: &[u8], _salt: &[u8; 16]) -> zeroize::Zeroizing<[u8; 32]> {
    unimplemented!()
}
