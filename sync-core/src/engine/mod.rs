//! The engine: a phone without a clock, a network or a file. Events in, durable state and messages out.
//!
//! [`Phone`] owns a [`Store`] and keeps nothing else that matters: whatever it acknowledges to its caller is
//! committed. Callers hand in [`Env`] (the phone's clock and randomness), carry [`Phone::sync_request`] to a
//! relay and its answer back to [`Phone::sync_answer`].

mod answer;
mod author;
mod backup;
mod desk;
#[cfg(feature = "drill")]
mod drill;
mod grace;
mod join;
mod keys;
mod ledger;
mod look;
mod page;
mod panic;
mod reading;
mod receive;
mod receive_directory;
mod record;
mod refuse;
mod replay;
mod request;
mod rows;
mod session;
mod spaces;
mod store;
mod team;
mod tries;
mod types;
mod vault;

use crate::crypto::{DeviceKeys, ReadingKey};
use crate::directory::Directory;

use desk::Desk;
use rows::IdentityRow;

#[cfg(feature = "drill")]
pub use drill::Forgery;
pub use store::{Entry, Store, StoreError, Table, Transaction};
pub use grace::{GRACE_LOCK_MS, GRACE_WARN_MS, Grace, Uptime};
pub use panic::PanicPreview;
pub use tries::{IDLE_LOCK_MS, TRIES_ALLOWED};
pub use types::{
    Alarm, DocumentHeads, Draft, EngineError, Env, MemberView, NewMember, NoteView, RecordView,
    Status, SyncOutcome, TextEdit,
};
pub use vault::{KeyVault, MasterKey, Tier, VaultError};

type Result<T> = std::result::Result<T, EngineError>;

/// A phone: one device of one member of one team.
pub struct Phone {
    store: Box<dyn Store>,
    vault: Box<dyn KeyVault>,
    identity: IdentityRow,
    keys: DeviceKeys,
    /// What opens sealed rows; `None` while locked.
    reading: Option<ReadingKey>,
    /// The sequenced entries, folded.
    directory: Directory,
    /// Digest of the latest request: only its answer tells the time. Forgotten when the process ends.
    asked: Option<[u8; 32]>,
}

impl Phone {
    /// Begins a transaction over everything the phone holds.
    fn desk(&mut self) -> Result<Desk<'_>> {
        let rows = rows::Rows(self.store.begin()?, self.reading.as_mut());
        Ok(Desk::new(rows, &self.identity, &self.keys, &self.directory))
    }
}
