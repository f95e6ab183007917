//! A change of a member's recovery key on its way to an entry: approved by the member, and by admins one after the
//! other, before an admin's device signs the entry.

use std::collections::BTreeSet;

use minicbor::bytes::{ByteArray, ByteVec};

use crate::crypto;
use crate::ids::{DeviceId, MemberId};
use crate::protocol::{Code, from_cbor, limits, to_cbor};
use crate::records::DeviceClass;

use super::approval_to_sign;
use super::entry::{Op, RecoveryKey};
use super::state::Directory;
use crate::protocol::{Approval, Approver};

/// A change of a recovery key with the approvals it has so far; every one of them holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryProposal {
    /// Whose key.
    pub member: MemberId,
    /// The key; `None`: the member wants none any more.
    pub key: Option<RecoveryKey>,
    /// Binds the approvals to this change.
    pub nonce: ByteArray<16>,
    op: ByteVec,
    approvals: Vec<Approval>,
}

impl RecoveryProposal {
    /// A change without approvals.
    pub fn new(member: MemberId, key: Option<RecoveryKey>, nonce: [u8; 16]) -> Self {
        let op = to_cbor(&Op::Recovery { member, key: key.clone() }).into();
        Self { member, key, nonce: nonce.into(), op, approvals: Vec::new() }
    }

    /// Reads a change as it travels, and drops approvals that do not hold at this state of the directory.
    ///
    /// # Errors
    /// `malformed` if it is none, or its bytes say more than is shown; `approval_invalid` if it is in effect already or no device of the member approved it;
    /// `no_such_member`; `recovery_spent` for a key that was listed before.
    pub fn read(directory: &Directory, bytes: &[u8]) -> Result<Self, Code> {
        if bytes.len() > limits::MAX_BODY {
            return Err(Code::TooLarge);
        }
        let Ok(Op::Approved { op, nonce, approvals }) = from_cbor::<Op>(bytes) else {
            return Err(Code::Malformed);
        };
        let inner: Op = from_cbor(&op).map_err(|_| Code::Malformed)?;
        // What is shown is what is signed, as for every other change that waits.
        let plain = to_cbor(&inner) == **op;
        let (Op::Recovery { member, key }, true) = (inner, plain) else {
            return Err(Code::Malformed);
        };
        directory.member(&member).ok_or(Code::NoSuchMember)?;
        if directory.has_spent(&nonce) {
            return Err(Code::ApprovalInvalid);
        }
        if let Some(key) = &key {
            directory.check_recovery(&member, key)?;
        }
        let mut read = Self { member, key, nonce, op, approvals: Vec::new() };
        for approval in approvals {
            read.approve(directory, approval);
        }
        if read.signers(directory).any(|(whose, _)| whose == member) {
            Ok(read)
        } else {
            Err(Code::ApprovalInvalid)
        }
    }

    /// The operation as it travels, and as an entry carries it.
    pub fn to_op(&self) -> Op {
        Op::Approved { op: self.op.clone(), nonce: self.nonce, approvals: self.approvals.clone() }
    }

    /// What an approval of it signs.
    pub fn to_sign(&self, directory: &Directory) -> Vec<u8> {
        approval_to_sign(directory.team(), &self.nonce, &self.op)
    }

    /// Adds an approval by a listed device, if it holds and is not there yet.
    pub fn approve(&mut self, directory: &Directory, approval: Approval) {
        let Approver::Device(by) = approval.by else { return };
        let message = self.to_sign(directory);
        let holds = directory
            .device(&by)
            .is_some_and(|device| crypto::verify(device.verify_key, &message, &approval.sig));
        if holds && !self.is_approved_by(&by) {
            self.approvals.push(approval);
        }
    }

    /// Takes over what another copy of the same change was approved by.
    pub fn merge(&mut self, directory: &Directory, other: Self) {
        if (&other.op, other.nonce) == (&self.op, self.nonce) {
            other.approvals.into_iter().for_each(|approval| self.approve(directory, approval));
        }
    }

    /// Whether this device approved it.
    pub fn is_approved_by(&self, device: &DeviceId) -> bool {
        self.approvals.iter().any(|approval| approval.by == Approver::Device(*device))
    }

    /// The admins who approved it.
    pub fn admins(&self, directory: &Directory) -> BTreeSet<MemberId> {
        self.signers(directory).filter(|(_, admin)| *admin).map(|(member, _)| member).collect()
    }

    /// Whether an entry with it, signed by this admin, would be taken.
    pub fn is_enough_with(&self, directory: &Directory, signer: MemberId) -> bool {
        let op = Op::Recovery { member: self.member, key: self.key.clone() };
        let mut admins = self.admins(directory);
        admins.insert(signer);
        admins.len() >= directory.approvals_of(&op).admins
    }

    fn signers<'a>(&'a self, directory: &'a Directory) -> impl Iterator<Item = (MemberId, bool)> {
        self.approvals.iter().filter_map(|approval| {
            let Approver::Device(by) = approval.by else { return None };
            let device = directory.device(&by)?;
            let admin = device.standing.admin && device.class == DeviceClass::Native;
            Some((device.member, admin))
        })
    }
}
