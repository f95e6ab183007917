//! Thirty-two secret bytes: zeroised on drop, printed as `[redacted]`, never copied silently.

use std::fmt;

use rand_core::CryptoRng;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::CryptoError;

/// A symmetric key or a seed.
pub(super) struct Secret(Zeroizing<[u8; 32]>);

impl ZeroizeOnDrop for Secret {}

impl Secret {
    pub(super) fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut secret = Self::zero();
        rng.fill_bytes(secret.as_mut_bytes());
        secret
    }

    pub(super) fn from_slice(bytes: &[u8]) -> Result<Self, CryptoError> {
        let mut secret = Self::zero();
        if bytes.len() != secret.0.len() {
            return Err(CryptoError::Key);
        }
        secret.as_mut_bytes().copy_from_slice(bytes);
        Ok(secret)
    }

    /// To be filled in place, so that no copy stays behind.
    pub(super) fn zero() -> Self {
        Self(Zeroizing::new([0; 32]))
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(super) fn as_mut_bytes(&mut self) -> &mut [u8; 32] {
        &mut self.0
    }

    pub(super) fn to_vec(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::rng;
    use super::super::{DeviceKeys, DocumentKey, EpochSecret, SenderKey};
    use super::*;
    use crate::protocol::Suite;

    #[test]
    fn no_secret_shows_in_debug_output() {
        let rng = &mut rng(1);
        let shown = [
            format!("{:?}", DeviceKeys::generate(rng)),
            format!("{:?}", EpochSecret::generate(Suite::X25519, rng).0),
            format!("{:?}", SenderKey::generate(rng)),
            format!("{:#?}", DocumentKey::generate(rng)).replace(['\n', ' ', ','], ""),
        ];
        let names = ["DeviceKeys", "EpochSecret", "SenderKey", "DocumentKey"];
        for (shown, name) in shown.iter().zip(names) {
            assert_eq!(*shown, format!("{name}([redacted])"));
        }
    }

    #[test]
    fn every_secret_is_wiped_when_it_goes() {
        fn wiped<T: ZeroizeOnDrop>() {}
        wiped::<Zeroizing<[u8; 32]>>();
        wiped::<ed25519_dalek::SigningKey>();
        assert!(std::mem::needs_drop::<super::super::hpke_base::PrivateKey>());
    }

    #[test]
    fn secrets_read_back_and_other_lengths_are_no_keys() {
        let rng = &mut rng(2);
        let sender = SenderKey::generate(rng);
        let again = SenderKey::from_secret_bytes(&sender.to_secret_bytes()).expect("reads");
        assert_eq!(again.to_secret_bytes(), sender.to_secret_bytes());
        let document = DocumentKey::generate(rng);
        let again = DocumentKey::from_secret_bytes(&document.to_secret_bytes()).expect("reads");
        assert_eq!(again.id(), document.id());
        for len in [0, 31, 33, 64] {
            let bytes = vec![7; len];
            assert_eq!(SenderKey::from_secret_bytes(&bytes).err(), Some(CryptoError::Key));
            assert_eq!(DocumentKey::from_secret_bytes(&bytes).err(), Some(CryptoError::Key));
            let epoch = EpochSecret::from_secret_bytes(Suite::X25519, &bytes);
            assert_eq!(epoch.err(), Some(CryptoError::Key));
        }
    }
}
