//! Changes of recovery keys on their way: noticed when they are listed, shown to admins, approved one after the other.
//!
//! A member's phone hands its change to the relay; admins' phones get it with their next answer. Nothing happens
//! without a person: each admin approves on their own device, and the one whose signature completes it has the
//! entry sequenced like any other proposal.

use crate::directory::{
    Approval, Approver, Op, RecoveryChange, RecoveryEvent, RecoveryKey, RecoveryProposal,
};
use crate::ids::MemberId;
use crate::protocol::{Code, from_cbor, to_cbor};
use crate::records::DeviceClass;

use super::super::desk::Desk;
use super::super::{Phone, Result};
use super::RecoveryAsk;

impl Phone {
    /// Changes of recovery keys that wait for admins, as this admin's phone knows them.
    pub fn recovery_asks(&mut self) -> Result<Vec<RecoveryAsk>> {
        let desk = self.desk()?;
        let mut asks = Vec::new();
        for (_, bytes) in desk.rows.asked()? {
            let Ok(proposal) = RecoveryProposal::read(&desk.directory, &bytes) else { continue };
            let shares = proposal.key.as_ref().map(|key| key.shares.as_slice());
            asks.push(RecoveryAsk {
                member: proposal.member,
                key: proposal.key.as_ref().map(RecoveryKey::id),
                holders: shares.unwrap_or_default().iter().map(|share| share.holder).collect(),
                approved_by: proposal.admins(&desk.directory).into_iter().collect(),
                approved_here: proposal.is_approved_by(&desk.device()),
            });
        }
        Ok(asks)
    }

    /// Approves a member's waiting change on this admin's own device. True if that was the last signature it needed:
    /// then it is in effect after the next sync. Otherwise it goes on to another admin.
    ///
    /// # Errors
    /// `not_allowed` without the `admin` capability; `recovery_none` if nothing of the member waits here.
    pub fn approve_recovery(&mut self, member: MemberId) -> Result<bool> {
        let mut desk = self.desk_of_person()?;
        desk.require_admin()?;
        let asked = desk.rows.asked()?.into_iter().find(|(whose, _)| *whose == member);
        let (_, bytes) = asked.ok_or(Code::RecoveryNone)?;
        let mut proposal = RecoveryProposal::read(&desk.directory, &bytes)?;
        let complete = proposal.is_enough_with(&desk.directory, desk.identity.member);
        if complete {
            desk.withdraw_recovery(member)?;
            desk.propose(proposal.to_op())?;
        } else {
            let sig = desk.keys.sign(&proposal.to_sign(&desk.directory));
            let by = Approver::Device(desk.device());
            proposal.approve(&desk.directory, Approval { by, sig: sig.into() });
            let bytes = to_cbor(&proposal.to_op());
            desk.rows.put_carried(member, &bytes)?;
            desk.rows.put_asked(member, &bytes)?;
        }
        desk.rows.lower(Code::RecoveryWaits, &member.to_string())?;
        desk.commit()?;
        Ok(complete)
    }
}

