//! Where a device stands: as it says, or as the relay remembers by digest.

use std::collections::BTreeMap;

use sync_core::protocol::{Cursor, Cursors, SyncRequest};

use crate::store::{Reader, StoreError, devices};

use super::pull::Pulled;

/// A device's cursors.
pub(super) struct Known {
    /// One a space, sorted.
    pub cursors: Cursors,
    /// Whether the relay would find them by digest again.
    pub remembered: bool,
}

/// The device's cursors; `None` if the relay must ask for them.
pub(super) fn known(reader: &Reader, request: &SyncRequest) -> Result<Option<Known>, StoreError> {
    if let Some(list) = &request.cursors {
        let by_space: BTreeMap<_, _> = list.0.iter().map(|c| (c.space, *c)).collect();
        let cursors = Cursors(by_space.into_values().collect());
        return Ok(Some(Known { cursors, remembered: false }));
    }
    if *request.digest == Cursors::default().digest() {
        return Ok(Some(Known { cursors: Cursors::default(), remembered: true }));
    }
    let cursors = devices::cursors(reader, request.device, &request.digest)?;
    Ok(cursors.map(|cursors| Known { cursors, remembered: true }))
}

/// The cursors once the device has applied an answer.
pub(super) fn after(before: &Cursors, pulled: &Pulled) -> Cursors {
    let mut by_space: BTreeMap<_, _> = before.0.iter().map(|c| (c.space, *c)).collect();
    for served in &pulled.spaces {
        let cursor = Cursor { space: served.space, seq: served.seq, chain: served.chain };
        by_space.insert(served.space, cursor);
    }
    for gone in &pulled.gone {
        by_space.remove(gone);
    }
    // A device names only the spaces it took something from.
    Cursors(by_space.into_values().filter(|cursor| cursor.seq > 0).collect())
}
