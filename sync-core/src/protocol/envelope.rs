//! The envelope: the one form in which every change travels and is kept.
//!
//! An envelope is a fixed header of 141 bytes (big-endian), a body, and an Ed25519 signature over
//! "aftercall envelope v1" || header. Its id is SHA-256(header); the header holds the body's hash.
//! This file checks shape only. Signatures are checked in `gates`.

use sha2::{Digest, Sha256};

use crate::ids::{ActorId, DeviceId, DocId, EnvelopeId, SpaceId, first_16};

use super::{Day, limits};

/// Length of an encoded header, in bytes.
pub const HEADER_LEN: usize = 141;

/// The only version of the envelope there is.
pub const VERSION: u8 = 1;

/// What an envelope's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// An uncompressed Automerge change, readable by the relay.
    Change = 1,
    /// A sealed Automerge change.
    Sealed = 2,
    /// The making of a sealed space.
    Space = 3,
    /// A further reader of a space.
    Reader = 4,
    /// A new epoch key of a space.
    Epoch = 5,
    /// A device's sender key, sealed to an epoch.
    Sender = 6,
    /// Epoch keys wrapped for one device.
    Wrap = 7,
    /// An entry of the directory.
    Directory = 8,
    /// An order to erase a document.
    Purge = 9,
    /// A legal hold (reserved).
    Hold = 10,
    /// An order to wipe a device (reserved).
    Wipe = 11,
    /// A reader's verdict on a harmful sealed change (reserved).
    Verdict = 12,
}

impl Kind {
    fn from_u8(value: u8) -> Option<Self> {
        Some(match value {
            1 => Self::Change,
            2 => Self::Sealed,
            3 => Self::Space,
            4 => Self::Reader,
            5 => Self::Epoch,
            6 => Self::Sender,
            7 => Self::Wrap,
            8 => Self::Directory,
            9 => Self::Purge,
            10 => Self::Hold,
            11 => Self::Wipe,
            12 => Self::Verdict,
            _ => return None,
        })
    }

    /// Whether the body is (a sealed) part of a document, so that `doc`, `record` and `actor_no` mean something.
    pub const fn is_document(self) -> bool {
        matches!(self, Self::Change | Self::Sealed)
    }
}

/// How early an envelope leaves the outbox. Lower leaves first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Priority {
    /// Directory entries and purges.
    First = 0,
    /// Requests for support.
    Urgent = 1,
    /// Spaces, readers, keys: what later items need.
    Structure = 2,
    /// Open records.
    Open = 3,
    /// Sealed bodies.
    Sealed = 4,
}

impl Priority {
    fn from_u8(value: u8) -> Option<Self> {
        Some(match value {
            0 => Self::First,
            1 => Self::Urgent,
            2 => Self::Structure,
            3 => Self::Open,
            4 => Self::Sealed,
            _ => return None,
        })
    }
}

/// The header of an envelope. Every field is authenticated by the signature and, in sealed bodies, by the seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the body is.
    pub kind: Kind,
    /// How early it leaves the outbox.
    pub priority: Priority,
    /// Schema version of the record (0 where the envelope is no record).
    pub schema: u16,
    /// Record kind in clear, so that policy is enforced on ciphertext (0 where the envelope is no record).
    pub record: u16,
    /// The space; its directory entry's genesis alone has [`SpaceId::ZERO`].
    pub space: SpaceId,
    /// The document, [`DocId::ZERO`] where the envelope concerns the space itself.
    pub doc: DocId,
    /// The device that signed.
    pub device: DeviceId,
    /// Counts from 1 per (device, space).
    pub device_seq: u64,
    /// The device's actor number in this document.
    pub actor_no: u16,
    /// The author's day: visible to the relay, orders nothing.
    pub day: Day,
    /// Length of the directory its author had seen (a directory entry: the length it extends).
    pub directory_seq: u64,
    /// Id of the last directory entry its author had seen, zero for none.
    pub directory_hash: EnvelopeId,
    /// SHA-256 of the body.
    pub body_hash: [u8; 32],
}

