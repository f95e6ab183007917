//! A new phone with the printed code: what it reads, who is told, and that the code is spent.

use sync_core::directory::RecoveryChange;
use sync_core::engine::RecoveryState;
use sync_core::protocol::Code;
use tests::World;
use tests::hostile::alarms;

use super::story::{
    ask, begin, begin_with_code, county, finish, invite, past, reads, recovery_reads_now,
    second_admin, set_up, status,
};

fn code_of(sheet: &sync_core::engine::RecoverySheet) -> String {
    sheet.code.as_ref().unwrap().to_string()
}

#[test]
fn with_the_printed_code_a_new_phone_reads_what_was_written_before_the_loss() {
    let mut world = county(11);
    second_admin(&mut world);
    // Some of it before recovery was set up, so that present devices wrap the past for the key.
    let before = past(&mut world);
    let sheet = set_up(&mut world, false, true, &["admin", "admin2"]);
    let after = past(&mut world);
    assert!(recovery_reads_now(&mut world, "amy").iter().filter(|reads| **reads).count() >= 3);

    begin_with_code(&mut world, "amy2", &code_of(&sheet)).unwrap();
    drop(world.devices.remove("amy"));
    finish(&mut world, "amy2");
    for past in [&before, &after] {
        assert_eq!(reads(&mut world, "amy2", past), [true; 3], "{}", world.troubles());
    }
    assert_eq!(status(&mut world, "amy2").state, RecoveryState::Spent);

    // What it writes is read by the co-lead, and the other way round.
    world.write("amy2", after.session, "information", 0, "amy is back");
    world.sync_all();
    assert_eq!(world.phase("bo", after.session, "defusing.information"), "amy is back");
}

#[test]
fn every_use_is_told_to_the_author_and_the_admins_and_stands_in_the_directory() {
    let mut world = county(12);
    second_admin(&mut world);
    let sheet = set_up(&mut world, false, true, &["admin", "admin2"]);
    begin_with_code(&mut world, "amy2", &code_of(&sheet)).unwrap();
    finish(&mut world, "amy2");
    for told in ["amy", "amy2", "admin", "admin2"] {
        assert!(alarms(&mut world, told).contains(&Code::RecoveryUsed), "{told}");
    }
    for other in ["bo", "cleo", "dee"] {
        assert!(!alarms(&mut world, other).contains(&Code::RecoveryUsed), "{other}");
    }
    let new = world.device("amy2");
    let amy = world.member("amy");
    let log = world.on("bo", |phone, _| phone.directory().recovery_log().to_vec());
    let used: Vec<_> = log.iter().filter(|e| e.change == RecoveryChange::Used(new)).collect();
    assert_eq!(used.len(), 1);
    assert_eq!((used[0].member, used[0].key), (amy, sheet.key));
}

#[test]
fn after_its_use_the_key_reads_nothing_new_and_lets_nobody_in() {
    let mut world = county(13);
    let sheet = set_up(&mut world, false, true, &["admin"]);
    let past = past(&mut world);
    let epochs = world.on("bo", |phone, _| phone.session_epochs(past.session)).unwrap();
    begin_with_code(&mut world, "amy2", &code_of(&sheet)).unwrap();
    finish(&mut world, "amy2");
    // Every space that it read goes on under a new key, which was not wrapped for it.
    let rotated = world.on("bo", |phone, _| phone.session_epochs(past.session)).unwrap();
    assert!(rotated.iter().sum::<usize>() > epochs.iter().sum::<usize>(), "{epochs:?} {rotated:?}");
    assert!(recovery_reads_now(&mut world, "amy2").iter().all(|reads| !reads));
    let wraps = tests::hostile::wraps_at_relay(&world, sheet.key);
    world.write("amy2", past.session, "information", 0, "after the use");
    world.record("amy2", "check_in", &[("zone", tests::text("ready"))]);
    world.sync_all();
    assert_eq!(tests::hostile::wraps_at_relay(&world, sheet.key), wraps, "nothing more for it");

    // The same code again, on another phone: told at once, and nobody is let in.
    set_up(&mut world, false, true, &["admin"]);
    begin_with_code(&mut world, "thief", &code_of(&sheet)).unwrap();
    assert_eq!(ask(&mut world, "thief"), Err(Code::RecoverySpent));
    world.sync("admin");
    assert_eq!(ask(&mut world, "thief"), Err(Code::RecoverySpent));
}

#[test]
fn a_code_of_the_generation_before_is_refused_and_the_right_one_still_works() {
    let mut world = county(14);
    let past = past(&mut world);
    let old = set_up(&mut world, false, true, &["admin"]);
    let new = set_up(&mut world, false, true, &["admin"]);
    begin_with_code(&mut world, "amy2", &code_of(&old)).unwrap();
    assert_eq!(ask(&mut world, "amy2"), Err(Code::RecoverySpent));
    let code = code_of(&new);
    world.on("amy2", |phone, env| phone.use_recovery_code(env, &code)).unwrap();
    drop(world.devices.remove("amy"));
    finish(&mut world, "amy2");
    assert_eq!(reads(&mut world, "amy2", &past), [true; 3], "{}", world.troubles());
}

