//! What a document says, as it lies in the database: sealed under the document's own key ([`super::keys`]).
//!
//! Sealed are bodies of changes, merged documents, what pages show of them, and what was refused. Headers, signatures
//! and counts stay as they are: positions and gates need them and they hold no words. Structure without a document
//! (directory, spaces, readers, epochs, wraps) is not sealed. Invariant: a sealed value opens only where it was put,
//! because its associated data name the place. A body that lies open, as before there were keys, is read as it is.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use rand_core::{Rng, UnwrapErr};
use sync_core::crypto::labels;
use sync_core::ids::{DocId, SpaceId, TeamId};
use sync_core::protocol::{Envelope, HEADER_LEN, Header};

use super::keys::{Place, RestKey};
use super::{Reader, StoreError, Tx};

const NONCE_LEN: usize = 24;
/// Where the body begins in an envelope: after header and signature.
const BODY_AT: usize = HEADER_LEN + 64;

/// What is sealed, in its associated data.
#[derive(Clone, Copy)]
enum What {
    Body = 1,
    Document = 2,
    Record = 3,
    Unreadable = 4,
}

fn associated(what: What, place: &[&[u8]]) -> Vec<u8> {
    [labels::AT_REST, &[what as u8], &place.concat()].concat()
}

/// A new random key.
pub(super) fn fresh_key() -> RestKey {
    let mut key = RestKey::default();
    UnwrapErr(getrandom::SysRng).fill_bytes(&mut *key);
    key
}

fn seal(key: &RestKey, aad: &[u8], msg: &[u8]) -> Vec<u8> {
    let mut nonce = [0; NONCE_LEN];
    UnwrapErr(getrandom::SysRng).fill_bytes(&mut nonce);
    let sealed = XChaCha20Poly1305::new((&**key).into())
        .encrypt(&XNonce::from(nonce), Payload { msg, aad })
        .expect("what a database holds is within the cipher's limits");
    [&nonce[..], &sealed].concat()
}

fn open(key: &RestKey, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, msg) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let cipher = XChaCha20Poly1305::new((&**key).into());
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg, aad }).ok()
}

/// An envelope's bytes as they are kept: a document's body sealed, everything else as it is.
pub(super) fn seal_envelope(tx: &Tx<'_>, envelope: &Envelope) -> Result<Vec<u8>, StoreError> {
    let header = &envelope.header;
    let bytes = envelope.to_bytes();
    if !header.kind.is_document() {
        return Ok(bytes);
    }
    let (open, body) = bytes.split_at(BODY_AT);
    let aad = associated(What::Body, &[&open[..HEADER_LEN]]);
    let key = tx.key_for((header.space, header.doc))?;
    Ok([open, &seal(&key, &aad, body)].concat())
}

/// The document a kept envelope is part of, as its header says.
pub(super) fn place_of(kept: &[u8]) -> Option<Place> {
    let header = Header::decode(kept.get(..HEADER_LEN)?).ok()?;
    header.kind.is_document().then_some((header.space, header.doc))
}

/// An envelope from what is kept of it; `None` if it cannot be opened or is none.
pub(super) fn open_envelope(reader: &Reader, kept: &[u8]) -> Result<Option<Envelope>, StoreError> {
    let key = match place_of(kept) {
        Some(place) => reader.key_of(place)?,
        None => None,
    };
    Ok(envelope_with(key.as_ref(), kept))
}

/// An envelope from what is kept of it and its document's key.
pub(crate) fn envelope_with(key: Option<&RestKey>, kept: &[u8]) -> Option<Envelope> {
    if let (Some(key), Some((open_part, sealed))) = (key, kept.split_at_checked(BODY_AT)) {
        let aad = associated(What::Body, &[&open_part[..HEADER_LEN]]);
        if let Some(body) = open(key, &aad, sealed) {
            return Envelope::from_bytes(&[open_part, &body].concat()).ok();
        }
    }
    Envelope::from_bytes(kept).ok()
}

/// A merged document as it is kept.
pub(super) fn seal_document(
    tx: &Tx<'_>,
    space: SpaceId,
    doc: DocId,
    saved: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let aad = associated(What::Document, &[space.as_bytes(), doc.as_bytes()]);
    Ok(seal(&tx.key_for((space, doc))?, &aad, saved))
}

/// A merged document; `None` if what is kept cannot be opened.
pub(super) fn open_document(
    reader: &Reader,
    place: Place,
    kept: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(reader.key_of(place)?.and_then(|key| document_with(&key, place, kept)))
}

/// A merged document from what is kept of it and its key.
pub(crate) fn document_with(key: &RestKey, (space, doc): Place, kept: &[u8]) -> Option<Vec<u8>> {
    open(key, &associated(What::Document, &[space.as_bytes(), doc.as_bytes()]), kept)
}

/// What pages show of a document, as it is kept.
pub(super) fn seal_record(
    tx: &Tx<'_>,
    space: SpaceId,
    doc: DocId,
    shown: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let aad = associated(What::Record, &[space.as_bytes(), doc.as_bytes()]);
    Ok(seal(&tx.key_for((space, doc))?, &aad, shown))
}

/// What pages show of a document; `None` if it cannot be opened.
pub(super) fn open_record(
    reader: &Reader,
    place: Place,
    kept: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(reader.key_of(place)?.and_then(|key| record_with(&key, place, kept)))
}

/// What pages show of a document, from what is kept of it and its key.
pub(crate) fn record_with(key: &RestKey, (space, doc): Place, kept: &[u8]) -> Option<Vec<u8>> {
    open(key, &associated(What::Record, &[space.as_bytes(), doc.as_bytes()]), kept)
}

/// Where the key of what nobody can read is kept: one for each team, because no document can be told from it.
fn unreadable(team: TeamId) -> Place {
    let mut first = [0; 16];
    first.copy_from_slice(&team.as_bytes()[..16]);
    (SpaceId::new([0; 16]), DocId::new(first))
}

/// Whether a place is that of what nobody can read.
pub(super) const NO_SPACE: [u8; 16] = [0; 16];

/// Bytes that were refused, as they are kept.
pub(super) fn seal_refused(tx: &Tx<'_>, team: TeamId, bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    match Envelope::from_bytes(bytes) {
        Ok(envelope) => seal_envelope(tx, &envelope),
        Err(_) => {
            let aad = associated(What::Unreadable, &[team.as_bytes()]);
            Ok(seal(&tx.key_for(unreadable(team))?, &aad, bytes))
        }
    }
}

/// Whether refused bytes are sealed already as [`seal_refused`] seals what is no envelope.
pub(super) fn is_sealed_unreadable(
    reader: &Reader,
    team: TeamId,
    kept: &[u8],
) -> Result<bool, StoreError> {
    let aad = associated(What::Unreadable, &[team.as_bytes()]);
    Ok(reader.key_of(unreadable(team))?.is_some_and(|key| open(&key, &aad, kept).is_some()))
}