/// Bytes that are no envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Wrong length.
    #[error("the envelope is cut short or too long")]
    Length,
    /// A version this software does not know.
    #[error("the envelope's version is unknown; update the app")]
    Version,
    /// A kind or priority this software does not know.
    #[error("the envelope's kind is unknown; update the app")]
    Kind,
    /// The body is longer than allowed.
    #[error("the envelope's body is longer than 64 KiB")]
    TooLong,
    /// The body does not match the header.
    #[error("the envelope's body is not the one its author signed")]
    BodyHash,
}

impl Header {
    /// The header's 141 bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut out = Vec::with_capacity(HEADER_LEN);
        out.extend_from_slice(&[VERSION, self.kind as u8, self.priority as u8]);
        out.extend_from_slice(&self.schema.to_be_bytes());
        out.extend_from_slice(&self.record.to_be_bytes());
        out.extend_from_slice(self.space.as_bytes());
        out.extend_from_slice(self.doc.as_bytes());
        out.extend_from_slice(self.device.as_bytes());
        out.extend_from_slice(&self.device_seq.to_be_bytes());
        out.extend_from_slice(&self.actor_no.to_be_bytes());
        out.extend_from_slice(&self.day.0.to_be_bytes());
        out.extend_from_slice(&self.directory_seq.to_be_bytes());
        out.extend_from_slice(self.directory_hash.as_bytes());
        out.extend_from_slice(&self.body_hash);
        out.try_into().expect("the field widths add up to the header length")
    }

    /// Reads a header.
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let bytes: &[u8; HEADER_LEN] = bytes.try_into().map_err(|_| EnvelopeError::Length)?;
        if bytes[0] != VERSION {
            return Err(EnvelopeError::Version);
        }
        let mut at = 3;
        let mut take = |n: usize| {
            let part = &bytes[at..at + n];
            at += n;
            part
        };
        fn array<const N: usize>(part: &[u8]) -> [u8; N] {
            part.try_into().expect("the part was taken with this length")
        }
        Ok(Self {
            kind: Kind::from_u8(bytes[1]).ok_or(EnvelopeError::Kind)?,
            priority: Priority::from_u8(bytes[2]).ok_or(EnvelopeError::Kind)?,
            schema: u16::from_be_bytes(array(take(2))),
            record: u16::from_be_bytes(array(take(2))),
            space: SpaceId::new(array(take(16))),
            doc: DocId::new(array(take(16))),
            device: DeviceId::new(array(take(16))),
            device_seq: u64::from_be_bytes(array(take(8))),
            actor_no: u16::from_be_bytes(array(take(2))),
            day: Day(u32::from_be_bytes(array(take(4)))),
            directory_seq: u64::from_be_bytes(array(take(8))),
            directory_hash: EnvelopeId::new(array(take(32))),
            body_hash: array(take(32)),
        })
    }

    /// The envelope's id: SHA-256 of the header.
    pub fn id(&self) -> EnvelopeId {
        EnvelopeId::new(Sha256::digest(self.encode()).into())
    }

    /// Binds a body to the header.
    pub fn set_body(&mut self, body: &[u8]) {
        self.body_hash = body_hash(body);
    }

    /// The id of the sealed space that this `space` header makes: SHA-256 of the header without its space field, first 16 bytes.
    pub fn derived_space(&self) -> SpaceId {
        let bytes = self.encode();
        let mut hash = Sha256::new();
        hash.update(&bytes[..7]);
        hash.update(&bytes[23..]);
        SpaceId::new(first_16(hash))
    }

    /// The Automerge actor of this header.
    pub fn actor(&self) -> ActorId {
        actor_id(self.device, self.doc, self.actor_no)
    }

    /// What the device signs: "aftercall envelope v1" || header.
    pub fn signing_input(&self) -> Vec<u8> {
        let mut out = b"aftercall envelope v1".to_vec();
        out.extend_from_slice(&self.encode());
        out
    }

    /// The header with its body hash zeroed, as sealed bodies authenticate it.
    pub fn sealing_input(&self) -> [u8; HEADER_LEN] {
        Header { body_hash: [0; 32], ..*self }.encode()
    }
}