impl Desk<'_> {
    /// A change of this member's recovery that still waits to be sequenced here is overtaken by a newer one.
    pub fn withdraw_recovery(&mut self, member: MemberId) -> Result<()> {
        let mut proposals = self.rows.proposals()?;
        proposals.retain(|proposal| {
            let Op::Approved { op, .. } = &proposal.op else { return true };
            !matches!(from_cbor::<Op>(op), Ok(Op::Recovery { member: whose, .. }) if whose == member)
        });
        Ok(self.rows.put_proposals(&proposals)?)
    }

    /// An admin's phone notes the changes that wait; what is not among them any more waits no longer.
    pub fn take_recovery_asks(&mut self, waiting: &[minicbor::bytes::ByteVec]) -> Result<()> {
        if self.require_admin().is_err() {
            return Ok(());
        }
        let mut asked = Vec::new();
        for bytes in waiting {
            // What does not hold is the relay's or a member's mistake, and nothing an admin could act on.
            if let Ok(proposal) = RecoveryProposal::read(&self.directory, bytes) {
                asked.push(proposal);
            }
        }
        for (member, _) in self.rows.asked()? {
            if asked.iter().all(|proposal| proposal.member != member) {
                self.rows.delete_asked(member)?;
                self.rows.lower(Code::RecoveryWaits, &member.to_string())?;
            }
        }
        for proposal in asked {
            let waits_here = self.is_recovery_proposed(&proposal)?
                || proposal.is_approved_by(&self.device())
                || self.rows.carried()?.iter().any(|(whose, bytes)| {
                    *whose == proposal.member && is_same(&self.directory, bytes, &proposal)
                });
            let subject = proposal.member.to_string();
            self.rows.put_asked(proposal.member, &to_cbor(&proposal.to_op()))?;
            match waits_here {
                true => self.rows.lower(Code::RecoveryWaits, &subject)?,
                false => self.rows.raise(Code::RecoveryWaits, &subject)?,
            }
        }
        Ok(())
    }

    fn is_recovery_proposed(&self, change: &RecoveryProposal) -> Result<bool> {
        Ok(self.rows.proposals()?.iter().any(
            |proposal| matches!(&proposal.op, Op::Approved { nonce, .. } if *nonce == change.nonce),
        ))
    }

    /// After an entry: tells those concerned that a recovery key was used, and ends what waited for it.
    pub fn note_recovery(&mut self) -> Result<()> {
        let seq = self.directory.len();
        let log = self.directory.recovery_log().iter().rev();
        let new: Vec<_> = log.take_while(|event| event.seq == seq).copied().collect();
        let is_admin = self
            .directory
            .device(&self.device())
            .is_some_and(|device| device.standing.admin && device.class == DeviceClass::Native);
        for event in &new {
            if matches!(event.change, RecoveryChange::Used(_))
                && (event.member == self.identity.member || is_admin)
            {
                self.rows.raise(Code::RecoveryUsed, &used(event))?;
            }
        }
        self.note_change(&new)?;
        self.end_own_proposal()?;
        for (member, bytes) in self.rows.carried()? {
            if RecoveryProposal::read(&self.directory, &bytes).is_err() {
                self.rows.delete_carried(member)?;
            }
        }
        for (member, bytes) in self.rows.asked()? {
            if RecoveryProposal::read(&self.directory, &bytes).is_err() {
                self.rows.delete_asked(member)?;
                self.rows.lower(Code::RecoveryWaits, &member.to_string())?;
            }
        }
        Ok(())
    }

    /// A member's phones tell of a change of their recovery key that was made on another one.
    fn note_change(&mut self, new: &[RecoveryEvent]) -> Result<()> {
        let me = self.identity.member;
        let mut mine = new.iter().filter(|event| event.member == me);
        let changed = |event: &&RecoveryEvent| !matches!(event.change, RecoveryChange::Used(_));
        // Newest first: a key that replaces another stands before what it replaced.
        let Some(last) = mine.find(changed) else { return Ok(()) };
        let listed = (last.change == RecoveryChange::Listed).then_some(last.key);
        if self.rows.my_proposal()?.is_some_and(|own| own.key == listed) {
            return Ok(self.rows.lower(Code::RecoveryChanged, &me.to_string())?);
        }
        Ok(self.rows.raise(Code::RecoveryChanged, &me.to_string())?)
    }

    /// A change made here is over once it is in effect, or cannot come into effect any more.
    fn end_own_proposal(&mut self) -> Result<()> {
        let Some(row) = self.rows.my_proposal()? else { return Ok(()) };
        if RecoveryProposal::read(&self.directory, &row.proposal).is_err() {
            self.rows.delete_my_proposal()?;
        }
        Ok(())
    }
}

/// What an alarm about a use names: whose key, and which, so that a second use is told as a second one.
pub(super) fn used(event: &RecoveryEvent) -> String {
    format!("{}/{}", event.member, event.key)
}

fn is_same(
    directory: &crate::directory::Directory,
    bytes: &[u8],
    other: &RecoveryProposal,
) -> bool {
    RecoveryProposal::read(directory, bytes).is_ok_and(|own| own.nonce == other.nonce)
}
