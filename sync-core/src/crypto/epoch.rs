//! The secret key of a space's epoch: whoever holds it reads what was sealed in that epoch.
//!
//! It travels only sealed to one device at a time. Which devices may be given it is decided above; this
//! file makes sure that what a device opens is the key the epoch's public half belongs to.

use std::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::ids::{DeviceId, EpochId};
use crate::protocol::{Suite, WrappedKey};

use super::{CryptoError, DeviceKeys, hpke_base, labels};

/// The secret key of a space's epoch.
pub struct EpochSecret {
    suite: Suite,
    key: hpke_base::PrivateKey,
}

impl EpochSecret {
    /// A fresh epoch key and its public half.
    pub fn generate(suite: Suite, rng: &mut dyn CryptoRng) -> (Self, Vec<u8>) {
        let key = hpke_base::generate(rng);
        let public = hpke_base::public_bytes(&key).to_vec();
        (Self { suite, key }, public)
    }

    /// From [`EpochSecret::to_secret_bytes`].
    pub fn from_secret_bytes(suite: Suite, bytes: &[u8]) -> Result<Self, CryptoError> {
        Ok(Self { suite, key: hpke_base::private_from_bytes(bytes)? })
    }

    /// The secret bytes, for an encrypted store only.
    pub fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        hpke_base::private_bytes(&self.key).to_vec()
    }

    /// Seals the secret key to a device (HPKE; info = label || suite || epoch public key || device).
    /// `epoch` is carried, not authenticated (zero while the epoch's envelope is being made).
    ///
    /// # Errors
    /// `Key` when `epoch_public` is not this secret's, or the device's key is none.
    pub fn wrap_for(
        &self,
        epoch: EpochId,
        epoch_public: &[u8],
        device: DeviceId,
        device_seal_key: &[u8; 32],
        rng: &mut dyn CryptoRng,
    ) -> Result<WrappedKey, CryptoError> {
        self.check_public(epoch_public)?;
        let info = wrap_info(self.suite, epoch_public, device);
        let secret = hpke_base::private_bytes(&self.key);
        let sealed = hpke_base::seal(device_seal_key, &info, b"", secret.as_bytes(), rng)?;
        Ok(WrappedKey { device, epoch, sealed: sealed.into() })
    }

    /// Opens a wrap made for this device and checks that the key belongs to `epoch_public`.
    ///
    /// # Errors
    /// `Seal` when it was made for another device or epoch, or changed; `Key` when it holds another key.
    pub fn unwrap(
        suite: Suite,
        wrapped: &WrappedKey,
        epoch_public: &[u8],
        keys: &DeviceKeys,
    ) -> Result<Self, CryptoError> {
        // Made for another device: it would not open; told without the work of trying.
        if wrapped.device != keys.device_id() {
            return Err(CryptoError::Seal);
        }
        let info = wrap_info(suite, epoch_public, wrapped.device);
        let bytes = hpke_base::open(keys.sealing().ok_or(CryptoError::Key)?, &info, b"", &wrapped.sealed)?;
        let secret = Self::from_secret_bytes(suite, &bytes)?;
        secret.check_public(epoch_public)?;
        Ok(secret)
    }

    pub(super) fn suite(&self) -> Suite {
        self.suite
    }

    pub(super) fn key(&self) -> &hpke_base::PrivateKey {
        &self.key
    }

    fn check_public(&self, epoch_public: &[u8]) -> Result<(), CryptoError> {
        if hpke_base::public_bytes(&self.key) == epoch_public {
            Ok(())
        } else {
            Err(CryptoError::Key)
        }
    }
}

/// Whether these bytes are a public key of the suite that can be sealed to.
pub fn is_epoch_key(suite: Suite, public: &[u8]) -> bool {
    match suite {
        Suite::X25519 => hpke_base::is_public(public),
    }
}

impl fmt::Debug for EpochSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochSecret([redacted])")
    }
}

