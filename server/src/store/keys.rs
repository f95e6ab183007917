//! The key file: a random key for each document, in a SQLite file of its own that no backup of the database holds.
//!
//! Without its key nothing that the relay keeps of a document can be opened, wherever a copy of it lies. Invariants: a
//! key is durable before a row that needs it is committed (`Store::write`); an erased key is overwritten where it
//! stood. A row of `keys` is never moved or freed, only overwritten and used again, because SQLite leaves old bytes
//! behind where it moves rows between pages. Keys that nothing needs are harmless and are collected at a start.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use sync_core::ids::{DocId, SpaceId};
use zeroize::Zeroizing;

use super::{BUSY_TIMEOUT, StoreError, lock};

/// The key file in a relay's folder.
pub(crate) const FILE: &str = "relay-keys.db";

/// The key of a document at rest.
pub(crate) type RestKey = Zeroizing<[u8; 32]>;
/// What a key belongs to.
pub(crate) type Place = (SpaceId, DocId);

/// Keys kept in memory, so that memory does not grow with the documents.
const MOST_CACHED: usize = 4096;
const VERSION: i64 = 1;
const SCHEMA: &str = "
CREATE TABLE keys (slot INTEGER PRIMARY KEY, key BLOB NOT NULL) STRICT;
CREATE TABLE places (
  space BLOB NOT NULL, doc BLOB NOT NULL, slot INTEGER NOT NULL UNIQUE, PRIMARY KEY (space, doc)
) STRICT, WITHOUT ROWID;
CREATE TABLE free (slot INTEGER PRIMARY KEY) STRICT;
PRAGMA user_version = 1;
";
const BY_PLACE: &str = "SELECT k.key FROM places p JOIN keys k ON k.slot = p.slot
   WHERE p.space = ?1 AND p.doc = ?2";

/// The key file of a relay.
pub(crate) struct KeyFile {
    path: PathBuf,
    inner: Mutex<Inner>,
}

struct Inner {
    file: Connection,
    cache: BTreeMap<Place, RestKey>,
    /// Keys that are to go and could not yet.
    doomed: BTreeSet<Place>,
    /// Whether an erased key may still stand in the write-ahead log.
    untidy: bool,
}

