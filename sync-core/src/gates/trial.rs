//! Admission: candidates are walked, placed among their ancestors, and tried on a scratch copy.
//!
//! The document is handed in saved and handed back saved; nothing is changed in place. One load, one save
//! and one load again serve the whole batch. Only if that fails are candidates tried in smaller steps until
//! each culprit is found, so that it leaves no trace and does not take innocent ones with it.

use std::collections::BTreeMap;

use crate::doc::{self, DocError, FIRST_ACTOR, Scratch, Tried};
use crate::ids::{ActorId, DeviceId, DocId};
use crate::protocol::{Code, limits};
use crate::records::DocType;

use super::change::{actors_of, judge};
use super::history::History;
use super::walker::{Change, chunk_hash, walk};
use super::{Admission, Admitted, Candidate};

/// Tries changes on a scratch copy of a document: walks their columns, places them among their ancestors, applies
/// them, hydrates, saves, loads again and compares heads, checks the schema. A candidate that fails leaves no trace.
///
/// `base`: the saved document (`None`: new, or the fixed first change where the type has texts). If it is damaged
/// every candidate gets `internal` and no document comes back: rebuild it from its envelopes. Candidates all belong to
/// this document; one may build on another wherever it stands. A change the document already holds is admitted
/// and changes nothing.
pub fn admit_changes(
    base: Option<&[u8]>,
    doc_type: &'static DocType,
    candidates: &[Candidate<'_>],
) -> Admission {
    match admit(base, doc_type, candidates) {
        Ok(admission) => admission,
        Err(_) => {
            Admission { results: vec![Err(Code::Internal); candidates.len()], document: None }
        }
    }
}

fn admit(
    base: Option<&[u8]>,
    doc_type: &'static DocType,
    candidates: &[Candidate<'_>],
) -> Result<Admission, DocError> {
    let scratch = Scratch::open(base, doc_type)?;
    let history = read_history(&scratch, doc_type)?;
    let mut batch = Batch::new(doc_type, history, candidates);
    let tried = match (batch.settle(&scratch), base) {
        (Some(tried), _) => Some(tried),
        (None, Some(saved)) => Some(scratch.as_it_is(saved)?),
        // A fixed first change that the candidate came with, or nothing at all.
        (None, None) if batch.results.iter().any(Result::is_ok) => Some(scratch.try_with(&[])?),
        (None, None) => None,
    };
    Ok(Admission {
        results: batch.results,
        document: tried.map(|tried| Admitted {
            saved: tried.saved,
            heads: tried.heads,
            flat: tried.flat,
        }),
    })
}

/// The history of a document that passed the gates before.
fn read_history(scratch: &Scratch, doc_type: &DocType) -> Result<History, DocError> {
    let mut history = History::default();
    let first = doc::first_change(doc_type);
    for bytes in scratch.changes()? {
        if first.as_ref() == Some(&bytes) {
            history.add_first(chunk_hash(&bytes), FIRST_ACTOR, doc_type.texts.len());
            continue;
        }
        let change = walk(&bytes, doc_type).map_err(|_| DocError::Damaged)?;
        if !history.add(&change) {
            return Err(DocError::Damaged);
        }
    }
    Ok(history)
}

/// Walks a candidate; its header must prove its actor.
fn read(candidate: &Candidate<'_>, doc_type: &DocType) -> Result<Change, Code> {
    let change = walk(candidate.change, doc_type)?;
    if change.actor == candidate.header.actor() { Ok(change) } else { Err(Code::WrongActor) }
}

/// Candidates on their way into one document.
struct Batch<'a> {
    doc_type: &'static DocType,
    history: History,
    candidates: &'a [Candidate<'a>],
    /// The actors of every candidate's author.
    actors: BTreeMap<(DeviceId, DocId), Vec<ActorId>>,
    walked: Vec<Result<Change, Code>>,
    results: Vec<Result<(), Code>>,
}

impl<'a> Batch<'a> {
    fn new(doc_type: &'static DocType, history: History, candidates: &'a [Candidate<'a>]) -> Self {
        let walked = candidates.iter().map(|one| read(one, doc_type)).collect();
        let mut actors = BTreeMap::new();
        for Candidate { header, .. } in candidates {
            actors.entry((header.device, header.doc)).or_insert_with(|| actors_of(header));
        }
        Self { doc_type, history, candidates, actors, walked, results: Vec::new() }
    }

    /// Finds out what becomes of every candidate. Gives the document with the new ones, `None` if there are none.
    ///
    /// `good` candidates in the order of placing are known to pass together. Steps start with the whole batch,
    /// are halved on failure and doubled on success; a step of one that fails has found a culprit.
    fn settle(&mut self, scratch: &Scratch) -> Option<Tried> {
        let mut order = self.place();
        let mut good = 0;
        let mut step = order.len().max(1);
        let mut tried = None;
        while good < order.len() {
            let end = order.len().min(good + step);
            match self.try_together(scratch, &order[..end]) {
                Ok(passed) => {
                    tried = Some(passed);
                    good = end;
                    step *= 2;
                }
                Err(code) if end == good + 1 => {
                    self.walked[order[good]] = Err(code);
                    order = self.place();
                    step = 1;
                }
                Err(_) => step = (end - good) / 2,
            }
        }
        tried
    }

    /// Places candidates among their ancestors, in rounds until no more fit. Sets the results and returns the order.
    /// What was placed before a culprit is placed again in the same order without it.
    fn place(&mut self) -> Vec<usize> {
        let mut history = self.history.clone();
        let mut order = Vec::new();
        self.results = vec![Err(Code::MissingAncestor); self.candidates.len()];
        let mut waiting: Vec<usize> = (0..self.candidates.len()).collect();
        loop {
            let before = waiting.len();
            waiting.retain(|&index| {
                let result = match &self.walked[index] {
                    Err(code) => Err(*code),
                    Ok(change) => {
                        let header = self.candidates[index].header;
                        let own = &self.actors[&(header.device, header.doc)];
                        judge(change, header, own, self.doc_type, &history)
                    }
                };
                if result == Err(Code::MissingAncestor) {
                    return true;
                }
                if let (Ok(()), Ok(change)) = (result, &self.walked[index])
                    && !history.contains(&change.hash)
                {
                    history.add(change);
                    order.push(index);
                }
                self.results[index] = result;
                false
            });
            if waiting.len() == before {
                return order;
            }
        }
    }

    fn try_together(&self, scratch: &Scratch, order: &[usize]) -> Result<Tried, Code> {
        let changes: Vec<_> = order.iter().map(|&index| self.candidates[index].change).collect();
        let tried = scratch.try_with(&changes).map_err(|_| Code::HostileChange)?;
        if tried.saved.len() > limits::MAX_DOCUMENT {
            return Err(Code::DocumentFull);
        }
        Ok(tried)
    }
}
