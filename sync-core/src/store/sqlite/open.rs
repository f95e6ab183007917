//! Opening and creating the file: the checks before the first write, and the connection's settings.
//!
//! A file that is there is only ever opened, never created over: a new database is made under another name and
//! moved into place once it is whole, so that no crash leaves an empty file that looks like a lost phone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use zeroize::Zeroizing;

use crate::engine::StoreError;
use crate::store::new_file::{NewFile, with_suffix};

use super::statements::Statements;
use super::{SqliteStore, migrations, store_error};

/// The first SQLite whose write-ahead log cannot be damaged by a reset during a checkpoint.
const SQLITE_AT_LEAST: i32 = 3_051_003;

/// The length of a page, and so of the smallest database.
const PAGE: u64 = 4096;

/// Why a database was not opened, where no [`StoreError`] of its own says it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no file, and none was to be created.
    #[error("there is no database here; create a team or join one first")]
    Absent,
    /// The file is there and shorter than any database.
    #[error("the database file is cut short; it was left as it is, restore it from a backup")]
    CutShort,
    /// The SQLite linked in can lose data.
    #[error("SQLite {0} is too old (3.51.3 or later is needed); build with the bundled one")]
    SqliteTooOld(&'static str),
    /// The SQLite linked in does not encrypt.
    #[error("SQLite was built without SQLCipher; nothing was written unencrypted")]
    NoCipher,
    /// The file system refused.
    #[error("the database file cannot be read or written")]
    Io(#[source] io::Error),
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        StoreError::Failed(Box::new(error))
    }
}

impl SqliteStore {
    /// Opens the database at `path` with its raw key, creating it (readable by its owner only) if nothing is there.
    ///
    /// # Errors
    /// `WrongKey`, `Newer`, `Busy` and `Full` as [`StoreError`] says; the file is then unchanged. A damaged
    /// first page cannot be told from a wrong key.
    pub fn open(path: &Path, key: &[u8; 32]) -> Result<Self, StoreError> {
        let path = absolute(path)?;
        if !exists(&path)? {
            create(&path, key)?;
        }
        Self::open_existing(&path, key)
    }

    /// Opens the database at `path` with its raw key; never creates one.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_existing(path: &Path, key: &[u8; 32]) -> Result<Self, StoreError> {
        let path = absolute(path)?;
        if !exists(&path)? {
            return Err(OpenError::Absent.into());
        }
        // SQLite would take the beginning of a page for a new database.
        if fs::metadata(&path).map_err(io_error)?.len() < PAGE {
            return Err(OpenError::CutShort.into());
        }
        let mut connection = connect_unless_held(&path, key)?;
        configure(&connection).map_err(store_error)?;
        migrations::migrate(&mut connection)?;
        // From here on the key is known to be right, so closing may tidy the log up.
        set_tidy_on_close(&connection, true).map_err(store_error)?;
        Ok(Self { connection, statements: Statements::new() })
    }
}

/// Two that open at the same moment each keep the other out, and both let go: so it is tried a few times.
fn connect_unless_held(path: &Path, key: &[u8; 32]) -> Result<Connection, StoreError> {
    for pause_ms in [2, 7, 19] {
        match connect(path, key) {
            Err(StoreError::Busy) => std::thread::sleep(Duration::from_millis(pause_ms)),
            other => return other,
        }
    }
    connect(path, key)
}

/// A connection with its key checked and nothing written.
fn connect(path: &Path, key: &[u8; 32]) -> Result<Connection, StoreError> {
    if rusqlite::version_number() < SQLITE_AT_LEAST {
        return Err(OpenError::SqliteTooOld(rusqlite::version()).into());
    }
    initialise();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags).map_err(open_error)?;
    // SQLite falls back to reading where it may not write.
    if connection.is_readonly("main").map_err(store_error)? {
        return Err(StoreError::Full);
    }
    connection.busy_timeout(Duration::ZERO).map_err(store_error)?;
    set_tidy_on_close(&connection, false).map_err(store_error)?;
    check_cipher(&connection)?;
    // Taken before the log is first read: then its index stays in memory and no other process may enter.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(store_error)?;
    set_key(&connection, key).map_err(store_error)?;
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
        .map_err(open_error)?;
    migrations::version(&connection)?;
    Ok(connection)
}

