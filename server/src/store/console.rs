//! Sign-in links and sessions of the coordinators' page. Only hashes are kept.

use rusqlite::{OptionalExtension, params};
use sync_core::ids::TeamId;
use sync_core::protocol::Timestamp;

use super::{Reader, StoreError, Tx};

/// A session of the coordinators' page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionRow {
    /// The team it shows.
    pub team: TeamId,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used.
    pub seen: Timestamp,
}

/// Keeps a sign-in link.
pub(crate) fn put_link(
    tx: &Tx<'_>,
    hash: &[u8; 32],
    team: TeamId,
    expires: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO console_links (hash, team, expires_ms) VALUES (?1, ?2, ?3)",
        params![hash, team.as_bytes(), expires.0],
    )?;
    Ok(())
}

/// Uses a sign-in link up: its team, if it existed and had not ended. Ended links are forgotten.
pub(crate) fn take_link(
    tx: &Tx<'_>,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<TeamId>, StoreError> {
    tx.execute("DELETE FROM console_links WHERE expires_ms < ?1", [now.0])?;
    let team = tx
        .query_row("DELETE FROM console_links WHERE hash = ?1 RETURNING team", [hash], |row| {
            row.get(0).map(TeamId::new)
        })
        .optional()?;
    Ok(team)
}

/// Begins a session.
pub(crate) fn put_session(
    tx: &Tx<'_>,
    hash: &[u8; 32],
    team: TeamId,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO console_sessions (hash, team, created_ms, seen_ms) VALUES (?1, ?2, ?3, ?3)",
        params![hash, team.as_bytes(), now.0],
    )?;
    Ok(())
}

/// The session of this hash.
pub(crate) fn session(reader: &Reader, hash: &[u8; 32]) -> Result<Option<SessionRow>, StoreError> {
    let found = reader
        .prepare_cached("SELECT team, created_ms, seen_ms FROM console_sessions WHERE hash = ?1")?
        .query_row([hash], |row| {
            Ok(SessionRow {
                team: TeamId::new(row.get(0)?),
                created: Timestamp(row.get(1)?),
                seen: Timestamp(row.get(2)?),
            })
        })
        .optional()?;
    Ok(found)
}

/// Notes that a session was used.
pub(crate) fn touch(tx: &Tx<'_>, hash: &[u8; 32], now: Timestamp) -> Result<(), StoreError> {
    tx.execute("UPDATE console_sessions SET seen_ms = ?2 WHERE hash = ?1", params![hash, now.0])?;
    Ok(())
}

/// Ends a session.
pub(crate) fn end_session(tx: &Tx<'_>, hash: &[u8; 32]) -> Result<(), StoreError> {
    tx.execute("DELETE FROM console_sessions WHERE hash = ?1", [hash])?;
    Ok(())
}

/// Forgets sessions that began or were last used before these times.
pub(crate) fn forget_sessions(
    tx: &Tx<'_>,
    created_before: Timestamp,
    seen_before: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM console_sessions WHERE created_ms < ?1 OR seen_ms < ?2",
        [created_before.0, seen_before.0],
    )?;
    Ok(())
}
