//! The member's own check-ins by week. Say everything in words, not in colour alone; none of it is a finding.

use std::collections::HashMap;

use sync_core::records::{Mean, Week};

use crate::error::AftercallError;
use crate::phone::AftercallPhone;

/// The mean of a number over a week.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct WeeklyMean {
    /// None if no check-in of the week says it.
    pub mean: Option<f64>,
    /// How it lies to the week before: up, down, same or unknown.
    pub direction: String,
}

/// A week of check-ins.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct CheckInWeek {
    /// Its first day, as 2026-03-01.
    pub from: String,
    /// How many check-ins.
    pub count: u32,
    /// How many of each zone, by code.
    pub zones: HashMap<String, u32>,
    /// Hours of sleep.
    pub sleep_hours: WeeklyMean,
    /// Mood, 0 to 10.
    pub mood: WeeklyMean,
    /// Stress, 0 to 10.
    pub stress: WeeklyMean,
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl From<Mean> for WeeklyMean {
    fn from(mean: Mean) -> Self {
        WeeklyMean { mean: mean.mean, direction: mean.direction.as_str().to_owned() }
    }
}

impl From<Week> for CheckInWeek {
    fn from(week: Week) -> Self {
        CheckInWeek {
            from: week.from.to_string(),
            count: count(week.count),
            zones: week.zones.into_iter().map(|(zone, number)| (zone, count(number))).collect(),
            sleep_hours: week.sleep_hours.into(),
            mood: week.mood.into(),
            stress: week.stress.into(),
        }
    }
}

#[uniffi::export]
impl AftercallPhone {
    /// The last weeks (1 to 52) of this member's own check-ins, the oldest first. Works offline; nothing is sent.
    pub fn trend(&self, weeks: u32) -> Result<Vec<CheckInWeek>, AftercallError> {
        let weeks = self.with(|phone, env| phone.trend(env.now, weeks))?;
        Ok(weeks.into_iter().map(Into::into).collect())
    }
}
