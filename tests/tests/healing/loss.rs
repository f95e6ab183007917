//! Backups put back and folders wiped, one story each.

use super::*;

/// Work before and after the backup, by several people, in open and sealed spaces.
fn worked() -> (World, tests::loss::Backup, Vec<DocId>) {
    let mut world = county();
    let before = incident(&mut world, "bo", 1);
    contact(&mut world, "amy");
    world.sync_all();
    let backup = world.backup();
    world.wait_minutes(3 * 24 * 60);
    let after = incident(&mut world, "bo", 2);
    let noted = contact(&mut world, "amy");
    world.edit("cleo", before, &[("severity", Value::Int(4))]);
    let defusing = world.record("cleo", "intervention", &[("kind", text("defusing"))]);
    let leads = [world.member("amy"), world.member("bo")];
    world.on("cleo", |phone, env| phone.assign(env, defusing, &leads)).unwrap();
    world.sync_all();
    world.write("amy", defusing, "exploration", 0, "first words");
    world.join("dee", &[Role::Chaplain]);
    world.sync_all();
    (world, backup, vec![before, after, noted, defusing])
}

fn everybody_has_everything(world: &mut World, records: &[DocId]) {
    let [before, after, _, defusing] = records[..] else { panic!() };
    for name in ["amy", "bo", "cleo", "dee"] {
        assert_eq!(world.shown(name, before, "severity"), Some(Value::Int(4)), "{name}");
        assert_eq!(world.shown(name, after, "severity"), Some(Value::Int(2)), "{name}");
        assert_eq!(pending(world, name), 0, "{name}");
    }
    assert_eq!(world.phase("bo", defusing, "defusing.exploration"), "first words");
    // A phone that comes new reads it all from the relay alone.
    world.join("eve", &[Role::PeerSupporter]);
    world.sync_all();
    assert_eq!(world.shown("eve", after, "severity"), Some(Value::Int(2)));
    assert_eq!(world.shown("eve", before, "severity"), Some(Value::Int(4)));
}

#[test]
fn a_restored_backup_gets_back_everything_with_the_rows_it_had() {
    let (mut world, backup, records) = worked();
    let before = log(&world);
    let heads_before = heads(&mut world, "amy");
    world.restore(&backup, true);
    assert!(log(&world).len() < before.len(), "the backup is older");
    world.wait_minutes(24 * 60);
    world.sync_all();
    for (id, row) in &before {
        assert_eq!(log(&world).get(id), Some(row), "an item is back, in the row it had");
    }
    assert_eq!(heads(&mut world, "amy"), heads_before);
    for name in ["amy", "bo", "cleo"] {
        assert!(alarms(&mut world, name).contains(&Code::RelayChanged), "{name} is told");
    }
    let why: Vec<String> = incarnations(&world);
    assert_eq!(why, ["restored"], "nobody takes the restored relay for an older one");
    everybody_has_everything(&mut world, &records);
}

fn incarnations(world: &World) -> Vec<String> {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).unwrap();
    let mut statement = database.prepare("SELECT why FROM incarnations ORDER BY number").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn what_one_person_hands_back_in_order_makes_the_same_log_so_that_nobody_else_starts_over() {
    let (mut world, backup, _) = worked();
    let operations = rows(&world);
    world.restore(&backup, true);
    for name in ["admin", "cleo"] {
        world.sync(name);
    }
    let answer = {
        let (body, token) = world.request("bo");
        world.relay.sync(&token, &body).unwrap()
    };
    let response = tests::read_answer(&answer);
    let spaces: Vec<_> = response.reset.iter().map(|reset| reset.space).collect();
    let shared = sync_core::directory::open_space_id(
        world.devices["bo"].phone.team(),
        sync_core::records::SpaceKind::Operations,
        None,
    );
    assert!(!spaces.contains(&shared), "the log continues bo's cursor again");
    world.sync_all();
    assert_eq!(rows(&world), operations, "nothing stands twice");
}

