//! Documents that go on in another: where a change of one goes now, and all of a chain shown as one.
//!
//! A document is closed for this device after 192 changes of its own, when it has grown near the size that gates
//! refuse, and where it was begun under a key that a reader without the past must not have.

use crate::doc;
use crate::ids::{DocId, SpaceId};
use crate::protocol::{Code, SealedBody, from_cbor, limits};
use crate::records::{After, DocType, FieldOp, Flat, Scalar, carry_on, chain, disputed};

use super::Result;
use super::desk::Desk;
use super::record::Part;
use super::rows::{DocumentRow, SpaceRow};

/// Saved size beyond which a document is closed; one more change cannot take it past what gates refuse.
const FULL_BYTES: usize = limits::MAX_DOCUMENT / 2;

impl Desk<'_> {
    /// The document that takes a change of this one now: itself, or the last of those it goes on in.
    pub fn open_end(&self, space: SpaceId, doc: DocId) -> Result<DocId> {
        let Some(row) = self.rows.space(space)? else { return Ok(doc) };
        let mut at = doc;
        for _ in 0..DocId::MOST_LINKS {
            let Some(document) = self.rows.document(space, at)? else { return Ok(at) };
            let next = at.successor();
            // Once anybody went on in the next one, everybody does.
            if self.rows.document(space, next)?.is_none() && !self.is_closed(&row, at, &document)? {
                return Ok(at);
            }
            at = next;
        }
        Err(Code::DocumentFull.into())
    }

    /// The documents of a chain that this phone has, from this one on.
    pub fn chain_from(&self, space: SpaceId, doc: DocId) -> Result<Vec<(DocId, DocumentRow)>> {
        let (mut chain, mut at) = (Vec::new(), doc);
        while let Some(row) =
            self.rows.document(space, at)?.filter(|_| chain.len() < DocId::MOST_LINKS)
        {
            chain.push((at, row));
            at = at.successor();
        }
        Ok(chain)
    }

    fn is_closed(&self, space: &SpaceRow, doc: DocId, row: &DocumentRow) -> Result<bool> {
        let is_full = row.own_changes >= limits::OWN_CHANGES
            || row.saved.as_ref().is_some_and(|saved| saved.len() > FULL_BYTES);
        Ok(is_full || (space.info.has_late_readers() && self.is_of_the_past(space, doc)?))
    }

    /// Whether a document was begun under a key that not every reader may have.
    fn is_of_the_past(&self, space: &SpaceRow, doc: DocId) -> Result<bool> {
        let id = space.info.id;
        let mut envelopes = self.rows.changes(id, doc)?;
        envelopes.truncate(1);
        envelopes.extend(self.rows.parked_of(id, doc)?);
        for envelope in envelopes {
            let Some(envelope) = self.rows.envelope(envelope)? else { continue };
            let Ok(body) = from_cbor::<SealedBody>(&envelope.body) else { continue };
            if !space.info.opens_to_all(&body.epoch) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a record's documents say, each with its successors as one.
    pub fn flats_of(&self, parts: &[Part]) -> Result<Vec<(&'static DocType, Flat)>> {
        let mut flats = Vec::new();
        for part in parts.iter().filter(|part| before(part, parts).is_none()) {
            let Some(mut flat) = part.flat.clone() else { continue };
            let mut at = part;
            while let Some(next) = after(at, parts) {
                if let Some(following) = &next.flat {
                    let seen = self.seen_by(next, &flat)?;
                    flat = carry_on(&flat, &seen, following);
                }
                at = next;
            }
            flats.push((part.doc_type, flat));
        }
        Ok(flats)
    }

    /// What the documents before a successor said when its author began it. `now`: what they say now.
    fn seen_by(&self, next: &Part, now: &Flat) -> Result<Flat> {
        let Some(after) = next.flat.as_ref().and_then(After::of) else { return Ok(now.clone()) };
        let saved = self.rows.document(next.space, after.doc)?.and_then(|row| row.saved);
        let Some(saved) = saved else { return Ok(now.clone()) };
        let (last, then) = (doc::flatten(&saved)?, doc::flatten_at(&saved, &after.seen)?);
        Ok(now.as_seen(&last, &then))
    }

    /// Makes writes planned for a record fit the document they go into, if that is a successor: it removes by saying
    /// no, names the document before it, and says what of that one has been seen once nothing is disputed any more.
    pub fn fit_successor(
        &self,
        root: DocId,
        doc: DocId,
        parts: &[Part],
        ops: Vec<FieldOp>,
    ) -> Result<Vec<FieldOp>> {
        let Some(last) = parts.iter().find(|part| part.doc.successor() == doc) else {
            return Ok(ops);
        };
        let mut ops: Vec<FieldOp> = ops
            .into_iter()
            .map(|op| match op {
                FieldOp::Delete(key) => FieldOp::Put(key, chain::TAKEN_OUT),
                put => put,
            })
            .collect();
        let Some(row) = self.rows.document(last.space, last.doc)? else { return Ok(ops) };
        let Some(saved) = row.saved else { return Ok(ops) };
        let here = parts.iter().find(|part| part.doc == doc).and_then(|part| part.flat.as_ref());
        let settled = match here {
            None => {
                ops.push(FieldOp::Put(chain::OF.into(), Scalar::Str(root.to_string())));
                true
            }
            Some(here) => {
                let now = doc::flatten(&saved)?;
                let seen = After::of(here).map_or(Vec::new(), |after| after.seen);
                let then = doc::flatten_at(&saved, &seen)?;
                let written = |key: &str| {
                    ops.iter().any(|op| matches!(op, FieldOp::Put(other, _) if other == key))
                };
                disputed(&now, &then, here).into_iter().all(written)
            }
        };
        if settled {
            let after = After::new(last.doc, &doc::heads(&saved)?);
            ops.push(FieldOp::Put(chain::AFTER.into(), after.to_scalar()));
        }
        Ok(ops)
    }
}

/// The part that goes on in this one.
fn before<'a>(part: &Part, parts: &'a [Part]) -> Option<&'a Part> {
    parts.iter().find(|other| follows(other, part))
}

/// The part in which this one goes on.
fn after<'a>(part: &Part, parts: &'a [Part]) -> Option<&'a Part> {
    parts.iter().find(|other| follows(part, other))
}

fn follows(first: &Part, next: &Part) -> bool {
    first.doc.successor() == next.doc
        && first.space == next.space
        && first.doc_type.number == next.doc_type.number
}