fn wrap_info(suite: Suite, epoch_public: &[u8], device: DeviceId) -> Vec<u8> {
    [labels::EPOCH_WRAP, &[suite_byte(suite)], epoch_public, device.as_bytes()].concat()
}

/// The suite's number, as it stands in every context.
pub(super) const fn suite_byte(suite: Suite) -> u8 {
    match suite {
        Suite::X25519 => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{flipped, rng};
    use super::*;

    struct Case {
        keys: DeviceKeys,
        secret: EpochSecret,
        public: Vec<u8>,
        wrapped: WrappedKey,
    }

    fn case() -> Case {
        let rng = &mut rng(1);
        let keys = DeviceKeys::generate(rng);
        let (secret, public) = EpochSecret::generate(Suite::X25519, rng);
        let wrapped = secret
            .wrap_for(EpochId::new([2; 16]), &public, keys.device_id(), &keys.seal_key(), rng)
            .expect("wraps");
        Case { keys, secret, public, wrapped }
    }

    fn unwrap(case: &Case, wrapped: &WrappedKey) -> Result<EpochSecret, CryptoError> {
        EpochSecret::unwrap(Suite::X25519, wrapped, &case.public, &case.keys)
    }

    #[test]
    fn the_device_it_is_wrapped_for_opens_it() {
        let case = case();
        let opened = unwrap(&case, &case.wrapped).expect("opens");
        assert_eq!(opened.to_secret_bytes(), case.secret.to_secret_bytes());
    }

    #[test]
    fn no_other_device_opens_it() {
        let case = case();
        let other = DeviceKeys::generate(&mut rng(2));
        let taken = EpochSecret::unwrap(Suite::X25519, &case.wrapped, &case.public, &other);
        assert_eq!(taken.err(), Some(CryptoError::Seal));
        let renamed = WrappedKey { device: other.device_id(), ..case.wrapped.clone() };
        let taken = EpochSecret::unwrap(Suite::X25519, &renamed, &case.public, &other);
        assert_eq!(taken.err(), Some(CryptoError::Seal));
        assert_eq!(unwrap(&case, &renamed).err(), Some(CryptoError::Seal));
    }

    #[test]
    fn every_bit_of_a_wrap_and_of_its_public_key_counts() {
        let case = case();
        for (bit, bytes) in flipped(&case.wrapped.sealed) {
            let other = WrappedKey { sealed: bytes.into(), ..case.wrapped.clone() };
            assert_eq!(unwrap(&case, &other).err(), Some(CryptoError::Seal), "bit {bit}");
        }
        for (bit, public) in flipped(&case.public) {
            let opened = EpochSecret::unwrap(Suite::X25519, &case.wrapped, &public, &case.keys);
            assert_eq!(opened.err(), Some(CryptoError::Seal), "public key, bit {bit}");
        }
    }

    #[test]
    fn a_wrap_that_holds_another_key_is_refused() {
        let case = case();
        let (stranger, _) = EpochSecret::generate(Suite::X25519, &mut rng(3));
        // A reader who lies: a well-formed wrap of another key under this epoch's public half.
        let info = wrap_info(Suite::X25519, &case.public, case.keys.device_id());
        let bytes = stranger.to_secret_bytes();
        let sealed = hpke_base::seal(&case.keys.seal_key(), &info, b"", &bytes, &mut rng(4));
        let lie = WrappedKey { sealed: sealed.expect("seals").into(), ..case.wrapped.clone() };
        assert_eq!(unwrap(&case, &lie).err(), Some(CryptoError::Key));
        let honest = stranger.wrap_for(
            EpochId::new([2; 16]),
            &case.public,
            case.keys.device_id(),
            &case.keys.seal_key(),
            &mut rng(5),
        );
        assert_eq!(honest.err(), Some(CryptoError::Key), "and cannot be made by mistake");
    }
}
