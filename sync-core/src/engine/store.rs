//! The storage a phone needs: ordered keys and values in a few tables, under transactions.

/// The tables of a phone. Keys sort as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Settings and counters by name.
    Meta,
    /// Envelopes by id.
    Envelopes,
    /// What became of each envelope, by id.
    Items,
    /// Ids in the outbox, in the order in which they leave.
    Outbox,
    /// Spaces by id.
    Spaces,
    /// Documents by (space, document).
    Documents,
    /// Envelopes of a document by (document, order).
    Changes,
    /// Records by (record kind, document): the list views.
    Records,
    /// Secret keys of epochs, senders and documents.
    Keys,
    /// Envelopes that wait for an ancestor or a key, by (space, sequence).
    Parked,
    /// Drafts: values kept for their author after a refusal.
    Drafts,
    /// Invitations made on this device, by look-up value.
    Invites,
    /// Alarms by code and subject.
    Alarms,
}

impl Table {
    /// Every table.
    pub const ALL: [Table; 13] = [
        Table::Meta,
        Table::Envelopes,
        Table::Items,
        Table::Outbox,
        Table::Spaces,
        Table::Documents,
        Table::Changes,
        Table::Records,
        Table::Keys,
        Table::Parked,
        Table::Drafts,
        Table::Invites,
        Table::Alarms,
    ];

    /// The stable name, used by stores that name their tables.
    pub const fn name(self) -> &'static str {
        match self {
            Table::Meta => "meta",
            Table::Envelopes => "envelopes",
            Table::Items => "items",
            Table::Outbox => "outbox",
            Table::Spaces => "spaces",
            Table::Documents => "documents",
            Table::Changes => "changes",
            Table::Records => "records",
            Table::Keys => "keys",
            Table::Parked => "parked",
            Table::Drafts => "drafts",
            Table::Invites => "invites",
            Table::Alarms => "alarms",
        }
    }
}

/// A store that failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The key is wrong; the file is unchanged.
    #[error(
        "the database does not open with this key; nothing was changed, try the right passphrase"
    )]
    WrongKey,
    /// Written by a newer version.
    #[error("the database was written by a newer app; update this one")]
    Newer,
    /// Another process has it open.
    #[error("the database is open in another process; close that one first")]
    Busy,
    /// The disk is full or read-only.
    #[error(
        "the phone's storage is full or read-only; nothing was half-written, free some space and try again"
    )]
    Full,
    /// Anything else of the storage engine.
    #[error("the phone's storage failed; nothing was half-written")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A key with its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Durable storage of a phone.
///
/// # Contract
/// A transaction sees its own writes. `commit` returns only when they are durable; dropping a transaction
/// without it undoes every write. Nothing is ever half-written, whatever moment the process dies.
///
/// # Concurrency
/// One transaction at a time (`&mut self`).
///
/// # Errors
/// A failed call leaves the store as it was before the transaction.
pub trait Store: Send {
    /// Begins a transaction.
    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError>;
    /// Leaves nothing of what was deleted or replaced in any of its files. Rows stay as they are.
    fn scrub(&mut self) -> Result<(), StoreError>;
}

/// A transaction of a [`Store`].
pub trait Transaction {
    /// The value at a key.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// Sets the value at a key.
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError>;
    /// Removes a key; absent keys are fine.
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError>;
    /// Entries whose key starts with `prefix`, in key order, strictly after `after` if given, at most `limit`.
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError>;
    /// Makes every write durable.
    fn commit(self: Box<Self>) -> Result<(), StoreError>;
}
