//! Bodies as they travel: CBOR inside one zstd frame. Inflation is capped before it begins, whatever a frame claims.

use zstd::zstd_safe;

use crate::protocol::{WireError, from_cbor, limits, to_cbor};

/// The level at which a batch of small changes gains most for its time.
const LEVEL: i32 = 3;

/// Encodes and compresses a message.
pub fn pack<T: minicbor::Encode<()>>(message: &T) -> Vec<u8> {
    zstd::bulk::compress(&to_cbor(message), LEVEL).expect("compressing to memory cannot fail")
}

/// Inflates and decodes a message.
pub fn unpack<T: for<'b> minicbor::Decode<'b, ()>>(body: &[u8]) -> Result<T, WireError> {
    from_cbor(&inflate(body)?)
}

/// Inflates a body of at most [`limits::MAX_REQUEST_INFLATED`] bytes, in one step: exactly one frame, which says how
/// long what it holds is.
///
/// # Errors
/// `Malformed` if it is longer, damaged, says no length or another than it has, or is followed by anything.
pub fn inflate(body: &[u8]) -> Result<Vec<u8>, WireError> {
    let whole = zstd_safe::find_frame_compressed_size(body);
    let told = zstd_safe::get_frame_content_size(body).ok().flatten().unwrap_or_default();
    let told = usize::try_from(told).map_err(|_| WireError::Malformed)?;
    if whole != Ok(body.len()) || told == 0 || told > limits::MAX_REQUEST_INFLATED {
        return Err(WireError::Malformed);
    }
    let out = zstd::bulk::decompress(body, told).map_err(|_| WireError::Malformed)?;
    if out.len() == told { Ok(out) } else { Err(WireError::Malformed) }
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
    fn a_frame_that_says_no_length_or_one_beyond_the_cap_is_not_begun() {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_contentsize(false).unwrap();
        std::io::Write::write_all(&mut encoder, b"small").unwrap();
        assert!(inflate(&encoder.finish().unwrap()).is_err());
        let mut lying = zstd::bulk::compress(&[7; 1000], 3).unwrap();
        assert_eq!(inflate(&lying).map(|out| out.len()), Ok(1000));
        // The length stands behind the magic number and the descriptor: two bytes, less 256.
        lying[5..7].copy_from_slice(&u16::MAX.to_le_bytes());
        assert!(inflate(&lying).is_err());
    }
}
