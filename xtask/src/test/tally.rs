//! Counting tests from what test programs print, so that the last line of a run is true.

use crate::shell::Captured;

/// Tests that passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed, and programs that ended badly without naming a failed test.
    pub failed: u64,
    /// Tests that their author left out of ordinary runs.
    pub ignored: u64,
}

impl Tally {
    /// One check that passed.
    pub const PASSED: Tally = Tally { passed: 1, failed: 0, ignored: 0 };
    /// One check that failed.
    pub const FAILED: Tally = Tally { passed: 0, failed: 1, ignored: 0 };

    /// How many ran.
    pub fn ran(&self) -> u64 {
        self.passed + self.failed
    }

    /// Adds another tally.
    pub fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }

    /// The tally of a finished test program. A bad end counts as a failure even if no test is named;
    /// so does a program that says nothing of its tests.
    pub fn of(output: &Captured) -> Tally {
        let mut tally = Tally::default();
        let mut reported = false;
        for line in output.stdout.lines() {
            if let Some(counts) = counts(line) {
                tally.add(counts);
                reported = true;
            }
        }
        if (!output.success() && tally.failed == 0) || !reported {
            tally.failed += 1;
        }
        tally
    }
}

/// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; …` and `3 passed, 0 failed`.
fn counts(line: &str) -> Option<Tally> {
    let rest = match line.strip_prefix("test result: ") {
        Some(rest) => rest.split_once(". ")?.1,
        None => line,
    };
    let mut tally = Tally::default();
    let mut seen = (false, false);
    for part in rest.split([';', ',']) {
        let (number, word) = part.trim().split_once(' ')?;
        match (number.parse::<u64>(), word.trim()) {
            (Ok(n), "passed") => (tally.passed, seen.0) = (n, true),
            (Ok(n), "failed") => (tally.failed, seen.1) = (n, true),
            (Ok(n), "ignored") => tally.ignored = n,
            _ => {}
        }
    }
    (seen == (true, true)).then_some(tally)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn ended(stdout: &str, success: bool) -> Captured {
        let status = Command::new(if success { "true" } else { "false" }).status().expect("runs");
        Captured { stdout: stdout.to_owned(), stderr: String::new(), status: Some(status) }
    }

    #[test]
    fn counts_are_read_from_both_forms() {
        let libtest = "running 4 tests\ntest result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 5 filtered out; finished in 0.01s\n";
        let expected = Tally { passed: 3, failed: 1, ignored: 2 };
        assert_eq!(Tally::of(&ended(libtest, false)), expected);
        let exercise = "playing\n12 passed, 0 failed\n";
        assert_eq!(Tally::of(&ended(exercise, true)), Tally { passed: 12, failed: 0, ignored: 0 });
    }

    #[test]
    fn a_crash_and_a_silent_program_are_failures() {
        let ok = "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(Tally::of(&ended(ok, false)).failed, 1);
        assert_eq!(Tally::of(&ended("", true)).failed, 1);
    }
}
