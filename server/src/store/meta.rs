//! What the relay knows of itself (its signing key, its incarnation), which teams its operator allows, and spent tokens.

use rusqlite::{Connection, OptionalExtension, params};
use sync_core::ids::{DeviceId, TeamId};
use sync_core::protocol::Timestamp;

use super::{Reader, StoreError, Tx};

/// A value of the relay itself.
pub(crate) fn get(reader: &Connection, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut statement = reader.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

/// Sets a value of the relay itself.
pub(crate) fn put(tx: &Tx<'_>, key: &str, value: &[u8]) -> Result<(), StoreError> {
    tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", params![key, value])?;
    Ok(())
}

/// Forgets a value of the relay itself.
pub(crate) fn delete(tx: &Tx<'_>, key: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM meta WHERE key = ?1", [key])?;
    Ok(())
}

/// Allows a team. Allowing it again changes nothing.
pub(crate) fn allow_team(tx: &Tx<'_>, team: TeamId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "INSERT OR IGNORE INTO teams (team, allowed_ms) VALUES (?1, ?2)",
        params![team.as_bytes(), now.0],
    )?;
    Ok(())
}

/// Whether the operator allows a team.
pub(crate) fn is_allowed(reader: &Reader, team: TeamId) -> Result<bool, StoreError> {
    let mut statement = reader.prepare_cached("SELECT 1 FROM teams WHERE team = ?1")?;
    Ok(statement.exists([team.as_bytes()])?)
}

/// Every allowed team.
pub(crate) fn teams(reader: &Connection) -> Result<Vec<TeamId>, StoreError> {
    let mut statement = reader.prepare_cached("SELECT team FROM teams ORDER BY team")?;
    let rows = statement.query_map([], |row| row.get(0).map(TeamId::new))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Spends a token's id; false if it was spent before. Ids whose tokens have expired are forgotten.
pub(crate) fn spend_token(
    tx: &Tx<'_>,
    device: DeviceId,
    jti: &[u8; 16],
    keep_until_s: i64,
    now_s: i64,
) -> Result<bool, StoreError> {
    tx.prepare_cached("DELETE FROM jtis WHERE exp_s < ?1")?.execute([now_s])?;
    let changed = tx
        .prepare_cached("INSERT OR IGNORE INTO jtis (device, jti, exp_s) VALUES (?1, ?2, ?3)")?
        .execute(params![device.as_bytes(), jti, keep_until_s])?;
    Ok(changed == 1)
}
