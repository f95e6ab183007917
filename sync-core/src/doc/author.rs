//! Authoring: one edit of a person becomes one uncompressed change.
//!
//! The change holds no time, no message, no extra bytes, and only what `gates` admit: writes of scalars
//! to root keys, or characters inserted into and removed from a known text. `engine` calls it.

use std::collections::BTreeMap;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId as AutomergeActor, Automerge, ObjId, ObjType, ROOT, ReadDoc, Value};

use crate::ids::ActorId;
use crate::protocol::limits;
use crate::records::{DocType, FieldOp, Scalar};

use super::flatten::{from_scalar, values_of};
use super::scratch::{guarded, open};
use super::{DocError, Edit};

/// Makes one uncompressed change (time 0, no message, no extra bytes) by this actor on top of a saved document
/// (`None`: a new one, or the fixed first change where the type has texts). `None` if the edit changes nothing.
///
/// # Errors
/// [`DocError::Position`] and [`DocError::NoSuchText`] for a text edit that does not fit, [`DocError::TooLong`]
/// if the change would be refused for its size, [`DocError::Damaged`] if the base does not load.
pub fn author(
    base: Option<&[u8]>,
    doc_type: &DocType,
    actor: ActorId,
    edit: &Edit<'_>,
) -> Result<Option<Vec<u8>>, DocError> {
    guarded(|| {
        let mut doc = open(base, doc_type)?;
        doc.set_actor(AutomergeActor::from(actor.as_bytes().as_slice()));
        let writes = match edit {
            Edit::Fields(ops) => plan_fields(&doc, ops)?,
            Edit::Text { key, at, delete, insert } => plan_text(&doc, key, *at, *delete, insert)?,
        };
        let Some(change) = commit(&mut doc, &writes)? else {
            return Ok(None);
        };
        let longest = if doc_type.is_sealed() { limits::MAX_INFLATED } else { limits::MAX_BODY };
        if change.len() > longest {
            return Err(DocError::TooLong);
        }
        Ok(Some(change))
    })
}

/// One write, decided against the document as it is.
enum Write<'a> {
    Put(&'a str, &'a Scalar),
    Delete(&'a str),
    Splice { text: ObjId, at: usize, delete: isize, insert: &'a str },
}

/// Decides what must be written. A put over concurrent values first removes them all, so that it stands beside
/// whatever others decide meanwhile; Automerge alone would only drop the values that are not shown.
fn plan_fields<'a>(doc: &Automerge, ops: &'a [FieldOp]) -> Result<Vec<Write<'a>>, DocError> {
    let mut last = BTreeMap::new();
    for op in ops {
        let (FieldOp::Put(key, _) | FieldOp::Delete(key)) = op;
        last.insert(key.as_str(), op);
    }
    let mut writes = Vec::new();
    for (key, op) in last {
        let shown = values_of(doc, key)?;
        match op {
            FieldOp::Put(_, value) if shown.as_slice() == std::slice::from_ref(value) => {}
            FieldOp::Put(_, value) => {
                if shown.len() > 1 {
                    writes.push(Write::Delete(key));
                }
                writes.push(Write::Put(key, value));
            }
            FieldOp::Delete(_) if shown.is_empty() => {}
            FieldOp::Delete(_) => writes.push(Write::Delete(key)),
        }
    }
    if writes.len() > limits::MAX_OPS {
        return Err(DocError::TooLong);
    }
    Ok(writes)
}

fn plan_text<'a>(
    doc: &Automerge,
    key: &str,
    at: usize,
    delete: usize,
    insert: &'a str,
) -> Result<Vec<Write<'a>>, DocError> {
    let text = match doc.get(ROOT, key).map_err(|_| DocError::Damaged)? {
        Some((Value::Object(ObjType::Text), id)) => id,
        _ => return Err(DocError::NoSuchText),
    };
    let len = doc.length(&text);
    if at > len || delete > len - at {
        return Err(DocError::Position { len });
    }
    if delete == 0 && insert.is_empty() {
        return Ok(Vec::new());
    }
    if insert.chars().count().saturating_add(delete) > limits::MAX_OPS {
        return Err(DocError::TooLong);
    }
    let delete = isize::try_from(delete).map_err(|_| DocError::TooLong)?;
    Ok(vec![Write::Splice { text, at, delete, insert }])
}

/// Writes one change and returns its bytes.
fn commit(doc: &mut Automerge, writes: &[Write<'_>]) -> Result<Option<Vec<u8>>, DocError> {
    let mut tx = doc.transaction();
    for write in writes {
        match write {
            Write::Put(key, value) => tx.put(ROOT, *key, from_scalar(value)),
            Write::Delete(key) => tx.delete(ROOT, *key),
            Write::Splice { text, at, delete, insert } => {
                tx.splice_text(text, *at, *delete, insert)
            }
        }
        .map_err(|_| DocError::Damaged)?;
    }
    let (hash, _) = tx.commit_with(CommitOptions::default().with_time(0));
    let Some(hash) = hash else {
        return Ok(None);
    };
    let change = doc.get_change_by_hash(&hash).ok_or(DocError::Damaged)?;
    Ok(Some(change.raw_bytes().to_vec()))
}
