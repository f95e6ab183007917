//! A device's two key pairs: Ed25519 for signing, X25519 for being sealed to.
//!
//! A device is known by its signing key: its id is a hash of it. Which devices count is the directory's
//! business. Invariant: signatures are checked strictly (no small-order keys, no second form of a
//! signature), so every node agrees on every signature.

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::ids::{DeviceId, first_16};
use crate::protocol::{Envelope, Header, body_hash};

use super::secret::Secret;
use super::{CryptoError, hpke_base, labels};

/// The secret keys of one device. Locked, it signs and cannot be read with.
pub struct DeviceKeys {
    signing: SigningKey,
    /// `None` while locked.
    sealing: Option<hpke_base::PrivateKey>,
    seal_key: [u8; 32],
}

impl DeviceKeys {
    /// Fresh keys.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let seed = Secret::generate(rng);
        let sealing = hpke_base::generate(rng);
        Self::of(SigningKey::from_bytes(seed.as_bytes()), sealing)
    }

    fn of(signing: SigningKey, sealing: hpke_base::PrivateKey) -> Self {
        let seal_key = hpke_base::public_bytes(&sealing);
        Self { signing, sealing: Some(sealing), seal_key }
    }

    /// Locked keys: the seed from [`DeviceKeys::signing_bytes`] and the public sealing key.
    pub fn locked(seed: &[u8], seal_key: [u8; 32]) -> Result<Self, CryptoError> {
        let seed = Secret::from_slice(seed)?;
        Ok(Self { signing: SigningKey::from_bytes(seed.as_bytes()), sealing: None, seal_key })
    }

    /// Forgets the sealing key; what is sealed to this device opens no more.
    pub fn lock(&mut self) {
        self.sealing = None;
    }

    /// Takes the sealing key from [`DeviceKeys::sealing_bytes`] again.
    ///
    /// # Errors
    /// `Key` if it does not belong to the public one; the keys stay locked.
    pub fn unlock(&mut self, sealing: &[u8]) -> Result<(), CryptoError> {
        let sealing = hpke_base::private_from_bytes(sealing)?;
        if hpke_base::public_bytes(&sealing) != self.seal_key {
            return Err(CryptoError::Key);
        }
        self.sealing = Some(sealing);
        Ok(())
    }

    /// The keys from [`DeviceKeys::to_secret_bytes`].
    pub fn from_secret_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        let (seed, sealing) = bytes.split_at_checked(32).ok_or(CryptoError::Key)?;
        let seed = Secret::from_slice(seed)?;
        let sealing = hpke_base::private_from_bytes(sealing)?;
        Ok(Self::of(SigningKey::from_bytes(seed.as_bytes()), sealing))
    }

    /// The secret bytes (Ed25519 seed, then X25519 key unless locked; 64 bytes), for an encrypted store only.
    pub fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(64));
        bytes.extend_from_slice(self.signing.as_bytes());
        bytes.extend_from_slice(&self.sealing_bytes().unwrap_or_default());
        bytes
    }

    /// The Ed25519 seed (32 bytes), for an encrypted store only.
    pub fn signing_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.signing.as_bytes().to_vec())
    }

    /// The X25519 key (32 bytes), for rows under the reading key only. `None` while locked.
    pub fn sealing_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        Some(hpke_base::private_bytes(self.sealing.as_ref()?).to_vec())
    }

    /// Ed25519 verifying key.
    pub fn verify_key(&self) -> [u8; 32] {
        self.signing.verifying_key().to_bytes()
    }

    /// HPKE (X25519) public key.
    pub fn seal_key(&self) -> [u8; 32] {
        self.seal_key
    }

    /// The device's id.
    pub fn device_id(&self) -> DeviceId {
        device_id(&self.verify_key())
    }

    /// Ed25519 signature over any message (domain-separated by its caller).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }

    /// Completes a header (its body hash) and signs it.
    pub fn sign_envelope(&self, header: Header, body: Vec<u8>) -> Envelope {
        let header = Header { body_hash: body_hash(&body), ..header };
        let sig = self.sign(&header.signing_input());
        Envelope { header, body, sig }
    }

    /// What opens seals to this device; `None` while locked.
    pub(super) fn sealing(&self) -> Option<&hpke_base::PrivateKey> {
        self.sealing.as_ref()
    }
}

impl fmt::Debug for DeviceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKeys([redacted])")
    }
}

/// The id of the device with this Ed25519 key: SHA-256("device v1" || key)\[..16\].
pub fn device_id(verify_key: &[u8; 32]) -> DeviceId {
    let mut hash = Sha256::new();
    hash.update(labels::DEVICE);
    hash.update(verify_key);
    DeviceId::new(first_16(hash))
}

/// Ed25519 `verify_strict`.
pub fn verify(verify_key: &[u8; 32], message: &[u8], sig: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(verify_key)
        .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(sig)).is_ok())
}

/// Whether the envelope's signature is this key's over its header. (The body is bound by its hash: `check_shape`.)
pub fn verify_envelope(verify_key: &[u8; 32], envelope: &Envelope) -> bool {
    verify(verify_key, &envelope.header.signing_input(), &envelope.sig)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Verifier;

    use super::super::testing::{flipped, header, rng};
    use super::*;

    #[test]
    fn a_signed_envelope_verifies_and_every_bit_of_header_and_signature_counts() {
        let keys = DeviceKeys::generate(&mut rng(1));
        let envelope = keys.sign_envelope(header(keys.device_id()), b"body".to_vec());
        envelope.check_shape().expect("the body hash is filled in");
        assert!(verify_envelope(&keys.verify_key(), &envelope));
        for (bit, bytes) in flipped(&envelope.header.encode()) {
            if let Ok(header) = Header::decode(&bytes) {
                let other = Envelope { header, ..envelope.clone() };
                assert!(!verify_envelope(&keys.verify_key(), &other), "header bit {bit}");
            }
        }
        for (bit, bytes) in flipped(&envelope.sig) {
            let sig = bytes.try_into().expect("64 bytes");
            let other = Envelope { sig, ..envelope.clone() };
            assert!(!verify_envelope(&keys.verify_key(), &other), "signature bit {bit}");
        }
        let stranger = DeviceKeys::generate(&mut rng(2));
        assert!(!verify_envelope(&stranger.verify_key(), &envelope));
    }

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        // The neutral element as key and as R, with s = 0, satisfies the lax equation for every message.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut sig = [0; 64];
        sig[0] = 1;
        let lax = VerifyingKey::from_bytes(&neutral).expect("a point");
        assert!(lax.verify(b"anything", &Signature::from_bytes(&sig)).is_ok());
        assert!(!verify(&neutral, b"anything", &sig));
    }

    #[test]
    fn keys_read_back_whole_or_not_at_all() {
        let keys = DeviceKeys::generate(&mut rng(3));
        let bytes = keys.to_secret_bytes();
        assert_eq!(bytes.len(), 64);
        let again = DeviceKeys::from_secret_bytes(&bytes).expect("reads");
        assert_eq!(again.device_id(), keys.device_id());
        assert_eq!(again.seal_key(), keys.seal_key());
        for len in [0, 31, 32, 63] {
            let cut = DeviceKeys::from_secret_bytes(&bytes[..len]);
            assert_eq!(cut.err(), Some(CryptoError::Key), "{len}");
        }
        let long = [bytes.as_slice(), &[0]].concat();
        assert_eq!(DeviceKeys::from_secret_bytes(&long).err(), Some(CryptoError::Key));
    }
}
