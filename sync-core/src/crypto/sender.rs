//! A device's key in an epoch. Writing needs only it and the epoch's public key, so a phone whose
//! reading keys are locked away still records.
//!
//! One sender key serves many documents; it never encrypts a change itself, only wraps document keys.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::ids::{DeviceId, EpochId, SpaceId};
use crate::protocol::{SenderBody, Suite};

use super::epoch::suite_byte;
use super::secret::Secret;
use super::{CryptoError, EpochSecret, hpke_base, labels};

/// A device's key in an epoch, under which its document keys are wrapped.
#[derive(Debug)]
pub struct SenderKey(Secret);

impl SenderKey {
    /// A fresh sender key.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self(Secret::generate(rng))
    }

    /// From [`SenderKey::to_secret_bytes`].
    pub fn from_secret_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        Secret::from_slice(bytes).map(Self)
    }

    /// The secret bytes, for an encrypted store only.
    pub fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.0.to_vec()
    }

    /// Seals it to an epoch's public key (info = label || suite || space || epoch || device): needs no secret of the epoch.
    ///
    /// # Errors
    /// `Key` when `epoch_public` is no public key.
    pub fn seal(
        &self,
        suite: Suite,
        space: SpaceId,
        epoch: EpochId,
        epoch_public: &[u8],
        device: DeviceId,
        rng: &mut dyn CryptoRng,
    ) -> Result<SenderBody, CryptoError> {
        let info = sender_info(suite, space, epoch, device);
        let sealed = hpke_base::seal(epoch_public, &info, self.0.as_bytes(), rng)?;
        Ok(SenderBody { epoch, sealed: sealed.into() })
    }

    /// Opens a device's sender key with the epoch's secret key.
    ///
    /// # Errors
    /// `Seal` when it was sealed to another key, space, epoch or device, or changed.
    pub fn open(
        suite: Suite,
        space: SpaceId,
        device: DeviceId,
        body: &SenderBody,
        secret: &EpochSecret,
    ) -> Result<Self, CryptoError> {
        if suite != secret.suite() {
            return Err(CryptoError::Seal);
        }
        let info = sender_info(suite, space, body.epoch, device);
        Self::from_secret_bytes(&hpke_base::open(secret.key(), &info, &body.sealed)?)
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

fn sender_info(suite: Suite, space: SpaceId, epoch: EpochId, device: DeviceId) -> Vec<u8> {
    [labels::SENDER, &[suite_byte(suite)], space.as_bytes(), epoch.as_bytes(), device.as_bytes()]
        .concat()
}
