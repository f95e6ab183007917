//! The secret key of a space's epoch: whoever holds it reads what was sealed in that epoch.
//!
//! It travels only sealed to one device at a time. Which devices may be given it is decided above; this
//! file makes sure that what a device opens is the key the epoch's public half belongs to.

use std::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::ids::{DeviceId, EpochId};
use crate::protocol::{Suite, WrappedKey};

use super::{CryptoError, DeviceKeys, SealKeys, hpke_base, labels};

/// The secret key of a space's epoch.
pub struct EpochSecret {
    key: hpke_base::PrivateKey,
}

impl EpochSecret {
    /// A fresh epoch key and its public half.
    pub fn generate(suite: Suite, rng: &mut dyn CryptoRng) -> (Self, Vec<u8>) {
        let key = hpke_base::generate(suite, rng);
        let public = hpke_base::public_bytes(&key);
        (Self { key }, public)
    }

    /// From [`EpochSecret::to_secret_bytes`].
    pub fn from_secret_bytes(suite: Suite, bytes: &[u8]) -> Result<Self, CryptoError> {
        Ok(Self { key: hpke_base::private_from_bytes(suite, bytes)? })
    }

    /// The secret bytes, for an encrypted store only.
    pub fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        hpke_base::private_bytes(&self.key).to_vec()
    }

    /// Seals the secret key to a device in the best suite it lists (HPKE; info = label || suite of the epoch || epoch
    /// public key || device; the device's suite is bound by HPKE itself). `epoch` is carried, not authenticated (zero while the epoch's envelope is being made).
    ///
    /// # Errors
    /// `Key` when `epoch_public` is not this secret's, or the device's key is none.
    pub fn wrap_for(
        &self,
        epoch: EpochId,
        epoch_public: &[u8],
        device: DeviceId,
        device_keys: SealKeys<'_>,
        rng: &mut dyn CryptoRng,
    ) -> Result<WrappedKey, CryptoError> {
        self.check_public(epoch_public)?;
        let info = wrap_info(self.suite(), epoch_public, device);
        let secret = hpke_base::private_bytes(&self.key);
        let (suite, key) = device_keys.best();
        let sealed = hpke_base::seal(suite, key, &info, b"", secret.as_bytes(), rng)?;
        Ok(WrappedKey { device, epoch, sealed: sealed.into() })
    }

    /// Opens a wrap made for this device and checks that the key belongs to `epoch_public`.
    ///
    /// `suite` is the epoch's. What was sealed to the device in less than its best suite is not tried: a device that
    /// has an X-Wing key takes nothing less.
    ///
    /// # Errors
    /// `Seal` when it was made for another device, suite or epoch, or changed; `Key` when it holds another key.
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
        let bytes = hpke_base::open(keys.sealing()?, &info, b"", &wrapped.sealed)?;
        let secret = Self::from_secret_bytes(suite, &bytes)?;
        secret.check_public(epoch_public)?;
        Ok(secret)
    }

    pub(super) fn suite(&self) -> Suite {
        self.key.suite()
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
    hpke_base::is_public(suite, public)
}

