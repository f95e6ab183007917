//! The key vault of a terminal phone: its two master keys, wrapped under keys that lie in files and under a
//! passphrase.
//!
//! A phone in a hand keeps these in its hardware; a terminal has none. Tier A is wrapped under `device.key` in the
//! phone's own folder, so that the phone syncs with nobody there; tier B under a passphrase (Argon2id) keyed with
//! `reading.key`, so that neither alone opens anything. `vault.json` is the wrapped key of the database.
//! Invariant: no file is ever changed or replaced until its phone was wiped; destroying a tier overwrites and removes
//! its key file, and opening never makes one. Called by the command `phone`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use sync_core::crypto::labels;
use sync_core::crypto::passphrase_and_device_key;
use sync_core::engine::{self, KeyVault, MasterKey, Tier};
use sync_core::protocol::Code;
use sync_core::store::NewFile;
use zeroize::Zeroizing;

#[cfg(test)]
mod tests;

/// The key of a phone's database.
pub type DatabaseKey = MasterKey;

const VERSION: u32 = 2;
const NONCE_LEN: usize = 24;
const SALT_LEN: usize = 16;

/// Why a vault gave no key. Every file is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The passphrase is wrong, or the wrapped key was altered.
    #[error("{}", Code::WrongKey.advice())]
    WrongKey,
    /// No passphrase was given.
    #[error("{}", Code::Locked.advice())]
    NoPassphrase,
    /// The file of the key that wraps is gone.
    #[error("{}", Code::KeyLost.advice())]
    Lost,
    /// There is a vault already; it was left alone.
    #[error("{}", Code::AlreadySetUp.advice())]
    Exists,
    /// There is no vault.
    #[error("{}", Code::NotSetUp.advice())]
    Absent,
    /// Written by a newer version.
    #[error("{}", Code::StoreNewer.advice())]
    Newer,
    /// The file is no vault.
    #[error(
        "the key vault is damaged; keep the folder as it is and restore its key files from a copy"
    )]
    Damaged,
    /// The file system refused.
    #[error("the key vault cannot be read or written; check the folder's rights and free space")]
    Io(#[source] io::Error),
}

impl VaultError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            VaultError::WrongKey => Code::WrongKey,
            VaultError::NoPassphrase => Code::Locked,
            VaultError::Lost => Code::KeyLost,
            VaultError::Exists => Code::AlreadySetUp,
            VaultError::Absent => Code::NotSetUp,
            VaultError::Newer => Code::StoreNewer,
            VaultError::Damaged | VaultError::Io(_) => Code::StoreFailed,
        }
    }
}

impl From<io::Error> for VaultError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AlreadyExists => VaultError::Exists,
            io::ErrorKind::NotFound => VaultError::Absent,
            _ => VaultError::Io(error),
        }
    }
}

impl From<VaultError> for engine::VaultError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::WrongKey => engine::VaultError::Refused,
            VaultError::NoPassphrase => engine::VaultError::Absent,
            VaultError::Lost => engine::VaultError::Lost,
            other => engine::VaultError::Failed(Box::new(other)),
        }
    }
}

/// Where a phone's folder keeps the wrapped key of its database.
pub fn path(dir: &Path) -> PathBuf {
    dir.join("vault.json")
}

/// Every file of a vault.
pub fn files(dir: &Path) -> [PathBuf; 3] {
    [path(dir), key_file(dir, Tier::A), key_file(dir, Tier::B)]
}

fn key_file(dir: &Path, tier: Tier) -> PathBuf {
    dir.join(match tier {
        Tier::A => "device.key",
        Tier::B => "reading.key",
    })
}

/// Overwrites and removes a folder's vault, if there is one: what its keys opened is closed for good. May be repeated.
///
/// # Errors
/// [`VaultError::Io`].
pub fn destroy(dir: &Path) -> Result<(), VaultError> {
    for file in files(dir) {
        overwrite_and_remove(&file)?;
    }
    Ok(())
}

/// A flash medium may keep an older copy until it reuses the block.
fn overwrite_and_remove(path: &Path) -> Result<(), VaultError> {
    let mut file = match fs::OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(VaultError::Io)?,
    };
    let length = file.metadata().map_err(VaultError::Io)?.len();
    let zeros = vec![0; usize::try_from(length).unwrap_or(0)];
    file.write_all(&zeros).map_err(VaultError::Io)?;
    file.sync_all().map_err(VaultError::Io)?;
    fs::remove_file(path).map_err(VaultError::Io)
}

/// The vault of one folder, with the passphrase if its person gave one.
pub struct FolderVault {
    dir: PathBuf,
    passphrase: Option<Zeroizing<Vec<u8>>>,
}

impl FolderVault {
    /// The vault of a folder that is there.
    pub fn new(dir: &Path, passphrase: Option<&[u8]>) -> Self {
        let passphrase = passphrase.map(|typed| Zeroizing::new(typed.to_vec()));
        Self { dir: dir.to_owned(), passphrase }
    }

    /// Draws the key of a database and keeps it wrapped.
    ///
    /// # Errors
    /// [`VaultError::Exists`] if the folder holds a vault already.
    pub fn create(&mut self, rng: &mut dyn CryptoRng) -> Result<DatabaseKey, VaultError> {
        let new = NewFile::beside(&path(&self.dir))?;
        if path(&self.dir).try_exists()? {
            return Err(VaultError::Exists);
        }
        let mut key = DatabaseKey::default();
        rng.fill_bytes(&mut *key);
        let wrapped = self.wrap_under(Tier::A, &key, rng)?;
        let file = VaultFile { version: VERSION, wrapped: URL_SAFE_NO_PAD.encode(wrapped) };
        fs::write(new.path(), file.to_text())?;
        new.publish()?;
        Ok(key)
    }

