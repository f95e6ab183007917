//! A request that asks nothing and an answer that says nothing, for tests to fill in: the one place that names every
//! field of both.
#![allow(dead_code, reason = "each test program uses its own part")]

use sync_core::ids::{DeviceId, IncarnationId, RelayId, TeamId};
use sync_core::protocol::{Batch, Cursors, SyncRequest, SyncResponse, Timestamp, limits};

/// A request of a device that has nothing to send and holds nothing.
pub fn empty_request(team: TeamId, device: DeviceId, now: Timestamp) -> SyncRequest {
    SyncRequest {
        team,
        device,
        now,
        digest: Cursors::default().digest().into(),
        cursors: None,
        high: Vec::new(),
        batch: Batch::new(),
        push: Vec::new(),
        max_bytes: limits::DEFAULT_MAX_BYTES,
        invites: Vec::new(),
        recovery: None,
        vouched: None,
        codes: None,
        ask_accepted: None,
        cosign: None,
        withdrawn: None,
        wiped: None,
        ask_wiped: None,
        healing: None,
        audit_after: None,
    }
}

/// An answer of a relay that stores nothing and holds nothing.
pub fn empty_response(relay: RelayId, now: Timestamp) -> SyncResponse {
    SyncResponse {
        relay,
        incarnation: IncarnationId::new([1; 16]),
        now,
        need_cursors: false,
        results: Vec::new(),
        batch: Batch::new(),
        spaces: Vec::new(),
        gone: Vec::new(),
        reset: Vec::new(),
        backup_through: 0,
        pending: Vec::new(),
        recovery: None,
        vouched: None,
        codes: None,
        accepted: None,
        set_aside: None,
        wiped: None,
        cosign: None,
        audit_head: None,
        audit: None,
        healing: None,
    }
}
