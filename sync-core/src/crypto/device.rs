//! A device's key pairs: Ed25519 for signing, X25519 and X-Wing for being sealed to.
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
use crate::protocol::{Envelope, Header, Suite, body_hash};

use super::secret::Secret;
use super::{CryptoError, hpke_base, labels};

/// The secret keys of one device.
pub struct DeviceKeys {
    signing: SigningKey,
    sealing: hpke_base::PrivateKey,
    /// None on a device that was set up before there was suite 2.
    sealing_2: Option<hpke_base::PrivateKey>,
}

/// What a device can be sealed to, as the directory lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealKeys<'a> {
    /// HPKE (X25519) public key, 32 bytes.
    pub first: &'a [u8; 32],
    /// X-Wing public key, 1,216 bytes. Where it is listed, nothing is sealed to the first one.
    pub second: Option<&'a [u8]>,
}

impl<'a> SealKeys<'a> {
    /// The suite in which this device is sealed to, and the key.
    pub fn best(&self) -> (Suite, &'a [u8]) {
        match self.second {
            Some(key) => (Suite::XWing, key),
            None => (Suite::X25519, self.first),
        }
    }

    /// Both keys one after the other, as what binds them together takes them.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.first.as_slice(), self.second.unwrap_or_default()].concat()
    }
}

impl DeviceKeys {
    /// Fresh keys.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let seed = Secret::generate(rng);
        Self {
            signing: SigningKey::from_bytes(seed.as_bytes()),
            sealing: hpke_base::generate(Suite::X25519, rng),
            sealing_2: Some(hpke_base::generate(Suite::XWing, rng)),
        }
    }

    /// The keys from [`DeviceKeys::to_secret_bytes`].
    pub fn from_secret_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        let (seed, rest) = bytes.split_at_checked(32).ok_or(CryptoError::Key)?;
        let (sealing, second) = rest.split_at_checked(32).ok_or(CryptoError::Key)?;
        let seed = Secret::from_slice(seed)?;
        let second = (!second.is_empty()).then_some(second);
        Ok(Self {
            signing: SigningKey::from_bytes(seed.as_bytes()),
            sealing: hpke_base::private_from_bytes(Suite::X25519, sealing)?,
            sealing_2: second
                .map(|bytes| hpke_base::private_from_bytes(Suite::XWing, bytes))
                .transpose()?,
        })
    }

    /// The secret bytes (Ed25519 seed, X25519 key, X-Wing seed if there is one; 96 or 64 bytes), for an encrypted
    /// store only.
    pub fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(96));
        bytes.extend_from_slice(self.signing.as_bytes());
        bytes.extend_from_slice(hpke_base::private_bytes(&self.sealing).as_bytes());
        if let Some(second) = &self.sealing_2 {
            bytes.extend_from_slice(hpke_base::private_bytes(second).as_bytes());
        }
        bytes
    }

    /// Keys that sign as this device and open nothing that was sealed to it.
    pub fn without_sealing(&self, rng: &mut dyn CryptoRng) -> Self {
        Self {
            signing: self.signing.clone(),
            sealing: hpke_base::generate(Suite::X25519, rng),
            sealing_2: None,
        }
    }

    /// Ed25519 verifying key.
    pub fn verify_key(&self) -> [u8; 32] {
        self.signing.verifying_key().to_bytes()
    }

    /// HPKE (X25519) public key.
    pub fn seal_key(&self) -> [u8; 32] {
        let bytes = hpke_base::public_bytes(&self.sealing);
        bytes.try_into().expect("an X25519 key has 32 bytes")
    }

    /// X-Wing public key, 1,216 bytes; `None` on a device that was set up before there was suite 2.
    pub fn seal_key_2(&self) -> Option<Vec<u8>> {
        self.sealing_2.as_ref().map(hpke_base::public_bytes)
    }

    /// Both sealing keys as [`SealKeys::to_bytes`] has them.
    pub fn seal_bytes(&self) -> Vec<u8> {
        let (first, second) = (self.seal_key(), self.seal_key_2());
        SealKeys { first: &first, second: second.as_deref() }.to_bytes()
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

    /// The secret key for what is sealed to this device: the best it has, and no lesser one.
    pub(super) fn sealing(&self) -> &hpke_base::PrivateKey {
        self.sealing_2.as_ref().unwrap_or(&self.sealing)
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
        assert_eq!(bytes.len(), 96);
        let again = DeviceKeys::from_secret_bytes(&bytes).expect("reads");
        assert_eq!(again.device_id(), keys.device_id());
        assert_eq!(again.seal_key(), keys.seal_key());
        assert_eq!(again.seal_key_2(), keys.seal_key_2());
        let old = DeviceKeys::from_secret_bytes(&bytes[..64]).expect("keys without suite 2");
        assert_eq!((old.seal_key(), old.seal_key_2()), (keys.seal_key(), None));
        assert_eq!(*old.to_secret_bytes(), bytes[..64]);
        for len in [0, 31, 32, 63, 65, 95] {
            let cut = DeviceKeys::from_secret_bytes(&bytes[..len]);
            assert_eq!(cut.err(), Some(CryptoError::Key), "{len}");
        }
        let long = [bytes.as_slice(), &[0]].concat();
        assert_eq!(DeviceKeys::from_secret_bytes(&long).err(), Some(CryptoError::Key));
    }
}
