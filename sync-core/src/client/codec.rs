//! Bodies as they travel: CBOR inside one zstd frame. Inflation is capped before it begins, whatever a frame claims.

use std::io::Read;

use crate::protocol::{WireError, from_cbor, limits, to_cbor};

/// The level at which a batch of small changes gains most for its time.
const LEVEL: i32 = 3;
/// Largest window a frame may ask for: 2^24 bytes, as much as the largest message.
const WINDOW_LOG_MAX: u32 = 24;

/// Encodes and compresses a message.
pub fn pack<T: minicbor::Encode<()>>(message: &T) -> Vec<u8> {
    zstd::bulk::compress(&to_cbor(message), LEVEL).expect("compressing to memory cannot fail")
}

/// Inflates and decodes a message.
pub fn unpack<T: for<'b> minicbor::Decode<'b, ()>>(body: &[u8]) -> Result<T, WireError> {
    from_cbor(&inflate(body)?)
}

/// Inflates a body of at most [`limits::MAX_REQUEST_INFLATED`] bytes.
///
/// # Errors
/// `Malformed` if it is longer, damaged, or followed by anything.
pub fn inflate(body: &[u8]) -> Result<Vec<u8>, WireError> {
    let malformed = |_| WireError::Malformed;
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(malformed)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(malformed)?;
    let mut out = Vec::new();
    let cap = limits::MAX_REQUEST_INFLATED as u64;
    decoder.take(cap + 1).read_to_end(&mut out).map_err(malformed)?;
    if out.is_empty() || out.len() as u64 > cap { Err(WireError::Malformed) } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Cursors;

    #[test]
    fn a_message_comes_back_and_trailing_bytes_do_not_pass() {
        let message = Cursors(vec![]);
        let mut body = pack(&message);
        assert_eq!(unpack::<Cursors>(&body), Ok(message));
        for cut in 0..body.len() {
            assert!(inflate(&body[..cut]).is_err(), "cut at {cut}");
        }
        body.push(0);
        assert!(inflate(&body).is_err());
    }

    #[test]
    fn a_bomb_stops_at_the_cap() {
        let most = vec![0; limits::MAX_REQUEST_INFLATED];
        assert_eq!(inflate(&zstd::bulk::compress(&most, 3).unwrap()), Ok(most));
        let bomb = zstd::bulk::compress(&vec![0; limits::MAX_REQUEST_INFLATED + 1], 3).unwrap();
        assert!(bomb.len() < 4096);
        assert!(inflate(&bomb).is_err());
    }

    #[test]
    fn a_frame_may_not_ask_for_a_huge_window() {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(27).unwrap();
        encoder.include_contentsize(false).unwrap();
        std::io::Write::write_all(&mut encoder, b"small").unwrap();
        assert!(inflate(&encoder.finish().unwrap()).is_err());
    }
}
