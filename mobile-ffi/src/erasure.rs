//! Erasing records for good, and keeping them from it.

use sync_core::engine;
use sync_core::protocol::PurgeReason;

use crate::error::AftercallError;
use crate::phone::AftercallPhone;
use crate::values::record_id;

/// What was erased.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Receipt {
    /// The document.
    pub document: String,
    /// The kind of record, if it was known here.
    pub kind: Option<String>,
    /// The day, as 2026-03-01.
    pub day: String,
    /// `ordered`, `withdrawn` or `expired`.
    pub why: String,
    /// Who ordered it, if somebody did.
    pub by: Option<String>,
    /// Changes of this phone that came too late, and are not kept.
    pub late: u64,
}

/// Until when a part of a record is kept.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct KeptUntil {
    /// The document.
    pub document: String,
    /// Its kind.
    pub kind: String,
    /// The last day (UTC), as 2026-03-01, unless somebody touches it again; absent until the relay has all of it.
    pub day: Option<String>,
    /// Whether a legal hold keeps it beyond that day.
    pub held: bool,
}

#[uniffi::export]
impl AftercallPhone {
    /// Orders a record to be erased for good everywhere: hidden here at once, erased once the relay has taken the order.
    pub fn purge(&self, record: String) -> Result<(), AftercallError> {
        let record = record_id(&record)?;
        self.with(|phone, env| phone.purge(env, record))
    }

    /// As `purge`, of an intervention's session notes only.
    pub fn purge_notes(&self, intervention: String) -> Result<(), AftercallError> {
        let intervention = record_id(&intervention)?;
        self.with(|phone, env| phone.purge_notes(env, intervention))
    }

    /// Begins or ends a legal hold of a record, in force once the relay has taken it. For admins.
    pub fn hold(&self, record: String, held: bool) -> Result<(), AftercallError> {
        let record = record_id(&record)?;
        self.look(|phone| phone.hold(record, held))
    }

    /// Whether any part of a record is under a legal hold.
    pub fn is_held(&self, record: String) -> Result<bool, AftercallError> {
        let record = record_id(&record)?;
        self.look(|phone| phone.is_held(record))
    }

    /// Lets time pass and erases what has expired, without a link too; to be called when the app opens, after each sync and
    /// once a day while it is open. Returns how many documents that were.
    ///
    /// `boot`: another number after every start of the phone; `up_ms`: milliseconds since that start, those asleep
    /// included, by a clock that nobody sets (Android: `elapsedRealtime`; iOS: `mach_continuous_time`).
    pub fn expire(&self, boot: i64, up_ms: i64) -> Result<u64, AftercallError> {
        self.look(|phone| phone.expire(engine::Uptime { boot, ms: up_ms }))
    }

    /// Until when the parts of a record are kept, and the session notes of an intervention. What is kept for good is not
    /// named.
    pub fn kept_until(&self, record: String) -> Result<Vec<KeptUntil>, AftercallError> {
        let record = record_id(&record)?;
        Ok(self.look(|phone| phone.kept_until(record))?.into_iter().map(Into::into).collect())
    }

    /// What was erased here, the latest last.
    pub fn receipts(&self) -> Result<Vec<Receipt>, AftercallError> {
        Ok(self.look(|phone| phone.receipts())?.into_iter().map(Into::into).collect())
    }
}

impl From<engine::KeptUntil> for KeptUntil {
    fn from(kept: engine::KeptUntil) -> Self {
        let (document, kind) = (kept.doc.to_string(), kept.kind.to_owned());
        Self { document, kind, day: kept.day.map(|day| day.to_string()), held: kept.held }
    }
}

impl From<engine::Receipt> for Receipt {
    fn from(receipt: engine::Receipt) -> Self {
        let why = match receipt.why {
            PurgeReason::Ordered => "ordered",
            PurgeReason::Withdrawn => "withdrawn",
            PurgeReason::Expired => "expired",
        };
        Self {
            document: receipt.doc.to_string(),
            kind: receipt.kind.map(str::to_owned),
            day: receipt.day.to_string(),
            why: why.to_owned(),
            by: receipt.by.map(|by| by.to_string()),
            late: receipt.late,
        }
    }
}
