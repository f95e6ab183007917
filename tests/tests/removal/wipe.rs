//! Wiping a removed phone: by an admin's signed order alone, after it handed over what it had not sent, whatever moment it
//! dies; its own word alone tells that it was.

use sync_core::crypto::DeviceKeys;
use sync_core::directory::Op;
use sync_core::engine::{Env, Phone, RemovedDevice, Store, Table, WipeState};
use sync_core::ids::DeviceId;
use sync_core::protocol::{RemovalNotice, SyncRequest, WipeAck, to_cbor, wiped_to_sign};
use sync_core::records::{PolicyProfile, Role};
use sync_core::store::{MemoryStore, SqliteStore};
use tests::failing::{FailingStore, Fault, Faults, rows, survive};
use tests::hostile::{Rogue, alarms, entry, lie};
use tests::{pack, set};

use super::*;

const KEY: [u8; 32] = [6; 32];
const CANARY: &str = "bittern-200";

/// Takes a phone out of the team with an order to wipe it.
fn remove_and_wipe(world: &mut World, name: &str) -> DeviceId {
    let device = world.device(name);
    world.on("admin", |phone, _| phone.remove_and_wipe_device(device)).unwrap();
    world.sync("admin");
    assert!(world.devices["admin"].phone.directory().wipe_order(&device).is_some());
    device
}

/// One request of a removed phone and what it makes of the refusal.
fn step(world: &mut World, name: &str) -> Result<Removal, Code> {
    let (body, token) = world.try_request(name).map_err(|error| error.code())?;
    let notice = world.relay.sync(&token, &body).unwrap_err().notice.expect("a removed device");
    world.on(name, |phone, env| phone.take_removal(env, &notice)).map_err(|error| error.code())
}

/// Calls until nothing more is to be exchanged.
fn obey(world: &mut World, name: &str) -> Removal {
    for _ in 0..20 {
        match step(world, name).unwrap() {
            Removal::Again => {}
            done => return done,
        }
    }
    panic!("{name} does not come to an end");
}

fn state(world: &mut World, name: &str) -> Option<WipeState> {
    world.on(name, |phone, _| phone.wiped())
}

/// How an admin's phone shows a removed device.
fn shown(world: &mut World, admin: &str, device: DeviceId) -> RemovedDevice {
    let all = world.on(admin, |phone, _| phone.removed_devices()).unwrap();
    all.into_iter().find(|view| view.id == device).unwrap()
}

/// A contact with a canary in its sealed words, kept and unsent.
fn secret(world: &mut World, name: &str) -> DocId {
    let fields = [
        ("started_at", text("2026-03-01T17:12:00Z")),
        ("duration_min", Value::Int(25)),
        ("mode", text("phone")),
        ("issues", set(&["grief"])),
    ];
    world.record(name, "peer_contact", &fields)
}

/// Amy with a phone on this store, bo, and words of both in one note.
fn scene(store: Box<dyn Store>) -> World {
    let mut world = World::new(41, PolicyProfile::neutral());
    world.join_on("amy", &[Role::PeerSupporter], store);
    world.join("bo", &[Role::FacilitatorMhp]);
    let defusing = world.record("amy", "intervention", &[("kind", text("defusing"))]);
    let leads = [world.member("amy"), world.member("bo")];
    world.sync("amy");
    world.on("amy", |phone, env| phone.assign(env, defusing, &leads)).unwrap();
    world.sync_all();
    world.write("amy", defusing, "exploration", 0, CANARY);
    world.record("amy", "check_in", &[("zone", text("ready"))]);
    world.sync_all();
    secret(&mut world, "amy");
    world
}

fn unsent(world: &mut World, name: &str) -> usize {
    world.on(name, |phone, _| phone.outbox()).unwrap().len()
}

