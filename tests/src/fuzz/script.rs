//! Bytes read as alterations to something genuine.

use sha2::{Digest, Sha256};

/// No more alterations than this count in one script.
const MOST: usize = 24;

/// Alters bytes as a script says: four bytes each, what to do, where (two bytes, wrapping), and with what.
pub fn alter(genuine: &[u8], script: &[u8]) -> Vec<u8> {
    let mut bytes = genuine.to_vec();
    for step in script.chunks_exact(4).take(MOST) {
        let &[what, high, low, value] = step else { break };
        if bytes.is_empty() {
            break;
        }
        let at = usize::from(u16::from_be_bytes([high, low])) % bytes.len();
        let end = (at + 1 + usize::from(value) % 16).min(bytes.len());
        match what % 8 {
            0 => bytes[at] = value,
            1 => bytes[at] ^= 1 << (value % 8),
            2 => bytes[at] = bytes[at].wrapping_add(value),
            3 => bytes.insert(at, value),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            6 => bytes[at..end].fill(0xff),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// A change whose checksum is right for whatever its bytes have become.
pub fn alter_change(genuine: &[u8], script: &[u8]) -> Vec<u8> {
    let mut change = alter(genuine, script);
    if change.len() > 8 {
        let hash = Sha256::digest(&change[8..]);
        change[..4].copy_from_slice(&genuine[..4]);
        change[4..8].copy_from_slice(&hash[..4]);
    }
    change
}

/// The first byte, and the rest.
pub fn choose(bytes: &[u8]) -> (usize, &[u8]) {
    bytes.split_first().map_or((0, bytes), |(first, rest)| (usize::from(*first), rest))
}
