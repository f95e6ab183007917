//! For exercises only: a relay that keeps what one device writes from another one.

use std::sync::{Mutex, PoisonError};

use sync_core::ids::DeviceId;

static WITHHELD: Mutex<Vec<(DeviceId, DeviceId)>> = Mutex::new(Vec::new());

/// Keeps everything that `from` writes, and what follows it in a log, from `to` until the process ends.
pub fn withhold(from: DeviceId, to: DeviceId) {
    WITHHELD.lock().unwrap_or_else(PoisonError::into_inner).push((from, to));
}

/// Whether an item of this author is kept from this device.
pub(super) fn is_withheld(from: DeviceId, to: DeviceId) -> bool {
    WITHHELD.lock().unwrap_or_else(PoisonError::into_inner).contains(&(from, to))
}
