//! On which day a document expires: one pure function of its rows, the directory and the policy, so that every node that
//! holds the log of its space finds the same day.
//!
//! A touch is a row of a change of the document, or of one it goes on in, that the relay took. The document is kept for
//! its days after the last touch and expires when the day after has begun. A touch of that day or later came too late and
//! moves nothing: so neither a late edit nor rows that are handed back in another order bring an expired document back.

use std::collections::BTreeSet;

use crate::directory::Directory;
use crate::ids::{DocId, SpaceId};
use crate::protocol::Day;
use crate::records::Retention;

/// A row of a document's change, as the relay attested it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touch {
    /// The relay's day.
    pub day: Day,
    /// Length of the directory it was judged at.
    pub directory_seq: u64,
}

/// The first day on which a document is no longer kept; `None` if it is kept for good, or has no row yet.
///
/// `first`: the first document of a chain; `touches`: the rows of the whole chain, in any order. A touch while the chain
/// was under a legal hold is never too late.
pub fn expires_on(
    directory: &Directory,
    space: SpaceId,
    first: DocId,
    retention: Retention,
    touches: &[Touch],
) -> Option<Day> {
    let days_at = |seq| directory.profile_at(seq).and_then(|profile| retention.days(profile));
    let mut touches = touches.to_vec();
    touches.sort_unstable();
    let mut last = touches.first()?.day;
    for touch in &touches[1..] {
        let at = touch.directory_seq;
        let end = days_at(at).map(|days| after(last, days));
        if end.is_some_and(|end| touch.day >= end) && !directory.is_held(space, first, at) {
            break;
        }
        last = touch.day;
    }
    days_at(directory.len()).map(|days| after(last, days))
}

/// Whether a document that expires on this day is to be erased today: not while it is held.
pub fn has_expired(
    directory: &Directory,
    space: SpaceId,
    first: DocId,
    expires: Option<Day>,
    today: Day,
) -> bool {
    expires.is_some_and(|day| day <= today) && !directory.is_held(space, first, directory.len())
}

/// The day that begins once so many whole days after this one are over.
fn after(last: Day, days: u16) -> Day {
    Day(last.0.saturating_add(u32::from(days)).saturating_add(1))
}

/// The documents of a space by chain, each from its first to its last.
pub fn chains(docs: &BTreeSet<DocId>) -> Vec<Vec<DocId>> {
    let later: BTreeSet<DocId> = docs.iter().map(DocId::successor).collect();
    let firsts = docs.iter().filter(|doc| !later.contains(doc));
    firsts.map(|first| first.chain().take_while(|doc| docs.contains(doc)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_there_through_its_last_day_and_with_none_through_its_own() {
        assert_eq!(after(Day(100), 30), Day(131));
        assert_eq!(after(Day(100), 0), Day(101));
        assert_eq!(after(Day(u32::MAX), 365), Day(u32::MAX));
    }

    #[test]
    fn documents_that_go_on_in_others_are_one_chain() {
        let (one, other) = (DocId::new([1; 16]), DocId::new([2; 16]));
        let second = one.successor();
        let docs = BTreeSet::from([one, second, other, other.successor().successor()]);
        let chains = chains(&docs);
        assert!(chains.contains(&vec![one, second]));
        assert!(chains.contains(&vec![other]), "nothing is skipped over");
        assert_eq!(chains.len(), 3);
    }
}
