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

use crate::ids::{ActorId, DekId, DocId, first_16};

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

#[cfg(test)]
mod tests {
    use super::super::testing::{flipped, rng};
    use super::*;

    const DOC: DocId = DocId::new([1; 16]);
    const ACTOR: ActorId = ActorId::new([2; 16]);

    fn case() -> (SenderKey, DocumentKey, [u8; 48]) {
        let rng = &mut rng(1);
        let (sender, key) = (SenderKey::generate(rng), DocumentKey::generate(rng));
        let wrapped = key.wrap(&sender, DOC, ACTOR);
        (sender, key, wrapped)
    }

    #[test]
    fn it_unwraps_where_it_belongs() {
        let (sender, key, wrapped) = case();
        let opened = DocumentKey::unwrap(&wrapped, &sender, DOC, ACTOR, key.id()).expect("opens");
        assert_eq!(opened.to_secret_bytes(), key.to_secret_bytes());
    }

    #[test]
    fn it_unwraps_for_no_other_document_actor_sender_or_name() {
        let (sender, key, wrapped) = case();
        let refused = |sender: &SenderKey, doc, actor, dek| {
            let opened = DocumentKey::unwrap(&wrapped, sender, doc, actor, dek);
            assert_eq!(opened.err(), Some(CryptoError::Seal));
        };
        refused(&sender, DocId::new([9; 16]), ACTOR, key.id());
        refused(&sender, DOC, ActorId::new([9; 16]), key.id());
        refused(&sender, DOC, ACTOR, DekId::new([9; 16]));
        refused(&SenderKey::generate(&mut rng(2)), DOC, ACTOR, key.id());
    }

    #[test]
    fn every_bit_of_wrap_and_name_counts() {
        let (sender, key, wrapped) = case();
        for (bit, bytes) in flipped(&wrapped) {
            let other = bytes.try_into().expect("48 bytes");
            let opened = DocumentKey::unwrap(&other, &sender, DOC, ACTOR, key.id());
            assert_eq!(opened.err(), Some(CryptoError::Seal), "wrap, bit {bit}");
        }
        for (bit, bytes) in flipped(key.id().as_bytes()) {
            let other = DekId::from_slice(&bytes).expect("16 bytes");
            let opened = DocumentKey::unwrap(&wrapped, &sender, DOC, ACTOR, other);
            assert_eq!(opened.err(), Some(CryptoError::Seal), "name, bit {bit}");
        }
    }

    #[test]
    fn a_well_made_wrap_of_a_key_with_another_name_is_refused() {
        let (sender, key, _) = case();
        let other = DocumentKey::generate(&mut rng(3));
        // A sender who lies: encrypts `other` where `key` is named.
        let mut text = *other.as_bytes();
        let tag = wrapping_cipher(&sender, DOC, ACTOR, key.id())
            .encrypt_inout_detached(
                &Nonce::default(),
                key.id().as_bytes(),
                text.as_mut_slice().into(),
            )
            .expect("encrypts");
        let wrapped: [u8; 48] = [text.as_slice(), &tag].concat().try_into().expect("48 bytes");
        let opened = DocumentKey::unwrap(&wrapped, &sender, DOC, ACTOR, key.id());
        assert_eq!(opened.err(), Some(CryptoError::Seal));
    }

    #[test]
    fn two_keys_of_one_sender_have_nothing_in_common() {
        let (sender, key, wrapped) = case();
        let other = DocumentKey::generate(&mut rng(4));
        let xor = |a: &[u8], b: &[u8]| -> Vec<u8> { a.iter().zip(b).map(|(a, b)| a ^ b).collect() };
        // Under one key and nonce the two wraps would differ exactly as the two keys do.
        assert_ne!(
            xor(&wrapped[..32], &other.wrap(&sender, DOC, ACTOR)[..32]),
            xor(key.as_bytes(), other.as_bytes())
        );
    }
}
