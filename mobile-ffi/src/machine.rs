//! What the engine is not allowed to reach for itself: this machine's clock and randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use getrandom::SysRng;
use rand_core::UnwrapErr;
use sync_core::engine::Env;
use sync_core::protocol::Timestamp;

/// The operating system's randomness. If it has none, the call panics and arrives as an error.
pub(crate) fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// The phone's clock, right or wrong.
pub(crate) fn now() -> Timestamp {
    let now = SystemTime::now();
    let ms = match now.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    };
    Timestamp(ms)
}

/// Hands the engine clock and randomness for one call.
pub(crate) fn with_env<T>(call: impl FnOnce(&mut Env<'_>) -> T) -> T {
    call(&mut Env { now: now(), rng: &mut rng() })
}
