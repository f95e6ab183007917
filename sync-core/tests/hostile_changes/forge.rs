//! Takes a change apart and puts it together again as an attacker would: any field, a right checksum.
//!
//! Not the product's encoder and not its walker: it knows the chunk's layout only, so that a mistake in
//! the walker does not repeat itself here.

use sha2::{Digest, Sha256};

/// The parts of a change chunk.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    pub chunk_type: u8,
    pub deps: Vec<[u8; 32]>,
    pub actor: Vec<u8>,
    pub seq: u64,
    pub start_op: u64,
    pub time: Vec<u8>,
    pub message: Vec<u8>,
    pub others: Vec<Vec<u8>>,
    pub columns: Vec<(u32, Vec<u8>)>,
    pub extra: Vec<u8>,
}

impl Parts {
    /// Takes a well-formed change apart.
    pub fn read(change: &[u8]) -> Self {
        let mut at = &change[8..];
        let chunk_type = take(&mut at, 1)[0];
        let length = number(&mut at);
        assert_eq!(length as usize, at.len());
        let deps =
            (0..number(&mut at)).map(|_| take(&mut at, 32).try_into().expect("32 bytes")).collect();
        let actor = prefixed(&mut at);
        let seq = number(&mut at);
        let start_op = number(&mut at);
        let time = take(&mut at, 1);
        let message = prefixed(&mut at);
        let others = (0..number(&mut at)).map(|_| prefixed(&mut at)).collect();
        let table: Vec<_> =
            (0..number(&mut at)).map(|_| (number(&mut at) as u32, number(&mut at))).collect();
        let columns = table
            .into_iter()
            .map(|(spec, length)| (spec, take(&mut at, length as usize)))
            .collect();
        Self {
            chunk_type,
            deps,
            actor,
            seq,
            start_op,
            time,
            message,
            others,
            columns,
            extra: at.to_vec(),
        }
    }

    /// Puts the chunk together with a right length and checksum.
    pub fn write(&self) -> Vec<u8> {
        let mut data = Vec::new();
        put(&mut data, self.deps.len() as u64);
        self.deps.iter().for_each(|dep| data.extend(dep));
        put_prefixed(&mut data, &self.actor);
        put(&mut data, self.seq);
        put(&mut data, self.start_op);
        data.extend(&self.time);
        put_prefixed(&mut data, &self.message);
        put(&mut data, self.others.len() as u64);
        self.others.iter().for_each(|actor| put_prefixed(&mut data, actor));
        put(&mut data, self.columns.len() as u64);
        for (spec, bytes) in &self.columns {
            put(&mut data, u64::from(*spec));
            put(&mut data, bytes.len() as u64);
        }
        self.columns.iter().for_each(|(_, bytes)| data.extend(bytes));
        data.extend(&self.extra);
        chunk(self.chunk_type, &data)
    }

    /// A column by its specification, made if it is not there.
    pub fn column(&mut self, spec: u32) -> &mut Vec<u8> {
        let at = match self.columns.binary_search_by_key(&spec, |(spec, _)| *spec) {
            Ok(at) => at,
            Err(at) => {
                self.columns.insert(at, (spec, Vec::new()));
                at
            }
        };
        &mut self.columns[at].1
    }
}

/// A chunk with a right length and checksum.
pub fn chunk(chunk_type: u8, data: &[u8]) -> Vec<u8> {
    let mut hashed = vec![chunk_type];
    put(&mut hashed, data.len() as u64);
    hashed.extend(data);
    let hash = Sha256::digest(&hashed);
    [&[0x85, 0x6f, 0x4a, 0x83], &hash[..4], &hashed].concat()
}

/// Repairs the checksum of whatever these bytes have become.
pub fn repair(change: &mut [u8]) {
    if change.len() > 8 {
        let hash = Sha256::digest(&change[8..]);
        change[4..8].copy_from_slice(&hash[..4]);
    }
}

/// Appends an unsigned LEB128 number.
pub fn put(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend(bytes);
}

fn take(at: &mut &[u8], count: usize) -> Vec<u8> {
    let (taken, rest) = at.split_at(count);
    *at = rest;
    taken.to_vec()
}

fn number(at: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(at, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

fn prefixed(at: &mut &[u8]) -> Vec<u8> {
    let length = number(at) as usize;
    take(at, length)
}
