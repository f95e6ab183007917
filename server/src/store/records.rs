//! The projection of open records: what coordinators' pages list. A cache of documents, never a source.

use std::cmp::Ordering;

use rusqlite::{ToSql, params};
use serde_json::{Map, Value, json};
use sync_core::ids::{DocId, SpaceId, TeamId};

use super::{Reader, StoreError, Tx, at_rest};

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

/// The step that seals what is shown of each record; [`super::settle`] moves what `records_open` holds.
pub(super) const STEP: &str = "
ALTER TABLE records RENAME TO records_open;
DROP INDEX records_by_kind;
DROP INDEX records_in_conflict;
CREATE TABLE records (
  team BLOB NOT NULL, space BLOB NOT NULL, doc BLOB NOT NULL, record TEXT NOT NULL,
  in_conflict INTEGER NOT NULL, shown BLOB NOT NULL, PRIMARY KEY (space, doc)
) STRICT;
CREATE INDEX records_by_kind ON records (team, record, doc);
CREATE INDEX records_in_conflict ON records (team, doc) WHERE in_conflict;
";

const COLUMNS: &str = "doc, space, record, shown";

/// Keeps what a record says.
pub(crate) fn put(tx: &Tx<'_>, team: TeamId, row: &RecordRow) -> Result<(), StoreError> {
    let shown = json!([row.fields, row.conflicts]).to_string();
    tx.prepare_cached(
        "INSERT OR REPLACE INTO records (team, space, doc, record, in_conflict, shown)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        team.as_bytes(),
        row.space.as_bytes(),
        row.doc.as_bytes(),
        row.record,
        !row.conflicts.is_empty(),
        at_rest::seal_record(tx, row.space, row.doc, shown.as_bytes())?,
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
    let mut latest: Vec<RecordRow> = Vec::new();
    let sort = |rows: &mut Vec<RecordRow>| {
        rows.sort_by(|a, b| {
            later(a.fields.get(latest_by), b.fields.get(latest_by)).then(a.doc.cmp(&b.doc))
        });
        rows.truncate(limit);
    };
    each(reader, OF_KIND, params![team.as_bytes(), record], |row| {
        latest.push(row);
        // Sorted now and then, so that no more than twice the limit is in memory.
        if latest.len() > 2 * limit {
            sort(&mut latest);
        }
        true
    })?;
    sort(&mut latest);
    Ok(latest)
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
    let mut found = Vec::new();
    each(reader, OF_KIND, params![team.as_bytes(), record], |row| {
        if row.text(field) == Some(value) {
            found.push(row);
        }
        found.len() < limit
    })?;
    Ok(found)
}

/// The records with open conflicts, at most `limit`.
pub(crate) fn in_conflict(
    reader: &Reader,
    team: TeamId,
    limit: usize,
) -> Result<Vec<RecordRow>, StoreError> {
    let mut found = Vec::new();
    let of_team = "team = ?1 AND in_conflict ORDER BY doc";
    each(reader, of_team, params![team.as_bytes()], |row| {
        found.push(row);
        found.len() < limit
    })?;
    Ok(found)
}

/// One record of a team.
pub(crate) fn get(
    reader: &Reader,
    team: TeamId,
    record: &str,
    doc: DocId,
) -> Result<Option<RecordRow>, StoreError> {
    let mut found = None;
    let of_doc = "team = ?1 AND record = ?2 AND doc = ?3";
    each(reader, of_doc, params![team.as_bytes(), record, doc.as_bytes()], |row| {
        found = Some(row);
        false
    })?;
    Ok(found)
}

const OF_KIND: &str = "team = ?1 AND record = ?2 ORDER BY doc";

/// Later ones first, numbers before texts, nothing last.
fn later(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let rank = |value: Option<&Value>| match value {
        Some(Value::String(_)) => 0,
        Some(Value::Number(_)) => 1,
        _ => 2,
    };
    match (a, b) {
        (Some(Value::String(a)), Some(Value::String(b))) => b.cmp(a),
        (Some(Value::Number(a)), Some(Value::Number(b))) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => b.cmp(&a),
            _ => b.as_f64().partial_cmp(&a.as_f64()).unwrap_or(Ordering::Equal),
        },
        _ => rank(a).cmp(&rank(b)),
    }
}

/// Hands every record that a condition names to `take` until it returns false. One that cannot be opened is left out
/// until it is merged anew.
fn each(
    reader: &Reader,
    condition: &str,
    values: &[&dyn ToSql],
    mut take: impl FnMut(RecordRow) -> bool,
) -> Result<(), StoreError> {
    let query = format!("SELECT {COLUMNS} FROM records WHERE {condition}");
    let mut statement = reader.prepare_cached(&query)?;
    let mut rows = statement.query(values)?;
    while let Some(row) = rows.next()? {
        let (doc, space) = (DocId::new(row.get(0)?), SpaceId::new(row.get(1)?));
        let kept: Vec<u8> = row.get(3)?;
        let Some(shown) = at_rest::open_record(reader, (space, doc), &kept)? else { continue };
        let [fields, conflicts] = serde_json::from_slice(&shown)
            .map_err(|_| StoreError::Damaged("a record's projection"))?;
        if !take(RecordRow { doc, space, record: row.get(2)?, fields, conflicts }) {
            break;
        }
    }
    Ok(())
}
