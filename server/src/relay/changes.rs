//! Changes of open documents: tried on a copy, merged, counted and kept for the projection.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::doc;
use sync_core::gates::{self, Admitted, Candidate};
use sync_core::ids::{DocId, EnvelopeId, SpaceId};
use sync_core::protocol::{Code, Envelope, PushResult, limits};
use sync_core::records::{After, DocType, Flat, Scalar, carry_on, chain};

use crate::store::documents::DocumentRow;
use crate::store::{StoreError, documents, items, records};

use super::outcome::Outcome;
use super::projection;
use super::push::Push;

/// Bytes of documents that one request may have loaded and tried, so that none keeps the writer from the others
/// for long: some seconds' work at most. What is left over is sent again.
const MOST_TRIED: usize = 8 * 1024 * 1024;

/// Documents of one record that a projection reads at most.
const MOST_LINKS: usize = 64;

/// An open document of a request under way.
pub(super) struct OpenDocument {
    record: u16,
    saved: Option<Vec<u8>>,
    /// What it says; present once something was merged into it.
    changed: Option<Flat>,
}

impl Push<'_> {
    /// Changes of one push, in its order: the log keeps that order whatever document each belongs to.
    pub(super) fn take_changes(
        &mut self,
        changes: &[&Envelope],
    ) -> Result<Vec<PushResult>, StoreError> {
        // Whoever goes on from an erased document comes after what they wrote in it.
        for envelope in changes {
            if self.is_purged(envelope)? {
                self.foreclose_next(envelope)?;
            }
        }
        let merged = self.merge_runs(changes)?;
        let mut results = Vec::with_capacity(changes.len());
        for envelope in changes {
            let outcome = match merged.contains(&envelope.id()) {
                true => self.append_change(envelope)?,
                false => self.take(envelope)?,
            };
            results.push(outcome.result(envelope.id()));
        }
        Ok(results)
    }

    /// One change, already judged but for its body.
    pub(super) fn take_change(&mut self, envelope: &Envelope) -> Result<Outcome, StoreError> {
        let space = envelope.header.space;
        if self.is_full(envelope)? {
            return self.quarantine(space, envelope, Code::DocumentFull);
        }
        match self.admit(&[envelope])? {
            Ok(admitted) => {
                self.keep_merged(envelope, admitted);
                self.append_change(envelope)
            }
            Err(Code::MissingAncestor) => Ok(Outcome::Waiting(Code::MissingAncestor)),
            Err(Code::Overloaded) => Ok(Outcome::Retry(Code::Overloaded)),
            Err(code) => self.quarantine(space, envelope, code),
        }
    }

    /// Merges the changes of each document with one trial, where nothing at all is wrong with any of them, and
    /// says which those are. They must then be given their positions. The others are judged one by one.
    fn merge_runs(&mut self, changes: &[&Envelope]) -> Result<BTreeSet<EnvelopeId>, StoreError> {
        let mut merged = BTreeSet::new();
        let mut numbers = BTreeSet::new();
        let mut runs: BTreeMap<(SpaceId, DocId), Vec<&Envelope>> = BTreeMap::new();
        for envelope in changes {
            let header = &envelope.header;
            if !numbers.insert((header.space, header.device, header.device_seq)) {
                // A number given twice: only one by one does it show which came first.
                return Ok(merged);
            }
            runs.entry((header.space, header.doc)).or_default().push(envelope);
        }
        for run in runs.values() {
            if self.merge_run(run)? {
                merged.extend(run.iter().map(|envelope| envelope.id()));
            }
        }
        Ok(merged)
    }

    fn merge_run(&mut self, run: &[&Envelope]) -> Result<bool, StoreError> {
        let [first, rest @ ..] = run else { return Ok(false) };
        if rest.is_empty()
            || items::position(self.tx, self.team, first.id())?.is_some()
            || self.is_purged(first)?
        {
            return Ok(false);
        }
        if self.judge(first)?.is_err() || !self.all_alike(first, rest)? {
            return Ok(false);
        }
        let header = &first.header;
        let before = documents::changes_of(self.tx, header.space, header.doc, header.device)?;
        if before + run.len() as u64 > limits::MAX_CHANGES_PER_DEVICE {
            return Ok(false);
        }
        let Ok(admitted) = self.admit(run)? else { return Ok(false) };
        self.keep_merged(first, admitted);
        Ok(true)
    }

    /// Whether the rest of a run passes for the same reasons as its first: same author, space, document and
    /// record, each with a number of its own that is not taken; only what differs is judged again.
    fn all_alike(&self, first: &Envelope, rest: &[&Envelope]) -> Result<bool, StoreError> {
        let directory = &self.directory;
        let same = &first.header;
        for envelope in rest {
            let header = &envelope.header;
            let fine = (header.schema, header.priority) == (same.schema, same.priority)
                && (header.device, header.record) == (same.device, same.record)
                && header.device_seq > same.device_seq
                && self.is_plausible(envelope)?
                && gates::authenticate(envelope, directory, self.row_length(envelope)).is_ok()
                && self.row_of(envelope) == self.row_of(first)
                && self.check_carried(envelope).is_ok()
                && gates::check_policy(envelope, directory).is_ok();
            let known = items::position(self.tx, self.team, envelope.id())?.is_some();
            if !fine || known || self.is_counted(envelope)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Tries changes on a copy of their document: all or none.
    pub(super) fn admit(
        &mut self,
        run: &[&Envelope],
    ) -> Result<Result<Admitted, Code>, StoreError> {
        let header = &run[0].header;
        let Some(doc_type) = DocType::by_number(header.record) else {
            return Ok(Err(Code::SchemaViolation));
        };
        let key = (header.space, header.doc);
        if !self.documents.contains_key(&key) {
            let document = match documents::get(self.tx, header.space, header.doc)? {
                None => OpenDocument { record: header.record, saved: None, changed: None },
                Some(DocumentRow { record, saved: None }) => self.merged_anew(key, record, None)?,
                Some(DocumentRow { record, saved }) => {
                    OpenDocument { record, saved, changed: None }
                }
            };
            self.documents.insert(key, document);
        }
        if !self.may_try() {
            return Ok(Err(Code::Overloaded));
        }
        let document = &self.documents[&key];
        let loaded = document.saved.as_ref().map_or(0, Vec::len);
        self.tried += loaded + run.iter().map(|envelope| envelope.body.len()).sum::<usize>();
        if document.record != header.record {
            return Ok(Err(Code::SchemaViolation));
        }
        let candidates: Vec<_> =
            run.iter().map(|e| Candidate { header: &e.header, change: &e.body }).collect();
        let admission = gates::admit_changes(document.saved.as_deref(), doc_type, &candidates);
        if let Some(code) = admission.results.into_iter().find_map(Result::err) {
            return Ok(Err(code));
        }
        Ok(admission.document.ok_or(Code::HostileChange))
    }

    /// A document with everything that its log holds of it by now, on top of what is merged already: for one whose
    /// merged copy cannot be read, and for one whose damaged rows were put right.
    fn merged_anew(
        &mut self,
        (space, doc): (SpaceId, DocId),
        record: u16,
        saved: Option<Vec<u8>>,
    ) -> Result<OpenDocument, StoreError> {
        let Some(doc_type) = DocType::by_number(record) else {
            return Ok(OpenDocument { record, saved, changed: None });
        };
        let mut changes = items::changes_of(self.tx, space, doc)?;
        changes.retain(|change| change.header.record == record);
        self.tried += changes.iter().map(|change| change.body.len()).sum::<usize>();
        let candidates: Vec<_> =
            changes.iter().map(|e| Candidate { header: &e.header, change: &e.body }).collect();
        let admission = gates::admit_changes(saved.as_deref(), doc_type, &candidates);
        Ok(match admission.document {
            Some(Admitted { saved, flat, .. }) => {
                OpenDocument { record, saved: Some(saved), changed: Some(flat) }
            }
            None => OpenDocument { record, saved, changed: None },
        })
    }

    /// Merges the documents whose rows were put right.
    pub(super) fn merge_mended(&mut self) -> Result<(), StoreError> {
        for (space, doc) in std::mem::take(&mut self.mended) {
            let Some(row) = documents::get(self.tx, space, doc)? else { continue };
            let present = self.documents.remove(&(space, doc)).and_then(|document| document.saved);
            let merged = self.merged_anew((space, doc), row.record, present.or(row.saved))?;
            self.documents.insert((space, doc), merged);
        }
        Ok(())
    }

    /// Whether this request may still load and try documents.
    pub(super) fn may_try(&self) -> bool {
        self.tried <= MOST_TRIED
    }

    /// Keeps a merged document until the request is done with it.
    pub(super) fn keep_merged(&mut self, change: &Envelope, admitted: Admitted) {
        let header = &change.header;
        let document = OpenDocument {
            record: header.record,
            saved: Some(admitted.saved),
            changed: Some(admitted.flat),
        };
        self.documents.insert((header.space, header.doc), document);
    }

    /// Counts a merged change and gives it its position.
    fn append_change(&mut self, change: &Envelope) -> Result<Outcome, StoreError> {
        let header = &change.header;
        documents::count_change(self.tx, header.space, header.doc, header.device)?;
        self.store(header.space, change)
    }

    /// Writes every merged document and what it says, once a request.
    pub(super) fn keep_documents(&mut self) -> Result<(), StoreError> {
        let mut said = Vec::new();
        for ((space, doc), document) in std::mem::take(&mut self.documents) {
            let Some(flat) = document.changed else { continue };
            documents::put(self.tx, space, doc, document.record, document.saved.as_deref())?;
            said.push((space, doc, document.record, flat));
        }
        for (space, doc, record, flat) in said {
            let (doc, flat) = match self.whole_record(space, doc, record, &flat)? {
                Some(whole) => whole,
                None => (doc, flat),
            };
            if let Some(row) = projection::of(space, doc, record, flat) {
                records::put(self.tx, self.team, &row)?;
            }
        }
        Ok(())
    }

    /// What a document says together with those it continues and those that continue it; `None` if there are none.
    fn whole_record(
        &self,
        space: SpaceId,
        doc: DocId,
        record: u16,
        flat: &Flat,
    ) -> Result<Option<(DocId, Flat)>, StoreError> {
        let first = match (After::of(flat), flat.get(chain::OF)) {
            (Some(after), Some(Scalar::Str(of))) if after.doc.successor() == doc => of.parse().ok(),
            _ => documents::exists(self.tx, space, doc.successor())?.then_some(doc),
        };
        let Some(first) = first else { return Ok(None) };
        let damaged = |_| StoreError::Damaged("a document");
        let (mut whole, mut last): (Option<Flat>, Option<Vec<u8>>) = (None, None);
        let (mut at, mut links) = (first, 0);
        while let Some(row) = documents::get(self.tx, space, at)?.filter(|_| links < MOST_LINKS) {
            let Some(saved) = row.saved.filter(|_| row.record == record) else { break };
            let next = doc::flatten(&saved).map_err(damaged)?;
            whole = Some(match (whole, last, After::of(&next)) {
                (Some(now), Some(last), Some(after)) => {
                    let then = doc::flatten_at(&last, &after.seen).map_err(damaged)?;
                    let now_of_last = doc::flatten(&last).map_err(damaged)?;
                    carry_on(&now, &now.as_seen(&now_of_last, &then), &next)
                }
                _ => next,
            });
            (last, at, links) = (Some(saved), at.successor(), links + 1);
        }
        Ok(whole.filter(|_| links > 1).map(|whole| (first, whole)))
    }
}
