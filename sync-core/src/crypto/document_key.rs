//! A document key: one per (document, actor, epoch), sealing that actor's changes.
//!
//! It travels wrapped under the sender key in the first change that uses it, and is known by a hash of
//! itself, so a reader can tell that the key opened is the key meant. Erasing it erases the actor's
//! share of one document and nothing else.

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Nonce, Tag};
use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::ids::{ActorId, DekId, DocId};

use super::device::first_16;
use super::secret::Secret;
use super::{CryptoError, SenderKey, labels};

/// A document key: one per (document, actor, epoch).
#[derive(Debug)]
pub struct DocumentKey(Secret);

impl DocumentKey {
    /// A fresh document key.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self(Secret::generate(rng))
    }

    /// From [`DocumentKey::to_secret_bytes`].
    pub fn from_secret_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        Secret::from_slice(bytes).map(Self)
    }

    /// The secret bytes, for an encrypted store only.
    pub fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.0.to_vec()
    }

    /// SHA-256("dek v1" || key)\[..16\].
    pub fn id(&self) -> DekId {
        let mut hash = Sha256::new();
        hash.update(labels::DOCUMENT_KEY);
        hash.update(self.0.as_bytes());
        DekId::new(first_16(hash))
    }

    /// The key under the sender key: its own wrapping key by HKDF (doc, actor, dek id), so no key-nonce pair repeats.
    pub fn wrap(&self, sender: &SenderKey, doc: DocId, actor: ActorId) -> [u8; 48] {
        let dek = self.id();
        let mut wrapped = [0; 48];
        let (text, tag) = wrapped.split_at_mut(32);
        text.copy_from_slice(self.0.as_bytes());
        let made = wrapping_cipher(sender, doc, actor, dek)
            .encrypt_inout_detached(&Nonce::default(), dek.as_bytes(), text.into())
            .expect("32 bytes are below every limit of the cipher");
        tag.copy_from_slice(&made);
        wrapped
    }

    /// Opens a wrapped document key and checks that it is the one named.
    ///
    /// # Errors
    /// `Seal` when it was wrapped for another document, actor, sender or key, or changed.
    pub fn unwrap(
        wrapped: &[u8; 48],
        sender: &SenderKey,
        doc: DocId,
        actor: ActorId,
        dek: DekId,
    ) -> Result<Self, CryptoError> {
        let (text, tag) = wrapped.split_at(32);
        let tag = Tag::try_from(tag).map_err(|_| CryptoError::Seal)?;
        let mut key = Secret::from_slice(text)?;
        wrapping_cipher(sender, doc, actor, dek)
            .decrypt_inout_detached(
                &Nonce::default(),
                dek.as_bytes(),
                key.as_mut_bytes().as_mut_slice().into(),
                &tag,
            )
            .map_err(|_| CryptoError::Seal)?;
        let key = Self(key);
        if key.id() == dek { Ok(key) } else { Err(CryptoError::Seal) }
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

/// A cipher used for one message: the wrapping key is a function of what it wraps, hence the zero nonce.
fn wrapping_cipher(sender: &SenderKey, doc: DocId, actor: ActorId, dek: DekId) -> ChaCha20Poly1305 {
    let info =
        [labels::DOCUMENT_KEY_WRAP, doc.as_bytes(), actor.as_bytes(), dek.as_bytes()].concat();
    let mut key = Secret::zero();
    Hkdf::<Sha256>::new(None, sender.as_bytes())
        .expand(&info, key.as_mut_bytes())
        .expect("32 bytes are a length that HKDF can give");
    ChaCha20Poly1305::new(key.as_bytes().into())
}
