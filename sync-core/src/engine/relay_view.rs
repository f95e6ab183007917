//! What a phone knows of its relay, for people who compare it with what the operator says.

use crate::ids::{IncarnationId, RelayId};
use crate::protocol::{AuditHead, SyncResponse};

use super::desk::Desk;
use super::{Phone, Result};

const BACKUP: &str = "backup_through";

/// What a phone knows of its relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayView {
    /// The relay that answered last and is listed, and its incarnation.
    pub answered: Option<(RelayId, IncarnationId)>,
    /// A relay that answered last and that no admin has listed.
    pub stranger: Option<RelayId>,
    /// Where its audit log stood: the anchor to check its file against.
    pub audit: Option<AuditHead>,
    /// How much of it the relay says is in a backup; 0 for nothing.
    pub backup_through: u64,
    /// Spaces to be reconciled and envelopes to be handed back.
    pub to_heal: u64,
}

impl Phone {
    /// What this phone knows of its relay.
    pub fn relay_view(&mut self) -> Result<RelayView> {
        let desk = self.desk()?;
        let rows = &desk.rows;
        Ok(RelayView {
            answered: rows.relay()?.map(|row| (row.relay, row.incarnation)),
            stranger: rows.stranger()?.map(|row| row.relay),
            audit: rows.audit_pin()?.map(|pin| pin.head),
            backup_through: rows.number(BACKUP)?.unwrap_or(0) as u64,
            to_heal: (rows.marks()?.len() + rows.queued(usize::MAX)?.len()) as u64,
        })
    }
}

impl Desk<'_> {
    /// Notes what the relay says of its backups. Nothing is dropped because of it.
    pub fn note_backup(&mut self, response: &SyncResponse) -> Result<()> {
        let through = i64::try_from(response.backup_through).unwrap_or(i64::MAX);
        if self.rows.number(BACKUP)?.unwrap_or(0) != through {
            self.rows.put_number(BACKUP, through)?;
        }
        Ok(())
    }
}
