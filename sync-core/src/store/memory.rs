//! A store in memory, for simulators, tests and browsers. Not durable: it ends with its last handle.
//!
//! Invariant: between transactions the tables hold committed values only. A transaction writes in place and
//! keeps what it replaced, so that dropping it, even by a panic, puts everything back.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use crate::engine::{Entry, Store, StoreError, Table, Transaction};

use super::prefix_end;

type Tables = BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>;

/// A store in memory. Clones are handles to the same tables, so that a phone can be dropped and opened again.
#[derive(Clone, Default)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for MemoryStore {
    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        let tables = match self.tables.try_lock() {
            Ok(tables) => tables,
            // The transaction that panicked has put its values back.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(StoreError::Busy),
        };
        Ok(Box::new(MemoryTransaction { tables, undo: Vec::new() }))
    }

    fn scrub(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

struct Replaced {
    table: Table,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

struct MemoryTransaction<'a> {
    tables: MutexGuard<'a, Tables>,
    undo: Vec<Replaced>,
}

impl MemoryTransaction<'_> {
    fn set(&mut self, table: Table, key: &[u8], value: Option<&[u8]>) -> Option<Vec<u8>> {
        let rows = self.tables.entry(table).or_default();
        match value {
            Some(value) => rows.insert(key.to_vec(), value.to_vec()),
            None => rows.remove(key),
        }
    }

    fn write(&mut self, table: Table, key: &[u8], value: Option<&[u8]>) {
        let old = self.set(table, key, value);
        self.undo.push(Replaced { table, key: key.to_vec(), value: old });
    }
}

impl Transaction for MemoryTransaction<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.tables.get(&table).and_then(|rows| rows.get(key)).cloned())
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.write(table, key, Some(value));
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.write(table, key, None);
        Ok(())
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let Some(rows) = self.tables.get(&table) else { return Ok(Vec::new()) };
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let end = prefix_end(prefix);
        Ok(rows
            .range::<[u8], _>((start, Bound::Unbounded))
            .take_while(|(key, _)| end.as_ref().is_none_or(|end| *key < end))
            .take(limit)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        self.undo.clear();
        Ok(())
    }
}

impl Drop for MemoryTransaction<'_> {
    fn drop(&mut self) {
        while let Some(old) = self.undo.pop() {
            self.set(old.table, &old.key, old.value.as_deref());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_transaction_through_another_handle_is_busy() {
        let mut one = MemoryStore::new();
        let mut two = one.clone();
        let open = one.begin().unwrap();
        assert!(matches!(two.begin(), Err(StoreError::Busy)));
        drop(open);
        assert!(two.begin().is_ok());
    }

    #[test]
    fn a_panic_inside_a_transaction_undoes_it() {
        let store = MemoryStore::new();
        let mut inner = store.clone();
        let result = std::thread::spawn(move || {
            let mut tx = inner.begin().unwrap();
            tx.put(Table::Meta, b"k", b"half").unwrap();
            panic!("a bug in a caller");
        })
        .join();
        assert!(result.is_err());
        assert_eq!(store.clone().begin().unwrap().get(Table::Meta, b"k").unwrap(), None);
    }
}
