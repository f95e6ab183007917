//! The relay's storage: one SQLite file, one writer, a small pool of readers.
//!
//! Not a phone's store: nothing here is encrypted, because nothing here is a reading key. Invariant: writers
//! take a `Tx`, readers a `Reader`; whatever `Store::write` returned is durable. Called by `relay` and `console`.

pub(crate) mod audit;
pub(crate) mod console;
pub(crate) mod cosigns;
pub(crate) mod devices;
pub(crate) mod documents;
mod error;
pub(crate) mod incarnations;
pub(crate) mod invites;
pub(crate) mod items;
pub(crate) mod mend;
pub(crate) mod meta;
pub(crate) mod purged;
pub(crate) mod quarantine;
pub(crate) mod records;
pub(crate) mod recovery;
pub(crate) mod requests;
mod schema;
pub(crate) mod spaces;
pub(crate) mod vouched;
pub(crate) mod wiped;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

pub use error::StoreError;

/// A write transaction. Dropped without commit, it leaves nothing behind.
pub(crate) type Tx<'a> = rusqlite::Transaction<'a>;
/// A connection that only reads.
pub(crate) type Reader = Connection;

/// SQLite before this version can corrupt a database in WAL mode.
const OLDEST_SQLITE: i32 = 3_051_003;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_READERS: usize = 4;
const STATEMENTS: usize = 96;

/// The relay's database.
pub struct Store {
    path: std::path::PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    /// Whether something erased may still stand in the write-ahead log.
    untidy: AtomicBool,
}

/// A lock that a panicking holder released: the transaction it held was rolled back, so the data is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Opens or creates the database `relay.db` in a folder and brings its schema up to date.
    ///
    /// # Errors
    /// `OldSqlite` if the program was built with a SQLite that can corrupt WAL databases, `Newer` if a newer
    /// program wrote the file.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        check_version(rusqlite::version_number())?;
        create_private_folder(folder)?;
        let path = folder.join("relay.db");
        let mut writer = connect(&path, OpenFlags::SQLITE_OPEN_CREATE)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        schema::migrate(&mut writer)?;
        let (writer, readers) = (Mutex::new(writer), Mutex::new(Vec::new()));
        let store = Self { path, writer, readers, untidy: AtomicBool::new(false) };
        // A process that was killed may have erased something and not come to this.
        store.tidy()?;
        Ok(store)
    }

    /// Looks through the whole file for damage; takes as long as reading it.
    ///
    /// # Errors
    /// `Damaged` if there is any.
    pub fn quick_check(&self) -> Result<(), StoreError> {
        let writer = lock(&self.writer);
        let verdict: String = writer.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict == "ok" { Ok(()) } else { Err(StoreError::Damaged("its quick check")) }
    }

    /// Runs one write transaction: durable when this returns `Ok`, undone when it returns `Err`.
    pub(crate) fn write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut writer = lock(&self.writer);
        let tx = writer
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(StoreError::from)?;
        let out = work(&tx)?;
        tx.commit().map_err(StoreError::from)?;
        if self.untidy.load(Ordering::Relaxed) {
            // It is committed whatever comes of this.
            let _ = self.empty_log(&writer, Duration::ZERO);
        }
        Ok(out)
    }

    /// Runs reads on one consistent state of the database.
    pub(crate) fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Reader) -> Result<T, E>,
    ) -> Result<T, E> {
        let idle = lock(&self.readers).pop();
        let reader = match idle {
            Some(reader) => reader,
            None => connect(&self.path, OpenFlags::empty())?,
        };
        let snapshot = reader.unchecked_transaction().map_err(StoreError::from)?;
        let out = work(&snapshot);
        snapshot.finish().map_err(StoreError::from)?;
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE_READERS {
            readers.push(reader);
        }
        out
    }

    /// Moves the write-ahead log into the database file, when nothing more is coming. False if somebody who reads
    /// was waited for in vain.
    pub fn checkpoint(&self) -> Result<bool, StoreError> {
        lock(&self.readers).clear();
        self.empty_log(&lock(&self.writer), BUSY_TIMEOUT)
    }

    /// Empties the write-ahead log after something was erased: now, or with the first write after whoever reads now.
    /// Nobody is waited for. False if it is still to come.
    pub(crate) fn tidy(&self) -> Result<bool, StoreError> {
        self.untidy.store(true, Ordering::Relaxed);
        self.empty_log(&lock(&self.writer), Duration::ZERO)
    }

    /// SQLite reports a log that it could not empty in the answer's first column, not as an error.
    fn empty_log(&self, writer: &Connection, patience: Duration) -> Result<bool, StoreError> {
        writer.busy_timeout(patience)?;
        let busy = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
        writer.busy_timeout(BUSY_TIMEOUT)?;
        let busy: bool = busy?;
        if !busy {
            self.untidy.store(false, Ordering::Relaxed);
        }
        Ok(!busy)
    }
}

