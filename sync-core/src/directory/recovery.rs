//! Recovery keys in the directory: which one a member has, which they had, and every time one was used.
//!
//! A recovery key approves the entry that lists a new device of its member, and nothing else. The entry that it
//! approved is its last: from there on the member has none until a new one is listed. A key that was listed once
//! never comes back, so an old code or old shares stay worthless whoever keeps them.

use std::collections::BTreeSet;

use crate::crypto::{self, SealKeys};
use crate::ids::{DeviceId, MemberId};
use crate::protocol::{Code, Day, RecoveryVoucher, Suite, from_cbor};

use super::approval_to_sign;
use super::entry::{Op, RecoveryKey};
use super::state::Directory;

/// Shares of one recovery key.
const MOST_SHARES: usize = 3;

/// What happened to a member's recovery key, and where in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveryEvent {
    /// Length of the directory with the entry.
    pub seq: u64,
    /// Whose key.
    pub member: MemberId,
    /// The key's id.
    pub key: DeviceId,
    /// What happened.
    pub change: RecoveryChange,
    /// The entry's day, as its signer's corrected clock had it.
    pub day: Day,
}

/// What an entry did to a recovery key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoveryChange {
    /// It counts from here on.
    Listed,
    /// It was replaced or dropped, or its member was removed.
    Dropped,
    /// It let this device in, and is spent.
    Used(DeviceId),
}

impl RecoveryKey {
    /// The id under which keys are wrapped for it, as for a device.
    pub fn id(&self) -> DeviceId {
        crypto::device_id(&self.verify_key)
    }

    /// What epoch keys are wrapped for it with.
    pub fn seal_keys(&self) -> SealKeys<'_> {
        let second = self.seal_key_2.as_ref().map(|key| key.as_slice());
        SealKeys { first: &self.seal_key, second }
    }
}

impl Directory {
    /// Every change of every recovery key, in order.
    pub fn recovery_log(&self) -> &[RecoveryEvent] {
        &self.recovery_log
    }

    /// Whether this was a recovery key of the member and is none any more.
    pub fn is_spent_recovery(&self, member: &MemberId, key: &DeviceId) -> bool {
        let listed = self.recovery(member).is_some_and(|listed| listed.id() == *key);
        !listed && self.recovery_ids(member).any(|id| id == *key)
    }

    /// Every recovery key that the member has or had.
    pub fn recovery_ids(&self, member: &MemberId) -> impl Iterator<Item = DeviceId> {
        self.recovery_log
            .iter()
            .filter(move |event| event.member == *member && event.change == RecoveryChange::Listed)
            .map(|event| event.key)
    }

    /// Checks a recovery key's word for a new device.
    ///
    /// # Errors
    /// `malformed`; `recovery_spent` for a key that the member no longer has; `recovery_wrong` for one they never had
    /// or a signature that is not its.
    pub fn check_voucher(&self, voucher: &RecoveryVoucher) -> Result<MemberId, Code> {
        let Ok(Op::Device { member, .. }) = from_cbor::<Op>(&voucher.op) else {
            return Err(Code::Malformed);
        };
        let id = crypto::device_id(&voucher.verify_key);
        if self.recovery(&member).is_none_or(|listed| listed.id() != id) {
            let spent = self.is_spent_recovery(&member, &id);
            return Err(if spent { Code::RecoverySpent } else { Code::RecoveryWrong });
        }
        let message = approval_to_sign(self.team(), &voucher.nonce, &voucher.op);
        if crypto::verify(&voucher.verify_key, &message, &voucher.sig) {
            Ok(member)
        } else {
            Err(Code::RecoveryWrong)
        }
    }

    /// Checks a key that an entry would list: usable, new, no device's, and with shares that three others hold.
    pub(super) fn check_recovery(&self, member: &MemberId, key: &RecoveryKey) -> Result<(), Code> {
        let holders: BTreeSet<MemberId> = key.shares.iter().map(|share| share.holder).collect();
        let fit = key.shares.is_empty() || key.shares.len() == MOST_SHARES;
        if !fit || holders.len() != key.shares.len() || holders.contains(member) {
            return Err(Code::Malformed);
        }
        // A key that nobody can seal to would keep everybody who shares a space with the member from wrapping.
        if !crypto::is_epoch_key(Suite::X25519, key.seal_key.as_slice()) {
            return Err(Code::Malformed);
        }
        if key.seal_key_2.as_ref().is_some_and(|key| !crypto::is_sealing_key(key)) {
            return Err(Code::Malformed);
        }
        let id = key.id();
        let listed = self.recovery_log.iter().any(|event| event.key == id);
        if listed || self.owner_of(&id).is_some() {
            return Err(Code::RecoverySpent);
        }
        Ok(())
    }

    /// Whether a key is or was somebody's recovery key: it is never a device's.
    pub(crate) fn was_recovery(&self, id: &DeviceId) -> bool {
        self.recovery_log.iter().any(|event| event.key == *id)
    }

    /// Notes what an entry does to a member's recovery key, before it does.
    pub(super) fn note_recovery(&mut self, seq: u64, member: MemberId, key: Option<&RecoveryKey>) {
        self.note_old(seq, member, RecoveryChange::Dropped);
        if let Some(key) = key.map(RecoveryKey::id) {
            self.note(seq, member, key, RecoveryChange::Listed);
        }
    }

    /// Notes that a member's recovery key let a device in.
    pub(super) fn note_recovery_used(&mut self, seq: u64, member: MemberId, device: DeviceId) {
        self.note_old(seq, member, RecoveryChange::Used(device));
    }

    /// Sets the day of what the entry of this length did.
    pub(super) fn date_recovery(&mut self, seq: u64, day: Day) {
        for event in self.recovery_log.iter_mut().rev().take_while(|event| event.seq == seq) {
            event.day = day;
        }
    }

    fn note_old(&mut self, seq: u64, member: MemberId, change: RecoveryChange) {
        if let Some(key) = self.recovery(&member).map(RecoveryKey::id) {
            self.note(seq, member, key, change);
        }
    }

    fn note(&mut self, seq: u64, member: MemberId, key: DeviceId, change: RecoveryChange) {
        self.recovery_log.push(RecoveryEvent { seq, member, key, change, day: Day(0) });
    }
}