/// SQLite calls itself ready a moment before SQLCipher is: nobody may come in between.
fn initialise() {
    static READY: Once = Once::new();
    READY.call_once(|| drop(Connection::open_in_memory()));
}

fn check_cipher(connection: &Connection) -> Result<(), StoreError> {
    let version = connection.pragma_query_value(None, "cipher_version", |row| row.get(0));
    match version {
        Ok(version) if !String::is_empty(&version) => {}
        Ok(_) | Err(rusqlite::Error::QueryReturnedNoRows) => return Err(OpenError::NoCipher.into()),
        Err(error) => return Err(store_error(error)),
    }
    // It would report a wrong key on standard error, where callers print their own words.
    run_pragma(connection, "PRAGMA cipher_log_level = NONE").map_err(store_error)
}

fn set_key(connection: &Connection, key: &[u8; 32]) -> rusqlite::Result<()> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    // Sized before it is filled, so that no copy of the key stays behind in a buffer outgrown.
    let mut sql = Zeroizing::new(String::with_capacity(96));
    sql.push_str("PRAGMA key = \"x'");
    for byte in key {
        sql.push(char::from(HEX[usize::from(byte >> 4)]));
        sql.push(char::from(HEX[usize::from(byte & 15)]));
    }
    sql.push_str("'\"");
    run_pragma(connection, &sql)
}

/// Runs a pragma and passes over the row it may answer.
fn run_pragma(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    for pragma in [
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        // On Apple systems a plain fsync does not reach the medium.
        "PRAGMA fullfsync = ON",
        "PRAGMA checkpoint_fullfsync = ON",
        "PRAGMA secure_delete = ON",
        "PRAGMA temp_store = MEMORY",
        "PRAGMA mmap_size = 0",
        "PRAGMA cell_size_check = ON",
        "PRAGMA trusted_schema = OFF",
        "PRAGMA journal_size_limit = 4194304",
    ] {
        run_pragma(connection, pragma)?;
    }
    // Every statement finds its rows by key, whatever is bound: none is planned anew because of it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(Statements::COUNT);
    Ok(())
}

/// Without it, closing a database that did not open could still write its log back into it.
fn set_tidy_on_close(connection: &Connection, tidy: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !tidy).map(|_| ())
}

/// Makes a whole, empty database beside `path` and moves it there.
fn create(path: &Path, key: &[u8; 32]) -> Result<(), StoreError> {
    let new = NewFile::beside(path).map_err(io_error)?;
    if let Err(error) = make(new.path(), key) {
        for suffix in ["-wal", "-journal"] {
            let _ = fs::remove_file(with_suffix(new.path(), suffix));
        }
        return Err(error);
    }
    match new.publish() {
        // Another process was first: its database is opened, ours is dropped.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        published => published.map_err(io_error),
    }
}

fn make(new: &Path, key: &[u8; 32]) -> Result<(), StoreError> {
    let mut connection = connect(new, key)?;
    configure(&connection).map_err(store_error)?;
    migrations::migrate(&mut connection)?;
    set_tidy_on_close(&connection, true).map_err(store_error)?;
    connection.close().map_err(|(_, error)| store_error(error))
}

/// Absolute, so that no name means anything special to SQLite.
fn absolute(path: &Path) -> Result<PathBuf, StoreError> {
    std::path::absolute(path).map_err(io_error)
}

fn exists(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(io_error)
}

fn io_error(error: io::Error) -> StoreError {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull => StoreError::Full,
        _ => OpenError::Io(error).into(),
    }
}

/// While opening, SQLite says "cannot open" of a directory in which it may not write its log.
fn open_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => StoreError::Full,
        _ => store_error(error),
    }
}
