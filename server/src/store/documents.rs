//! Documents: the merged bytes of open ones (a cache of their envelopes) and each device's number of changes.

use rusqlite::{OptionalExtension, params};
use sync_core::ids::{DeviceId, DocId, SpaceId};

use super::{Reader, StoreError, Tx, at_rest};

/// A document as the relay keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DocumentRow {
    /// Its record kind.
    pub record: u16,
    /// The merged bytes; `None` for a sealed document, which the relay cannot merge, and for an open one whose copy
    /// cannot be read: it is merged anew from its changes.
    pub saved: Option<Vec<u8>>,
}

/// The document of this id in a space.
pub(crate) fn get(
    reader: &Reader,
    space: SpaceId,
    doc: DocId,
) -> Result<Option<DocumentRow>, StoreError> {
    let mut statement = reader
        .prepare_cached("SELECT record, saved FROM documents WHERE space = ?1 AND doc = ?2")?;
    let found = statement
        .query_row(params![space.as_bytes(), doc.as_bytes()], |row| {
            Ok((row.get(0)?, row.get::<_, Option<Vec<u8>>>(1)?))
        })
        .optional()?;
    let Some((record, kept)) = found else { return Ok(None) };
    let saved = match kept {
        Some(kept) => at_rest::open_document(reader, (space, doc), &kept)?,
        None => None,
    };
    Ok(Some(DocumentRow { record, saved }))
}

/// Whether there is a document of this id in a space.
pub(crate) fn exists(reader: &Reader, space: SpaceId, doc: DocId) -> Result<bool, StoreError> {
    Ok(reader
        .prepare_cached("SELECT 1 FROM documents WHERE space = ?1 AND doc = ?2")?
        .exists(params![space.as_bytes(), doc.as_bytes()])?)
}

/// Bytes that its log keeps of a document.
pub(crate) fn size(reader: &Reader, space: SpaceId, doc: DocId) -> Result<usize, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT coalesce(sum(length(envelope)), 0) FROM items WHERE space = ?1 AND doc = ?2",
    )?;
    let key = params![space.as_bytes(), doc.as_bytes()];
    Ok(statement.query_row(key, |row| row.get::<_, i64>(0))? as usize)
}

/// Keeps a document.
pub(crate) fn put(
    tx: &Tx<'_>,
    space: SpaceId,
    doc: DocId,
    record: u16,
    saved: Option<&[u8]>,
) -> Result<(), StoreError> {
    let saved = saved.map(|saved| at_rest::seal_document(tx, space, doc, saved)).transpose()?;
    tx.prepare_cached(
        "INSERT INTO documents (space, doc, record, saved) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (space, doc) DO UPDATE SET saved = excluded.saved",
    )?
    .execute(params![space.as_bytes(), doc.as_bytes(), record, saved])?;
    Ok(())
}

/// How many changes of a device a document holds.
pub(crate) fn changes_of(
    reader: &Reader,
    space: SpaceId,
    doc: DocId,
    device: DeviceId,
) -> Result<u64, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT changes FROM document_changes WHERE space = ?1 AND doc = ?2 AND device = ?3",
    )?;
    let count: Option<i64> = statement
        .query_row(params![space.as_bytes(), doc.as_bytes(), device.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(count.unwrap_or(0) as u64)
}

/// Counts one more change of a device in a document.
pub(crate) fn count_change(
    tx: &Tx<'_>,
    space: SpaceId,
    doc: DocId,
    device: DeviceId,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO document_changes (space, doc, device, changes) VALUES (?1, ?2, ?3, 1)
         ON CONFLICT (space, doc, device) DO UPDATE SET changes = changes + 1",
    )?
    .execute(params![space.as_bytes(), doc.as_bytes(), device.as_bytes()])?;
    Ok(())
}
