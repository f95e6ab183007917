//! What the vault of a folder promises.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;

const PASSPHRASE: &[u8] = b"a passphrase of the field";
const READING: [u8; 32] = [9; 32];

struct Made {
    dir: tempfile::TempDir,
    database: DatabaseKey,
    /// The reading key, wrapped.
    wrapped: Vec<u8>,
}

fn vault(dir: &Path, passphrase: &[u8]) -> FolderVault {
    FolderVault::new(dir, Some(passphrase))
}

fn made() -> Made {
    let (dir, mut rng) = (tempfile::tempdir().unwrap(), ChaCha20Rng::seed_from_u64(1));
    let mut vault = vault(dir.path(), PASSPHRASE);
    let database = vault.create(&mut rng).unwrap();
    let wrapped = vault.wrap(Tier::B, &MasterKey::new(READING), &mut rng).unwrap();
    Made { dir, database, wrapped }
}

/// Every file of a folder with what it holds.
fn held(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn the_database_key_comes_back_without_a_passphrase_and_stands_nowhere_bare() {
    let Made { dir, database, .. } = made();
    assert_eq!(*FolderVault::new(dir.path(), None).open().unwrap(), *database);
    assert_ne!(*database, [0; 32]);
    let files = held(dir.path());
    assert_eq!(files.len(), 3, "nothing lies beside the vault");
    for (path, bytes) in files {
        assert!(!bytes.windows(8).any(|w| w == &database[..8]), "{path:?}");
        let text = URL_SAFE_NO_PAD.encode(*database);
        assert!(!bytes.windows(text.len()).any(|w| w == text.as_bytes()), "{path:?}");
    }
}

#[test]
fn the_reading_key_needs_the_passphrase_and_the_devices_part() {
    let Made { dir, wrapped, .. } = made();
    assert_eq!(*vault(dir.path(), PASSPHRASE).unwrap_under(Tier::B, &wrapped).unwrap(), READING);
    let nobody = FolderVault::new(dir.path(), None);
    assert_eq!(nobody.unwrap_under(Tier::B, &wrapped).unwrap_err().code(), Code::Locked);
    // The passphrase with another device's part opens nothing.
    fs::write(key_file(dir.path(), Tier::B), [1; 32]).unwrap();
    let refused = vault(dir.path(), PASSPHRASE).unwrap_under(Tier::B, &wrapped);
    assert_eq!(refused.unwrap_err().code(), Code::WrongKey);
}

#[test]
fn a_wrong_passphrase_is_refused_and_changes_nothing() {
    let Made { dir, wrapped, .. } = made();
    let before = held(dir.path());
    let error = vault(dir.path(), b"a passphrase of the fields").unwrap_under(Tier::B, &wrapped);
    assert_eq!(error.unwrap_err().code(), Code::WrongKey);
    assert_eq!(held(dir.path()), before);
}

#[test]
fn a_vault_is_never_overwritten() {
    let Made { dir, database, wrapped } = made();
    let before = held(dir.path());
    let again = vault(dir.path(), b"another").create(&mut ChaCha20Rng::seed_from_u64(2));
    assert_eq!(again.unwrap_err().code(), Code::AlreadySetUp);
    assert_eq!(held(dir.path()), before);
    assert_eq!(*vault(dir.path(), PASSPHRASE).open().unwrap(), *database);
    assert_eq!(*vault(dir.path(), PASSPHRASE).unwrap_under(Tier::B, &wrapped).unwrap(), READING);
}

#[test]
fn a_lost_key_file_is_said_and_nothing_is_written_in_its_place() {
    for tier in [Tier::A, Tier::B] {
        let Made { dir, wrapped, .. } = made();
        fs::remove_file(key_file(dir.path(), tier)).unwrap();
        let before = held(dir.path());
        let vault = vault(dir.path(), PASSPHRASE);
        let found = match tier {
            Tier::A => vault.open(),
            Tier::B => vault.unwrap_under(Tier::B, &wrapped),
        };
        assert_eq!(found.unwrap_err().code(), Code::KeyLost);
        assert_eq!(held(dir.path()), before);
    }
}

#[test]
fn a_destroyed_tier_opens_nothing_again_and_the_other_one_stays() {
    let Made { dir, database, wrapped } = made();
    let mut vault = vault(dir.path(), PASSPHRASE);
    vault.destroy(Tier::B).unwrap();
    vault.destroy(Tier::B).unwrap();
    assert_eq!(vault.unwrap_under(Tier::B, &wrapped).unwrap_err().code(), Code::KeyLost);
    assert_eq!(*vault.open().unwrap(), *database);
    // A new key of the tier does not bring back what the old one wrapped.
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    vault.wrap(Tier::B, &MasterKey::new([1; 32]), &mut rng).unwrap();
    assert_eq!(vault.unwrap_under(Tier::B, &wrapped).unwrap_err().code(), Code::WrongKey);
}

#[test]
fn a_destroyed_vault_is_gone_and_one_that_is_gone_is_destroyed() {
    let Made { dir, .. } = made();
    destroy(dir.path()).unwrap();
    assert!(held(dir.path()).is_empty());
    assert!(matches!(vault(dir.path(), PASSPHRASE).open(), Err(VaultError::Absent)));
    destroy(dir.path()).unwrap();
    vault(dir.path(), PASSPHRASE).create(&mut ChaCha20Rng::seed_from_u64(2)).unwrap();
}

#[test]
fn two_vaults_share_neither_key_nor_wrap() {
    let (one, dir) = (made(), tempfile::tempdir().unwrap());
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let other = vault(dir.path(), PASSPHRASE).create(&mut rng).unwrap();
    assert_ne!(*one.database, *other);
    assert_ne!(fs::read(path(one.dir.path())).unwrap(), fs::read(path(dir.path())).unwrap());
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let Made { dir, .. } = made();
    for file in files(dir.path()) {
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file:?}");
    }
}

#[test]
fn an_absent_newer_or_damaged_vault_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let code = || vault(dir.path(), PASSPHRASE).open().unwrap_err().code();
    assert_eq!(code(), Code::NotSetUp);
    fs::write(path(dir.path()), r#"{"version":3,"sealed_by":"something new"}"#).unwrap();
    assert_eq!(code(), Code::StoreNewer);
    for text in ["", "{}", r#"{"version":2,"wrapped":"AA"}"#, r#"{"version":2,"wrapped":"?"}"#] {
        fs::write(path(dir.path()), text).unwrap();
        assert_eq!(code(), Code::StoreFailed, "{text}");
    }
}

#[test]
fn no_altered_byte_of_a_wrapped_key_opens() {
    let Made { dir, wrapped, .. } = made();
    let vault = vault(dir.path(), PASSPHRASE);
    for at in [0, SALT_LEN, SALT_LEN + NONCE_LEN, wrapped.len() - 1] {
        let mut altered = wrapped.clone();
        altered[at] ^= 1;
        let code = vault.unwrap_under(Tier::B, &altered).unwrap_err().code();
        assert_eq!(code, Code::WrongKey, "byte {at}");
    }
    let text = String::from_utf8(fs::read(path(dir.path())).unwrap()).unwrap();
    let at = text.find("\"wrapped\": \"").unwrap() + 12 + SALT_LEN * 2;
    let mut altered = text.into_bytes();
    altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
    fs::write(path(dir.path()), altered).unwrap();
    assert_eq!(vault.open().unwrap_err().code(), Code::WrongKey);
}
