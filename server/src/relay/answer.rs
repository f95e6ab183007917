//! Compressed messages: inflating what a stranger sent without trusting its size, and signing what leaves.

use std::io::Read as _;

use sync_core::protocol::limits::{MAX_REQUEST, MAX_REQUEST_INFLATED};
use sync_core::protocol::{Code, SignedAnswer, SyncResponse, answer_to_sign, to_cbor};

use super::Relay;

/// Largest window a sender may ask for: 2^23 bytes, the largest that every zstd decoder must take.
const WINDOW_LOG: u32 = 23;
const LEVEL: i32 = 3;

/// Inflates a request.
///
/// # Errors
/// `too_large` if it or what it inflates to is larger than the relay takes, `malformed` if it is not zstd.
pub(super) fn inflate(body: &[u8]) -> Result<Vec<u8>, Code> {
    if body.len() > MAX_REQUEST {
        return Err(Code::TooLarge);
    }
    let mut decoder =
        zstd::stream::read::Decoder::with_buffer(body).map_err(|_| Code::Malformed)?;
    decoder.window_log_max(WINDOW_LOG).map_err(|_| Code::Malformed)?;
    let mut out = Vec::new();
    let cap = MAX_REQUEST_INFLATED as u64 + 1;
    decoder.take(cap).read_to_end(&mut out).map_err(|_| Code::Malformed)?;
    if out.len() > MAX_REQUEST_INFLATED {
        return Err(Code::TooLarge);
    }
    Ok(out)
}

/// Compresses an answer.
pub(super) fn deflate(plain: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(plain, LEVEL)
        .expect("compressing memory into a buffer of zstd's own bound")
}

impl Relay {
    /// Signs an answer to this very request body and compresses both.
    pub(super) fn signed(&self, body: &[u8], response: &SyncResponse) -> Vec<u8> {
        let answer = to_cbor(response);
        let sig = self.keys.sign(&answer_to_sign(body, &answer));
        deflate(&to_cbor(&SignedAnswer { answer: answer.into(), sig: sig.into() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_inflates_to_what_it_was() {
        assert_eq!(inflate(&deflate(b"hello")), Ok(b"hello".to_vec()));
    }

    #[test]
    fn a_bomb_is_stopped_at_the_cap() {
        let bomb = deflate(&vec![0; MAX_REQUEST_INFLATED * 4]);
        assert!(bomb.len() < 20_000);
        assert_eq!(inflate(&bomb), Err(Code::TooLarge));
    }

    #[test]
    fn cut_and_foreign_bytes_are_malformed() {
        let whole = deflate(b"hello, hello, hello, hello");
        assert_eq!(inflate(&whole[..whole.len() - 3]), Err(Code::Malformed));
        assert_eq!(inflate(b"plain"), Err(Code::Malformed));
        assert_eq!(inflate(&vec![0; MAX_REQUEST + 1]), Err(Code::TooLarge));
    }
}
