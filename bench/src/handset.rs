//! A phone as an app holds it: the engine on an encrypted file, this machine's clock, one way to the relay.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{CryptoRng, SeedableRng as _};
use sync_core::client::{HttpClient, Surroundings, enrol_once, sync_once, sync_until_done};
use sync_core::engine::{Env, NewMember, Phone, SyncOutcome};
use sync_core::ids::{DocId, MemberId};
use sync_core::protocol::{Invitation, Timestamp};
use sync_core::records::{PolicyProfile, Role};
use sync_core::store::{MemoryVault, SqliteStore};
use tokio::runtime::Runtime;

use crate::Outcome;
use crate::workload::Form;

/// The key of every phone's file.
const KEY: [u8; 32] = [7; 32];

/// This machine's clock, and randomness from a seed.
struct Around(ChaCha20Rng);

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl Surroundings for Around {
    fn now(&mut self) -> Timestamp {
        now()
    }

    fn rng(&mut self) -> &mut dyn CryptoRng {
        &mut self.0
    }
}

/// A phone.
pub struct Handset {
    /// The engine.
    pub phone: Phone,
    http: HttpClient,
    around: Around,
    runtime: Runtime,
    origin: String,
    path: PathBuf,
    vault: MemoryVault,
}

fn member(name: &str, roles: &[Role], admin: bool) -> NewMember {
    let (name, roles) = (Some(name.to_owned()), roles.to_vec());
    NewMember { name, roles, admin, ..NewMember::default() }
}

impl Handset {
    fn new(
        path: PathBuf,
        seed: u64,
        origin: &str,
        phone: impl FnOnce(SqliteStore, MemoryVault, &mut Env<'_>) -> Outcome<Phone>,
    ) -> Outcome<Self> {
        let mut around = Around(ChaCha20Rng::seed_from_u64(seed));
        let store = SqliteStore::open(&path, &KEY)?;
        let vault = MemoryVault::new();
        let mut env = Env { now: now(), rng: &mut around.0 };
        let phone = phone(store, vault.clone(), &mut env)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (http, origin) = (HttpClient::new(origin)?, origin.to_owned());
        Ok(Self { phone, http, around, runtime, origin, path, vault })
    }

    /// The phone that makes a team; its member is a coordinator and an admin.
    pub fn that_makes_a_team(path: PathBuf, seed: u64, origin: &str) -> Outcome<Self> {
        let admin = member("Robin", &[Role::Coordinator, Role::PeerSupporter], true);
        Self::new(path, seed, origin, |store, vault, env| {
            let (profile, vault) = (PolicyProfile::neutral(), Box::new(vault));
            Ok(Phone::create_team(Box::new(store), vault, env, origin, profile, admin)?)
        })
    }

    /// A phone that begins to join.
    pub fn that_joins(
        path: PathBuf,
        seed: u64,
        origin: &str,
        invitation: &Invitation,
    ) -> Outcome<Self> {
        Self::new(path, seed, origin, |store, vault, env| {
            Ok(Phone::start_joining(Box::new(store), Box::new(vault), env, invitation)?)
        })
    }

    /// Enters a member (on an admin's phone).
    pub fn add_member(&mut self, name: &str, roles: &[Role]) -> Outcome<MemberId> {
        let mut env = Env { now: now(), rng: &mut self.around.0 };
        Ok(self.phone.add_member(&mut env, member(name, roles, false))?)
    }

    /// Invites a member's phone (on an admin's phone).
    pub fn invite(&mut self, member: MemberId) -> Outcome<Invitation> {
        Ok(self.phone.invite(&mut Env { now: now(), rng: &mut self.around.0 }, member)?)
    }

    /// Asks to be let in; true once it is.
    pub fn ask_to_join(&mut self) -> Outcome<bool> {
        let Self { phone, http, runtime, .. } = self;
        Ok(runtime.block_on(enrol_once(phone, http))?)
    }

    /// Exchanges until neither side has anything left. Everything recorded must be acknowledged then.
    pub fn sync(&mut self) -> Outcome<SyncOutcome> {
        let Self { phone, http, around, runtime, .. } = self;
        let totals = runtime.block_on(sync_until_done(phone, http, around))?;
        if totals.refused > 0 || totals.again {
            return Err(format!("a sync did not come to a clean rest: {totals:?}").into());
        }
        Ok(totals)
    }

    /// One request and its answer.
    pub fn exchange(&mut self) -> Outcome<SyncOutcome> {
        let Self { phone, http, around, runtime, .. } = self;
        Ok(runtime.block_on(sync_once(phone, http, around))?)
    }

    /// Comes back into reach: connections from before are gone.
    pub fn come_into_reach(&mut self) -> Outcome {
        self.http = HttpClient::new(&self.origin)?;
        Ok(())
    }

    /// Lets this member's own check-ins leave the phone; at first they stay.
    pub fn back_up(&mut self) -> Outcome {
        Ok(self.phone.set_backup(true)?)
    }

    /// Records something.
    pub fn record(&mut self, kind: &str, form: &Form) -> Outcome<DocId> {
        let mut env = Env { now: now(), rng: &mut self.around.0 };
        Ok(self.phone.record(&mut env, kind, form)?)
    }

    /// Edits a record.
    pub fn edit(&mut self, record: DocId, form: &Form) -> Outcome {
        let mut env = Env { now: now(), rng: &mut self.around.0 };
        Ok(self.phone.edit(&mut env, record, form)?)
    }

    /// Shares a check-in with members.
    pub fn share(&mut self, record: DocId, with: &[MemberId]) -> Outcome {
        let mut env = Env { now: now(), rng: &mut self.around.0 };
        self.phone.share(&mut env, record, with, false)?;
        Ok(())
    }

    /// Ends the phone's process, as it were, and opens its file again.
    pub fn reopened(self) -> Outcome<Self> {
        let Self { phone, http, around, runtime, origin, path, vault } = self;
        drop(phone);
        let phone = open(&path, &vault)?;
        Ok(Self { phone, http, around, runtime, origin, path, vault })
    }

    /// Ends the phone and gives the path of its file, and its vault.
    pub fn put_away(self) -> (PathBuf, MemoryVault) {
        (self.path, self.vault)
    }
}

/// Opens a phone's file and the phone in it, and unlocks it. The vault costs nothing here.
pub fn open(path: &Path, vault: &MemoryVault) -> Outcome<Phone> {
    let store = Box::new(SqliteStore::open_existing(path, &KEY)?);
    let mut phone = Phone::open(store, Box::new(vault.clone()))?;
    phone.unlock(&mut Env { now: now(), rng: &mut ChaCha20Rng::seed_from_u64(1) })?;
    Ok(phone)
}
