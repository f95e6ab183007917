//! What can go wrong with the relay's storage, by what the operator can do about it.

/// A failure of the relay's storage. Nothing is half-written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The program was built with a SQLite that can corrupt WAL databases.
    #[error(
        "this build carries SQLite {found}, which can corrupt a database in WAL mode; use a build with 3.51.3 or later"
    )]
    OldSqlite {
        /// Its version number, as 3051002 for 3.51.2.
        found: i32,
    },
    /// A newer program wrote the file.
    #[error(
        "the database was written by a newer aftercall (schema {found}, this one knows {known}); update this program"
    )]
    Newer {
        /// Schema version of the file.
        found: i64,
        /// Newest schema version known here.
        known: i64,
    },
    /// The database needs a key file and there is none.
    #[error(
        "relay-keys.db is missing, which holds the key of every document in relay.db; put it back, or run `aftercall restore` with a copy of relay.db, and with a backup of the keys if there is one: phones hand back what cannot be opened"
    )]
    NoKeys,
    /// A file that was given as keys is something else.
    #[error("this is no key file of a relay; name a file that `aftercall backup --keys` wrote")]
    NotKeys,
    /// The data folder cannot be made.
    #[error("the data folder cannot be made or opened; check its path and rights")]
    Folder(#[source] std::io::Error),
    /// A row does not hold what it must.
    #[error(
        "the database is damaged ({0}); stop the relay, keep the file, and restore from a backup"
    )]
    Damaged(&'static str),
    /// SQLite refused or failed.
    #[error("the database failed; check free space and rights of the data folder")]
    Sqlite(#[from] rusqlite::Error),
}
