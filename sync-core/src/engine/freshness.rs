//! How old the directory shows itself: signed anew by admins' devices, noticed by every phone when that stops.
//!
//! An entry carries the day of its signer's corrected clock, and a clock may be wrong by years. So a phone counts an
//! entry's day no later than the day, by relay-attested time, on which it took the entry: a clock that runs ahead
//! cannot make a directory look fresh for longer than an honest one, and no entry is refused for its day.

use crate::directory::Op;
use crate::protocol::{Code, Day, limits};

use super::desk::Desk;
use super::rows::Proposal;
use super::{Alarm, Env, Phone, Result};

/// The day up to which the directory shows itself signed, as counted here.
const SIGNED: &str = "directory_signed";

impl Phone {
    /// What people should know and nothing has gone wrong with: `one_admin`, and `needs_approval` for each change
    /// proposed here that waits for another admin.
    pub fn notices(&mut self) -> Result<Vec<Alarm>> {
        let desk = self.desk()?;
        let mut notices = Vec::new();
        if desk.directory.admins().count() == 1 {
            notices.push(Alarm { code: Code::OneAdmin, subject: String::new() });
        }
        for (id, row) in desk.rows.cosigns()? {
            if row.mine && !row.entering {
                notices.push(Alarm { code: Code::NeedsApproval, subject: id.to_string() });
            }
        }
        Ok(notices)
    }
}

impl Desk<'_> {
    /// Counts the day of entries taken now, the latest of which says `day`.
    pub fn count_signed(&mut self, day: Day, today: Day) -> Result<()> {
        let counted = i64::from(day.min(today).0);
        let before = self.rows.number(SIGNED)?.unwrap_or(0);
        Ok(self.rows.put_number(SIGNED, before.max(counted))?)
    }

    /// Looks, by the time a relay has just attested, whether the directory is stale, and on an admin's device whether
    /// it is time to sign it anew: true if so.
    pub fn watch_freshness(&mut self, env: &Env<'_>) -> Result<bool> {
        let today = self.corrected(env.now)?.0.day();
        if self.rows.number(SIGNED)?.is_none() {
            self.count_signed(self.directory.signed(), today)?;
        }
        let age = self.signed_age(today)?;
        if age > limits::STALE_DAYS {
            self.rows.raise(Code::DirectoryStale, "")?;
        } else {
            self.rows.lower(Code::DirectoryStale, "")?;
        }
        // What is signed renews the directory too; what waits for somebody does not.
        let waits =
            |proposal: &Proposal| proposal.signed.is_none() && !matches!(proposal.op, Op::Renew);
        let idle = self.rows.proposals()?.iter().all(waits);
        let renews = idle && age > limits::RENEW_DAYS && self.require_admin().is_ok();
        if renews {
            self.propose(Op::Renew)?;
        }
        Ok(renews)
    }

    /// Whether signing the directory anew is still wanted: another admin may have been first.
    pub fn wants_renewal(&self, today: Day) -> Result<bool> {
        Ok(self.signed_age(today)? > limits::RENEW_DAYS)
    }

    fn signed_age(&self, today: Day) -> Result<u32> {
        let signed = self.rows.number(SIGNED)?.and_then(|day| u32::try_from(day).ok());
        Ok(today.0.saturating_sub(signed.unwrap_or(today.0)))
    }
}
