//! Receiving the directory: entries are taken in order, or nothing of the answer is.

use crate::ids::EnvelopeId;
use crate::protocol::{Batch, Code, Envelope, SpaceItems};

use super::Result;
use super::desk::Desk;
use super::page::{Content, News, Row, news};
use super::rows::SpaceRow;

impl Desk<'_> {
    /// Extends the directory. `None` if what came is not its continuation: an alarm stands then, and nothing else of the answer is taken.
    pub fn receive_directory(&mut self, items: &SpaceItems, batch: &Batch) -> Result<Option<u64>> {
        let space = self.open_space(crate::records::SpaceKind::Directory, None)?;
        let mut row = self.space_row(space)?;
        let (held, high) = ((row.seq, row.chain), (row.high_seq, row.high_chain));
        let rows = match news(items, batch, held, high)? {
            News::Rows(rows) => rows,
            News::Old => return Ok(Some(0)),
            News::Foreign => {
                self.rows.raise(Code::RelayChanged, &space.to_string())?;
                return Ok(None);
            }
        };
        let count = rows.len() as u64;
        for entry in rows {
            if let Err(code) = self.receive_entry(&entry, &mut row)? {
                self.rows.raise(code, "")?;
                return Ok(None);
            }
        }
        (row.seq, row.chain) = (items.seq, items.chain);
        self.rows.put_space(&row)?;
        Ok(Some(count))
    }

    /// The inner error is what is wrong with the entry; a store that fails ends the whole answer.
    pub fn receive_entry(
        &mut self,
        entry: &Row,
        row: &mut SpaceRow,
    ) -> Result<std::result::Result<(), Code>> {
        if entry.seq <= self.directory.len() {
            if self.directory.head_at(entry.seq) != Some(entry.id) {
                return Ok(Err(Code::DirectoryFork));
            }
        } else {
            let envelope = match &entry.content {
                Content::Envelope(envelope) => Some((**envelope).clone()),
                Content::Own => self.proposal(entry.id)?,
                Content::Stub(_) => None,
            };
            let Some(envelope) = envelope else { return Ok(Err(Code::DirectoryForged)) };
            if let Err(code) = self.directory.to_mut().append(&envelope) {
                return Ok(Err(code));
            }
            self.rows.put_directory_entry(entry.seq, &envelope)?;
            if envelope.header.device == self.device() {
                row.device_seq = row.device_seq.max(envelope.header.device_seq);
            }
        }
        self.rows.put_directory_day(entry.seq, entry.row_day.0)?;
        self.drop_proposal(entry.id)?;
        self.acknowledge(entry.id, entry.seq)?;
        Ok(Ok(()))
    }

    fn proposal(&self, id: EnvelopeId) -> Result<Option<Envelope>> {
        let found = self.rows.proposals()?.into_iter().find(|p| p.id() == Some(id));
        let signed = found.and_then(|proposal| proposal.signed);
        Ok(signed.and_then(|bytes| Envelope::from_bytes(&bytes).ok()))
    }
}
