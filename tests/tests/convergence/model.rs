//! What phones must show: everything that everybody did, and who has seen what of it.
//!
//! Not a copy of the product: there is no document in it and no merge. An act supersedes the acts that its author
//! had seen and that still counted there; what no act that a phone has seen supersedes must be shown by it. So a
//! value can disappear only because somebody who knew it wrote another: there are no silent losers.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::ids::DocId;
use sync_core::records::Value;

use super::action::{Device, Kind, Phase};

/// The number of an act.
pub type ActNo = usize;

enum What {
    /// A value of a key (`None`: the key is taken away), instead of those that its author saw.
    Put { key: String, value: Option<Value>, over: BTreeSet<ActNo> },
    /// A counter goes on by this.
    Count(i64),
    /// A word is typed.
    Insert(Phase, String),
    /// A word is deleted.
    Delete(ActNo),
    /// Something is recorded.
    Record(Kind, DocId),
}

struct Act {
    by: Device,
    what: What,
}

/// Everything done so far.
#[derive(Default)]
pub struct Model {
    acts: Vec<Act>,
    seen: [BTreeSet<ActNo>; 4],
    relay: BTreeSet<ActNo>,
}

impl Model {
    fn act(&mut self, by: Device, what: What) {
        self.seen[by].insert(self.acts.len());
        self.acts.push(Act { by, what });
    }

    fn seen(&self, by: Device) -> impl Iterator<Item = (ActNo, &Act)> {
        self.seen[by].iter().map(|no| (*no, &self.acts[*no]))
    }

    /// The acts whose values of a key count on a phone.
    fn live(&self, on: Device, key: &str) -> BTreeMap<ActNo, &Option<Value>> {
        let mut live = BTreeMap::new();
        let mut superseded: BTreeSet<ActNo> = BTreeSet::new();
        for (no, act) in self.seen(on) {
            if let What::Put { key: other, value, over } = &act.what
                && other == key
            {
                superseded.extend(over);
                live.insert(no, value);
            }
        }
        live.retain(|no, _| !superseded.contains(no));
        live
    }

    /// The values of a key that a phone must show, each once.
    pub fn values(&self, on: Device, key: &str) -> Vec<Value> {
        let mut values: Vec<Value> = Vec::new();
        for value in self.live(on, key).into_values().flatten() {
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
        values
    }

    /// Somebody writes a key.
    pub fn put(&mut self, by: Device, key: &str, value: Option<Value>) {
        let over = self.live(by, key).into_keys().collect();
        self.act(by, What::Put { key: key.to_owned(), value, over });
    }

    /// Somebody counts on.
    pub fn count(&mut self, by: Device, more: i64) {
        self.act(by, What::Count(more));
    }

    /// The sum a phone must show.
    pub fn sum(&self, on: Device) -> i64 {
        self.seen(on).map(|(_, act)| if let What::Count(more) = act.what { more } else { 0 }).sum()
    }

    /// Somebody types a word.
    pub fn insert(&mut self, by: Device, phase: Phase, word: &str) {
        self.act(by, What::Insert(phase, word.to_owned()));
    }

    /// Somebody deletes a word they see.
    pub fn delete(&mut self, by: Device, word: &str) {
        let typed =
            self.acts.iter().position(|act| matches!(&act.what, What::Insert(_, w) if w == word));
        self.act(by, What::Delete(typed.expect("only typed words are shown")));
    }

    /// The words a lead's phone must show in a phase, sorted: each that was typed and not deleted, once.
    pub fn words(&self, on: Device, phase: Phase) -> Vec<&str> {
        let deleted: BTreeSet<ActNo> = self
            .seen(on)
            .filter_map(
                |(_, act)| if let What::Delete(typed) = act.what { Some(typed) } else { None },
            )
            .collect();
        let mut words: Vec<&str> = self
            .seen(on)
            .filter(|(no, _)| !deleted.contains(no))
            .filter_map(|(_, act)| match &act.what {
                What::Insert(there, word) if *there == phase => Some(word.as_str()),
                _ => None,
            })
            .collect();
        words.sort_unstable();
        words
    }

    /// Something was recorded.
    pub fn record(&mut self, by: Device, kind: Kind, id: DocId) {
        self.act(by, What::Record(kind, id));
    }

    /// Records that a phone must list: incidents, check-ins, tasks.
    pub fn records(&self, on: Device) -> [BTreeSet<DocId>; 3] {
        let mut records = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
        for (_, act) in self.seen(on) {
            let What::Record(kind, id) = act.what else { continue };
            let (place, shown) = match kind {
                Kind::Incident => (0, true),
                Kind::CheckIn => (1, act.by == on),
                Kind::Task(to) => (2, [act.by, to].contains(&on)),
            };
            if shown {
                records[place].insert(id);
            }
        }
        records
    }

    /// The latest task given to somebody that their phone has.
    pub fn task_of(&self, on: Device) -> Option<DocId> {
        self.seen(on)
            .filter_map(|(_, act)| match act.what {
                What::Record(Kind::Task(to), id) if to == on => Some(id),
                _ => None,
            })
            .last()
    }

    /// A phone's request reached the relay: it holds all that was done on the phone when the request was made.
    /// Returns what the relay can serve now.
    pub fn reached(&mut self, pushed: &BTreeSet<ActNo>) -> BTreeSet<ActNo> {
        self.relay.extend(pushed);
        self.relay.clone()
    }

    /// What was done on a phone so far.
    pub fn own(&self, on: Device) -> BTreeSet<ActNo> {
        self.seen(on).filter(|(_, act)| act.by == on).map(|(no, _)| no).collect()
    }

    /// A phone took what the relay served.
    pub fn took(&mut self, on: Device, served: &BTreeSet<ActNo>) {
        self.seen[on].extend(served);
    }

    /// Everybody has seen everything.
    pub fn all_seen(&mut self) {
        self.seen.iter_mut().for_each(|seen| *seen = (0..self.acts.len()).collect());
    }
}
