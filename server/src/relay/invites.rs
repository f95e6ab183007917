//! Invitations that admins' devices announce, and the devices that answered them.

use sync_core::crypto;
use sync_core::directory::Directory;
use sync_core::protocol::{InviteNotice, PendingEnrolment, Timestamp, limits};

use crate::store::{StoreError, invites};

use super::push::Push;
use super::{Refusal, Relay};

/// Most invitations of a team that are kept at once.
const MOST_INVITES: usize = 500;
/// How long a device that answered in time may wait for an admin's device: three days.
pub(super) const ANSWER_LIFE_MS: i64 = 72 * 60 * 60 * 1000;

impl Push<'_> {
    /// Keeps the invitations of an admin's device; nobody else's.
    pub(super) fn keep_invites(&mut self, notices: &[InviteNotice]) -> Result<(), StoreError> {
        if notices.is_empty() {
            return Ok(());
        }
        if !self.directory.device(&self.device).is_some_and(|d| d.standing.admin) {
            tracing::warn!("a device without the admin capability announced invitations; ignored");
            return Ok(());
        }
        invites::forget(self.tx, self.now.plus_ms(-ANSWER_LIFE_MS))?;
        let latest = self.now.plus_ms(limits::INVITE_LIFE_MS);
        for notice in notices {
            let expires: Timestamp = notice.expires.min(latest);
            invites::insert(self.tx, self.team, notice, expires, MOST_INVITES)?;
        }
        Ok(())
    }
}

impl Relay {
    /// Devices of a team that ask to be let in and are not listed yet.
    pub(super) fn pending_enrolments(
        &self,
        directory: &Directory,
    ) -> Result<Vec<PendingEnrolment>, Refusal> {
        let pending = self.store().read(|reader| {
            let pending = invites::pending(reader, directory.team())?;
            super::recovery::with_vouchers(reader, pending)
        })?;
        let is_listed =
            |p: &PendingEnrolment| directory.device(&crypto::device_id(&p.verify_key)).is_some();
        Ok(pending.into_iter().filter(|p| !is_listed(p)).collect())
    }
}
