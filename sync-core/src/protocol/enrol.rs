//! Letting a device in: the invitation, the request it makes, and the answer it waits for.
//!
//! The invitation's secret never reaches the relay: it learns a look-up value, and the new device's
//! keys are authenticated under a second value that only the inviting device can compute. A typed code ends in such
//! an invitation too, handed over inside an exchange that the relay carries and cannot read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::bytes::{ByteArray, ByteVec};

use crate::ids::{DeviceId, EnvelopeId, MemberId, TeamId};

use super::recovery::RecoveryVoucher;
use super::wire::Packed;
use super::{Batch, Timestamp, WireError, from_cbor, to_cbor};

const LINK_PREFIX: &str = "aftercall-join:";
const REPLY_PREFIX: &str = "aftercall-reply:";

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
    /// How it is handed over; a link or code if left out.
    #[n(2)]
    pub kind: Option<InviteKind>,
}

/// How an invitation is handed over, as far as it concerns the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum InviteKind {
    /// By QR code or link: 15 minutes.
    #[n(0)]
    Link,
    /// Printed, one of a batch for a station: 72 hours. Admins only.
    #[n(1)]
    Batch,
    /// By a typed code: the look-up value is its nameplate's, and stands for the exchange, not for keys.
    #[n(2)]
    Code,
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
    /// HMAC-SHA256 under the invitation's binding key over team, keys and class.
    #[n(4)]
    pub mac: ByteArray<32>,
    /// What kind of installation it is, as numbered in the policy table; an app if left out.
    #[n(5)]
    pub class: Option<u8>,
    /// Ed25519 by the verifying key over [`EnrolRequest::to_sign`]: a device that was let in without the relay
    /// having heard of its invitation shows with it that it is the one listed.
    #[n(6)]
    pub proof: Option<ByteArray<64>>,
    /// The device's X-Wing public key.
    #[n(7)]
    pub seal_key_2: Option<ByteVec>,
    /// The word of the member's recovery key, where it lets the device in.
    #[n(8)]
    pub recovery: Option<RecoveryVoucher>,
}

impl EnrolRequest {
    /// What [`EnrolRequest::proof`] signs: everything before it.
    pub fn to_sign(&self) -> Vec<u8> {
        let bare = Self { proof: None, ..self.clone() };
        [b"aftercall enrol v1".as_slice(), &to_cbor(&bare)].concat()
    }

    /// The text that carries it back to the inviting phone, as a QR code or link.
    pub fn to_reply(&self) -> String {
        format!("{REPLY_PREFIX}{}", URL_SAFE_NO_PAD.encode(to_cbor(self)))
    }

    /// Reads such a text.
    pub fn from_reply(text: &str) -> Result<Self, WireError> {
        let text = text.trim().strip_prefix(REPLY_PREFIX).ok_or(WireError::Malformed)?;
        from_cbor(&URL_SAFE_NO_PAD.decode(text).map_err(|_| WireError::Malformed)?)
    }
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
    /// The MAC over all keys and the class.
    #[n(3)]
    pub mac: ByteArray<32>,
    /// What kind of installation it is; an app if left out.
    #[n(4)]
    pub class: Option<u8>,
    /// The device's X-Wing public key.
    #[n(5)]
    pub seal_key_2: Option<ByteVec>,
    /// The word of the member's recovery key, where it lets the device in.
    #[n(8)]
    pub recovery: Option<RecoveryVoucher>,
}

impl From<&EnrolRequest> for PendingEnrolment {
    fn from(request: &EnrolRequest) -> Self {
        let EnrolRequest { lookup, verify_key, seal_key, mac, class, seal_key_2, recovery, .. } =
            request.clone();
        Self { lookup, verify_key, seal_key, mac, class, seal_key_2, recovery }
    }
}

