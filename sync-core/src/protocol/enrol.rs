//! Letting a device in: the invitation, the request it makes, and the answer it waits for.
//!
//! The invitation's secret never reaches the relay: it learns a look-up value, and the new device's
//! keys are authenticated under a second value that only the inviting device can compute.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::bytes::ByteArray;

use crate::ids::{EnvelopeId, MemberId, TeamId};

use super::recovery::RecoveryVoucher;
use super::wire::Packed;
use super::{Batch, Timestamp, WireError, from_cbor, to_cbor};

const LINK_PREFIX: &str = "aftercall-join:";

/// What an admin's device hands to a new device, by QR code or link. Holds a secret: never logged, never sent to a relay.
#[derive(Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Invitation {
    /// Origin of the relay, as `https://relay.example`.
    #[n(0)]
    pub relay: String,
    /// The team: the hash of its directory's first entry.
    #[n(1)]
    pub team: TeamId,
    /// Length of the directory when the invitation was made; the new device takes no shorter one.
    #[n(2)]
    pub head_seq: u64,
    /// Id of the entry at that length.
    #[n(3)]
    pub head_hash: EnvelopeId,
    /// The member whose device this will be.
    #[n(4)]
    pub member: MemberId,
    /// 128 random bits.
    #[n(5)]
    pub secret: ByteArray<16>,
    /// When it ends, by the inviting device's corrected clock.
    #[n(6)]
    pub expires: Timestamp,
}

impl Invitation {
    /// The link that carries it.
    pub fn to_link(&self) -> String {
        format!("{LINK_PREFIX}{}", URL_SAFE_NO_PAD.encode(to_cbor(self)))
    }

    /// Reads a link.
    pub fn from_link(link: &str) -> Result<Self, WireError> {
        let text = link.trim().strip_prefix(LINK_PREFIX).ok_or(WireError::Malformed)?;
        from_cbor(&URL_SAFE_NO_PAD.decode(text).map_err(|_| WireError::Malformed)?)
    }
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Invitation([redacted])")
    }
}

/// What a relay is told of an invitation, by the admin's device that made it.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct InviteNotice {
    /// HKDF of the secret, for looking up.
    #[n(0)]
    pub lookup: ByteArray<16>,
    /// When it ends.
    #[n(1)]
    pub expires: Timestamp,
}

/// `POST /v1/enrol`: a new device asks to be let in, and asks again until it is.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct EnrolRequest {
    /// The team.
    #[n(0)]
    pub team: TeamId,
    /// The look-up value of the invitation.
    #[n(1)]
    pub lookup: ByteArray<16>,
    /// The device's Ed25519 verifying key.
    #[n(2)]
    pub verify_key: ByteArray<32>,
    /// The device's HPKE public key.
    #[n(3)]
    pub seal_key: ByteArray<32>,
    /// HMAC-SHA256 under the invitation's binding key over team, verify_key and seal_key.
    #[n(4)]
    pub mac: ByteArray<32>,
    /// The word of the member's recovery key, where it lets the device in.
    #[n(8)]
    pub recovery: Option<RecoveryVoucher>,
}

/// An [`EnrolRequest`] as an admin's device sees it.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct PendingEnrolment {
    /// The look-up value of the invitation.
    #[n(0)]
    pub lookup: ByteArray<16>,
    /// The device's Ed25519 verifying key.
    #[n(1)]
    pub verify_key: ByteArray<32>,
    /// The device's HPKE public key.
    #[n(2)]
    pub seal_key: ByteArray<32>,
    /// The MAC over both.
    #[n(3)]
    pub mac: ByteArray<32>,
    /// The word of the member's recovery key, where it lets the device in.
    #[n(8)]
    pub recovery: Option<RecoveryVoucher>,
}

/// Whether the device is let in yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum EnrolState {
    /// An admin's device has not answered yet.
    #[n(0)]
    Pending,
    /// The directory lists the device.
    #[n(1)]
    Listed,
}

/// The relay's answer: once listed, the whole directory, which the device verifies from the genesis hash it was given.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct EnrolAnswer {
    /// Where it stands.
    #[n(0)]
    pub state: EnrolState,
    /// The relay's clock.
    #[n(1)]
    pub now: Timestamp,
    /// Directory hashes of the entries.
    #[n(2)]
    pub batch: Batch,
    /// The directory's entries in order, empty while pending.
    #[n(3)]
    pub directory: Vec<Packed>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_survives_its_link_and_does_not_show_its_secret() {
        let invitation = Invitation {
            relay: "http://127.0.0.1:4000".into(),
            team: TeamId::new([1; 32]),
            head_seq: 3,
            head_hash: EnvelopeId::new([2; 32]),
            member: MemberId::new([3; 16]),
            secret: [4; 16].into(),
            expires: Timestamp(5),
        };
        let link = invitation.to_link();
        assert_eq!(Invitation::from_link(&link), Ok(invitation.clone()));
        assert_eq!(format!("{invitation:?}"), "Invitation([redacted])");
        assert!(Invitation::from_link(&link[..link.len() - 3]).is_err());
    }
}
