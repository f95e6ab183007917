//! The logs: every envelope that has a position, stored or set aside.

use rusqlite::{OptionalExtension, params};
use sync_core::ids::{Chain, DeviceId, DocId, EnvelopeId, SpaceId, TeamId};
use sync_core::protocol::{Code, Day, Envelope, Kind};
use sync_core::records::SpaceKind;

use super::{Reader, StoreError, Tx, at_rest};

/// Where an envelope stands in its space's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    /// Sequence number.
    pub seq: u64,
    /// The chain at that number.
    pub chain: Chain,
    /// Why it is not served; empty if it is.
    pub code: String,
}

/// A new row of a log.
#[derive(Debug)]
pub(crate) struct NewItem<'a> {
    /// The space.
    pub space: SpaceId,
    /// The envelope.
    pub envelope: &'a Envelope,
    /// Its id.
    pub id: EnvelopeId,
    /// Length of the directory it was judged at.
    pub directory_seq: u64,
    /// The relay's day.
    pub row_day: Day,
    /// Its position.
    pub position: &'a Position,
}

/// A row of a log as it is served to one device.
#[derive(Debug)]
pub(crate) struct ServedItem {
    /// The envelope's id.
    pub id: EnvelopeId,
    /// Its author.
    pub device: DeviceId,
    /// Its author's count.
    pub device_seq: u64,
    /// Length of the directory it was judged at.
    pub directory_seq: u64,
    /// The relay's day of the row.
    pub row_day: Day,
    /// Why it is not served; empty if it is.
    pub code: String,
    /// The position and chain.
    pub seq: u64,
    /// The chain at that position.
    pub chain: Chain,
    /// The envelope; absent where a stub or the id alone is served.
    pub envelope: Option<Envelope>,
    /// Whether the bytes on disk are not the envelope that the row names.
    pub damaged: bool,
}

/// Where an envelope of a team stands, if it has a position.
pub(crate) fn position(
    reader: &Reader,
    team: TeamId,
    id: EnvelopeId,
) -> Result<Option<Position>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT i.seq, i.chain, i.code FROM items i JOIN spaces s ON s.id = i.space
         WHERE i.id = ?1 AND s.team = ?2",
    )?;
    let found = statement
        .query_row(params![id.as_bytes(), team.as_bytes()], |row| {
            Ok(Position {
                seq: row.get::<_, i64>(0)? as u64,
                chain: Chain::new(row.get(1)?),
                code: row.get(2)?,
            })
        })
        .optional()?;
    Ok(found)
}

/// Adds a row at its position. The caller moves the space's head in the same transaction.
pub(crate) fn insert(tx: &Tx<'_>, item: &NewItem<'_>) -> Result<(), StoreError> {
    let header = &item.envelope.header;
    tx.prepare_cached(
        "INSERT INTO items (space, seq, id, kind, doc, device, device_seq, record,
           directory_seq, row_day, code, chain, envelope)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        item.space.as_bytes(),
        item.position.seq as i64,
        item.id.as_bytes(),
        header.kind as u8,
        header.doc.as_bytes(),
        header.device.as_bytes(),
        header.device_seq as i64,
        header.record,
        item.directory_seq as i64,
        item.row_day.0,
        item.position.code,
        item.position.chain.as_bytes(),
        at_rest::seal_envelope(tx, item.envelope)?,
    ])?;
    Ok(())
}

/// Whether a device has used this number in a space.
pub(crate) fn is_counted(
    reader: &Reader,
    space: SpaceId,
    device: DeviceId,
    device_seq: u64,
) -> Result<bool, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM items WHERE space = ?1 AND device = ?2 AND device_seq = ?3)",
    )?;
    let key = params![space.as_bytes(), device.as_bytes(), device_seq as i64];
    Ok(statement.query_row(key, |row| row.get(0))?)
}

/// Whether an item of a device is stored in a space under this number or a higher one; what was set aside counts for
/// nothing.
pub(crate) fn is_stored_from(
    reader: &Reader,
    space: SpaceId,
    device: DeviceId,
    device_seq: u64,
) -> Result<bool, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT 1 FROM items
         WHERE space = ?1 AND device = ?2 AND device_seq >= ?3 AND code IN ('', 'purged') LIMIT 1",
    )?;
    let key = params![space.as_bytes(), device.as_bytes(), device_seq as i64];
    Ok(statement.exists(key)?)
}

