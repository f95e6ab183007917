//! Orders to erase a document: judged, given their position, and carried out in the same transaction.

use std::sync::Arc;

use sync_core::directory::SpaceInfo;
use sync_core::gates;
use sync_core::protocol::{Code, Envelope};

use crate::store::{StoreError, purged};

use super::outcome::Outcome;
use super::push::Push;

impl Push<'_> {
    /// Takes an order, whose author, number and place are judged already.
    pub(super) fn take_purge(
        &mut self,
        info: &SpaceInfo,
        order: &Envelope,
    ) -> Result<Outcome, StoreError> {
        let directory = Arc::clone(&self.directory);
        let (space, doc) = (order.header.space, order.header.doc);
        let Some(author) = directory.device(&order.header.device) else {
            return Ok(Outcome::Refused(Code::UnknownDevice));
        };
        let written_by =
            purged::written_by(self.tx, space, doc)?.and_then(|device| directory.owner_of(&device));
        let seq = directory.len();
        if let Err(code) = gates::check_purge(order, &author, info, written_by, &directory, seq) {
            return self.quarantine(space, order, code);
        }
        let stored = self.store(space, order)?;
        self.erase(space, doc)?;
        Ok(stored)
    }

    /// Erases a document, and what this request has merged of it so far.
    fn erase(
        &mut self,
        space: sync_core::ids::SpaceId,
        doc: sync_core::ids::DocId,
    ) -> Result<(), StoreError> {
        self.documents.remove(&(space, doc));
        purged::erase(self.tx, space, doc, self.now.day())?;
        self.erased = true;
        Ok(())
    }

    /// Whether an envelope is a part of a document that was erased: whoever brings it, it is not taken.
    pub(super) fn is_purged(&self, envelope: &Envelope) -> Result<bool, StoreError> {
        let header = &envelope.header;
        Ok(header.kind.is_document() && purged::is_purged(self.tx, header.space, header.doc)?)
    }
}
