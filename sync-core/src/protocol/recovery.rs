//! What travels when a member's reading is restored: shares and requests from person to person, and the
//! recovery key's word for a new phone to the relay.
//!
//! Texts begin with their own word, so that none is taken for another. Shares hold a secret: they are wiped when
//! dropped, print as `[redacted]`, and never reach a relay but sealed to a listed device.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::bytes::{ByteArray, ByteVec};
use zeroize::{Zeroize, Zeroizing};

use crate::ids::{DeviceId, MemberId, TeamId};

use super::{WireError, from_cbor, to_cbor};

const SHARE_PREFIX: &str = "aftercall-share:";
const REQUEST_PREFIX: &str = "aftercall-recover:";

/// One of three shares of a member's recovery secret, as printed for its holder.
#[derive(Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct RecoveryShare {
    /// The team.
    #[n(0)]
    pub team: TeamId,
    /// Whose recovery key it restores.
    #[n(1)]
    pub member: MemberId,
    /// Which of the member's recovery keys: its id, so that shares of two keys are never mixed.
    #[n(2)]
    pub key: DeviceId,
    /// Which share, from 1.
    #[n(3)]
    pub index: u8,
    /// The share.
    #[n(4)]
    pub value: ByteArray<32>,
    /// The checks of all shares, in order.
    #[n(5)]
    pub checks: Vec<ByteArray<32>>,
}

impl Drop for RecoveryShare {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

impl std::fmt::Debug for RecoveryShare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryShare([redacted])")
    }
}

/// A share as a text or QR code carries it.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub enum HandedShare {
    /// As printed: whoever reads it has it.
    #[n(0)]
    Printed(#[n(0)] RecoveryShare),
    /// As a holder's phone hands it over: only one phone opens it.
    #[n(1)]
    Sealed {
        /// The team.
        #[n(0)]
        team: TeamId,
        /// Whose recovery key it restores.
        #[n(1)]
        member: MemberId,
        /// The recovery key's id.
        #[n(2)]
        key: DeviceId,
        /// Which share, from 1.
        #[n(3)]
        index: u8,
        /// The checks of all shares, in order.
        #[n(4)]
        checks: Vec<ByteArray<32>>,
        /// The phone that opens it.
        #[n(5)]
        to: DeviceId,
        /// Encapsulated key || ciphertext.
        #[n(6)]
        sealed: ByteVec,
    },
}

impl HandedShare {
    /// The text that carries it.
    pub fn to_text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new(to_cbor(self));
        let mut text = Zeroizing::new(SHARE_PREFIX.to_owned());
        text.push_str(&Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())));
        text
    }

    /// Reads a text.
    pub fn from_text(text: &str) -> Result<Self, WireError> {
        let text = text.trim().strip_prefix(SHARE_PREFIX).ok_or(WireError::Malformed)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| WireError::Malformed)?;
        from_cbor(&Zeroizing::new(bytes))
    }
}

/// What a phone that is to be restored shows to the holders of shares. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct RecoveryRequest {
    /// The team.
    #[n(0)]
    pub team: TeamId,
    /// Whose phone it is to be.
    #[n(1)]
    pub member: MemberId,
    /// The phone's Ed25519 key.
    #[n(2)]
    pub verify_key: ByteArray<32>,
    /// The phone's HPKE key: shares are sealed to it.
    #[n(3)]
    pub seal_key: ByteArray<32>,
    /// The phone's X-Wing key: where it is given, shares are sealed to this one.
    #[n(4)]
    pub seal_key_2: Option<ByteVec>,
}

impl RecoveryRequest {
    /// The text that carries it.
    pub fn to_text(&self) -> String {
        format!("{REQUEST_PREFIX}{}", URL_SAFE_NO_PAD.encode(to_cbor(self)))
    }

    /// Reads a text.
    pub fn from_text(text: &str) -> Result<Self, WireError> {
        let text = text.trim().strip_prefix(REQUEST_PREFIX).ok_or(WireError::Malformed)?;
        from_cbor(&URL_SAFE_NO_PAD.decode(text).map_err(|_| WireError::Malformed)?)
    }
}

/// A recovery key's word for a new phone: its approval of the entry that lists it.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct RecoveryVoucher {
    /// The encoded directory operation, a `device`.
    #[n(0)]
    pub op: ByteVec,
    /// The approval's nonce.
    #[n(1)]
    pub nonce: ByteArray<16>,
    /// The recovery key's Ed25519 key, so that a spent one is told from a wrong one.
    #[n(2)]
    pub verify_key: ByteArray<32>,
    /// Its signature over the approval.
    #[n(3)]
    pub sig: ByteArray<64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share() -> RecoveryShare {
        RecoveryShare {
            team: TeamId::new([1; 32]),
            member: MemberId::new([2; 16]),
            key: DeviceId::new([3; 16]),
            index: 1,
            value: [4; 32].into(),
            checks: vec![[5; 32].into(); 3],
        }
    }

    #[test]
    fn a_share_survives_its_text_and_shows_no_secret() {
        let handed = HandedShare::Printed(share());
        let text = handed.to_text();
        assert_eq!(HandedShare::from_text(&text), Ok(handed.clone()));
        assert_eq!(format!("{handed:?}"), "Printed(RecoveryShare([redacted]))");
        assert!(HandedShare::from_text(&text[..text.len() - 3]).is_err());
        let request = RecoveryRequest {
            team: TeamId::new([1; 32]),
            member: MemberId::new([2; 16]),
            verify_key: [3; 32].into(),
            seal_key: [4; 32].into(),
            seal_key_2: None,
        };
        let text = request.to_text();
        assert_eq!(RecoveryRequest::from_text(&text), Ok(request));
        assert!(HandedShare::from_text(&text).is_err(), "one text is never taken for another");
    }
}
