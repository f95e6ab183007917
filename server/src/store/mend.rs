//! Rows of the logs whose copy is damaged: found, noted, put right; and the ids a log holds.

use rusqlite::{OptionalExtension, params};
use sync_core::ids::{Chain, DeviceId, DocId, EnvelopeId, SpaceId, TeamId};
use sync_core::protocol::{Day, Envelope, RowData, next_chain};

use super::spaces::{self, Head};
use super::{Reader, StoreError, Tx, at_rest};

/// A row as it stands on disk.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Its space.
    pub space: SpaceId,
    /// Its position.
    pub seq: u64,
    /// The id it claims.
    pub id: EnvelopeId,
    /// The kind it claims.
    pub kind: u8,
    /// The document it claims.
    pub doc: DocId,
    /// What was attested of it.
    pub row: RowData,
    /// Why it is not served; empty if it is.
    pub code: String,
    /// The envelope, if its copy is the one that the row names.
    pub envelope: Option<Envelope>,
}

const COLUMNS: &str =
    "i.space, i.seq, i.id, i.directory_seq, i.row_day, i.code, i.envelope, i.kind, i.doc";

type Parts = (Stored, Vec<u8>);

fn parts(row: &rusqlite::Row<'_>) -> Result<Parts, rusqlite::Error> {
    let stored = Stored {
        space: SpaceId::new(row.get(0)?),
        seq: row.get::<_, i64>(1)? as u64,
        id: EnvelopeId::new(row.get(2)?),
        row: RowData { directory_seq: row.get::<_, i64>(3)? as u64, row_day: Day(row.get(4)?) },
        code: row.get(5)?,
        envelope: None,
        kind: row.get(7)?,
        doc: DocId::new(row.get(8)?),
    };
    Ok((stored, row.get(6)?))
}

fn opened(reader: &Reader, found: Option<Parts>) -> Result<Option<Stored>, StoreError> {
    let Some((row, bytes)) = found else { return Ok(None) };
    let envelope = at_rest::open_envelope(reader, &bytes)?;
    let envelope = envelope.filter(|envelope| envelope.id() == row.id);
    Ok(Some(Stored { envelope, ..row }))
}

/// The row of an id in a team.
pub(crate) fn by_id(
    reader: &Reader,
    team: TeamId,
    id: EnvelopeId,
) -> Result<Option<Stored>, StoreError> {
    let mut statement = reader.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM items i JOIN spaces s ON s.id = i.space
         WHERE i.id = ?1 AND s.team = ?2"
    ))?;
    let found = statement.query_row(params![id.as_bytes(), team.as_bytes()], parts).optional()?;
    opened(reader, found)
}

/// The row of a team that has an author's number in a space.
pub(crate) fn by_number(
    reader: &Reader,
    team: TeamId,
    (space, device, device_seq): (SpaceId, DeviceId, u64),
) -> Result<Option<Stored>, StoreError> {
    let mut statement = reader.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM items i JOIN spaces s ON s.id = i.space
         WHERE s.team = ?1 AND i.space = ?2 AND i.device = ?3 AND i.device_seq = ?4"
    ))?;
    let key = params![team.as_bytes(), space.as_bytes(), device.as_bytes(), device_seq as i64];
    let found = statement.query_row(key, parts).optional()?;
    opened(reader, found)
}

/// Puts a row's bytes right. Its id, and so the chain, is as it was.
pub(crate) fn put_bytes(tx: &Tx<'_>, row: &Stored, envelope: &Envelope) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE items SET envelope = ?3 WHERE space = ?1 AND seq = ?2")?.execute(
        params![row.space.as_bytes(), row.seq as i64, at_rest::seal_envelope(tx, envelope)?],
    )?;
    forget_damaged(tx, row.id)
}

