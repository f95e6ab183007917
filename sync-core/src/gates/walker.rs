//! The column walker: reads one Automerge change without Automerge.
//!
//! It takes the bytes of a peer and gives back a change in plain terms, or the code it is refused with. It
//! admits only the one form in which an Aftercall phone writes changes, and only what such a phone writes.
//! Its verdict depends on the bytes and the kind of document alone; `history` judges the change's place
//! among its ancestors afterwards. Nothing is allocated by a length or count that the bytes claim.

use sha2::{Digest, Sha256};

use crate::ids::ActorId;
use crate::protocol::{Code, limits};
use crate::records::{DocType, Scalar};

use super::reader::{Reader, Walk, hostile};
use super::rows;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHANGE_CHUNK: u8 = 1;
const COMPRESSED_CHUNK: u8 = 2;

/// Most dependencies of one change: concurrent edits that one phone may merge at once.
const MAX_DEPS: usize = 256;
/// Most other actors that one change may name.
const MAX_OTHER_ACTORS: usize = 1_024;

/// The hash of a change.
pub(super) type Hash = [u8; 32];

/// A change as its author wrote it, not yet placed among its ancestors.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    /// SHA-256 of its chunk, as Automerge computes it.
    pub hash: Hash,
    /// The hashes it builds on, ascending.
    pub deps: Vec<Hash>,
    /// The author's actor.
    pub actor: ActorId,
    /// Counts the author's changes from 1.
    pub seq: u64,
    /// The counter of its first operation.
    pub start_op: u64,
    /// The operations, in order.
    pub ops: Vec<Op>,
}

/// An operation's name: its actor and counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct OpId {
    /// Counter, the first key of the order.
    pub counter: u64,
    /// Actor.
    pub actor: ActorId,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Op {
    /// Sets a root key, overwriting `over`.
    Put {
        /// The key.
        key: String,
        /// The value.
        value: Scalar,
        /// What it overwrites, ascending.
        over: Vec<OpId>,
    },
    /// Removes what a root key holds.
    Delete {
        /// The key.
        key: String,
        /// What it removes, ascending, never empty.
        over: Vec<OpId>,
    },
    /// Inserts one character.
    Insert {
        /// Which text: its place in the type's list.
        text: usize,
        /// The character it follows; `None` at the start.
        after: Option<OpId>,
        /// The character.
        character: char,
    },
    /// Removes one character.
    Remove {
        /// Which text: its place in the type's list.
        text: usize,
        /// The character's insertion.
        element: OpId,
    },
}

/// Reads a change.
///
/// # Errors
/// `change_compressed` for a compressed chunk or column, `change_too_large` for too many operations or too long
/// a value, `schema_violation` for a key that is none, `change_hostile` for everything else that no phone writes.
pub(super) fn walk(bytes: &[u8], doc_type: &DocType) -> Walk<Change> {
    if bytes.len() > limits::MAX_INFLATED {
        return Err(Code::TooManyOps);
    }
    let mut reader = Reader::new(bytes);
    if reader.array()? != MAGIC {
        return hostile();
    }
    let checksum: [u8; 4] = reader.array()?;
    match reader.byte()? {
        CHANGE_CHUNK => {}
        COMPRESSED_CHUNK => return Err(Code::Compressed),
        _ => return hostile(),
    }
    let length = reader.length()?;
    if length != reader.len() {
        return hostile();
    }
    let hash = chunk_hash(bytes);
    if hash[..4] != checksum {
        return hostile();
    }
    read_body(reader, hash, doc_type)
}

/// The hash of a chunk: SHA-256 of what follows magic and checksum, that is its type, length and data.
pub(super) fn chunk_hash(chunk: &[u8]) -> Hash {
    Sha256::digest(chunk.get(MAGIC.len() + 4..).unwrap_or_default()).into()
}

fn read_body(mut reader: Reader<'_>, hash: Hash, doc_type: &DocType) -> Walk<Change> {
    let deps = read_deps(&mut reader)?;
    let actor = read_actor(&mut reader)?;
    let seq = reader.unsigned()?;
    let start_op = reader.unsigned()?;
    let time = reader.signed()?;
    let message = reader.unsigned()?;
    if seq == 0 || time != 0 || message != 0 {
        return hostile();
    }
    // Automerge keeps counters in 32 bits.
    let last = start_op.checked_add(limits::MAX_OPS as u64).ok_or(Code::HostileChange)?;
    if start_op == 0 || last > u64::from(u32::MAX) {
        return hostile();
    }
    let actors = read_actors(&mut reader, actor)?;
    let ops = rows::read_ops(reader, &actors, doc_type)?;
    Ok(Change { hash, deps, actor, seq, start_op, ops })
}

fn read_deps(reader: &mut Reader<'_>) -> Walk<Vec<Hash>> {
    let count = reader.length()?;
    if count > MAX_DEPS {
        return hostile();
    }
    let mut deps: Vec<Hash> = Vec::new();
    for _ in 0..count {
        let dep = reader.array()?;
        if deps.last().is_some_and(|last| *last >= dep) {
            return hostile();
        }
        deps.push(dep);
    }
    Ok(deps)
}

fn read_actor(reader: &mut Reader<'_>) -> Walk<ActorId> {
    if reader.unsigned()? != 16 {
        return hostile();
    }
    Ok(ActorId::new(reader.array()?))
}

/// The author and the other actors, in the order in which operations number them.
fn read_actors(reader: &mut Reader<'_>, author: ActorId) -> Walk<Vec<ActorId>> {
    let count = reader.length()?;
    if count > MAX_OTHER_ACTORS {
        return hostile();
    }
    let mut actors = vec![author];
    for _ in 0..count {
        let actor = read_actor(reader)?;
        if actor == author || actors[1..].last().is_some_and(|last| *last >= actor) {
            return hostile();
        }
        actors.push(actor);
    }
    Ok(actors)
}