#[test]
fn a_mistyped_code_makes_nothing_and_says_which_group() {
    let mut world = county(15);
    let sheet = set_up(&mut world, false, true, &["admin"]);
    let mut code = code_of(&sheet).into_bytes();
    let at = 6 * 6 + 2;
    code[at] = if code[at] == b'5' { b'6' } else { b'5' };
    let code = String::from_utf8(code).unwrap();
    let refused = begin_with_code(&mut world, "amy2", &code).unwrap_err();
    assert_eq!(refused.code(), Code::CodeMistyped);
    assert!(refused.to_string().contains("group 7"), "{refused}");
}

#[test]
fn another_members_code_is_refused() {
    let mut world = county(16);
    set_up(&mut world, false, true, &["admin"]);
    let theirs = world.on("admin", |phone, env| phone.make_recovery(env, None, true)).unwrap();
    world.sync_all();
    begin_with_code(&mut world, "amy2", &code_of(&theirs)).unwrap();
    assert_eq!(ask(&mut world, "amy2"), Err(Code::RecoveryWrong));
}

#[test]
fn the_secret_is_gone_from_the_new_phone_once_everything_is_read() {
    let mut world = county(17);
    let sheet = set_up(&mut world, false, true, &["admin"]);
    let past = past(&mut world);
    let store = sync_core::store::MemoryStore::new();
    let amy = world.member("amy");
    let invitation = invite(&mut world, amy);
    begin_on(&mut world, "amy2", store.clone(), &invitation, &code_of(&sheet));
    let secret = tests_secret(&sheet);
    assert!(holds(&store, &secret), "while it is being restored");
    finish(&mut world, "amy2");
    assert_eq!(reads(&mut world, "amy2", &past), [true; 3]);
    assert!(!holds(&store, &secret), "afterwards");
}

#[test]
fn the_secret_is_not_kept_for_what_was_never_to_be_read_with_it() {
    let mut world = county(37);
    let sheet = set_up(&mut world, false, true, &["admin"]);
    // amy reads a session of bo's from now on only: its first key is nobody's to give her.
    let id = world.record("bo", "intervention", &[("kind", tests::text("defusing"))]);
    let (amy, bo) = (world.member("amy"), world.member("bo"));
    world.on("bo", |phone, env| phone.assign(env, id, &[bo])).unwrap();
    world.write("bo", id, "exploration", 0, "before amy");
    let space = world.on("bo", |phone, _| phone.sealed_spaces(id)).unwrap()[0];
    world.on("bo", |phone, env| phone.add_reader(env, space, amy, false)).unwrap();
    world.sync_all();
    let store = sync_core::store::MemoryStore::new();
    let invitation = invite(&mut world, amy);
    begin_on(&mut world, "amy2", store.clone(), &invitation, &code_of(&sheet));
    drop(world.devices.remove("amy"));
    finish(&mut world, "amy2");
    assert!(!holds(&store, &tests_secret(&sheet)), "{}", world.troubles());
}

fn begin_on(
    world: &mut World,
    name: &str,
    store: sync_core::store::MemoryStore,
    invitation: &sync_core::protocol::Invitation,
    code: &str,
) {
    world.begin_to_join(name, Box::new(store), invitation).unwrap();
    world.on(name, |phone, env| phone.use_recovery_code(env, code)).unwrap();
}

fn tests_secret(sheet: &sync_core::engine::RecoverySheet) -> Vec<u8> {
    let secret = sync_core::crypto::secret_of_code(sheet.code.as_ref().unwrap()).unwrap();
    secret.to_secret_bytes().to_vec()
}

fn holds(store: &sync_core::store::MemoryStore, secret: &[u8]) -> bool {
    use sync_core::engine::{Store as _, Table};
    let mut store = store.clone();
    let tx = store.begin().unwrap();
    Table::ALL.into_iter().any(|table| {
        let rows = tx.scan(table, &[], None, usize::MAX).unwrap();
        rows.iter().any(|(_, value)| value.windows(secret.len()).any(|part| part == secret))
    })
}

