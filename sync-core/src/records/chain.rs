//! Successors: a document that has taken all it can, or that a new reader may not see, goes on in another one.
//!
//! A successor holds what was written since, and `after`: the document it continues and what its author had seen of
//! it. Together they say what one document would have said: of what both set the later counts, unless it was
//! written to both at once; counters, text entries and texts add up.
//! Invariant: nothing that one of them says is lost by showing them as one. Called by the engine and the relay's
//! projections.

use crate::ids::DocId;

use super::{Flat, Scalar};

/// The key that makes a document a successor: the id of the one before it, then the first halves of the hashes of the
/// heads its author had seen of that one, as hex, separated by spaces.
pub const AFTER: &str = "after";
/// The key that names the record's first document.
pub const OF: &str = "of";

/// What a set's member is put to where an earlier document holds it and it was taken out since.
pub const TAKEN_OUT: Scalar = Scalar::Uint(0);

/// Heads named at most, so that the value stays below the longest text of an open document.
const MOST_HEADS: usize = 12;

/// What a successor says of the document before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// The document before it.
    pub doc: DocId,
    /// First eight bytes of the hashes of its heads, as far as they had been seen.
    pub seen: Vec<[u8; 8]>,
}

impl After {
    /// What the author of a successor has seen.
    pub fn new(doc: DocId, heads: &[[u8; 32]]) -> Self {
        let first_8 = |head: &[u8; 32]| head.first_chunk().copied();
        Self { doc, seen: heads.iter().filter_map(first_8).take(MOST_HEADS).collect() }
    }

    /// As it is stored.
    pub fn to_scalar(&self) -> Scalar {
        let mut text = self.doc.to_string();
        for head in &self.seen {
            let hex: String = head.iter().map(|byte| format!("{byte:02x}")).collect();
            text = format!("{text} {hex}");
        }
        Scalar::Str(text)
    }

    fn from_scalar(scalar: &Scalar) -> Option<Self> {
        let Scalar::Str(text) = scalar else { return None };
        let mut words = text.split(' ');
        let doc: DocId = words.next()?.parse().ok()?;
        let seen: Option<Vec<[u8; 8]>> = words.map(head).collect();
        let after = Self { doc, seen: seen.filter(|seen| seen.len() <= MOST_HEADS)? };
        (after.to_scalar() == *scalar).then_some(after)
    }

    /// What a document says it continues; several phones may have begun it at once, and each had seen something.
    pub fn of(flat: &Flat) -> Option<Self> {
        let all = flat.keys.get(AFTER)?.iter().filter_map(Self::from_scalar);
        all.reduce(|mut one, other| {
            if one.doc == other.doc {
                one.seen.extend(other.seen);
            }
            one
        })
    }
}

fn head(hex: &str) -> Option<[u8; 8]> {
    (hex.len() == 16).then(|| u64::from_str_radix(hex, 16).ok()).flatten().map(u64::to_be_bytes)
}

/// Whether a value of [`AFTER`] is one.
pub(super) fn fits(scalar: &Scalar) -> bool {
    After::from_scalar(scalar).is_some()
}

impl Flat {
    /// This, but for what the last document of the chain has been made to say since: `last` now, `then` when its
    /// successor was begun. Only the last one can have been written to unseen.
    pub fn as_seen(&self, last: &Flat, then: &Flat) -> Flat {
        let mut seen = self.clone();
        for (key, values) in &last.keys {
            match then.keys.get(key) {
                Some(before) if before == values => {}
                Some(before) => drop(seen.keys.insert(key.clone(), before.clone())),
                None => drop(seen.keys.remove(key)),
            }
        }
        seen
    }
}

/// A document and its successor as one. `seen`: what the document said at the heads the successor's author had seen.
pub fn carry_on(before: &Flat, seen: &Flat, next: &Flat) -> Flat {
    let mut all = before.clone();
    for (key, values) in &next.keys {
        let mut values = values.clone();
        // What was written to the first one meanwhile, unseen, stands beside it.
        let now = before.keys.get(key);
        if now != seen.keys.get(key) {
            values.extend(now.into_iter().flatten().cloned());
            let mut distinct: Vec<Scalar> = Vec::new();
            for value in values {
                if !distinct.contains(&value) {
                    distinct.push(value);
                }
            }
            values = distinct;
        }
        all.keys.insert(key.clone(), values);
    }
    for (key, text) in &next.texts {
        all.texts.entry(key.clone()).or_default().push_str(text);
    }
    all
}

/// The keys that were written to both at once.
pub fn disputed<'a>(before: &'a Flat, seen: &'a Flat, next: &'a Flat) -> Vec<&'a str> {
    let keys = next.keys.keys().filter(|key| *key != AFTER && *key != OF);
    keys.filter(|key| before.keys.get(*key) != seen.keys.get(*key)).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(keys: &[(&str, &str)]) -> Flat {
        let keys = keys.iter().map(|(k, v)| ((*k).to_owned(), vec![Scalar::Str((*v).to_owned())]));
        Flat { keys: keys.collect(), texts: Default::default() }
    }

    #[test]
    fn what_a_successor_says_of_its_predecessor_reads_back() {
        let after = After::new(DocId::new([7; 16]), &[[1; 32], [0xab; 32]]);
        let of = |scalar| {
            After::of(&Flat { keys: [(AFTER.to_owned(), vec![scalar])].into(), ..Flat::default() })
        };
        assert_eq!(of(after.to_scalar()), Some(after.clone()));
        assert!(fits(&After::new(DocId::ZERO, &[]).to_scalar()));
        assert!(fits(&After::new(DocId::ZERO, &[[1; 32]; 40]).to_scalar()), "no more than fit");
        for wrong in [
            "",
            "ab",
            &"g".repeat(32),
            &format!("{}  ", DocId::ZERO),
            &format!("{} 12", DocId::ZERO),
        ] {
            assert!(!fits(&Scalar::Str(wrong.to_owned())), "{wrong}");
        }
        assert!(!fits(&Scalar::Bool(true)));
    }

    #[test]
    fn the_later_document_counts_and_what_was_written_at_once_stands_beside_it() {
        let seen = flat(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let now = flat(&[("a", "1"), ("b", "2"), ("c", "1")]);
        let next = flat(&[("a", "3"), ("b", "3")]);
        let all = carry_on(&now, &seen, &next);
        let texts = |key: &str| all.keys[key].clone();
        assert_eq!(texts("a"), [Scalar::Str("3".into())]);
        assert_eq!(texts("b"), [Scalar::Str("3".into()), Scalar::Str("2".into())]);
        assert_eq!(texts("c"), [Scalar::Str("1".into())], "not set again");
        assert_eq!(disputed(&now, &seen, &next), ["b"]);
    }
}
