//! Restoring a relay's folder from a backup of its database and, where there is one, of its keys: the copies are
//! prepared aside, the database enters a new incarnation, and both take the old files' places, the keys first.
//!
//! The keys in place and those of the backup are put together, so that at no moment a database stands without keys it
//! had. What has no key is a damaged row: asked for, and handed back by phones. Keys of what is erased go.
//!
//! Called by `aftercall restore` and by exercises, on a folder that no relay is using. What a restored relay lacks
//! comes back from the phones; until an admin's phone has synced, or the operator confirmed, it gives nothing out.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rand_core::CryptoRng;
use sync_core::ids::IncarnationId;
use sync_core::protocol::Timestamp;

use crate::backup::{self, DATABASE};
use crate::crash_point;
use crate::relay::MOST_DAYS_AHEAD;
use crate::relay::heal;
use crate::store::incarnations::Incarnation;
use crate::store::keys::{self, KeyFile};
use crate::store::{self, Store, StoreError, expiry, meta};

/// Where a restore prepares what it will put in place.
const ASIDE: &str = "restoring";

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is no backup at this place.
    #[error("{0} holds no relay.db; name the folder that a backup was written to")]
    NoBackup(PathBuf),
    /// There is no backup of keys at this place.
    #[error("{0} holds no backup of keys; name a file or folder that `backup --keys` wrote to")]
    NoKeys(PathBuf),
    /// The backup and the relay's folder are the same.
    #[error("the backup is the relay's own folder; name another")]
    Same,
    /// A relay is using the folder.
    #[error("a relay is using this data folder; stop it first")]
    InUse,
    /// A file cannot be read or written.
    #[error("a file of the backup or of the data folder cannot be copied; nothing was replaced")]
    Files(#[source] std::io::Error),
    /// The backup is no sound database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<std::io::Error> for RestoreError {
    fn from(error: std::io::Error) -> Self {
        RestoreError::Files(error)
    }
}

/// What a restore came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Teams in it.
    pub teams: usize,
    /// Documents that no key opens: phones hand them back.
    pub without_key: usize,
}

/// Restores a backup into a relay's folder, with the keys in a file, or the newest in a folder, besides those that the
/// folder has. What the folder held is kept beside it, under names that end in `.replaced`.
///
/// # Errors
/// As [`RestoreError`] says. Until the last step the folder is as it was, and the call can be repeated.
pub fn restore(
    data: &Path,
    from: &Path,
    with_keys: Option<&Path>,
    now: Timestamp,
    rng: &mut dyn CryptoRng,
) -> Result<Restored, RestoreError> {
    let key_files = key_files(data, from, with_keys)?;
    let source = from.join(DATABASE);
    if !source.is_file() {
        return Err(RestoreError::NoBackup(from.to_owned()));
    }
    store::create_private_folder(data)?;
    if fs::canonicalize(from)? == fs::canonicalize(data)? {
        return Err(RestoreError::Same);
    }
    let _lock = crate::serve::lock(data).map_err(|error| match error {
        crate::serve::ServeError::InUse => RestoreError::InUse,
        crate::serve::ServeError::Store(error) => RestoreError::Store(error),
        other => RestoreError::Files(std::io::Error::other(other.to_string())),
    })?;
    let aside = data.join(ASIDE);
    if aside.exists() {
        fs::remove_dir_all(&aside)?;
    }
    store::create_private_folder(&aside)?;
    // A backup may be a copy of a relay's files: its last commits are in the write-ahead log beside it.
    for name in [DATABASE, "relay.db-wal"] {
        let file = from.join(name);
        if file.is_file() {
            fs::copy(&file, aside.join(name))?;
        }
    }
    crash_point!("relay.restore.after_copy");
    let merged = KeyFile::open(&aside)?;
    for file in &key_files {
        match merged.take_from(file) {
            // What the folder itself has may be what is damaged; it stays beside.
            Err(error) if *file == data.join(keys::FILE) => {
                tracing::warn!(%error, "the keys in place cannot be read and are not taken along");
            }
            taken => taken?,
        }
    }
    drop(merged);
    let restored = enter_new_incarnation(&aside, now, rng)?;
    crash_point!("relay.restore.before_rename");
    put_in_place(data, &aside, keys::FILE)?;
    crash_point!("relay.restore.after_keys");
    put_in_place(data, &aside, DATABASE)?;
    fs::remove_dir_all(aside)?;
    Ok(restored)
}

