//! The fixed first change of documents that hold texts.
//!
//! Two phones that create a text lazily would make two objects and hide one side's words. So such
//! documents start from one change that every node computes for itself: by an actor of 16 zero bytes,
//! at time 0, making one text for each name of [`DocType::texts`], in that order. It is never sent.
//! The texts of a type are therefore part of the protocol: another list is another type.

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, ObjType, ROOT};

use crate::records::DocType;

use super::DocError;
use super::scratch::empty;

/// The actor of every first change.
pub(crate) const FIRST_ACTOR: crate::ids::ActorId = crate::ids::ActorId::new([0; 16]);

/// The fixed first change of a type with texts, `None` for other types.
pub fn first_change(doc_type: &DocType) -> Option<Vec<u8>> {
    let doc = first_document(doc_type).ok()?;
    doc.get_changes(&[]).first().map(|change| change.raw_bytes().to_vec())
}

/// A new document of a type: empty, or holding the first change.
pub(super) fn first_document(doc_type: &DocType) -> Result<Automerge, DocError> {
    let mut doc = empty();
    if doc_type.texts.is_empty() {
        return Ok(doc);
    }
    doc.set_actor(ActorId::from(FIRST_ACTOR.as_bytes().as_slice()));
    let mut tx = doc.transaction();
    for name in doc_type.texts {
        tx.put_object(ROOT, *name, ObjType::Text).map_err(|_| DocError::Damaged)?;
    }
    tx.commit_with(CommitOptions::default().with_time(0));
    Ok(doc)
}
