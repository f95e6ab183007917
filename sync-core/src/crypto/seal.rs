//! Sealing a change: XChaCha20-Poly1305 under a document key, with the whole header authenticated.
//!
//! A sealed change opens only where its author put it: the associated data binds space, document,
//! device, position, actor, record, schema, day and directory state, and the suite, epoch and key it was
//! made under. It does not bind the wrapped key beside it; that opens or fails by itself, and the
//! signature over the body's hash covers both. The nonce is random (192 bits), so no counter has to
//! survive a crash. The plaintext's layout is in `pad`.

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::ids::{DekId, EpochId};
use crate::protocol::{Header, SealedBody, Suite};

use super::epoch::suite_byte;
use super::{CryptoError, DocumentKey, labels, pad};

const TAG_LEN: usize = 16;

/// Compresses, pads (Padme, floor 256 B) and seals a change (XChaCha20-Poly1305).
/// AAD = "aftercall seal v1" || header with body_hash zeroed || suite || epoch || dek id.
/// `header.body_hash` is ignored; every other field must be final.
#[expect(clippy::too_many_arguments, reason = "each is part of what the seal binds")]
pub fn seal_change(
    header: &Header,
    suite: Suite,
    epoch: EpochId,
    key: &DocumentKey,
    wrapped_dek: Option<[u8; 48]>,
    change: &[u8],
    rng: &mut dyn CryptoRng,
) -> SealedBody {
    let dek = key.id();
    let mut nonce = [0; 24];
    rng.fill_bytes(&mut nonce);
    let mut text = pad::pack(change, TAG_LEN);
    cipher(key)
        .encrypt_in_place(&XNonce::from(nonce), &seal_aad(header, suite, epoch, dek), &mut *text)
        .expect("a change in memory is below every limit of the cipher");
    // Now ciphertext: taken out of its zeroising wrapper.
    let ciphertext = std::mem::take(&mut *text);
    SealedBody {
        suite,
        epoch,
        dek,
        wrapped_dek: wrapped_dek.map(Into::into),
        nonce: nonce.into(),
        ciphertext: ciphertext.into(),
    }
}

/// Opens a sealed change; inflation is capped at [`crate::protocol::limits::MAX_INFLATED`].
///
/// # Errors
/// `Seal` for another key or place, or changed bytes; `Text` for a plaintext that is malformed or too long.
pub fn open_change(
    header: &Header,
    body: &SealedBody,
    key: &DocumentKey,
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    if body.dek != key.id() {
        return Err(CryptoError::Seal);
    }
    let nonce: [u8; 24] = body.nonce.into();
    let mut text = Zeroizing::new(body.ciphertext.to_vec());
    cipher(key)
        .decrypt_in_place(
            &XNonce::from(nonce),
            &seal_aad(header, body.suite, body.epoch, body.dek),
            &mut *text,
        )
        .map_err(|_| CryptoError::Seal)?;
    pad::unpack(&text)
}

fn cipher(key: &DocumentKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.as_bytes().into())
}

fn seal_aad(header: &Header, suite: Suite, epoch: EpochId, dek: DekId) -> Vec<u8> {
    [
        labels::SEAL,
        header.sealing_input().as_slice(),
        &[suite_byte(suite)],
        epoch.as_bytes(),
        dek.as_bytes(),
    ]
    .concat()
}
