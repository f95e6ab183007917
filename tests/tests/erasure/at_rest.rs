//! What a relay keeps lies sealed under a key for each document: with the key goes what every copy of it says, and
//! whoever watches over the relay can prove it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use server::backup;
use server::verify::{self, Trace};
use sync_core::protocol::Day;
use tests::hostile::relay_state;
use tests::loss::Backup;
use tests::temporary_folder;

use super::*;

const WORDS: &str = "CANARY-NORTH-BANK";

/// An incident with words in the clear, at the relay and on every phone.
fn scene() -> (World, DocId) {
    let mut world = county();
    let id = world.incident("amy");
    world.edit("amy", id, &[("area", text(WORDS))]);
    world.sync_all();
    (world, id)
}

fn key_backup(world: &World, folder: &Path) -> PathBuf {
    backup::keys(world.folder(), folder, 35, world.now()).unwrap().file
}

/// What `aftercall verify --erased` finds, in a folder whose relay was stopped.
fn traces(world: &mut World, id: DocId, backups: &[&Path]) -> Vec<Trace> {
    let backups: Vec<PathBuf> = backups.iter().map(|folder| folder.to_path_buf()).collect();
    let mut found = Vec::new();
    world.while_stopped(|folder, _| {
        found = verify::erased(folder, &id.to_string(), &backups, 35).unwrap().traces;
    });
    found
}

#[test]
fn no_word_stands_in_any_file_of_the_relay_or_its_backups_while_everybody_reads_it() {
    let (mut world, id) = scene();
    let backup = world.backup();
    let keys = temporary_folder();
    key_backup(&world, keys.path());
    assert!(!world.stands_at_relay(WORDS.as_bytes()));
    assert!(
        !stands_in(backup.folder(), WORDS.as_bytes()) && !stands_in(keys.path(), WORDS.as_bytes())
    );
    world.restart_relay();
    world.join("dee", &[Role::Coordinator]);
    world.sync_all();
    assert_eq!(world.shown("dee", id, "area"), Some(text(WORDS)), "and it is served");
}

#[test]
fn what_was_erased_is_opened_by_no_backup_of_the_database_and_by_keys_for_a_time_only() {
    let (mut world, id) = scene();
    let before = world.backup();
    let keys = temporary_folder();
    let file = key_backup(&world, keys.path());
    world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
    world.sync_all();
    assert_eq!(
        traces(&mut world, id, &[before.folder()]),
        [],
        "the database's backup opens it not"
    );
    let until = Some(Day(world.now().day().0 + 35));
    let found = traces(&mut world, id, &[before.folder(), keys.path()]);
    assert_eq!(found, [Trace::KeyBackup(file.clone(), until)]);
    // Thirty-four days on it is still there; with the thirty-fifth the daily backup removes it.
    world.wait_minutes(34 * 24 * 60);
    key_backup(&world, keys.path());
    assert!(file.exists());
    world.wait_minutes(24 * 60);
    key_backup(&world, keys.path());
    assert!(!file.exists());
    assert_eq!(traces(&mut world, id, &[before.folder(), keys.path()]), []);
}

#[test]
fn a_record_that_was_not_erased_is_told_with_everything_that_opens_it() {
    let (mut world, id) = scene();
    let found = traces(&mut world, id, &[]);
    assert_eq!(found, [Trace::NoTombstone(id), Trace::Body(id), Trace::Key(id)]);
}

