//! Invitations the relay was told of (a look-up value, never the secret) and the devices that answered them.

use rusqlite::{OptionalExtension, Row, params};
use sync_core::ids::TeamId;
use sync_core::protocol::{EnrolRequest, InviteNotice, PendingEnrolment, Timestamp};

use super::{Reader, StoreError, Tx};

/// An invitation as the relay keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InviteRow {
    /// The team.
    pub team: TeamId,
    /// When it ends.
    pub expires: Timestamp,
}

/// Keeps an invitation; telling it again changes nothing. At most `most` of a team are kept at once.
pub(crate) fn insert(
    tx: &Tx<'_>,
    team: TeamId,
    notice: &InviteNotice,
    expires: Timestamp,
    most: usize,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO invites (lookup, team, expires_ms) SELECT ?1, ?2, ?3
         WHERE (SELECT count(*) FROM invites WHERE team = ?2) < ?4",
    )?
    .execute(params![notice.lookup.as_slice(), team.as_bytes(), expires.0, most as i64])?;
    Ok(())
}

/// Forgets invitations that ended before a time.
pub(crate) fn forget(tx: &Tx<'_>, ended_before: Timestamp) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM invites WHERE expires_ms < ?1")?.execute([ended_before.0])?;
    Ok(())
}

/// The invitation of this look-up value.
pub(crate) fn get(reader: &Reader, lookup: &[u8; 16]) -> Result<Option<InviteRow>, StoreError> {
    let mut statement =
        reader.prepare_cached("SELECT team, expires_ms FROM invites WHERE lookup = ?1")?;
    let found = statement
        .query_row([lookup], |row| {
            Ok(InviteRow { team: TeamId::new(row.get(0)?), expires: Timestamp(row.get(1)?) })
        })
        .optional()?;
    Ok(found)
}

/// Adds a device's answer to an invitation.
pub(crate) fn answer(tx: &Tx<'_>, request: &EnrolRequest) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO enrolments (lookup, verify_key, seal_key, mac) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        request.lookup.as_slice(),
        request.verify_key.as_slice(),
        request.seal_key.as_slice(),
        request.mac.as_slice(),
    ])?;
    Ok(())
}

fn pending_of(row: &Row<'_>) -> Result<PendingEnrolment, rusqlite::Error> {
    Ok(PendingEnrolment {
        lookup: row.get::<_, [u8; 16]>(0)?.into(),
        verify_key: row.get::<_, [u8; 32]>(1)?.into(),
        seal_key: row.get::<_, [u8; 32]>(2)?.into(),
        mac: row.get::<_, [u8; 32]>(3)?.into(),
        recovery: None,
    })
}

/// Every answer to an invitation.
pub(crate) fn answers(
    reader: &Reader,
    lookup: &[u8; 16],
) -> Result<Vec<PendingEnrolment>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT lookup, verify_key, seal_key, mac FROM enrolments WHERE lookup = ?1",
    )?;
    let rows = statement.query_map([lookup], pending_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Every answer to any invitation of a team.
pub(crate) fn pending(reader: &Reader, team: TeamId) -> Result<Vec<PendingEnrolment>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT e.lookup, e.verify_key, e.seal_key, e.mac
         FROM invites i JOIN enrolments e ON e.lookup = i.lookup WHERE i.team = ?1
         ORDER BY e.lookup, e.verify_key",
    )?;
    let rows = statement.query_map([team.as_bytes()], pending_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}