#[test]
fn a_removed_phone_hands_over_what_it_had_not_sent_erases_everything_and_gives_its_word() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("phone.db");
    let mut world = scene(Box::new(SqliteStore::open(&file, &KEY).unwrap()));
    let late = unsent(&mut world, "amy");
    assert!(late > 0);
    let day = world.now().day();
    let amy = remove_and_wipe(&mut world, "amy");
    assert_eq!(shown(&mut world, "admin", amy).ordered, Some(day));
    assert_eq!(shown(&mut world, "admin", amy).wiped, None, "not yet seen");

    assert_eq!(step(&mut world, "amy"), Ok(Removal::Again));
    assert_eq!(state(&mut world, "amy"), Some(WipeState { day, acknowledged: false }));
    assert_eq!(obey(&mut world, "amy"), Removal::Wiped);
    assert_eq!(state(&mut world, "amy"), Some(WipeState { day, acknowledged: true }));
    let refused = world.on("amy", |phone, _| phone.list(None, None, 9)).unwrap_err();
    assert_eq!(refused.code(), Code::DeviceWiped);
    assert!(refused.to_string().ends_with(&format!("(on {day})")), "{refused}");

    world.sync("admin");
    assert_eq!(world.on("admin", |phone, _| phone.quarantined()).unwrap().len(), late);
    assert_eq!(shown(&mut world, "admin", amy).wiped, Some(day));
    let bo = world.on("bo", |phone, _| phone.list(None, None, 9)).unwrap();
    assert!(!bo.is_empty(), "nobody else loses anything");

    // With the right key, too, nothing is left: one row, no free page, an empty log.
    drop(world.devices.remove("amy"));
    let mut store = SqliteStore::open_existing(&file, &KEY).unwrap();
    let left = rows(&mut store);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!((left[0].0, left[0].1.as_slice()), (Table::Meta, b"wiped".as_slice()));
    assert!(left[0].2.len() < 16, "a day and nothing else");
    drop(store);
    let fresh = folder.path().join("fresh.db");
    drop(SqliteStore::open(&fresh, &KEY).unwrap());
    let length = |path| std::fs::metadata(path).unwrap().len();
    assert_eq!(length(&file), length(&fresh), "as large as one that never held anything");
    let connection = rusqlite::Connection::open(&file).unwrap();
    let key: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    connection.pragma_update(None, "key", format!("x'{key}'")).unwrap();
    let free: i64 = connection.pragma_query_value(None, "freelist_count", |r| r.get(0)).unwrap();
    assert_eq!(free, 0);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        let log = path.extension().is_some_and(|name| name == "db-wal");
        assert!(!log || std::fs::metadata(&path).unwrap().len() == 0, "{path:?}");
    }
}

#[test]
fn a_wipe_ordered_later_reaches_a_phone_that_knew_of_its_removal() {
    let mut world = scene(Box::new(MemoryStore::new()));
    let amy = world.device("amy");
    let listed = world.on("admin", |phone, _| phone.order_wipe(amy)).unwrap_err();
    assert_eq!(listed.code(), Code::NotAllowed, "it is in the team");
    remove(&mut world, "amy");
    assert_eq!(call(&mut world, "amy"), (Code::DeviceRemoved, true));
    let late = unsent(&mut world, "amy");
    assert!(late > 0 && state(&mut world, "amy").is_none(), "everything is kept");
    world.on("admin", |phone, _| phone.order_wipe(amy)).unwrap();
    world.sync("admin");
    assert_eq!(obey(&mut world, "amy"), Removal::Wiped);
    world.on("admin", |phone, _| phone.order_wipe(amy)).unwrap();
    let before = world.devices["admin"].phone.directory().len();
    world.sync("admin");
    assert_eq!(world.devices["admin"].phone.directory().len(), before, "said once");
    assert!(shown(&mut world, "admin", amy).wiped.is_some());
    assert_eq!(world.on("admin", |phone, _| phone.quarantined()).unwrap().len(), late);
}