#[test]
fn a_restored_relay_takes_from_everybody_and_gives_nothing_until_an_admins_phone_has_synced() {
    let (mut world, backup, records) = worked();
    world.restore(&backup, false);
    let fresh = incident(&mut world, "bo", 5);
    world.sync("bo");
    assert_eq!(pending(&mut world, "bo"), 0, "it takes what is new");
    world.sync("amy");
    assert_eq!(world.shown("amy", fresh, "severity"), None, "it gives nothing out");
    assert!(alarms(&mut world, "amy").contains(&Code::RelayHeld));
    let (body, token) = world.request("amy");
    let response = tests::read_answer(&world.relay.sync(&token, &body).unwrap());
    let directory = world.on("amy", |phone, _| phone.directory().space());
    assert!(response.spaces.iter().all(|items| items.space == directory));
    world.sync("admin");
    world.sync("amy");
    assert_eq!(world.shown("amy", fresh, "severity"), Some(Value::Int(5)));
    assert!(!alarms(&mut world, "amy").contains(&Code::RelayHeld));
    world.sync_all();
    everybody_has_everything(&mut world, &records);
}

#[test]
fn the_operators_word_is_enough_to_serve_again() {
    let (mut world, backup, _) = worked();
    world.restore(&backup, false);
    let fresh = incident(&mut world, "bo", 5);
    world.sync("bo");
    world.sync("amy");
    assert_eq!(world.shown("amy", fresh, "severity"), None);
    let (folder, now) = (world.folder().to_owned(), world.now());
    assert_eq!(server::restore::confirm(&folder, now).unwrap(), 1);
    world.sync("amy");
    assert_eq!(world.shown("amy", fresh, "severity"), Some(Value::Int(5)));
    assert_eq!(server::restore::confirm(&folder, now).unwrap(), 0);
}

#[test]
fn a_file_that_was_copied_back_without_a_word_is_noticed_and_heals_all_the_same() {
    let (mut world, backup, records) = worked();
    let before = log(&world);
    world.copy_back(&backup);
    world.sync_all();
    world.sync_all();
    for (id, row) in &before {
        assert_eq!(log(&world).get(id), Some(row));
    }
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).unwrap();
    let why: String = database
        .query_row("SELECT why FROM incarnations ORDER BY number LIMIT 1", [], |row| row.get(0))
        .unwrap();
    assert_eq!(why, "claimed", "the relay took the phones' word for it");
    for name in ["amy", "bo"] {
        assert!(alarms(&mut world, name).contains(&Code::RelayChanged), "{name}");
    }
    everybody_has_everything(&mut world, &records);
}

#[test]
fn one_member_alone_cannot_make_the_relay_hold_back_from_all() {
    let (mut world, backup, _) = worked();
    let fresh = incident(&mut world, "cleo", 3);
    world.copy_back(&backup);
    world.sync("amy");
    world.sync("amy");
    world.sync("amy");
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).unwrap();
    let count: i64 =
        database.query_row("SELECT count(*) FROM incarnations", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 0);
    world.sync_all();
    assert_eq!(world.shown("amy", fresh, "severity"), Some(Value::Int(3)));
}

#[test]
fn a_wiped_relay_is_rebuilt_from_the_phones_once_an_admin_has_listed_its_key() {
    let (mut world, _, records) = worked();
    let before = log(&world);
    world.wipe();
    let late = incident(&mut world, "bo", 5);
    world.sync("bo");
    assert!(alarms(&mut world, "bo").contains(&Code::RelayUnlisted));
    assert!(pending(&mut world, "bo") > 0, "its word is not believed");
    assert!(
        log(&world).len() > 20,
        "it is given what bo holds all the same: {}",
        log(&world).len()
    );
    world.sync("admin");
    assert!(alarms(&mut world, "admin").contains(&Code::RelayUnlisted), "the admin is asked");
    assert!(pending(&mut world, "bo") > 0);
    world.list_relay();
    world.sync_all();
    world.sync_all();
    for (id, row) in &before {
        assert_eq!(log(&world).get(id), Some(row));
    }
    assert_eq!(pending(&mut world, "bo"), 0);
    assert_eq!(world.shown("amy", late, "severity"), Some(Value::Int(5)), "{}", world.troubles());
    assert!(!alarms(&mut world, "amy").contains(&Code::RelayUnlisted));
    everybody_has_everything(&mut world, &records);
}

