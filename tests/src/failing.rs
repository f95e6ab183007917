//! A store that fails or dies at a chosen write, so that every moment of an operation can be tried.
//!
//! Not a model of a disk: what it wraps keeps its own contract. A death is a panic with the payload `Died`; the
//! test catches it and opens the phone again on the same data, as a person does after the battery died.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use sync_core::engine::{Entry, Store, StoreError, Table, Transaction};

/// What happens at the chosen write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The storage is full: the write fails.
    Full,
    /// The process ends before the write.
    DieBefore,
    /// The process ends after the write, before anybody hears of it.
    DieAfter,
}

/// The payload of a death.
struct Died;

#[derive(Default)]
struct Plan {
    fault: Option<(Fault, u64)>,
    writes: u64,
}

/// Sets and counts the faults of a [`FailingStore`]; stays when the store is gone.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

impl Faults {
    /// From now on the write of this number (1: the next one) suffers this. Puts, deletes, commits and scrubs are writes.
    pub fn plan(&self, fault: Fault, at: u64) {
        self.set(Plan { fault: Some((fault, at)), writes: 0 });
    }

    /// No further fault. True if the planned one has happened.
    pub fn end(&self) -> bool {
        let happened = {
            let plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            plan.fault.is_some_and(|(_, at)| plan.writes >= at)
        };
        self.set(Plan::default());
        happened
    }

    fn set(&self, plan: Plan) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = plan;
    }

    fn next(&self) -> Option<Fault> {
        let mut plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        plan.writes += 1;
        plan.fault.filter(|(_, at)| *at == plan.writes).map(|(fault, _)| fault)
    }

    fn around<T>(&self, write: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        match self.next() {
            None => write(),
            Some(Fault::Full) => Err(StoreError::Full),
            Some(Fault::DieBefore) => resume_unwind(Box::new(Died)),
            Some(Fault::DieAfter) => {
                write()?;
                resume_unwind(Box::new(Died))
            }
        }
    }
}

/// Does something that may die of a planned fault: `None` if it did. Other panics go on.
pub fn survive<T>(act: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(value) => Some(value),
        Err(payload) if payload.is::<Died>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

/// A store around another one.
pub struct FailingStore {
    inner: Box<dyn Store>,
    faults: Faults,
}

impl FailingStore {
    /// Wraps a store.
    pub fn new(inner: Box<dyn Store>, faults: &Faults) -> Self {
        Self { inner, faults: faults.clone() }
    }
}

impl Store for FailingStore {
    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        let inner = self.inner.begin()?;
        Ok(Box::new(FailingTransaction { inner, faults: self.faults.clone() }))
    }

    fn scrub(&mut self) -> Result<(), StoreError> {
        let Self { inner, faults } = self;
        faults.around(|| inner.scrub())
    }
}

struct FailingTransaction<'a> {
    inner: Box<dyn Transaction + 'a>,
    faults: Faults,
}

impl Transaction for FailingTransaction<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(table, key)
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let Self { inner, faults } = self;
        faults.around(|| inner.put(table, key, value))
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        let Self { inner, faults } = self;
        faults.around(|| inner.delete(table, key))
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.inner.scan(table, prefix, after, limit)
    }

    fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self { inner, faults } = *self;
        faults.around(|| inner.commit())
    }
}

/// Every row of a store, for comparing what it held before and after.
pub fn rows(store: &mut dyn Store) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
    let tx = store.begin().expect("no transaction is open");
    let of = |table| {
        let entries = tx.scan(table, &[], None, usize::MAX).expect("a scan");
        entries.into_iter().map(move |(key, value)| (table, key, value))
    };
    Table::ALL.into_iter().flat_map(of).collect()
}
