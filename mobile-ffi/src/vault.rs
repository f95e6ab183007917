//! The phone's key store as the app hands it in, and the wrapped key that lies beside the database.
//!
//! Android and iOS keep the wrapping keys in hardware: tier A after the first unlock of the device, tier B while its
//! person is present. The core's random keys go through `wrap` once and come back through `unwrap`; no key ever lies
//! on the disk bare, and a key file that does not open is never replaced.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rand_core::CryptoRng;
use sync_core::engine::{self, MasterKey, Store};
use sync_core::protocol::Code;
use sync_core::store::NewFile;
use zeroize::Zeroizing;

use crate::error::AftercallError;
use crate::phone::open_store;

/// Which of the phone's two master keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Tier {
    /// Database and outbox: available after the first unlock of the device.
    A,
    /// Reading keys: available while the person is present.
    B,
}

/// Why a key store gave no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum VaultError {
    /// Nobody is there to unlock, or the person turned it down. Not a try.
    #[error("nobody has unlocked the key store")]
    Absent,
    /// The wrong PIN or finger. A try.
    #[error("the key store did not accept the unlock")]
    Refused,
    /// The platform has lost the wrapping key for good, as Android's KeyPermanentlyInvalidatedException says.
    #[error("the key store has lost its key")]
    Lost,
    /// Anything else.
    #[error("the key store failed")]
    Failed,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for VaultError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        VaultError::Failed
    }
}

impl From<VaultError> for engine::VaultError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Absent => engine::VaultError::Absent,
            VaultError::Refused => engine::VaultError::Refused,
            VaultError::Lost => engine::VaultError::Lost,
            VaultError::Failed => engine::VaultError::Failed(Box::new(error)),
        }
    }
}

/// The phone's key store, implemented by the app.
///
/// # Contract
/// `unwrap` gives back what `wrap` took under the same tier until `destroy` of that tier, and never makes a new
/// wrapping key. `destroy` may be called again. A failed call changes nothing.
#[uniffi::export(with_foreign)]
pub trait KeyVault: Send + Sync {
    /// Wraps 32 bytes.
    fn wrap(&self, tier: Tier, key: Vec<u8>) -> Result<Vec<u8>, VaultError>;
    /// Opens what was wrapped; for tier B it may ask the person.
    fn unwrap(&self, tier: Tier, wrapped: Vec<u8>) -> Result<Vec<u8>, VaultError>;
    /// Destroys a tier's wrapping key for good.
    fn destroy(&self, tier: Tier) -> Result<(), VaultError>;
}

/// The app's key store as the engine calls it.
struct Foreign(Arc<dyn KeyVault>);

fn tier(tier: engine::Tier) -> Tier {
    match tier {
        engine::Tier::A => Tier::A,
        engine::Tier::B => Tier::B,
    }
}

impl engine::KeyVault for Foreign {
    fn wrap(
        &mut self,
        of: engine::Tier,
        key: &MasterKey,
        _rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, engine::VaultError> {
        Ok(self.0.wrap(tier(of), key.to_vec())?)
    }

    fn unwrap(
        &mut self,
        of: engine::Tier,
        wrapped: &[u8],
    ) -> Result<MasterKey, engine::VaultError> {
        let bytes = Zeroizing::new(self.0.unwrap(tier(of), wrapped.to_vec())?);
        let mut key = MasterKey::default();
        if bytes.len() != key.len() {
            return Err(engine::VaultError::Refused);
        }
        key.copy_from_slice(&bytes);
        Ok(key)
    }

    fn destroy(&mut self, of: engine::Tier) -> Result<(), engine::VaultError> {
        Ok(self.0.destroy(tier(of))?)
    }
}

/// A database, and the key store of the phone in it.
pub(crate) type Opened = (Box<dyn Store>, Box<dyn engine::KeyVault>);

/// A key store with the key of the database it has just given.
pub(crate) struct Cabinet {
    vault: Box<dyn engine::KeyVault>,
    key: MasterKey,
}

fn key_path(path: &str) -> PathBuf {
    PathBuf::from(format!("{path}.key"))
}

fn io_error(_: io::Error) -> AftercallError {
    Code::StoreFailed.into()
}

fn engine_error(error: engine::VaultError) -> AftercallError {
    engine::EngineError::from(error).into()
}

impl Cabinet {
    /// Draws the key of a new database and keeps it wrapped; one that is there is taken as it is.
    pub(crate) fn make(
        path: &str,
        vault: Arc<dyn KeyVault>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, AftercallError> {
        let place = key_path(path);
        // A database without its wrapped key must never be given another one.
        if place.try_exists().map_err(io_error)? || PathBuf::from(path).exists() {
            return Self::find(path, vault);
        }
        let (mut vault, mut key) = (Box::new(Foreign(vault)), MasterKey::default());
        rng.fill_bytes(&mut *key);
        let wrapped = engine::KeyVault::wrap(vault.as_mut(), engine::Tier::A, &key, rng)
            .map_err(engine_error)?;
        let new = NewFile::beside(&place).map_err(io_error)?;
        fs::write(new.path(), wrapped).map_err(io_error)?;
        new.publish().map_err(io_error)?;
        Ok(Self { vault, key })
    }

    /// Has the key of a database that is there unwrapped.
    pub(crate) fn find(path: &str, vault: Arc<dyn KeyVault>) -> Result<Self, AftercallError> {
        if !PathBuf::from(path).exists() && !key_path(path).exists() {
            return Err(Code::NotSetUp.into());
        }
        let wrapped = fs::read(key_path(path)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Code::KeyLost.into(),
            _ => io_error(error),
        })?;
        let mut vault = Box::new(Foreign(vault));
        let key = engine::KeyVault::unwrap(vault.as_mut(), engine::Tier::A, &wrapped)
            .map_err(engine_error)?;
        Ok(Self { vault, key })
    }

    /// The database, and the key store for the phone in it.
    pub(crate) fn open(self, path: &str, create: bool) -> Result<Opened, AftercallError> {
        Ok((open_store(path, &self.key, create)?, self.vault))
    }
}
