//! Offline grace: a phone that has not met its relay warns after 14 days and stops reading after 30.
//!
//! A removed or stolen phone that is kept offline never hears of it; so reading ends by itself, recording and the
//! outbox do not. Time is what the phone was switched on for since the relay's last attested answer, told by its
//! monotonic clock ([`Uptime`]): no wall clock moves it. Time switched off is not seen, so the count is a lower
//! bound. The next answer of the relay ends it; the keys were locked, not destroyed. A phone that never met its
//! relay holds only what was made on it, and has no grace to lose.

use crate::protocol::Code;

use super::desk::Desk;
use super::expiry::Uptime;
use super::rows::Rows;
use super::{Phone, Result};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// From here on the phone warns, in milliseconds without the relay.
pub const GRACE_WARN_MS: u64 = 14 * DAY_MS;
/// From here on nothing sealed is readable until the relay was met.
pub const GRACE_LOCK_MS: u64 = 30 * DAY_MS;

/// Milliseconds the device was seen running, ever.
const RAN: &str = "ran_ms";
/// The monotonic clock when it was last read.
const UPTIME: &str = "uptime_ms";
/// `ran_ms` at the relay's last attested answer.
const CONTACT: &str = "contact_ran_ms";
/// The boot that `uptime_ms` counts from.
const BOOT: &str = "uptime_boot";

/// How long a phone has been without its relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace {
    /// Milliseconds switched on since the relay's last answer, at least. `None` if it never answered.
    pub offline_ms: Option<u64>,
}

impl Grace {
    /// Whether the phone warns.
    pub fn is_running_out(self) -> bool {
        self.offline_ms.is_some_and(|ms| ms >= GRACE_WARN_MS)
    }

    /// Whether reading has ended.
    pub fn is_over(self) -> bool {
        self.offline_ms.is_some_and(|ms| ms >= GRACE_LOCK_MS)
    }
}

impl Rows<'_> {
    /// Milliseconds the device was seen running.
    pub fn ran_ms(&self) -> std::result::Result<u64, super::StoreError> {
        Ok(self.number(RAN)?.unwrap_or(0).max(0) as u64)
    }

    fn add_uptime(&mut self, seen: Uptime) -> std::result::Result<(), super::StoreError> {
        let before = match self.number(BOOT)? == Some(seen.boot) {
            true => self.number(UPTIME)?.unwrap_or(0),
            // Time between the last look and the end of that boot, and time switched off, is not seen.
            false => 0,
        };
        let passed = u64::try_from(seen.ms.saturating_sub(before)).unwrap_or(0);
        let ran = self.ran_ms()?.saturating_add(passed);
        self.put_number(BOOT, seen.boot)?;
        self.put_number(UPTIME, seen.ms)?;
        self.put_number(RAN, clamped(ran))
    }
}

fn clamped(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

impl Phone {
    /// Tells the phone its device's monotonic clock: when it opens, before and after a sync, and now and then.
    /// Locks reading once the grace is over.
    pub fn observe_uptime(&mut self, seen: Uptime) -> Result<Grace> {
        if self.wiped().is_some() {
            return Ok(Grace { offline_ms: None });
        }
        let mut desk = self.desk()?;
        desk.rows.add_uptime(seen)?;
        let grace = desk.grace()?;
        if grace.is_running_out() && !grace.is_over() {
            desk.rows.raise(Code::GraceWarning, "")?;
        }
        if grace.is_over() {
            desk.rows.lower(Code::GraceWarning, "")?;
            desk.rows.raise(Code::WriteOnly, "")?;
        }
        desk.commit()?;
        if grace.is_over() {
            self.lock();
        }
        Ok(grace)
    }
}

impl Desk<'_> {
    /// How long this phone has been without its relay.
    pub fn grace(&self) -> Result<Grace> {
        let contact = self.rows.number(CONTACT)?;
        let ran = self.rows.ran_ms()?;
        Ok(Grace { offline_ms: contact.map(|at| ran.saturating_sub(at.max(0) as u64)) })
    }

    /// A listed relay has answered this phone's latest request.
    pub fn note_contact(&mut self) -> Result<()> {
        let ran = clamped(self.rows.ran_ms()?);
        self.rows.put_number(CONTACT, ran)?;
        self.rows.lower(Code::GraceWarning, "")?;
        if self.rows.wrapped_reading_key()?.is_some() {
            self.rows.lower(Code::WriteOnly, "")?;
        }
        Ok(())
    }
}
