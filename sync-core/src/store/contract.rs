//! What every store must do, stamped on each of them.

use super::MemoryStore;
#[cfg(feature = "sqlite")]
use super::SqliteStore;
use crate::engine::{Entry, Store, Table, Transaction};

const T: Table = Table::Meta;

/// A store that can be closed and opened again.
pub(super) trait Subject {
    fn fresh() -> Self;
    fn store(&mut self) -> &mut dyn Store;
    fn reopen(&mut self);
}

pub(super) struct Memory(MemoryStore);

impl Subject for Memory {
    fn fresh() -> Self {
        Memory(MemoryStore::new())
    }
    fn store(&mut self) -> &mut dyn Store {
        &mut self.0
    }
    fn reopen(&mut self) {
        self.0 = self.0.clone();
    }
}

#[cfg(feature = "sqlite")]
pub(super) struct Sqlite {
    store: Option<SqliteStore>,
    dir: tempfile::TempDir,
}

#[cfg(feature = "sqlite")]
impl Subject for Sqlite {
    fn fresh() -> Self {
        let mut new = Sqlite { store: None, dir: tempfile::tempdir().unwrap() };
        new.reopen();
        new
    }
    fn store(&mut self) -> &mut dyn Store {
        self.store.as_mut().unwrap()
    }
    fn reopen(&mut self) {
        self.store = None;
        self.store = Some(SqliteStore::open(&self.dir.path().join("db"), &[9; 32]).unwrap());
    }
}

fn commit(subject: &mut impl Subject, write: impl FnOnce(&mut dyn Transaction)) {
    let mut tx = subject.store().begin().unwrap();
    write(&mut *tx);
    tx.commit().unwrap();
}

fn get(subject: &mut impl Subject, table: Table, key: &[u8]) -> Option<Vec<u8>> {
    subject.store().begin().unwrap().get(table, key).unwrap()
}

fn keys(entries: &[Entry]) -> Vec<&[u8]> {
    entries.iter().map(|(key, _)| key.as_slice()).collect()
}

fn reads_its_own_writes<S: Subject>() {
    let mut s = S::fresh();
    let mut tx = s.store().begin().unwrap();
    assert_eq!(tx.get(T, b"k").unwrap(), None);
    tx.put(T, b"k", b"1").unwrap();
    assert_eq!(tx.get(T, b"k").unwrap(), Some(b"1".to_vec()));
    tx.put(T, b"k", b"22").unwrap();
    assert_eq!(tx.scan(T, b"", None, 9).unwrap(), vec![(b"k".to_vec(), b"22".to_vec())]);
    tx.delete(T, b"k").unwrap();
    assert_eq!(tx.get(T, b"k").unwrap(), None);
    assert!(tx.scan(T, b"", None, 9).unwrap().is_empty());
}

fn dropping_undoes_every_write<S: Subject>() {
    let mut s = S::fresh();
    commit(&mut s, |tx| {
        tx.put(T, b"kept", b"old").unwrap();
        tx.put(T, b"gone?", b"old").unwrap();
    });
    let mut tx = s.store().begin().unwrap();
    tx.put(T, b"kept", b"new").unwrap();
    tx.put(T, b"kept", b"newer").unwrap();
    tx.put(T, b"added", b"new").unwrap();
    tx.delete(T, b"gone?").unwrap();
    tx.put(Table::Keys, b"k", b"v").unwrap();
    drop(tx);
    s.reopen();
    assert_eq!(get(&mut s, T, b"kept"), Some(b"old".to_vec()));
    assert_eq!(get(&mut s, T, b"gone?"), Some(b"old".to_vec()));
    assert_eq!(get(&mut s, T, b"added"), None);
    assert_eq!(get(&mut s, Table::Keys, b"k"), None);
}

fn what_is_committed_is_there_after_reopening<S: Subject>() {
    let mut s = S::fresh();
    for table in Table::ALL {
        commit(&mut s, |tx| tx.put(table, b"name", table.name().as_bytes()).unwrap());
    }
    commit(&mut s, |tx| tx.delete(Table::Drafts, b"name").unwrap());
    s.reopen();
    for table in Table::ALL {
        let expected = (table != Table::Drafts).then(|| table.name().as_bytes().to_vec());
        assert_eq!(get(&mut s, table, b"name"), expected, "{table:?}");
    }
}