impl KeyFile {
    /// Opens or creates the key file of a folder.
    ///
    /// # Errors
    /// `Newer` if a newer program wrote it; `Damaged` if it does not hold together.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let mut file = super::connect(&path, OpenFlags::SQLITE_OPEN_CREATE)?;
        file.pragma_update(None, "journal_mode", "WAL")?;
        let tx = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if version(&tx)? == 0 {
            tx.execute_batch(SCHEMA)?;
        }
        tx.commit()?;
        // A process that was killed may have erased a key and not come to this.
        let inner = Inner { file, cache: BTreeMap::new(), doomed: BTreeSet::new(), untidy: true };
        let keys = Self { path, inner: Mutex::new(inner) };
        keys.tidy()?;
        Ok(keys)
    }

    /// Whether a folder has a key file.
    pub(crate) fn is_in(folder: &Path) -> bool {
        folder.join(FILE).is_file()
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Looks through the whole file for damage.
    ///
    /// # Errors
    /// `Damaged` if there is any.
    pub(crate) fn quick_check(&self) -> Result<(), StoreError> {
        let inner = lock(&self.inner);
        let verdict: String =
            inner.file.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict == "ok" { Ok(()) } else { Err(StoreError::Damaged("the key file")) }
    }

    /// A document's key, if it has one.
    pub(crate) fn get(&self, place: Place) -> Result<Option<RestKey>, StoreError> {
        let mut inner = lock(&self.inner);
        if let Some(key) = inner.cache.get(&place) {
            return Ok(Some(key.clone()));
        }
        let found = by_place(&inner.file, place)?;
        if let Some(key) = &found {
            inner.remember(place, key);
        }
        Ok(found)
    }

    /// Keeps new keys, in one durable step. A document that has a key already gets the new one instead.
    pub(crate) fn keep(&self, fresh: &BTreeMap<Place, RestKey>) -> Result<(), StoreError> {
        if fresh.is_empty() {
            return Ok(());
        }
        let mut inner = lock(&self.inner);
        let tx = inner.file.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (place, key) in fresh {
            put(&tx, *place, key)?;
        }
        tx.commit()?;
        for (place, key) in fresh {
            inner.doomed.remove(place);
            inner.remember(*place, key);
        }
        Ok(())
    }

    /// Erases keys: overwritten in place, then gone from the write-ahead log. What fails is tried again with
    /// [`KeyFile::tidy`], and at the next start.
    pub(crate) fn forget(&self, places: &BTreeSet<Place>) -> Result<(), StoreError> {
        let mut inner = lock(&self.inner);
        for place in places {
            inner.cache.remove(place);
        }
        inner.doomed.extend(places);
        inner.carry_out()
    }

    /// Erases what could not be erased before. False if it is still to come, because somebody reads the file.
    pub(crate) fn tidy(&self) -> Result<bool, StoreError> {
        let mut inner = lock(&self.inner);
        inner.carry_out()?;
        Ok(!inner.untidy)
    }

    /// Empties the write-ahead log, when nothing more is coming.
    pub(crate) fn checkpoint(&self) -> Result<bool, StoreError> {
        lock(&self.inner).untidy = true;
        self.tidy()
    }

    /// Takes the keys of another key file: a backup's.
    ///
    /// # Errors
    /// `NotKeys` if it is none.
    pub(crate) fn take_from(&self, path: &Path) -> Result<(), StoreError> {
        let other = look_into(path)?;
        let mut select = other
            .prepare("SELECT p.space, p.doc, k.key FROM places p JOIN keys k ON k.slot = p.slot")?;
        let mut rows = select.query([])?;
        let mut batch = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let place = (SpaceId::new(row.get(0)?), DocId::new(row.get(1)?));
            // What is here already is what the rows are under now.
            if !has(&lock(&self.inner).file, place)? {
                batch.insert(place, RestKey::new(row.get(2)?));
            }
            if batch.len() == MOST_CACHED {
                self.keep(&std::mem::take(&mut batch))?;
            }
        }
        self.keep(&batch)
    }
}

impl Inner {
    fn remember(&mut self, place: Place, key: &RestKey) {
        if self.cache.len() >= MOST_CACHED {
            self.cache.clear();
        }
        self.cache.insert(place, key.clone());
    }

    fn carry_out(&mut self) -> Result<(), StoreError> {
        if !self.doomed.is_empty() {
            let tx = self.file.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for place in &self.doomed {
                erase(&tx, *place)?;
            }
            tx.commit()?;
            self.doomed.clear();
            self.untidy = true;
        }
        if self.untidy {
            self.file.busy_timeout(Duration::ZERO)?;
            let busy = self.file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
            self.file.busy_timeout(BUSY_TIMEOUT)?;
            self.untidy = busy?;
        }
        Ok(())
    }
}

/// Opens a key file, or a backup of one, to look only.
///
/// # Errors
/// `NotKeys` if it is none.
pub(crate) fn look_into(path: &Path) -> Result<Connection, StoreError> {
    let file = super::open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let tables = "SELECT count(*) FROM sqlite_master WHERE name IN ('keys', 'places')";
    let found: i64 =
        file.query_row(tables, [], |row| row.get(0)).map_err(|_| StoreError::NotKeys)?;
    if found != 2 {
        return Err(StoreError::NotKeys);
    }
    version(&file)?;
    Ok(file)
}

/// The key of a document in a key file.
pub(crate) fn by_place(file: &Connection, place: Place) -> Result<Option<RestKey>, StoreError> {
    let (space, doc) = place;
    let mut statement = file.prepare_cached(BY_PLACE)?;
    let key = params![space.as_bytes(), doc.as_bytes()];
    Ok(statement.query_row(key, |row| row.get(0).map(RestKey::new)).optional()?)
}

