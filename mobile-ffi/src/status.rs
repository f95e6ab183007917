//! What a phone says of itself, and the numbers that must be there without any signal.

use std::collections::HashMap;

use sync_core::engine;
use sync_core::protocol::Code;

use crate::error::AftercallError;
use crate::phone::AftercallPhone;

/// What a phone is.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PhoneStatus {
    /// The team.
    pub team: String,
    /// This device.
    pub device: String,
    /// Whose it is.
    pub member: String,
    /// The relay's address.
    pub relay: String,
    /// Whether the directory lists this device yet.
    pub enrolled: bool,
    /// How much is not yet acknowledged by the relay.
    pub pending: u64,
    /// Whether the member's own check-ins are backed up, sealed; off at first.
    pub backup: bool,
}

/// Something a person must know.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Alarm {
    /// A stable name.
    pub code: String,
    /// What to tell the person.
    pub detail: String,
    /// What it concerns: an id, or empty.
    pub subject: String,
}

impl From<engine::Status> for PhoneStatus {
    fn from(status: engine::Status) -> Self {
        PhoneStatus {
            team: status.team.to_string(),
            device: status.device.to_string(),
            member: status.member.to_string(),
            relay: status.relay,
            enrolled: status.enrolled,
            pending: status.pending,
            backup: status.backup,
        }
    }
}

impl From<engine::Alarm> for Alarm {
    fn from(alarm: engine::Alarm) -> Self {
        Alarm {
            code: alarm.code.as_str().to_owned(),
            detail: alarm.code.advice().to_owned(),
            subject: alarm.subject,
        }
    }
}

#[uniffi::export]
impl AftercallPhone {
    /// What this phone is.
    pub fn status(&self) -> Result<PhoneStatus, AftercallError> {
        self.look(|phone| phone.status()).map(Into::into)
    }

    /// How much is not yet acknowledged by the relay.
    pub fn pending(&self) -> Result<u64, AftercallError> {
        self.look(|phone| phone.status()).map(|status| status.pending)
    }

    /// Turns the backup of the member's own check-ins on or off. Copies shown to others are sent either way.
    pub fn set_backup(&self, on: bool) -> Result<(), AftercallError> {
        self.look(|phone| phone.set_backup(on))
    }

    /// What a person must know now.
    pub fn alarms(&self) -> Result<Vec<Alarm>, AftercallError> {
        Ok(self.look(|phone| phone.alarms())?.into_iter().map(Into::into).collect())
    }

    /// A person has seen an alarm and done what it says: it ends. Refused for one that ends with what it tells of.
    pub fn alarm_seen(&self, code: String, subject: String) -> Result<(), AftercallError> {
        let code = Code::from_name(&code)
            .ok_or_else(|| AftercallError::bad_value("there is no alarm of that code"))?;
        self.look(|phone| phone.alarm_seen(code, &subject))
    }

    /// The team's crisis numbers, by label. Show them at once when a check-in is urgent.
    pub fn crisis_numbers(&self) -> Result<HashMap<String, String>, AftercallError> {
        Ok(self.look(|phone| phone.crisis_numbers())?.into_iter().collect())
    }
}
