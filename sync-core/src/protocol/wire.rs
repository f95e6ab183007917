//! How envelopes are packed into a batch: what the receiver can compute is left out.
//!
//! Left out are the body hash (computed from the body) and the directory hash (listed once a batch).
//! Unpacking restores the header byte for byte, so ids and signatures hold.

use minicbor::bytes::{ByteArray, ByteVec};
use sha2::{Digest, Sha256};

use crate::ids::EnvelopeId;

use super::envelope::body_hash;
use super::{Envelope, EnvelopeError, HEADER_LEN, Header, limits};

/// Header bytes that travel: all but directory_hash and body_hash, which are its last 64.
const SHORT: usize = HEADER_LEN - 64;

/// Bytes that are no message of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not the CBOR this message is made of.
    #[error("the message is damaged or from another program")]
    Malformed,
    /// An envelope of the batch is malformed.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

/// An envelope in a batch: short header, index of its directory hash, signature, body.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Packed {
    #[n(0)]
    header: ByteArray<SHORT>,
    #[n(1)]
    directory: u32,
    #[n(2)]
    sig: ByteArray<64>,
    #[n(3)]
    body: ByteVec,
}

impl Packed {
    /// Bytes it takes, about: for paging.
    pub fn size(&self) -> usize {
        SHORT + 64 + 8 + self.body.len()
    }
}

/// The directory hashes that a batch's envelopes name, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct Batch(#[n(0)] Vec<EnvelopeId>);

impl Batch {
    /// A batch without hashes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Packs an envelope, adding its directory hash to the batch.
    pub fn pack(&mut self, envelope: &Envelope) -> Packed {
        let hash = envelope.header.directory_hash;
        // Most envelopes of a batch share the last hash: look from the end.
        let index = self.0.iter().rposition(|h| *h == hash).unwrap_or_else(|| {
            self.0.push(hash);
            self.0.len() - 1
        });
        let mut header = [0; SHORT];
        header.copy_from_slice(&envelope.header.encode()[..SHORT]);
        Packed {
            header: header.into(),
            directory: index as u32,
            sig: envelope.sig.into(),
            body: envelope.body.clone().into(),
        }
    }

    /// The id of a packed envelope, told even where its shape is wrong; `None` if the batch lacks its directory hash.
    pub fn claimed_id(&self, packed: &Packed) -> Option<EnvelopeId> {
        let bytes = self.header_bytes(packed).ok()?;
        Some(EnvelopeId::new(Sha256::digest(bytes).into()))
    }

    /// Restores an envelope and checks its shape (not its signature).
    pub fn unpack(&self, packed: &Packed) -> Result<Envelope, WireError> {
        let envelope = Envelope {
            header: Header::decode(&self.header_bytes(packed)?)?,
            body: packed.body.to_vec(),
            sig: packed.sig.into(),
        };
        envelope.check_shape()?;
        Ok(envelope)
    }

    fn header_bytes(&self, packed: &Packed) -> Result<[u8; HEADER_LEN], WireError> {
        let hash = self.0.get(packed.directory as usize).ok_or(WireError::Malformed)?;
        let mut bytes = [0; HEADER_LEN];
        bytes[..SHORT].copy_from_slice(packed.header.as_slice());
        bytes[SHORT..SHORT + 32].copy_from_slice(hash.as_bytes());
        bytes[SHORT + 32..].copy_from_slice(&body_hash(&packed.body));
        Ok(bytes)
    }
}
/// Whether there are no more values than a message may have. Counts heads one after the other, whatever they are
/// inside of; what is no CBOR is for the decoder to refuse.
pub(super) fn has_few_items(bytes: &[u8]) -> bool {
    let (mut at, mut items) = (0usize, 0);
    while let Some(first) = bytes.get(at) {
        items += 1;
        if items > limits::MAX_ITEMS {
            return false;
        }
        let width = match first & 0x1f {
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => 0,
        };
        let Some(argument) = bytes.get(at + 1..at + 1 + width) else { return true };
        let value = match width {
            0 if first & 0x1f < 24 => u64::from(first & 0x1f),
            _ => argument.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)),
        };
        // Byte and text strings stand behind their head.
        let behind = if matches!(first >> 5, 2 | 3) { usize::try_from(value) } else { Ok(0) };
        let Some(next) = behind.ok().and_then(|behind| (at + 1 + width).checked_add(behind)) else {
            return true;
        };
        at = next;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{WireError, from_cbor, to_cbor};

    #[test]
    fn many_small_values_are_refused_before_any_is_made() {
        let most = vec![ByteVec::from(vec![]); limits::MAX_ITEMS - 1];
        assert!(from_cbor::<Vec<ByteVec>>(&to_cbor(&most)).is_ok());
        let more = vec![ByteVec::from(vec![]); limits::MAX_ITEMS];
        assert_eq!(from_cbor::<Vec<ByteVec>>(&to_cbor(&more)), Err(WireError::Malformed));
    }

    #[test]
    fn what_stands_inside_of_strings_is_not_counted() {
        let long = vec![ByteVec::from(vec![0; 3 * limits::MAX_ITEMS]); 2];
        assert!(has_few_items(&to_cbor(&long)));
        for cut in
            [&[0x5b, 0xff][..], &[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[0x81]]
        {
            assert!(has_few_items(cut), "the decoder refuses it");
            assert!(from_cbor::<Vec<ByteVec>>(cut).is_err());
        }
    }
}
