//! Invitations that phones announce, the devices that answered them, and what one phone leaves here for another.

use sync_core::crypto;
use sync_core::directory::{Directory, Op, approval_to_sign};
use sync_core::ids::DeviceId;
use sync_core::protocol::{
    CodeAnswered, CodeTry, InviteKind, InviteNotice, PendingEnrolment, SyncRequest, Timestamp,
    VouchedDevice, from_cbor, limits,
};
use sync_core::records::DeviceClass;

use crate::store::invites::Inviter;
use crate::store::{StoreError, invites, vouched};

use super::heal::is_admins;
use super::push::Push;
use super::{Refusal, Relay};

/// Most invitations of a team that are kept at once.
const MOST_INVITES: usize = 500;
/// Most of a member who is no admin: for further devices of their own.
const MOST_OWN_INVITES: usize = 30;
/// Most vouched devices of a member that wait for an admin's device at once.
const MOST_VOUCHED: usize = 5;
/// Longest operation that a voucher is for, in bytes: a device's keys take less than half of it.
pub(super) const LONGEST_VOUCHER: usize = 4 * 1024;
/// Longest sealed invitation in the answer to a typed code, in bytes.
const LONGEST_SEALED: usize = 1024;
/// How long a device that answered in time may wait for an admin's device: three days.
pub(super) const ANSWER_LIFE_MS: i64 = 72 * 60 * 60 * 1000;
/// How long a vouched device waits: 30 days.
const VOUCHED_LIFE_MS: i64 = 30 * 24 * 60 * 60 * 1000;

impl Push<'_> {
    /// Keeps what this device leaves for phones that are being let in.
    pub(super) fn keep_enrolments(&mut self, request: &SyncRequest) -> Result<(), StoreError> {
        self.keep_invites(&request.invites)?;
        self.keep_vouched(request.vouched.as_deref().unwrap_or_default())?;
        self.keep_codes(request.codes.as_deref().unwrap_or_default())
    }

    /// Keeps the invitations of an admin's device, and those of any member's app for a further device of theirs.
    fn keep_invites(&mut self, notices: &[InviteNotice]) -> Result<(), StoreError> {
        if notices.is_empty() {
            return Ok(());
        }
        let Some(device) = self.directory.device(&self.device) else { return Ok(()) };
        if device.class != DeviceClass::Native {
            tracing::warn!("a device that is no app announced invitations; ignored");
            return Ok(());
        }
        let admin = device.standing.admin;
        let most_own = if admin { MOST_INVITES } else { MOST_OWN_INVITES };
        let by = Inviter {
            team: self.team,
            device: self.device,
            member: device.member,
            most: MOST_INVITES,
            most_own,
        };
        invites::forget(self.tx, self.now.plus_ms(-ANSWER_LIFE_MS))?;
        for notice in notices {
            let batch = notice.kind == Some(InviteKind::Batch) && admin;
            let life = if batch { limits::BATCH_LIFE_MS } else { limits::INVITE_LIFE_MS };
            let expires: Timestamp = notice.expires.min(self.now.plus_ms(life));
            invites::insert(self.tx, &by, notice, expires, self.now)?;
        }
        Ok(())
    }

    /// Keeps the vouchers of this device for further devices of its own member, and forgets those that are settled.
    fn keep_vouched(&mut self, all: &[VouchedDevice]) -> Result<(), StoreError> {
        let oldest = self.now.plus_ms(-VOUCHED_LIFE_MS);
        for known in vouched::all(self.tx, self.team)? {
            let is_listed = self.directory.owner_of(&known.device).is_some();
            let stands = self.directory.device(&known.vouched.by).is_some();
            if is_listed || !stands || known.at < oldest {
                vouched::forget(self.tx, known.device)?;
            }
        }
        let Some(by) = self.directory.device(&self.device) else { return Ok(()) };
        let may_vouch = by.class == DeviceClass::Native;
        let plausible = all.iter().filter(|voucher| {
            may_vouch && voucher.by == by.id && voucher.op.len() <= LONGEST_VOUCHER
        });
        for voucher in plausible.take(MOST_VOUCHED) {
            let Ok(Op::Device { member, verify_key, seal_key_2, .. }) =
                from_cbor::<Op>(&voucher.op)
            else {
                continue;
            };
            let device = crypto::device_id(&verify_key);
            let message = approval_to_sign(self.team, &voucher.nonce, &voucher.op);
            let may = member == by.member
                && self.directory.owner_of(&device).is_none()
                && seal_key_2.as_ref().is_none_or(|key| crypto::is_sealing_key(key))
                && crypto::verify(by.verify_key, &message, &voucher.sig);
            if !may {
                tracing::warn!("a device vouched for what it may not; ignored");
                continue;
            }
            let of = (device, member);
            vouched::vouch(self.tx, self.team, of, voucher, self.now, MOST_VOUCHED)?;
        }
        Ok(())
    }

    /// Keeps the answers of this device to tries of its own codes.
    fn keep_codes(&mut self, answers: &[CodeAnswered]) -> Result<(), StoreError> {
        for answered in answers.iter().filter(|a| a.reply.sealed.len() <= LONGEST_SEALED) {
            vouched::answer_code(self.tx, self.device, answered)?;
        }
        Ok(())
    }
}

/// What waits at the relay for one device, while phones are let in.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Devices that ask to be let in.
    pub pending: Vec<PendingEnrolment>,
    /// Vouched devices.
    pub vouched: Vec<VouchedDevice>,
    /// Tries of typed codes.
    pub codes: Vec<CodeTry>,
}

impl Relay {
    /// What waits for a device: for an admin's app everything of the team, for any other device what its own member
    /// began.
    pub(super) fn waiting_for(
        &self,
        directory: &Directory,
        device: DeviceId,
        now: Timestamp,
    ) -> Result<Waiting, Refusal> {
        let Some(device) = directory.device(&device) else { return Ok(Waiting::default()) };
        let admin = is_admins(&device);
        let only = (!admin).then_some(device.member);
        let team = directory.team();
        let (mut pending, all, codes) = self.store().read(|reader| {
            let pending = invites::pending(reader, team, only)?;
            let pending = super::recovery::with_vouchers(reader, pending)?;
            let codes = vouched::unanswered(reader, device.id, now)?;
            Ok::<_, StoreError>((pending, vouched::all(reader, team)?, codes))
        })?;
        pending.retain(|p| directory.owner_of(&crypto::device_id(&p.verify_key)).is_none());
        let vouched = all
            .into_iter()
            .filter(|known| only.is_none_or(|member| member == known.member))
            .filter(|known| directory.owner_of(&known.device).is_none())
            .filter(|known| directory.device(&known.vouched.by).is_some())
            .map(|known| known.vouched)
            .collect();
        Ok(Waiting { pending, vouched, codes })
    }
}
