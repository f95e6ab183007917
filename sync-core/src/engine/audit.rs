//! The relay's audit log as a phone sees it: its head is pinned, and admins' phones read the rows.

use crate::protocol::{AuditHead, AuditRow, Code, SyncResponse};

use super::desk::Desk;
use super::rows::AuditPin;
use super::{Phone, Result};

const FOLLOWS: &str = "follows_audit";

impl Phone {
    /// The highest audit head that the relay signed for this phone: the anchor to check the relay's file against.
    pub fn audit_head(&mut self) -> Result<Option<AuditHead>> {
        Ok(self.desk()?.rows.audit_pin()?.map(|pin| pin.head))
    }

    /// Whether the next syncs bring the rows of the audit log; for admins.
    ///
    /// # Errors
    /// `not_allowed` on any device but an admin's own.
    pub fn follow_audit(&mut self, on: bool) -> Result<()> {
        let mut desk = self.desk()?;
        desk.require_admin()?;
        desk.rows.put_number(FOLLOWS, i64::from(on))?;
        desk.commit()
    }

    /// The rows of the audit log that were fetched, in order.
    pub fn audit(&mut self) -> Result<Vec<AuditRow>> {
        Ok(self.desk()?.rows.audit_rows()?)
    }
}

impl Desk<'_> {
    /// From where rows of the audit log are wanted.
    pub fn audit_after(&self) -> Result<Option<u64>> {
        if self.rows.number(FOLLOWS)?.unwrap_or(0) == 0 {
            return Ok(None);
        }
        Ok(Some(self.rows.audit_rows()?.last().map_or(0, |row| row.seq)))
    }

    /// Pins the audit head of the latest answer, and raises an alarm if it is behind or beside the one seen before.
    /// A new incarnation begins anew, which is an alarm of its own.
    pub fn note_audit(&mut self, response: &SyncResponse) -> Result<()> {
        let Some(head) = response.audit_head else { return Ok(()) };
        let (relay, incarnation) = (response.relay, response.incarnation);
        let known = self
            .rows
            .audit_pin()?
            .filter(|pin| (pin.relay, pin.incarnation) == (relay, incarnation));
        if let Some(known) = &known {
            let is_other = head.seq == known.head.seq && head.hash != known.head.hash;
            if head.seq < known.head.seq || is_other {
                return Ok(self.rows.raise(Code::AuditChanged, &relay.to_string())?);
            }
        }
        Ok(self.rows.put_audit_pin(&AuditPin { relay, incarnation, head })?)
    }

    /// Takes rows of the audit log; whether there are more.
    pub fn receive_audit(&mut self, response: &SyncResponse) -> Result<bool> {
        let Some(rows) = &response.audit else { return Ok(false) };
        let (mut seq, mut hash) = match self.rows.audit_rows()?.last() {
            Some(last) => (last.seq, *last.hash),
            None => (0, [0; 32]),
        };
        let mut news = false;
        let held = seq;
        for row in rows.iter().filter(|row| row.seq > held) {
            if !row.follows(self.identity.team, seq, &hash) {
                self.rows.raise(Code::AuditChanged, &response.relay.to_string())?;
                // Read it anew from its beginning: the alarm stays.
                self.rows.forget_audit_rows()?;
                return Ok(false);
            }
            self.rows.put_audit_row(row)?;
            (seq, hash) = (row.seq, *row.hash);
            news = true;
        }
        if let Some(head) = response.audit_head
            && head.seq == seq
            && *head.hash != hash
        {
            self.rows.raise(Code::AuditChanged, &response.relay.to_string())?;
            self.rows.forget_audit_rows()?;
            return Ok(false);
        }
        Ok(news && response.audit_head.is_some_and(|head| head.seq > seq))
    }
}
