//! A new phone that is given the code or the shares: it lets itself be listed by the recovery key's word.
//!
//! An admin invites it as any device. Its keys carry the invitation's MAC, and with it the recovery key's approval
//! of the entry that lists it, so that no older device of the member is needed. What was wrapped for the recovery
//! key is opened as it is fetched; this phone wraps it for itself and the key, now spent, is replaced in every space.

use crate::crypto::{self, RecoverySecret};
use crate::directory::{Approval, Approver, Op, RecoveryChange, approval_to_sign};
use crate::ids::MemberId;
use crate::protocol::{
    Code, Invitation, PendingEnrolment, RecoveryRequest, RecoveryVoucher, from_cbor, to_cbor,
};
use crate::records::DeviceClass;

use super::super::desk::Desk;
use super::super::rows::SecretName;
use super::super::store::Store;
use super::super::vault::KeyVault;
use super::super::{Env, Phone, Result};

impl Phone {
    /// Begins joining with an invitation and the member's printed code. Ask with [`Phone::enrol_request`] until let in;
    /// what the member could read comes with the syncs that follow.
    ///
    /// # Errors
    /// `code_mistyped` with the group that is wrong: then nothing was made. `already_set_up` if the store holds a phone.
    pub fn recover_with_code(
        store: Box<dyn Store>,
        vault: Box<dyn KeyVault>,
        env: &mut Env<'_>,
        invitation: &Invitation,
        code: &str,
    ) -> Result<Phone> {
        let secret = crypto::secret_of_code(code)?;
        let mut phone = Phone::start_joining(store, vault, env, invitation)?;
        phone.restore_with(env, &secret)?;
        Ok(phone)
    }

    /// Gives a phone that is joining the member's printed code, as when another one was refused.
    ///
    /// # Errors
    /// `code_mistyped`; `already_set_up` once let in.
    pub fn use_recovery_code(&mut self, env: &mut Env<'_>, code: &str) -> Result<()> {
        let secret = crypto::secret_of_code(code)?;
        self.restore_with(env, &secret)
    }

    /// Gives a phone that is joining two shares of the member's recovery key, printed or handed over.
    ///
    /// # Errors
    /// `share_missing` for fewer than two different ones; `share_wrong` with the one that is not what was made, before
    /// anything is tried; `recovery_wrong` if they are another member's; `already_set_up` once let in.
    pub fn recover_with_shares(&mut self, env: &mut Env<'_>, shares: &[&str]) -> Result<()> {
        let secret = self.desk()?.secret_of_shares(shares)?;
        self.restore_with(env, &secret)
    }

    /// Goes on joining with a newer invitation for the same member, as when gathering shares took longer than the first
    /// one lasted. The phone's keys stay, so shares that were handed to it still open.
    ///
    /// # Errors
    /// `already_set_up` once let in; `wrong_team`; `no_such_member` if it is for another member.
    pub fn renew_joining(&mut self, invitation: &Invitation) -> Result<()> {
        let mut joining = self.identity.joining.clone().ok_or(Code::AlreadySetUp)?;
        if invitation.team != self.identity.team {
            return Err(Code::WrongTeam.into());
        }
        if invitation.member != self.identity.member {
            return Err(Code::NoSuchMember.into());
        }
        let mut identity = self.identity.clone();
        identity.relay.clone_from(&invitation.relay);
        joining.secret = invitation.secret;
        (joining.head_seq, joining.head_hash) = (invitation.head_seq, invitation.head_hash);
        identity.joining = Some(joining);
        let mut desk = self.desk()?;
        desk.rows.put_identity(&identity)?;
        desk.commit()?;
        self.identity = identity;
        Ok(())
    }

    /// What this phone shows to holders of shares: whom and which phone they are for. Holds no secret.
    pub fn recovery_request(&self) -> RecoveryRequest {
        RecoveryRequest {
            team: self.identity.team,
            member: self.identity.member,
            verify_key: self.keys.verify_key().into(),
            seal_key: self.keys.seal_key().into(),
            seal_key_2: self.keys.seal_key_2().map(Into::into),
        }
    }

