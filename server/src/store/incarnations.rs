//! Incarnations: each time the relay may have lost something of a team, with who says so and whether it waits.

use rusqlite::{OptionalExtension, params};
use sync_core::ids::{IncarnationId, MemberId, TeamId};
use sync_core::protocol::Timestamp;

use super::{Reader, StoreError, Tx};

/// How the relay stands towards a team.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Incarnation {
    /// Its id.
    pub id: IncarnationId,
    /// Only the directory is served, until an admin's device has synced or the operator confirmed.
    pub held: bool,
}

/// The latest incarnation of a team; `None` while it has the relay's first.
pub(crate) fn latest(reader: &Reader, team: TeamId) -> Result<Option<Incarnation>, StoreError> {
    let found = reader
        .prepare_cached(
            "SELECT id, held FROM incarnations WHERE team = ?1 ORDER BY number DESC LIMIT 1",
        )?
        .query_row([team.as_bytes()], |row| {
            Ok(Incarnation { id: IncarnationId::new(row.get(0)?), held: row.get(1)? })
        })
        .optional()?;
    Ok(found)
}

/// Whether the relay remembers an earlier or present incarnation of this id.
pub(crate) fn is_known(
    reader: &Reader,
    team: TeamId,
    id: IncarnationId,
) -> Result<bool, StoreError> {
    let mut statement =
        reader.prepare_cached("SELECT 1 FROM incarnations WHERE team = ?1 AND id = ?2")?;
    Ok(statement.exists(params![team.as_bytes(), id.as_bytes()])?)
}

/// Begins an incarnation; what devices said about the one before is forgotten.
pub(crate) fn begin(
    tx: &Tx<'_>,
    team: TeamId,
    begun: Incarnation,
    why: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO incarnations (team, number, id, since_ms, why, held)
         SELECT ?1, 1 + coalesce(max(number), 0), ?2, ?3, ?4, ?5 FROM incarnations WHERE team = ?1",
        params![team.as_bytes(), begun.id.as_bytes(), now.0, why, begun.held],
    )?;
    tx.execute("DELETE FROM claims WHERE team = ?1", [team.as_bytes()])?;
    Ok(())
}

/// Serves a team again; false if nothing was held back.
pub(crate) fn open(tx: &Tx<'_>, team: TeamId) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE incarnations SET held = 0 WHERE team = ?1 AND held = 1",
        [team.as_bytes()],
    )?;
    Ok(changed > 0)
}

/// A member's device stands further, or elsewhere, than this relay's log: how many members have said so by now.
pub(crate) fn claim(tx: &Tx<'_>, team: TeamId, member: MemberId) -> Result<u64, StoreError> {
    tx.execute(
        "INSERT OR IGNORE INTO claims (team, member) VALUES (?1, ?2)",
        params![team.as_bytes(), member.as_bytes()],
    )?;
    let count: i64 =
        tx.query_row("SELECT count(*) FROM claims WHERE team = ?1", [team.as_bytes()], |row| {
            row.get(0)
        })?;
    Ok(count as u64)
}
