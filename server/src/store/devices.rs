//! What the relay remembers of each device: when it last synced, where it stands.

use rusqlite::{OptionalExtension, params};
use sync_core::ids::{DeviceId, TeamId};
use sync_core::protocol::{Cursors, Timestamp, from_cbor, to_cbor};

use super::{Reader, StoreError, Tx};

/// Notes that a device synced.
pub(crate) fn saw(
    tx: &Tx<'_>,
    device: DeviceId,
    team: TeamId,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO devices_seen (device, team, last_sync_ms) VALUES (?1, ?2, ?3)
         ON CONFLICT (device) DO UPDATE SET team = excluded.team, last_sync_ms = excluded.last_sync_ms",
    )?
    .execute(params![device.as_bytes(), team.as_bytes(), now.0])?;
    Ok(())
}

/// The cursors of a device that have this digest, if they are among the last two it had.
pub(crate) fn cursors(
    reader: &Reader,
    device: DeviceId,
    digest: &[u8; 16],
) -> Result<Option<Cursors>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT CASE WHEN digest = ?2 THEN cursors WHEN previous_digest = ?2 THEN previous_cursors END
         FROM devices_seen WHERE device = ?1",
    )?;
    let bytes: Option<Option<Vec<u8>>> =
        statement.query_row(params![device.as_bytes(), digest], |row| row.get(0)).optional()?;
    bytes
        .flatten()
        .map(|bytes| from_cbor(&bytes).map_err(|_| StoreError::Damaged("a device's cursors")))
        .transpose()
}

/// Remembers where a device stood (`before`, which it keeps if the answer is lost) and will stand (`after`).
pub(crate) fn remember(
    tx: &Tx<'_>,
    device: DeviceId,
    before: &Cursors,
    after: &Cursors,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE devices_seen SET digest = ?2, cursors = ?3, previous_digest = ?4, previous_cursors = ?5
         WHERE device = ?1",
    )?
    .execute(params![
        device.as_bytes(),
        after.digest(),
        to_cbor(after),
        before.digest(),
        to_cbor(before),
    ])?;
    Ok(())
}

/// When each device of a team last synced.
pub(crate) fn seen(
    reader: &Reader,
    team: TeamId,
) -> Result<Vec<(DeviceId, Timestamp)>, StoreError> {
    let mut statement =
        reader.prepare_cached("SELECT device, last_sync_ms FROM devices_seen WHERE team = ?1")?;
    let rows = statement.query_map([team.as_bytes()], |row| {
        Ok((DeviceId::new(row.get(0)?), Timestamp(row.get(1)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
