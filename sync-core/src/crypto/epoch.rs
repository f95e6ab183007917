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
        let sealed = hpke_base::seal(device_seal_key, &info, secret.as_bytes(), rng)?;
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
        if wrapped.device != keys.device_id() {
            return Err(CryptoError::Seal);
        }
        let info = wrap_info(suite, epoch_public, wrapped.device);
        let bytes = hpke_base::open(keys.sealing(), &info, &wrapped.sealed)?;
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
