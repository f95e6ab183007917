//! Who is on call, and who is called for a request by now. Pure: shifts and times in, members out.
//!
//! Not a wake-up: it says whose turn it is, on every phone alike, without a link. Called by the engine and the
//! coordinator's page.

use std::collections::BTreeSet;

use crate::ids::MemberId;
use crate::protocol::Timestamp;

use super::Shift;

/// Who is called for a request by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Called {
    /// These, the first called first. The last one has the turn; the others were called before and may still answer.
    Members(Vec<MemberId>),
    /// Everybody who reads requests: nobody is on call, or all who are were called and their time is over.
    Everyone,
}

/// Who is on call at a moment, who is called first coming first: by rank, then by the earlier begin, then by id.
/// Whoever rests or is unavailable then is not, whatever other shift they have.
pub fn on_call(shifts: &[Shift], at: Timestamp) -> Vec<MemberId> {
    let holding = || shifts.iter().filter(|shift| shift.holds_at(at));
    let off: BTreeSet<MemberId> =
        holding().filter(|shift| !shift.on_call).map(|shift| shift.member).collect();
    let mut on: Vec<&Shift> =
        holding().filter(|shift| shift.on_call && !off.contains(&shift.member)).collect();
    on.sort_by_key(|shift| (shift.rank, shift.starts, shift.member));
    let mut seen = BTreeSet::new();
    on.into_iter().map(|shift| shift.member).filter(|member| seen.insert(*member)).collect()
}

/// Who is called by `now` for something asked at `asked`: at once the first on call, and every `wait_min` minutes the
/// next who is on call then and was not called yet. Whoever `passed` it on is passed over, so the next is called at
/// once. When there is no next one, everybody is called.
///
/// `shifts`: of members who may answer, the asking one left out. A time before `asked` counts as `asked`.
pub fn called(
    shifts: &[Shift],
    passed: &BTreeSet<MemberId>,
    asked: Timestamp,
    now: Timestamp,
    wait_min: u32,
) -> Called {
    let mut called: Vec<MemberId> = Vec::new();
    let mut at = asked;
    loop {
        let next = on_call(shifts, at)
            .into_iter()
            .find(|member| !called.contains(member) && !passed.contains(member));
        match next {
            Some(member) => called.push(member),
            None => return Called::Everyone,
        }
        at = at.plus_minutes(i64::from(wait_min.max(1)));
        if at > now {
            return Called::Members(called);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60;

    fn who(byte: u8) -> MemberId {
        MemberId::new([byte; 16])
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp(1_000_000_000_000).plus_minutes(minutes)
    }

    fn shift(byte: u8, rank: i64, from: i64, to: i64) -> Shift {
        Shift { member: who(byte), starts: at(from), ends: at(to), rank, on_call: true }
    }

    fn members(bytes: &[u8]) -> Called {
        Called::Members(bytes.iter().copied().map(who).collect())
    }

    fn asked_at_zero(shifts: &[Shift], passed: &[u8], now: Timestamp) -> Called {
        called(shifts, &passed.iter().copied().map(who).collect(), at(0), now, 15)
    }

    #[test]
    fn a_shift_begins_with_its_first_moment_and_is_over_at_its_last() {
        let shifts = [shift(1, 1, 0, 8 * HOUR)];
        assert_eq!(on_call(&shifts, at(0).plus_ms(-1)), []);
        assert_eq!(on_call(&shifts, at(0)), [who(1)]);
        assert_eq!(on_call(&shifts, at(8 * HOUR).plus_ms(-1)), [who(1)]);
        assert_eq!(on_call(&shifts, at(8 * HOUR)), []);
    }

    #[test]
    fn rank_decides_then_who_began_earlier_then_the_id_and_nobody_counts_twice() {
        let shifts = [
            shift(4, 1, 0, HOUR),
            shift(3, 1, 0, HOUR),
            shift(2, 1, -10, HOUR),
            shift(1, 2, -60, HOUR),
            shift(2, 3, -60, HOUR),
        ];
        assert_eq!(on_call(&shifts, at(5)), [who(2), who(3), who(4), who(1)]);
    }

    #[test]
    fn whoever_rests_is_off_call_for_that_long() {
        let rest = Shift { on_call: false, ..shift(1, 1, 10, 20) };
        let shifts = [shift(1, 1, 0, HOUR), rest];
        assert_eq!(on_call(&shifts, at(9)), [who(1)]);
        assert_eq!(on_call(&shifts, at(10)), []);
        assert_eq!(on_call(&shifts, at(20)), [who(1)]);
    }

    #[test]
    fn the_next_is_called_when_the_wait_is_over_and_not_a_moment_earlier() {
        let shifts = [shift(1, 1, -60, HOUR), shift(2, 2, -60, HOUR), shift(3, 3, -60, HOUR)];
        assert_eq!(asked_at_zero(&shifts, &[], at(-5)), members(&[1]), "a clock that is behind");
        assert_eq!(asked_at_zero(&shifts, &[], at(0)), members(&[1]));
        assert_eq!(asked_at_zero(&shifts, &[], at(15).plus_ms(-1)), members(&[1]));
        assert_eq!(asked_at_zero(&shifts, &[], at(15)), members(&[1, 2]));
        assert_eq!(asked_at_zero(&shifts, &[], at(30).plus_ms(-1)), members(&[1, 2]));
        assert_eq!(asked_at_zero(&shifts, &[], at(30)), members(&[1, 2, 3]));
        assert_eq!(asked_at_zero(&shifts, &[], at(45).plus_ms(-1)), members(&[1, 2, 3]));
        assert_eq!(asked_at_zero(&shifts, &[], at(45)), Called::Everyone);
    }

    #[test]
    fn the_next_is_who_is_on_call_at_that_moment() {
        // 1 goes off at the very minute at which 2 comes on, which is when the next is called.
        let shifts = [shift(1, 1, -60, 15), shift(2, 9, 15, HOUR)];
        assert_eq!(asked_at_zero(&shifts, &[], at(14)), members(&[1]));
        assert_eq!(asked_at_zero(&shifts, &[], at(15)), members(&[1, 2]));
        let gap = [shift(1, 1, -60, 15), shift(2, 9, 16, HOUR)];
        assert_eq!(asked_at_zero(&gap, &[], at(15)), Called::Everyone);
    }

    #[test]
    fn whoever_passes_it_on_is_passed_over_at_once() {
        let shifts = [shift(1, 1, -60, HOUR), shift(2, 2, -60, HOUR)];
        assert_eq!(asked_at_zero(&shifts, &[1], at(1)), members(&[2]));
        assert_eq!(asked_at_zero(&shifts, &[1, 2], at(1)), Called::Everyone);
    }

    #[test]
    fn everybody_is_called_where_nobody_is_on_call() {
        assert_eq!(asked_at_zero(&[], &[], at(0)), Called::Everyone);
        assert_eq!(asked_at_zero(&[shift(1, 1, 1, HOUR)], &[], at(0)), Called::Everyone);
    }

    #[test]
    fn a_wait_of_nothing_and_ages_of_it_end() {
        let shifts = [shift(1, 1, -60, i64::from(i32::MAX))];
        let now = at(i64::from(i32::MAX));
        assert_eq!(called(&shifts, &BTreeSet::new(), at(0), now, 0), Called::Everyone);
    }
}
