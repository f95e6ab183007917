//! The audit log: hash-chained rows, appended in the transaction of what they record, never changed.

use rusqlite::{Connection, OptionalExtension, Row, params};
use sync_core::ids::{DeviceId, TeamId};
use sync_core::protocol::{AuditHead, AuditRow, Day, Timestamp};

use super::{Reader, StoreError, Tx};

/// What a row says.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'a> {
    /// The device that acted; `None`: the operator, or the relay itself.
    pub actor: Option<DeviceId>,
    /// What was done.
    pub action: &'a str,
    /// An id in hex, or nothing.
    pub object: String,
    /// `done`, or a code's name.
    pub result: &'a str,
    /// How often.
    pub count: u64,
}

impl<'a> Entry<'a> {
    /// Something done once.
    pub(crate) fn done(actor: Option<DeviceId>, action: &'a str, object: impl ToString) -> Self {
        Self { actor, action, object: object.to_string(), result: "done", count: 1 }
    }
}

/// Where a team's log stands.
pub(crate) fn head(reader: &Reader, team: TeamId) -> Result<AuditHead, StoreError> {
    let found = reader
        .prepare_cached("SELECT seq, hash FROM audit WHERE team = ?1 ORDER BY seq DESC LIMIT 1")?
        .query_row([team.as_bytes()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?)))
        .optional()?;
    Ok(match found {
        Some((seq, hash)) => AuditHead { seq: seq as u64, hash: hash.into() },
        None => AuditHead { seq: 0, hash: [0; 32].into() },
    })
}

/// Appends a row.
pub(crate) fn append(
    tx: &Tx<'_>,
    team: TeamId,
    entry: &Entry<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let before = head(tx, team)?;
    let mut row = AuditRow {
        seq: before.seq + 1,
        at: now,
        actor: entry.actor,
        action: entry.action.to_owned(),
        object: entry.object.clone(),
        result: entry.result.to_owned(),
        count: entry.count,
        hash: [0; 32].into(),
    };
    row.hash = row.expected_hash(team, &before.hash).into();
    tx.prepare_cached(
        "INSERT INTO audit (team, seq, prev, at_ms, actor, action, object, result, count, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        team.as_bytes(),
        row.seq as i64,
        before.hash.as_slice(),
        row.at.0,
        row.actor.as_ref().map(|device| device.as_bytes().as_slice()),
        row.action,
        row.object,
        row.result,
        row.count as i64,
        row.hash.as_slice(),
    ])?;
    Ok(())
}

/// A row and the hash that stands before it.
pub(crate) type Linked = (AuditRow, [u8; 32]);

fn linked(row: &Row<'_>) -> Result<Linked, rusqlite::Error> {
    let hash: [u8; 32] = row.get(8)?;
    let found = AuditRow {
        seq: row.get::<_, i64>(0)? as u64,
        at: Timestamp(row.get(1)?),
        actor: row.get::<_, Option<[u8; 16]>>(2)?.map(DeviceId::new),
        action: row.get(3)?,
        object: row.get(4)?,
        result: row.get(5)?,
        count: row.get::<_, i64>(6)? as u64,
        hash: hash.into(),
    };
    Ok((found, row.get(7)?))
}

/// Rows after a number, in order, at most `limit`.
pub(crate) fn after(
    reader: &Connection,
    team: TeamId,
    seq: u64,
    limit: usize,
) -> Result<Vec<Linked>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT seq, at_ms, actor, action, object, result, count, prev, hash FROM audit
         WHERE team = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![team.as_bytes(), seq, limit as i64], linked)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The teams that have an audit log.
pub(crate) fn teams(reader: &Connection) -> Result<Vec<TeamId>, StoreError> {
    let mut statement = reader.prepare_cached("SELECT DISTINCT team FROM audit ORDER BY team")?;
    let rows = statement.query_map([], |row| row.get(0).map(TeamId::new))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Counts sealed bodies that a device was served, by day; whole days become rows once they have passed.
pub(crate) fn count_sealed(
    tx: &Tx<'_>,
    team: TeamId,
    device: DeviceId,
    count: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO sealed_reads (team, day, device, count) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (team, day, device) DO UPDATE SET count = count + excluded.count",
    )?
    .execute(params![team.as_bytes(), now.day().0, device.as_bytes(), count as i64])?;
    Ok(())
}

/// Writes what was served sealed on days that have passed.
pub(crate) fn sum_up_days(tx: &Tx<'_>, team: TeamId, now: Timestamp) -> Result<(), StoreError> {
    let key = params![team.as_bytes(), now.day().0];
    let past: Vec<([u8; 16], u32, i64)> = tx
        .prepare_cached(
            "SELECT device, day, count FROM sealed_reads WHERE team = ?1 AND day < ?2
             ORDER BY day, device",
        )?
        .query_map(key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    if past.is_empty() {
        return Ok(());
    }
    for (device, day, count) in past {
        let device = Some(DeviceId::new(device));
        let (action, object) = ("sealed.read", format!("day {}", Day(day).0));
        let entry = Entry { actor: device, action, object, result: "done", count: count as u64 };
        append(tx, team, &entry, now)?;
    }
    tx.execute("DELETE FROM sealed_reads WHERE team = ?1 AND day < ?2", key)?;
    Ok(())
}

/// Whether an action of a device was written since a time.
pub(crate) fn wrote_since(
    reader: &Reader,
    team: TeamId,
    actor: DeviceId,
    action: &str,
    since: Timestamp,
) -> Result<bool, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT 1 FROM audit WHERE team = ?1 AND actor = ?2 AND action = ?3 AND at_ms >= ?4",
    )?;
    Ok(statement.exists(params![team.as_bytes(), actor.as_bytes(), action, since.0])?)
}