#[test]
fn a_planted_key_and_a_planted_body_are_found() {
    let (mut world, id) = scene();
    let kept = world.backup();
    let (keys, opened) = (temporary_folder(), temporary_folder());
    let file = key_backup(&world, keys.path());
    let place: (Vec<u8>, Vec<u8>) = {
        let database = rusqlite::Connection::open(world.folder().join("relay.db")).unwrap();
        let row = "SELECT space, envelope FROM items WHERE doc = ?1";
        database.query_row(row, [id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    let body = world.opener().envelope(&place.1).unwrap().unwrap().to_bytes();
    world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
    world.sync_all();
    assert_eq!(traces(&mut world, id, &[kept.folder()]), []);

    // A body in the clear in a copy of the database.
    std::fs::copy(kept.folder().join("relay.db"), opened.path().join("old.db")).unwrap();
    let copy = rusqlite::Connection::open(opened.path().join("old.db")).unwrap();
    let plant = "UPDATE items SET envelope = ?2 WHERE doc = ?1";
    copy.execute(plant, rusqlite::params![id.as_bytes(), body]).unwrap();
    drop(copy);
    let found = traces(&mut world, id, &[opened.path()]);
    assert_eq!(found, [Trace::Open(opened.path().join("old.db"))]);

    // A key under another name, in the relay's own folder and deep in a folder of backups.
    let (hidden, deep) = (world.folder().join("notes"), keys.path().join("deep"));
    std::fs::create_dir(&deep).unwrap();
    std::fs::copy(&file, &hidden).unwrap();
    std::fs::rename(&file, deep.join("other")).unwrap();
    let found = traces(&mut world, id, &[keys.path()]);
    let mut expected =
        [Trace::KeyBackup(hidden.clone(), None), Trace::KeyBackup(deep.join("other"), None)];
    expected.sort_by_key(|trace| format!("{trace}"));
    let mut found = found;
    found.sort_by_key(|trace| format!("{trace}"));
    assert_eq!(found, expected);
    std::fs::remove_file(hidden).unwrap();

    // The body back in the row that it was erased from.
    world.while_stopped(|folder, _| {
        let database = rusqlite::Connection::open(folder.join("relay.db")).unwrap();
        database.execute(plant, rusqlite::params![id.as_bytes(), body]).unwrap();
    });
    assert_eq!(traces(&mut world, id, &[]), [Trace::Body(id)]);
}

#[test]
fn a_key_put_back_into_the_relays_key_file_goes_at_the_next_start() {
    let (mut world, id) = scene();
    let keys = temporary_folder();
    let file = key_backup(&world, keys.path());
    world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
    world.sync_all();
    let mut planted = Vec::new();
    world.while_stopped(|folder, _| {
        for end in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(folder.join(format!("relay-keys.db{end}")));
        }
        std::fs::copy(&file, folder.join("relay-keys.db")).unwrap();
        planted = verify::erased(folder, &id.to_string(), &[], 35).unwrap().traces;
    });
    assert_eq!(planted, [Trace::Key(id)]);
    assert_eq!(traces(&mut world, id, &[]), []);
}

/// Restores with a backup of the keys, on a folder that has none of its own any more.
fn restore_with(world: &mut World, backup: &Backup, keys: Option<&Path>) -> usize {
    let now = world.now();
    let mut without = 0;
    world.while_stopped(|folder, seed| {
        use rand_chacha::rand_core::SeedableRng as _;
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(folder.join(format!("relay-keys.db{end}")));
        }
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(seed);
        let restored = server::restore::restore(folder, backup.folder(), keys, now, &mut rng);
        without = restored.unwrap().without_key;
        for name in std::fs::read_dir(folder).unwrap() {
            let name = name.unwrap().path();
            if name.extension().is_some_and(|end| end == "replaced") {
                std::fs::remove_file(name).unwrap();
            }
        }
    });
    world.relay.confirm_restore().unwrap();
    without
}

#[test]
fn an_old_backup_of_the_keys_does_not_bring_back_what_was_erased_since() {
    // The tombstone is in the backup of the database, or only on phones.
    for order_is_in_backup in [true, false] {
        let (mut world, id) = scene();
        let other = world.incident("bo");
        world.sync_all();
        let keys = temporary_folder();
        key_backup(&world, keys.path());
        let early = world.backup();
        world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
        world.sync_all();
        let late = world.backup();
        let backup = if order_is_in_backup { late } else { early };
        assert_eq!(restore_with(&mut world, &backup, Some(keys.path())), 0);
        world.sync_all();
        world.sync_all();
        assert_eq!(world.on_the_relay(id), (0, true), "{order_is_in_backup}");
        assert_eq!(traces(&mut world, id, &[backup.folder()]), [], "{order_is_in_backup}");
        assert_eq!(world.shown("cleo", other, "severity"), world.shown("bo", other, "severity"));
    }
}

#[test]
fn documents_whose_keys_are_lost_are_handed_back_by_phones_and_none_is_served_broken() {
    let (mut world, id) = scene();
    world.edit("bo", id, &[("severity", Value::Int(2))]);
    world.edit("amy", id, &[("severity", Value::Int(3))]);
    let contact = world.contact("amy", 25);
    world.sync_all();
    world.sync_all();
    let (known, shown) = (relay_state(&world), world.conflict("cleo", id, "severity"));
    assert_eq!(shown.len(), 2, "written at once");
    let backup = world.backup();
    let without = restore_with(&mut world, &backup, None);
    assert!(without >= 3, "an incident, and both parts of a contact: {without}");
    // Someone who holds nothing gets a gap, not a broken record.
    world.join("eve", &[Role::PeerSupporter]);
    assert_eq!(world.shown("eve", id, "area"), None);
    world.sync_all();
    world.sync_all();
    assert_eq!(world.shown("eve", id, "area"), Some(text(WORDS)), "{}", world.troubles());
    assert_eq!(world.conflict("eve", id, "severity"), shown);
    let merged = relay_state(&world);
    for (place, said) in &known {
        assert_eq!(merged.get(place), Some(said), "what pages show is merged anew");
    }
    assert!(world.shown("amy", contact, "duration_min").is_some());
    world.edit("eve", id, &[("severity", Value::Int(5))]);
    world.sync_all();
    assert_eq!(world.shown("amy", id, "severity"), Some(Value::Int(5)), "{}", world.troubles());
}

#[test]
fn a_folder_whose_key_file_is_gone_is_refused_and_left_as_it_is() {
    let (mut world, id) = scene();
    let before = world.on_the_relay(id);
    world.while_stopped(|folder, _| {
        let kept = folder.join("elsewhere");
        std::fs::rename(folder.join("relay-keys.db"), &kept).unwrap();
        let refused = server::store::Store::open(folder).map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains("relay-keys.db is missing"), "{refused}");
        assert!(!folder.join("relay-keys.db").exists(), "none is made in its place");
        std::fs::rename(&kept, folder.join("relay-keys.db")).unwrap();
    });
    assert_eq!(world.on_the_relay(id), before);
    world.sync_all();
    assert_eq!(world.shown("bo", id, "area"), Some(text(WORDS)));
}

