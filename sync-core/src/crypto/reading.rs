//! The reading key of a phone: what opens with it is there only while its person has unlocked the phone.
//!
//! It seals single rows of the phone's own database (XChaCha20-Poly1305) and never anything that travels. The
//! nonce is 16 random bytes, drawn when the key is handed in, and a counter: no two rows of one key share one,
//! and nothing has to survive a crash. The place of a row is authenticated, so no row opens in another's stead.

use std::fmt;

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::secret::Secret;
use super::{CryptoError, labels};

const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;

/// Seals and opens rows. Wiped when dropped.
pub struct ReadingKey {
    key: Secret,
    prefix: [u8; 16],
    count: u64,
}

impl ReadingKey {
    /// The key of these bytes, ready to seal.
    pub fn new(key: &[u8; 32], rng: &mut dyn CryptoRng) -> Self {
        let mut secret = Secret::zero();
        secret.as_mut_bytes().copy_from_slice(key);
        let mut prefix = [0; 16];
        rng.fill_bytes(&mut prefix);
        Self { key: secret, prefix, count: 0 }
    }

    /// Seals the value of a row: nonce || ciphertext || tag.
    pub fn seal(&mut self, table: &str, place: &[u8], value: &[u8]) -> Vec<u8> {
        self.count += 1;
        let mut nonce = [0; NONCE_LEN];
        nonce[..16].copy_from_slice(&self.prefix);
        nonce[16..].copy_from_slice(&self.count.to_be_bytes());
        // Sized for all of it, so that no copy of the value stays behind in a buffer outgrown.
        let mut sealed = Vec::with_capacity(NONCE_LEN + value.len() + TAG_LEN);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(value);
        let text = &mut sealed[NONCE_LEN..];
        let tag = self
            .cipher()
            .encrypt_inout_detached(&XNonce::from(nonce), &bound_to(table, place), text.into())
            .expect("a row in memory is below every limit of the cipher");
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// Opens the value of a row.
    ///
    /// # Errors
    /// `Seal` for another key or another place, or changed bytes.
    pub fn open(
        &self,
        table: &str,
        place: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(CryptoError::Seal)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| CryptoError::Seal)?;
        let mut value = Zeroizing::new(text.to_vec());
        self.cipher()
            .decrypt_in_place(&nonce, &bound_to(table, place), &mut *value)
            .map_err(|_| CryptoError::Seal)?;
        Ok(value)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.key.as_bytes().into())
    }
}

fn bound_to(table: &str, place: &[u8]) -> Vec<u8> {
    [labels::SEALED_ROW, table.as_bytes(), &[0], place].concat()
}

impl fmt::Debug for ReadingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadingKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{flipped, rng};
    use super::*;

    #[test]
    fn a_row_opens_in_its_place_with_its_key_and_unchanged_only() {
        let mut key = ReadingKey::new(&[7; 32], &mut rng(1));
        let sealed = key.seal("sealed", b"place", b"words");
        assert_eq!(*key.open("sealed", b"place", &sealed).expect("opens"), b"words");
        let refused = |key: &ReadingKey, table, place: &[u8], sealed: &[u8]| {
            assert_eq!(key.open(table, place, sealed).err(), Some(CryptoError::Seal));
        };
        refused(&key, "sealed", b"places", &sealed);
        refused(&key, "keys", b"place", &sealed);
        refused(&ReadingKey::new(&[8; 32], &mut rng(1)), "sealed", b"place", &sealed);
        for (_, bytes) in flipped(&sealed) {
            refused(&key, "sealed", b"place", &bytes);
        }
        for len in 0..sealed.len() {
            refused(&key, "sealed", b"place", &sealed[..len]);
        }
    }

    #[test]
    fn two_rows_of_one_value_have_nothing_in_common() {
        let mut key = ReadingKey::new(&[7; 32], &mut rng(1));
        let mut again = ReadingKey::new(&[7; 32], &mut rng(2));
        let value = [0; 64];
        let sealed = [
            key.seal("sealed", b"place", &value),
            key.seal("sealed", b"place", &value),
            again.seal("sealed", b"place", &value),
        ];
        for (i, a) in sealed.iter().enumerate() {
            for b in &sealed[i + 1..] {
                assert_ne!(a[..NONCE_LEN], b[..NONCE_LEN]);
                assert_ne!(a[NONCE_LEN..], b[NONCE_LEN..]);
            }
        }
    }

    #[test]
    fn the_key_prints_redacted() {
        let key = ReadingKey::new(&[7; 32], &mut rng(1));
        assert_eq!(format!("{key:?}"), "ReadingKey([redacted])");
    }
}