/// A member's further device, vouched for by a device of that member; an admin's device gives it its place.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct VouchedDevice {
    /// The encoded directory operation (`Op::Device`).
    #[n(0)]
    pub op: ByteVec,
    /// Random, so that the approval counts once.
    #[n(1)]
    pub nonce: ByteArray<16>,
    /// The device that vouches.
    #[n(2)]
    pub by: DeviceId,
    /// Its Ed25519 signature, as an approval of the operation.
    #[n(3)]
    pub sig: ByteArray<64>,
}

/// `POST /v1/enrol` with a typed code: the new phone's side of the exchange, asked again until it is answered.
///
/// It begins with a number where an [`EnrolRequest`] begins with bytes, so the two cannot be mistaken.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct CodeRequest {
    /// Version of the exchange: 1.
    #[n(0)]
    pub version: u8,
    /// The nameplate's look-up value.
    #[n(1)]
    pub lookup: ByteArray<16>,
    /// The new phone's SPAKE2 message.
    #[n(2)]
    pub message: ByteArray<33>,
}

/// The relay's answer to a [`CodeRequest`].
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct CodeAnswer {
    /// The relay's clock.
    #[n(0)]
    pub now: Timestamp,
    /// What the inviting phone answered; nothing yet if left out.
    #[n(1)]
    pub reply: Option<CodeReply>,
}

/// The inviting phone's side of a typed code's exchange.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct CodeReply {
    /// Its SPAKE2 message.
    #[n(0)]
    pub message: ByteArray<33>,
    /// HMAC-SHA256 over look-up value, both messages and `sealed`: commits to the exchanged key.
    #[n(1)]
    pub confirm: ByteArray<32>,
    /// The invitation, sealed under the exchanged key.
    #[n(2)]
    pub sealed: ByteVec,
}

/// A [`CodeRequest`] as the inviting device sees it.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct CodeTry {
    /// The nameplate's look-up value.
    #[n(0)]
    pub lookup: ByteArray<16>,
    /// The new phone's SPAKE2 message.
    #[n(1)]
    pub message: ByteArray<33>,
}

/// What the inviting device answers to a [`CodeTry`].
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct CodeAnswered {
    /// Which try.
    #[n(0)]
    pub to: CodeTry,
    /// The answer.
    #[n(1)]
    pub reply: CodeReply,
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

    #[test]
    fn a_reply_survives_its_text_and_its_proof_covers_all_of_it() {
        let request = EnrolRequest {
            recovery: None,
            team: TeamId::new([1; 32]),
            lookup: [2; 16].into(),
            verify_key: [3; 32].into(),
            seal_key: [4; 32].into(),
            mac: [5; 32].into(),
            class: None,
            proof: Some([6; 64].into()),
            seal_key_2: None,
        };
        let text = request.to_reply();
        assert_eq!(EnrolRequest::from_reply(&text), Ok(request.clone()));
        assert!(EnrolRequest::from_reply(&text[..text.len() - 3]).is_err());
        assert!(Invitation::from_link(&text).is_err());
        let others = [
            EnrolRequest { team: TeamId::new([9; 32]), ..request.clone() },
            EnrolRequest { lookup: [9; 16].into(), ..request.clone() },
            EnrolRequest { seal_key: [9; 32].into(), ..request.clone() },
            EnrolRequest { class: Some(1), ..request.clone() },
        ];
        assert!(others.iter().all(|other| other.to_sign() != request.to_sign()));
        let unproven = EnrolRequest { proof: None, ..request.clone() };
        assert_eq!(unproven.to_sign(), request.to_sign());
    }

    #[test]
    fn a_code_request_is_no_enrolment_request_and_the_other_way_round() {
        let code = CodeRequest { version: 1, lookup: [1; 16].into(), message: [2; 33].into() };
        assert!(from_cbor::<EnrolRequest>(&to_cbor(&code)).is_err());
        assert_eq!(from_cbor::<CodeRequest>(&to_cbor(&code)), Ok(code));
    }
}
