//! Moving an envelope of this device through its states: hurried, acknowledged, refused.

use crate::ids::{DocId, EnvelopeId, SpaceId};

use super::Result;
use super::desk::Desk;
use super::rows::{ItemRow, ItemState};
use super::store::Table;

impl Desk<'_> {
    /// Takes an envelope out of the outbox and notes its new state.
    pub fn settle(&mut self, id: EnvelopeId, mut row: ItemRow, state: ItemState) -> Result<()> {
        if let Some(place) = row.outbox.take() {
            self.rows.0.delete(Table::Outbox, &place)?;
        }
        row.state = state;
        Ok(self.rows.put_item(id, &row)?)
    }

    /// The relay has the envelope at this position, even if it was called back after it had been sent.
    pub fn acknowledge(&mut self, id: EnvelopeId, seq: u64) -> Result<bool> {
        let Some(mut row) = self.rows.item(id)? else { return Ok(false) };
        let read = self.row_data.get(&id).copied();
        if row.state == ItemState::Purged && row.seq == 0 {
            self.order_late(id, row.space)?;
        }
        if !matches!(row.state, ItemState::Outbox | ItemState::Kept) {
            // A log that is read anew may have it elsewhere.
            if row.state != ItemState::Refused
                && read.is_some()
                && (seq, read) != (row.seq, row.row)
            {
                (row.seq, row.row) = (seq, read);
                self.rows.put_item(id, &row)?;
            }
            return Ok(false);
        }
        (row.seq, row.row) = (seq, read.or(row.row));
        // What was kept because its time seemed over is no draft any more.
        self.rows.delete_draft(id)?;
        self.settle(id, row, ItemState::Applied)?;
        Ok(true)
    }

    /// Lets a document of this device, and what makes its space, leave before all else but the directory. The headers,
    /// which the relay sees, do not say so.
    pub fn hurry(&mut self, space: SpaceId, doc: DocId) -> Result<()> {
        for (id, of) in self.rows.outbox(usize::MAX)? {
            let Some(mut item) = self.rows.item(id)? else { continue };
            let hurries = item.space == space && (of == doc || of == DocId::ZERO);
            let Some(place) = item.outbox.take().filter(|_| hurries) else { continue };
            item.outbox = Some(self.rows.hurry_outbox(&place)?.into());
            self.rows.put_item(id, &item)?;
        }
        Ok(())
    }
}