#[test]
fn what_an_older_release_kept_in_the_clear_is_sealed_at_the_first_start() {
    let (mut world, id) = scene();
    let (opener, folder) = (world.opener(), world.folder().to_owned());
    let state = relay_state(&world);
    // The folder as the release before left it: everything in the clear, no key file.
    let database = rusqlite::Connection::open(folder.join("relay.db")).unwrap();
    tests::hostile::as_before_keys(&database, &opener);
    drop((database, opener));
    world.while_stopped(|folder, _| {
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(folder.join(format!("relay-keys.db{end}")));
        }
        assert!(stands_in(folder, WORDS.as_bytes()), "the search finds it before");
    });
    assert!(!world.stands_at_relay(WORDS.as_bytes()), "sealed, and no trace is left");
    assert_eq!(relay_state(&world), state, "and nothing is lost");
    world.restart_relay();
    world.join("eve", &[Role::PeerSupporter]);
    world.sync_all();
    assert_eq!(world.shown("eve", id, "area"), Some(text(WORDS)));
}

fn aftercall(arguments: &[&str]) -> Output {
    Command::new(tests::program::program()).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn an_operator_backs_up_a_running_relay_restores_it_and_proves_an_erasure() {
    let (mut world, id) = scene();
    let places = temporary_folder();
    let path = |name: &str| places.path().join(name).to_string_lossy().into_owned();
    let data = world.folder().to_string_lossy().into_owned();
    let (to, keys, again) = (path("monday"), path("keys"), path("restored"));
    let backed = aftercall(&["backup", "--data", &data, "--to", &to, "--keys", &keys]);
    assert!(backed.status.success(), "{}", said(&backed));
    let files: Vec<_> = std::fs::read_dir(&to).unwrap().collect();
    assert_eq!(files.len(), 1, "one file, no keys");
    for (arguments, why) in [
        (vec!["--to", &to], "holds a backup already"),
        (vec!["--keys", &keys, "--keep", "36"], "at most 35 days"),
        (vec!["--keys", &to], "apart from the database's backups"),
        (vec!["--to", &keys, "--keys", &keys], "apart from the database's backups"),
    ] {
        let arguments = [&["backup", "--data", &data][..], &arguments].concat();
        let refused = aftercall(&arguments);
        assert!(!refused.status.success() && said(&refused).contains(why), "{}", said(&refused));
    }
    let restore = ["restore", "--data", &again, "--from", &to, "--keys", &keys];
    let restored = aftercall(&restore);
    assert!(restored.status.success(), "{}", said(&restored));
    assert!(said(&restored).contains("0 document(s) without a key"), "{}", said(&restored));
    // It is not erased there; and in the relay's folder it is, after a purge.
    let short = &id.to_string()[..8];
    let there = aftercall(&["verify", "--data", &again, "--erased", short]);
    assert_eq!(there.status.code(), Some(1));
    assert!(said(&there).contains("has no tombstone"), "{}", said(&there));
    world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
    world.sync_all();
    let mut proven = None;
    world.while_stopped(|_, _| {
        let verify = ["verify", "--data", &data, "--erased", short, "--backups", &to];
        proven = Some(aftercall(&verify));
        let with_keys = aftercall(&[&verify[..], &[&keys]].concat());
        assert_eq!(with_keys.status.code(), Some(1));
        assert!(said(&with_keys).contains("holds its key"), "{}", said(&with_keys));
        assert!(said(&with_keys).contains("error [still_there]"), "{}", said(&with_keys));
    });
    let proven = proven.unwrap();
    assert!(proven.status.success(), "{}", said(&proven));
    assert!(said(&proven).contains("nothing here opens it"), "{}", said(&proven));
}

#[test]
fn a_copy_beside_a_log_of_its_own_proves_nothing() {
    let (mut world, id) = scene();
    let folder = tempfile::tempdir().unwrap();
    let copies = folder.path().join("tuesday");
    std::fs::create_dir(&copies).unwrap();
    for file in std::fs::read_dir(world.backup().folder()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copies.join(file.file_name())).unwrap();
    }
    world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
    world.sync_all();
    let log = copies.join("relay.db-wal");
    std::fs::write(&log, b"what was written last").unwrap();
    assert!(traces(&mut world, id, &[&copies]).contains(&Trace::CopiedLog(log)));
}
