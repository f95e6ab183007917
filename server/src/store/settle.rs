//! What is set right when a relay starts, or a backup is prepared: bodies that lie open are sealed, documents whose
//! key is missing are asked for again, and keys that nothing needs are collected.
//!
//! Runs before anything is served, by whoever holds the folder's lock. A kill at any point leaves what the next start
//! goes on with.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value};
use sync_core::ids::{DocId, SpaceId, TeamId};
use sync_core::protocol::Envelope;

use super::keys::Place;
use super::records::{self, RecordRow};
use super::{Reader, Store, StoreError, Tx, at_rest, lock, meta};

/// Whether everything that documents say is sealed in this database.
const SEALED: &str = "at_rest";
/// Rows sealed in one transaction.
const BATCH: usize = 500;

/// Whether a database says that its documents are sealed, so that it is nothing without their keys.
pub(super) fn is_sealed(database: &Connection) -> Result<bool, StoreError> {
    Ok(meta::get(database, SEALED)?.is_some())
}

/// Documents that are known to a database and have no key.
const WITHOUT_KEY: &str = "SELECT d.space, d.doc FROM documents d WHERE NOT EXISTS
   (SELECT 1 FROM vault.places p WHERE p.space = d.space AND p.doc = d.doc)";
/// Keys of documents that were erased.
const ERASED: &str = "SELECT p.space, p.doc FROM vault.places p WHERE EXISTS
   (SELECT 1 FROM purged e WHERE e.space = p.space AND e.doc = p.doc)";
/// Keys of documents of which nothing is kept.
const NEEDLESS: &str = "SELECT p.space, p.doc FROM vault.places p
   WHERE NOT EXISTS (SELECT 1 FROM documents d WHERE d.space = p.space AND d.doc = p.doc)
     AND NOT EXISTS (SELECT 1 FROM items i WHERE i.space = p.space AND i.doc = p.doc
       AND length(i.envelope) > 0)
     AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE substr(q.envelope, 8, 16) = p.space
       AND substr(q.envelope, 24, 16) = p.doc)
     AND p.space <> ?1";

impl Store {
    /// Seals what lies open, marks documents without a key, lets the keys of erased ones go. How many documents have
    /// no key any more: their items are damaged rows from here on.
    ///
    /// # Errors
    /// Those of the store: disk full is the likely one. Nothing is lost then; the next start goes on.
    pub fn settle(&self) -> Result<usize, StoreError> {
        if !self.read(|reader| is_sealed(reader))? {
            self.seal_all()?;
        }
        self.forget_where(ERASED, &[])?;
        let lost = self.places_where(WITHOUT_KEY, &[])?;
        for chunk in lost.chunks(BATCH) {
            self.write(|tx| chunk.iter().try_for_each(|place| mark_lost(tx, *place)))?;
        }
        self.drop_unopenable()?;
        if !lost.is_empty() {
            let documents = lost.len();
            tracing::warn!(documents, "documents have no key; phones are asked for them");
        }
        Ok(lost.len())
    }

    /// Lets keys go that nothing needs: a write that was not committed left them.
    pub fn collect_keys(&self) -> Result<(), StoreError> {
        self.forget_where(NEEDLESS, &[&at_rest::NO_SPACE])
    }

    fn forget_where(&self, query: &str, values: &[&dyn rusqlite::ToSql]) -> Result<(), StoreError> {
        let places: BTreeSet<Place> = self.places_where(query, values)?.into_iter().collect();
        if places.is_empty() { Ok(()) } else { self.keys.forget(&places) }
    }