#[test]
fn a_phone_that_is_killed_between_code_and_listing_goes_on_where_it_was() {
    let mut world = county(18);
    let sheet = set_up(&mut world, false, true, &["admin"]);
    let past = past(&mut world);
    let store = sync_core::store::MemoryStore::new();
    let amy = world.member("amy");
    let invitation = invite(&mut world, amy);
    begin_on(&mut world, "amy2", store.clone(), &invitation, &code_of(&sheet));
    let again = store.clone();
    world.reopen("amy2", move || Box::new(again));
    assert!(!ask(&mut world, "amy2").unwrap());
    let again = store.clone();
    world.reopen("amy2", move || Box::new(again));
    world.sync("admin");
    assert!(ask(&mut world, "amy2").unwrap());
    let again = store.clone();
    world.reopen("amy2", move || Box::new(again));
    drop(world.devices.remove("amy"));
    world.sync_all();
    assert_eq!(reads(&mut world, "amy2", &past), [true; 3], "{}", world.troubles());
}

#[test]
fn an_invitation_alone_lets_no_further_phone_in() {
    let mut world = county(19);
    set_up(&mut world, false, true, &["admin"]);
    let amy = world.member("amy");
    let invitation = invite(&mut world, amy);
    begin(&mut world, "amy2", &invitation);
    for _ in 0..2 {
        assert_eq!(ask(&mut world, "amy2"), Ok(false));
        world.sync_all_but("amy2");
    }
    let devices = world.on("bo", |phone, _| phone.directory().devices_of(amy).count());
    assert_eq!(devices, 1);
}

#[test]
fn a_new_member_opens_nothing_from_before_until_a_holder_wraps_it_and_the_log_shows_who() {
    let mut world = county(20);
    let past = past(&mut world);
    world.join("zed", &[sync_core::records::Role::PeerSupporter]);
    world.sync_all();
    let zed = world.member("zed");
    let seen = |world: &mut World| world.phase("zed", past.session, "defusing.exploration");
    assert_eq!(seen(&mut world), "", "present readers wrap nothing for who is no reader");
    let of_zed = world.device("zed");
    assert_eq!(tests::hostile::wraps_at_relay(&world, of_zed), 0);
    world.on("amy", |phone, env| phone.assign(env, past.session, &[zed])).unwrap();
    world.sync_all();
    assert!(seen(&mut world).contains(super::story::NOTE));
    // Who let zed in, and when, stands in the log of the space, signed.
    let amys = world.device("amy");
    assert_eq!(tests::hostile::readers_let_in(&world), [(amys, zed)]);
    assert!(tests::hostile::wraps_at_relay(&world, of_zed) > 0);
}

#[test]
fn a_second_use_is_told_as_a_second_one_and_each_until_somebody_has_seen_it() {
    let mut world = county(18);
    let used = |world: &mut World| -> Vec<String> {
        let alarms = world.on("admin", |phone, _| phone.alarms()).unwrap();
        let used = alarms.into_iter().filter(|alarm| alarm.code == Code::RecoveryUsed);
        used.map(|alarm| alarm.subject).collect()
    };
    let amy = world.member("amy");
    let mut subjects = Vec::new();
    for new in ["amy2", "amy3"] {
        let sheet = set_up(&mut world, false, true, &["admin"]);
        begin_with_code(&mut world, new, &code_of(&sheet)).unwrap();
        finish(&mut world, new);
        subjects.push(format!("{amy}/{}", sheet.key));
    }
    subjects.sort();
    assert_eq!(used(&mut world), subjects);
    world.on("admin", |phone, _| phone.alarm_seen(Code::RecoveryUsed, &subjects[0])).unwrap();
    assert_eq!(used(&mut world), subjects[1..]);
}

#[test]
fn a_lost_phone_that_comes_back_after_a_recovery_is_wiped_and_the_new_one_reads_on() {
    use sync_core::engine::Removal;
    use sync_core::protocol::{SyncRequest, from_cbor};
    let mut world = county(19);
    second_admin(&mut world);
    let sheet = set_up(&mut world, false, true, &["admin", "admin2"]);
    let written = past(&mut world);
    let lost = world.device("amy");
    begin_with_code(&mut world, "amy2", &code_of(&sheet)).unwrap();
    finish(&mut world, "amy2");
    world.on("admin", |phone, _| phone.remove_and_wipe_device(lost)).unwrap();
    world.sync("admin");
    let (mut told, mut words) = (Removal::Again, 0);
    while told == Removal::Again {
        let (body, token) = world.request("amy");
        let request: SyncRequest = from_cbor(&tests::unpack(&body)).unwrap();
        words += usize::from(request.wiped.is_some());
        let notice = world.relay.sync(&token, &body).unwrap_err().notice.unwrap();
        told = world.on("amy", |phone, env| phone.take_removal(env, &notice)).unwrap();
    }
    assert_eq!((told, words), (Removal::Wiped, 1));
    assert!(world.on("amy", |phone, _| phone.show(written.contact)).is_err());
    drop(world.devices.remove("amy"));
    world.sync_all();
    assert_eq!(reads(&mut world, "amy2", &written), [true; 3], "{}", world.troubles());
    assert_eq!(world.on("amy2", |phone, _| phone.wiped()), None);
}
