//! Invitations the relay was told of (a look-up value, never the secret) and the devices that answered them.

use rusqlite::{OptionalExtension, Row, params};
use sync_core::ids::{DeviceId, MemberId, TeamId};
use sync_core::protocol::{EnrolRequest, InviteKind, InviteNotice, PendingEnrolment, Timestamp};

use super::{Reader, StoreError, Tx};

/// The step of the schema that makes room for a device's X-Wing key.
pub(super) const STEP_SEAL_KEY_2: &str = "ALTER TABLE enrolments ADD COLUMN seal_key_2 BLOB;";

/// An invitation as the relay keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InviteRow {
    /// The team.
    pub team: TeamId,
    /// When it ends.
    pub expires: Timestamp,
    /// Whether it stands for a typed code's exchange.
    pub is_code: bool,
}

/// Who told of an invitation, and how many may be kept at once: of the team, and of their member.
pub(crate) struct Inviter {
    /// The team.
    pub team: TeamId,
    /// The device.
    pub device: DeviceId,
    /// Its member.
    pub member: MemberId,
    /// Of the team at once.
    pub most: usize,
    /// Of the member at once.
    pub most_own: usize,
}

const CODE: i64 = 2;

fn number(kind: Option<InviteKind>) -> i64 {
    match kind {
        None | Some(InviteKind::Link) => 0,
        Some(InviteKind::Batch) => 1,
        Some(InviteKind::Code) => CODE,
    }
}

/// Keeps an invitation; telling it again changes nothing.
pub(crate) fn insert(
    tx: &Tx<'_>,
    by: &Inviter,
    notice: &InviteNotice,
    expires: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    // There are few nameplates: one whose code has ended is free again.
    tx.prepare_cached("DELETE FROM invites WHERE lookup = ?1 AND kind = ?2 AND expires_ms < ?3")?
        .execute(params![notice.lookup.as_slice(), CODE, now.0])?;
    tx.prepare_cached(
        "INSERT OR IGNORE INTO invites (lookup, team, expires_ms, kind, device, member)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6
         WHERE (SELECT count(*) FROM invites WHERE team = ?2) < ?7
           AND (SELECT count(*) FROM invites WHERE team = ?2 AND member = ?6) < ?8",
    )?
    .execute(params![
        notice.lookup.as_slice(),
        by.team.as_bytes(),
        expires.0,
        number(notice.kind),
        by.device.as_bytes(),
        by.member.as_bytes(),
        by.most as i64,
        by.most_own as i64,
    ])?;
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
        reader.prepare_cached("SELECT team, expires_ms, kind FROM invites WHERE lookup = ?1")?;
    let found = statement
        .query_row([lookup], |row| {
            Ok(InviteRow {
                team: TeamId::new(row.get(0)?),
                expires: Timestamp(row.get(1)?),
                is_code: row.get::<_, i64>(2)? == CODE,
            })
        })
        .optional()?;
    Ok(found)
}

/// Adds a device's answer to an invitation.
pub(crate) fn answer(tx: &Tx<'_>, request: &EnrolRequest) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO enrolments (lookup, verify_key, seal_key, mac, class, seal_key_2)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        request.lookup.as_slice(),
        request.verify_key.as_slice(),
        request.seal_key.as_slice(),
        request.mac.as_slice(),
        request.class.unwrap_or(0),
        request.seal_key_2.as_ref().map(|key| key.as_slice()),
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
        class: Some(row.get(4)?).filter(|class| *class != 0),
        seal_key_2: row.get::<_, Option<Vec<u8>>>(5)?.map(Into::into),
    })
}

/// Every answer to an invitation.
pub(crate) fn answers(
    reader: &Reader,
    lookup: &[u8; 16],
) -> Result<Vec<PendingEnrolment>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT lookup, verify_key, seal_key, mac, class, seal_key_2 FROM enrolments
         WHERE lookup = ?1",
    )?;
    let rows = statement.query_map([lookup], pending_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Every answer to any invitation of a team, or only to those that a member's devices told of.
pub(crate) fn pending(
    reader: &Reader,
    team: TeamId,
    by: Option<MemberId>,
) -> Result<Vec<PendingEnrolment>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT e.lookup, e.verify_key, e.seal_key, e.mac, e.class, e.seal_key_2
         FROM invites i JOIN enrolments e ON e.lookup = i.lookup
         WHERE i.team = ?1 AND (?2 IS NULL OR i.member = ?2)
         ORDER BY e.lookup, e.verify_key",
    )?;
    let by = by.map(|member| *member.as_bytes());
    let rows = statement.query_map(params![team.as_bytes(), by], pending_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}
