//! Directory operations that wait for further signatures, as they travel between admins' devices by way of the relay.
//!
//! The relay keeps and hands on what it can neither change nor complete: every signature covers the team, the
//! nonce and the operation's very bytes.

use minicbor::bytes::{ByteArray, ByteVec};
use sha2::{Digest, Sha256};

use crate::ids::{DeviceId, MemberId, ProposalId, TeamId, first_16};

/// Who approves an operation beside the admin's device that signs its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub enum Approver {
    /// A listed device: another admin's, or one of the member concerned.
    #[n(0)]
    Device(#[n(0)] DeviceId),
    /// A member's recovery key.
    #[n(1)]
    Recovery(#[n(0)] MemberId),
}

/// A further signature under an operation, bound to the operation and not to its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Approval {
    /// Whose.
    #[n(0)]
    pub by: Approver,
    /// Ed25519 over [`approval_to_sign`]; of a refusal over [`refusal_to_sign`].
    #[n(1)]
    pub sig: ByteArray<64>,
}

/// An operation on its way to the signatures it needs.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Cosign {
    /// Random, so that an approval counts once.
    #[n(0)]
    pub nonce: ByteArray<16>,
    /// The encoded operation.
    #[n(1)]
    pub op: ByteVec,
    /// Signatures so far; the first is that of the admin's device that proposes it.
    #[n(2)]
    pub approvals: Vec<Approval>,
    /// Signed refusals.
    #[n(3)]
    pub declined: Vec<Approval>,
}

impl Cosign {
    /// Its name: another operation or another nonce has another one.
    pub fn id(&self, team: TeamId) -> ProposalId {
        proposal_id(team, &self.nonce, &self.op)
    }
}

/// The name of a proposed operation: the first half of SHA-256 over what its approvals sign.
pub fn proposal_id(team: TeamId, nonce: &[u8; 16], op: &[u8]) -> ProposalId {
    ProposalId::new(first_16(Sha256::new_with_prefix(approval_to_sign(team, nonce, op))))
}

/// What an approval signs: it binds the operation to the team and a nonce, not to a place in the log.
pub fn approval_to_sign(team: TeamId, nonce: &[u8; 16], op: &[u8]) -> Vec<u8> {
    labelled(b"aftercall approval v1", team, nonce, op)
}

/// What a refusal signs.
pub fn refusal_to_sign(team: TeamId, nonce: &[u8; 16], op: &[u8]) -> Vec<u8> {
    labelled(b"aftercall decline v1", team, nonce, op)
}

fn labelled(label: &[u8], team: TeamId, nonce: &[u8; 16], op: &[u8]) -> Vec<u8> {
    let mut out = label.to_vec();
    out.extend_from_slice(team.as_bytes());
    out.extend_from_slice(nonce);
    out.extend_from_slice(&Sha256::digest(op));
    out
}
