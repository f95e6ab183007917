//! Receiving the directory: entries are taken in order, or nothing of the answer is.

use crate::ids::EnvelopeId;
use crate::protocol::{Batch, Code, Envelope, SpaceItems};

use super::desk::Desk;
use super::page::{Content, News, Row, news};
use super::rows::SpaceRow;
use super::{Env, Result};

/// What became of what an answer brings of the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extended {
    /// All of it was taken: so many entries.
    By(u64),
    /// An entry does not hold, and none after it is taken. What is judged by the entries held here goes on.
    Short,
    /// It is another log or another directory: nothing else of the answer is taken.
    Other,
}

impl Desk<'_> {
    /// Extends the directory. An alarm stands where that fails.
    ///
    /// `is_latest`: whether this answers the latest request, so that an end before the cursor is no old answer.
    pub fn receive_directory(
        &mut self,
        env: &Env<'_>,
        items: &SpaceItems,
        batch: &Batch,
        is_latest: bool,
    ) -> Result<Extended> {
        let space = self.open_space(crate::records::SpaceKind::Directory, None)?;
        let mut row = self.space_row(space)?;
        let (held, high) = ((row.seq, row.chain), (row.high_seq, row.high_chain));
        let rows = match news(items, batch, held, high)? {
            News::Rows(rows) => rows,
            News::Old if is_latest => {
                self.rows.raise(Code::DirectoryRolledBack, "")?;
                return Ok(Extended::Short);
            }
            News::Old => return Ok(Extended::By(0)),
            News::Foreign => {
                self.rows.raise(Code::RelayChanged, &space.to_string())?;
                return Ok(Extended::Other);
            }
        };
        let count = rows.len() as u64;
        let mut day = None;
        for entry in rows {
            let before = self.directory.len();
            if let Err(code) = self.receive_entry(&entry, &mut row)? {
                self.rows.raise(code, "")?;
                // With a fork the same length may mean two things.
                let forked = code == Code::DirectoryFork;
                return Ok(if forked { Extended::Other } else { Extended::Short });
            }
            if self.directory.len() > before {
                day = day.max(Some(self.directory.last_day()));
            }
        }
        if let Some(day) = day {
            let today = self.corrected(env.now)?.0.day();
            self.count_signed(day, today)?;
        }
        (row.seq, row.chain) = (items.seq, items.chain);
        self.rows.put_space(&row)?;
        Ok(Extended::By(count))
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
            if let Err(code) = self.extend_directory(&envelope, row)? {
                return Ok(Err(code));
            }
        }
        self.rows.put_directory_day(entry.seq, entry.row_day.0)?;
        self.drop_proposal(entry.id)?;
        self.acknowledge(entry.id, entry.seq)?;
        Ok(Ok(()))
    }

    /// Takes one entry that follows on the last one here, by whatever way it came.
    pub fn extend_directory(
        &mut self,
        entry: &Envelope,
        row: &mut SpaceRow,
    ) -> Result<std::result::Result<(), Code>> {
        if let Err(code) = self.directory.to_mut().append(entry) {
            return Ok(Err(code));
        }
        self.rows.put_directory_entry(self.directory.len(), entry)?;
        self.note_recovery()?;
        if entry.header.device == self.device() {
            row.device_seq = row.device_seq.max(entry.header.device_seq);
        }
        Ok(Ok(()))
    }

    fn proposal(&self, id: EnvelopeId) -> Result<Option<Envelope>> {
        let found = self.rows.proposals()?.into_iter().find(|p| p.id() == Some(id));
        let signed = found.and_then(|proposal| proposal.signed);
        Ok(signed.and_then(|bytes| Envelope::from_bytes(&bytes).ok()))
    }
}