/// The Automerge actor of a device in a document: SHA-256("actor v1" || device || doc || actor_no)\[..16\].
///
/// Provable from a header alone, so nobody can claim another's actor.
pub fn actor_id(device: DeviceId, doc: DocId, actor_no: u16) -> ActorId {
    let mut hash = Sha256::new();
    hash.update(b"actor v1");
    hash.update(device.as_bytes());
    hash.update(doc.as_bytes());
    hash.update(actor_no.to_be_bytes());
    ActorId::new(first_16(hash))
}

/// SHA-256 of a body.
pub(crate) fn body_hash(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

/// A signed change, space, key, or directory entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The authenticated header.
    pub header: Header,
    /// The body, whose meaning `header.kind` tells.
    pub body: Vec<u8>,
    /// Ed25519 signature of the device over [`Header::signing_input`].
    pub sig: [u8; 64],
}

impl Envelope {
    /// The envelope's id.
    pub fn id(&self) -> EnvelopeId {
        self.header.id()
    }

    /// The form kept on disk and in files: header || sig || body.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN + 64 + self.body.len());
        out.extend_from_slice(&self.header.encode());
        out.extend_from_slice(&self.sig);
        out.extend_from_slice(&self.body);
        out
    }

    /// Reads [`Envelope::to_bytes`] and checks its shape (not its signature).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() < HEADER_LEN + 64 {
            return Err(EnvelopeError::Length);
        }
        let envelope = Self {
            header: Header::decode(&bytes[..HEADER_LEN])?,
            sig: bytes[HEADER_LEN..HEADER_LEN + 64]
                .try_into()
                .map_err(|_| EnvelopeError::Length)?,
            body: bytes[HEADER_LEN + 64..].to_vec(),
        };
        envelope.check_shape()?;
        Ok(envelope)
    }

    /// Checks the body's length and hash.
    pub fn check_shape(&self) -> Result<(), EnvelopeError> {
        if self.body.len() > limits::MAX_BODY {
            return Err(EnvelopeError::TooLong);
        }
        if body_hash(&self.body) != self.header.body_hash {
            return Err(EnvelopeError::BodyHash);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            kind: Kind::Sealed,
            priority: Priority::Sealed,
            schema: 1,
            record: 2,
            space: SpaceId::new([3; 16]),
            doc: DocId::new([4; 16]),
            device: DeviceId::new([5; 16]),
            device_seq: 6,
            actor_no: 7,
            day: Day(8),
            directory_seq: 9,
            directory_hash: EnvelopeId::new([10; 32]),
            body_hash: body_hash(b"body"),
        }
    }

    #[test]
    fn a_header_reads_back_and_every_bit_counts() {
        let bytes = header().encode();
        assert_eq!(Header::decode(&bytes).expect("reads"), header());
        for i in 0..bytes.len() {
            let mut other = bytes;
            other[i] ^= 1;
            if let Ok(read) = Header::decode(&other) {
                assert_ne!(read.id(), header().id(), "byte {i}");
            }
        }
    }

    #[test]
    fn the_space_made_by_a_header_does_not_depend_on_its_space_field() {
        let other = Header { space: SpaceId::ZERO, ..header() };
        assert_eq!(header().derived_space(), other.derived_space());
        let later = Header { device_seq: 7, ..header() };
        assert_ne!(header().derived_space(), later.derived_space());
    }

    #[test]
    fn a_changed_body_is_noticed() {
        let envelope = Envelope { header: header(), body: b"body".to_vec(), sig: [0; 64] };
        assert_eq!(Envelope::from_bytes(&envelope.to_bytes()), Ok(envelope.clone()));
        let mut bytes = envelope.to_bytes();
        *bytes.last_mut().expect("not empty") ^= 1;
        assert_eq!(Envelope::from_bytes(&bytes), Err(EnvelopeError::BodyHash));
    }
}
