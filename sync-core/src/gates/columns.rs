//! The three encodings of Automerge's columns, read value by value.
//!
//! Nothing is allocated by the length of a run, and a run longer than a change may be is refused when it
//! is read. Only the one form that Automerge writes is read (runs as long as they can be, no empty
//! runs), because a change in any other form would be written differently by the next node that saves
//! the document, under another hash.

use super::reader::{Reader, Walk, hostile};
use crate::protocol::Code;

/// Values compressed by run length.
pub(super) struct Rle<'a, T> {
    bytes: Reader<'a>,
    read: fn(&mut Reader<'a>) -> Walk<T>,
    longest: usize,
    run: Run<T>,
    /// The value before the present position, if it was none of a null run.
    before: Option<T>,
    /// Whether any value was not null: a column of nulls alone is left out.
    valued: bool,
}

enum Run<T> {
    Start,
    Repeat(T, usize),
    Literal(usize),
    Nulls(usize),
}

impl<'a, T: Clone + PartialEq> Rle<'a, T> {
    /// Reads a column whose values `read` takes; a run of more than `longest` is too large a change.
    pub(super) fn new(
        bytes: &'a [u8],
        longest: usize,
        read: fn(&mut Reader<'a>) -> Walk<T>,
    ) -> Self {
        Self {
            bytes: Reader::new(bytes),
            read,
            longest,
            run: Run::Start,
            before: None,
            valued: false,
        }
    }

    /// The next value; `None` for a null.
    pub(super) fn next(&mut self) -> Walk<Option<T>> {
        if self.left() == 0 {
            self.start_run()?;
        }
        match &mut self.run {
            Run::Start => hostile(),
            Run::Nulls(left) => {
                *left -= 1;
                Ok(None)
            }
            Run::Repeat(value, left) => {
                *left -= 1;
                Ok(Some(value.clone()))
            }
            Run::Literal(left) => {
                *left -= 1;
                let value = (self.read)(&mut self.bytes)?;
                if self.before.as_ref() == Some(&value) {
                    return hostile();
                }
                self.before = Some(value.clone());
                Ok(Some(value))
            }
        }
    }

    /// The next value, which must be none.
    pub(super) fn next_value(&mut self) -> Walk<T> {
        self.next()?.ok_or(Code::HostileChange)
    }

    /// Whether everything was read, and was worth writing.
    pub(super) fn is_done(&self) -> bool {
        self.left() == 0 && self.bytes.is_empty() && self.valued
    }

    fn left(&self) -> usize {
        match &self.run {
            Run::Start => 0,
            Run::Repeat(_, left) | Run::Literal(left) | Run::Nulls(left) => *left,
        }
    }

    fn start_run(&mut self) -> Walk<()> {
        let count = self.bytes.signed()?;
        self.valued |= count != 0;
        self.run = if count > 0 {
            let value = (self.read)(&mut self.bytes)?;
            if count == 1 || self.before.as_ref() == Some(&value) {
                return hostile();
            }
            self.before = Some(value.clone());
            Run::Repeat(value, self.bounded(count.unsigned_abs())?)
        } else if count < 0 {
            if matches!(self.run, Run::Literal(_)) {
                return hostile();
            }
            Run::Literal(self.bounded(count.unsigned_abs())?)
        } else {
            let count = self.bytes.unsigned()?;
            if count == 0 || matches!(self.run, Run::Nulls(_)) {
                return hostile();
            }
            self.before = None;
            Run::Nulls(self.bounded(count)?)
        };
        Ok(())
    }

    fn bounded(&self, count: u64) -> Walk<usize> {
        match usize::try_from(count) {
            Ok(count) if count <= self.longest => Ok(count),
            _ => Err(Code::TooManyOps),
        }
    }
}

/// Whole numbers stored as differences.
pub(super) struct Delta<'a> {
    differences: Rle<'a, i64>,
    value: i64,
}

impl<'a> Delta<'a> {
    /// Reads a column; a run of more than `longest` is too large a change.
    pub(super) fn new(bytes: &'a [u8], longest: usize) -> Self {
        Self { differences: Rle::new(bytes, longest, Reader::signed), value: 0 }
    }

    /// The next number, which is never negative; `None` for a null.
    pub(super) fn next(&mut self) -> Walk<Option<u64>> {
        let Some(difference) = self.differences.next()? else {
            return Ok(None);
        };
        self.value = self.value.checked_add(difference).ok_or(Code::HostileChange)?;
        u64::try_from(self.value).map(Some).map_err(|_| Code::HostileChange)
    }

