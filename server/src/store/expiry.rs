//! What expiry follows from: documents with their kinds, the days of their rows, and up to which day the relay counts.

use std::collections::BTreeMap;

use rusqlite::params;
use sync_core::gates::Touch;
use sync_core::ids::{DocId, SpaceId, TeamId};
use sync_core::protocol::Day;
use sync_core::records::SpaceKind;

use super::{Reader, StoreError, Tx, meta};

/// The last day up to which documents were let expire.
const COUNTED: &str = "expiry_day";
/// The clock's day, while it is not counted by because it ran ahead.
const WAITS: &str = "expiry_waits";

/// A document as expiry sees it.
pub(crate) struct Listed {
    /// Its space.
    pub space: SpaceId,
    /// The kind of its space.
    pub kind: SpaceKind,
    /// The document.
    pub doc: DocId,
    /// Its record kind.
    pub record: u16,
}

fn day(reader: &Reader, key: &str) -> Result<Option<Day>, StoreError> {
    let Some(bytes) = meta::get(reader, key)? else { return Ok(None) };
    let bytes: [u8; 4] = bytes.try_into().map_err(|_| StoreError::Damaged("a day of expiry"))?;
    Ok(Some(Day(u32::from_be_bytes(bytes))))
}

/// The last day up to which documents were let expire; at first the day of the newest row of any log.
pub(crate) fn counted(reader: &Reader) -> Result<Option<Day>, StoreError> {
    if let Some(counted) = day(reader, COUNTED)? {
        return Ok(Some(counted));
    }
    let newest: Option<u32> =
        reader.query_row("SELECT max(row_day) FROM items", [], |row| row.get(0))?;
    Ok(newest.map(Day))
}

/// Counts up to this day: the clock is believed.
pub(crate) fn count_to(tx: &Tx<'_>, day: Day) -> Result<(), StoreError> {
    if waits(tx)?.is_some() {
        meta::delete(tx, WAITS)?;
    }
    match self::day(tx, COUNTED)? {
        Some(counted) if counted == day => Ok(()),
        _ => meta::put(tx, COUNTED, &day.0.to_be_bytes()),
    }
}

/// The clock's day, if it is not counted by because it ran ahead.
pub(crate) fn waits(reader: &Reader) -> Result<Option<Day>, StoreError> {
    day(reader, WAITS)
}

/// Notes that the clock is not counted by. False if that was noted for this day.
pub(crate) fn wait(tx: &Tx<'_>, today: Day) -> Result<bool, StoreError> {
    if waits(tx)? == Some(today) {
        return Ok(false);
    }
    meta::put(tx, WAITS, &today.0.to_be_bytes())?;
    Ok(true)
}

/// Whether a team's documents were looked through already at this day and length of its directory; notes that they are.
pub(crate) fn is_looked_through(
    tx: &Tx<'_>,
    team: TeamId,
    today: Day,
    length: u64,
) -> Result<bool, StoreError> {
    let (key, at) = (format!("expiry.{team}"), [&today.0.to_be_bytes()[..], &length.to_be_bytes()]);
    let at = at.concat();
    if meta::get(tx, &key)?.as_ref() == Some(&at) {
        return Ok(true);
    }
    meta::put(tx, &key, &at)?;
    Ok(false)
}

/// Every document of a team, by space.
pub(crate) fn documents(reader: &Reader, team: TeamId) -> Result<Vec<Listed>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT d.space, s.kind, d.doc, d.record FROM spaces s JOIN documents d ON d.space = s.id
         WHERE s.team = ?1 ORDER BY d.space, d.doc",
    )?;
    let mut rows = statement.query([team.as_bytes()])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let kind = SpaceKind::from_u8(row.get(1)?).ok_or(StoreError::Damaged("a space's kind"))?;
        let (space, doc) = (SpaceId::new(row.get(0)?), DocId::new(row.get(2)?));
        out.push(Listed { space, kind, doc, record: row.get(3)? });
    }
    Ok(out)
}

/// The rows of a space's changes that were taken, by document; what was set aside is none.
pub(crate) fn touches(
    reader: &Reader,
    space: SpaceId,
) -> Result<BTreeMap<DocId, Vec<Touch>>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT doc, row_day, directory_seq FROM items
         WHERE space = ?1 AND kind IN (1, 2) AND code = ''",
    )?;
    let mut rows = statement.query(params![space.as_bytes()])?;
    let mut out: BTreeMap<DocId, Vec<Touch>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let touch = Touch { day: Day(row.get(1)?), directory_seq: row.get::<_, i64>(2)? as u64 };
        out.entry(DocId::new(row.get(0)?)).or_default().push(touch);
    }
    Ok(out)
}
