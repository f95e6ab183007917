//! Backups of a relay, running or not: its database without keys, and its keys apart, for a time only.
//!
//! Called by `aftercall backup` and by exercises. Invariant: what was erased is opened by no backup of the database,
//! and by backups of the keys no longer than these are kept, which is never more than [`MOST_DAYS`].

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use sync_core::protocol::{Day, Timestamp};

use crate::store::{self, StoreError, keys};

/// Longest time that a backup of the keys is kept, in days.
pub const MOST_DAYS: u32 = 35;
/// The relay's database, in its folder and in a backup.
pub(crate) const DATABASE: &str = "relay.db";
/// What names of backups of the keys begin with; their day and `.db` follow.
const KEYS: &str = "keys-";

/// Why nothing was backed up.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The folder is no relay's.
    #[error("{0} holds no relay.db; name the relay's folder with --data")]
    NoRelay(PathBuf),
    /// What documents say still lies in the clear.
    #[error(
        "this folder is from an older aftercall and its records lie in the clear; start the relay on it once, then back it up"
    )]
    Unsealed,
    /// A backup stands where this one would.
    #[error("{0} holds a backup already; name a folder of its own for each")]
    Exists(PathBuf),
    /// Keys beside what they open.
    #[error(
        "keys are kept in a folder of their own, apart from the database's backups and from the relay's folder"
    )]
    Beside,
    /// A longer time than promised.
    #[error(
        "backups of the keys are kept at most {MOST_DAYS} days, so that what is erased is gone then; say --keep {MOST_DAYS} or less"
    )]
    TooLong,
    /// The file system refused.
    #[error("the backup cannot be written; check its folder's rights and free space")]
    Files(#[from] std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Copies a relay's database, as it is at one moment, into a folder that holds no backup yet; the file it wrote.
///
/// # Errors
/// As [`BackupError`] says; then there is no backup, and none that looks like one.
pub fn database(data: &Path, to: &Path) -> Result<PathBuf, BackupError> {
    let source = relay_file(data, DATABASE)?;
    if !store::is_sealed(&source)? {
        return Err(BackupError::Unsealed);
    }
    store::create_private_folder(to)?;
    let file = to.join(DATABASE);
    if file.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    copy(&source, &file)?;
    Ok(file)
}

/// What became of a backup of the keys.
#[derive(Debug, Default)]
pub struct KeyBackup {
    /// The file that was written.
    pub file: PathBuf,
    /// Files that were older and are gone now.
    pub removed: Vec<PathBuf>,
    /// Files dated after today: nobody can say when they are to go.
    pub undated: Vec<PathBuf>,
}

/// Copies a relay's keys into a folder under today's name, and removes what is older there than `keep` days.
///
/// # Errors
/// As [`BackupError`] says; then older backups are as they were.
pub fn keys(data: &Path, to: &Path, keep: u32, now: Timestamp) -> Result<KeyBackup, BackupError> {
    if keep > MOST_DAYS {
        return Err(BackupError::TooLong);
    }
    let source = relay_file(data, keys::FILE)?;
    store::create_private_folder(to)?;
    if to.join(DATABASE).exists() || is_same(to, data)? {
        return Err(BackupError::Beside);
    }
    let today = now.day();
    let mut done = KeyBackup { file: to.join(name_of(today)), ..KeyBackup::default() };
    remove_partial(to)?;
    copy(&source, &done.file)?;
    for (day, file) in dated(to)? {
        if day > today {
            done.undated.push(file);
        } else if today.0 - day.0 >= keep && day != today {
            fs::remove_file(&file)?;
            done.removed.push(file);
        }
    }
    sync_folder(to)?;
    Ok(done)
}

/// Copies a relay's key file as it is into another folder.
///
/// # Errors
/// Those of the store.
pub fn copy_keys(data: &Path, to: &Path) -> Result<(), BackupError> {
    copy(&relay_file(data, keys::FILE)?, &to.join(keys::FILE))
}

/// The newest backup of keys in a folder, if there is any.
///
/// # Errors
/// If the folder cannot be read.
pub fn newest_keys(folder: &Path) -> std::io::Result<Option<PathBuf>> {
    Ok(dated(folder)?.pop().map(|(_, file)| file))
}

/// The day in the name of a backup of keys.
pub(crate) fn day_of(file: &Path) -> Option<Day> {
    let name = file.file_name()?.to_str()?.strip_prefix(KEYS)?.strip_suffix(".db")?;
    let day = Timestamp::parse(&format!("{name}T00:00:00Z")).ok()?.day();
    (name_of(day) == file.file_name()?.to_str()?).then_some(day)
}

fn name_of(day: Day) -> String {
    format!("{KEYS}{day}.db")
}

/// Backups of keys in a folder, oldest first.
/// What a backup left that was ended in the middle holds keys, too.
fn remove_partial(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        let finished = file.with_extension("db");
        if file.extension().is_some_and(|end| end == "partial") && day_of(&finished).is_some() {
            fs::remove_file(&file)?;
        }
    }
    Ok(())
}

fn dated(folder: &Path) -> std::io::Result<Vec<(Day, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        found.extend(day_of(&file).map(|day| (day, file)));
    }
    found.sort();
    Ok(found)
}

fn relay_file(data: &Path, name: &str) -> Result<PathBuf, BackupError> {
    let file = data.join(name);
    if !data.join(DATABASE).is_file() {
        return Err(BackupError::NoRelay(data.to_owned()));
    }
    if file.is_file() { Ok(file) } else { Err(StoreError::NoKeys.into()) }
}

fn is_same(a: &Path, b: &Path) -> std::io::Result<bool> {
    Ok(fs::canonicalize(a)? == fs::canonicalize(b)?)
}

/// One consistent copy of a SQLite file that others may be writing to. It appears whole or not at all.
fn copy(source: &Path, file: &Path) -> Result<(), BackupError> {
    let partial = file.with_extension("partial");
    if partial.exists() {
        fs::remove_file(&partial)?;
    }
    let copied = vacuum_into(source, &partial);
    if let Err(error) = copied {
        let _ = fs::remove_file(&partial);
        return Err(error.into());
    }
    File::open(&partial)?.sync_all()?;
    fs::rename(&partial, file)?;
    sync_folder(file.parent().unwrap_or(Path::new(".")))?;
    Ok(())
}

/// Copies and looks the copy through: a backup that cannot be read is none.
fn vacuum_into(source: &Path, to: &Path) -> Result<(), StoreError> {
    let from = store::open(source, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    from.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    store::for_owner_only(to)?;
    let copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let verdict: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(StoreError::Damaged("the backup")) }
}

pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