#[test]
fn more_than_one_request_can_carry_is_handed_over_before_and_what_has_no_room_keeps_no_phone_from_obeying()
 {
    let mut world = scene(Box::new(MemoryStore::new()));
    for _ in 0..2_600 {
        secret(&mut world, "amy");
    }
    let late = unsent(&mut world, "amy");
    assert!(late > 1_000, "{late}: more than the relay keeps of one device");
    remove_and_wipe(&mut world, "amy");
    let mut steps = 0;
    while state(&mut world, "amy").is_none() {
        let waits = unsent(&mut world, "amy");
        assert_eq!(step(&mut world, "amy"), Ok(Removal::Again));
        steps += 1;
        assert!(state(&mut world, "amy").is_some() || unsent(&mut world, "amy") < waits);
    }
    assert!(steps > 1, "it took several requests");
    world.sync("admin");
    assert_eq!(world.on("admin", |phone, _| phone.quarantined()).unwrap().len(), 1_000);
}

#[test]
fn a_relay_that_does_not_say_what_it_kept_delays_a_wipe_by_three_answers_and_no_more() {
    let mut world = scene(Box::new(MemoryStore::new()));
    remove_and_wipe(&mut world, "amy");
    for answers in 1..=3 {
        let (body, token) = world.request("amy");
        let notice = world.relay.sync(&token, &body).unwrap_err().notice.unwrap();
        let notice: RemovalNotice = from_cbor(&notice).unwrap();
        let notice = to_cbor(&RemovalNotice { heard: None, ..notice });
        world.on("amy", |phone, env| phone.take_removal(env, &notice)).unwrap();
        assert_eq!(state(&mut world, "amy").is_some(), answers == 3, "{answers}");
    }
}

#[test]
fn every_phone_of_a_member_is_ordered_and_each_answers_for_itself() {
    let mut world = county();
    world.join_further("amy2", "amy");
    world.sync_all();
    let (first, second) = (world.device("amy"), world.device("amy2"));
    let amy = world.member("amy");
    world.on("admin", |phone, _| phone.remove_and_wipe_member(amy)).unwrap();
    world.sync("admin");
    assert_eq!(obey(&mut world, "amy2"), Removal::Wiped);
    world.sync("admin");
    assert!(shown(&mut world, "admin", second).wiped.is_some());
    assert!(shown(&mut world, "admin", first).wiped.is_none());
    assert!(state(&mut world, "amy").is_none());
    assert_eq!(obey(&mut world, "amy"), Removal::Wiped);
    world.sync("admin");
    assert!(shown(&mut world, "admin", first).wiped.is_some());
}

#[test]
fn a_wiped_phone_is_removed_and_nobody_elses_order_wipes_a_phone_that_is_not() {
    let mut world = county();
    let (amy, bo) = (world.device("amy"), world.device("bo"));
    remove_and_wipe(&mut world, "amy");
    // The relay shows bo everything it told amy: it is no removal of bo's, and the entries come with an answer.
    let (body, token) = world.request("amy");
    let told = world.relay.sync(&token, &body).unwrap_err().notice.unwrap();
    let taken = world.on("bo", |phone, env| phone.take_removal(env, &told)).unwrap();
    assert_eq!((taken, state(&mut world, "bo")), (Removal::Unproven, None));
    // It signs an order of its own, or lets another phone sign it.
    let mut rogue = Rogue::enrol(&mut world, 7, &[Role::PeerSupporter], false);
    world.sync("bo");
    rogue.cosign(&mut world);
    let keys = [tests::hostile::relay_keys(&world), DeviceKeys::generate(&mut rng())];
    let directory = world.devices["bo"].phone.directory().clone();
    for keys in &keys {
        let member = directory.device(&bo).unwrap().member;
        let op = Op::Remove { member, device: Some(bo), last: Vec::new(), wipe: Some(true) };
        for op in [op, Op::Wipe { device: bo }] {
            let mut batch = sync_core::protocol::Batch::new();
            let entries = vec![batch.pack(&entry(&directory, keys, &op))];
            let notice = RemovalNotice { batch, entries, heard: Some(vec![]), wiped: Some(true) };
            let notice = to_cbor(&notice);
            let refused = world.on("bo", |phone, env| phone.take_removal(env, &notice));
            assert_eq!(refused.unwrap_err().code(), Code::DirectoryForged);
            assert_eq!(state(&mut world, "bo"), None);
        }
    }
    assert!(world.on("bo", |phone, _| phone.list(None, None, 9)).is_ok());
    assert_eq!(alarms(&mut world, "bo"), [Code::DirectoryForged]);
    assert!(world.devices["admin"].phone.directory().wipe_order(&amy).is_some());
}