/// Puts another envelope in a row's place, and chains the log anew from there.
pub(crate) fn replace(
    tx: &Tx<'_>,
    row: &Stored,
    envelope: &Envelope,
    data: RowData,
) -> Result<Chain, StoreError> {
    let header = &envelope.header;
    tx.prepare_cached(
        "UPDATE items SET id = ?3, kind = ?4, doc = ?5, record = ?6, directory_seq = ?7,
           row_day = ?8, envelope = ?9 WHERE space = ?1 AND seq = ?2 AND code = ''",
    )?
    .execute(params![
        row.space.as_bytes(),
        row.seq as i64,
        envelope.id().as_bytes(),
        header.kind as u8,
        header.doc.as_bytes(),
        header.record,
        data.directory_seq as i64,
        data.row_day.0,
        at_rest::seal_envelope(tx, envelope)?,
    ])?;
    forget_damaged(tx, row.id)?;
    rechain(tx, row.space, row.seq)
}

/// Computes a log's chain from a position on; the chain at that position.
fn rechain(tx: &Tx<'_>, space: SpaceId, from: u64) -> Result<Chain, StoreError> {
    let before = super::items::chain_at(tx, space, from - 1)?;
    let mut chain = before.ok_or(StoreError::Damaged("a log's chain"))?;
    let mut select = tx.prepare_cached(
        "SELECT seq, id, directory_seq, row_day FROM items WHERE space = ?1 AND seq >= ?2
         ORDER BY seq",
    )?;
    let rows: Vec<(i64, [u8; 32], i64, u32)> = select
        .query_map(params![space.as_bytes(), from as i64], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut update =
        tx.prepare_cached("UPDATE items SET chain = ?3 WHERE space = ?1 AND seq = ?2")?;
    let (mut first, mut seq) = (None, 0);
    for (at, id, directory_seq, row_day) in rows {
        chain = next_chain(chain, EnvelopeId::new(id), directory_seq as u64, Day(row_day));
        update.execute(params![space.as_bytes(), at, chain.as_bytes()])?;
        first.get_or_insert(chain);
        seq = at as u64;
    }
    spaces::set_head(tx, space, Head { seq, chain })?;
    first.ok_or(StoreError::Damaged("a log's row"))
}

/// Notes that a row's copy is damaged.
pub(crate) fn note_damaged(tx: &Tx<'_>, space: SpaceId, id: EnvelopeId) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT OR IGNORE INTO damaged (id, space) VALUES (?1, ?2)")?
        .execute(params![id.as_bytes(), space.as_bytes()])?;
    Ok(())
}

/// Forgets that a row's copy was damaged.
pub(crate) fn forget_damaged(tx: &Tx<'_>, id: EnvelopeId) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM damaged WHERE id = ?1")?.execute([id.as_bytes()])?;
    Ok(())
}

/// Ids of damaged rows of a space that are served, at most `limit`.
pub(crate) fn damaged(
    reader: &Reader,
    space: SpaceId,
    limit: usize,
) -> Result<Vec<EnvelopeId>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT d.id FROM damaged d JOIN items i ON i.id = d.id
         WHERE d.space = ?1 AND i.code = '' ORDER BY d.id LIMIT ?2",
    )?;
    let rows = statement.query_map(params![space.as_bytes(), limit as i64], |row| {
        row.get(0).map(EnvelopeId::new)
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether any row at all is known to be damaged.
pub(crate) fn any_damaged(reader: &Reader) -> Result<bool, StoreError> {
    Ok(reader.prepare_cached("SELECT 1 FROM damaged LIMIT 1")?.exists([])?)
}

/// Hands the id of every sound row of a space to `take`.
pub(crate) fn sound_ids(
    reader: &Reader,
    team: TeamId,
    space: SpaceId,
    mut take: impl FnMut(EnvelopeId),
) -> Result<(), StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT i.id FROM items i JOIN spaces s ON s.id = i.space
         WHERE i.space = ?1 AND s.team = ?2 AND i.id NOT IN (SELECT id FROM damaged)",
    )?;
    let mut rows = statement.query(params![space.as_bytes(), team.as_bytes()])?;
    while let Some(row) = rows.next()? {
        take(EnvelopeId::new(row.get(0)?));
    }
    Ok(())
}