#[test]
fn a_phone_that_was_enrolled_after_the_backup_brings_the_directory_along() {
    let (mut world, backup, records) = worked();
    world.restore(&backup, true);
    let noted = incident(&mut world, "dee", 5);
    world.sync("dee");
    assert_eq!(pending(&mut world, "dee"), 0, "the relay knows dee again");
    world.sync_all();
    assert_eq!(world.shown("amy", noted, "severity"), Some(Value::Int(5)));
    everybody_has_everything(&mut world, &records);
}

#[test]
fn a_second_restore_while_the_first_one_still_heals_loses_nothing() {
    let (mut world, backup, records) = worked();
    world.restore(&backup, true);
    world.sync("amy");
    world.restore(&backup, true);
    world.sync("bo");
    world.sync("admin");
    world.sync_all();
    everybody_has_everything(&mut world, &records);
}

#[test]
fn a_phone_that_was_away_through_restore_and_healing_finds_everything() {
    let (mut world, backup, records) = worked();
    let away = incident(&mut world, "amy", 5);
    world.restore(&backup, true);
    for name in ["cleo", "admin", "bo", "dee", "cleo"] {
        world.sync(name);
    }
    world.wait_minutes(20 * 24 * 60);
    world.sync("amy");
    world.sync_all();
    assert_eq!(world.shown("bo", away, "severity"), Some(Value::Int(5)));
    everybody_has_everything(&mut world, &records);
}

#[test]
fn when_nothing_is_missing_one_small_question_is_all() {
    let (mut world, _, _) = worked();
    let backup = world.backup();
    world.restore(&backup, true);
    let before = rows(&world);
    world.exchange("amy").unwrap();
    assert!(world.reconcile("amy"), "a new incarnation is asked once");
    let (body, _) = world.request("amy");
    assert!(body.len() < 600, "{}", body.len());
    world.sync("amy");
    assert!(!world.reconcile("amy"));
    assert_eq!(rows(&world), before);
}

#[test]
fn removal_is_not_undone_by_a_restore() {
    let mut world = county();
    let backup = world.backup();
    let device = world.device("bo");
    let kept = incident(&mut world, "bo", 1);
    world.sync("bo");
    world.on("admin", |phone, _| phone.remove_device(device)).unwrap();
    for name in ["admin", "amy", "cleo"] {
        world.sync(name);
    }
    world.restore(&backup, false);
    // The removed phone comes first, and is given nothing.
    let (body, token) = world.request("bo");
    let response = tests::read_answer(&world.relay.sync(&token, &body).unwrap());
    let space = tests::hostile::directory(&world).space();
    assert!(response.spaces.iter().all(|items| items.space == space));
    world.sync("amy");
    let directory = tests::hostile::directory(&world);
    assert!(directory.device(&device).is_none(), "removed");
    let entries = tests::hostile::directory_entries(&world).len() as u64;
    assert_eq!(entries, directory.len(), "the relay knows it again");
    world.sync("admin");
    let (body, token) = world.request("bo");
    assert_eq!(world.relay.sync(&token, &body).unwrap_err().code, Code::DeviceRemoved);
    assert_eq!(world.shown("amy", kept, "severity"), Some(Value::Int(1)), "what counted stays");
}

#[test]
fn phones_that_met_an_unlisted_relay_again_and_again_trust_it_once_it_is_listed() {
    let (mut world, _, _) = worked();
    world.wipe();
    for name in ["bo", "cleo", "bo", "admin", "bo", "cleo"] {
        world.sync(name);
    }
    let late = incident(&mut world, "cleo", 5);
    world.list_relay();
    world.sync("admin");
    for name in ["cleo", "bo", "cleo", "bo"] {
        world.sync(name);
        assert!(!alarms(&mut world, name).contains(&Code::RelayUnlisted), "{name}");
    }
    assert_eq!(world.shown("bo", late, "severity"), Some(Value::Int(5)));
}
