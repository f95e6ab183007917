//! Fields that are not everybody's word: a member's own declarations, a clinical director's override.
//!
//! Judged change by change from its own bytes, its author and the directory at its row, so every node agrees whatever
//! else it holds. Sealed documents have no such fields.

use crate::protocol::{Code, Envelope, Kind};
use crate::records::{By, DocType, Role};

use super::Author;
use super::walker::{Op, walk};

/// Checks that a change writes nobody else's words.
///
/// # Errors
/// `not_allowed`.
pub(super) fn check_own_words(
    envelope: &Envelope,
    doc_type: &'static DocType,
    author: &Author<'_>,
) -> Result<(), Code> {
    let own = author.member.to_string();
    let directs = author.standing.roles.contains(&Role::ClinicalDirector);
    let fits = keys_of(envelope, doc_type).iter().all(|key| {
        let (name, rest) = key.split_once('.').unwrap_or((key, ""));
        match doc_type.field(name).map(|field| field.by) {
            Some(By::Named) => rest == own,
            Some(By::ClinicalDirector) => directs,
            Some(By::Anyone) | None => true,
        }
    });
    if fits { Ok(()) } else { Err(Code::NotAllowed) }
}

/// Whether an open change writes into a field that is a clinical director's word.
pub fn overrides(envelope: &Envelope) -> bool {
    let Some(doc_type) = DocType::by_number(envelope.header.record) else { return false };
    keys_of(envelope, doc_type).iter().any(|key| {
        let name = key.split_once('.').map_or(key.as_str(), |(name, _)| name);
        doc_type.field(name).is_some_and(|field| field.by == By::ClinicalDirector)
    })
}

/// The keys that a change writes, where its kind has words of its own. What does not walk is admission's business.
fn keys_of(envelope: &Envelope, doc_type: &'static DocType) -> Vec<String> {
    if envelope.header.kind != Kind::Change || !doc_type.has_own_words() {
        return Vec::new();
    }
    let Ok(change) = walk(&envelope.body, doc_type) else { return Vec::new() };
    let keys = change.ops.into_iter().filter_map(|op| match op {
        Op::Put { key, .. } | Op::Delete { key, .. } => Some(key),
        Op::Insert { .. } | Op::Remove { .. } => None,
    });
    keys.collect()
}