fn rng() -> rand_chacha::ChaCha20Rng {
    rand_chacha::rand_core::SeedableRng::seed_from_u64(77)
}

#[test]
fn the_word_of_anybody_but_the_wiped_phone_is_believed_by_nobody() {
    let mut world = county();
    let amy = remove_and_wipe(&mut world, "amy");
    let directory = world.devices["admin"].phone.directory().clone();
    let (team, order) = (directory.team(), directory.wipe_order(&amy).unwrap());
    let day = order.day;
    let signed = |keys: &DeviceKeys, order| {
        let sig = keys.sign(&wiped_to_sign(team, amy, order, day)).into();
        WipeAck { device: amy, order, day, sig }
    };
    let relay = tests::hostile::relay_keys(&world);
    let other = DeviceKeys::generate(&mut rng());
    for forged in [signed(&relay, order.id), signed(&other, order.id)] {
        lie(&mut world, "admin", |response| response.wiped = Some(vec![forged.clone()])).unwrap();
        assert_eq!(shown(&mut world, "admin", amy).wiped, None);
    }
    // The relay takes it from nobody but the device either.
    let mut rogue = Rogue::enrol(&mut world, 8, &[Role::PeerSupporter], false);
    let (body, token) = world.request("bo");
    let request: SyncRequest = from_cbor(&tests::unpack(&body)).unwrap();
    drop(token);
    let forged = SyncRequest { wiped: Some(signed(&other, order.id)), ..request };
    let body = pack(&to_cbor(&forged));
    let token = world.on("bo", |phone, env| phone.token(env, &body)).unwrap();
    world.relay.sync(&token, &body).unwrap();
    rogue.cosign(&mut world);
    world.sync("admin");
    assert_eq!(shown(&mut world, "admin", amy).wiped, None);

    // Of the genuine word, nothing may be another's: day, order, device.
    assert_eq!(step(&mut world, "amy"), Ok(Removal::Again));
    let (body, _) = world.request("amy");
    let genuine: SyncRequest = from_cbor(&tests::unpack(&body)).unwrap();
    let genuine = genuine.wiped.unwrap();
    assert!(directory.is_genuine_wipe(&genuine));
    let later = sync_core::protocol::Day(genuine.day.0 + 1);
    let bo = world.device("bo");
    assert!(!directory.is_genuine_wipe(&WipeAck { day: later, ..genuine.clone() }));
    assert!(!directory.is_genuine_wipe(&WipeAck { device: bo, ..genuine.clone() }));
    let elsewhere = directory.head_at(1).unwrap();
    assert!(!directory.is_genuine_wipe(&WipeAck { order: elsewhere, ..genuine }));
}

#[test]
fn a_phone_that_ignores_the_order_or_never_hears_of_it_stays_not_yet_seen() {
    let mut world = county();
    let amy = remove_and_wipe(&mut world, "amy");
    // It calls, and does nothing of what it is told.
    for _ in 0..3 {
        let (body, token) = world.request("amy");
        assert_eq!(world.relay.sync(&token, &body).unwrap_err().code, Code::DeviceRemoved);
    }
    world.wait_minutes(60 * 24 * 90);
    world.sync("admin");
    assert_eq!(shown(&mut world, "admin", amy).wiped, None);
    assert!(
        world.on("amy", |phone, _| phone.list(None, None, 9)).is_ok(),
        "no clock wipes a phone"
    );
}

