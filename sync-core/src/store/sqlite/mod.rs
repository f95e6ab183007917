//! The encrypted file of a native phone: SQLite under SQLCipher, one table for each [`Table`].
//!
//! Invariants: pages reach the disk encrypted (in the database and in its log alike); `commit` returns after
//! the log was synced; one process at a time holds the file. A file that does not open is never written to.
//! This is no general SQL door: keys and values are bytes, and every statement is in `statements`.

mod migrations;
mod open;
mod statements;

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};

use crate::engine::{Entry, Store, StoreError, Table, Transaction};

use super::prefix_end;
use statements::Statements;

pub use open::OpenError;

/// A phone's store in an encrypted file. Made by [`SqliteStore::open`] and [`SqliteStore::open_existing`].
pub struct SqliteStore {
    connection: Connection,
    statements: Statements,
}

impl Store for SqliteStore {
    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        let inner = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(store_error)?;
        Ok(Box::new(SqliteTransaction { inner, statements: &self.statements, failed: false }))
    }

    /// Freed pages are overwritten as they are freed (`secure_delete`). Here the log is emptied, which had them before,
    /// and the file is cut to what it holds.
    fn scrub(&mut self) -> Result<(), StoreError> {
        self.empty_log()?;
        self.connection.execute_batch("VACUUM").map_err(store_error)?;
        self.empty_log()
    }
}

/// Somebody else reads the log, which one process alone holds.
#[derive(Debug, thiserror::Error)]
#[error("the database's log could not be emptied")]
struct LogInUse;

impl SqliteStore {
    fn empty_log(&self) -> Result<(), StoreError> {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 =
            self.connection.query_row(sql, [], |row| row.get(0)).map_err(store_error)?;
        if busy == 0 { Ok(()) } else { Err(StoreError::Failed(Box::new(LogInUse))) }
    }
}

struct SqliteTransaction<'a> {
    inner: rusqlite::Transaction<'a>,
    statements: &'a Statements,
    /// A write failed. SQLite may have ended the transaction on its own, after which a further write would
    /// commit by itself: none is let through.
    failed: bool,
}

/// A write of the same transaction failed before.
#[derive(Debug, thiserror::Error)]
#[error("an earlier write of this transaction failed")]
struct AlreadyFailed;

/// A page that does not authenticate.
#[derive(Debug, thiserror::Error)]
#[error("the database file is damaged; keep it, and restore a backup beside it")]
struct Damaged;

/// A value, if its row was read to the end.
///
/// SQLCipher hands a page that fails authentication out as zeros. In a page that lists rows, or in the middle of
/// a long value, SQLite finds that by itself; in the last page of a long value nothing would. The mark is stored
/// behind the value and is not zero, so it is gone with that page.
fn whole(value: Vec<u8>, mark: i64) -> Result<Vec<u8>, StoreError> {
    if mark == statements::MARK { Ok(value) } else { Err(StoreError::Failed(Box::new(Damaged))) }
}

impl SqliteTransaction<'_> {
    fn write(&mut self, sql: &str, params: impl rusqlite::Params) -> Result<(), StoreError> {
        self.refuse_after_failure()?;
        let done = self.inner.prepare_cached(sql).and_then(|mut s| s.execute(params));
        self.failed = done.is_err();
        done.map(|_| ()).map_err(store_error)
    }

    fn refuse_after_failure(&self) -> Result<(), StoreError> {
        if self.failed { Err(StoreError::Failed(Box::new(AlreadyFailed))) } else { Ok(()) }
    }
}

impl Transaction for SqliteTransaction<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.refuse_after_failure()?;
        let sql = &self.statements.of(table).get;
        let mut statement = self.inner.prepare_cached(sql).map_err(store_error)?;
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let found = statement.query_row([key], row).optional().map_err(store_error)?;
        found.map(|(value, mark)| whole(value, mark)).transpose()
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.write(&self.statements.of(table).put, params![key, value])
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.write(&self.statements.of(table).delete, [key])
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.refuse_after_failure()?;
        let (start, strict) = match after {
            Some(after) if after >= prefix => (after, true),
            _ => (prefix, false),
        };
        let end = prefix_end(prefix);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = self.statements.of(table).scan(strict, end.is_some());
        let mut statement = self.inner.prepare_cached(sql).map_err(store_error)?;
        let entry = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let rows = match end {
            Some(end) => statement.query_map(params![start, limit, end], entry),
            None => statement.query_map(params![start, limit], entry),
        };
        let mut entries = Vec::new();
        for row in rows.map_err(store_error)? {
            let (key, value, mark) = row.map_err(store_error)?;
            entries.push((key, whole(value, mark)?));
        }
        Ok(entries)
    }

    fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.refuse_after_failure()?;
        self.inner.commit().map_err(store_error)
    }
}