fn a_scan_keeps_to_order_prefix_start_and_limit<S: Subject>() {
    let mut s = S::fresh();
    let all: [&[u8]; 9] =
        [b"", b"\x00", b"a", b"a\x00", b"a\xff", b"a\xff\xff", b"b", b"\xff", b"\xff\xff\x01"];
    commit(&mut s, |tx| all.iter().rev().for_each(|key| tx.put(T, key, b"v").unwrap()));
    let tx = s.store().begin().unwrap();
    let scan = |prefix: &[u8], after: Option<&[u8]>, limit| {
        let entries = tx.scan(T, prefix, after, limit).unwrap();
        keys(&entries).iter().map(|key| key.to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(scan(b"", None, 99), all);
    assert_eq!(scan(b"", Some(b""), 99), all[1..]);
    assert_eq!(scan(b"a", None, 99), all[2..6]);
    assert_eq!(scan(b"a\xff", None, 99), all[4..6]);
    assert_eq!(scan(b"\xff", None, 99), all[7..]);
    assert_eq!(scan(b"\xff\xff", None, 99), all[8..]);
    assert_eq!(scan(b"a", Some(b"a\x00"), 99), all[4..6], "strictly after");
    assert_eq!(scan(b"a", Some(b"a\x01"), 99), all[4..6], "after a key that is not there");
    assert_eq!(scan(b"a", Some(b"\x00"), 99), all[2..6], "after a key before the prefix");
    assert!(scan(b"a", Some(b"b"), 99).is_empty(), "after a key behind the prefix");
    assert_eq!(scan(b"", None, 3), all[..3]);
    assert_eq!(scan(b"a", Some(b"a"), 1), all[3..4]);
    assert!(scan(b"", None, 0).is_empty());
    assert_eq!(scan(b"", None, usize::MAX), all);
    assert!(scan(b"c", None, 99).is_empty());
    assert!(tx.scan(Table::Alarms, b"", None, 99).unwrap().is_empty(), "tables are apart");
}

fn deleting_an_absent_key_is_fine<S: Subject>() {
    let mut s = S::fresh();
    commit(&mut s, |tx| tx.delete(T, b"never").unwrap());
    assert_eq!(get(&mut s, T, b"never"), None);
}

fn empty_and_large_values_come_back_whole<S: Subject>() {
    let mut s = S::fresh();
    let large: Vec<u8> = (0..1 << 20).map(|i: u32| (i.wrapping_mul(31) >> 3) as u8).collect();
    for table in [T, Table::Envelopes] {
        commit(&mut s, |tx| {
            tx.put(table, b"empty", b"").unwrap();
            tx.put(table, b"large", &large).unwrap();
        });
    }
    s.reopen();
    for table in [T, Table::Envelopes] {
        assert_eq!(get(&mut s, table, b"empty"), Some(Vec::new()));
        assert!(get(&mut s, table, b"large").as_ref() == Some(&large));
    }
}

fn many_keys_page_without_gap_or_repeat<S: Subject>() {
    let mut s = S::fresh();
    commit(&mut s, |tx| {
        for i in 0..5_000u32 {
            // Scattered, so that the order of writing is not the order of keys.
            tx.put(Table::Changes, &i.wrapping_mul(2_654_435_761).to_be_bytes(), &i.to_be_bytes())
                .unwrap();
        }
    });
    let tx = s.store().begin().unwrap();
    let mut seen: Vec<Vec<u8>> = Vec::new();
    loop {
        let page = tx.scan(Table::Changes, b"", seen.last().map(Vec::as_slice), 700).unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|(key, _)| key));
    }
    assert_eq!(seen.len(), 5_000);
    assert!(seen.is_sorted());
}

macro_rules! stamp {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $name() { super::$name::<super::Memory>(); })*
        }
        #[cfg(feature = "sqlite")]
        mod sqlite {
            $(#[test] fn $name() { super::$name::<super::Sqlite>(); })*
        }
    };
}

stamp!(
    reads_its_own_writes,
    dropping_undoes_every_write,
    what_is_committed_is_there_after_reopening,
    a_scan_keeps_to_order_prefix_start_and_limit,
    deleting_an_absent_key_is_fine,
    empty_and_large_values_come_back_whole,
    many_keys_page_without_gap_or_repeat,
);
