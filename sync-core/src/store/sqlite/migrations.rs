//! The schema, one step a version. A released step is never edited; a change is a further step.
//!
//! The version stands in `user_version`; each step and its number are one transaction.

use rusqlite::{Connection, TransactionBehavior};

use crate::engine::StoreError;

use super::store_error;

/// Values of envelopes, documents and changes are large, which tables without rowid hold badly. `mark` is the last column:
/// it shows that a row was read to its end.
const STEPS: &[&str] = &[
    "
    CREATE TABLE meta (
        key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, mark INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE envelopes (
        key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, mark INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE items (
        key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, mark INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE outbox (
        key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, mark INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE spaces (
        key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, mark INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE documents (
        key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, mark INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE changes (
        key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, mark INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE records (
        key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, mark INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE keys (
        key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, mark INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE parked (
        key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, mark INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE drafts (
        key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, mark INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE invites (
        key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, mark INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE alarms (
        key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, mark INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
",
    "
    CREATE TABLE sealed (
        key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, mark INTEGER NOT NULL
    ) STRICT;
",
];

/// The version this build writes.
const VERSION: usize = STEPS.len();

/// The schema version of a file; nothing is written.
///
/// # Errors
/// [`StoreError::Newer`] if it is above this build's.
pub(super) fn version(connection: &Connection) -> Result<usize, StoreError> {
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(store_error)?;
    usize::try_from(version).ok().filter(|v| *v <= VERSION).ok_or(StoreError::Newer)
}

/// Brings a file from its version to this build's.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let from = version(connection)?;
    for (step, sql) in STEPS.iter().enumerate().skip(from) {
        run(connection, sql, step + 1).map_err(store_error)?;
    }
    Ok(())
}

fn run(connection: &mut Connection, sql: &str, version: usize) -> rusqlite::Result<()> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(sql)?;
    tx.pragma_update(None, "user_version", version as i64)?;
    tx.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Table;

    #[test]
    fn a_fresh_schema_has_every_table_and_migrating_again_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        for _ in 0..2 {
            migrate(&mut connection).unwrap();
            assert_eq!(version(&connection).unwrap(), VERSION);
            for table in Table::ALL {
                assert!(connection.table_exists(None, table.name()).unwrap(), "{table:?}");
            }
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let failed =
            run(&mut connection, "CREATE TABLE extra (x); CREATE TABLE meta (x);", VERSION + 1);
        assert!(failed.is_err());
        assert_eq!(version(&connection).unwrap(), VERSION);
        assert!(!connection.table_exists(None, "extra").unwrap());
    }
}