fn version(file: &Connection) -> Result<i64, StoreError> {
    let found: i64 = file.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match found {
        0 | VERSION => Ok(found),
        found => Err(StoreError::Newer { found, known: VERSION }),
    }
}

fn has(file: &Connection, (space, doc): Place) -> Result<bool, StoreError> {
    let held = "SELECT 1 FROM places WHERE space = ?1 AND doc = ?2";
    Ok(file.prepare_cached(held)?.exists(params![space.as_bytes(), doc.as_bytes()])?)
}

fn put(file: &Connection, place: Place, key: &RestKey) -> Result<(), StoreError> {
    erase(file, place)?;
    let free: Option<i64> =
        file.prepare_cached("SELECT min(slot) FROM free")?.query_row([], |row| row.get(0))?;
    let slot = match free {
        Some(slot) => {
            file.prepare_cached("UPDATE keys SET key = ?2 WHERE slot = ?1")?
                .execute(params![slot, &key[..]])?;
            file.prepare_cached("DELETE FROM free WHERE slot = ?1")?.execute([slot])?;
            slot
        }
        None => {
            file.prepare_cached("INSERT INTO keys (key) VALUES (?1)")?.execute([&key[..]])?;
            file.last_insert_rowid()
        }
    };
    file.prepare_cached("INSERT INTO places (space, doc, slot) VALUES (?1, ?2, ?3)")?
        .execute(params![place.0.as_bytes(), place.1.as_bytes(), slot])?;
    Ok(())
}

