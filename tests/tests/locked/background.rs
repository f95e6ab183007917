//! Background sync: a locked phone sends and takes, and what needs its reading keys is done at the next unlock, without
//! an alarm before and without loss.

use sync_core::records::SpaceKind;
use sync_core::store::Person;

use super::*;

/// A session of amy and bo, whose phones are at rest.
fn session() -> (World, DocId) {
    let staff = ["amy", "bo", "cleo"].map(|name| (name, Role::PeerSupporter));
    let mut world = World::staffed(41, PolicyProfile::neutral(), &staff);
    let id = world.record("amy", "intervention", &[("kind", text("defusing"))]);
    let leads = [world.member("amy"), world.member("bo")];
    world.sync_all();
    world.on("amy", |phone, env| phone.assign(env, id, &leads)).unwrap();
    world.sync_all();
    world.write("bo", id, "exploration", 0, "before ");
    world.sync_all();
    (world, id)
}

fn epochs(world: &mut World, id: DocId) -> usize {
    world.on("amy", |phone, _| phone.session_epochs(id)).unwrap()[0]
}

fn lock(world: &mut World, name: &str) {
    world.on(name, |phone, _| phone.lock());
}

fn unlock(world: &mut World, name: &str) {
    world.on(name, |phone, env| phone.unlock(env)).unwrap();
}

#[test]
fn a_key_that_must_be_replaced_waits_for_a_reader_to_unlock() {
    let (mut world, id) = session();
    let before = epochs(&mut world, id);
    lock(&mut world, "amy");
    let device = world.device("bo");
    world.on("admin", |phone, _| phone.remove_device(device)).unwrap();
    world.sync_all_but("bo");
    assert_eq!(epochs(&mut world, id), before, "nobody who reads is there");
    assert_eq!(world.on("amy", |phone, _| phone.alarms()).unwrap(), []);
    unlock(&mut world, "amy");
    assert_eq!(epochs(&mut world, id), before + 1);
    world.write("amy", id, "exploration", 7, "after");
    world.sync_all_but("bo");
    let cleo = world.member("cleo");
    world.on("amy", |phone, env| phone.assign(env, id, &[cleo])).unwrap();
    world.sync_all_but("bo");
    assert_eq!(world.phase("cleo", id, PHASE), "before after");
}

#[test]
fn a_further_reader_is_given_the_past_once_a_reader_unlocks() {
    let (mut world, id) = session();
    lock(&mut world, "bo");
    lock(&mut world, "amy");
    // A further phone of amy's can be let in by nobody but amy herself.
    assert_eq!(
        world.on("amy", |phone, env| {
            let me = phone.status().unwrap().member;
            phone.invite(env, me).unwrap_err().code()
        }),
        Code::Locked
    );
    unlock(&mut world, "amy");
    world.join_further("amy2", "amy");
    lock(&mut world, "amy");
    lock(&mut world, "amy2");
    world.sync_all();
    unlock(&mut world, "amy2");
    assert_eq!(world.phase("amy2", id, PHASE), "", "nobody has wrapped it yet");
    lock(&mut world, "amy2");
    unlock(&mut world, "bo");
    world.sync_all();
    assert_eq!(world.phase("amy2", id, PHASE), "", "locked");
    unlock(&mut world, "amy2");
    assert_eq!(world.phase("amy2", id, PHASE), "before ");
    assert_eq!(world.on("amy2", |phone, _| phone.alarms()).unwrap(), []);
}

#[test]
fn what_is_erased_while_locked_is_gone_with_its_keys_before_anybody_unlocks() {
    let mut scene = Scene::new();
    scene.world.on("amy", |phone, _| phone.lock());
    let sealed = |scene: &Scene| {
        let all = rows(&mut scene.store.clone());
        all.into_iter().filter(|(table, ..)| *table == Table::Sealed).count()
    };
    let before = sealed(&scene);
    let defusing = scene.defusing;
    scene.world.on("bo", |phone, env| phone.purge_notes(env, defusing)).unwrap();
    scene.world.sync_all();
    // The saved note and the document keys of what was said in it.
    assert!(sealed(&scene) + 2 <= before, "{} of {before}", sealed(&scene));
    assert!(scene.alarms().is_empty(), "{:?}", scene.alarms());
    scene.unlock().unwrap();
    assert_eq!(scene.note("amy"), "");
    let check_in = scene.check_in;
    assert!(scene.shows(check_in), "and nothing else");
}

