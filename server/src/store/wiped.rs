//! The words of wiped devices, as their own keys signed them. Kept for good: a device says it once.

use rusqlite::{OptionalExtension, params};
use sync_core::ids::{DeviceId, TeamId};
use sync_core::protocol::{WipeAck, from_cbor, to_cbor};

use super::{Reader, StoreError, Tx};

/// The step that makes their table.
pub(super) const STEP: &str = "
CREATE TABLE wiped (
  team BLOB NOT NULL, device BLOB NOT NULL, ack BLOB NOT NULL, PRIMARY KEY (team, device)
) STRICT, WITHOUT ROWID;
";

/// Keeps a device's word; false if it is kept already.
pub(crate) fn keep(tx: &Tx<'_>, team: TeamId, ack: &WipeAck) -> Result<bool, StoreError> {
    let changed = tx
        .prepare_cached("INSERT OR IGNORE INTO wiped (team, device, ack) VALUES (?1, ?2, ?3)")?
        .execute(params![team.as_bytes(), ack.device.as_bytes(), to_cbor(ack)])?;
    Ok(changed == 1)
}

/// A device's word.
pub(crate) fn get(
    reader: &Reader,
    team: TeamId,
    device: DeviceId,
) -> Result<Option<WipeAck>, StoreError> {
    let mut statement =
        reader.prepare_cached("SELECT ack FROM wiped WHERE team = ?1 AND device = ?2")?;
    let found: Option<Vec<u8>> = statement
        .query_row(params![team.as_bytes(), device.as_bytes()], |row| row.get(0))
        .optional()?;
    found
        .map(|bytes| from_cbor(&bytes).map_err(|_| StoreError::Damaged("a wiped device's word")))
        .transpose()
}
