//! A cursor over bytes a peer chose: every read is bounded, nothing is allocated by a length it claims.

use crate::protocol::Code;

/// What the walker refuses hostile bytes with.
pub(super) type Walk<T> = Result<T, Code>;

/// Shorthand for the common refusal.
pub(super) const fn hostile<T>() -> Walk<T> {
    Err(Code::HostileChange)
}

/// The bytes not yet read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How many bytes are left.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether everything was read.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Walk<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Code::HostileChange)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Walk<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| Code::HostileChange)
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Walk<u8> {
        Ok(self.take(1)?[0])
    }

    /// An unsigned LEB128 number in its shortest form.
    pub(super) fn unsigned(&mut self) -> Walk<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return hostile();
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 { hostile() } else { Ok(value) };
            }
        }
        hostile()
    }

    /// A signed LEB128 number in its shortest form.
    pub(super) fn signed(&mut self) -> Walk<i64> {
        let mut value = 0i128;
        let mut before = 0u8;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            value |= i128::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let negative = byte & 0x40 != 0;
                if negative {
                    value -= 1i128 << (shift + 7);
                }
                let needless =
                    (byte == 0 && before & 0x40 == 0) || (byte == 0x7f && before & 0x40 != 0);
                if shift > 0 && needless {
                    return hostile();
                }
                return i64::try_from(value).map_err(|_| Code::HostileChange);
            }
            before = byte;
        }
        hostile()
    }

    /// A length that must fit into what is left.
    pub(super) fn length(&mut self) -> Walk<usize> {
        let length = usize::try_from(self.unsigned()?).map_err(|_| Code::HostileChange)?;
        if length > self.len() { hostile() } else { Ok(length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shortest_form_of_a_number_is_read() {
        assert_eq!(Reader::new(&[0x80, 0x01]).unsigned(), Ok(128));
        assert_eq!(Reader::new(&[0x80, 0x00]).unsigned(), hostile());
        assert_eq!(Reader::new(&[0xff; 10]).unsigned(), hostile());
        let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Reader::new(&largest).unsigned(), Ok(u64::MAX));
        assert_eq!(Reader::new(&[0x7f]).signed(), Ok(-1));
        assert_eq!(Reader::new(&[0xff, 0x00]).signed(), Ok(127));
        assert_eq!(Reader::new(&[0xff, 0x7f]).signed(), hostile());
        assert_eq!(Reader::new(&[0x81, 0x00]).signed(), hostile());
        let least = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f];
        assert_eq!(Reader::new(&least).signed(), Ok(i64::MIN));
        let beyond = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
        assert_eq!(Reader::new(&beyond).signed(), hostile());
    }

    #[test]
    fn a_length_beyond_the_bytes_is_refused() {
        assert_eq!(Reader::new(&[3, 1, 2]).length(), hostile());
        assert_eq!(Reader::new(&[2, 1, 2]).length(), Ok(2));
    }
}
