//! The key vault of a terminal phone: the random key of its database, wrapped under a passphrase.
//!
//! A phone in a hand keeps this key in its hardware; a terminal has none, so a passphrase stands in. The vault
//! holds no record and no device key. Invariant: the file is written once, whole, and never changed or
//! replaced until its phone was wiped; without it and its passphrase the database beside it is lost. Called by the command `phone`.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use sync_core::crypto::passphrase_key;
use sync_core::protocol::Code;
use sync_core::store::NewFile;
use zeroize::Zeroizing;

/// The key of a phone's database.
pub type DatabaseKey = Zeroizing<[u8; 32]>;

const VERSION: u32 = 1;
const LABEL: &[u8] = b"aftercall vault v1";

/// Why a vault gave no key.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The passphrase is wrong, or the wrapped key was altered. The file is unchanged.
    #[error("{}", Code::WrongKey.advice())]
    WrongKey,
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
        "the key vault is damaged; keep the folder as it is and restore vault.json from a copy"
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

/// Where a phone's folder keeps its vault.
pub fn path(dir: &Path) -> PathBuf {
    dir.join("vault.json")
}

/// Makes a vault with a fresh key in a folder that is there.
///
/// # Errors
/// [`VaultError::Exists`] if it holds one already.
pub fn create(
    dir: &Path,
    passphrase: &[u8],
    rng: &mut dyn CryptoRng,
) -> Result<DatabaseKey, VaultError> {
    let new = NewFile::beside(&path(dir))?;
    let mut key = DatabaseKey::default();
    rng.fill_bytes(&mut *key);
    let (mut salt, mut nonce) = ([0; 16], [0; 24]);
    rng.fill_bytes(&mut salt);
    rng.fill_bytes(&mut nonce);
    let text = VaultFile::wrap(&key, passphrase, salt, nonce).to_text();
    fs::write(new.path(), text)?;
    new.publish()?;
    Ok(key)
}

/// The key in a folder's vault.
///
/// # Errors
/// [`VaultError::WrongKey`] if the passphrase is wrong; nothing is changed.
pub fn open(dir: &Path, passphrase: &[u8]) -> Result<DatabaseKey, VaultError> {
    VaultFile::from_text(&fs::read(path(dir))?)?.unwrap(passphrase)
}

/// Overwrites and removes a folder's vault, if there is one: what its key opened is closed for good. May be repeated.
///
/// # Errors
/// [`VaultError::Io`].
pub fn destroy(dir: &Path) -> Result<(), VaultError> {
    let path = path(dir);
    let file = match fs::OpenOptions::new().write(true).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(VaultError::Io)?,
    };
    let length = file.metadata().map_err(VaultError::Io)?.len();
    let zeros = vec![0; usize::try_from(length).unwrap_or(0)];
    (&file).write_all(&zeros).map_err(VaultError::Io)?;
    file.sync_all().map_err(VaultError::Io)?;
    fs::remove_file(&path).map_err(VaultError::Io)
}

/// The vault as it lies on the disk: JSON, its bytes in base64url.
#[derive(Serialize, Deserialize)]
struct VaultFile {
    version: u32,
    salt: String,
    nonce: String,
    wrapped: String,
}

impl VaultFile {
    fn wrap(key: &DatabaseKey, passphrase: &[u8], salt: [u8; 16], nonce: [u8; 24]) -> Self {
        let payload = Payload { msg: key.as_slice(), aad: LABEL };
        let wrapped = cipher(passphrase, &salt)
            .encrypt(&XNonce::from(nonce), payload)
            .expect("32 bytes are within the cipher's limits");
        Self {
            version: VERSION,
            salt: URL_SAFE_NO_PAD.encode(salt),
            nonce: URL_SAFE_NO_PAD.encode(nonce),
            wrapped: URL_SAFE_NO_PAD.encode(wrapped),
        }
    }

    fn unwrap(&self, passphrase: &[u8]) -> Result<DatabaseKey, VaultError> {
        let payload = Payload { msg: &bytes::<48>(&self.wrapped)?, aad: LABEL };
        let nonce = XNonce::from(bytes::<24>(&self.nonce)?);
        let plain = cipher(passphrase, &bytes(&self.salt)?)
            .decrypt(&nonce, payload)
            .map_err(|_| VaultError::WrongKey)
            .map(Zeroizing::new)?;
        let mut key = DatabaseKey::default();
        key.copy_from_slice(&plain);
        Ok(key)
    }

    fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).expect("a number and three texts are JSON") + "\n"
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

fn cipher(passphrase: &[u8], salt: &[u8; 16]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&*passphrase_key(passphrase, salt)).into())
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], VaultError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| VaultError::Damaged)?;
    bytes.try_into().map_err(|_| VaultError::Damaged)
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    const PASSPHRASE: &[u8] = b"a passphrase of the field";

    fn made() -> (tempfile::TempDir, DatabaseKey) {
        let dir = tempfile::tempdir().unwrap();
        let key = create(dir.path(), PASSPHRASE, &mut ChaCha20Rng::seed_from_u64(1)).unwrap();
        (dir, key)
    }

    #[test]
    fn a_destroyed_vault_is_gone_and_one_that_is_gone_is_destroyed() {
        let (dir, _) = made();
        destroy(dir.path()).unwrap();
        assert!(matches!(open(dir.path(), PASSPHRASE), Err(VaultError::Absent)));
        destroy(dir.path()).unwrap();
        create(dir.path(), PASSPHRASE, &mut ChaCha20Rng::seed_from_u64(2)).unwrap();
    }

    #[test]
    fn the_key_comes_back_with_its_passphrase_and_stands_nowhere_in_the_file() {
        let (dir, key) = made();
        assert_eq!(*open(dir.path(), PASSPHRASE).unwrap(), *key);
        assert_ne!(*key, [0; 32]);
        let text = fs::read_to_string(path(dir.path())).unwrap();
        let file = VaultFile::from_text(text.as_bytes()).unwrap();
        assert!(!bytes::<48>(&file.wrapped).unwrap().windows(8).any(|w| w == &key[..8]));
        assert!(!text.contains(&URL_SAFE_NO_PAD.encode(*key)));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing lies beside it");
    }

    #[test]
    fn a_wrong_passphrase_is_refused_and_changes_nothing() {
        let (dir, _) = made();
        let before = fs::read(path(dir.path())).unwrap();
        let error = open(dir.path(), b"a passphrase of the fields").unwrap_err();
        assert_eq!(error.code(), Code::WrongKey);
        assert_eq!(fs::read(path(dir.path())).unwrap(), before);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_vault_is_never_overwritten() {
        let (dir, key) = made();
        let again = create(dir.path(), b"another", &mut ChaCha20Rng::seed_from_u64(2));
        assert_eq!(again.unwrap_err().code(), Code::AlreadySetUp);
        assert_eq!(*open(dir.path(), PASSPHRASE).unwrap(), *key);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_vaults_share_neither_key_nor_salt() {
        let ((_one, a), dir) = (made(), tempfile::tempdir().unwrap());
        let b = create(dir.path(), PASSPHRASE, &mut ChaCha20Rng::seed_from_u64(2)).unwrap();
        assert_ne!(*a, *b);
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, _) = made();
        let mode = fs::metadata(path(dir.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn an_absent_newer_or_damaged_vault_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let code = || open(dir.path(), PASSPHRASE).unwrap_err().code();
        assert_eq!(code(), Code::NotSetUp);
        fs::write(path(dir.path()), r#"{"version":2,"sealed_by":"something new"}"#).unwrap();
        assert_eq!(code(), Code::StoreNewer);
        for text in ["", "{}", r#"{"version":1,"salt":"AA","nonce":"AA","wrapped":"AA"}"#] {
            fs::write(path(dir.path()), text).unwrap();
            assert_eq!(code(), Code::StoreFailed, "{text}");
        }
    }

    #[test]
    fn an_altered_salt_nonce_or_key_does_not_open() {
        let (dir, _) = made();
        let text = fs::read_to_string(path(dir.path())).unwrap();
        for field in ["salt", "nonce", "wrapped"] {
            let at = text.find(&format!("\"{field}\": \"")).unwrap() + field.len() + 5;
            let mut altered = text.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            fs::write(path(dir.path()), altered).unwrap();
            let code = open(dir.path(), PASSPHRASE).unwrap_err().code();
            assert_eq!(code, Code::WrongKey, "{field}");
        }
    }
}
