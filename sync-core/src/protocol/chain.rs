//! The hash chain of a space's log, which makes a lost, restored or forked history show.

use sha2::{Digest, Sha256};

use crate::ids::{Chain, EnvelopeId};

use super::Day;

/// The chain after one more item: SHA-256(previous || id || directory_seq || row_day), big-endian.
pub fn next_chain(previous: Chain, id: EnvelopeId, directory_seq: u64, row_day: Day) -> Chain {
    let mut hash = Sha256::new();
    hash.update(previous.as_bytes());
    hash.update(id.as_bytes());
    hash.update(directory_seq.to_be_bytes());
    hash.update(row_day.0.to_be_bytes());
    Chain::new(hash.finalize().into())
}
