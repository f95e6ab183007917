//! The figures of this release, each on a stage of its own.
//!
//! Budgets are those of the project; where a figure differs from its description, its name or a note says so.

mod devices;
mod edit;
mod nothing_new;
mod phone;
mod pull;
mod push;

use std::path::Path;

use crate::Outcome;
use crate::cost::{Cost, median};
use crate::figure::Figure;
use crate::floors::Floors;
use crate::stage::Stage;

/// Where to measure.
pub struct Place<'a> {
    /// The relay's program.
    pub relay: &'a Path,
    /// A folder on the disk to measure.
    pub folder: &'a Path,
}

impl Place<'_> {
    /// A fresh relay with a folder of this name.
    pub fn stage(&self, name: &str) -> Outcome<Stage> {
        Stage::new(self.relay, &self.folder.join(name))
    }
}

/// Measures a figure, which may have several lines.
pub type Measure = fn(&Place<'_>, &mut Floors) -> Outcome<Vec<Figure>>;

/// Every figure by name, in the order in which they are measured.
pub const ALL: &[(&str, Measure)] = &[
    ("S1a", push::contacts),
    ("S1p", push::check_ins),
    ("S1b", push::edits),
    ("S2", pull::first_pull),
    ("S3", nothing_new::nothing_new),
    ("S4", edit::one_edit),
    ("S5", devices::at_once),
    ("S8", phone::alone),
];

/// Times that a push or a pull is repeated, each with a phone of its own.
const ROUNDS: usize = 3;

/// f1 as it was around a figure: the middle of all samples, and its bytes.
struct F1 {
    samples: Vec<Cost>,
}

impl F1 {
    fn new() -> Self {
        Self { samples: Vec::new() }
    }

    fn sample(&mut self, floors: &mut Floors) -> Outcome {
        for _ in 0..5 {
            self.samples.push(floors.f1()?);
        }
        Ok(())
    }

    fn ms(&self) -> f64 {
        median(&self.samples.iter().map(|cost| cost.ms).collect::<Vec<_>>())
    }

    fn bytes_up(&self) -> f64 {
        median(&self.samples.iter().map(|cost| cost.passed.up as f64).collect::<Vec<_>>())
    }
}

/// The bytes of a figure over those of a floor.
fn times_bytes(figure: Figure, what: &str, bytes: u64, floor: f64, limit: f64) -> Figure {
    let words = format!("{what} {bytes} / {floor:.0}");
    figure.limit(words, bytes as f64 / floor, limit)
}
