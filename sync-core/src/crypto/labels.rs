//! Every domain label, in one place: what is signed, sealed or derived for one purpose cannot be
//! mistaken for another.
//!
//! Invariant: no label begins another one. The first four are used by the layers that own those bytes
//! (`protocol`, `directory`); they stand here so that the list is complete, and tests hold both
//! together. Changing a label is a new version of the format.

/// Before a header, in an envelope's signature (`protocol`).
pub const ENVELOPE: &[u8] = b"aftercall envelope v1";
/// Before an answer's bytes, in a relay's signature (`protocol`).
pub const ANSWER: &[u8] = b"aftercall answer v1";
/// Before device, document and actor number, in an actor's id (`protocol`).
pub const ACTOR: &[u8] = b"actor v1";
/// Before genesis, kind and owner, in an open space's id (`directory`).
pub const SPACE: &[u8] = b"space v1";
/// Before an Ed25519 key, in a device's id.
pub const DEVICE: &[u8] = b"device v1";
/// Before a document key, in its identity.
pub const DOCUMENT_KEY: &[u8] = b"dek v1";
/// Before a relay's origin and team, in a token's audience.
pub const AUDIENCE: &[u8] = b"aud v1";
/// Before the header, in the associated data of a sealed change.
pub const SEAL: &[u8] = b"aftercall seal v1";
/// HPKE info of an epoch's secret key sealed to a device.
pub const EPOCH_WRAP: &[u8] = b"aftercall epoch wrap v1";
/// HPKE info of a sender key sealed to an epoch.
pub const SENDER: &[u8] = b"aftercall sender key v1";
/// HKDF info of the key that wraps a document key.
pub const DOCUMENT_KEY_WRAP: &[u8] = b"aftercall dek wrap v1";
/// HKDF info of an invitation's look-up value.
pub const INVITE_LOOKUP: &[u8] = b"aftercall invite lookup v1";
/// HKDF info of an invitation's binding key.
pub const INVITE_BIND: &[u8] = b"aftercall invite bind v1";

/// Before table and key, in the associated data of a row under the reading key.
pub const SEALED_ROW: &[u8] = b"aftercall sealed row v1";
/// Before team, nonce and operation, in an approval of a directory entry (`directory`).
pub const APPROVAL: &[u8] = b"aftercall approval v1";

/// Every label.
pub const ALL: &[&[u8]] = &[
    ENVELOPE,
    ANSWER,
    ACTOR,
    SPACE,
    DEVICE,
    DOCUMENT_KEY,
    AUDIENCE,
    SEAL,
    EPOCH_WRAP,
    SENDER,
    DOCUMENT_KEY_WRAP,
    INVITE_LOOKUP,
    INVITE_BIND,
    SEALED_ROW,
    APPROVAL,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_begins_another() {
        for (i, a) in ALL.iter().enumerate() {
            for (j, b) in ALL.iter().enumerate() {
                assert!(i == j || !b.starts_with(a), "label {i} begins label {j}");
            }
        }
    }

    #[test]
    fn no_label_begins_like_a_token() {
        for label in ALL {
            assert!(!label.starts_with(b"ey"), "a token could be read as a labelled message");
        }
    }

    /// SHA-256 of all parts, its first half.
    fn id_of(parts: &[&[u8]]) -> [u8; 16] {
        use sha2::Digest;
        crate::ids::first_16(sha2::Sha256::new_with_prefix(parts.concat()))
    }

    #[test]
    fn other_layers_use_the_labels_listed_here() {
        use crate::directory::open_space_id;
        use crate::ids::{DeviceId, TeamId};
        use crate::records::SpaceKind;

        let header = super::super::testing::header(DeviceId::new([9; 16]));
        assert_eq!(header.signing_input(), [ENVELOPE, &header.encode()].concat());
        assert!(crate::protocol::answer_to_sign(b"", b"").starts_with(ANSWER));
        let actor_no = header.actor_no.to_be_bytes();
        let actor = [ACTOR, header.device.as_bytes(), header.doc.as_bytes(), &actor_no];
        assert_eq!(*header.actor().as_bytes(), id_of(&actor));
        let team = TeamId::new([1; 32]);
        let space = [SPACE, team.as_bytes(), &[SpaceKind::Operations as u8]];
        assert_eq!(*open_space_id(team, SpaceKind::Operations, None).as_bytes(), id_of(&space));
    }
}
