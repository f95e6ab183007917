//! A relay whose key no admin has listed, as one that was wiped: it is given what is held here, and believed nothing.
//!
//! The one thing taken from it are directory entries, which authenticate themselves: among them may be the one that
//! lists it.

use crate::ids::{Chain, RelayId};
use crate::protocol::{Code, Cursor, SyncResponse};

use super::desk::Desk;
use super::page::{News, news};
use super::rows::StrangerRow;
use super::{Env, Phone, Result, SyncOutcome};

impl Phone {
    /// Lists a relay beside or in place of the one listed before; for an admin who has checked its number with its operator.
    ///
    /// # Errors
    /// `not_allowed` on any device but an admin's own.
    pub fn list_relay(&mut self, relay: RelayId) -> Result<()> {
        let mut desk = self.desk_of_person()?;
        desk.require_admin()?;
        if !desk.is_listed_or_proposed(&relay)? {
            desk.propose(crate::directory::Op::Relay { relay })?;
        }
        desk.commit()
    }
}

impl Desk<'_> {
    /// What to do with the answer of a relay that is not trusted.
    pub fn meet_stranger(&mut self, env: &Env<'_>, response: &SyncResponse) -> Result<SyncOutcome> {
        let mut outcome = SyncOutcome::default();
        let known = self
            .rows
            .stranger()?
            .filter(|row| (row.relay, row.incarnation) == (response.relay, response.incarnation));
        let mut row = match known {
            Some(row) => {
                self.handed_back(&response.results, false)?;
                // What is left of the queue goes on with the next request, and that is how it ends.
                outcome.heal = !self.rows.queued(1)?.is_empty() && !response.results.is_empty();
                row
            }
            None => {
                self.mark_all()?;
                outcome.heal = true;
                let (relay, incarnation) = (response.relay, response.incarnation);
                StrangerRow { relay, incarnation, seq: 0, chain: Chain::EMPTY }
            }
        };
        outcome.heal |= self.read_directory_of(env, response, &mut row)?;
        self.rows.put_stranger(&row)?;
        if !self.directory.lists_relay(&response.relay) {
            self.rows.raise(Code::RelayUnlisted, &response.relay.to_string())?;
        }
        Ok(outcome)
    }

    /// Takes genuine directory entries; whether there were any new rows.
    fn read_directory_of(
        &mut self,
        env: &Env<'_>,
        response: &SyncResponse,
        row: &mut StrangerRow,
    ) -> Result<bool> {
        let space = self.open_space(crate::records::SpaceKind::Directory, None)?;
        let Some(items) = response.spaces.iter().find(|items| items.space == space) else {
            return Ok(false);
        };
        let held = (row.seq, row.chain);
        let Ok(News::Rows(rows)) = news(items, &response.batch, held, (0, Chain::EMPTY)) else {
            return Ok(false);
        };
        let news = !rows.is_empty();
        if self.take_entries(env, rows.into_iter().map(Into::into).collect())?.is_err() {
            return Ok(false);
        }
        (row.seq, row.chain) = (items.seq, items.chain);
        Ok(news)
    }

    /// Where this phone stands in the directory of the relay that answered last, if that is a stranger.
    pub fn strange_cursors(&self) -> Result<Option<Vec<Cursor>>> {
        let Some(row) = self.rows.stranger()? else { return Ok(None) };
        let at = Cursor { space: self.directory.space(), seq: row.seq, chain: row.chain };
        Ok(Some(if row.seq > 0 { vec![at] } else { Vec::new() }))
    }
}
