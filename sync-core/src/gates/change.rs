//! Judging a walked change: its place in its author's count, its ancestors, and what its operations refer to.
//!
//! Everything but the limits on the document as a whole is judged against the change's own past, so that
//! the verdict does not depend on which concurrent changes a node happens to hold.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::ActorId;
use crate::protocol::{Code, Header, limits};
use crate::records::{DocType, FieldKind, Flat};

use super::history::{History, Positions, Target};
use super::walker::{Change, Op, OpId};

/// Actors one device may use in one document: it takes a new one after each refusal. Also bounds the
/// search for a device's changes, since actors do not show their device.
const MAX_ACTORS_PER_DEVICE: u16 = 256;

/// Every actor that the device of a header may use in its document.
pub(super) fn actors_of(header: &Header) -> Vec<ActorId> {
    (0..MAX_ACTORS_PER_DEVICE).map(|actor_no| Header { actor_no, ..*header }.actor()).collect()
}

/// Changes in one document, of all devices.
const MAX_CHANGES: usize = 4_096;
/// Operations in one document, of all devices; what limits memory where saved bytes, being run-length encoded, do not.
const MAX_DOCUMENT_OPS: usize = 256 * 1_024;

/// Judges a change against the document's history.
///
/// # Errors
/// `change_sequence` if it repeats or skips its author's count, `waiting` if an ancestor is missing,
/// `document_full` beyond the document's limits, `schema_violation` if a value is not one the record allows,
/// `change_hostile` if its operations refer to what its past does not hold.
pub(super) fn judge(
    change: &Change,
    header: &Header,
    own_actors: &[ActorId],
    doc_type: &DocType,
    history: &History,
) -> Result<(), Code> {
    if history.contains(&change.hash) {
        return Ok(());
    }
    let made = history.count_of(&change.actor);
    if change.seq <= made {
        return Err(Code::ChangeSequence);
    }
    let (past, last_op) = history.past_of(&change.deps).ok_or(Code::MissingAncestor)?;
    if change.seq != made + 1 {
        return Err(Code::ChangeSequence);
    }
    // Documents with texts all start from the fixed first change; authors build on whatever they wrote before,
    // under any of their actors, so that no device alone can split a document into more heads than a change may name.
    let rootless = !doc_type.texts.is_empty() && change.deps.is_empty();
    let builds_on_own = own_actors.iter().all(|actor| history.is_last_in(actor, &past));
    if rootless || !builds_on_own || change.start_op != last_op + 1 {
        return Err(Code::HostileChange);
    }
    check_room(change, header, own_actors, history)?;
    check_ops(change, doc_type, history, &past)?;
    if !counts_for_itself(change, doc_type) {
        return Err(Code::WrongActor);
    }
    doc_type.check(&written(change, doc_type), header.schema)
}

/// Whether a change touches no counter's part but its own actor's: what another counted is not its to change.
fn counts_for_itself(change: &Change, doc_type: &DocType) -> bool {
    let own = change.actor.to_string();
    change.ops.iter().all(|op| {
        let (Op::Put { key, .. } | Op::Delete { key, .. }) = op else { return true };
        let Some((field, actor)) = key.split_once('.') else { return true };
        let counts = doc_type
            .field(field)
            .is_some_and(|field| matches!(field.kind, FieldKind::Counter { .. }));
        !counts || actor == own
    })
}

fn check_room(
    change: &Change,
    header: &Header,
    own_actors: &[ActorId],
    history: &History,
) -> Result<(), Code> {
    let full = header.actor_no >= MAX_ACTORS_PER_DEVICE
        || history.len() >= MAX_CHANGES
        || history.ops() + change.ops.len() > MAX_DOCUMENT_OPS
        || own_actors.iter().map(|actor| history.count_of(actor)).sum::<u64>()
            >= limits::MAX_CHANGES_PER_DEVICE;
    if full { Err(Code::DocumentFull) } else { Ok(()) }
}

fn check_ops(
    change: &Change,
    doc_type: &DocType,
    history: &History,
    past: &Positions,
) -> Result<(), Code> {
    let mut overwritten = BTreeSet::new();
    let mut touched: BTreeMap<&str, Vec<&Op>> = BTreeMap::new();
    for (index, op) in change.ops.iter().enumerate() {
        let fits = match op {
            Op::Put { key, over, .. } | Op::Delete { key, over } => {
                touched.entry(key).or_default().push(op);
                !doc_type.texts.contains(&key.as_str()) && over.iter().all(|id| {
                    matches!(history.target_in(id, past), Some(Target::Key(held)) if held == key)
                        && !history.is_overwritten_in(id, past)
                        && overwritten.insert(*id)
                })
            }
            Op::Insert { text, after, .. } => after.as_ref().is_none_or(|id| {
                history.target_in(id, past) == Some(&Target::Character(*text))
                    || inserted_before(change, index, id, *text)
            }),
            Op::Remove { text, element } => {
                history.target_in(element, past) == Some(&Target::Character(*text))
                    && !history.is_overwritten_in(element, past)
                    && overwritten.insert(*element)
            }
        };
        if !fits {
            return Err(Code::HostileChange);
        }
    }
    if touched.values().all(|ops| is_one_write(ops)) { Ok(()) } else { Err(Code::HostileChange) }
}

/// Whether the change itself inserted a character into the text before this operation.
fn inserted_before(change: &Change, index: usize, id: &OpId, text: usize) -> bool {
    let Some(at) = id.counter.checked_sub(change.start_op).and_then(|at| usize::try_from(at).ok())
    else {
        return false;
    };
    id.actor == change.actor
        && at < index
        && matches!(&change.ops[at], Op::Insert { text: there, .. } if *there == text)
}

/// A key is written at most once in a change: put, deleted, or (to resolve concurrent values) deleted and put.
fn is_one_write(ops: &[&Op]) -> bool {
    match ops {
        [_] => true,
        [Op::Delete { .. }, Op::Put { over, .. }] => over.is_empty(),
        _ => false,
    }
}

/// What the change itself writes: its author answers for that, not for what others wrote beside it.
fn written(change: &Change, doc_type: &DocType) -> Flat {
    let mut flat = Flat::default();
    for op in &change.ops {
        match op {
            Op::Put { key, value, .. } => {
                flat.keys.insert(key.clone(), vec![value.clone()]);
            }
            Op::Insert { text, character, .. } => {
                if let Some(name) = doc_type.texts.get(*text) {
                    flat.texts.entry((*name).to_owned()).or_default().push(*character);
                }
            }
            Op::Delete { .. } | Op::Remove { .. } => {}
        }
    }
    flat
}
