//! Replaying: a document is a cache of its envelopes, and is made again from them.

use crate::gates::{self, Admitted, Candidate};
use crate::ids::{DocId, EnvelopeId, SpaceId};
use crate::protocol::Envelope;
use crate::records::DocType;

use super::desk::Desk;
use super::rows::ItemState;
use super::{Phone, Result};

/// A document made again from its envelopes.
pub(super) struct Replayed {
    /// The document, if anything of it can be opened.
    pub document: Option<Admitted>,
    /// Envelopes that no longer fit, because what they built on is left out.
    pub fallen: Vec<Envelope>,
}

impl Phone {
    /// Makes every document again from its envelopes, and returns how many there are.
    ///
    /// Byte-equal within one release where nothing was damaged: what is shown follows from the envelopes alone.
    pub fn rebuild(&mut self) -> Result<u64> {
        let mut desk = self.desk()?;
        let mut count = 0;
        for (space, doc, mut row) in desk.rows.documents_of(None)? {
            let Some(part) = DocType::by_number(row.record) else { continue };
            if row.saved.is_none() {
                continue;
            }
            let replayed = desk.replay(space, doc, part, None)?;
            if let Some(admitted) = replayed.document {
                row.saved = Some(admitted.saved.into());
                desk.rows.put_document(space, doc, &row)?;
                desk.link(space, doc, part, &admitted.flat)?;
                count += 1;
            }
        }
        desk.commit()?;
        Ok(count)
    }
}

impl Desk<'_> {
    /// Makes a document again from the envelopes in effect, leaving one out.
    pub fn replay(
        &mut self,
        space: SpaceId,
        doc: DocId,
        part: &'static DocType,
        without: Option<EnvelopeId>,
    ) -> Result<Replayed> {
        let mut kept = Vec::new();
        // Nothing of a superseded space was taken: what it holds waits to be moved into the one that stands.
        let waits = self.rows.space(space)?.is_some_and(|row| row.superseded);
        for id in self.rows.changes(space, doc)? {
            let refused =
                self.rows.item(id)?.is_none_or(|item| item.state == ItemState::Refused && !waits);
            if Some(id) == without || refused {
                continue;
            }
            let Some(envelope) = self.rows.envelope(id)? else { continue };
            if let Ok(change) = self.open_body(&envelope)? {
                kept.push((envelope, change));
            }
        }
        let candidates: Vec<Candidate<'_>> = kept
            .iter()
            .map(|(envelope, change)| Candidate { header: &envelope.header, change })
            .collect();
        let admission = gates::admit_changes(None, part, &candidates);
        let fallen = kept
            .iter()
            .zip(&admission.results)
            .filter(|(_, result)| result.is_err())
            .map(|((envelope, _), _)| envelope.clone())
            .collect();
        Ok(Replayed { document: admission.document, fallen })
    }
}
