//! The changes of one document and who descends from whom.
//!
//! A change is judged against its causal ancestors alone, so that nodes which hold different concurrent
//! changes reach the same verdict. This file keeps what that takes: each change's ancestors, its place in
//! its actor's chain, and what each of its operations made or overwrote. It holds no values.

use std::collections::{BTreeMap, HashMap};

use crate::ids::ActorId;

use super::walker::{Change, Hash, Op, OpId};

/// What an operation made, for later operations to refer to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Target {
    /// A value of a root key.
    Key(String),
    /// A character of a text.
    Character(usize),
    /// Nothing: a removal, or the making of a text.
    Nothing,
}

/// A set of changes by their position.
#[derive(Debug, Clone, Default)]
pub(super) struct Positions(Vec<u64>);

impl Positions {
    /// Whether the set holds a position.
    pub(super) fn contains(&self, position: usize) -> bool {
        self.0.get(position / 64).is_some_and(|word| word >> (position % 64) & 1 == 1)
    }

    fn insert(&mut self, position: usize) {
        if self.0.len() <= position / 64 {
            self.0.resize(position / 64 + 1, 0);
        }
        self.0[position / 64] |= 1 << (position % 64);
    }

    fn extend(&mut self, other: &Positions) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }
}

/// A change that the document holds.
#[derive(Debug, Clone)]
struct Known {
    start_op: u64,
    last_op: u64,
    targets: Vec<Target>,
    /// Itself and everything it builds on.
    past: Positions,
}

/// The changes of a document.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    changes: Vec<Known>,
    positions: HashMap<Hash, usize>,
    /// Each actor's changes, in order.
    chains: BTreeMap<ActorId, Vec<usize>>,
    /// Which changes overwrote or removed an operation's target.
    overwritten: HashMap<OpId, Vec<usize>>,
    ops: usize,
}

impl History {
    /// How many changes there are.
    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    /// How many operations there are.
    pub(super) fn ops(&self) -> usize {
        self.ops
    }

    /// Whether the document holds a change.
    pub(super) fn contains(&self, hash: &Hash) -> bool {
        self.positions.contains_key(hash)
    }

    /// How many changes an actor made.
    pub(super) fn count_of(&self, actor: &ActorId) -> u64 {
        self.chains.get(actor).map_or(0, |chain| chain.len() as u64)
    }

    /// Whether an actor's last change lies in a past.
    pub(super) fn is_last_in(&self, actor: &ActorId, past: &Positions) -> bool {
        match self.chains.get(actor).and_then(|chain| chain.last()) {
            Some(last) => past.contains(*last),
            None => true,
        }
    }

    /// Everything that these changes are or build on, and the highest operation counter in it. `None` if one is missing.
    pub(super) fn past_of(&self, deps: &[Hash]) -> Option<(Positions, u64)> {
        let mut past = Positions::default();
        let mut last_op = 0;
        for dep in deps {
            let known = &self.changes[*self.positions.get(dep)?];
            past.extend(&known.past);
            last_op = last_op.max(known.last_op);
        }
        Some((past, last_op))
    }

    /// What an operation in a past made. `None` if that past does not hold it.
    pub(super) fn target_in(&self, op: &OpId, past: &Positions) -> Option<&Target> {
        let chain = self.chains.get(&op.actor)?;
        let after = chain.partition_point(|at| self.changes[*at].start_op <= op.counter);
        let position = *chain.get(after.checked_sub(1)?)?;
        if !past.contains(position) {
            return None;
        }
        let known = &self.changes[position];
        known.targets.get(usize::try_from(op.counter - known.start_op).ok()?)
    }

    /// Whether an operation's target was overwritten or removed in a past.
    pub(super) fn is_overwritten_in(&self, op: &OpId, past: &Positions) -> bool {
        self.overwritten
            .get(op)
            .is_some_and(|by| by.iter().any(|position| past.contains(*position)))
    }

    /// Adds the fixed first change, which made `texts` texts.
    pub(super) fn add_first(&mut self, hash: Hash, actor: ActorId, texts: usize) {
        let targets = vec![Target::Nothing; texts];
        self.push(hash, actor, 1, targets, Positions::default());
    }

    /// Adds a change whose dependencies are all here. Returns false, adding nothing, if they are not.
    pub(super) fn add(&mut self, change: &Change) -> bool {
        let Some((past, _)) = self.past_of(&change.deps) else {
            return false;
        };
        let position = self.changes.len();
        for op in &change.ops {
            let over = match op {
                Op::Put { over, .. } | Op::Delete { over, .. } => over.as_slice(),
                Op::Remove { element, .. } => std::slice::from_ref(element),
                Op::Insert { .. } => &[],
            };
            for id in over {
                self.overwritten.entry(*id).or_default().push(position);
            }
        }
        let targets = change.ops.iter().map(target_of).collect();
        self.push(change.hash, change.actor, change.start_op, targets, past);
        true
    }

    fn push(
        &mut self,
        hash: Hash,
        actor: ActorId,
        start_op: u64,
        targets: Vec<Target>,
        mut past: Positions,
    ) {
        let position = self.changes.len();
        past.insert(position);
        self.ops += targets.len();
        let last_op = start_op + targets.len() as u64 - 1;
        self.changes.push(Known { start_op, last_op, targets, past });
        self.positions.insert(hash, position);
        self.chains.entry(actor).or_default().push(position);
    }
}

/// What an operation makes.
pub(super) fn target_of(op: &Op) -> Target {
    match op {
        Op::Put { key, .. } => Target::Key(key.clone()),
        Op::Insert { text, .. } => Target::Character(*text),
        Op::Delete { .. } | Op::Remove { .. } => Target::Nothing,
    }
}
