//! The relay's storage: one SQLite database and one key file, one writer, a small pool of readers.
//!
//! What documents say is sealed under a key for each ([`keys`]), so that an erased one is gone from every copy of the
//! database. Invariant: writers take a `Tx`, readers a `Reader`; whatever `Store::write` returned is durable, and the
//! keys it needs were durable before. Called by `relay` and `console`.

pub(crate) mod at_rest;
pub(crate) mod audit;
pub(crate) mod console;
pub(crate) mod cosigns;
pub(crate) mod devices;
pub(crate) mod documents;
mod error;
pub(crate) mod expiry;
pub(crate) mod incarnations;
pub(crate) mod invites;
pub(crate) mod items;
pub(crate) mod keys;
pub(crate) mod mend;
pub(crate) mod meta;
mod opener;
pub(crate) mod purged;
pub(crate) mod quarantine;
pub(crate) mod records;
pub(crate) mod recovery;
pub(crate) mod requests;
mod schema;
mod settle;
pub(crate) mod spaces;
pub(crate) mod vouched;
pub(crate) mod wiped;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use keys::{KeyFile, Place, RestKey};

pub use error::StoreError;
pub use opener::Opener;

/// A connection, with the keys of what it reads.
pub(crate) struct Reader {
    connection: Connection,
    keys: Arc<KeyFile>,
    /// Keys that a write under way made.
    fresh: RefCell<BTreeMap<Place, RestKey>>,
    /// Keys that go once it is committed.
    doomed: RefCell<BTreeSet<Place>>,
}

impl Deref for Reader {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Reader {
    fn new(connection: Connection, keys: Arc<KeyFile>) -> Self {
        let (fresh, doomed) = (RefCell::default(), RefCell::default());
        Self { connection, keys, fresh, doomed }
    }

    /// A document's key, if it has one.
    fn key_of(&self, place: Place) -> Result<Option<RestKey>, StoreError> {
        let fresh = self.fresh.borrow().get(&place).cloned();
        match fresh {
            Some(key) => Ok(Some(key)),
            None => self.keys.get(place),
        }
    }
}

/// A write transaction. Dropped without commit, it leaves nothing behind.
pub(crate) struct Tx<'a> {
    transaction: rusqlite::Transaction<'a>,
    reader: &'a Reader,
}

impl Deref for Tx<'_> {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        self.reader
    }
}

impl<'a> Tx<'a> {
    fn begin(reader: &'a Reader) -> Result<Self, StoreError> {
        reader.fresh.borrow_mut().clear();
        reader.doomed.borrow_mut().clear();
        let immediate = TransactionBehavior::Immediate;
        let transaction = rusqlite::Transaction::new_unchecked(&reader.connection, immediate)?;
        Ok(Self { transaction, reader })
    }

    /// A document's key; a new one if it has none yet.
    fn key_for(&self, place: Place) -> Result<RestKey, StoreError> {
        if let Some(key) = self.key_of(place)? {
            return Ok(key);
        }
        let key = at_rest::fresh_key();
        self.fresh.borrow_mut().insert(place, key.clone());
        Ok(key)
    }

    /// Lets a document's key go once this is committed: not before, so that a kill in between loses nothing.
    fn doom_key(&self, place: Place) {
        self.fresh.borrow_mut().remove(&place);
        self.doomed.borrow_mut().insert(place);
    }

    /// Makes it durable: first the keys that its rows need.
    fn commit(self) -> Result<(), StoreError> {
        let fresh = self.reader.fresh.take();
        self.reader.keys.keep(&fresh)?;
        crate::crash_point!("relay.push.after_keys");
        Ok(self.transaction.commit()?)
    }
}

/// SQLite before this version can corrupt a database in WAL mode.
const OLDEST_SQLITE: i32 = 3_051_003;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_READERS: usize = 4;
const STATEMENTS: usize = 96;

/// The relay's database.
pub struct Store {
    path: std::path::PathBuf,
    keys: Arc<KeyFile>,
    writer: Mutex<Reader>,
    readers: Mutex<Vec<Reader>>,
    /// Whether something erased may still stand in the write-ahead log.
    untidy: AtomicBool,
}

