//! What a stretch of work took: wall time, bytes, turns, and the relay's CPU time and memory.

use std::time::Instant;

use crate::Outcome;
use crate::proxy::{Passed, Proxy};
use crate::relay::Server;

/// What it took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Wall time in milliseconds.
    pub ms: f64,
    /// What passed the proxy.
    pub passed: Passed,
    /// The server's CPU seconds.
    pub cpu_s: f64,
    /// The server's peak memory in MiB.
    pub peak_mib: f64,
}

/// Measures what a piece of work takes.
pub fn of<T>(
    proxy: &Proxy,
    server: &Server,
    work: impl FnOnce() -> Outcome<T>,
) -> Outcome<(T, Cost)> {
    server.forget_peak()?;
    let (cpu_s, before, start) = (server.cpu_s()?, proxy.passed(), Instant::now());
    let out = work()?;
    let ms = start.elapsed().as_secs_f64() * 1_000.0;
    let after = proxy.passed();
    let passed = Passed {
        up: after.up - before.up,
        down: after.down - before.down,
        turns: after.turns - before.turns,
    };
    let cost = Cost { ms, passed, cpu_s: server.cpu_s()? - cpu_s, peak_mib: server.peak_mib()? };
    Ok((out, cost))
}

/// Milliseconds that a piece of work takes.
pub fn ms<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<(T, f64)> {
    let start = Instant::now();
    let out = work()?;
    Ok((out, start.elapsed().as_secs_f64() * 1_000.0))
}

/// The middle one of some values; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// The run with the middle wall time.
///
/// # Panics
/// Never: callers measure at least once.
pub fn middle(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by(|a, b| a.ms.total_cmp(&b.ms));
    costs[costs.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_taken_by_wall_time() {
        let cost = |ms| Cost { ms, ..Cost::default() };
        assert_eq!(middle(vec![cost(9.0), cost(1.0), cost(4.0)]).ms, 4.0);
        assert_eq!(median(&[9.0, 1.0, 4.0]), 4.0);
        assert_eq!(median(&[]), 0.0);
    }
}