    /// Whether everything was read.
    pub(super) fn is_done(&self) -> bool {
        self.differences.is_done()
    }
}

/// Booleans stored as the lengths of alternating runs, false first.
pub(super) struct Booleans<'a> {
    bytes: Reader<'a>,
    longest: usize,
    runs: usize,
    value: bool,
    left: usize,
}

impl<'a> Booleans<'a> {
    /// Reads a column; a run of more than `longest` is too large a change.
    pub(super) const fn new(bytes: &'a [u8], longest: usize) -> Self {
        Self { bytes: Reader::new(bytes), longest, runs: 0, value: true, left: 0 }
    }

    /// The next value.
    pub(super) fn next(&mut self) -> Walk<bool> {
        while self.left == 0 {
            let count = self.bytes.unsigned()?;
            self.left = match usize::try_from(count) {
                Ok(0) if self.runs > 0 => return hostile(),
                Ok(count) if count <= self.longest => count,
                _ => return Err(Code::TooManyOps),
            };
            self.runs += 1;
            self.value = !self.value;
        }
        self.left -= 1;
        Ok(self.value)
    }

    /// Whether everything was read.
    pub(super) const fn is_done(&self) -> bool {
        self.left == 0 && self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(bytes: &[u8], count: usize) -> Walk<Vec<Option<u64>>> {
        let mut column = Rle::new(bytes, 100, Reader::unsigned);
        let values = (0..count).map(|_| column.next()).collect::<Walk<Vec<_>>>()?;
        if column.is_done() { Ok(values) } else { hostile() }
    }

    #[test]
    fn runs_literals_and_nulls_are_read_in_their_one_form() {
        assert_eq!(numbers(&[2, 7], 2), Ok(vec![Some(7), Some(7)]));
        assert_eq!(numbers(&[0x7e, 7, 8], 2), Ok(vec![Some(7), Some(8)]));
        assert_eq!(numbers(&[0, 2, 0x7f, 7], 3), Ok(vec![None, None, Some(7)]));
        for other_form in [
            &[1, 7][..],         // a run of one
            &[0x7e, 7, 7],       // a literal run that repeats
            &[0x7f, 7, 0x7f, 8], // two literal runs in a row
            &[2, 7, 2, 7],       // one run in two parts
            &[0, 1, 0, 1],       // null run in two parts
            &[0, 0, 0x7f, 7],    // an empty run
            &[0, 2],             // nulls alone
        ] {
            assert_eq!(numbers(other_form, 2), hostile(), "{other_form:?}");
        }
        assert_eq!(numbers(&[2, 7], 1), hostile(), "more values than rows");
        assert_eq!(numbers(&[2, 7], 3), hostile(), "fewer values than rows");
    }

    #[test]
    fn a_bomb_of_a_run_is_refused_before_it_is_counted_out() {
        let bomb = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 7];
        assert_eq!(Rle::new(&bomb, 100, Reader::unsigned).next(), Err(Code::TooManyOps));
        let nulls = [0, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(Rle::new(&nulls, 100, Reader::unsigned).next(), Err(Code::TooManyOps));
        assert_eq!(Booleans::new(&nulls, 100).next(), Err(Code::TooManyOps));
        assert_eq!(Delta::new(&bomb, 100).next(), Err(Code::TooManyOps));
    }

    #[test]
    fn differences_add_up_and_never_overflow_or_turn_negative() {
        let mut column = Delta::new(&[0x7d, 5, 0x7f, 3], 100);
        assert_eq!(
            [column.next(), column.next(), column.next()],
            [Ok(Some(5)), Ok(Some(4)), Ok(Some(7))]
        );
        assert!(column.is_done());
        assert_eq!(Delta::new(&[0x7f, 0x7f], 100).next(), hostile());
        let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00];
        let mut column = [&[2u8][..], &largest].concat();
        column.truncate(11);
        let mut column = Delta::new(&column, 100);
        assert!(column.next().is_ok());
        assert_eq!(column.next(), hostile());
    }

    #[test]
    fn booleans_alternate_and_start_with_false() {
        let mut column = Booleans::new(&[1, 2], 100);
        assert_eq!([column.next(), column.next(), column.next()], [Ok(false), Ok(true), Ok(true)]);
        assert!(column.is_done());
        assert_eq!(Booleans::new(&[0, 1], 100).next(), Ok(true));
        assert_eq!(Booleans::new(&[0, 0, 1], 100).next(), hostile());
    }
}
