//! How often strangers may ask: token buckets by address or by team, on a monotonic clock of their own.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Requests at once.
const BURST: f64 = 120.0;
/// Requests a second after that.
const PER_SECOND: f64 = 2.0;
/// Callers remembered; beyond this, those who have been quiet are forgotten.
const MOST_KEYS: usize = 10_000;

/// How often each of many callers may ask.
pub(crate) struct Rate<K> {
    started: Instant,
    buckets: Mutex<Buckets<K>>,
}

impl<K: Eq + Hash> Rate<K> {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), buckets: Mutex::new(Buckets(HashMap::new())) }
    }

    /// Takes one request of a caller; false if they have asked too often.
    pub(crate) fn allows(&self, caller: K) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.take(caller, self.started.elapsed())
    }
}

struct Bucket {
    left: f64,
    at: Duration,
}

struct Buckets<K>(HashMap<K, Bucket>);

impl<K: Eq + Hash> Buckets<K> {
    /// Takes one request from a caller's bucket; false if it is empty.
    fn take(&mut self, key: K, now: Duration) -> bool {
        if self.0.len() >= MOST_KEYS && !self.0.contains_key(&key) {
            self.0.retain(|_, bucket| refilled(bucket, now) < BURST);
            if self.0.len() >= MOST_KEYS {
                return false;
            }
        }
        let bucket = self.0.entry(key).or_insert(Bucket { left: BURST, at: now });
        bucket.left = refilled(bucket, now);
        bucket.at = now;
        let allowed = bucket.left >= 1.0;
        if allowed {
            bucket.left -= 1.0;
        }
        allowed
    }
}

fn refilled(bucket: &Bucket, now: Duration) -> f64 {
    let since = now.saturating_sub(bucket.at).as_secs_f64();
    (bucket.left + since * PER_SECOND).min(BURST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_empties_the_bucket_and_time_fills_it() {
        let mut buckets = Buckets(HashMap::new());
        let at = Duration::from_secs(5);
        assert!((0..BURST as u32).all(|_| buckets.take("caller", at)));
        assert!(!buckets.take("caller", at));
        assert!(buckets.take("another", at));
        assert!(buckets.take("caller", at + Duration::from_secs(1)));
    }

    #[test]
    fn quiet_callers_are_forgotten_and_a_flood_is_refused() {
        let mut buckets = Buckets(HashMap::new());
        for key in 0..MOST_KEYS {
            assert!(buckets.take(key, Duration::ZERO));
        }
        assert!(!buckets.take(MOST_KEYS, Duration::ZERO));
        assert!(buckets.take(MOST_KEYS, Duration::from_secs(10)));
        assert_eq!(buckets.0.len(), 1);
    }
}
