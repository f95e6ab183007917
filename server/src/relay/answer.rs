//! Compressed messages: inflating what a stranger sent without trusting its size, and keeping what leaves within what
//! a phone takes; signing it.

use sync_core::protocol::limits::{MAX_REQUEST, MAX_REQUEST_INFLATED};
use sync_core::protocol::{Code, SignedAnswer, to_cbor};
use zstd::zstd_safe;

use super::Relay;

const LEVEL: i32 = 3;

/// Inflates a request, in one step: exactly one frame, which says how long what it holds is.
///
/// # Errors
/// `too_large` if it or what it inflates to is larger than the relay takes, `malformed` if it is no such frame.
pub(super) fn inflate(body: &[u8]) -> Result<Vec<u8>, Code> {
    inflate_at_most(body, MAX_REQUEST_INFLATED)
}

/// As [`inflate`], with a lesser cap for what inflates to, in bytes.
pub(super) fn inflate_at_most(body: &[u8], most: usize) -> Result<Vec<u8>, Code> {
    if body.len() > MAX_REQUEST {
        return Err(Code::TooLarge);
    }
    let told = zstd_safe::get_frame_content_size(body).ok().flatten().ok_or(Code::Malformed)?;
    let told = usize::try_from(told).map_err(|_| Code::TooLarge)?;
    if told > most {
        return Err(Code::TooLarge);
    }
    if zstd_safe::find_frame_compressed_size(body) != Ok(body.len()) {
        return Err(Code::Malformed);
    }
    let out = zstd::bulk::decompress(body, told).map_err(|_| Code::Malformed)?;
    if out.len() == told { Ok(out) } else { Err(Code::Malformed) }
}

/// Compresses an answer.
pub(super) fn deflate(plain: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(plain, LEVEL)
        .expect("compressing memory into a buffer of zstd's own bound")
}

/// Bytes of everything in one answer but its items, about: with a page of items it stays below the largest message.
const BESIDE: usize = 896 * 1024;
/// Bytes of one kind of it, so that none crowds out the others.
const OF_ONE_KIND: usize = 256 * 1024;

/// The room that is left in one answer beside its items.
pub(super) struct Room(usize);

impl Room {
    /// All of it.
    pub(super) const fn new() -> Self {
        Self(BESIDE)
    }

    /// The room for one kind of things.
    pub(super) fn of_one_kind(&mut self) -> Share<'_> {
        let left = self.0.min(OF_ONE_KIND);
        Share { room: self, left }
    }

    /// Those of a list that fit; the others have their turn when these are settled.
    pub(super) fn list<T: minicbor::Encode<()>>(&mut self, mut list: Vec<T>) -> Vec<T> {
        let mut share = self.of_one_kind();
        list.retain(|thing| share.takes(to_cbor(thing).len()));
        list
    }
}

/// Room for one kind of things.
pub(super) struct Share<'a> {
    room: &'a mut Room,
    left: usize,
}

impl Share<'_> {
    /// Whether so many bytes fit; then they are taken.
    pub(super) fn takes(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.left;
        if fits {
            self.left -= bytes;
            self.room.0 -= bytes;
        }
        fits
    }
}

impl Relay {
    /// Signs an answer under the message that binds it to its request, and compresses both.
    pub(super) fn signed(&self, answer: Vec<u8>, message: &[u8]) -> Vec<u8> {
        let sig = self.keys.sign(message);
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
    fn what_does_not_fit_is_left_out_and_crowds_out_nothing_else() {
        let mut room = Room::new();
        let thing = |length: usize| minicbor::bytes::ByteVec::from(vec![7; length]);
        let kept = room.list(vec![thing(OF_ONE_KIND + 1), thing(10), thing(OF_ONE_KIND - 100)]);
        assert_eq!(kept.iter().map(|t| t.len()).collect::<Vec<_>>(), [10, OF_ONE_KIND - 100]);
        let mut total: usize = kept.iter().map(|thing| to_cbor(thing).len()).sum();
        for _ in 0..8 {
            let kept = room.list(vec![thing(64 * 1024); 8]);
            total += kept.iter().map(|thing| to_cbor(thing).len()).sum::<usize>();
        }
        assert!(total <= BESIDE && total > BESIDE - 2 * 64 * 1024, "{total}");
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
