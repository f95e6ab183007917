//! The projection of open records: what coordinators' pages list. A cache of documents, never a source.

use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Map, Value};
use sync_core::ids::{DocId, SpaceId, TeamId};

use super::{Reader, StoreError, Tx};

/// An open record as its documents say it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RecordRow {
    /// Its document.
    pub doc: DocId,
    /// Its space.
    pub space: SpaceId,
    /// The kind of record.
    pub record: String,
    /// The value shown, by field.
    pub fields: Map<String, Value>,
    /// All values of the fields that people wrote at once.
    pub conflicts: Map<String, Value>,
}

impl RecordRow {
    /// The text of a field.
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str)
    }
}

const COLUMNS: &str = "doc, space, record, fields, conflicts";

/// Keeps what a record says.
pub(crate) fn put(tx: &Tx<'_>, team: TeamId, row: &RecordRow) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO records (team, space, doc, record, fields, conflicts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        team.as_bytes(),
        row.space.as_bytes(),
        row.doc.as_bytes(),
        row.record,
        Value::Object(row.fields.clone()).to_string(),
        Value::Object(row.conflicts.clone()).to_string(),
    ])?;
    Ok(())
}

/// The records of a kind, latest first by a time field (those without it last), at most `limit`.
pub(crate) fn list(
    reader: &Reader,
    team: TeamId,
    record: &str,
    latest_by: &str,
    limit: usize,
) -> Result<Vec<RecordRow>, StoreError> {
    let mut statement = reader.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM records WHERE team = ?1 AND record = ?2
         ORDER BY json_extract(fields, '$.' || ?3) DESC NULLS LAST, doc LIMIT ?4"
    ))?;
    let rows =
        statement.query_map(params![team.as_bytes(), record, latest_by, limit as i64], parts)?;
    rows.map(|row| row_of(row?)).collect()
}

/// The records of a kind whose field has this text, at most `limit`.
pub(crate) fn list_where(
    reader: &Reader,
    team: TeamId,
    record: &str,
    field: &str,
    value: &str,
    limit: usize,
) -> Result<Vec<RecordRow>, StoreError> {
    let mut statement = reader.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM records WHERE team = ?1 AND record = ?2
           AND json_extract(fields, '$.' || ?3) = ?4 ORDER BY doc LIMIT ?5"
    ))?;
    let rows =
        statement.query_map(params![team.as_bytes(), record, field, value, limit as i64], parts)?;
    rows.map(|row| row_of(row?)).collect()
}

/// The records with open conflicts, at most `limit`.
pub(crate) fn in_conflict(
    reader: &Reader,
    team: TeamId,
    limit: usize,
) -> Result<Vec<RecordRow>, StoreError> {
    let mut statement = reader.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM records WHERE team = ?1 AND conflicts <> '{{}}' ORDER BY doc LIMIT ?2"
    ))?;
    let rows = statement.query_map(params![team.as_bytes(), limit as i64], parts)?;
    rows.map(|row| row_of(row?)).collect()
}

/// One record of a team.
pub(crate) fn get(
    reader: &Reader,
    team: TeamId,
    record: &str,
    doc: DocId,
) -> Result<Option<RecordRow>, StoreError> {
    let mut statement = reader.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM records WHERE team = ?1 AND record = ?2 AND doc = ?3"
    ))?;
    let found =
        statement.query_row(params![team.as_bytes(), record, doc.as_bytes()], parts).optional()?;
    found.map(row_of).transpose()
}

type Parts = ([u8; 16], [u8; 16], String, String, String);

fn parts(row: &Row<'_>) -> Result<Parts, rusqlite::Error> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
}

fn row_of((doc, space, record, fields, conflicts): Parts) -> Result<RecordRow, StoreError> {
    let object = |text: &str| {
        serde_json::from_str(text).map_err(|_| StoreError::Damaged("a record's projection"))
    };
    Ok(RecordRow {
        doc: DocId::new(doc),
        space: SpaceId::new(space),
        record,
        fields: object(&fields)?,
        conflicts: object(&conflicts)?,
    })
}
