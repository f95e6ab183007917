//! A key vault in memory, for simulators, tests and browsers. What it wraps lives as long as the process.
//!
//! Clones are one vault, so that a phone can be closed and opened again. Its person can be absent, be wrong, or
//! have lost the key store: that is set from outside.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand_core::CryptoRng;

use crate::engine::{KeyVault, MasterKey, Tier, VaultError};

/// What the person at a [`MemoryVault`] does when it asks for tier B.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Person {
    /// Unlocks.
    #[default]
    Present,
    /// Is not there.
    Absent,
    /// Gives a wrong passphrase.
    Wrong,
    /// Is there, but the key store has lost its key.
    KeyLost,
}

#[derive(Default)]
struct Inner {
    kept: BTreeMap<(u8, u64), MasterKey>,
    wrapped: u64,
    person: Person,
}

/// See the module.
#[derive(Clone, Default)]
pub struct MemoryVault(Arc<Mutex<Inner>>);

impl MemoryVault {
    /// An empty vault.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what its person does from now on.
    pub fn set_person(&self, person: Person) {
        self.inner().person = person;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyVault for MemoryVault {
    fn wrap(
        &mut self,
        tier: Tier,
        key: &MasterKey,
        _rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, VaultError> {
        let mut inner = self.inner();
        inner.wrapped += 1;
        let number = inner.wrapped;
        inner.kept.insert((tier as u8, number), key.clone());
        Ok(number.to_be_bytes().to_vec())
    }

    fn unwrap(&mut self, tier: Tier, wrapped: &[u8]) -> Result<MasterKey, VaultError> {
        let inner = self.inner();
        match inner.person {
            Person::Absent if tier == Tier::B => return Err(VaultError::Absent),
            Person::Wrong if tier == Tier::B => return Err(VaultError::Refused),
            Person::KeyLost => return Err(VaultError::Lost),
            _ => {}
        }
        let number = wrapped.try_into().map(u64::from_be_bytes).map_err(|_| VaultError::Refused)?;
        inner.kept.get(&(tier as u8, number)).cloned().ok_or(VaultError::Lost)
    }

    fn destroy(&mut self, tier: Tier) -> Result<(), VaultError> {
        self.inner().kept.retain(|(kept, _), _| *kept != tier as u8);
        Ok(())
    }
}
