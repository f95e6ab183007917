//! Expiry at the relay: every document whose day has come is erased as by an order, before a request of that day is
//! answered.
//!
//! The day is the relay's clock's, but never more than [`MOST_DAYS`] past the day up to which it counted before: a clock
//! that jumped ahead erases nothing until it is right again or the operator says that it is. While a team is held back
//! after a restore nothing of it expires, because a legal hold may not be known again yet.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use sync_core::directory::Directory;
use sync_core::gates::{self, Touch};
use sync_core::ids::{DocId, SpaceId, TeamId};
use sync_core::protocol::{Day, Timestamp};
use sync_core::records::{DocType, Retention};

use crate::store::audit::{self, Entry};
use crate::store::expiry::{self, Listed};
use crate::store::{StoreError, Tx, meta, purged};

use super::Relay;

/// Days that the relay may have stood still, or its clock may jump, without anybody's word.
pub const MOST_DAYS: u32 = 7;

impl Relay {
    /// Erases what has expired, of every team; how many documents. Called when the relay starts and while it runs.
    pub fn expire(&self) -> Result<u64, StoreError> {
        let _pushing = self.pushing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        let count = self.store().write(|tx| {
            let mut count = 0;
            for team in meta::teams(tx)? {
                let directory = self.directory(team);
                count += self.expire_team(tx, team, &directory, now, false)?;
            }
            Ok::<_, StoreError>(count)
        })?;
        if count > 0 {
            tracing::info!(count, "documents expired and were erased");
            self.tidy();
        }
        Ok(count)
    }

    /// Erases what has expired of a team, if that was not done at this day and state of its directory, or `again`.
    pub(super) fn expire_team(
        &self,
        tx: &Tx<'_>,
        team: TeamId,
        directory: &Directory,
        now: Timestamp,
        again: bool,
    ) -> Result<u64, StoreError> {
        let today = counted_day(tx, now)?;
        if directory.is_empty() || self.incarnation(tx, team)?.held {
            return Ok(0);
        }
        let looked = expiry::is_looked_through(tx, team, today, directory.len())?;
        if looked && !again {
            return Ok(0);
        }
        sweep(tx, team, directory, today, now)
    }

    /// Empties the write-ahead log of what was erased.
    pub(super) fn tidy(&self) {
        match self.store().tidy() {
            Ok(true) => {}
            Ok(false) => tracing::info!("the log is emptied of what was erased by the next write"),
            Err(error) => {
                tracing::warn!(%error, "what was erased still stands in the write-ahead log");
            }
        }
    }

    /// The operator says that the clock is right.
    pub fn confirm_clock(&self) -> Result<(), StoreError> {
        self.store().write(|tx| expiry::count_to(tx, self.now().day()))
    }
}

/// The day by which documents expire now: the clock's, unless it ran ahead.
fn counted_day(tx: &Tx<'_>, now: Timestamp) -> Result<Day, StoreError> {
    let today = now.day();
    let counted = expiry::counted(tx)?.unwrap_or(today);
    if today.0 > counted.0.saturating_add(MOST_DAYS) {
        if expiry::wait(tx, today)? {
            tracing::error!(
                "the clock shows {today}, more than {MOST_DAYS} days after {counted}, the last day this relay counted: \
                 nothing expires. Put the clock right, or if it is right say so: aftercall admin confirm-clock"
            );
        }
        return Ok(counted);
    }
    // A clock that was put back is right; what had counted before stays counted.
    expiry::count_to(tx, counted.max(today))?;
    Ok(today)
}

fn sweep(
    tx: &Tx<'_>,
    team: TeamId,
    directory: &Directory,
    today: Day,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut count = 0;
    let all = expiry::documents(tx, team)?;
    for of_space in all.chunk_by(|one, next| one.space == next.space) {
        let docs: BTreeSet<DocId> = of_space.iter().map(|listed| listed.doc).collect();
        let class = |doc: &DocId| of_space.iter().find(|listed| listed.doc == *doc).map(class_of);
        let expiring = |listed: &Listed| class_of(listed) != Retention::Kept;
        if !of_space.iter().any(expiring) {
            continue;
        }
        let space = of_space[0].space;
        let touches = expiry::touches(tx, space)?;
        for chain in gates::chains(&docs) {
            let (first, class) = (chain[0], class(&chain[0]).unwrap_or(Retention::Kept));
            let of_chain: Vec<Touch> =
                chain.iter().filter_map(|doc| touches.get(doc)).flatten().copied().collect();
            let expires = gates::expires_on(directory, space, first, class, &of_chain);
            if gates::has_expired(directory, space, first, expires, today) {
                erase(tx, space, &chain, today)?;
                audit::append(tx, team, &Entry::done(None, "expire", first), now)?;
                count += 1;
            }
        }
    }
    Ok(count)
}

fn class_of(listed: &Listed) -> Retention {
    let part = DocType::by_number(listed.record);
    part.map_or(Retention::Kept, |part| part.retention.in_space(listed.kind))
}

/// Erases a chain and forecloses the document it would go on in.
fn erase(tx: &Tx<'_>, space: SpaceId, chain: &[DocId], today: Day) -> Result<(), StoreError> {
    for doc in chain {
        purged::erase(tx, space, *doc, today)?;
        // Where the chain goes on this is erased next, and its tombstone stands already.
        purged::foreclose(tx, space, doc.successor(), today)?;
    }
    Ok(())
}
