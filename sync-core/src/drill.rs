//! Named crash points for exercises. Compiled only with the feature `drill`.
//!
//! One point can be armed per process. When execution reaches it the process is killed at once
//! (SIGABRT, no unwinding, no destructors, no flush), as a dead battery would.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Every crash point of a phone, in the order in which they are passed.
pub const PHONE_POINTS: &[&str] = &[
    "phone.record.before_begin",
    "phone.record.between_envelopes",
    "phone.record.before_commit",
    "phone.record.after_commit",
    "phone.sync.before_request",
    "phone.sync.after_answer",
    "phone.sync.after_directory",
    "phone.sync.after_results",
    "phone.sync.between_items",
    "phone.sync.before_cursor",
    "phone.sync.before_commit",
    "phone.sync.after_commit",
];

/// Every crash point of the relay, in the order in which they are passed.
pub const RELAY_POINTS: &[&str] = &[
    "relay.push.before_begin",
    "relay.push.after_item",
    "relay.push.after_chain",
    "relay.push.before_commit",
    "relay.push.after_keys",
    "relay.push.after_commit",
    "relay.answer.before_send",
];

/// Crash points that are passed only while a relay that lost something is healed: a phone's, then the relay's.
pub const HEALING_POINTS: &[&str] = &[
    "phone.reconcile.after_answer",
    "phone.reconcile.before_commit",
    "phone.reconcile.after_commit",
    "relay.reconcile.before_send",
    "relay.push.after_mend",
    "relay.restore.after_copy",
    "relay.restore.before_rename",
    "relay.restore.after_keys",
];

/// Crash points that a phone passes only while it is wiped by order of its team, in their order.
pub const WIPE_POINTS: &[&str] = &[
    "phone.wipe.before_begin",
    "phone.wipe.before_commit",
    "phone.wipe.after_commit",
    "phone.wipe.after_scrub",
    "phone.wipe.before_forgetting",
    "phone.wipe.after_forgetting",
    "phone.wipe.after_marker",
    "phone.wipe.after_vault",
];

static ARMED: Mutex<Option<String>> = Mutex::new(None);
static MODIFIED: AtomicBool = AtomicBool::new(false);

/// Makes this process's phones skip their own checks of right and policy, as a modified app would.
pub fn set_modified(modified: bool) {
    MODIFIED.store(modified, Ordering::SeqCst);
}

/// Whether a phone of this process checks what it writes.
pub(crate) fn checks_itself() -> bool {
    !MODIFIED.load(Ordering::SeqCst)
}

/// Arms one point; `None` disarms. A name that is not listed is refused.
pub fn arm(name: Option<&str>) -> Result<(), String> {
    if let Some(name) = name
        && !PHONE_POINTS.contains(&name)
        && !RELAY_POINTS.contains(&name)
        && !HEALING_POINTS.contains(&name)
        && !WIPE_POINTS.contains(&name)
    {
        return Err(format!("no crash point is named {name}"));
    }
    *ARMED.lock().unwrap_or_else(|e| e.into_inner()) = name.map(str::to_owned);
    Ok(())
}

/// Ends the process if this point is armed.
pub fn crash_point(name: &str) {
    let armed = ARMED.lock().unwrap_or_else(|e| e.into_inner());
    if armed.as_deref() == Some(name) {
        std::process::abort();
    }
}
