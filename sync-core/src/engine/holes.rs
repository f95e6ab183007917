//! Items of which the relay gave a damaged copy or none: noted, asked for again, and taken once a genuine one comes.

use std::collections::BTreeMap;

use crate::ids::{DocId, EnvelopeId, SpaceId};
use crate::protocol::{Batch, Code, Envelope, Found, RowData};

use super::Result;
use super::desk::Desk;
use super::heal::is_genuine;
use super::page::{Content, Row};
use super::rows::{HoleRow, ItemState};

impl Desk<'_> {
    /// Notes that no genuine copy of an item of the log is here.
    pub fn note_hole(&mut self, id: EnvelopeId, space: SpaceId, seq: u64) -> Result<()> {
        let Some(row) = self.row_data.get(&id).copied() else { return Ok(()) };
        Ok(self.rows.put_hole(id, &HoleRow { space, seq, row })?)
    }

    /// Whether an item was missing and this is a genuine copy of it. Then it is no longer missing.
    pub fn fills_hole(&mut self, id: EnvelopeId, genuine: bool) -> Result<bool> {
        Ok(genuine && self.close_hole(id)?)
    }

    /// Nothing of an item is missed any more: a genuine copy came, or it was erased. False if nothing was missed.
    pub fn close_hole(&mut self, id: EnvelopeId) -> Result<bool> {
        if self.rows.hole(id)?.is_none() {
            return Ok(false);
        }
        self.rows.delete_hole(id)?;
        self.rows.delete_draft(id)?;
        for code in [Code::BadSignature, Code::RelayChanged] {
            self.rows.lower(code, &id.to_string())?;
        }
        Ok(true)
    }

    /// Misses no longer what the relay says was erased: nobody can bring that, and nothing else follows from its word.
    pub fn receive_erased(&mut self, erased: &[EnvelopeId]) -> Result<()> {
        for id in erased {
            let Some(hole) = self.rows.hole(*id)? else { continue };
            self.close_hole(*id)?;
            self.row_data.insert(*id, hole.row);
            self.applied(*id, hole.space, hole.seq, ItemState::Purged)?;
            self.confirm_expired(*id)?;
        }
        Ok(())
    }

    /// Takes the genuine copies that the relay found.
    pub fn receive_found(&mut self, found: &[Found], batch: &Batch) -> Result<u64> {
        let mut count = 0;
        for found in found {
            let Ok(envelope) = batch.unpack(&found.packed) else { continue };
            let id = envelope.id();
            let Some(hole) = self.rows.hole(id)? else { continue };
            // The row that counts is the one whose chain was checked, not the one that comes along now.
            let RowData { directory_seq, row_day } = hole.row;
            let genuine = is_genuine(&envelope, &self.directory, directory_seq);
            if !genuine || envelope.header.space != hole.space {
                continue;
            }
            self.revive_expired(hole.space, envelope.header.doc)?;
            self.row_data.insert(id, hole.row);
            let content = Content::Envelope(Box::new(envelope));
            let row = Row { seq: hole.seq, id, directory_seq, row_day, content, genuine };
            let mut changes: BTreeMap<DocId, Vec<(u64, Envelope)>> = BTreeMap::new();
            let (space, rows) = (hole.space, [row]);
            self.unpark(space, &rows, &mut changes)?;
            for row in rows {
                self.receive_item(space, row, &mut changes)?;
            }
            for (doc, envelopes) in changes {
                self.receive_changes(space, doc, envelopes)?;
            }
            count += 1;
        }
        Ok(count)
    }
}