/// The chain of a log at a position; the empty chain at 0; `None` beyond its end.
pub(crate) fn chain_at(
    reader: &Reader,
    space: SpaceId,
    seq: u64,
) -> Result<Option<Chain>, StoreError> {
    if seq == 0 {
        return Ok(Some(Chain::EMPTY));
    }
    let mut statement =
        reader.prepare_cached("SELECT chain FROM items WHERE space = ?1 AND seq = ?2")?;
    let found = statement
        .query_row(params![space.as_bytes(), seq as i64], |row| row.get(0).map(Chain::new))
        .optional()?;
    Ok(found)
}

/// Hands the rows after a position to `take`, in order, until it returns false.
pub(crate) fn after(
    reader: &Reader,
    space: SpaceId,
    seq: u64,
    for_device: DeviceId,
    mut take: impl FnMut(ServedItem) -> bool,
) -> Result<(), StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT seq, id, device, device_seq, directory_seq, row_day, code, chain,
           CASE WHEN device = ?3 OR code <> '' THEN NULL ELSE envelope END
         FROM items WHERE space = ?1 AND seq > ?2 ORDER BY seq",
    )?;
    let mut rows = statement.query(params![space.as_bytes(), seq as i64, for_device.as_bytes()])?;
    while let Some(row) = rows.next()? {
        let bytes: Option<Vec<u8>> = row.get(8)?;
        let id = EnvelopeId::new(row.get(1)?);
        let envelope = match &bytes {
            Some(bytes) => as_it_stands(reader, bytes, id)?,
            None => None,
        };
        let mut code: String = row.get(6)?;
        let damaged = bytes.is_some() && envelope.is_none();
        if damaged {
            tracing::error!("an envelope on disk is damaged; its position is served without it");
            code = Code::RelayChanged.as_str().to_owned();
        }
        let item = ServedItem {
            seq: row.get::<_, i64>(0)? as u64,
            id,
            device: DeviceId::new(row.get(2)?),
            device_seq: row.get::<_, i64>(3)? as u64,
            directory_seq: row.get::<_, i64>(4)? as u64,
            row_day: Day(row.get(5)?),
            code,
            chain: Chain::new(row.get(7)?),
            envelope,
            damaged,
        };
        if !take(item) {
            break;
        }
    }
    Ok(())
}

/// Every envelope of a log, in order.
pub(crate) fn envelopes(reader: &Reader, space: SpaceId) -> Result<Vec<Envelope>, StoreError> {
    let mut statement =
        reader.prepare_cached("SELECT envelope FROM items WHERE space = ?1 ORDER BY seq")?;
    let mut rows = statement.query([space.as_bytes()])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let envelope = at_rest::open_envelope(reader, &row.get::<_, Vec<u8>>(0)?)?;
        out.push(envelope.ok_or(StoreError::Damaged("an envelope"))?);
    }
    Ok(out)
}

/// The changes of an open document that its log serves and that can be read, in order.
pub(crate) fn changes_of(
    reader: &Reader,
    space: SpaceId,
    doc: DocId,
) -> Result<Vec<Envelope>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT id, envelope FROM items
         WHERE space = ?1 AND doc = ?2 AND kind = ?3 AND code = '' ORDER BY seq",
    )?;
    let mut rows =
        statement.query(params![space.as_bytes(), doc.as_bytes(), Kind::Change as u8])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, bytes): (_, Vec<u8>) = (EnvelopeId::new(row.get(0)?), row.get(1)?);
        out.extend(as_it_stands(reader, &bytes, id)?);
    }
    Ok(out)
}

/// An envelope from disk if it is the one its row names: one damaged row must not keep a whole log from everybody.
/// Its signature is not checked again here; whoever receives it does.
fn as_it_stands(
    reader: &Reader,
    bytes: &[u8],
    id: EnvelopeId,
) -> Result<Option<Envelope>, StoreError> {
    let envelope = at_rest::open_envelope(reader, bytes)?;
    Ok(envelope.filter(|envelope| envelope.id() == id))
}

/// The last number of a device that is stored in every space of its team but the directory's own; what was set aside
/// counts for nothing.
pub(crate) fn accepted(
    reader: &Reader,
    team: TeamId,
    device: DeviceId,
) -> Result<Vec<(SpaceId, u64)>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT id, last FROM (
           SELECT s.id AS id, (SELECT max(device_seq) FROM items WHERE space = s.id AND device = ?2
             AND code IN ('', 'purged')) AS last FROM spaces s WHERE s.team = ?1 AND s.kind <> ?3)
         WHERE last IS NOT NULL ORDER BY id",
    )?;
    let key = params![team.as_bytes(), device.as_bytes(), SpaceKind::Directory as u8];
    let rows = statement
        .query_map(key, |row| Ok((SpaceId::new(row.get(0)?), row.get::<_, i64>(1)? as u64)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
