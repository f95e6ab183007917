//! Alarms: what a person must know. Most end with what they tell of; the others end when a person has seen them.

use crate::protocol::Code;

use super::store::Table;
use super::{Alarm, EngineError, Phone, Result};

impl Phone {
    /// What a person must know and act on.
    pub fn alarms(&mut self) -> Result<Vec<Alarm>> {
        let desk = self.desk()?;
        let rows = desk.rows.all(Table::Alarms, &[])?;
        Ok(rows
            .iter()
            .filter_map(|(key, _)| {
                let text = std::str::from_utf8(key).ok()?;
                let (code, subject) = text.split_once('/')?;
                Some(Alarm { code: Code::from_name(code)?, subject: subject.to_owned() })
            })
            .collect())
    }

    /// A person has seen an alarm and done what it says: it ends, and is raised anew when it happens again.
    ///
    /// # Errors
    /// `bad_value` for one that ends by itself, or by what its advice says, and not before.
    pub fn alarm_seen(&mut self, code: Code, subject: &str) -> Result<()> {
        if lasts(code) {
            let why = "this alarm stays until what it tells of has ended";
            return Err(EngineError::refused_because(Code::BadValue, why));
        }
        let mut desk = self.desk()?;
        desk.rows.lower(code, subject)?;
        desk.commit()
    }
}

/// Alarms that tell of a state: they end with it, and nobody's having seen them changes anything.
const fn lasts(code: Code) -> bool {
    matches!(
        code,
        Code::DirectoryStale
            | Code::DirectoryFork
            | Code::RelayUnlisted
            | Code::RelayHeld
            | Code::DeviceRemoved
            | Code::DeviceAdded
            | Code::ApprovalDeclined
            | Code::RecoveryWaits
    )
}
