//! What the relay keeps for recovery: the words of recovery keys for new devices, and changes of recovery keys on
//! their way to admins. All of it is signed by others; none of it opens anything.

use rusqlite::{OptionalExtension, params};
use sync_core::ids::{MemberId, TeamId};

use super::{Reader, StoreError, Tx};

/// Keeps the word of a recovery key for a device that answers an invitation; a later word replaces it.
pub(crate) fn put_voucher(
    tx: &Tx<'_>,
    lookup: &[u8; 16],
    verify_key: &[u8; 32],
    voucher: &[u8],
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO enrolment_recoveries (lookup, verify_key, voucher) VALUES (?1, ?2, ?3)
         ON CONFLICT (lookup, verify_key) DO UPDATE SET voucher = ?3",
    )?
    .execute(params![lookup, verify_key, voucher])?;
    Ok(())
}

/// The word of a recovery key for a device.
pub(crate) fn voucher(
    reader: &Reader,
    lookup: &[u8; 16],
    verify_key: &[u8; 32],
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT voucher FROM enrolment_recoveries WHERE lookup = ?1 AND verify_key = ?2",
    )?;
    Ok(statement.query_row(params![lookup, verify_key], |row| row.get(0)).optional()?)
}

/// Keeps a member's change; each member has one at most.
pub(crate) fn put_change(
    tx: &Tx<'_>,
    team: TeamId,
    member: MemberId,
    proposal: &[u8],
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO recovery_changes (team, member, proposal) VALUES (?1, ?2, ?3)
         ON CONFLICT (team, member) DO UPDATE SET proposal = ?3",
    )?
    .execute(params![team.as_bytes(), member.as_bytes(), proposal])?;
    Ok(())
}

/// A member's change.
pub(crate) fn change(
    reader: &Reader,
    team: TeamId,
    member: MemberId,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut statement = reader
        .prepare_cached("SELECT proposal FROM recovery_changes WHERE team = ?1 AND member = ?2")?;
    let found = statement.query_row(params![team.as_bytes(), member.as_bytes()], |row| row.get(0));
    Ok(found.optional()?)
}

/// Every change of a team, by member.
pub(crate) fn changes(reader: &Reader, team: TeamId) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut statement = reader
        .prepare_cached("SELECT proposal FROM recovery_changes WHERE team = ?1 ORDER BY member")?;
    let rows = statement.query_map([team.as_bytes()], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
