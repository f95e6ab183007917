//! An operation that waits for signatures, read and checked against the directory: by relay and phones alike.

use std::collections::BTreeSet;

use crate::ids::{DeviceId, MemberId};
use crate::protocol::{
    Approver, Code, Cosign, approval_to_sign, from_cbor, limits, refusal_to_sign, to_cbor,
};
use crate::records::DeviceClass;

use super::entry::Op;
use super::rights::{Needs, Words};
use super::state::{DeviceAt, Directory};

/// A proposed operation, its signatures checked.
#[derive(Debug, Clone)]
pub struct Proposed {
    /// The operation.
    pub op: Op,
    /// The admin's device that proposes it.
    pub device: DeviceId,
    /// Whose device that is.
    pub by: MemberId,
    /// What it needs.
    pub needs: Needs,
    /// Admins who signed it.
    pub admins: BTreeSet<MemberId>,
    /// Everybody who signed it.
    pub signed: BTreeSet<MemberId>,
    /// Members who refused.
    pub declined: BTreeSet<MemberId>,
    /// Whether nothing is missing any more.
    pub complete: bool,
}

impl Directory {
    /// What an operation that waits needs, if it can still be entered; its signatures are not checked.
    ///
    /// # Errors
    /// As [`read_proposal`](Self::read_proposal) says, but for signatures.
    pub fn proposal_stands(&self, proposal: &Cosign) -> Result<Needs, Code> {
        Ok(self.approvals_of(&self.open_proposal(proposal)?.0))
    }

    /// The operation and the device that proposes it, without a look at signatures.
    fn open_proposal(&self, proposal: &Cosign) -> Result<(Op, DeviceAt<'_>), Code> {
        if proposal.op.len() > limits::MAX_COSIGN_OP
            || proposal.approvals.len() > limits::MAX_COSIGNERS
            || proposal.declined.len() > limits::MAX_COSIGNERS
        {
            return Err(Code::TooLarge);
        }
        let op: Op = from_cbor(&proposal.op).map_err(|_| Code::Malformed)?;
        // What is shown is what is signed: bytes that say anything beyond `op` are not offered for signing.
        let plain = to_cbor(&op) == **proposal.op;
        let numbered = op.numbers().is_some_and(|numbers| !numbers.is_empty());
        if !plain || numbered || matches!(op, Op::Genesis { .. } | Op::Approved { .. }) {
            return Err(Code::Malformed);
        }
        if self.has_spent(&proposal.nonce) {
            return Err(Code::ApprovalInvalid);
        }
        let Some(Approver::Device(device)) = proposal.approvals.first().map(|first| first.by)
        else {
            return Err(Code::ApprovalInvalid);
        };
        let proposer = self.device(&device).ok_or(Code::ApprovalInvalid)?;
        if !proposer.standing.admin || proposer.class != DeviceClass::Native {
            return Err(Code::ApprovalInvalid);
        }
        Ok((op, proposer))
    }

    /// Reads an operation that waits and drops every signature that does not hold here.
    ///
    /// # Errors
    /// `malformed` if it is none, names numbers (they are put in when it is entered), or says more than this program understands; `too_large`; `approval_invalid` if it
    /// was used, or the first signature is not that of an admin's native device.
    pub fn read_proposal(&self, proposal: &mut Cosign) -> Result<Proposed, Code> {
        let (op, proposer) = self.open_proposal(proposal)?;
        let message = approval_to_sign(self.team(), &proposal.nonce, &proposal.op);
        if self.approver(&message, &proposal.approvals[0]).is_err() {
            return Err(Code::ApprovalInvalid);
        }
        let mut words = Words::default();
        proposal.approvals.retain(|approval| words.add(self, &message, approval).is_ok());
        let refusal = refusal_to_sign(self.team(), &proposal.nonce, &proposal.op);
        let mut declined = BTreeSet::new();
        proposal.declined.retain(|refused| match self.approver(&refusal, refused) {
            Ok(member) => declined.insert(member),
            Err(_) => false,
        });
        let needs = self.approvals_of(&op);
        let complete = words.suffice(&needs);
        Ok(Proposed {
            op,
            device: proposer.id,
            by: proposer.member,
            needs,
            admins: words.admins,
            signed: words.members,
            declined,
            complete,
        })
    }
}

impl Needs {
    /// Whether a device of this member has anything to say of it: an admin, or the member whose word it needs.
    pub fn concerns(&self, member: MemberId, admin: bool) -> bool {
        admin || self.member == Some(member)
    }
}

impl Proposed {
    /// Whether this member's signature would bring it forward.
    pub fn lacks(&self, member: MemberId, admin: bool) -> bool {
        let counts = admin && self.needs.without != Some(member) && self.needs.admins > 1;
        let vouches = self.needs.member == Some(member);
        (counts && !self.admins.contains(&member)) || (vouches && !self.signed.contains(&member))
    }
}
