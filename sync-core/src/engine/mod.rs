//! The engine: a phone without a clock, a network or a file. Events in, durable state and messages out.
//!
//! [`Phone`] owns a [`Store`] and keeps nothing else that matters: whatever it acknowledges to its caller is
//! committed. Callers hand in [`Env`] (the phone's clock and randomness), carry [`Phone::sync_request`] to a
//! relay and its answer back to [`Phone::sync_answer`].

mod alarms;
mod answer;
mod audit;
mod author;
mod backup;
mod cism;
mod cosign;
mod cosign_words;
mod desk;
mod devices;
#[cfg(feature = "drill")]
mod drill;
mod erase;
mod expiry;
mod freshness;
mod grace;
mod heal;
mod holes;
mod invites;
mod join;
mod keys;
mod ledger;
mod look;
mod meet;
mod note;
mod page;
mod panic;
mod readers;
mod reading;
mod receive;
mod receive_directory;
mod record;
mod recovery;
mod refuse;
mod relay_view;
mod removal;
mod replay;
mod request;
mod roster;
mod rows;
mod same;
mod session;
mod spaces;
mod staffing;
mod store;
mod stranger;
mod successor;
mod support;
mod team;
mod trend;
mod tries;
mod typed;
mod types;
mod vault;
mod vouch;
mod wipe;

use crate::crypto::{DeviceKeys, ReadingKey};
use crate::directory::Directory;

use desk::Desk;
use rows::{IdentityRow, WipedRow};

pub use cism::IncidentClock;
pub use devices::DeviceView;
#[cfg(feature = "drill")]
pub use drill::Forgery;
pub use erase::Receipt;
pub use expiry::{KeptUntil, Uptime};
pub use grace::{GRACE_LOCK_MS, GRACE_WARN_MS, Grace};
pub use invites::{InviteState, InviteView};
pub use meet::Met;
pub use panic::PanicPreview;
pub use recovery::{
    Holder, NO_ESCROW_WARNING, PrintedShare, RecoveryAsk, RecoveryProof, RecoverySheet,
    RecoveryState, RecoveryStatus, ShareRelease,
};
pub use relay_view::RelayView;
pub use staffing::Declaration;
pub use store::{Entry, Store, StoreError, Table, Transaction};
pub use tries::{IDLE_LOCK_MS, TRIES_ALLOWED};
pub use types::{
    Alarm, DocumentHeads, Draft, EngineError, Env, MemberView, NewMember, NoteView, OnCallView,
    ProposalView, ReaderView, RecordView, RequestStep, RequestView, Status, SyncOutcome, TextEdit,
};
pub use vault::{KeyVault, MasterKey, Tier, VaultError};

pub use wipe::{Removal, RemovedDevice, WipeState};

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
    /// Challenge of the meeting under way. Forgotten when the process ends.
    meeting: Option<[u8; 16]>,
    /// The next request brings the whole directory, because the relay did not know this device.
    offers_directory: bool,
    /// What is left after the team ordered this phone to be wiped; then it holds nothing else.
    wiped: Option<WipedRow>,
}

impl Phone {
    /// A phone as it is when its process begins: locked, unless it was set up just now.
    fn started(
        (store, vault): (Box<dyn Store>, Box<dyn KeyVault>),
        identity: IdentityRow,
        (keys, reading): (DeviceKeys, Option<ReadingKey>),
        directory: Directory,
    ) -> Self {
        let (asked, meeting, offers_directory, wiped) = (None, None, false, None);
        Self {
            store,
            vault,
            identity,
            keys,
            reading,
            directory,
            asked,
            meeting,
            offers_directory,
            wiped,
        }
    }

    /// Begins a transaction over everything the phone holds.
    ///
    /// # Errors
    /// `device_wiped` once it holds nothing any more.
    fn desk(&mut self) -> Result<Desk<'_>> {
        self.refuse_wiped()?;
        self.any_desk()
    }

    /// As [`Phone::desk`], wiped or not.
    fn any_desk(&mut self) -> Result<Desk<'_>> {
        let rows = rows::Rows(self.store.begin()?, self.reading.as_mut());
        Ok(Desk::new(rows, &self.identity, &self.keys, &self.directory))
    }
}
