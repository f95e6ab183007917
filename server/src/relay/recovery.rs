//! Carrying what recovery needs: words of recovery keys for new devices, and changes of recovery keys for admins.
//!
//! The relay checks what it carries, so that a mistyped or spent code is told at once and nobody fills its tables;
//! phones check everything again. It learns public keys, holders and sealed shares, and nothing that opens.

use sync_core::crypto;
use sync_core::directory::{Directory, RecoveryProposal};
use sync_core::ids::DeviceId;
use sync_core::protocol::{Code, EnrolRequest, PendingEnrolment, from_cbor, to_cbor};

use crate::store::{Reader, StoreError, Tx, recovery};

use super::heal::is_admins;
use super::invites::LONGEST_VOUCHER;
use super::push::Push;
use super::{Refusal, Relay};

/// Changes in one request: a member's own, and those that an admin approved.
const MOST_CHANGES: usize = 64;

impl Push<'_> {
    /// Keeps changes of recovery keys: a member's own, or one that an admin approved. Anybody else's are ignored.
    pub(super) fn keep_recovery(
        &mut self,
        changes: &[minicbor::bytes::ByteVec],
    ) -> Result<(), StoreError> {
        let Some(sender) = self.directory.device(&self.device) else { return Ok(()) };
        for bytes in changes.iter().take(MOST_CHANGES) {
            // One that is in effect already is sent again until its sender knows.
            let Ok(mut change) = RecoveryProposal::read(&self.directory, bytes) else { continue };
            if change.member != sender.member && !change.is_approved_by(&sender.id) {
                tracing::warn!("a device sent another member's recovery change; ignored");
                continue;
            }
            let kept = recovery::change(self.tx, self.team, change.member)?;
            let kept = kept.and_then(|bytes| RecoveryProposal::read(&self.directory, &bytes).ok());
            match kept {
                Some(kept) if kept.nonce == change.nonce => change.merge(&self.directory, kept),
                // An admin's approval of a change that the member has replaced since.
                Some(_) if change.member != sender.member => continue,
                _ => {}
            }
            recovery::put_change(self.tx, self.team, change.member, &to_cbor(&change.to_op()))?;
        }
        Ok(())
    }
}

impl Relay {
    /// The changes that wait for an admin's device.
    pub(super) fn recovery_for(
        &self,
        device: DeviceId,
        directory: &Directory,
    ) -> Result<Vec<minicbor::bytes::ByteVec>, Refusal> {
        if !directory.device(&device).is_some_and(|device| is_admins(&device)) {
            return Ok(Vec::new());
        }
        let changes = self.store().read(|reader| recovery::changes(reader, directory.team()))?;
        Ok(changes
            .into_iter()
            .filter(|bytes| RecoveryProposal::read(directory, bytes).is_ok())
            .map(Into::into)
            .collect())
    }
}

/// Keeps the word of a recovery key that came with the answer to an invitation.
///
/// # Errors
/// `too_large`; `recovery_spent`, `recovery_wrong`: told only to who holds an invitation.
pub(super) fn keep_voucher(
    tx: &Tx<'_>,
    request: &EnrolRequest,
    directory: &Directory,
) -> Result<(), Refusal> {
    if let Some(voucher) = &request.recovery {
        let is_listed = directory.device(&crypto::device_id(&request.verify_key)).is_some();
        if is_listed {
            // It is in effect, and spent by that.
            return Ok(());
        }
        if voucher.op.len() > LONGEST_VOUCHER {
            return Err(Code::TooLarge.into());
        }
        directory.check_voucher(voucher)?;
        recovery::put_voucher(tx, &request.lookup, &request.verify_key, &to_cbor(voucher))?;
    }
    Ok(())
}

/// Adds to each waiting device the word of a recovery key that it brought.
pub(super) fn with_vouchers(
    reader: &Reader,
    mut pending: Vec<PendingEnrolment>,
) -> Result<Vec<PendingEnrolment>, StoreError> {
    for device in &mut pending {
        let bytes = recovery::voucher(reader, &device.lookup, &device.verify_key)?;
        device.recovery = bytes.and_then(|bytes| from_cbor(&bytes).ok());
    }
    Ok(pending)
}
