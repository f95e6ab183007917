//! Envelopes refused without a position in any log, kept for whoever investigates. Capped, never served.

use rusqlite::{OptionalExtension, params};
use sync_core::ids::{DeviceId, EnvelopeId, TeamId};
use sync_core::protocol::{Code, Envelope, HEADER_LEN, Header, SetAside, Timestamp};

use super::{Reader, StoreError, Tx, at_rest};

/// The step that finds what was refused by document and by code.
pub(super) const STEP: &str = "
CREATE INDEX quarantine_by_doc ON quarantine (substr(envelope, 8, 16), substr(envelope, 24, 16));
CREATE INDEX quarantine_by_code ON quarantine (team, code, device);
DROP INDEX quarantine_by_team;
";

/// Most envelopes kept of one pushing device for each reason: a hostile one cannot fill the disk.
const PER_DEVICE: usize = 100;
/// Most that came after a removal of one device: an honest phone may have worked for days without a signal.
const AFTER_REMOVAL: usize = 1_000;
/// Most that one answer tells of.
const MOST_TOLD: usize = 1_000;

fn most(code: Code) -> usize {
    if code == Code::AfterRemoval { AFTER_REMOVAL } else { PER_DEVICE }
}

/// A refused envelope.
#[derive(Debug)]
pub(crate) struct Refused<'a> {
    /// Its id.
    pub id: EnvelopeId,
    /// The device that pushed it.
    pub device: DeviceId,
    /// Why.
    pub code: Code,
    /// The envelope as [`Envelope::to_bytes`] says it, or what came instead of one.
    pub bytes: &'a [u8],
}

/// How many more envelopes of a device are kept for a reason.
pub(crate) fn room(reader: &Reader, device: DeviceId, code: Code) -> Result<usize, StoreError> {
    let mut statement =
        reader.prepare_cached("SELECT count(*) FROM quarantine WHERE device = ?1 AND code = ?2")?;
    let kept: i64 =
        statement.query_row(params![device.as_bytes(), code.as_str()], |row| row.get(0))?;
    Ok(most(code).saturating_sub(kept as usize))
}

/// Whether an envelope of a device is kept already.
pub(crate) fn is_kept(
    reader: &Reader,
    device: DeviceId,
    id: EnvelopeId,
) -> Result<bool, StoreError> {
    let mut statement =
        reader.prepare_cached("SELECT 1 FROM quarantine WHERE device = ?1 AND id = ?2")?;
    Ok(statement.exists(params![device.as_bytes(), id.as_bytes()])?)
}

/// Keeps a refused envelope unless its device has reached the cap or it is kept already; whether it was new.
pub(crate) fn keep(
    tx: &Tx<'_>,
    team: TeamId,
    refused: &Refused<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    // A key is made for nothing that is not kept.
    if is_kept(tx, refused.device, refused.id)? || room(tx, refused.device, refused.code)? == 0 {
        return Ok(false);
    }
    let changed = tx
        .prepare_cached(
            "INSERT OR IGNORE INTO quarantine (id, team, device, code, envelope, at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            refused.id.as_bytes(),
            team.as_bytes(),
            refused.device.as_bytes(),
            refused.code.as_str(),
            at_rest::seal_refused(tx, team, refused.bytes)?,
            now.0,
        ])?;
    Ok(changed == 1)
}

/// What failed a check in a team, counted by code: with a position in a log or without. What was erased failed none.
pub(crate) fn counts(reader: &Reader, team: TeamId) -> Result<Vec<(String, u64)>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT code, count(*) FROM (
           SELECT i.code AS code FROM items i JOIN spaces s ON s.id = i.space
             WHERE s.team = ?1 AND i.code <> '' AND i.code <> 'purged'
           UNION ALL SELECT code FROM quarantine WHERE team = ?1)
         GROUP BY code ORDER BY code",
    )?;
    let rows = statement
        .query_map([team.as_bytes()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What came after its device was removed, as much as one answer tells: of each device an equal part, oldest first.
/// What was released is left out.
pub(crate) fn after_removal(
    reader: &Reader,
    team: TeamId,
    is_released: impl Fn(&EnvelopeId) -> bool,
) -> Result<Vec<SetAside>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT id, at_ms, substr(envelope, 1, ?3) FROM quarantine WHERE team = ?1 AND code = ?2
         ORDER BY row_number() OVER (PARTITION BY device ORDER BY at_ms, rowid), at_ms, rowid",
    )?;
    let key = params![team.as_bytes(), Code::AfterRemoval.as_str(), HEADER_LEN as i64];
    let mut rows = statement.query(key)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let id = EnvelopeId::new(row.get(0)?);
        if is_released(&id) {
            continue;
        }
        let Ok(header) = Header::decode(&row.get::<_, Vec<u8>>(2)?) else { continue };
        let (device, space, record) = (header.device, header.space, header.record);
        out.push(SetAside { id, device, space, record, at: Timestamp(row.get(1)?) });
        if out.len() == MOST_TOLD {
            break;
        }
    }
    Ok(out)
}

/// An envelope that came after its device was removed.
#[derive(Debug)]
pub(crate) struct Late {
    /// The device that pushed it.
    pub device: DeviceId,
    /// The envelope.
    pub envelope: Envelope,
    /// When it came.
    pub at: Timestamp,
}

/// The ids of what came after a removal.
pub(crate) fn late_ids(reader: &Reader, team: TeamId) -> Result<Vec<EnvelopeId>, StoreError> {
    let mut statement =
        reader.prepare_cached("SELECT id FROM quarantine WHERE team = ?1 AND code = ?2")?;
    let key = params![team.as_bytes(), Code::AfterRemoval.as_str()];
    let rows = statement.query_map(key, |row| row.get(0).map(EnvelopeId::new))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What came after a removal under this id.
pub(crate) fn late(
    reader: &Reader,
    team: TeamId,
    id: EnvelopeId,
) -> Result<Option<Late>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT device, envelope, at_ms FROM quarantine WHERE team = ?1 AND id = ?2 AND code = ?3",
    )?;
    let key = params![team.as_bytes(), id.as_bytes(), Code::AfterRemoval.as_str()];
    let found = statement
        .query_row(key, |row| {
            Ok((DeviceId::new(row.get(0)?), row.get::<_, Vec<u8>>(1)?, Timestamp(row.get(2)?)))
        })
        .optional()?;
    let Some((device, bytes, at)) = found else { return Ok(None) };
    let envelope = at_rest::open_envelope(reader, &bytes)?;
    Ok(envelope.map(|envelope| Late { device, envelope, at }))
}

/// Takes out what came after a removal.
pub(crate) fn take_late(tx: &Tx<'_>, team: TeamId, late: &Late) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM quarantine WHERE team = ?1 AND device = ?2 AND id = ?3")?
        .execute(params![team.as_bytes(), late.device.as_bytes(), late.envelope.id().as_bytes()])?;
    Ok(())
}

/// Puts back what was taken out, whatever else is kept by now.
pub(crate) fn put_back(tx: &Tx<'_>, team: TeamId, late: &Late) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO quarantine (id, team, device, code, envelope, at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        late.envelope.id().as_bytes(),
        team.as_bytes(),
        late.device.as_bytes(),
        Code::AfterRemoval.as_str(),
        at_rest::seal_envelope(tx, &late.envelope)?,
        late.at.0,
    ])?;
    Ok(())
}
