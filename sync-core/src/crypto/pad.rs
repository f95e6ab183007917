//! The plaintext of a sealed change: compressed where that helps, padded so that its length tells little.
//!
//! ```text
//! form u8            0 = as it is, 1 = raw deflate (RFC 1951)
//! text length u32    big-endian: the change
//! data length u32    big-endian: the change as it stands below (equal to the text length in form 0)
//! data
//! zeros              up to Padme of the length so far, at least 256 bytes
//! ```
//!
//! There is one valid reading: lengths that disagree, padding that is not zero or not of the computed
//! length, and a deflate stream that ends early or late are all malformed. The text length is checked
//! against the cap before anything is inflated. Caller: `seal`.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use zeroize::Zeroizing;

use crate::protocol::limits::MAX_INFLATED;

use super::CryptoError;

/// Shortest padded text.
const FLOOR: usize = 256;
/// Form and the two lengths.
const HEAD: usize = 9;
const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;

/// The length that a text of `len` bytes is padded to: Padme (at most 12 % more), never below the floor.
pub(super) fn padded_len(len: usize) -> usize {
    if len <= FLOOR {
        return FLOOR;
    }
    let exponent = len.ilog2();
    let kept_bits = exponent.ilog2() + 1;
    let mask = (1usize << (exponent - kept_bits)) - 1;
    (len + mask) & !mask
}

/// Packs a change; `spare` bytes of capacity are left for what the caller appends in place.
pub(super) fn pack(change: &[u8], spare: usize) -> Zeroizing<Vec<u8>> {
    let deflated = deflate(change);
    let (form, data) = match &deflated {
        Some(data) => (DEFLATED, data.as_slice()),
        None => (PLAIN, change),
    };
    let total = padded_len(HEAD + data.len());
    // Allocated once: a vector that grows would leave copies of the text behind.
    let mut out = Zeroizing::new(Vec::with_capacity(total + spare));
    out.push(form);
    out.extend_from_slice(&(change.len() as u32).to_be_bytes());
    out.extend_from_slice(&(data.len() as u32).to_be_bytes());
    out.extend_from_slice(data);
    out.resize(total, 0);
    out
}

/// Reads what [`pack`] made.
pub(super) fn unpack(packed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let (head, rest) = packed.split_at_checked(HEAD).ok_or(CryptoError::Text)?;
    let text_len = read_len(&head[1..5])?;
    let data_len = read_len(&head[5..9])?;
    let (data, padding) = rest.split_at_checked(data_len).ok_or(CryptoError::Text)?;
    if text_len > MAX_INFLATED
        || packed.len() != padded_len(HEAD + data_len)
        || padding.iter().any(|byte| *byte != 0)
    {
        return Err(CryptoError::Text);
    }
    match head[0] {
        PLAIN if text_len == data_len => Ok(Zeroizing::new(data.to_vec())),
        DEFLATED => inflate(data, text_len),
        _ => Err(CryptoError::Text),
    }
}

fn read_len(bytes: &[u8]) -> Result<usize, CryptoError> {
    let bytes: [u8; 4] = bytes.try_into().map_err(|_| CryptoError::Text)?;
    usize::try_from(u32::from_be_bytes(bytes)).map_err(|_| CryptoError::Text)
}

/// The deflated text, if it is shorter than the text. A text beyond the cap stays as it is: its envelope is
/// then too long and refused at once, where a short one would be taken and never open.
fn deflate(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if text.len() > MAX_INFLATED {
        return None;
    }
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let status = Compress::new(Compression::default(), false)
        .compress_vec(text, &mut out, FlushCompress::Finish)
        .ok()?;
    (status == Status::StreamEnd && out.len() < text.len()).then_some(out)
}