    /// The key of the folder's database. Asks for no passphrase.
    ///
    /// # Errors
    /// [`VaultError::Lost`] if the folder has lost `device.key`.
    pub fn open(&self) -> Result<DatabaseKey, VaultError> {
        let file = VaultFile::from_text(&fs::read(path(&self.dir))?)?;
        let wrapped = URL_SAFE_NO_PAD.decode(file.wrapped).map_err(|_| VaultError::Damaged)?;
        self.unwrap_under(Tier::A, &wrapped)
    }

    fn wrap_under(
        &self,
        tier: Tier,
        key: &MasterKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, VaultError> {
        let device = match self.device_part(tier) {
            Err(VaultError::Lost) => self.new_device_part(tier, rng)?,
            found => found?,
        };
        let (mut salt, mut nonce) = ([0; SALT_LEN], [0; NONCE_LEN]);
        rng.fill_bytes(&mut salt);
        rng.fill_bytes(&mut nonce);
        let payload = Payload { msg: key.as_slice(), aad: label(tier) };
        let text = self
            .cipher(tier, &device, &salt)?
            .encrypt(&XNonce::from(nonce), payload)
            .expect("32 bytes are within the cipher's limits");
        Ok([&salt[..], &nonce, &text].concat())
    }

    fn unwrap_under(&self, tier: Tier, wrapped: &[u8]) -> Result<MasterKey, VaultError> {
        let (salt, rest) = wrapped.split_at_checked(SALT_LEN).ok_or(VaultError::Damaged)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or(VaultError::Damaged)?;
        let salt = salt.try_into().map_err(|_| VaultError::Damaged)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| VaultError::Damaged)?;
        let device = self.device_part(tier)?;
        let payload = Payload { msg: text, aad: label(tier) };
        let plain = self
            .cipher(tier, &device, &salt)?
            .decrypt(&nonce, payload)
            .map_err(|_| VaultError::WrongKey)
            .map(Zeroizing::new)?;
        let mut key = MasterKey::default();
        if plain.len() != key.len() {
            return Err(VaultError::Damaged);
        }
        key.copy_from_slice(&plain);
        Ok(key)
    }

    fn cipher(
        &self,
        tier: Tier,
        device: &MasterKey,
        salt: &[u8; SALT_LEN],
    ) -> Result<XChaCha20Poly1305, VaultError> {
        let key = match tier {
            Tier::A => device.clone(),
            Tier::B => {
                let typed = self.passphrase.as_ref().ok_or(VaultError::NoPassphrase)?;
                passphrase_and_device_key(typed, salt, device.as_slice())
            }
        };
        Ok(XChaCha20Poly1305::new((&*key).into()))
    }

    /// What the device adds to a tier; a phone in a hand keeps it in hardware.
    fn device_part(&self, tier: Tier) -> Result<MasterKey, VaultError> {
        let bytes = match fs::read(key_file(&self.dir, tier)) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(VaultError::Lost),
            Err(error) => return Err(VaultError::Io(error)),
        };
        let mut key = MasterKey::default();
        if bytes.len() != key.len() {
            return Err(VaultError::Damaged);
        }
        key.copy_from_slice(&bytes);
        Ok(key)
    }

    fn new_device_part(
        &self,
        tier: Tier,
        rng: &mut dyn CryptoRng,
    ) -> Result<MasterKey, VaultError> {
        let mut key = MasterKey::default();
        rng.fill_bytes(&mut *key);
        let new = NewFile::beside(&key_file(&self.dir, tier))?;
        fs::write(new.path(), key.as_slice())?;
        new.publish()?;
        Ok(key)
    }

    fn destroy_part(&self, tier: Tier) -> Result<(), VaultError> {
        overwrite_and_remove(&key_file(&self.dir, tier))?;
        #[cfg(unix)]
        fs::File::open(&self.dir)?.sync_all()?;
        Ok(())
    }
}

impl KeyVault for FolderVault {
    fn wrap(
        &mut self,
        tier: Tier,
        key: &MasterKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, engine::VaultError> {
        Ok(self.wrap_under(tier, key, rng)?)
    }

    fn unwrap(&mut self, tier: Tier, wrapped: &[u8]) -> Result<MasterKey, engine::VaultError> {
        Ok(self.unwrap_under(tier, wrapped)?)
    }

    fn destroy(&mut self, tier: Tier) -> Result<(), engine::VaultError> {
        Ok(self.destroy_part(tier)?)
    }
}

fn label(tier: Tier) -> &'static [u8] {
    match tier {
        Tier::A => labels::VAULT_A,
        Tier::B => labels::VAULT_B,
    }
}

/// The wrapped key as it lies on the disk: JSON, its bytes (salt, nonce, ciphertext) in base64url.
#[derive(Serialize, Deserialize)]
struct VaultFile {
    version: u32,
    wrapped: String,
}

impl VaultFile {
    fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).expect("a number and a text are JSON") + "\n"
    }

    fn from_text(text: &[u8]) -> Result<Self, VaultError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        // Read alone first: a newer vault may have other fields.
        let found: Version = serde_json::from_slice(text).map_err(|_| VaultError::Damaged)?;
        if found.version > VERSION {
            return Err(VaultError::Newer);
        }
        serde_json::from_slice(text).map_err(|_| VaultError::Damaged)
    }
}
