//! Unlocking, locking and panic, and what the phone must be told of time for them.

use sync_core::engine::{self, Uptime};

use crate::error::AftercallError;
use crate::phone::AftercallPhone;

/// What would be left after a panic. Show it before.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PanicPreview {
    /// Other devices of this member that may read what this one reads.
    pub other_devices: u64,
    /// Whether a recovery key of this member is listed.
    pub recovery_key: bool,
    /// Steps that wait to be sent; they stay and leave.
    pub unsent: u64,
    /// Steps on this phone alone, because backup is off: nobody will read them again.
    pub only_here: u64,
}

impl From<engine::PanicPreview> for PanicPreview {
    fn from(preview: engine::PanicPreview) -> Self {
        PanicPreview {
            other_devices: preview.other_devices as u64,
            recovery_key: preview.recovery_key,
            unsent: preview.unsent,
            only_here: preview.only_here,
        }
    }
}

#[uniffi::export]
impl AftercallPhone {
    /// Whether what is sealed can be read now.
    pub fn is_unlocked(&self) -> Result<bool, AftercallError> {
        self.look(|phone| Ok(phone.is_unlocked()))
    }

    /// Asks the key store for the reading key, and opens what arrived meanwhile. Wrong tries are counted: ten.
    pub fn unlock(&self) -> Result<(), AftercallError> {
        self.with(|phone, env| phone.unlock(env))
    }

    /// Forgets every key that reads, until `unlock`. Call it when the person locks the app.
    pub fn lock(&self) -> Result<(), AftercallError> {
        self.look(|phone| {
            phone.lock();
            Ok(())
        })
    }

    /// Locks if nobody has touched the app for as long as is set (two minutes at first). True if it is locked now.
    pub fn idle_lock(&self, idle_ms: u64) -> Result<bool, AftercallError> {
        self.look(|phone| phone.idle_lock(idle_ms))
    }

    /// Sets how soon the phone locks itself, two minutes at most. Asks the key store to unlock again.
    pub fn set_idle_lock(&self, after_ms: u64) -> Result<(), AftercallError> {
        self.with(|phone, env| phone.set_idle_lock(env, after_ms))
    }

    /// Tells the phone the device's monotonic clock: at start, before and after a sync, and now and then.
    /// `boot`: any number that differs from boot to boot. Without it neither the offline grace nor the wait
    /// between tries runs.
    pub fn observe_uptime(&self, boot: i64, up_ms: i64) -> Result<(), AftercallError> {
        self.look(|phone| phone.observe_uptime(Uptime { boot, ms: up_ms })).map(drop)
    }

    /// What would be left after a panic.
    pub fn panic_preview(&self) -> Result<PanicPreview, AftercallError> {
        self.look(|phone| phone.panic_preview()).map(Into::into)
    }

    /// Destroys what reads, for good. Recording and sending go on.
    pub fn panic(&self) -> Result<(), AftercallError> {
        self.look(|phone| phone.panic())
    }
}
