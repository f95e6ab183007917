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
        let sealed = hpke_base::seal(suite, epoch_public, &info, b"", self.0.as_bytes(), rng)?;
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
        Self::from_secret_bytes(&hpke_base::open(secret.key(), &info, b"", &body.sealed)?)
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

fn sender_info(suite: Suite, space: SpaceId, epoch: EpochId, device: DeviceId) -> Vec<u8> {
    [labels::SENDER, &[suite_byte(suite)], space.as_bytes(), epoch.as_bytes(), device.as_bytes()]
        .concat()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{flips, rng};
    use super::*;

    const SPACE: SpaceId = SpaceId::new([1; 16]);
    const EPOCH: EpochId = EpochId::new([2; 16]);
    const DEVICE: DeviceId = DeviceId::new([3; 16]);

    fn case_in(suite: Suite) -> (SenderKey, EpochSecret, SenderBody) {
        let rng = &mut rng(1);
        let (secret, public) = EpochSecret::generate(suite, rng);
        let key = SenderKey::generate(rng);
        let body = key.seal(suite, SPACE, EPOCH, &public, DEVICE, rng).expect("seals");
        (key, secret, body)
    }

    fn case() -> (SenderKey, EpochSecret, SenderBody) {
        case_in(Suite::X25519)
    }

    #[test]
    fn a_reader_opens_it_where_it_belongs() {
        let (key, secret, body) = case();
        let opened = SenderKey::open(Suite::X25519, SPACE, DEVICE, &body, &secret).expect("opens");
        assert_eq!(opened.to_secret_bytes(), key.to_secret_bytes());
    }

    #[test]
    fn it_opens_in_no_other_space_epoch_or_device_and_with_no_other_key() {
        let (_, secret, body) = case();
        let refused = |space, device, body: &SenderBody, secret: &EpochSecret| {
            let opened = SenderKey::open(Suite::X25519, space, device, body, secret);
            assert_eq!(opened.err(), Some(CryptoError::Seal));
        };
        refused(SpaceId::new([9; 16]), DEVICE, &body, &secret);
        refused(SPACE, DeviceId::new([9; 16]), &body, &secret);
        let moved = SenderBody { epoch: EpochId::new([9; 16]), ..body.clone() };
        refused(SPACE, DEVICE, &moved, &secret);
        let (other, _) = EpochSecret::generate(Suite::X25519, &mut rng(2));
        refused(SPACE, DEVICE, &body, &other);
    }

    #[test]
    fn every_bit_counts() {
        for suite in [Suite::X25519, Suite::XWing] {
            let (_, secret, body) = case_in(suite);
            assert!(SenderKey::open(suite, SPACE, DEVICE, &body, &secret).is_ok());
            for (bit, bytes) in flips(suite, &body.sealed) {
                let other = SenderBody { sealed: bytes.into(), ..body.clone() };
                let opened = SenderKey::open(suite, SPACE, DEVICE, &other, &secret);
                assert_eq!(opened.err(), Some(CryptoError::Seal), "{suite:?}, bit {bit}");
            }
        }
    }

    #[test]
    fn what_was_sealed_in_one_suite_is_not_opened_as_the_other() {
        let (_, secret, body) = case_in(Suite::XWing);
        let opened = SenderKey::open(Suite::X25519, SPACE, DEVICE, &body, &secret);
        assert_eq!(opened.err(), Some(CryptoError::Seal));
    }
}