#[test]
fn a_relay_that_lost_the_word_gets_it_again_only_from_a_phone_that_still_owes_it() {
    let mut world = county();
    let amy = remove_and_wipe(&mut world, "amy");
    let backup = world.backup();
    assert_eq!(step(&mut world, "amy"), Ok(Removal::Again));
    let (body, token) = world.request("amy");
    assert!(world.relay.sync(&token, &body).is_err(), "the answer is lost on the way");
    world.restore(&backup, true);
    world.sync("admin");
    assert_eq!(shown(&mut world, "admin", amy).wiped, None, "lost with the relay's data");
    assert_eq!(obey(&mut world, "amy"), Removal::Wiped);
    world.sync("admin");
    assert!(shown(&mut world, "admin", amy).wiped.is_some());
    // It owes nothing any more. An admin's phone that has the word keeps it.
    world.restore(&backup, true);
    world.sync("admin");
    assert!(shown(&mut world, "admin", amy).wiped.is_some());
    let gone = world.try_request("amy").unwrap_err();
    assert_eq!(gone.code(), Code::DeviceWiped);
}

#[test]
fn a_relay_restored_to_before_the_removal_neither_wakes_nor_harms_a_wiped_phone() {
    let mut world = county();
    let backup = world.backup();
    remove_and_wipe(&mut world, "amy");
    assert_eq!(step(&mut world, "amy"), Ok(Removal::Again));
    world.restore(&backup, true);
    let (body, token) = world.request("amy");
    let answer = world.relay.sync(&token, &body).expect("it is listed there");
    assert_eq!(world.answer("amy", &body, &answer).unwrap_err().code(), Code::DeviceWiped);
    world.sync("admin");
    assert_eq!(obey(&mut world, "amy"), Removal::Wiped);
}

#[test]
fn the_wipe_of_an_admins_phone_needs_the_signatures_its_removal_needs() {
    let mut world = World::with_two_admins(43, PolicyProfile::neutral());
    let new = sync_core::engine::NewMember {
        name: Some("third".into()),
        admin: true,
        ..Default::default()
    };
    let approve = |world: &mut World| {
        world.sync("second");
        let waiting = world.on("second", |phone, _| phone.approvals()).unwrap();
        let what = waiting[0].what.clone();
        world.on("second", |phone, env| phone.approve(env, waiting[0].id)).unwrap();
        world.sync("second");
        world.sync("admin");
        what
    };
    let invitation = world.invite_new(new);
    approve(&mut world);
    world.let_in("third", Box::new(MemoryStore::new()), &invitation);
    world.sync_all();
    let (third, phone) = (invitation.member, world.device("third"));
    world.on("admin", |phone, _| phone.remove_and_wipe_member(third)).unwrap();
    world.sync("admin");
    world.sync("third");
    assert!(state(&mut world, "third").is_none(), "one signature is not enough");
    let what = approve(&mut world);
    assert!(what.contains("WIPE"), "{what}");
    world.sync("second");
    world.sync("admin");
    assert!(world.devices["admin"].phone.directory().wipe_order(&phone).is_some());
    assert_eq!(obey(&mut world, "third"), Removal::Wiped);

    // In a team of two either removes the other alone, and orders the wipe alone.
    let second = world.device("second");
    world.on("admin", |phone, _| phone.remove_device(second)).unwrap();
    world.sync("admin");
    assert_eq!(call(&mut world, "second"), (Code::DeviceRemoved, true));
    world.on("admin", |phone, _| phone.order_wipe(second)).unwrap();
    world.sync("admin");
    assert_eq!(obey(&mut world, "second"), Removal::Wiped);
}