    fn restore_with(&mut self, env: &mut Env<'_>, secret: &RecoverySecret) -> Result<()> {
        let joining = self.identity.joining.as_ref().ok_or(Code::AlreadySetUp)?;
        let class = DeviceClass::from_u8(joining.class.unwrap_or(0)).ok_or(Code::Malformed)?;
        let (team, member) = (self.identity.team, self.identity.member);
        let keys = secret.keys(team, member);
        let op = to_cbor(&Op::Device {
            member,
            verify_key: self.keys.verify_key().into(),
            seal_key: self.keys.seal_key().into(),
            class,
            seal_key_2: self.keys.seal_key_2().map(Into::into),
        });
        let mut nonce = [0; 16];
        env.rng.fill_bytes(&mut nonce);
        let sig = keys.approve(&approval_to_sign(team, &nonce, &op)).map_err(|_| Code::Internal)?;
        let voucher = RecoveryVoucher {
            op: op.into(),
            nonce: nonce.into(),
            verify_key: keys.verify_key().into(),
            sig: sig.into(),
        };
        let mut desk = self.desk()?;
        desk.require_unlocked()?;
        desk.rows.put_voucher(&voucher)?;
        desk.rows.put_secret(&SecretName::Recovering, &secret.to_secret_bytes())?;
        desk.commit()
    }
}

impl Desk<'_> {
    /// The entry that lists a device by the word of its member's recovery key, if that came with it. The outer `None`:
    /// it is not answered now, because the word does not count (an alarm stands then), or because it still gathers
    /// what it needs for one.
    pub fn restored(&mut self, pending: &PendingEnrolment) -> Result<Option<Option<Op>>> {
        let Some(invite) = self.rows.invite(&pending.lookup)? else { return Ok(None) };
        let member = invite.member;
        match self.restored_device(member, pending) {
            Ok(Some(op)) if self.require_admin().is_ok() => Ok(Some(Some(op))),
            Ok(_) => {
                let by_own_phone = member == self.identity.member;
                let waits = !by_own_phone && self.directory.recovery(&member).is_some();
                Ok((!waits).then_some(None))
            }
            Err(code) => {
                self.rows.raise(code, &member.to_string())?;
                Ok(None)
            }
        }
    }

    /// The inner error is why the word does not count; nobody is listed then.
    fn restored_device(
        &self,
        member: MemberId,
        pending: &PendingEnrolment,
    ) -> std::result::Result<Option<Op>, Code> {
        let Some(voucher) = &pending.recovery else { return Ok(None) };
        if self.directory.check_voucher(voucher)? != member {
            return Err(Code::RecoveryWrong);
        }
        let listed = match from_cbor::<Op>(&voucher.op) {
            Ok(Op::Device { verify_key, seal_key, class, seal_key_2, .. }) => {
                (verify_key, seal_key) == (pending.verify_key, pending.seal_key)
                    && seal_key_2 == pending.seal_key_2
                    && class as u8 == pending.class.unwrap_or(0)
            }
            _ => false,
        };
        if !listed {
            return Err(Code::RecoveryWrong);
        }
        let by = Approver::Recovery(member);
        let approvals = vec![Approval { by, sig: voucher.sig }];
        Ok(Some(Op::Approved { op: voucher.op.clone(), nonce: voucher.nonce, approvals }))
    }

    /// A phone that was let in by a recovery key tells so itself, and needs the key's word no more.
    pub fn note_own_recovery(&mut self) -> Result<()> {
        let used = RecoveryChange::Used(self.device());
        let mut log = self.directory.recovery_log().iter();
        if let Some(event) = log.find(|event| event.change == used) {
            let subject = super::proposals::used(event);
            self.rows.raise(Code::RecoveryUsed, &subject)?;
        }
        Ok(self.rows.delete_voucher()?)
    }
}
