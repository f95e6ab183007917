//! Changes of the directory that need a second admin's signature: proposed here, approved there, in effect only then.
//!
//! A proposal is what its admin's device signed: nonce and operation. The relay carries it and can neither change
//! it nor make anybody sign other bytes: a proposal is named by a hash of both, and what is shown is read from the
//! very bytes that are signed. Whoever completes the signatures enters it into the directory, at whatever place is
//! free then; the nonce lets it be entered once. Until then nothing is in effect.

use std::collections::BTreeSet;

use minicbor::bytes::ByteArray;

use crate::directory::{Approval, Approver, Directory, NewDevice, Op, Proposed};
use crate::ids::{MemberId, ProposalId};
use crate::protocol::{
    Code, Cosign, Timestamp, approval_to_sign, limits, refusal_to_sign, to_cbor,
};
use crate::records::Role;

use super::desk::Desk;
use super::invites::{entry_for, listed_by};
use super::rows::{CosignRow, Proposal};
use super::{EngineError, Env, Phone, ProposalView, Result};

impl Phone {
    /// Changes of the directory that wait for a further signature and concern this phone's member, in words.
    pub fn approvals(&mut self) -> Result<Vec<ProposalView>> {
        let desk = self.desk()?;
        let mut views = Vec::new();
        for (id, mut row) in desk.rows.cosigns()? {
            let Ok(read) = desk.directory.read_proposal(&mut row.cosign) else { continue };
            views.push(desk.view_proposal(id, &row, &read)?);
        }
        Ok(views)
    }

    /// Signs a proposed change, as [`Phone::approvals`] shows it. In effect once this phone has synced.
    ///
    /// # Errors
    /// `no_such_proposal`; `not_allowed` if this member's signature does not count for it.
    pub fn approve(&mut self, env: &mut Env<'_>, id: ProposalId) -> Result<()> {
        let mut desk = self.desk_of_person()?;
        let (mut row, _) = desk.proposal_to_judge(id)?;
        let message = approval_to_sign(desk.identity.team, &row.cosign.nonce, &row.cosign.op);
        row.cosign.approvals.push(desk.signed_word(&message));
        row.told = false;
        let complete = desk.directory.read_proposal(&mut row.cosign)?.complete;
        if complete && desk.require_admin().is_ok() {
            desk.enter_approved(env, &mut row)?;
        }
        desk.rows.put_cosign(id, &row)?;
        desk.commit()
    }

    /// Refuses a proposed change. Its admin is told; another admin may still approve it.
    ///
    /// # Errors
    /// `no_such_proposal`; `not_allowed` if it does not need this member's signature.
    pub fn decline(&mut self, id: ProposalId) -> Result<()> {
        let mut desk = self.desk_of_person()?;
        let (mut row, _) = desk.proposal_to_judge(id)?;
        let message = refusal_to_sign(desk.identity.team, &row.cosign.nonce, &row.cosign.op);
        row.cosign.declined.push(desk.signed_word(&message));
        (row.told, row.refused) = (false, true);
        desk.rows.put_cosign(id, &row)?;
        desk.commit()
    }

    /// Takes back a change that this phone proposed and nobody has approved yet.
    ///
    /// # Errors
    /// `no_such_proposal` if none of that name was proposed here.
    pub fn withdraw(&mut self, id: ProposalId) -> Result<()> {
        let mut desk = self.desk_of_person()?;
        let row = desk.rows.cosign(id)?.filter(|row| row.mine).ok_or(Code::NoSuchProposal)?;
        desk.forget_proposal(id, &row)?;
        desk.commit()
    }

    /// Changes a member's field roles and `admin` capability; what else the directory says of them stays.
    ///
    /// `Some`: it waits for another admin under this name, see [`Phone::approvals`]; `None`: it is in effect with the next sync.
    /// What the member wrote before keeps the rights it had.
    ///
    /// # Errors
    /// `not_allowed` without the `admin` capability, `no_such_member`.
    pub fn set_roles(
        &mut self,
        env: &mut Env<'_>,
        member: MemberId,
        roles: &[Role],
        admin: bool,
    ) -> Result<Option<ProposalId>> {
        let mut desk = self.desk_of_person()?;
        desk.require_admin()?;
        let now = desk.directory.member(&member).ok_or(Code::NoSuchMember)?;
        // Where rights end, what was written before keeps the rights it had: see `removal`.
        let narrows = now.admin && !admin || now.roles.iter().any(|role| !roles.contains(role));
        let op = Op::Member {
            member,
            roles: roles.to_vec(),
            admin,
            unit: now.unit.clone(),
            supervises: now.supervises.clone(),
            guest: now.guest.clone(),
            last: narrows.then(Vec::new),
        };
        let before: BTreeSet<ProposalId> = desk.rows.cosigns()?.into_iter().map(|c| c.0).collect();
        desk.propose_member(op)?;
        desk.sign_proposals(env)?;
        let after = desk.rows.cosigns()?.into_iter().map(|(id, _)| id);
        let waits = after.into_iter().find(|id| !before.contains(id));
        desk.commit()?;
        Ok(waits)
    }
}

