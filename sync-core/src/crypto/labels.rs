//! Every domain label, in one place: what is signed, sealed or derived for one purpose cannot be
//! mistaken for another.
//!
//! Invariant: no label begins another one. Those marked with a layer are used by the layer that owns those
//! bytes (`protocol`, `directory`); they stand here so that the list is complete, and tests hold both
//! together. Changing a label is a new version of the format.

/// Before a header, in an envelope's signature (`protocol`).
pub const ENVELOPE: &[u8] = b"aftercall envelope v1";
/// Before an answer's bytes, in a relay's signature (`protocol`).
pub const ANSWER: &[u8] = b"aftercall answer v1";
/// Before an answer's bytes, in a relay's signature under what it lacks (`protocol`).
pub const RECONCILE: &[u8] = b"aftercall reconcile v1";
/// Before a row of the audit log, in its hash (`protocol`).
pub const AUDIT: &[u8] = b"aftercall audit v1";
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
/// HKDF info, before the class, of an invitation's binding key for an installation that is no app.
pub const INVITE_BIND_CLASS: &[u8] = b"aftercall invite bind class v1";
/// Before a device's keys, in the proof that it holds them (`protocol`).
pub const ENROL: &[u8] = b"aftercall enrol v1";
/// Before a typed code's nameplate, in its look-up value.
pub const NAMEPLATE: &[u8] = b"aftercall nameplate v1";
/// The inviting device's name in the exchange of a typed code.
pub const CODE_INVITER: &[u8] = b"aftercall code inviter v1";
/// The new device's name in the exchange of a typed code.
pub const CODE_NEW: &[u8] = b"aftercall code new device v1";
/// HKDF info of the key that confirms a typed code's exchange.
pub const CODE_CONFIRM: &[u8] = b"aftercall code confirm v1";
/// HKDF info of the key that seals the invitation for the typed code's other side.
pub const CODE_SEAL: &[u8] = b"aftercall code seal v1";
/// HKDF info of the secret of the invitation that a typed code's exchange yields.
pub const CODE_SECRET: &[u8] = b"aftercall code secret v1";

/// Before what is sealed and its place, in the associated data of what a relay keeps of a document (`server`).
pub const AT_REST: &[u8] = b"aftercall at rest v1";
/// Associated data of master key A as a terminal phone keeps it wrapped (`server`).
pub const VAULT_A: &[u8] = b"aftercall vault a v2";
/// Associated data of master key B as a terminal phone keeps it wrapped (`server`).
pub const VAULT_B: &[u8] = b"aftercall vault b v2";

/// Before a device's public keys, in its fingerprint.
pub const FINGERPRINT: &[u8] = b"fingerprint v1";
/// Before table and key, in the associated data of a row under the reading key.
pub const SEALED_ROW: &[u8] = b"aftercall sealed row v1";
/// Before team, nonce and operation, in an approval of a directory entry (`protocol`).
pub const APPROVAL: &[u8] = b"aftercall approval v1";
/// Before team, nonce and operation, in a refusal to approve it (`protocol`).
pub const DECLINE: &[u8] = b"aftercall decline v1";
/// Before team, device, order and day, in a device's word that it was wiped (`protocol`).
pub const WIPED: &[u8] = b"aftercall wiped v1";
/// Before a message, in the signature of a phone that meets another one.
pub const MEET: &[u8] = b"aftercall meet v1";

/// HKDF info of a recovery key's Ed25519 seed.
pub const RECOVERY_SIGN: &[u8] = b"aftercall recovery sign v1";
/// HKDF info of a recovery key's HPKE secret.
pub const RECOVERY_SEAL: &[u8] = b"aftercall recovery seal v1";
/// HKDF info of a recovery key's X-Wing seed.
pub const RECOVERY_SEAL_2: &[u8] = b"aftercall recovery seal x-wing v1";
/// Before a recovery secret, in the check of its printed code.
pub const RECOVERY_CODE: &[u8] = b"recovery code v1";
/// Before a share and what it belongs to, in its check.
pub const RECOVERY_SHARE: &[u8] = b"recovery share v1";
/// HPKE info of a share sealed to a device of its holder.
pub const SHARE_WRAP: &[u8] = b"aftercall recovery share wrap v1";
/// HPKE info of a share that its holder hands to the phone being restored.
pub const SHARE_HANDED: &[u8] = b"aftercall recovery share handed v1";

/// Every label.
pub const ALL: &[&[u8]] = &[
    ENVELOPE,
    ANSWER,
    RECONCILE,
    AUDIT,
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
    FINGERPRINT,
    RECOVERY_SIGN,
    RECOVERY_SEAL,
    RECOVERY_SEAL_2,
    RECOVERY_CODE,
    RECOVERY_SHARE,
    SHARE_WRAP,
    SHARE_HANDED,
    INVITE_BIND_CLASS,
    ENROL,
    NAMEPLATE,
    CODE_INVITER,
    CODE_NEW,
    CODE_CONFIRM,
    CODE_SEAL,
    CODE_SECRET,
    DECLINE,
    MEET,
    WIPED,
    AT_REST,
    VAULT_A,
    VAULT_B,
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

        let team = TeamId::new([1; 32]);
        assert!(crate::protocol::approval_to_sign(team, &[0; 16], b"").starts_with(APPROVAL));
        assert!(crate::protocol::refusal_to_sign(team, &[0; 16], b"").starts_with(DECLINE));
        let (device, order) = (DeviceId::new([1; 16]), crate::ids::EnvelopeId::new([1; 32]));
        let wiped = crate::protocol::wiped_to_sign(team, device, order, crate::protocol::Day(0));
        assert!(wiped.starts_with(WIPED));
        let header = super::super::testing::header(DeviceId::new([9; 16]));
        assert_eq!(header.signing_input(), [ENVELOPE, &header.encode()].concat());
        assert!(crate::protocol::answer_to_sign(b"", b"").starts_with(ANSWER));
        let request = crate::protocol::EnrolRequest {
            recovery: None,
            team: TeamId::new([1; 32]),
            lookup: [2; 16].into(),
            verify_key: [3; 32].into(),
            seal_key: [4; 32].into(),
            mac: [5; 32].into(),
            class: None,
            proof: None,
            seal_key_2: None,
        };
        assert!(request.to_sign().starts_with(ENROL));
        assert!(crate::protocol::reconcile_to_sign(b"", b"").starts_with(RECONCILE));
        let actor_no = header.actor_no.to_be_bytes();
        let actor = [ACTOR, header.device.as_bytes(), header.doc.as_bytes(), &actor_no];
        assert_eq!(*header.actor().as_bytes(), id_of(&actor));
        let team = TeamId::new([1; 32]);
        let space = [SPACE, team.as_bytes(), &[SpaceKind::Operations as u8]];
        assert_eq!(*open_space_id(team, SpaceKind::Operations, None).as_bytes(), id_of(&space));
    }
}