/// Where keys come from: the folder itself, a copy of a whole folder, a backup; the first that has one counts.
fn key_files(
    data: &Path,
    from: &Path,
    with_keys: Option<&Path>,
) -> Result<Vec<PathBuf>, RestoreError> {
    let mut files = vec![data.join(keys::FILE), from.join(keys::FILE)];
    files.retain(|file| file.is_file());
    if let Some(given) = with_keys {
        let newest = if given.is_dir() { backup::newest_keys(given)? } else { None };
        let file = newest.unwrap_or_else(|| given.to_owned());
        if !file.is_file() {
            return Err(RestoreError::NoKeys(given.to_owned()));
        }
        files.push(file);
    }
    Ok(files)
}

/// Makes the copy know that it is one.
fn enter_new_incarnation(
    aside: &Path,
    now: Timestamp,
    rng: &mut dyn CryptoRng,
) -> Result<Restored, RestoreError> {
    let copy = Store::open(aside)?;
    copy.quick_check()?;
    let without_key = copy.settle()?;
    let teams = copy.write(|tx| {
        let teams = meta::teams(tx)?;
        // A backup may be as old as backups may be: so many days have passed since. More than that may be a machine
        // whose clock is wrong, and waits for the operator's word as everywhere.
        let most = backup::MOST_DAYS + MOST_DAYS_AHEAD;
        if expiry::counted(tx)?.is_some_and(|counted| now.day().0 <= counted.0 + most) {
            expiry::count_to(tx, now.day())?;
        }
        for team in &teams {
            let begun = Incarnation { id: IncarnationId::random(rng), held: true };
            heal::begin(tx, *team, begun, "restored", now)?;
        }
        Ok::<_, StoreError>(teams.len())
    })?;
    copy.checkpoint()?;
    drop(copy);
    for name in [keys::FILE, DATABASE] {
        File::open(aside.join(name))?.sync_all()?;
    }
    Ok(Restored { teams, without_key })
}

/// Keeps what is there under another name and lets the copy take its place.
fn put_in_place(data: &Path, aside: &Path, name: &str) -> Result<(), RestoreError> {
    let current = data.join(name);
    if current.is_file() {
        // What its last commits left in the write-ahead log belongs to it, if it can still be read.
        if let Ok(store) = Store::open(data) {
            let _ = store.checkpoint();
        } else if let Ok(keys) = KeyFile::open(data) {
            let _ = keys.tidy();
        }
        let kept = data.join(format!("{name}.replaced"));
        if kept.exists() && is_same_file(&kept, &current)? {
            // This restore was stopped in the middle before.
            fs::remove_file(&kept)?;
        } else {
            set_aside(data, name)?;
        }
        fs::hard_link(&current, &kept)?;
    }
    for end in ["-wal", "-shm"] {
        let log = data.join(format!("{name}{end}"));
        if log.is_file() {
            fs::rename(&log, data.join(format!("{name}{end}.replaced")))?;
        }
    }
    fs::rename(aside.join(name), &current)?;
    Ok(backup::sync_folder(data)?)
}

/// What an earlier restore kept stays, under names with a number.
fn set_aside(data: &Path, name: &str) -> std::io::Result<()> {
    let ends = ["", "-wal", "-shm"].map(|end| format!("{name}{end}.replaced"));
    let taken = |n: &u32| ends.iter().any(|kept| data.join(format!("{kept}-{n}")).exists());
    let Some(free) = (2..).find(|n| !taken(n)) else { return Ok(()) };
    for kept in &ends {
        if data.join(kept).exists() {
            fs::rename(data.join(kept), data.join(format!("{kept}-{free}")))?;
        }
    }
    Ok(())
}

/// Two names of one file.
fn is_same_file(a: &Path, b: &Path) -> std::io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let (a, b) = (fs::metadata(a)?, fs::metadata(b)?);
        Ok((a.dev(), a.ino()) == (b.dev(), b.ino()))
    }
    #[cfg(not(unix))]
    Ok(fs::read(a)? == fs::read(b)?)
}

/// Says on a folder that the machine's clock is right, whether or not a relay is running on it.
///
/// # Errors
/// Those of the store.
pub fn confirm_clock(data: &Path, now: Timestamp) -> Result<(), StoreError> {
    if !data.join(DATABASE).is_file() {
        return Err(StoreError::Folder(std::io::ErrorKind::NotFound.into()));
    }
    Store::open(data)?.write(|tx| expiry::count_to(tx, now.day()))
}

/// Serves the teams of a folder again that were held back after a restore, whether or not a relay is running on it;
/// how many there were.
///
/// # Errors
/// Those of the store.
pub fn confirm(data: &Path, now: Timestamp) -> Result<u64, StoreError> {
    if !data.join(DATABASE).is_file() {
        return Err(StoreError::Folder(std::io::ErrorKind::NotFound.into()));
    }
    Store::open(data)?.write(|tx| heal::confirm(tx, now))
}