/// Inflates to exactly `len` bytes (already checked against the cap), using the whole input.
fn inflate(data: &[u8], len: usize) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    // One byte more than it may hold, so that a longer text shows itself.
    let mut out = Zeroizing::new(Vec::with_capacity(len + 1));
    let mut stream = Decompress::new(false);
    let status = stream
        .decompress_vec(data, &mut out, FlushDecompress::Finish)
        .map_err(|_| CryptoError::Text)?;
    let all_read = stream.total_in() == data.len() as u64;
    if status == Status::StreamEnd && all_read && out.len() == len {
        Ok(out)
    } else {
        Err(CryptoError::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize) -> Vec<u8> {
        use rand_chacha::rand_core::{Rng, SeedableRng};
        let mut bytes = vec![0; len];
        rand_chacha::ChaCha20Rng::seed_from_u64(len as u64).fill_bytes(&mut bytes);
        bytes
    }

    #[test]
    fn padded_lengths_are_padme_with_a_floor() {
        let cases = [
            (0, 256),
            (1, 256),
            (255, 256),
            (256, 256),
            (257, 272),
            (272, 272),
            (273, 288),
            (511, 512),
            (513, 544),
            (1000, 1024),
            (1025, 1088),
            (4097, 4352),
            (65_537, 67_584),
        ];
        for (len, padded) in cases {
            assert_eq!(padded_len(len), padded, "{len}");
        }
        for len in 257..20_000 {
            let padded = padded_len(len);
            assert!(padded >= len && padded * 100 <= len * 112, "{len} -> {padded}");
            assert_eq!(padded_len(padded), padded);
        }
    }

    #[test]
    fn texts_read_back_compressed_or_not() {
        for len in [0, 1, 246, 247, 248, 1000, 60_000] {
            for text in [noise(len), vec![b'a'; len]] {
                let packed = pack(&text, 16);
                assert_eq!(*unpack(&packed).expect("reads"), text);
            }
        }
        assert_eq!(pack(&noise(1000), 0)[0], PLAIN);
        assert_eq!(pack(&[b'a'; 1000], 0)[0], DEFLATED);
        assert_eq!(pack(&[b'a'; 60_000], 0).len(), 256);
    }

    #[test]
    fn packing_never_reallocates() {
        for len in [0, 300, 5000] {
            let packed = pack(&noise(len), 16);
            assert!(packed.capacity() >= packed.len() + 16);
        }
    }

    #[test]
    fn the_largest_text_opens_and_one_byte_more_does_not() {
        assert_eq!(unpack(&pack(&vec![0; MAX_INFLATED], 0)).expect("reads").len(), MAX_INFLATED);
        let long = pack(&vec![0; MAX_INFLATED + 1], 0);
        assert_eq!(unpack(&long), Err(CryptoError::Text));
        assert!(long.len() > crate::protocol::limits::MAX_BODY, "it shows as too long");
    }

    /// A packed text built by hand.
    fn built(form: u8, text_len: usize, data: &[u8], padded: usize) -> Vec<u8> {
        let mut out = vec![form];
        out.extend_from_slice(&(text_len as u32).to_be_bytes());
        out.extend_from_slice(&(data.len() as u32).to_be_bytes());
        out.extend_from_slice(data);
        out.resize(padded, 0);
        out
    }

    fn deflated(text: &[u8]) -> Vec<u8> {
        deflate(text).expect("shorter").to_vec()
    }

    #[test]
    fn a_bomb_is_refused_whatever_length_it_claims() {
        let bomb = deflated(&vec![0; MAX_INFLATED]);
        for claimed in [0, 10, MAX_INFLATED - 1, MAX_INFLATED + 1, u32::MAX as usize] {
            let packed = built(DEFLATED, claimed, &bomb, padded_len(HEAD + bomb.len()));
            assert_eq!(unpack(&packed), Err(CryptoError::Text), "{claimed}");
        }
    }

    #[test]
    fn every_other_reading_is_refused() {
        let data = deflated(&[b'a'; 100]);
        assert!(unpack(&built(DEFLATED, 100, &data, 256)).is_ok(), "the case itself is good");
        let mut dirty = built(DEFLATED, 100, &data, 256);
        dirty[255] = 1;
        let mut lying = built(PLAIN, 5, b"hello", 256);
        lying[5..9].copy_from_slice(&u32::MAX.to_be_bytes());
        let trailing = [data.as_slice(), b"x"].concat();
        let bad = [
            vec![],
            vec![0; 8],
            built(2, 100, &data, 256),
            built(DEFLATED, 100, &data, 257),
            built(DEFLATED, 100, &data, 255),
            built(DEFLATED, 99, &data, 256),
            built(DEFLATED, 101, &data, 256),
            built(DEFLATED, 100, &data[..data.len() - 1], 256),
            built(DEFLATED, 100, &trailing, 256),
            built(DEFLATED, 100, b"", 256),
            built(PLAIN, 4, b"hello", 256),
            built(PLAIN, 6, b"hello", 256),
            dirty,
            lying,
        ];
        for (i, packed) in bad.iter().enumerate() {
            assert_eq!(unpack(packed), Err(CryptoError::Text), "case {i}");
        }
    }
}
