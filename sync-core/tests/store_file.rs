//! The encrypted file as others meet it: thieves, wrong keys, damage, a second process, a full phone.

#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sync_core::engine::{Store, StoreError, Table};
use sync_core::store::SqliteStore;

const KEY: [u8; 32] = [0x5a; 32];
const CANARY: &[u8] = b"the canary sings of the warehouse fire on Third Street";

fn filled(path: &Path) -> SqliteStore {
    let mut store = SqliteStore::open(path, &KEY).unwrap();
    let mut tx = store.begin().unwrap();
    for table in Table::ALL {
        tx.put(table, CANARY, CANARY).unwrap();
        tx.put(table, b"large", &CANARY.repeat(400)).unwrap();
    }
    tx.commit().unwrap();
    store
}

/// Every file of a directory, byte for byte. (A log without a byte says nothing.)
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.is_file());
    let mut files: BTreeMap<_, _> =
        files.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.retain(|path, bytes| !(bytes.is_empty() && path.ends_with("phone.db-wal")));
    files
}

fn holds_canary(files: &BTreeMap<PathBuf, Vec<u8>>) -> bool {
    files.values().any(|bytes| bytes.windows(CANARY.len()).any(|window| window == CANARY))
}

/// What a dead battery leaves: the files of an open store, copied away.
fn after_power_loss(path: &Path, to: &Path) -> PathBuf {
    for (file, bytes) in files(path.parent().unwrap()) {
        fs::write(to.join(file.file_name().unwrap()), bytes).unwrap();
    }
    to.join(path.file_name().unwrap())
}

/// Reads every value that [`filled`] wrote, one by one and by scanning; a value that reads as another one ends the test.
fn read_all(path: &Path) -> Result<(), StoreError> {
    let mut store = SqliteStore::open(path, &KEY)?;
    let tx = store.begin()?;
    for table in Table::ALL {
        assert_eq!(tx.get(table, CANARY)?.unwrap(), CANARY);
        let large = tx.get(table, b"large")?.unwrap();
        assert!(large == CANARY.repeat(400), "{table:?} reads as another value");
        let scanned = tx.scan(table, b"large", None, 1)?;
        assert!(scanned[0].1 == CANARY.repeat(400), "{table:?} scans as another value");
    }
    Ok(())
}

fn refusal(path: &Path, key: &[u8; 32]) -> StoreError {
    let before = files(path.parent().unwrap());
    let error = SqliteStore::open(path, key).err().expect("must not open");
    assert!(files(path.parent().unwrap()) == before, "a file was changed or added: {error}");
    error
}

#[test]
fn no_plain_word_reaches_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("phone.db");
    let store = filled(&path);
    let open = files(dir.path());
    assert!(open.contains_key(&dir.path().join("phone.db-wal")), "the log is looked at too");
    assert!(!holds_canary(&open));
    drop(store);
    let closed = files(dir.path());
    assert!(!holds_canary(&closed));
    assert!(!closed[&path].starts_with(b"SQLite format 3"));
    assert!(closed[&path].len() > CANARY.len() * 400, "the words are in there");
    assert!(!closed[&path].windows(8).any(|w| w == [0x5a; 8]), "nor does the key");

    // The search does find words that were written unencrypted.
    let plain = tempfile::tempdir().unwrap();
    let db = rusqlite::Connection::open(plain.path().join("plain.db")).unwrap();
    db.execute_batch("CREATE TABLE t (v BLOB)").unwrap();
    db.execute("INSERT INTO t VALUES (?1)", [CANARY]).unwrap();
    assert!(holds_canary(&files(plain.path())));
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let _store = filled(&dir.path().join("phone.db"));
    for path in files(dir.path()).keys() {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
    }
}

#[test]
fn a_wrong_key_changes_no_byte_and_the_right_one_still_opens() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("phone.db");
    drop(filled(&path));
    assert!(matches!(refusal(&path, &[0; 32]), StoreError::WrongKey));
    assert!(SqliteStore::open_existing(&path, &KEY).is_ok());
}

#[test]
fn a_wrong_key_after_power_loss_leaves_the_log_for_the_right_one() {
    let (dir, lost) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = dir.path().join("phone.db");
    let store = filled(&path);
    let copy = after_power_loss(&path, lost.path());
    drop(store);
    assert!(matches!(refusal(&copy, &[0; 32]), StoreError::WrongKey));
    let mut store = SqliteStore::open(&copy, &KEY).unwrap();
    let tx = store.begin().unwrap();
    assert_eq!(tx.get(Table::Alarms, CANARY).unwrap(), Some(CANARY.to_vec()));
}

#[test]
fn nothing_is_created_over_a_file_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("phone.db");
    fs::write(&path, b"").unwrap();
    assert!(matches!(refusal(&path, &KEY), StoreError::Failed(_)));
    fs::write(&path, b"holiday pictures".repeat(1000)).unwrap();
    assert!(matches!(refusal(&path, &KEY), StoreError::WrongKey));
    fs::remove_file(&path).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (v)").unwrap();
    assert!(matches!(refusal(&path, &KEY), StoreError::WrongKey));
}