    /// Places that a query over both files names.
    fn places_where(
        &self,
        query: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<Place>, StoreError> {
        let both = super::connect(&self.path, rusqlite::OpenFlags::empty())?;
        both.execute("ATTACH ?1 AS vault", [self.keys.path().to_string_lossy()])?;
        let mut statement = both.prepare(query)?;
        let rows = statement
            .query_map(values, |row| Ok((SpaceId::new(row.get(0)?), DocId::new(row.get(1)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Seals every row of a database from before there were keys.
    fn seal_all(&self) -> Result<(), StoreError> {
        let mut sealed = 0;
        for step in [seal_items, seal_documents, seal_refused, seal_records] {
            let mut from = 0;
            while let Some(last) = self.write(|tx| step(tx, from))? {
                sealed += 1;
                from = last;
            }
        }
        if sealed > 0 {
            tracing::info!("what the database held in the clear is sealed now");
            // Written anew: what stood there in the clear is in no free space of it.
            lock(&self.writer).execute_batch("VACUUM")?;
        }
        self.write(|tx| {
            tx.execute_batch("DROP TABLE IF EXISTS records_open")?;
            meta::put(tx, SEALED, b"1")
        })?;
        self.tidy().map(|_| ())
    }

    /// Takes out what was refused and cannot be opened any more, so that whoever pushes it again is heard.
    fn drop_unopenable(&self) -> Result<(), StoreError> {
        let gone: Vec<i64> = self.read(|reader| {
            let mut statement = reader.prepare("SELECT rowid, envelope FROM quarantine")?;
            let mut rows = statement.query([])?;
            let mut gone = Vec::new();
            while let Some(row) = rows.next()? {
                let kept: Vec<u8> = row.get(1)?;
                let place = at_rest::place_of(&kept);
                if place.is_some() && at_rest::open_envelope(reader, &kept)?.is_none() {
                    gone.push(row.get(0)?);
                }
            }
            Ok::<_, StoreError>(gone)
        })?;
        if gone.is_empty() {
            return Ok(());
        }
        self.write(|tx| {
            let mut delete = tx.prepare("DELETE FROM quarantine WHERE rowid = ?1")?;
            gone.iter().try_for_each(|row| delete.execute([row]).map(|_| ()))?;
            Ok(())
        })
    }
}

/// Marks what a log holds of a document as damaged: whoever holds it is asked for it.
fn mark_lost(tx: &Tx<'_>, (space, doc): Place) -> Result<(), StoreError> {
    for statement in [
        "INSERT OR IGNORE INTO damaged (id, space) SELECT id, space FROM items
         WHERE space = ?1 AND doc = ?2 AND kind IN (1, 2) AND code = ''",
        "UPDATE documents SET saved = NULL WHERE space = ?1 AND doc = ?2",
        "DELETE FROM records WHERE space = ?1 AND doc = ?2",
    ] {
        tx.prepare_cached(statement)?.execute(params![space.as_bytes(), doc.as_bytes()])?;
    }
    // So that it is marked once: whatever is handed back is sealed under this one.
    tx.key_for((space, doc)).map(|_| ())
}

/// A batch of rows after a row id: the last of them, or none if there are no more.
type Sealed = Result<Option<i64>, StoreError>;

fn rows_after(reader: &Reader, query: &str, from: i64) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    let mut statement = reader.prepare_cached(query)?;
    let rows =
        statement.query_map(params![from, BATCH as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn seal_items(tx: &Tx<'_>, from: i64) -> Sealed {
    let query = "SELECT rowid, envelope FROM items WHERE rowid > ?1 AND kind IN (1, 2)
       ORDER BY rowid LIMIT ?2";
    let rows = rows_after(tx, query, from)?;
    let mut update = tx.prepare_cached("UPDATE items SET envelope = ?2 WHERE rowid = ?1")?;
    for (row, kept) in &rows {
        // What is sealed already, damaged or erased is none.
        if let Ok(envelope) = Envelope::from_bytes(kept) {
            update.execute(params![row, at_rest::seal_envelope(tx, &envelope)?])?;
        }
    }
    Ok(rows.last().map(|(row, _)| *row))
}

fn seal_documents(tx: &Tx<'_>, from: i64) -> Sealed {
    let query = "SELECT rowid, saved FROM documents WHERE rowid > ?1 AND saved IS NOT NULL
       ORDER BY rowid LIMIT ?2";
    let rows = rows_after(tx, query, from)?;
    let mut place = tx.prepare_cached("SELECT space, doc FROM documents WHERE rowid = ?1")?;
    let mut update = tx.prepare_cached("UPDATE documents SET saved = ?2 WHERE rowid = ?1")?;
    for (row, kept) in &rows {
        let (space, doc) = place.query_row([row], |found| {
            Ok((SpaceId::new(found.get(0)?), DocId::new(found.get(1)?)))
        })?;
        if at_rest::open_document(tx, (space, doc), kept)?.is_none() {
            update.execute(params![row, at_rest::seal_document(tx, space, doc, kept)?])?;
        }
    }
    Ok(rows.last().map(|(row, _)| *row))
}

fn seal_refused(tx: &Tx<'_>, from: i64) -> Sealed {
    let query = "SELECT rowid, envelope FROM quarantine WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";
    let rows = rows_after(tx, query, from)?;
    let mut team = tx.prepare_cached("SELECT team FROM quarantine WHERE rowid = ?1")?;
    let mut update = tx.prepare_cached("UPDATE quarantine SET envelope = ?2 WHERE rowid = ?1")?;
    for (row, kept) in &rows {
        let team = team.query_row([row], |found| found.get(0).map(TeamId::new))?;
        let is_sealed = Envelope::from_bytes(kept).is_err()
            && (at_rest::open_envelope(tx, kept)?.is_some()
                || at_rest::is_sealed_unreadable(tx, team, kept)?);
        if !is_sealed {
            update.execute(params![row, at_rest::seal_refused(tx, team, kept)?])?;
        }
    }
    Ok(rows.last().map(|(row, _)| *row))
}

fn seal_records(tx: &Tx<'_>, from: i64) -> Sealed {
    let there = "SELECT 1 FROM sqlite_master WHERE name = 'records_open'";
    if tx.query_row(there, [], |_| Ok(())).optional()?.is_none() {
        return Ok(None);
    }
    let mut select = tx.prepare(
        "SELECT rowid, team, space, doc, record, fields, conflicts FROM records_open
         WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
    )?;
    let mut rows = select.query(params![from, BATCH as i64])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        last = Some(row.get(0)?);
        let object = |text: String| -> Result<Map<String, Value>, StoreError> {
            serde_json::from_str(&text).map_err(|_| StoreError::Damaged("a record's projection"))
        };
        let record = RecordRow {
            doc: DocId::new(row.get(3)?),
            space: SpaceId::new(row.get(2)?),
            record: row.get(4)?,
            fields: object(row.get(5)?)?,
            conflicts: object(row.get(6)?)?,
        };
        records::put(tx, TeamId::new(row.get(1)?), &record)?;
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sync_core::protocol::Day;

    use super::super::{documents, purged};
    use super::*;

    fn place(n: u8) -> Place {
        (SpaceId::new([1; 16]), DocId::new([n; 16]))
    }

    #[test]
    fn keys_that_a_kill_left_behind_go_at_the_next_start_and_no_others() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path()).expect("opens");
        let (space, kept) = place(1);
        store.write(|tx| documents::put(tx, space, kept, 10, Some(b"words"))).expect("writes");
        // Killed after the key was kept and before its row was committed; and after the tombstone, before its key went.
        let left = [2, 3].map(|n| (place(n), at_rest::fresh_key()));
        store.keys.keep(&BTreeMap::from(left)).expect("kept");
        store.write(|tx| purged::foreclose(tx, space, place(3).1, Day(1))).expect("writes");
        drop(store);
        let store = Store::open(folder.path()).expect("opens again");
        assert_eq!(store.settle().expect("settles"), 0);
        store.collect_keys().expect("collects");
        let held = |n| store.keys.get(place(n)).expect("reads").is_some();
        assert_eq!([1, 2, 3].map(held), [true, false, false]);
        let row = store.read(|reader| documents::get(reader, space, kept)).expect("reads");
        assert_eq!(row.and_then(|row| row.saved).as_deref(), Some(&b"words"[..]));
    }

    #[test]
    fn a_document_that_is_erased_loses_its_key_with_the_commit_and_not_without() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path()).expect("opens");
        let (space, doc) = place(1);
        store.write(|tx| documents::put(tx, space, doc, 10, Some(b"words"))).expect("writes");
        let failed: Result<(), StoreError> = store.write(|tx| {
            purged::erase(tx, space, doc, Day(1))?;
            Err(StoreError::Damaged("a test"))
        });
        assert!(failed.is_err());
        let held = || store.keys.get((space, doc)).expect("reads").is_some();
        assert!(held());
        store.write(|tx| purged::erase(tx, space, doc, Day(1))).expect("writes");
        assert!(!held());
        // Begun and erased in one step, it never had a key that anybody kept.
        let (_, short) = place(2);
        store
            .write(|tx| {
                documents::put(tx, space, short, 10, Some(b"words"))?;
                purged::erase(tx, space, short, Day(1))
            })
            .expect("writes");
        assert!(store.keys.get((space, short)).expect("reads").is_none());
    }
}