/// A lock that a panicking holder released: the transaction it held was rolled back, so the data is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Opens or creates the database `relay.db` in a folder, with its key file, and brings its schema up to date.
    ///
    /// # Errors
    /// `OldSqlite` if the program was built with a SQLite that can corrupt WAL databases, `Newer` if a newer
    /// program wrote a file, `NoKeys` if the database needs a key file and there is none.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        check_version(rusqlite::version_number())?;
        create_private_folder(folder)?;
        let path = folder.join("relay.db");
        let mut writer = connect(&path, OpenFlags::SQLITE_OPEN_CREATE)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        schema::migrate(&mut writer)?;
        if settle::is_sealed(&writer)? && !KeyFile::is_in(folder) {
            return Err(StoreError::NoKeys);
        }
        let keys = Arc::new(KeyFile::open(folder)?);
        let writer = Mutex::new(Reader::new(writer, Arc::clone(&keys)));
        let untidy = AtomicBool::new(false);
        let store = Self { path, keys, writer, readers: Mutex::new(Vec::new()), untidy };
        // A process that was killed may have erased something and not come to this.
        store.tidy()?;
        Ok(store)
    }

    /// Looks through both files for damage; takes as long as reading them.
    ///
    /// # Errors
    /// `Damaged` if there is any.
    pub fn quick_check(&self) -> Result<(), StoreError> {
        let writer = lock(&self.writer);
        let verdict: String = writer.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict == "ok" { Ok(()) } else { Err(StoreError::Damaged("its quick check")) }?;
        self.keys.quick_check()
    }

    /// Runs one write transaction: durable when this returns `Ok`, undone when it returns `Err`.
    pub(crate) fn write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let writer = lock(&self.writer);
        let tx = Tx::begin(&writer)?;
        let out = work(&tx)?;
        tx.commit()?;
        let doomed = writer.doomed.take();
        // It is committed whatever comes of this: what was to go goes with the next erasure or start.
        if !doomed.is_empty()
            && let Err(error) = self.keys.forget(&doomed)
        {
            tracing::error!(%error, "the key of an erased document is still there");
            self.untidy.store(true, Ordering::Relaxed);
        }
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
            None => Reader::new(connect(&self.path, OpenFlags::empty())?, Arc::clone(&self.keys)),
        };
        let snapshot = reader.connection.unchecked_transaction().map_err(StoreError::from)?;
        let out = work(&reader);
        snapshot.finish().map_err(StoreError::from)?;
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE_READERS {
            readers.push(reader);
        }
        out
    }

    /// Moves the write-ahead logs into their files, when nothing more is coming. False if somebody who reads
    /// was waited for in vain.
    pub fn checkpoint(&self) -> Result<bool, StoreError> {
        lock(&self.readers).clear();
        let keys = self.keys.checkpoint()?;
        Ok(self.empty_log(&lock(&self.writer), BUSY_TIMEOUT)? && keys)
    }

    /// Empties the write-ahead logs after something was erased: now, or with the first write after whoever reads now.
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
        let tidy = self.keys.tidy()? && !busy;
        if tidy {
            self.untidy.store(false, Ordering::Relaxed);
        }
        Ok(tidy)
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

/// Opens a database to look only: nothing is brought up to date, and its log stays what it is.
///
/// # Errors
/// As for [`Store::open`]; and if there is none.
pub(crate) fn look_into(file: &Path) -> Result<Connection, StoreError> {
    check_version(rusqlite::version_number())?;
    let reader = open(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    schema::check_known(&reader)?;
    Ok(reader)
}

/// Whether what documents say is sealed in a database: it is once a relay was started on it.
///
/// # Errors
/// Those of the store.
pub(crate) fn is_sealed(file: &Path) -> Result<bool, StoreError> {
    let reader = open(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    schema::check_known(&reader)?;
    settle::is_sealed(&reader)
}

fn connect(path: &Path, extra: OpenFlags) -> Result<Connection, StoreError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | extra)
}

/// Nobody but its owner may read a database, whoever made the folder; SQLite gives its logs the same rights.
pub(crate) fn for_owner_only(path: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let others =
            std::fs::metadata(path).map_err(StoreError::Folder)?.permissions().mode() & 0o077;
        if others != 0 {
            let owners = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(path, owners).map_err(StoreError::Folder)?;
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

pub(crate) fn open(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_NO_MUTEX | flags)?;
    for_owner_only(path)?;
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
        for name in ["relay.db", "relay.db-wal", keys::FILE] {
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
