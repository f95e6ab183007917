//! What is told of steps: a line for each that failed, an object for each if asked, and the counts.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::drill::proxy::Traffic;
use crate::drill::script::Step;

use super::{Failed, Played};

/// The counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Expectations that held.
    pub passed: u64,
    /// Expectations that did not, and other steps that were not done.
    pub failed: u64,
}

/// What became of one step.
#[derive(Debug, Clone)]
pub struct StepReport {
    /// The file.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The verb.
    pub name: String,
    /// Whether it only looks.
    pub is_expectation: bool,
    /// The file's own reason for it.
    pub why: Option<String>,
    /// How it ended.
    pub outcome: Played,
    /// What went over the phones' links during it.
    pub traffic: Traffic,
    took: Duration,
}

impl Report {
    /// Counts a step.
    pub fn count(&mut self, step: &StepReport) {
        match (&step.outcome, step.is_expectation) {
            (Err(_), _) => self.failed += 1,
            (Ok(()), true) => self.passed += 1,
            (Ok(()), false) => {}
        }
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Report) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// The last line.
    pub fn summary(&self) -> String {
        format!("{} passed, {} failed", self.passed, self.failed)
    }
}

impl StepReport {
    /// What became of a step.
    pub fn new(file: &str, step: &Step, took: Duration, outcome: Played) -> Self {
        Self {
            file: file.to_owned(),
            line: step.line,
            name: step.name.clone(),
            is_expectation: step.verb.is_expectation(),
            why: step.why.clone(),
            outcome,
            traffic: Traffic::default(),
            took,
        }
    }

    /// A crash point that was armed and never reached.
    pub fn unreached(file: &str, line: usize, point: &str) -> Self {
        Self {
            file: file.to_owned(),
            line,
            name: "kill".into(),
            is_expectation: true,
            why: None,
            outcome: Err(Failed::unmet(format!("{point} is reached"), "it was never reached")),
            traffic: Traffic::default(),
            took: Duration::ZERO,
        }
    }

    fn found(&self) -> Option<(String, String)> {
        match self.outcome.as_ref().err()? {
            Failed::Refused { code, sentence } => {
                Some((format!("{} is done", self.name), format!("refused with {code}: {sentence}")))
            }
            Failed::Unmet { expected, found } => Some((expected.clone(), found.clone())),
            Failed::Crashed => {
                Some((format!("{} is done", self.name), "the process died again".into()))
            }
            Failed::Broken(reason) => {
                Some((format!("{} can be played", self.name), reason.clone()))
            }
        }
    }

    /// The line for a step that failed.
    pub fn failure_line(&self) -> Option<String> {
        let (expected, found) = self.found()?;
        let why = self.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        Some(format!(
            "{}:{}: {}: expected {expected}; found {found}{why}",
            self.file, self.line, self.name
        ))
    }

    /// The object for a step.
    pub fn json(&self) -> Json {
        let mut json = json!({ "file": self.file, "line": self.line, "do": self.name,
                               "ok": self.outcome.is_ok(), "ms": self.took.as_millis() as u64 });
        if self.traffic != Traffic::default() {
            json["requests"] = self.traffic.requests.into();
            json["bytes_up"] = self.traffic.up.into();
            json["bytes_down"] = self.traffic.down.into();
        }
        if let Some((expected, found)) = self.found() {
            json["expected"] = expected.into();
            json["found"] = found.into();
        }
        if let Some(why) = &self.why {
            json["why"] = why.clone().into();
        }
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(outcome: Played) -> StepReport {
        StepReport {
            file: "a.jsonl".into(),
            line: 7,
            name: "expect_pending".into(),
            is_expectation: true,
            why: Some("nothing is lost".into()),
            outcome,
            traffic: Traffic::default(),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn a_failure_names_file_line_expected_found_and_why() {
        let line = step(Err(Failed::unmet("0", "3"))).failure_line().expect("failed");
        assert_eq!(line, "a.jsonl:7: expect_pending: expected 0; found 3 (nothing is lost)");
        assert_eq!(step(Ok(())).failure_line(), None);
    }

    #[test]
    fn expectations_are_counted_and_so_is_every_failure() {
        let mut report = Report::default();
        report.count(&step(Ok(())));
        report.count(&step(Err(Failed::Crashed)));
        assert_eq!(report.summary(), "1 passed, 1 failed");
    }
}
