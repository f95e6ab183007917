//! Names of the secret keys among the sealed rows.

use crate::ids::{ActorId, DekId, DocId, EnvelopeId, EpochId, SpaceId};

use super::key;

/// Which secret a key row holds.
pub(in crate::engine) enum SecretName {
    /// This device's HPKE keys of both suites: what is sealed to the device opens with them.
    Sealing,
    /// An epoch's secret key.
    Epoch(SpaceId, EpochId),
    /// This device's sender key in an epoch, by the envelope that announced it.
    OwnSender(SpaceId, EpochId, EnvelopeId),
    /// This device's document key for (document, actor, epoch).
    OwnDocument(SpaceId, DocId, ActorId, EpochId),
    /// Any document key by its id.
    Document(DekId),
    /// The recovery secret that this phone is restored with, until it has read what was wrapped for it.
    Recovering,
}

impl SecretName {
    pub(super) fn key(&self) -> Vec<u8> {
        match self {
            SecretName::Sealing => key(&[b"h"]),
            SecretName::Epoch(space, epoch) => key(&[b"e", space.as_bytes(), epoch.as_bytes()]),
            SecretName::OwnSender(space, epoch, id) => {
                key(&[b"s", space.as_bytes(), epoch.as_bytes(), id.as_bytes()])
            }
            SecretName::OwnDocument(space, doc, actor, epoch) => {
                key(&[b"d", space.as_bytes(), doc.as_bytes(), actor.as_bytes(), epoch.as_bytes()])
            }
            SecretName::Document(dek) => key(&[b"k", dek.as_bytes()]),
            SecretName::Recovering => key(&[b"r"]),
        }
    }
}
