//! Envelopes refused without a position in any log, kept for whoever investigates. Capped, never served.

use rusqlite::{OptionalExtension, params};
use sync_core::ids::{DeviceId, EnvelopeId, TeamId};
use sync_core::protocol::{Code, Envelope, SetAside, Timestamp};

use super::{Reader, StoreError, Tx};

/// Most refused envelopes kept of one pushing device: a hostile one cannot fill the disk.
const PER_DEVICE: i64 = 100;

/// A refused envelope.
#[derive(Debug)]
pub(crate) struct Refused<'a> {
    /// Its id.
    pub id: EnvelopeId,
    /// The device that pushed it.
    pub device: DeviceId,
    /// Why.
    pub code: Code,
    /// The envelope as kept on disk.
    pub bytes: &'a [u8],
}

/// Keeps a refused envelope unless its device has reached the cap or it is kept already; whether it was new.
pub(crate) fn keep(
    tx: &Tx<'_>,
    team: TeamId,
    refused: &Refused<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let changed = tx
        .prepare_cached(
            "INSERT OR IGNORE INTO quarantine (id, team, device, code, envelope, at_ms)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6
         WHERE (SELECT count(*) FROM quarantine WHERE device = ?3) < ?7",
        )?
        .execute(params![
            refused.id.as_bytes(),
            team.as_bytes(),
            refused.device.as_bytes(),
            refused.code.as_str(),
            refused.bytes,
            now.0,
            PER_DEVICE,
        ])?;
    Ok(changed == 1)
}

/// What was set aside in a team, counted by code: with a position in a log or without.
pub(crate) fn counts(reader: &Reader, team: TeamId) -> Result<Vec<(String, u64)>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT code, count(*) FROM (
           SELECT i.code AS code FROM items i JOIN spaces s ON s.id = i.space
             WHERE s.team = ?1 AND i.code <> ''
           UNION ALL SELECT code FROM quarantine WHERE team = ?1)
         GROUP BY code ORDER BY code",
    )?;
    let rows = statement
        .query_map([team.as_bytes()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What came after its device was removed, oldest first; as many as one answer carries.
pub(crate) fn after_removal(reader: &Reader, team: TeamId) -> Result<Vec<SetAside>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT envelope, at_ms FROM quarantine WHERE team = ?1 AND code = ?2
         ORDER BY at_ms, id LIMIT ?3",
    )?;
    let key = params![team.as_bytes(), Code::AfterRemoval.as_str(), PER_DEVICE];
    let mut rows = statement.query(key)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let Ok(envelope) = Envelope::from_bytes(&row.get::<_, Vec<u8>>(0)?) else { continue };
        let (header, id) = (&envelope.header, envelope.id());
        let at = Timestamp(row.get(1)?);
        let (device, space, record) = (header.device, header.space, header.record);
        out.push(SetAside { id, device, space, record, at });
    }
    Ok(out)
}

/// Takes out what came after its device was removed: device and bytes.
pub(crate) fn take_after_removal(
    tx: &Tx<'_>,
    team: TeamId,
    id: EnvelopeId,
) -> Result<Option<(DeviceId, Vec<u8>)>, StoreError> {
    let key = params![team.as_bytes(), id.as_bytes(), Code::AfterRemoval.as_str()];
    let mut statement = tx.prepare_cached(
        "DELETE FROM quarantine WHERE team = ?1 AND id = ?2 AND code = ?3
         RETURNING device, envelope",
    )?;
    let found =
        statement.query_row(key, |row| Ok((DeviceId::new(row.get(0)?), row.get(1)?))).optional()?;
    Ok(found)
}