fn check_version(version: i32) -> Result<(), StoreError> {
    if version < OLDEST_SQLITE {
        return Err(StoreError::OldSqlite { found: version });
    }
    Ok(())
}

/// Only the operator's own account may look into the folder.
pub(crate) fn create_private_folder(folder: &Path) -> Result<(), StoreError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(StoreError::Folder)
}

/// Opens a folder's database to look only: nothing is brought up to date, and its log stays what it is.
///
/// # Errors
/// As for [`Store::open`]; and if there is none.
pub(crate) fn look_into(folder: &Path) -> Result<Reader, StoreError> {
    check_version(rusqlite::version_number())?;
    let reader = open(&folder.join("relay.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    schema::check_known(&reader)?;
    Ok(reader)
}

fn connect(path: &Path, extra: OpenFlags) -> Result<Connection, StoreError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | extra)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_NO_MUTEX | flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Set explicitly: defaults differ by build, and NORMAL would lose acknowledged commits at power loss.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // What is erased is overwritten, not only forgotten.
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_sqlite_is_refused_with_its_version() {
        let error = check_version(3_051_002).expect_err("too old");
        assert!(error.to_string().contains("3.51.3"), "{error}");
        assert!(check_version(OLDEST_SQLITE).is_ok());
    }

    /// Whether bytes stand in the database or its log.
    fn stands_in(folder: &Path, words: &[u8]) -> bool {
        ["relay.db", "relay.db-wal"].iter().any(|name| {
            let bytes = std::fs::read(folder.join(name)).unwrap_or_default();
            bytes.windows(words.len()).any(|window| window == words)
        })
    }

    #[test]
    fn what_was_erased_while_somebody_read_leaves_the_log_with_the_next_write() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path()).expect("opens");
        store.write(|tx| meta::put(tx, "a", b"CANARY-4711")).expect("writes");
        store
            .read(|_| {
                // A transaction reads from its first statement on.
                let slow = connect(&store.path, OpenFlags::empty())?;
                let reading = slow.unchecked_transaction()?;
                reading.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))?;
                store.write(|tx| meta::put(tx, "a", b"-"))?;
                let begun = std::time::Instant::now();
                assert!(!store.tidy()?, "somebody reads");
                assert!(begun.elapsed() < BUSY_TIMEOUT / 4, "nobody waits for them");
                reading.finish()?;
                Ok::<_, StoreError>(())
            })
            .expect("reads");
        assert!(stands_in(folder.path(), b"CANARY-4711"), "the search finds it before");
        store.write(|tx| meta::put(tx, "b", b"-")).expect("writes");
        assert!(!stands_in(folder.path(), b"CANARY-4711"));
    }

    #[test]
    fn what_a_killed_process_had_erased_leaves_the_log_when_the_relay_starts() {
        let (folder, copy) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
        let store = Store::open(folder.path()).expect("opens");
        store.write(|tx| meta::put(tx, "a", b"CANARY-4711")).expect("writes");
        store.write(|tx| meta::put(tx, "a", b"-")).expect("writes");
        // The files as a kill at this moment leaves them.
        for name in ["relay.db", "relay.db-wal"] {
            std::fs::copy(folder.path().join(name), copy.path().join(name)).expect("copied");
        }
        assert!(stands_in(copy.path(), b"CANARY-4711"), "the search finds it before");
        let _store = Store::open(copy.path()).expect("opens");
        assert!(!stands_in(copy.path(), b"CANARY-4711"));
    }

    #[test]
    fn a_commit_survives_and_a_failure_leaves_nothing() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path()).expect("opens");
        store.write(|tx| meta::put(tx, "a", b"1")).expect("writes");
        let failed: Result<(), StoreError> = store.write(|tx| {
            meta::put(tx, "a", b"2")?;
            Err(StoreError::Damaged("a test"))
        });
        assert!(failed.is_err());
        drop(store);
        let store = Store::open(folder.path()).expect("opens again");
        let value = store.read(|reader| meta::get(reader, "a")).expect("reads");
        assert_eq!(value.as_deref(), Some(&b"1"[..]));
    }

    #[test]
    fn every_connection_keeps_acknowledged_commits_through_a_power_loss() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path()).expect("opens");
        let (mode, level): (String, i64) = store
            .write(|tx| {
                let mode = tx.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
                let level = tx.pragma_query_value(None, "synchronous", |row| row.get(0))?;
                Ok::<_, StoreError>((mode, level))
            })
            .expect("reads");
        assert_eq!((mode.as_str(), level), ("wal", 2));
    }
}
