//! The relay itself: requests in, answers out. No sockets, no clock of its own, no threads.
//!
//! Invariant: an answer says `stored` only after the transaction that stored it was committed. A team's directory
//! lives in memory as a fold of its stored entries and changes only together with them. Called by `http` and
//! `console`; safe to share between threads.

mod answer;
mod auth;
mod carried;
mod changes;
mod cosigns;
mod cursors;
mod enrol;
mod expiry;
pub(crate) mod heal;
mod invites;
mod items;
mod live;
mod numbers;
mod outcome;
mod projection;
mod pull;
mod purge;
mod push;
mod record_audit;
mod recovery;
mod refusal;
mod removed;
mod structure;
mod sync;
#[cfg(feature = "drill")]
mod withhold;

pub(crate) use expiry::MOST_DAYS as MOST_DAYS_AHEAD;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rand_core::CryptoRng;
use sync_core::crypto::DeviceKeys;
use sync_core::directory::Directory;
use sync_core::ids::{IncarnationId, RelayId, TeamId};
use sync_core::protocol::Timestamp;

use crate::live::Streams;
use crate::rate::Rate;
use crate::store::{self, Store, StoreError, meta};

pub(crate) use live::Heads;
pub use refusal::Refusal;
#[cfg(feature = "drill")]
pub use withhold::withhold;

/// How long a spent token is remembered after it expires, in seconds: longer than any leeway for clocks.
const TOKEN_MEMORY_S: i64 = 120;

/// What time it is, as the relay attests it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a relay is given when it opens.
pub struct Settings {
    /// What phones call it: scheme, host and port, as `https://relay.example`. Part of every token's audience.
    pub origin: String,
    /// Its clock.
    pub clock: Clock,
    /// Its randomness.
    pub rng: Box<dyn CryptoRng + Send>,
}

/// A relay.
pub struct Relay {
    store: Store,
    keys: DeviceKeys,
    incarnation: IncarnationId,
    origin: String,
    clock: Clock,
    rng: Mutex<Box<dyn CryptoRng + Send>>,
    directories: RwLock<BTreeMap<TeamId, Arc<Directory>>>,
    /// Held from the beginning of a push until the directory in memory is the stored one again.
    pushing: Mutex<()>,
    enrolling: Rate<TeamId>,
    /// Held while a request of a device that no directory lists is read.
    strangers: Mutex<()>,
    streams: Streams,
}

impl Relay {
    /// Opens a relay's data folder; a new one gets a signing key and an incarnation.
    ///
    /// # Errors
    /// Those of [`Store::open`], and `Damaged` if the file's quick check fails or the key or a team's directory does not read back.
    pub fn open(folder: &Path, mut settings: Settings) -> Result<Self, StoreError> {
        let store = Store::open(folder)?;
        store.quick_check()?;
        store.settle()?;
        store.collect_keys()?;
        let (keys, incarnation) = identity(&store, settings.rng.as_mut())?;
        let directories = store.read(load_directories)?;
        Ok(Self {
            store,
            keys,
            incarnation,
            origin: settings.origin,
            clock: settings.clock,
            rng: Mutex::new(settings.rng),
            directories: RwLock::new(directories),
            pushing: Mutex::new(()),
            strangers: Mutex::new(()),
            enrolling: Rate::new(),
            streams: Streams::new(),
        })
    }

    /// The relay's id: its verifying key.
    pub fn id(&self) -> RelayId {
        RelayId::new(self.keys.verify_key())
    }

    /// Lets a team use this relay: `team` is the hash of its directory's first entry.
    pub fn allow_team(&self, team: TeamId) -> Result<(), StoreError> {
        self.store.write(|tx| meta::allow_team(tx, team, self.now()))
    }

    /// The teams that may use this relay.
    pub fn teams(&self) -> Result<Vec<TeamId>, StoreError> {
        self.store.read(|reader| meta::teams(reader))
    }

    /// What phones call this relay.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Moves the write-ahead log into the database, when nothing more is coming. False if somebody who reads was
    /// waited for in vain.
    pub fn checkpoint(&self) -> Result<bool, StoreError> {
        self.store.checkpoint()
    }

    /// Ends every stream of hints and opens no more: the relay stops.
    pub(crate) fn end_streams(&self) {
        self.streams.stop();
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// A team's directory as it is now; an empty one if none was pushed yet.
    pub(crate) fn directory(&self, team: TeamId) -> Arc<Directory> {
        let directories = self.directories.read().unwrap_or_else(PoisonError::into_inner);
        directories.get(&team).cloned().unwrap_or_else(|| Arc::new(Directory::new(team)))
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }
}

const KEYS: &str = "relay_keys";
const INCARNATION: &str = "incarnation";

/// The relay's signing key and incarnation, made on first use in the transaction that stores them.
fn identity(
    store: &Store,
    rng: &mut dyn CryptoRng,
) -> Result<(DeviceKeys, IncarnationId), StoreError> {
    store.write(|tx| {
        let keys = match meta::get(tx, KEYS)? {
            Some(bytes) => DeviceKeys::from_secret_bytes(&bytes)
                .map_err(|_| StoreError::Damaged("the relay's key"))?,
            None => {
                let keys = DeviceKeys::generate(rng);
                meta::put(tx, KEYS, &keys.to_secret_bytes())?;
                keys
            }
        };
        let incarnation = match meta::get(tx, INCARNATION)? {
            Some(bytes) => IncarnationId::from_slice(&bytes)
                .map_err(|_| StoreError::Damaged("the relay's incarnation"))?,
            None => {
                let incarnation = IncarnationId::random(rng);
                meta::put(tx, INCARNATION, incarnation.as_bytes())?;
                incarnation
            }
        };
        Ok((keys, incarnation))
    })
}

fn load_directories(
    reader: &store::Reader,
) -> Result<BTreeMap<TeamId, Arc<Directory>>, StoreError> {
    let mut out = BTreeMap::new();
    for team in meta::teams(reader)? {
        let mut directory = Directory::new(team);
        for entry in store::items::envelopes(reader, directory.space())? {
            directory.append(&entry).map_err(|_| StoreError::Damaged("a team's directory"))?;
        }
        if !directory.is_empty() {
            out.insert(team, Arc::new(directory));
        }
    }
    Ok(out)
}