fn erase(file: &Connection, (space, doc): Place) -> Result<(), StoreError> {
    let slot: Option<i64> = file
        .prepare_cached("DELETE FROM places WHERE space = ?1 AND doc = ?2 RETURNING slot")?
        .query_row(params![space.as_bytes(), doc.as_bytes()], |row| row.get(0))
        .optional()?;
    if let Some(slot) = slot {
        file.prepare_cached("UPDATE keys SET key = zeroblob(32) WHERE slot = ?1")?
            .execute([slot])?;
        file.prepare_cached("INSERT INTO free (slot) VALUES (?1)")?.execute([slot])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(n: u32) -> Place {
        let mut doc = [0; 16];
        // Scattered, so that pages of the index are split and moved.
        doc[..4].copy_from_slice(&n.wrapping_mul(2_654_435_761).to_be_bytes());
        (SpaceId::new([7; 16]), DocId::new(doc))
    }

    fn key(n: u32) -> RestKey {
        let mut key = [0x5a; 32];
        key[..4].copy_from_slice(&n.to_be_bytes());
        key[28..].copy_from_slice(&n.to_be_bytes());
        RestKey::new(key)
    }

    /// Whether a key stands anywhere in the file or its log.
    fn stands(folder: &Path, n: u32) -> bool {
        [FILE.to_owned(), format!("{FILE}-wal")].iter().any(|name| {
            let bytes = std::fs::read(folder.join(name)).unwrap_or_default();
            bytes.windows(32).any(|window| window == &key(n)[..])
        })
    }

    #[test]
    fn an_erased_key_stands_nowhere_in_the_file_and_the_others_stay() {
        let folder = tempfile::tempdir().expect("folder");
        let keys = KeyFile::open(folder.path()).expect("opens");
        for start in (0..5000).step_by(100) {
            let fresh = (start..start + 100).map(|n| (place(n), key(n))).collect();
            keys.keep(&fresh).expect("kept");
        }
        assert!(stands(folder.path(), 17), "the search finds it before");
        let gone: BTreeSet<Place> = (0..5000).filter(|n| n % 7 != 0).map(place).collect();
        keys.forget(&gone).expect("forgotten");
        for n in 0..5000 {
            let kept = n % 7 == 0;
            assert_eq!(keys.get(place(n)).expect("reads"), kept.then(|| key(n)), "{n}");
            if n % 811 == 0 {
                assert_eq!(stands(folder.path(), n), kept, "{n}");
            }
        }
    }

    #[test]
    fn a_place_that_was_freed_is_used_again() {
        let folder = tempfile::tempdir().expect("folder");
        let keys = KeyFile::open(folder.path()).expect("opens");
        keys.keep(&(0..9).map(|n| (place(n), key(n))).collect()).expect("kept");
        keys.forget(&BTreeSet::from([place(3)])).expect("forgotten");
        keys.keep(&BTreeMap::from([(place(10), key(10))])).expect("kept");
        let count = "SELECT count(*) FROM keys";
        let inner = lock(&keys.inner);
        let slots: i64 = inner.file.query_row(count, [], |row| row.get(0)).expect("counts");
        assert_eq!(slots, 9);
        drop(inner);
        assert_eq!(keys.get(place(10)).expect("reads"), Some(key(10)));
        assert_eq!(keys.get(place(3)).expect("reads"), None);
    }

    #[test]
    fn a_row_is_not_committed_where_its_key_could_not_be_kept() {
        let folder = tempfile::tempdir().expect("folder");
        let store = crate::store::Store::open(folder.path()).expect("opens");
        let write = |n| {
            store.write(|tx| {
                tx.key_for(place(n))?;
                crate::store::meta::put(tx, "row", &[1])
            })
        };
        let set = |pages: u32| {
            let inner = lock(&store.keys.inner);
            inner.file.pragma_update(None, "max_page_count", pages).expect("set");
        };
        // The disk is full: the file may not grow.
        set(1);
        let full = (0..500).find(|n| write(*n).is_err()).expect("full");
        let reread = || store.read(|reader| crate::store::meta::get(reader, "row")).expect("reads");
        store.write(|tx| crate::store::meta::put(tx, "row", &[0])).expect("nothing new to keep");
        assert!(write(full).is_err());
        assert_eq!(reread(), Some(vec![0]), "nothing is half-done");
        set(u32::MAX >> 2);
        write(full).expect("there is room again");
        assert_eq!(reread(), Some(vec![1]));
    }

    #[test]
    fn memory_holds_a_bounded_number_of_keys() {
        let folder = tempfile::tempdir().expect("folder");
        let keys = KeyFile::open(folder.path()).expect("opens");
        keys.keep(&(0..10_000).map(|n| (place(n), key(n))).collect()).expect("kept");
        assert!(lock(&keys.inner).cache.len() <= MOST_CACHED);
        assert_eq!(keys.get(place(1)).expect("reads"), Some(key(1)));
    }

    #[test]
    fn a_key_that_could_not_go_while_somebody_read_goes_later() {
        let folder = tempfile::tempdir().expect("folder");
        let keys = KeyFile::open(folder.path()).expect("opens");
        keys.keep(&BTreeMap::from([(place(1), key(1))])).expect("kept");
        let reader = look_into(&folder.path().join(FILE)).expect("opens");
        let reading = reader.unchecked_transaction().expect("begins");
        reading.query_row("SELECT count(*) FROM keys", [], |_| Ok(())).expect("reads");
        keys.forget(&BTreeSet::from([place(1)])).expect("forgotten");
        assert!(stands(folder.path(), 1), "the log cannot be emptied yet");
        assert!(!keys.tidy().expect("tidies"));
        reading.finish().expect("ends");
        assert!(keys.tidy().expect("tidies"));
        assert!(!stands(folder.path(), 1));
    }

    #[test]
    fn what_is_no_key_file_is_told() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("other.db");
        Connection::open(&path).expect("opens").execute_batch("CREATE TABLE x (y)").expect("made");
        assert!(matches!(look_into(&path), Err(StoreError::NotKeys)));
        std::fs::write(&path, "no database at all, but a text of some length").expect("written");
        assert!(matches!(look_into(&path), Err(StoreError::NotKeys | StoreError::Sqlite(_))));
    }
}
