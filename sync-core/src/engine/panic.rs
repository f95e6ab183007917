//! Panic: what can be read is destroyed, what was recorded is not lost to those who may still read it.
//!
//! Every sealed row and the wrapped reading key are erased and the vault destroys the key that wrapped it. The
//! outbox and the envelopes stay; they open to other readers and to a new device of the member. Afterwards the
//! phone records what is new and reads nothing.

use crate::protocol::Code;

use super::desk::Desk;
use super::rows::ItemState;
use super::vault::Tier;
use super::{Phone, Result};

/// What would be left after a panic. Show it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PanicPreview {
    /// Other devices of this member that may read what this one reads.
    pub other_devices: usize,
    /// Whether the directory lists a recovery key of this member.
    pub recovery_key: bool,
    /// Envelopes that wait to be sent; they stay and leave.
    pub unsent: u64,
    /// Envelopes that are on this phone alone, because backup is off: nobody will read them again.
    pub only_here: u64,
}

impl PanicPreview {
    /// Whether this member can read again what is sealed, on some device, some day.
    pub fn is_recoverable(&self) -> bool {
        self.other_devices > 0 || self.recovery_key
    }
}

impl Phone {
    /// What would be left after [`Phone::panic`].
    pub fn panic_preview(&mut self) -> Result<PanicPreview> {
        let desk = self.desk()?;
        let (me, member) = (desk.device(), desk.identity.member);
        Ok(PanicPreview {
            other_devices: desk.directory.devices_of(member).filter(|d| d.id != me).count(),
            recovery_key: desk.directory.recovery(&member).is_some(),
            unsent: desk.rows.outbox(usize::MAX)?.len() as u64,
            only_here: desk.only_here()?,
        })
    }

    /// Destroys what reads. There is no way back on this device; recording and sending go on.
    ///
    /// # Errors
    /// `store_failed` with nothing erased; `key_lost` or `vault_failed` if the rows are erased and the vault has
    /// not destroyed its key: call again.
    pub fn panic(&mut self) -> Result<()> {
        self.lock();
        crate::crash_point!("phone.panic.before_commit");
        let mut desk = self.desk()?;
        desk.rows.erase_sealed()?;
        desk.rows.take_later_wraps()?;
        desk.rows.take_later()?;
        desk.rows.raise(Code::WriteOnly, "")?;
        desk.rows.lower(Code::GraceWarning, "")?;
        desk.commit()?;
        crate::crash_point!("phone.panic.after_commit");
        self.vault.destroy(Tier::B)?;
        crate::crash_point!("phone.panic.after_destroy");
        // The log still holds older copies, under keys that are gone.
        Ok(self.store.scrub()?)
    }
}

impl Desk<'_> {
    fn only_here(&self) -> Result<u64> {
        let mut count = 0;
        for (id, _) in self.rows.kept()? {
            let kept = self.rows.item(id)?.is_some_and(|item| item.state == ItemState::Kept);
            count += u64::from(kept);
        }
        Ok(count)
    }
}
