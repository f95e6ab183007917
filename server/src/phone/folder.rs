//! A phone's folder: the passphrase's vault and the encrypted database, opened together or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use getrandom::SysRng;
use rand_core::UnwrapErr;
use serde_json::{Value as Json, json};
use server::vault;
use sync_core::engine::{Phone, WipeState};
use sync_core::protocol::{Code, Day};
use sync_core::store::{NewFile, SqliteStore};
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

/// Where a phone that was wiped says so, once it holds nothing else.
fn wiped_path(folder: &Path) -> PathBuf {
    folder.join("wiped.json")
}

/// What is said of a phone that was wiped by order of its team.
pub fn wiped(state: WipeState) -> Failure {
    let next = match state.acknowledged {
        true => "The team knows. To use this folder again, join with a new invitation.",
        false => "The team does not know yet: `sync` tells it; then this folder can be used again.",
    };
    let day = state.day;
    let sentence = format!("This phone was wiped by order of your team on {day}. {next}");
    Failure::with(Code::DeviceWiped, sentence)
}

/// The day on which the phone of a folder was wiped, if that is all the folder says. What an interrupted clearing left
/// goes first.
fn wiped_on(folder: &Path) -> Result<Option<Day>, Failure> {
    let Ok(text) = fs::read_to_string(wiped_path(folder)) else { return Ok(None) };
    let told: Option<Json> = serde_json::from_str(&text).ok();
    let day = told.as_ref().and_then(|told| Day::parse(told["wiped_on"].as_str()?).ok());
    let day = day.ok_or_else(|| Failure::of(Code::StoreFailed))?;
    destroy(folder)?;
    Ok(Some(day))
}

/// Fails if the phone of a folder was wiped and nothing else is here.
fn refuse_wiped(folder: &Path) -> Result<(), Failure> {
    match wiped_on(folder)? {
        Some(day) => Err(wiped(WipeState { day, acknowledged: true })),
        None => Ok(()),
    }
}

/// Takes away the vault and the database of a phone that was wiped and owes nothing any more; what is left says so.
pub fn clear_wiped(folder: &Path, day: Day) -> Result<(), Failure> {
    let io = |_| Failure::of(Code::StoreFailed);
    let new = NewFile::beside(&wiped_path(folder)).map_err(io)?;
    fs::write(new.path(), json!({ "wiped_on": day.to_string() }).to_string()).map_err(io)?;
    match new.publish() {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(io(error)),
        _ => {}
    }
    reached("phone.wipe.after_marker");
    destroy(folder)
}

/// The key goes first: without it the database is nothing.
fn destroy(folder: &Path) -> Result<(), Failure> {
    vault::destroy(folder)?;
    reached("phone.wipe.after_vault");
    remove(folder);
    match holds_phone(folder) {
        true => Err(Failure::of(Code::StoreFailed)),
        false => Ok(()),
    }
}

/// A crash point, in exercises.
fn reached(_point: &str) {
    #[cfg(feature = "drill")]
    sync_core::drill::crash_point(_point);
}

/// Opens the phone in a folder.
pub fn open(folder: &Path) -> Result<Phone, Failure> {
    refuse_wiped(folder)?;
    if !holds_phone(folder) {
        return Err(Failure::of(Code::NotSetUp));
    }
    open_with(folder, passphrase("Passphrase: ")?.0.as_bytes())
}

/// Opens the phone in a folder with this passphrase.
pub fn open_with(folder: &Path, passphrase: &[u8]) -> Result<Phone, Failure> {
    refuse_wiped(folder)?;
    let key = vault::open(folder, passphrase)?;
    let store = SqliteStore::open_existing(&database_path(folder), &key)?;
    let phone = Phone::open(Box::new(store))?;
    match phone.wiped() {
        Some(WipeState { day, acknowledged: true }) => {
            drop(phone);
            clear_wiped(folder, day)?;
            refuse_wiped(folder)?;
            Err(Failure::of(Code::NotSetUp))
        }
        _ => Ok(phone),
    }
}

/// Makes a phone in a folder; if `set_up` fails, the folder is as it was.
pub fn create(
    folder: &Path,
    set_up: impl FnOnce(Box<SqliteStore>) -> Result<Phone, Failure>,
) -> Result<Phone, Failure> {
    wiped_on(folder)?;
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
    // Before anything is made: a folder that says so and holds a phone is one whose clearing was interrupted.
    if wiped_on(folder)?.is_some() {
        fs::remove_file(wiped_path(folder)).map_err(|_| Failure::of(Code::StoreFailed))?;
    }
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
        let _ = fs::remove_file(path);
    }
    let _ = fs::remove_file(vault::path(folder));
}

/// Only the phone's owner may look into the folder.
fn make_private(folder: &Path) -> Result<(), Failure> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|_| Failure::of(Code::StoreFailed))
}
