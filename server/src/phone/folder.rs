//! A phone's folder: the vault and the encrypted database, opened together or not at all, and when its person is
//! asked for the passphrase.

use std::fs;
use std::path::{Path, PathBuf};

use getrandom::SysRng;
use rand_core::{CryptoRng, UnwrapErr};
use serde_json::{Value as Json, json};
use server::vault::{self, FolderVault};
use sync_core::engine::{Env, Phone, Uptime, WipeState};
use sync_core::protocol::{Code, Day};
use sync_core::store::{NewFile, SqliteStore};
use zeroize::Zeroizing;

use super::{Failure, uptime};

/// Where the passphrase is read from if it is set.
const PASSPHRASE: &str = "AFTERCALL_PASSPHRASE";
/// Shortest passphrase of a new phone, in characters.
const SHORTEST: usize = 8;

fn database_path(folder: &Path) -> PathBuf {
    folder.join("phone.db")
}

/// Whether the folder holds a phone.
pub fn holds_phone(folder: &Path) -> bool {
    vault::files(folder).iter().any(|file| file.exists()) || database_path(folder).exists()
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

/// Whether a verb needs its person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The passphrase is asked for.
    Asked,
    /// The phone is unlocked if the environment holds the passphrase; nobody is asked.
    IfGiven,
    /// The phone stays locked.
    None,
}

/// Opens the phone in a folder, and unlocks it where the verb wants that and it is not kept locked.
pub fn open(folder: &Path, presence: Presence) -> Result<Phone, Failure> {
    refuse_wiped(folder)?;
    if !holds_phone(folder) {
        return Err(Failure::of(Code::NotSetUp));
    }
    let typed = match presence {
        _ if is_kept_locked(folder) => None,
        Presence::Asked => Some(passphrase("Passphrase: ")?.0),
        Presence::IfGiven => std::env::var(PASSPHRASE).ok().map(Zeroizing::new),
        Presence::None => None,
    };
    match typed {
        Some(typed) => {
            let mut phone = open_locked(folder, Some(typed.as_bytes()), uptime::now())?;
            if phone.wiped().is_some() {
                return Ok(phone);
            }
            if let Some(why) = unlock(&mut phone, &mut UnwrapErr(SysRng))? {
                eprintln!("{why}");
            }
            Ok(phone)
        }
        None => open_locked(folder, None, uptime::now()),
    }
}

/// Unlocks a phone. A phone that can only write, or whose key store lost its key, stays locked and goes on: why is
/// returned.
pub fn unlock(phone: &mut Phone, rng: &mut dyn CryptoRng) -> Result<Option<Failure>, Failure> {
    match phone.unlock(&mut Env { now: super::now(), rng }) {
        Ok(()) => Ok(None),
        Err(error) if matches!(error.code(), Code::WriteOnly | Code::KeyLost) => {
            Ok(Some(error.into()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Opens the phone in a folder without unlocking it. `passphrase`: what its vault is handed when it is asked.
/// `uptime`: the monotonic clock, told to the phone first.
pub fn open_locked(
    folder: &Path,
    passphrase: Option<&[u8]>,
    uptime: Uptime,
) -> Result<Phone, Failure> {
    refuse_wiped(folder)?;
    let vault = FolderVault::new(folder, passphrase);
    let key = vault.open()?;
    let store = SqliteStore::open_existing(&database_path(folder), &key)?;
    let mut phone = Phone::open(Box::new(store), Box::new(vault))?;
    if let Some(WipeState { day, acknowledged: true }) = phone.wiped() {
        drop(phone);
        clear_wiped(folder, day)?;
        refuse_wiped(folder)?;
        return Err(Failure::of(Code::NotSetUp));
    }
    phone.observe_uptime(uptime)?;
    Ok(phone)
}

/// The passphrase of this folder's phone, asked for.
pub fn asked_passphrase() -> Result<Zeroizing<String>, Failure> {
    Ok(passphrase("Passphrase: ")?.0)
}

fn lock_marker(folder: &Path) -> PathBuf {
    folder.join("locked")
}

/// Whether `lock` was said and `unlock` not since.
pub fn is_kept_locked(folder: &Path) -> bool {
    lock_marker(folder).exists()
}

/// Keeps the phone locked from verb to verb, or no longer.
pub fn keep_locked(folder: &Path, locked: bool) -> Result<(), Failure> {
    let marker = lock_marker(folder);
    let done = match locked {
        true => std::fs::write(marker, b""),
        false if marker.exists() => std::fs::remove_file(marker),
        false => Ok(()),
    };
    done.map_err(|_| Failure::of(Code::StoreFailed))
}

/// Makes a phone in a folder; if `set_up` fails, the folder is as it was.
pub fn create(
    folder: &Path,
    set_up: impl FnOnce(Box<SqliteStore>, Box<FolderVault>) -> Result<Phone, Failure>,
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
    set_up: impl FnOnce(Box<SqliteStore>, Box<FolderVault>) -> Result<Phone, Failure>,
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
        let mut vault = FolderVault::new(folder, Some(passphrase));
        let key = vault.create(&mut UnwrapErr(SysRng))?;
        let store = SqliteStore::open(&database_path(folder), &key)?;
        set_up(Box::new(store), Box::new(vault))
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
    for path in vault::files(folder) {
        let _ = fs::remove_file(path);
    }
}

/// Only the phone's owner may look into the folder.
fn make_private(folder: &Path) -> Result<(), Failure> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|_| Failure::of(Code::StoreFailed))
}
