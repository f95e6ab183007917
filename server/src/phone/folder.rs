//! A phone's folder: the passphrase's vault and the encrypted database, opened together or not at all.

use std::path::{Path, PathBuf};

use getrandom::SysRng;
use rand_core::UnwrapErr;
use server::vault;
use sync_core::engine::Phone;
use sync_core::protocol::Code;
use sync_core::store::SqliteStore;
use zeroize::Zeroizing;

use super::Failure;

/// Where the passphrase is read from if it is set.
const PASSPHRASE: &str = "AFTERCALL_PASSPHRASE";
/// Shortest passphrase of a new phone, in characters.
const SHORTEST: usize = 8;

fn database_path(folder: &Path) -> PathBuf {
    folder.join("phone.db")
}

/// Whether the folder holds a phone.
pub fn holds_phone(folder: &Path) -> bool {
    vault::path(folder).exists() || database_path(folder).exists()
}

fn prompt(text: &str) -> Result<Zeroizing<String>, Failure> {
    rpassword::prompt_password(text).map(Zeroizing::new).map_err(|_| {
        Failure::with(
            Code::WrongKey,
            format!("No passphrase could be read; set {PASSPHRASE} or run this in a terminal."),
        )
    })
}

fn passphrase(text: &str) -> Result<(Zeroizing<String>, bool), Failure> {
    match std::env::var(PASSPHRASE) {
        Ok(value) => Ok((Zeroizing::new(value), false)),
        Err(_) => Ok((prompt(text)?, true)),
    }
}

fn new_passphrase() -> Result<Zeroizing<String>, Failure> {
    let (first, asked) = passphrase("New passphrase for this phone: ")?;
    if first.chars().count() < SHORTEST {
        return Err(Failure::with(
            Code::BadValue,
            format!("The passphrase is too short; use at least {SHORTEST} characters."),
        ));
    }
    if asked && *prompt("The same again: ")? != *first {
        return Err(Failure::with(Code::BadValue, "The two passphrases differ; nothing was made."));
    }
    Ok(first)
}

/// Opens the phone in a folder.
pub fn open(folder: &Path) -> Result<Phone, Failure> {
    if !holds_phone(folder) {
        return Err(Failure::of(Code::NotSetUp));
    }
    open_with(folder, passphrase("Passphrase: ")?.0.as_bytes())
}

/// Opens the phone in a folder with this passphrase.
pub fn open_with(folder: &Path, passphrase: &[u8]) -> Result<Phone, Failure> {
    let key = vault::open(folder, passphrase)?;
    let store = SqliteStore::open_existing(&database_path(folder), &key)?;
    Ok(Phone::open(Box::new(store))?)
}

/// Makes a phone in a folder; if `set_up` fails, the folder is as it was.
pub fn create(
    folder: &Path,
    set_up: impl FnOnce(Box<SqliteStore>) -> Result<Phone, Failure>,
) -> Result<Phone, Failure> {
    if holds_phone(folder) {
        return Err(Failure::of(Code::AlreadySetUp));
    }
    create_with(folder, new_passphrase()?.as_bytes(), set_up)
}

/// As [`create`], with this passphrase.
pub fn create_with(
    folder: &Path,
    passphrase: &[u8],
    set_up: impl FnOnce(Box<SqliteStore>) -> Result<Phone, Failure>,
) -> Result<Phone, Failure> {
    if holds_phone(folder) {
        return Err(Failure::of(Code::AlreadySetUp));
    }
    make_private(folder)?;
    let made = (|| {
        let key = vault::create(folder, passphrase, &mut UnwrapErr(SysRng))?;
        let store = SqliteStore::open(&database_path(folder), &key)?;
        set_up(Box::new(store))
    })();
    if made.is_err() {
        remove(folder);
    }
    made
}

/// Takes back what `create_with` made.
fn remove(folder: &Path) {
    let database = database_path(folder);
    for suffix in ["", "-wal", "-shm"] {
        let mut path = database.clone().into_os_string();
        path.push(suffix);
        let _ = std::fs::remove_file(path);
    }
    let _ = std::fs::remove_file(vault::path(folder));
}

/// Only the phone's owner may look into the folder.
fn make_private(folder: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|_| Failure::of(Code::StoreFailed))
}
