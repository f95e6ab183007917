//! Thirty-two secret bytes: zeroised on drop, printed as `[redacted]`, never copied silently.

use std::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::CryptoError;

/// A symmetric key or a seed.
pub(super) struct Secret(Zeroizing<[u8; 32]>);

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