#[test]
fn a_late_part_of_a_contact_names_its_record_and_is_shown_with_what_was_there() {
    let mut scene = Scene::new();
    let id = contact(&mut scene.world, "amy");
    scene.world.sync_all();
    scene.reopen_locked();
    scene.world.edit("amy", id, &[("issues", tests::set(&["finances"]))]);
    scene.world.sync_all();
    assert!(scene.world.shown("amy", id, "issues").is_none(), "not even its own late words");
    scene.unlock().unwrap();
    let both = tests::set(&["finances", "grief"]);
    assert_eq!(scene.world.shown("amy", id, "issues"), Some(both));
}

#[test]
fn whoever_holds_a_locked_phone_lets_nobody_in_removes_nobody_and_erases_nothing() {
    let mut scene = Scene::new();
    let (bo, bos) = (scene.world.member("bo"), scene.world.device("bo"));
    let check_in = scene.check_in;
    scene.world.sync_all();
    let refused =
        |result: Result<(), EngineError>| assert_eq!(result.unwrap_err().code(), Code::Locked);
    lock(&mut scene.world, "admin");
    scene.world.on("admin", |phone, env| {
        refused(phone.invite(env, bo).map(drop));
        refused(phone.add_member(env, Default::default()).map(drop));
        refused(phone.remove_device(bos));
        refused(phone.remove_member(bo));
        refused(phone.release(&[]));
        refused(phone.approve_recovery(bo).map(drop));
    });
    lock(&mut scene.world, "amy");
    let before = rows(&mut scene.store.clone());
    scene.world.on("amy", |phone, env| {
        refused(phone.purge(env, check_in));
        refused(phone.set_backup(true));
        refused(phone.invite(env, bo).map(drop));
        refused(phone.make_recovery(env, None, true).map(drop));
    });
    // The last one asks its person, who is there: a right try, and nothing else, was noted.
    let kept = |rows: Vec<(Table, Vec<u8>, Vec<u8>)>| {
        rows.into_iter().filter(|(table, ..)| *table != Table::Meta).collect::<Vec<_>>()
    };
    assert!(kept(rows(&mut scene.store.clone())) == kept(before));
}

#[test]
fn changing_who_recovers_or_what_recovery_reads_asks_for_the_person_again() {
    let mut scene = Scene::new();
    let vault = scene.world.devices["amy"].vault.clone();
    let tries = [
        (Person::Absent, Code::Locked),
        (Person::Wrong, Code::WrongKey),
        (Person::KeyLost, Code::KeyLost),
    ];
    for (person, code) in tries {
        vault.set_person(person);
        let refused = scene.world.on("amy", |phone, env| {
            let made = phone.make_recovery(env, None, true).map(drop).unwrap_err().code();
            // The wrong try waits no second one's turn.
            vault.set_person(Person::Present);
            phone.unlock(env).unwrap();
            vault.set_person(person);
            [made, phone.set_escrow(env, SpaceKind::Care, false).unwrap_err().code()]
        });
        assert_eq!(refused, [code; 2]);
        vault.set_person(Person::Present);
        scene.unlock().unwrap();
    }
    let now = scene.world.now();
    let status = scene.world.on("amy", |phone, _| phone.recovery_status(now)).unwrap();
    assert!(status.no_escrow.is_empty());
    assert_eq!(status.state, sync_core::engine::RecoveryState::None);
    scene.world.on("amy", |phone, env| phone.make_recovery(env, None, true)).unwrap();
}

#[test]
fn the_sealing_keys_of_both_suites_and_every_secret_lie_under_the_persons_key() {
    let scene = Scene::new();
    let all = rows(&mut scene.store.clone());
    let identity = all.iter().find(|(table, key, _)| *table == Table::Meta && key == b"identity");
    let (_, _, identity) = identity.expect("an identity");
    // The seed of the signing key and public halves alone: two seeds of 32 bytes less than a whole set.
    let device = scene.world.devices["amy"].phone.fingerprint();
    assert_eq!(device.split(' ').count(), 8);
    assert!(identity.len() < 32 + 32 + 1_216 + 256, "{}", identity.len());
    // What lies in the table of keys is who announced and wrapped what.
    for (_, key, _) in all.iter().filter(|(table, ..)| *table == Table::Keys) {
        assert!(matches!(key[0], b'n' | b'w' | b'q'), "{}", key[0] as char);
    }
    let kinds: std::collections::BTreeSet<u8> = all
        .iter()
        .filter(|(table, key, _)| *table == Table::Sealed && key[0] == b'k')
        .map(|(_, key, _)| key[1])
        .collect();
    // Sealing keys, epochs, sender keys, document keys by place and by name.
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), *b"dehks");
}
