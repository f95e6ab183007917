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

#[cfg(test)]
mod tests {
    use super::super::testing::{flipped, header, rng};
    use super::super::{DeviceKeys, SenderKey};
    use super::*;
    use crate::ids::{DeviceId, DocId, SpaceId};
    use crate::protocol::{Day, from_cbor, limits, to_cbor};

    const EPOCH: EpochId = EpochId::new([1; 16]);
    const CHANGE: &[u8] = b"what was said in confidence";

    struct Case {
        sender: SenderKey,
        key: DocumentKey,
        header: Header,
        body: SealedBody,
    }

    fn case() -> Case {
        let rng = &mut rng(1);
        let device = DeviceKeys::generate(rng).device_id();
        let (sender, key) = (SenderKey::generate(rng), DocumentKey::generate(rng));
        let header = header(device);
        let wrapped = key.wrap(&sender, header.doc, header.actor());
        let body = seal_change(&header, Suite::X25519, EPOCH, &key, Some(wrapped), CHANGE, rng);
        Case { sender, key, header, body }
    }

    /// Opens as a reader does who has only the sender key: unwraps the document key first.
    fn read(
        sender: &SenderKey,
        header: &Header,
        body: &SealedBody,
    ) -> Result<Vec<u8>, CryptoError> {
        let wrapped = body.wrapped_dek.map(Into::into).ok_or(CryptoError::Seal)?;
        let key = DocumentKey::unwrap(&wrapped, sender, header.doc, header.actor(), body.dek)?;
        open_change(header, body, &key).map(|text| text.to_vec())
    }

    #[test]
    fn a_reader_opens_what_was_sealed() {
        let case = case();
        assert_eq!(read(&case.sender, &case.header, &case.body).expect("opens"), CHANGE);
        let signed = Header { body_hash: [7; 32], ..case.header };
        assert!(open_change(&signed, &case.body, &case.key).is_ok(), "the body hash comes later");
    }

    #[test]
    fn every_bit_of_the_body_counts() {
        let case = case();
        for (bit, bytes) in flipped(&to_cbor(&case.body)) {
            if let Ok(body) = from_cbor::<SealedBody>(&bytes) {
                assert!(read(&case.sender, &case.header, &body).is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn every_bit_of_the_header_counts() {
        let case = case();
        for (bit, bytes) in flipped(&case.header.encode()) {
            let Ok(header) = Header::decode(&bytes) else { continue };
            // With the document key at hand, so that only the seal itself can refuse.
            let opened = open_change(&header, &case.body, &case.key);
            let in_body_hash = bit / 8 >= bytes.len() - 32;
            assert_eq!(opened.is_err(), !in_body_hash, "bit {bit}");
        }
    }

    #[test]
    fn a_sealed_body_opens_nowhere_else() {
        let case = case();
        let header = case.header;
        let moved = [
            Header { doc: DocId::new([9; 16]), ..header },
            Header { space: SpaceId::new([9; 16]), ..header },
            Header { device: DeviceId::new([9; 16]), ..header },
            Header { actor_no: 9, ..header },
            Header { device_seq: 9, ..header },
            Header { record: 9, ..header },
            Header { schema: 9, ..header },
            Header { day: Day(9), ..header },
            Header { directory_seq: 9, ..header },
        ];
        for header in moved {
            assert_eq!(open_change(&header, &case.body, &case.key).err(), Some(CryptoError::Seal));
            assert!(read(&case.sender, &header, &case.body).is_err());
        }
    }

    #[test]
    fn a_key_that_the_body_does_not_name_opens_nothing() {
        let case = case();
        let other = DocumentKey::generate(&mut rng(2));
        let opened = open_change(&case.header, &case.body, &other);
        assert_eq!(opened.err(), Some(CryptoError::Seal));
        let renamed = SealedBody { dek: other.id(), ..case.body.clone() };
        let opened = open_change(&case.header, &renamed, &other);
        assert_eq!(opened.err(), Some(CryptoError::Seal));
    }

    #[test]
    fn two_seals_of_equal_text_share_no_eight_bytes() {
        let case = case();
        let text = [b'a'; 5000];
        let rng = &mut rng(3);
        let mut seal =
            || seal_change(&case.header, Suite::X25519, EPOCH, &case.key, None, &text, rng);
        let (first, second) = (seal(), seal());
        assert_ne!(first.nonce, second.nonce);
        let seen: std::collections::HashSet<&[u8]> = first.ciphertext.windows(8).collect();
        assert!(second.ciphertext.windows(8).all(|run| !seen.contains(run)));
        assert!(!first.ciphertext.windows(8).any(|run| run == &text[..8]));
    }

    #[test]
    fn texts_of_different_lengths_look_alike() {
        let case = case();
        let len = |change: &[u8]| {
            let body = seal_change(
                &case.header,
                Suite::X25519,
                EPOCH,
                &case.key,
                None,
                change,
                &mut rng(4),
            );
            body.ciphertext.len()
        };
        assert_eq!(len(b""), 256 + TAG_LEN);
        assert_eq!(len(b"yes"), len(&[b'n'; 3000]));
    }

    #[test]
    fn a_bomb_inside_a_good_seal_is_refused() {
        let case = case();
        // Well sealed by a hostile reader: 256 KiB and one byte, of which few bytes travel.
        let bomb = vec![0; limits::MAX_INFLATED + 1];
        let mut packed = pad::pack(&bomb[1..], TAG_LEN);
        packed[1..5].copy_from_slice(&(bomb.len() as u32).to_be_bytes());
        let mut body = case.body.clone();
        let nonce: [u8; 24] = body.nonce.into();
        let aad = seal_aad(&case.header, body.suite, body.epoch, body.dek);
        cipher(&case.key)
            .encrypt_in_place(&XNonce::from(nonce), &aad, &mut *packed)
            .expect("encrypts");
        body.ciphertext = packed.to_vec().into();
        let opened = open_change(&case.header, &body, &case.key);
        assert_eq!(opened.err(), Some(CryptoError::Text));
    }
}
