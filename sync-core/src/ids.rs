//! Identifiers: newtypes over random or derived bytes, never bare strings.
//!
//! All ids are 128 bits and carry no time. They print as lowercase hex and parse from it.

use std::fmt;
use std::str::FromStr;

use minicbor::bytes::ByteArray;
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};

/// An id that could not be read from text or bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is {expected} hexadecimal digits; copy it again in full")]
pub struct IdError {
    /// How many hexadecimal digits the id has.
    pub expected: usize,
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], IdError> {
    let error = IdError { expected: N * 2 };
    if text.len() != N * 2 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(error);
    }
    let mut out = [0; N];
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| error.clone())?;
    }
    Ok(out)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// The id made of these bytes.
            pub const fn new(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes of the id.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// The id in these bytes, or an error if their number is wrong.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, IdError> {
                bytes.try_into().map(Self).map_err(|_| IdError { expected: $len * 2 })
            }

            /// A fresh random id.
            pub fn random(rng: &mut dyn CryptoRng) -> Self {
                let mut bytes = [0; $len];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_hex(text).map(Self)
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?;
                Ok(())
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                d: &mut minicbor::Decoder<'b>,
                ctx: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                let bytes: ByteArray<$len> = minicbor::Decode::decode(d, ctx)?;
                Ok(Self(bytes.into()))
            }
        }
    };
}

id!(
    /// A space: a group of devices that may read.
    SpaceId, 16
);
id!(
    /// A document: one Automerge document, one record or half of one.
    DocId, 16
);
id!(
    /// A device: SHA-256("device v1" || Ed25519 key)\[..16\], so an id cannot be claimed without its key.
    DeviceId, 16
);
id!(
    /// A proposed directory operation, derived from what its approvals sign.
    ProposalId, 16
);
id!(
    /// A member of a team.
    MemberId, 16
);
id!(
    /// An Automerge actor, derived from (device, document, actor number).
    ActorId, 16
);
id!(
    /// An epoch of a space key: the first 16 bytes of the id of the envelope that announced it.
    EpochId, 16
);
id!(
    /// A document key's identity: SHA-256("dek v1" || key)\[..16\].
    DekId, 16
);
id!(
    /// An incarnation of a relay: random, new whenever its data was lost or restored.
    IncarnationId, 16
);
id!(
    /// An envelope: SHA-256 of its header.
    EnvelopeId, 32
);
id!(
    /// A team: the id of the first entry of its directory.
    TeamId, 32
);
id!(
    /// A link of a space's hash chain.
    Chain, 32
);
id!(
    /// A relay: its Ed25519 verifying key.
    RelayId, 32
);

/// The first half of a hash, as derived ids take it.
pub(crate) fn first_16(hash: Sha256) -> [u8; 16] {
    let digest: [u8; 32] = hash.finalize().into();
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    first
}

impl Chain {
    /// The chain of an empty log.
    pub const EMPTY: Chain = Chain::new([0; 32]);
}

impl SpaceId {
    /// The placeholder of a header whose space is derived from the header itself.
    pub const ZERO: SpaceId = SpaceId::new([0; 16]);
}

impl DocId {
    /// The document in which this one goes on: SHA-256(doc || "next")\[..16\].
    pub fn successor(&self) -> DocId {
        DocId(first_16(Sha256::new_with_prefix([self.0.as_slice(), b"next"].concat())))
    }

    /// Documents one after the other that anybody follows: some 780,000 changes of one device.
    pub const MOST_LINKS: usize = 4_096;

    /// This document and those it goes on in, begun or not.
    pub fn chain(self) -> impl Iterator<Item = DocId> {
        std::iter::successors(Some(self), |doc| Some(doc.successor())).take(Self::MOST_LINKS)
    }

    /// The document field of envelopes that concern a space rather than a document.
    pub const ZERO: DocId = DocId::new([0; 16]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_and_parse_as_hex() {
        let id = DocId::new([0xab; 16]);
        assert_eq!(id.to_string(), "ab".repeat(16));
        assert_eq!(id.to_string().parse::<DocId>().expect("parses"), id);
    }

    #[test]
    fn a_short_or_foreign_id_is_refused() {
        assert!("ab".parse::<DocId>().is_err());
        assert!("zz".repeat(16).parse::<DocId>().is_err());
        assert!("é".repeat(16).parse::<DocId>().is_err());
        assert!("+f".repeat(16).parse::<DocId>().is_err());
    }
}