/// Whether these bytes are an X-Wing public key that a device may list.
pub fn is_sealing_key(public: &[u8]) -> bool {
    hpke_base::is_public(Suite::XWing, public)
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
        Suite::XWing => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{flips, rng};
    use super::*;

    const SUITES: [Suite; 2] = [Suite::X25519, Suite::XWing];
    const EPOCH: EpochId = EpochId::new([2; 16]);

    struct Case {
        keys: DeviceKeys,
        suite: Suite,
        secret: EpochSecret,
        public: Vec<u8>,
        wrapped: WrappedKey,
    }

    fn wrap(case: &EpochSecret, public: &[u8], keys: &DeviceKeys, best: Suite) -> WrappedKey {
        let (first, second) = (keys.seal_key(), keys.seal_key_2());
        let second = second.as_deref().filter(|_| best == Suite::XWing);
        let to = SealKeys { first: &first, second };
        case.wrap_for(EPOCH, public, keys.device_id(), to, &mut rng(9)).expect("wraps")
    }

    /// An epoch key of a suite, wrapped for a device that lists an X-Wing key.
    fn case(suite: Suite) -> Case {
        let rng = &mut rng(1);
        let keys = DeviceKeys::generate(rng);
        let (secret, public) = EpochSecret::generate(suite, rng);
        let wrapped = wrap(&secret, &public, &keys, Suite::XWing);
        Case { keys, suite, secret, public, wrapped }
    }

    fn unwrap(case: &Case, wrapped: &WrappedKey) -> Result<EpochSecret, CryptoError> {
        EpochSecret::unwrap(case.suite, wrapped, &case.public, &case.keys)
    }

    #[test]
    fn the_device_it_is_wrapped_for_opens_it() {
        for suite in SUITES {
            let case = case(suite);
            let opened = unwrap(&case, &case.wrapped).expect("opens");
            assert_eq!(opened.to_secret_bytes(), case.secret.to_secret_bytes());
            assert_eq!(opened.suite(), suite);
        }
    }

    #[test]
    fn a_device_without_an_x_wing_key_is_wrapped_for_in_suite_1() {
        let case = case(Suite::XWing);
        let old = DeviceKeys::from_secret_bytes(&case.keys.to_secret_bytes()[..64]).expect("keys");
        let wrapped = wrap(&case.secret, &case.public, &old, Suite::X25519);
        let opened = EpochSecret::unwrap(Suite::XWing, &wrapped, &case.public, &old);
        assert_eq!(opened.expect("opens").to_secret_bytes(), case.secret.to_secret_bytes());
        let whole = EpochSecret::unwrap(Suite::XWing, &wrapped, &case.public, &case.keys);
        assert_eq!(
            whole.err(),
            Some(CryptoError::Seal),
            "with an X-Wing key it takes nothing less"
        );
    }

    #[test]
    fn a_downgraded_wrap_is_refused() {
        let case = case(Suite::XWing);
        // Genuine in every respect, and made for the lesser key of a device that lists the better one.
        let lesser = wrap(&case.secret, &case.public, &case.keys, Suite::X25519);
        assert_eq!(unwrap(&case, &lesser).err(), Some(CryptoError::Seal));
        // An epoch is opened in its own suite only: its secret is not taken for one of the other.
        let other = EpochSecret::unwrap(Suite::X25519, &case.wrapped, &case.public, &case.keys);
        assert_eq!(other.err(), Some(CryptoError::Seal));
    }

    #[test]
    fn no_other_device_opens_it() {
        for suite in SUITES {
            let case = case(suite);
            let other = DeviceKeys::generate(&mut rng(2));
            let open =
                |wrapped: &WrappedKey| EpochSecret::unwrap(suite, wrapped, &case.public, &other);
            assert_eq!(open(&case.wrapped).err(), Some(CryptoError::Seal));
            let renamed = WrappedKey { device: other.device_id(), ..case.wrapped.clone() };
            assert_eq!(open(&renamed).err(), Some(CryptoError::Seal));
            assert_eq!(unwrap(&case, &renamed).err(), Some(CryptoError::Seal));
        }
    }

    #[test]
    fn every_bit_of_a_wrap_and_of_its_public_key_counts() {
        for suite in SUITES {
            let case = case(suite);
            for (bit, bytes) in flips(suite, &case.wrapped.sealed) {
                let other = WrappedKey { sealed: bytes.into(), ..case.wrapped.clone() };
                assert_eq!(unwrap(&case, &other).err(), Some(CryptoError::Seal), "bit {bit}");
            }
            for (bit, public) in flips(suite, &case.public) {
                let opened = EpochSecret::unwrap(suite, &case.wrapped, &public, &case.keys);
                assert_eq!(opened.err(), Some(CryptoError::Seal), "public key, bit {bit}");
            }
        }
    }

    #[test]
    fn a_wrap_that_holds_another_key_is_refused() {
        for suite in SUITES {
            let case = case(suite);
            let (stranger, _) = EpochSecret::generate(suite, &mut rng(3));
            // A reader who lies: a well-formed wrap of another key under this epoch's public half.
            let info = wrap_info(suite, &case.public, case.keys.device_id());
            let bytes = stranger.to_secret_bytes();
            let key = case.keys.seal_key_2().expect("a new device has one");
            let sealed = hpke_base::seal(Suite::XWing, &key, &info, b"", &bytes, &mut rng(4));
            let lie = WrappedKey { sealed: sealed.expect("seals").into(), ..case.wrapped.clone() };
            assert_eq!(unwrap(&case, &lie).err(), Some(CryptoError::Key));
            let honest = stranger.wrap_for(
                EPOCH,
                &case.public,
                case.keys.device_id(),
                SealKeys { first: &case.keys.seal_key(), second: None },
                &mut rng(5),
            );
            assert_eq!(honest.err(), Some(CryptoError::Key), "and cannot be made by mistake");
        }
    }
}
