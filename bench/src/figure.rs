//! A figure: a value beside its floor, with the budget it is held against.
//!
//! Invariant: only ratios, bytes, turns and memory decide whether a figure is met. Seconds stand beside them.

use crate::cost::Cost;

/// One limit of a budget.
#[derive(Debug, Clone)]
pub struct Check {
    /// What is limited, with the arithmetic behind it.
    pub what: String,
    /// What was measured.
    pub measured: f64,
    /// The most it may be.
    pub limit: f64,
    /// Whether going beyond it misses the budget.
    pub decides: bool,
}

impl Check {
    /// Whether the limit is kept.
    pub fn is_kept(&self) -> bool {
        self.measured <= self.limit
    }
}

/// A measured figure.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Its name, as `S3/10000`.
    pub name: String,
    /// What it stands for, in a few words.
    pub about: &'static str,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What the value is compared with: the name and the value in the same unit.
    pub floor: Option<(String, f64)>,
    /// Its limits.
    pub checks: Vec<Check>,
    /// What it took besides; all zero where no relay takes part.
    pub cost: Cost,
    /// Sentences that explain it.
    pub notes: Vec<String>,
}

impl Figure {
    /// A wall time in milliseconds and what it took.
    pub fn new(name: impl Into<String>, about: &'static str, cost: Cost) -> Self {
        let (name, value) = (name.into(), cost.ms);
        Self {
            name,
            about,
            value,
            unit: "ms",
            floor: None,
            checks: Vec::new(),
            cost,
            notes: Vec::new(),
        }
    }

    /// A wall time in which no relay takes part.
    pub fn alone(name: impl Into<String>, about: &'static str, ms: f64) -> Self {
        Self::new(name, about, Cost { ms, ..Cost::default() })
    }

    /// Compares the value with a floor.
    pub fn beside(mut self, floor: impl Into<String>, value: f64) -> Self {
        self.floor = Some((floor.into(), value));
        self
    }

    /// The ratio to the floor may be at most this.
    pub fn at_most(mut self, times: f64) -> Self {
        if let (Some(ratio), Some((floor, value))) = (self.ratio(), &self.floor) {
            let what = format!("{:.2} ms / {floor} {value:.2} ms", self.value);
            self.checks.push(Check { what, measured: ratio, limit: times, decides: true });
        }
        self
    }

    /// Another limit that decides.
    pub fn limit(mut self, what: impl Into<String>, measured: f64, limit: f64) -> Self {
        self.checks.push(Check { what: what.into(), measured, limit, decides: true });
        self
    }

    /// The relay's CPU time, stated beside its budget; seconds decide nothing.
    pub fn cpu(mut self, limit_s: f64) -> Self {
        let (what, measured) = ("relay CPU s".to_owned(), self.cost.cpu_s);
        self.checks.push(Check { what, measured, limit: limit_s, decides: false });
        self
    }

    /// Adds a sentence.
    pub fn note(mut self, sentence: impl Into<String>) -> Self {
        self.notes.push(sentence.into());
        self
    }

    /// The value over its floor.
    pub fn ratio(&self) -> Option<f64> {
        self.floor.as_ref().map(|(_, floor)| self.value / floor.max(f64::MIN_POSITIVE))
    }

    /// The budget in words.
    pub fn budget(&self) -> String {
        let parts: Vec<String> = self
            .checks
            .iter()
            .map(|check| format!("{} <= {}", check.what, number(check.limit)))
            .collect();
        parts.join("; ")
    }

    /// Whether every limit that decides is kept.
    pub fn ok(&self) -> bool {
        self.checks.iter().all(|check| !check.decides || check.is_kept())
    }
}

/// A number as short as it can be read.
pub fn number(value: f64) -> String {
    if value == value.trunc() { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_and_bytes_decide_and_seconds_do_not() {
        let cost = Cost { ms: 30.0, cpu_s: 9.0, ..Cost::default() };
        let figure = Figure::new("X", "", cost).beside("floor", 10.0).at_most(3.0).cpu(0.5);
        assert!(figure.ok());
        assert_eq!(figure.ratio(), Some(3.0));
        assert!(!figure.clone().limit("bytes", 1_025.0, 1_024.0).ok());
        assert!(!Figure::new("X", "", cost).beside("floor", 9.0).at_most(3.0).ok());
    }
}
