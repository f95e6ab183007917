//! Points in time as the protocol carries them. Nothing here reads a clock.

use std::fmt;

use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z. May lie before it: phones' clocks err by decades.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode,
)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] pub i64);

/// A day: days since 1970-01-01 (UTC). The only time a relay sees in a header.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode,
)]
#[cbor(transparent)]
pub struct Day(#[n(0)] pub u32);

/// A time that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write a time as 2026-03-01T18:00:00Z (RFC 3339, with its offset)")]
pub struct TimeError;

const DAY_MS: i64 = 86_400_000;

impl Timestamp {
    /// Reads an RFC 3339 time with its offset.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimeError)?;
        Ok(Self((time.unix_timestamp_nanos() / 1_000_000) as i64))
    }

    /// Milliseconds after this one.
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Whole minutes after this one.
    pub const fn plus_minutes(self, minutes: i64) -> Self {
        self.plus_ms(minutes.saturating_mul(60_000))
    }

    /// The UTC day it lies in; day 0 for anything before 1970.
    pub fn day(self) -> Day {
        Day(self.0.div_euclid(DAY_MS).clamp(0, i64::from(u32::MAX)) as u32)
    }

    /// Seconds since 1970, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

impl Day {
    /// Midnight (UTC) at which the day begins.
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0 as i64 * DAY_MS)
    }

    /// Reads a date written as 2026-03-01.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        Timestamp::parse(&format!("{text}T00:00:00Z")).map(Timestamp::day)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|t| t.format(&Rfc3339).ok());
        f.write_str(text.as_deref().unwrap_or("a time out of range"))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.start().to_string();
        f.write_str(text.split('T').next().unwrap_or(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_prints_as_it_was_read() {
        let t = Timestamp::parse("2026-03-01T18:00:00Z").expect("reads");
        assert_eq!(t.to_string(), "2026-03-01T18:00:00Z");
        assert_eq!(t.day().to_string(), "2026-03-01");
        assert_eq!(Day::parse("2026-03-01").expect("reads"), t.day());
    }

    #[test]
    fn an_offset_is_honoured() {
        let t = Timestamp::parse("2026-03-01T18:00:00-07:00").expect("reads");
        assert_eq!(t.to_string(), "2026-03-02T01:00:00Z");
    }
}