/// What a request says of changes that wait: those with news, and those taken back.
pub(super) type ToTell = (Option<Vec<Cosign>>, Option<Vec<ProposalId>>);

impl Desk<'_> {
    fn signed_word(&self, message: &[u8]) -> Approval {
        Approval { by: Approver::Device(self.device()), sig: self.keys.sign(message).into() }
    }

    /// This device's member, and whether it may sign directory entries.
    fn voice(&self) -> (MemberId, bool) {
        (self.identity.member, self.require_admin().is_ok())
    }

    fn proposal_to_judge(&self, id: ProposalId) -> Result<(CosignRow, Proposed)> {
        let mut row = self.rows.cosign(id)?.ok_or(Code::NoSuchProposal)?;
        let read = self.directory.read_proposal(&mut row.cosign)?;
        let (me, admin) = self.voice();
        if row.entering || !read.lacks(me, admin) {
            let why = "your signature is not one that this change needs";
            return Err(EngineError::refused_because(Code::NotAllowed, why));
        }
        Ok((row, read))
    }

    /// Whether an operation that names numbers needs others before the relay is asked for them.
    pub fn asks_first(&self, ahead: &Directory, op: &Op) -> bool {
        let needs = ahead.approvals_of(op);
        op.numbers().is_some() && (needs.admins > 1 || needs.without == Some(self.identity.member))
    }

    /// Turns an operation that nobody else has signed yet into one that waits for the others.
    pub fn ask_for_approval(&mut self, env: &mut Env<'_>, op: &Op) -> Result<()> {
        let mut nonce = [0; 16];
        env.rng.fill_bytes(&mut nonce);
        let mut op = op.clone();
        op.set_numbers(Vec::new());
        let op = to_cbor(&op);
        if op.len() > limits::MAX_COSIGN_OP {
            return Err(Code::TooLarge.into());
        }
        let message = approval_to_sign(self.identity.team, &nonce, &op);
        let approvals = vec![self.signed_word(&message)];
        let nonce = ByteArray::from(nonce);
        let cosign = Cosign { nonce, op: op.into(), approvals, declined: Vec::new() };
        let id = cosign.id(self.identity.team);
        let made = self.corrected(env.now)?.0;
        let row = CosignRow { mine: true, made: Some(made), ..CosignRow::new(cosign) };
        Ok(self.rows.put_cosign(id, &row)?)
    }

    /// Proposes the entry of an operation whose signatures are complete; this device signs the entry itself.
    fn enter_approved(&mut self, env: &mut Env<'_>, row: &mut CosignRow) -> Result<()> {
        row.entering = true;
        row.tried = Some(self.directory.len());
        self.propose(Op::Approved {
            op: row.cosign.op.clone(),
            nonce: row.cosign.nonce,
            approvals: row.cosign.approvals.clone(),
        })?;
        self.sign_proposals(env)?;
        Ok(())
    }

    /// Whether the complete entry of a change waits here to be sequenced.
    fn is_queued(&self, nonce: &[u8; 16]) -> Result<bool> {
        Ok(self.rows.proposals()?.iter().any(
            |proposal| matches!(&proposal.op, Op::Approved { nonce: own, .. } if **own == *nonce),
        ))
    }

    /// What one request says of operations that wait: whatever the relay was not heard to know.
    pub fn cosigns_to_tell(&self) -> Result<ToTell> {
        let untold = self.rows.cosigns()?.into_iter().filter(|(_, row)| !row.told);
        let untold: Vec<Cosign> =
            untold.map(|(_, row)| row.cosign).take(limits::MAX_COSIGN).collect();
        let withdrawn = self.rows.withdrawn()?;
        Ok((Some(untold).filter(|l| !l.is_empty()), Some(withdrawn).filter(|l| !l.is_empty())))
    }

    /// Takes what a relay says waits for signatures. True if it brought anything new.
    pub fn take_cosigns(
        &mut self,
        env: &mut Env<'_>,
        listed: &[Cosign],
        is_latest: bool,
    ) -> Result<bool> {
        let mut news = false;
        let mut seen = BTreeSet::new();
        let withdrawn = self.rows.withdrawn()?;
        for cosign in listed.iter().take(limits::MAX_COSIGN) {
            let id = cosign.id(self.identity.team);
            seen.insert(id);
            if !withdrawn.contains(&id) {
                news |= self.take_cosign(id, cosign.clone())?;
            }
        }
        if is_latest {
            let mut left = withdrawn;
            let before = left.len();
            left.retain(|id| seen.contains(id));
            if left.len() != before {
                self.rows.put_withdrawn(&left)?;
            }
        }
        for (id, row) in self.rows.cosigns()? {
            news |= self.tend_cosign(env, id, row, is_latest.then(|| seen.contains(&id)))?;
        }
        Ok(news)
    }

    fn take_cosign(&mut self, id: ProposalId, mut cosign: Cosign) -> Result<bool> {
        let Ok(read) = self.directory.read_proposal(&mut cosign) else { return Ok(false) };
        let (me, admin) = self.voice();
        let Some(known) = self.rows.cosign(id)? else {
            if read.device == self.device() {
                // Taken back here, or lost: nobody should approve what its admin no longer knows of.
                let mut withdrawn = self.rows.withdrawn()?;
                withdrawn.push(id);
                self.rows.put_withdrawn(&withdrawn)?;
                return Ok(false);
            }
            if !read.needs.concerns(me, admin) {
                return Ok(false);
            }
            let refused = read.declined.contains(&me);
            let row = CosignRow { told: true, refused, ..CosignRow::new(cosign) };
            self.rows.put_cosign(id, &row)?;
            return Ok(true);
        };
        let mut row = known.clone();
        row.told = row.cosign.approvals.iter().all(|a| cosign.approvals.contains(a))
            && row.cosign.declined.iter().all(|a| cosign.declined.contains(a));
        join(&mut row.cosign.approvals, cosign.approvals);
        join(&mut row.cosign.declined, cosign.declined);
        let news = row.cosign != known.cosign;
        if row.mine && !read.declined.is_empty() {
            self.rows.raise(Code::ApprovalDeclined, &id.to_string())?;
        }
        if row != known {
            self.rows.put_cosign(id, &row)?;
        }
        Ok(news)
    }

    /// `listed`: whether the relay's latest answer names it, `None` if this answer does not tell.
    fn tend_cosign(
        &mut self,
        env: &mut Env<'_>,
        id: ProposalId,
        mut row: CosignRow,
        listed: Option<bool>,
    ) -> Result<bool> {
        if self.directory.has_spent(&row.cosign.nonce) {
            self.rows.lower(Code::ApprovalDeclined, &id.to_string())?;
            self.rows.delete_cosign(id)?;
            if let (Some(member), Some(new)) = (row.member(), row.named()) {
                let entered = self.enter_staff(env, member, &new);
                self.alarm_if_refused(entered, &member.to_string())?;
            }
            return Ok(true);
        }
        if row.entering && !self.is_queued(&row.cosign.nonce)? {
            // It was refused: whoever may can take it back or leave it.
            row.entering = false;
            self.rows.put_cosign(id, &row)?;
        }
        let now = self.corrected(env.now)?.0;
        if row.mine && row.made.is_some_and(|made| is_over(made, now)) {
            self.rows.raise(Code::ApprovalExpired, &id.to_string())?;
            self.forget_proposal(id, &row)?;
            return Ok(true);
        }
        let Ok(read) = self.directory.read_proposal(&mut row.cosign) else {
            // Its admin is none any more, or it was never one.
            self.rows.delete_cosign(id)?;
            return Ok(true);
        };
        if listed == Some(false) && row.mine && row.told {
            row.told = false;
            self.rows.put_cosign(id, &row)?;
        } else if listed == Some(false) && !row.mine && row.told && !row.entering {
            self.rows.delete_cosign(id)?;
            return Ok(true);
        }
        let tried = row.tried == Some(self.directory.len());
        if row.mine && read.complete && !row.entering && !tried {
            self.enter_approved(env, &mut row)?;
            self.rows.put_cosign(id, &row)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Forgets a change proposed here, and the invitations' answers that counted on it.
    fn forget_proposal(&mut self, id: ProposalId, row: &CosignRow) -> Result<()> {
        self.rows.delete_cosign(id)?;
        self.rows.lower(Code::ApprovalDeclined, &id.to_string())?;
        let mut withdrawn = self.rows.withdrawn()?;
        withdrawn.push(id);
        self.rows.put_withdrawn(&withdrawn)?;
        let mut proposals = self.rows.proposals()?;
        let gone = row.member().filter(|member| self.directory.member(member).is_none());
        proposals.retain_mut(|proposal| match &mut proposal.op {
            Op::Device { member, .. } => Some(*member) != gone,
            Op::Devices { devices } => {
                devices.retain(|device| Some(device.member) != gone);
                !devices.is_empty()
            }
            Op::Approved { nonce, .. } => *nonce != row.cosign.nonce,
            _ => true,
        });
        Ok(self.rows.put_proposals(&proposals)?)
    }

    /// Whether a change that waits for approval would enter this member.
    pub fn waits_to_enter(&self, member: MemberId) -> Result<bool> {
        let rows = self.rows.cosigns()?;
        Ok(rows.iter().any(|(_, row)| row.mine && row.member() == Some(member)))
    }

    /// Keeps a new member's name with the change that waits; false if none waits.
    pub fn name_waiting(
        &mut self,
        member: MemberId,
        name: Option<&str>,
        unit: Option<&str>,
    ) -> Result<bool> {
        for (id, mut row) in self.rows.cosigns()? {
            if row.mine && row.member() == Some(member) {
                row.name = name.map(str::to_owned);
                row.unit = unit.map(str::to_owned);
                self.rows.put_cosign(id, &row)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What becomes of a proposal that the directory, with all proposals before it, does not take as it is.
    /// True if it stays in the queue without being sent.
    pub fn hold_or_turn(
        &mut self,
        env: &mut Env<'_>,
        proposal: &Proposal,
        code: Code,
        ahead: &Directory,
    ) -> Result<Turned> {
        match (code, &proposal.op) {
            // Another device was first to enter it.
            (Code::ApprovalInvalid, Op::Approved { nonce, .. }) if ahead.has_spent(nonce) => {
                Ok(Turned::Dropped)
            }
            (Code::NeedsApproval, op) if !matches!(op, Op::Approved { .. }) => {
                self.ask_for_approval(env, op)?;
                Ok(Turned::Dropped)
            }
            // One of a batch waits: that device goes by itself next time, see `split_batches`.
            (Code::NoSuchMember, Op::Device { .. } | Op::Devices { .. }) => {
                for device in listed_by(&proposal.op) {
                    if self.waits_to_enter(device.member)? {
                        return Ok(Turned::Held);
                    }
                }
                Ok(Turned::Sent)
            }
            _ => Ok(Turned::Sent),
        }
    }

    /// Takes out of each batch the devices whose members are not entered, nor about to be: each gets a proposal of its
    /// own, so that one who waits for approval, or was removed, keeps nobody else out.
    pub fn split_batches(&self, proposals: Vec<Proposal>) -> Vec<Proposal> {
        let entered: BTreeSet<MemberId> = proposals
            .iter()
            .filter_map(|proposal| match proposal.op {
                Op::Member { member, .. } => Some(member),
                _ => None,
            })
            .collect();
        let known = |device: &NewDevice| {
            entered.contains(&device.member) || self.directory.member(&device.member).is_some()
        };
        let mut split = Vec::with_capacity(proposals.len());
        for mut proposal in proposals {
            let Op::Devices { devices } = &mut proposal.op else {
                split.push(proposal);
                continue;
            };
            let (together, alone): (Vec<_>, Vec<_>) = devices.drain(..).partition(known);
            *devices = together;
            if !devices.is_empty() {
                split.push(proposal);
            }
            let alone = alone.into_iter().map(|device| Proposal::new(entry_for(device)));
            split.extend(alone);
        }
        split
    }
}

/// What becomes of a proposal that cannot be entered as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turned {
    /// It leaves the queue.
    Dropped,
    /// It waits in the queue for what it needs.
    Held,
    /// It is sent all the same: the relay's refusal tells the person.
    Sent,
}

fn join(held: &mut Vec<Approval>, more: Vec<Approval>) {
    for word in more {
        if !held.iter().any(|known| known.by == word.by) && held.len() < limits::MAX_COSIGNERS {
            held.push(word);
        }
    }
}

fn is_over(made: Timestamp, now: Timestamp) -> bool {
    now.0.saturating_sub(made.0) > limits::COSIGN_LIFE_MS
}
