//! The text of a session note over all its documents: one text for people, edited where each character lives.
//!
//! Positions count over the whole text. What is added at the end, or between two documents, goes into the later one;
//! what is changed inside an earlier document is changed there, for which 64 changes of each device are left.
//!
//! A phone that cannot read the note now writes a late note: documents of its own beside it, in the same space.

use std::collections::BTreeSet;

use crate::doc::{self, Edit};
use crate::ids::{DocId, SpaceId};
use crate::protocol::limits;

use super::desk::Desk;
use super::rows::DocumentRow;
use super::session::{note_doc, note_type};
use super::{EngineError, Env, Result, TextEdit};

/// Characters inserted or removed by one change: below what a change may hold, with room for what goes with them.
const PIECE: usize = limits::MAX_OPS - 96;

/// What to do in one document.
struct Step {
    doc: DocId,
    at: usize,
    delete: usize,
    insert: String,
}

/// A document with those it goes on in.
type Chain = Vec<(DocId, DocumentRow)>;

impl Desk<'_> {
    /// The first document of the note, or late note, that one of its documents belongs to.
    pub fn note_root(&self, space: SpaceId, doc: DocId) -> Result<Option<DocId>> {
        for (root, chain) in self.notes_of(space)? {
            let last = chain.last().map_or(root, |(last, _)| last.successor());
            if last == doc || chain.iter().any(|(link, _)| *link == doc) {
                return Ok(Some(root));
            }
        }
        Ok(Some(doc))
    }

    /// The note of a session space, then the late notes beside it, each with the documents it goes on in. What was
    /// erased, or is to be, is left out.
    pub fn notes_of(&self, space: SpaceId) -> Result<Vec<(DocId, Chain)>> {
        let number = note_type()?.number;
        let mut roots = vec![note_doc(space)];
        let documents = self.rows.documents_of(Some(space))?;
        let of_notes = || documents.iter().filter(|(.., row)| row.record == number);
        let following: BTreeSet<DocId> = of_notes().map(|(_, doc, _)| doc.successor()).collect();
        let late = of_notes().map(|(_, doc, _)| *doc).filter(|doc| !following.contains(doc));
        roots.extend(late.filter(|doc| *doc != note_doc(space)));
        let mut notes = Vec::with_capacity(roots.len());
        for root in roots {
            if !self.is_hidden(space, root)? {
                notes.push((root, self.chain_from(space, root)?));
            }
        }
        Ok(notes)
    }

    /// Whether the note stands here and cannot be read now.
    pub fn is_closed_here(&self, space: SpaceId) -> Result<bool> {
        Ok(!self.rows.is_unlocked() && self.rows.document(space, note_doc(space))?.is_some())
    }

    /// Writes a late note. Only an insertion at the beginning asks nothing of what stands there.
    ///
    /// # Errors
    /// `locked` or `write_only` for anything else.
    pub fn write_late_note(
        &mut self,
        env: &mut Env<'_>,
        space: SpaceId,
        key: &str,
        edit: &TextEdit,
    ) -> Result<()> {
        if edit.at > 0 || edit.delete > 0 {
            let why = "what stands there cannot be read now; write a late note, from position 0";
            return Err(EngineError::refused_because(self.shut()?, why));
        }
        let mut doc = DocId::random(env.rng);
        let characters: Vec<char> = edit.insert.chars().collect();
        for piece in characters.chunks(PIECE) {
            let text: String = piece.iter().collect();
            self.write_piece(env, space, doc, key, (0, 0), &text)?;
            doc = doc.successor();
        }
        Ok(())
    }

    /// Changes a text of a note, in as many changes as that takes.
    pub fn write_note(
        &mut self,
        env: &mut Env<'_>,
        space: SpaceId,
        key: &str,
        edit: &TextEdit,
    ) -> Result<()> {
        for step in self.plan_note(space, key, edit)? {
            let mut left = step.delete;
            while left > 0 {
                let delete = left.min(PIECE);
                self.write_piece(env, space, step.doc, key, (step.at, delete), "")?;
                left -= delete;
            }
            let characters: Vec<char> = step.insert.chars().collect();
            let (mut doc, mut at) = (step.doc, step.at);
            for piece in characters.chunks(PIECE) {
                // A long text may fill the document it began in.
                let now = self.open_end(space, doc)?;
                let appends = at == self.length(space, doc, key)?;
                if now != doc && appends {
                    (doc, at) = (now, self.length(space, now, key)?);
                }
                let text: String = piece.iter().collect();
                self.write_piece(env, space, doc, key, (at, 0), &text)?;
                at += piece.len();
            }
        }
        Ok(())
    }

    fn write_piece(
        &mut self,
        env: &mut Env<'_>,
        space: SpaceId,
        doc: DocId,
        key: &str,
        (at, delete): (usize, usize),
        insert: &str,
    ) -> Result<()> {
        let edit = Edit::Text { key, at, delete, insert };
        self.write_change(env, space, doc, note_type()?, &edit)?;
        Ok(())
    }

    /// Where each part of an edit belongs.
    fn plan_note(&self, space: SpaceId, key: &str, edit: &TextEdit) -> Result<Vec<Step>> {
        let root = note_doc(space);
        let mut docs: Vec<DocId> = self.chain_from(space, root)?.into_iter().map(|d| d.0).collect();
        let end = self.open_end(space, root)?;
        if docs.last() != Some(&end) {
            docs.push(end);
        }
        let mut lengths = Vec::with_capacity(docs.len());
        for doc in &docs {
            lengths.push(self.length(space, *doc, key)?);
        }
        let len: usize = lengths.iter().sum();
        if edit.at > len || edit.delete > len - edit.at {
            return Err(EngineError::from(doc::DocError::Position { len }));
        }
        let (mut start, mut steps) = (0, Vec::new());
        let (from, to) = (edit.at, edit.at + edit.delete);
        for (doc, length) in docs.iter().zip(lengths) {
            let end_of_doc = start + length;
            let at = from.clamp(start, end_of_doc) - start;
            let delete = to.clamp(start, end_of_doc) - start - at;
            let is_last = *doc == end;
            let takes_insert = from >= start && (from < end_of_doc || is_last);
            let insert = if takes_insert { edit.insert.clone() } else { String::new() };
            if delete > 0 || !insert.is_empty() {
                steps.push(Step { doc: *doc, at, delete, insert });
            }
            start = end_of_doc;
        }
        Ok(steps)
    }

    /// Characters of a text in one document; none where it cannot be opened.
    fn length(&self, space: SpaceId, doc: DocId, key: &str) -> Result<usize> {
        let saved = self.rows.document(space, doc)?.and_then(|row| row.saved);
        let Some(saved) = saved else { return Ok(0) };
        Ok(doc::flatten(&saved)?.texts.get(key).map_or(0, |text| text.chars().count()))
    }
}
