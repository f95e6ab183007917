//! What is left of erased documents, and the erasure itself.

use rusqlite::{OptionalExtension, params};
use sync_core::ids::{DeviceId, DocId, SpaceId};
use sync_core::protocol::{Code, Day};

use super::{Reader, StoreError, Tx};

/// The step that adds tombstones, and finds the rows of one document.
pub(super) const STEP: &str = "
CREATE TABLE purged (
  space BLOB NOT NULL, doc BLOB NOT NULL, day INTEGER NOT NULL, PRIMARY KEY (space, doc)
) STRICT, WITHOUT ROWID;
CREATE INDEX items_by_doc ON items (space, doc, seq);
";

/// Whether a document was erased for good.
pub(crate) fn is_purged(reader: &Reader, space: SpaceId, doc: DocId) -> Result<bool, StoreError> {
    let mut statement = reader
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM purged WHERE space = ?1 AND doc = ?2)")?;
    Ok(statement.query_row(params![space.as_bytes(), doc.as_bytes()], |row| row.get(0))?)
}

/// The device that wrote a document's first change in the log; what was set aside is no part of it.
pub(crate) fn written_by(
    reader: &Reader,
    space: SpaceId,
    doc: DocId,
) -> Result<Option<DeviceId>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT device FROM items
         WHERE space = ?1 AND doc = ?2 AND kind IN (1, 2) AND code IN ('', ?3)
         ORDER BY seq LIMIT 1",
    )?;
    let key = params![space.as_bytes(), doc.as_bytes(), Code::Purged.as_str()];
    Ok(statement.query_row(key, |row| row.get(0).map(DeviceId::new)).optional()?)
}

/// Whether a document goes on from one that the space holds or held. An id does not tell; so all are asked.
pub(crate) fn continues(reader: &Reader, space: SpaceId, doc: DocId) -> Result<bool, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT doc FROM documents WHERE space = ?1 UNION SELECT doc FROM purged WHERE space = ?1",
    )?;
    let mut rows = statement.query([space.as_bytes()])?;
    while let Some(row) = rows.next()? {
        if DocId::new(row.get(0)?).successor() == doc {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Leaves a tombstone without anything to erase: of the document that an erased one would go on in.
pub(crate) fn foreclose(
    tx: &Tx<'_>,
    space: SpaceId,
    doc: DocId,
    day: Day,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO purged (space, doc, day) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?
    .execute(params![space.as_bytes(), doc.as_bytes(), day.0])?;
    Ok(())
}

/// Erases a document: every body, the merged copy, what the page shows of it, and with the commit its key, so that no
/// copy of the database opens it. Positions, ids and numbers stay, and a tombstone. The database overwrites what it
/// frees; whoever commits this calls [`super::Store::tidy`] then.
pub(crate) fn erase(tx: &Tx<'_>, space: SpaceId, doc: DocId, day: Day) -> Result<(), StoreError> {
    let key = params![space.as_bytes(), doc.as_bytes()];
    foreclose(tx, space, doc, day)?;
    tx.doom_key((space, doc));
    tx.prepare_cached(
        "UPDATE items SET envelope = x'', code = CASE code WHEN '' THEN ?3 ELSE code END
         WHERE space = ?1 AND doc = ?2 AND kind IN (1, 2)",
    )?
    .execute(params![space.as_bytes(), doc.as_bytes(), Code::Purged.as_str()])?;
    for statement in [
        "DELETE FROM damaged WHERE id IN
           (SELECT id FROM items WHERE space = ?1 AND doc = ?2 AND kind IN (1, 2))",
        "DELETE FROM documents WHERE space = ?1 AND doc = ?2",
        "DELETE FROM document_changes WHERE space = ?1 AND doc = ?2",
        "DELETE FROM records WHERE space = ?1 AND doc = ?2",
        // An envelope begins with its header: the space at byte 7, the document at byte 23. There is an index on both.
        "DELETE FROM quarantine WHERE substr(envelope, 8, 16) = ?1 AND substr(envelope, 24, 16) = ?2",
    ] {
        tx.prepare_cached(statement)?.execute(key)?;
    }
    Ok(())
}
