//! Orders to erase a document: judged, given their position, and carried out in the same transaction.

use std::sync::Arc;

use sync_core::directory::SpaceInfo;
use sync_core::gates::{self, Named};
use sync_core::ids::{DocId, SpaceId};
use sync_core::protocol::{Code, Envelope};

use crate::store::{StoreError, documents, purged};

use super::outcome::Outcome;
use super::push::Push;

/// Orders of one request that are carried out: each looks at every document of its space. The rest is sent again.
const MOST_ORDERS: usize = 64;

impl Push<'_> {
    /// Takes an order, whose author, number and place are judged already.
    pub(super) fn take_purge(
        &mut self,
        info: &SpaceInfo,
        order: &Envelope,
    ) -> Result<Outcome, StoreError> {
        if self.orders == MOST_ORDERS {
            return Ok(Outcome::Retry(Code::Overloaded));
        }
        self.orders += 1;
        let directory = Arc::clone(&self.directory);
        let (space, doc) = (order.header.space, order.header.doc);
        // What this request merged is not written yet.
        self.keep_documents()?;
        let at = self.row_length(order);
        let author = gates::judged_at(&directory, &order.header, order.id(), at).and_then(|at| {
            directory.device_at(&order.header.device, at).ok_or(Code::UnknownDevice)
        });
        let written_by =
            purged::written_by(self.tx, space, doc)?.and_then(|device| directory.owner_of(&device));
        let named = Named { written_by, continues: purged::continues(self.tx, space, doc)? };
        let judged = author.and_then(|author| {
            gates::check_purge(order, &author, info, named, &directory, directory.len())
        });
        if let Err(code) = judged {
            return self.quarantine(space, order, code);
        }
        let stored = self.store(space, order)?;
        self.erase(space, doc)?;
        Ok(stored)
    }

    /// Erases a document with all it goes on in, and forecloses the next one, which nobody has begun yet.
    fn erase(&mut self, space: SpaceId, first: DocId) -> Result<(), StoreError> {
        let (mut doc, today) = (first, self.now.day());
        loop {
            self.documents.remove(&(space, doc));
            purged::erase(self.tx, space, doc, today)?;
            doc = doc.successor();
            if !documents::exists(self.tx, space, doc)? {
                break;
            }
        }
        purged::foreclose(self.tx, space, doc, today)?;
        self.erased = true;
        Ok(())
    }

    /// Whether an envelope is a part of a document that was erased: whoever brings it, it is not taken.
    pub(super) fn is_purged(&self, envelope: &Envelope) -> Result<bool, StoreError> {
        let header = &envelope.header;
        Ok(header.kind.is_document() && purged::is_purged(self.tx, header.space, header.doc)?)
    }

    /// Whoever went on in an erased document that nobody had begun goes on in the next one too, so that is foreclosed
    /// as well; but only by what would have been taken.
    pub(super) fn foreclose_next(&mut self, envelope: &Envelope) -> Result<(), StoreError> {
        let (space, next) = (envelope.header.space, envelope.header.doc.successor());
        if !purged::is_purged(self.tx, space, next)? && self.judge(envelope)?.is_ok() {
            purged::foreclose(self.tx, space, next, self.now.day())?;
        }
        Ok(())
    }
}