/// What a caller can do about an error of SQLite.
fn store_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::WrongKey,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        Some(ErrorCode::DiskFull | ErrorCode::ReadOnly) => StoreError::Full,
        _ => StoreError::Failed(Box::new(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, SqliteStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("phone.db"), &[7; 32]).unwrap();
        (dir, store)
    }

    fn pragma(store: &SqliteStore, name: &str) -> i64 {
        store.connection.pragma_query_value(None, name, |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_full_disk_undoes_the_transaction_and_leaves_the_store_usable() {
        let (_dir, mut store) = store();
        let pages = pragma(&store, "page_count");
        store.connection.pragma_update(None, "max_page_count", pages + 2).unwrap();
        let mut tx = store.begin().unwrap();
        tx.put(Table::Meta, b"small", b"fits").unwrap();
        let full = tx.put(Table::Envelopes, b"big", &[1; 1 << 20]);
        assert!(matches!(full, Err(StoreError::Full)), "{full:?}");
        assert!(tx.put(Table::Meta, b"later", b"must not commit by itself").is_err());
        assert!(tx.get(Table::Meta, b"small").is_err());
        assert!(tx.commit().is_err());

        store.connection.pragma_update(None, "max_page_count", 1 << 20).unwrap();
        let mut tx = store.begin().unwrap();
        assert_eq!(tx.scan(Table::Meta, b"", None, 10).unwrap(), vec![]);
        tx.put(Table::Envelopes, b"big", &[1; 1 << 20]).unwrap();
        tx.commit().unwrap();
    }

    #[test]
    fn scrubbing_leaves_no_free_page_and_an_empty_log_and_keeps_every_row() {
        let (dir, mut store) = store();
        let fresh = pragma(&store, "page_count");
        let mut tx = store.begin().unwrap();
        tx.put(Table::Envelopes, b"big", &[1; 1 << 20]).unwrap();
        tx.put(Table::Meta, b"small", b"stays").unwrap();
        tx.commit().unwrap();
        let mut tx = store.begin().unwrap();
        tx.delete(Table::Envelopes, b"big").unwrap();
        tx.commit().unwrap();
        assert!(pragma(&store, "freelist_count") > 100, "the file has what there is to scrub");
        store.scrub().unwrap();
        store.scrub().unwrap();
        assert_eq!(pragma(&store, "freelist_count"), 0);
        assert_eq!(pragma(&store, "page_count"), fresh);
        let log = std::fs::metadata(dir.path().join("phone.db-wal")).unwrap();
        assert_eq!(log.len(), 0);
        let tx = store.begin().unwrap();
        assert_eq!(tx.get(Table::Meta, b"small").unwrap().as_deref(), Some(b"stays".as_slice()));
    }

    #[test]
    fn the_connection_is_durable_exclusive_and_leaves_nothing_in_plain_temporary_files() {
        let (_dir, store) = store();
        for (name, value) in [
            ("synchronous", 2),
            ("fullfsync", 1),
            ("checkpoint_fullfsync", 1),
            ("secure_delete", 1),
            ("temp_store", 2),
            ("cell_size_check", 1),
            ("trusted_schema", 0),
        ] {
            assert_eq!(pragma(&store, name), value, "{name}");
        }
        let text = |name| -> String {
            store.connection.pragma_query_value(None, name, |row| row.get(0)).unwrap()
        };
        assert_eq!(text("journal_mode"), "wal");
        assert_eq!(text("locking_mode"), "exclusive");
        assert_eq!(text("cipher_provider"), "openssl");
    }

    #[test]
    fn a_scan_is_a_range_query_on_the_key() {
        let (_dir, store) = store();
        for table in Table::ALL {
            for (strict, bounded) in [(false, false), (false, true), (true, false), (true, true)] {
                let sql = store.statements.of(table).scan(strict, bounded);
                let explain = format!("EXPLAIN QUERY PLAN {sql}");
                let mut statement = store.connection.prepare(&explain).unwrap();
                let mut rows = statement.raw_query();
                let plan: String = rows.next().unwrap().unwrap().get(3).unwrap();
                assert!(plan.starts_with("SEARCH") && plan.contains("key>"), "{plan}");
                assert_eq!(plan.contains("key<"), bounded, "{plan}");
            }
        }
    }
}
