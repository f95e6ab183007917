//! Receiving the directory: entries are taken in order, or nothing of the answer is.

use crate::ids::EnvelopeId;
use crate::protocol::{Batch, Code, Day, Envelope, SpaceItems};

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

/// A directory entry as it came.
pub(super) struct Arrived {
    /// Its place, from 1.
    seq: u64,
    id: EnvelopeId,
    content: Content,
    /// The relay's day, if it came in a row of a relay's log.
    row_day: Option<Day>,
}

impl From<Row> for Arrived {
    fn from(row: Row) -> Self {
        let Row { seq, id, content, row_day, .. } = row;
        Self { seq, id, content, row_day: Some(row_day) }
    }
}

impl From<Envelope> for Arrived {
    /// An entry that came whole, without a log around it.
    fn from(entry: Envelope) -> Self {
        let (seq, id) = (entry.header.directory_seq.saturating_add(1), entry.id());
        Self { seq, id, content: Content::Envelope(Box::new(entry)), row_day: None }
    }
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
        let row = self.space_row(space)?;
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
        if let Err(code) = self.take_entries(env, rows.into_iter().map(Into::into).collect())? {
            // With a fork the same length may mean two things.
            let forked = code == Code::DirectoryFork;
            return Ok(if forked { Extended::Other } else { Extended::Short });
        }
        let mut row = self.space_row(space)?;
        (row.seq, row.chain) = (items.seq, items.chain);
        self.rows.put_space(&row)?;
        Ok(Extended::By(count))
    }

    /// Takes directory entries in order, by whatever way they came, with all that follows from them: who is told of
    /// devices and recovery keys, what was proposed here and is settled now, and how fresh the directory is. How many
    /// were new.
    ///
    /// The inner error is what is wrong with the first entry that does not hold, and none after it is taken; an alarm
    /// stands then. A store that fails ends the whole work.
    pub fn take_entries(
        &mut self,
        env: &Env<'_>,
        entries: Vec<Arrived>,
    ) -> Result<std::result::Result<u64, Code>> {
        let space = self.open_space(crate::records::SpaceKind::Directory, None)?;
        let mut row = self.space_row(space)?;
        let known = self.known_devices()?;
        let before = self.directory.len();
        let (mut day, mut wrong) = (None, None);
        for entry in entries {
            let held = self.directory.len();
            if let Err(code) = self.take_entry(entry, &mut row)? {
                self.rows.raise(code, "")?;
                wrong = Some(code);
                break;
            }
            if self.directory.len() > held {
                day = day.max(Some(self.directory.last_day()));
            }
        }
        self.rows.put_space(&row)?;
        if let Some(day) = day {
            let today = self.corrected(env.now)?.0.day();
            self.count_signed(day, today)?;
        }
        self.settle_devices(&known)?;
        Ok(match wrong {
            Some(code) => Err(code),
            None => Ok(self.directory.len() - before),
        })
    }

    fn take_entry(
        &mut self,
        entry: Arrived,
        row: &mut SpaceRow,
    ) -> Result<std::result::Result<(), Code>> {
        if entry.seq <= self.directory.len() {
            if self.directory.head_at(entry.seq) != Some(entry.id) {
                return Ok(Err(Code::DirectoryFork));
            }
        } else {
            let envelope = match entry.content {
                Content::Envelope(envelope) => Some(*envelope),
                Content::Own => self.proposal(entry.id)?,
                Content::Stub(_) => None,
            };
            let Some(envelope) = envelope else { return Ok(Err(Code::DirectoryForged)) };
            if let Err(code) = self.directory.to_mut().append(&envelope) {
                return Ok(Err(code));
            }
            self.rows.put_directory_entry(self.directory.len(), &envelope)?;
            self.note_recovery()?;
            if envelope.header.device == self.device() {
                row.device_seq = row.device_seq.max(envelope.header.device_seq);
            }
        }
        if let Some(day) = entry.row_day {
            self.rows.put_directory_day(entry.seq, day.0)?;
        }
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
