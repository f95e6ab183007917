//! Operations of the directory that wait for further signatures, as admins' devices left them here.

use rusqlite::{OptionalExtension, params};
use sync_core::ids::{DeviceId, ProposalId, TeamId};
use sync_core::protocol::{Cosign, Timestamp, from_cbor, to_cbor};

use super::{Reader, StoreError, Tx};

fn read(bytes: &[u8]) -> Result<Cosign, StoreError> {
    from_cbor(bytes).map_err(|_| StoreError::Damaged("an operation that waits"))
}

/// The operation of this name.
pub(crate) fn get(
    reader: &Reader,
    team: TeamId,
    id: ProposalId,
) -> Result<Option<Cosign>, StoreError> {
    let mut statement =
        reader.prepare_cached("SELECT body FROM cosigns WHERE team = ?1 AND id = ?2")?;
    let found: Option<Vec<u8>> = statement
        .query_row(params![team.as_bytes(), id.as_bytes()], |row| row.get(0))
        .optional()?;
    found.map(|bytes| read(&bytes)).transpose()
}

/// Every operation of a team that has not expired, oldest first.
pub(crate) fn all(
    reader: &Reader,
    team: TeamId,
    now: Timestamp,
) -> Result<Vec<Cosign>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT body FROM cosigns WHERE team = ?1 AND expires_ms >= ?2 ORDER BY expires_ms, id",
    )?;
    let rows = statement.query_map(params![team.as_bytes(), now.0], |row| row.get(0))?;
    let rows: Vec<Vec<u8>> = rows.collect::<Result<_, _>>()?;
    rows.iter().map(|bytes| read(bytes)).collect()
}

/// How many of a team's operations wait, and how many of them this device proposed.
pub(crate) fn count(
    reader: &Reader,
    team: TeamId,
    device: DeviceId,
) -> Result<(usize, usize), StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT count(*), count(*) FILTER (WHERE device = ?2) FROM cosigns WHERE team = ?1",
    )?;
    let (all, own): (i64, i64) = statement
        .query_row(params![team.as_bytes(), device.as_bytes()], |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok((all as usize, own as usize))
}

/// Keeps an operation; one that is there keeps its end.
pub(crate) fn put(
    tx: &Tx<'_>,
    team: TeamId,
    device: DeviceId,
    cosign: &Cosign,
    expires: Timestamp,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO cosigns (team, id, device, body, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (team, id) DO UPDATE SET body = excluded.body",
    )?
    .execute(params![
        team.as_bytes(),
        cosign.id(team).as_bytes(),
        device.as_bytes(),
        to_cbor(cosign),
        expires.0,
    ])?;
    Ok(())
}

/// Forgets an operation.
pub(crate) fn delete(tx: &Tx<'_>, team: TeamId, id: ProposalId) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM cosigns WHERE team = ?1 AND id = ?2")?
        .execute(params![team.as_bytes(), id.as_bytes()])?;
    Ok(())
}

/// Forgets what has expired.
pub(crate) fn forget(tx: &Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM cosigns WHERE expires_ms < ?1")?.execute([now.0])?;
    Ok(())
}