#[test]
fn a_wiped_phone_is_enrolled_anew_in_its_place_once_its_team_knows_and_as_another_device() {
    let store = MemoryStore::new();
    let mut world = scene(Box::new(store.clone()));
    let before = remove_and_wipe(&mut world, "amy");
    assert_eq!(step(&mut world, "amy"), Ok(Removal::Again));
    let invitation = world.invite("amy again", &[Role::PeerSupporter]);
    drop(world.devices.remove("amy").unwrap());
    let early = world.begin_to_join("early", Box::new(store.clone()), &invitation);
    assert_eq!(early.unwrap_err().code(), Code::DeviceWiped, "its word is still to be given");

    let mut phone = Phone::open(Box::new(store.clone())).unwrap();
    assert_eq!(phone.wiped().map(|state| state.acknowledged), Some(false));
    let mut rng = rng();
    let mut env = Env { now: world.now(), rng: &mut rng };
    let body = pack(&to_cbor(&phone.sync_request(&mut env).unwrap()));
    let token = phone.token(&mut env, &body).unwrap();
    let notice = world.relay.sync(&token, &body).unwrap_err().notice.unwrap();
    assert_eq!(phone.take_removal(&mut env, &notice).unwrap(), Removal::Wiped);
    drop(phone);
    let reopened = Phone::open(Box::new(store.clone())).unwrap();
    assert_eq!(reopened.wiped().map(|state| state.acknowledged), Some(true));
    drop(reopened);

    world.let_in("anew", Box::new(store.clone()), &invitation);
    assert_ne!(world.device("anew"), before);
    let record = world.incident("anew");
    world.sync_all();
    assert!(world.on("bo", |phone, _| phone.show(record)).is_ok(), "{}", world.troubles());
    let reopened = || -> Box<dyn Store> { Box::new(store.clone()) };
    world.reopen("anew", reopened);
    assert_eq!(state(&mut world, "anew"), None);
}

#[test]
fn a_phone_that_dies_or_is_full_at_any_write_of_its_wipe_ends_wiped() {
    for fault in [Fault::DieBefore, Fault::DieAfter, Fault::Full] {
        let mut happened = 0;
        for at in (1..).step_by(11) {
            let (store, faults) = (MemoryStore::new(), Faults::default());
            let open = || -> Box<dyn Store> {
                Box::new(FailingStore::new(Box::new(store.clone()), &faults))
            };
            let mut world = scene(open());
            let late = unsent(&mut world, "amy");
            let amy = remove_and_wipe(&mut world, "amy");
            faults.plan(fault, at);
            let mut end = None;
            while end != Some(Ok(Removal::Wiped)) {
                match survive(|| step(&mut world, "amy")) {
                    // The request goes on as long as the relay is to be asked.
                    Some(Ok(Removal::Wiped)) if state(&mut world, "amy").is_none() => panic!("not"),
                    Some(done) => {
                        assert!(done.is_ok() || done == Err(Code::StoreFailed), "{done:?}");
                        end = Some(done);
                    }
                    None => world.reopen("amy", open),
                }
                if faults.end() {
                    happened += 1;
                }
                // A phone that died after it had forgotten all it owed asks nothing more.
                if state(&mut world, "amy").is_some_and(|state| state.acknowledged) {
                    break;
                }
            }
            world.sync("admin");
            assert!(shown(&mut world, "admin", amy).wiped.is_some(), "{fault:?} at {at}");
            let aside = world.on("admin", |phone, _| phone.quarantined()).unwrap().len();
            assert_eq!(aside, late, "{fault:?} at {at}: handed over before");
            assert_eq!(rows(&mut store.clone()).len(), 1, "{fault:?} at {at}");
            if happened * 11 < at {
                break;
            }
        }
        assert!(happened > 10, "{fault:?}: only {happened}");
    }
}
