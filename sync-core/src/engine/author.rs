//! Writing one change: from an edit of a document to a sealed, signed envelope in the outbox.

use crate::doc::{self, DocError, Edit};
use crate::gates::{self, Candidate};
use crate::ids::{DocId, SpaceId};
use crate::protocol::{Code, Kind, Priority, limits, to_cbor};
use crate::records::{DocType, is_urgent};

use super::desk::{Desk, Slip};
use super::rows::DocumentRow;
use super::{EngineError, Env, Result};

impl From<DocError> for EngineError {
    fn from(error: DocError) -> Self {
        let code = match error {
            DocError::Damaged => Code::StoreFailed,
            DocError::Position { .. } => Code::BadValue,
            DocError::NoSuchText => Code::UnknownField,
            DocError::TooLong => Code::TooManyOps,
        };
        EngineError::refused_because(code, error)
    }
}

/// Every phone checks what it writes, but for the modified ones of exercises.
#[cfg(not(feature = "drill"))]
pub(super) const fn checks_itself() -> bool {
    true
}
#[cfg(feature = "drill")]
pub(super) use crate::drill::checks_itself;

impl Desk<'_> {
    /// The row of a document, or that of a new one.
    pub fn document_or_new(
        &self,
        space: SpaceId,
        doc: DocId,
        part: &DocType,
    ) -> Result<DocumentRow> {
        let new = DocumentRow {
            record: part.number,
            actor_no: 1,
            own_changes: 0,
            saved: None,
            changes: 0,
        };
        Ok(self.rows.document(space, doc)?.unwrap_or(new))
    }

    /// Writes an edit as one change. False if it changes nothing.
    ///
    /// The change passes the same gates here as it will everywhere else, so nothing leaves that others refuse.
    pub fn write_change(
        &mut self,
        env: &mut Env<'_>,
        space: SpaceId,
        doc: DocId,
        part: &'static DocType,
        edit: &Edit<'_>,
    ) -> Result<bool> {
        let mut row = self.document_or_new(space, doc, part)?;
        // Callers go on in a successor before that; only what changes an earlier text comes here later.
        if row.own_changes >= limits::MAX_CHANGES_PER_DEVICE {
            return Err(Code::DocumentFull.into());
        }
        let sealed = part.is_sealed();
        let locked = sealed && !self.rows.is_unlocked();
        if locked && self.rows.document(space, doc)?.is_some() {
            return Err(self.shut()?.into());
        }
        let urgent = matches!(edit, Edit::Fields(ops) if is_urgent(part.number, ops));
        let priority = match sealed {
            _ if urgent => Priority::Urgent,
            true => Priority::Sealed,
            false => Priority::Open,
        };
        let slip = Slip {
            kind: if sealed { Kind::Sealed } else { Kind::Change },
            priority,
            space,
            doc,
            schema: part.schema,
            record: part.number,
            actor_no: row.actor_no,
        };
        let base = row.saved.as_ref().map(|saved| saved.as_slice());
        let actor = self.header(env, &slip, 0)?.actor();
        let Some(change) = doc::author(base, part, actor, edit)? else { return Ok(false) };

        let key = if sealed { Some(self.ready_key(env, space, doc, actor)?) } else { None };
        let header = self.next_header(env, &slip)?;
        let candidates = [Candidate { header: &header, change: &change }];
        let admission = gates::admit_changes(base, part, &candidates);
        if let Some(Err(code)) = admission.results.first() {
            return Err((*code).into());
        }
        let admitted = admission.document.ok_or(Code::Internal)?;
        let body = match &key {
            Some(key) => to_cbor(&self.seal(env, &header, key, &change)),
            None => change,
        };
        let envelope = self.keys.sign_envelope(header, body);
        let author = self.listed()?;
        if checks_itself() {
            gates::check_right(&envelope, &author, &self.space_row(space)?.info, header.day)?;
            gates::check_policy(&envelope, &self.directory)?;
        }

        row.changes += 1;
        row.own_changes += 1;
        row.saved = Some(admitted.saved.into());
        self.rows.push_change(space, doc, row.changes, envelope.id())?;
        self.rows.put_document(space, doc, &row)?;
        if locked {
            self.rows.redo_later(space, doc, None)?;
        }
        self.link(space, doc, part, &admitted.flat)?;
        self.post(space, &envelope)?;
        if urgent {
            // What makes its space and brings its key must not come later.
            self.hurry(space, doc)?;
        }
        Ok(true)
    }
}