#[test]
fn opening_only_what_exists_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("phone.db");
    assert!(matches!(SqliteStore::open_existing(&path, &KEY), Err(StoreError::Failed(_))));
    assert!(files(dir.path()).is_empty());
    assert!(SqliteStore::open(&dir.path().join("no such folder/phone.db"), &KEY).is_err());
}

#[test]
fn a_truncated_file_is_refused_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("phone.db");
    drop(filled(&path));
    let whole = fs::read(&path).unwrap();
    for len in [1, 16, 100, 4095, 4096, 8192, whole.len() / 2, whole.len() - 4096] {
        fs::write(&path, &whole[..len]).unwrap();
        refusal(&path, &KEY);
    }
    // Cut inside the last page, it opens, as after a power loss, and the page itself is refused.
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert!(read_all(&path).is_err());
}

#[test]
fn a_flipped_bit_is_an_error_and_never_another_value() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("phone.db");
    drop(filled(&path));
    let whole = fs::read(&path).unwrap();
    let mut noticed = 0;
    for page in 0..whole.len() / 4096 {
        let mut bytes = whole.clone();
        bytes[page * 4096 + 1234] ^= 4;
        fs::write(&path, bytes).unwrap();
        noticed += usize::from(read_all(&path).is_err());
    }
    assert_eq!(noticed, whole.len() / 4096, "every page is authenticated");
}

#[test]
fn a_newer_database_is_refused_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("phone.db");
    drop(filled(&path));
    let db = rusqlite::Connection::open(&path).unwrap();
    let hex: String = KEY.iter().map(|b| format!("{b:02x}")).collect();
    db.execute_batch(&format!("PRAGMA key = \"x'{hex}'\"; PRAGMA user_version = 4000;")).unwrap();
    drop(db);
    assert!(matches!(refusal(&path, &KEY), StoreError::Newer));
}

#[test]
fn threads_that_create_at_once_get_one_database() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("phone.db");
    let results: Vec<_> = std::thread::scope(|scope| {
        let open = || SqliteStore::open(&path, &KEY);
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(matches!(error, StoreError::Busy), "{error:?}");
    }
    drop(results);
    assert_eq!(files(dir.path()).keys().collect::<Vec<_>>(), [&path], "nothing is left beside it");
}

const CHILD: &str = "AFTERCALL_TEST_OPENS";

/// The same test binary, run to open a database and print what came of it.
fn opened_elsewhere(command: &mut Command, test: &str, path: &Path) -> String {
    let output = command
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, path)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("opened: "));
    line.unwrap_or_else(|| panic!("no answer: {text}")).to_owned()
}

/// Whether this process is such a child; it has then done its work.
fn is_child() -> bool {
    let Some(path) = std::env::var_os(CHILD) else { return false };
    let outcome = match SqliteStore::open(Path::new(&path), &KEY) {
        Ok(_) => "yes".to_owned(),
        Err(StoreError::Failed(source)) => format!("failed: {source}"),
        Err(error) => format!("{error:?}"),
    };
    println!("\nopened: {outcome}");
    true
}

#[test]
fn a_second_opener_finds_it_busy_until_the_first_lets_go() {
    if is_child() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("phone.db");
    let store = filled(&path);
    let elsewhere = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let test = "a_second_opener_finds_it_busy_until_the_first_lets_go";
        opened_elsewhere(&mut command, test, &path)
    };
    assert_eq!(elsewhere(), "Busy");
    assert!(matches!(SqliteStore::open(&path, &KEY), Err(StoreError::Busy)));
    assert_eq!(elsewhere(), "Busy", "the failed attempt did not let go of the first one's lock");
    drop(store);
    assert_eq!(elsewhere(), "yes");
}

/// The test binary where any user may run it, as a user who is not root: root may write anywhere.
#[cfg(unix)]
fn unprivileged(dir: &Path) -> Command {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    let exe = std::env::current_exe().unwrap();
    if fs::metadata(dir).unwrap().uid() != 0 {
        return Command::new(exe);
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    let copy = dir.join("test");
    fs::copy(exe, &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(copy);
    command.uid(65_534).gid(65_534).current_dir("/");
    command
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_or_file_is_reported_as_such() {
    use std::os::unix::fs::PermissionsExt;
    if is_child() {
        return;
    }
    let (dir, bin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let set_mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let path = dir.path().join("phone.db");
    let elsewhere = |path: &Path| {
        let test = "a_read_only_folder_or_file_is_reported_as_such";
        opened_elsewhere(&mut unprivileged(bin.path()), test, path)
    };
    set_mode(dir.path(), 0o555);
    assert_eq!(elsewhere(&path), "Full", "creating");
    set_mode(dir.path(), 0o755);
    drop(filled(&path));
    let before = fs::read(&path).unwrap();
    for (folder, file) in [(0o777, 0o444), (0o555, 0o444), (0o555, 0o666)] {
        set_mode(&path, file);
        set_mode(dir.path(), folder);
        assert_eq!(elsewhere(&path), "Full", "folder {folder:o}, file {file:o}");
        assert!(fs::read(&path).unwrap() == before);
    }
    set_mode(dir.path(), 0o777);
    assert_eq!(elsewhere(&path), "yes", "the same user opens it where writing is allowed");
}
