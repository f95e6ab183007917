//! What locks by itself: the offline grace, wrong tries, a key store that lost its key, a phone nobody touches.

use sync_core::engine::{GRACE_LOCK_MS, GRACE_WARN_MS, TRIES_ALLOWED};
use sync_core::protocol::Timestamp;
use sync_core::store::Person;
use tests::failing::{Fault, survive};

use super::*;

#[test]
fn no_wall_clock_ends_the_grace_and_thirty_days_switched_on_do() {
    let mut scene = Scene::new();
    scene.observe(1, 1_000);
    for years in [10, -10, 0] {
        scene.world.devices.get_mut("amy").unwrap().offset_ms = years * 365 * DAY_MS as i64;
        scene.observe(1, 2_000);
        scene.world.record("amy", "check_in", &[("zone", text("ready"))]);
    }
    assert!(scene.alarms().is_empty());
    // A reboot loses the time off, no more: uptime begins anew and adds up.
    scene.observe(2, GRACE_WARN_MS - 10 * DAY_MS);
    scene.observe(2, GRACE_WARN_MS - 5_000);
    assert!(scene.alarms().is_empty());
    scene.observe(3, 60_000);
    assert_eq!(scene.alarms(), [Code::GraceWarning]);
    let check_in = scene.check_in;
    assert!(scene.shows(check_in), "a warning takes nothing away");
    scene.observe(3, GRACE_LOCK_MS - GRACE_WARN_MS + 60_000);
    assert_eq!(scene.alarms(), [Code::WriteOnly]);
    assert!(!scene.shows(check_in));
    let waiting = scene.outbox();
    assert_eq!(scene.unlock().unwrap_err().code(), Code::WriteOnly);
    scene.reopen_locked();
    assert_eq!(scene.unlock().unwrap_err().code(), Code::WriteOnly);
    // Recording goes on and the outbox is whole; one contact ends it.
    scene.write("amy", 0, "late, on day 31").unwrap();
    assert!(scene.outbox() > waiting);
    scene.world.sync_all();
    assert!(scene.note("bo").contains("late, on day 31"));
    scene.unlock().unwrap();
    assert!(scene.shows(check_in) && scene.alarms().is_empty());
    assert!(scene.note("amy").contains("late, on day 31"));
}

#[test]
fn a_phone_that_never_met_its_relay_has_no_grace_to_lose() {
    let mut scene = Scene::new();
    let mut rng =
        <rand_chacha::ChaCha20Rng as rand_chacha::rand_core::SeedableRng>::seed_from_u64(1);
    let mut env = sync_core::engine::Env { now: Timestamp(0), rng: &mut rng };
    let admin = sync_core::engine::NewMember {
        name: None,
        roles: vec![Role::Coordinator],
        admin: true,
        ..sync_core::engine::NewMember::default()
    };
    let (store, vault) =
        (Box::new(MemoryStore::new()), Box::new(sync_core::store::MemoryVault::new()));
    let profile = PolicyProfile::neutral();
    let mut alone = sync_core::engine::Phone::create_team(
        store,
        vault,
        &mut env,
        tests::ORIGIN,
        profile,
        admin,
    )
    .unwrap();
    let grace = alone.observe_uptime(Uptime { boot: 1, ms: 2 * GRACE_LOCK_MS as i64 });
    assert!(!grace.unwrap().is_over() && alone.is_unlocked());
    // One that met it does.
    scene.observe(1, 2 * GRACE_LOCK_MS);
    assert!(!scene.world.on("amy", |phone, _| phone.is_unlocked()));
}

#[test]
fn wrong_tries_are_counted_before_they_are_made_delayed_and_end_at_the_tenth() {
    let mut scene = Scene::new();
    scene.write("amy", 0, "unsent. ").unwrap();
    scene.reopen_locked();
    let vault = scene.world.devices["amy"].vault.clone();
    // Turning it down is no try.
    vault.set_person(Person::Absent);
    for _ in 0..20 {
        assert_eq!(scene.unlock().unwrap_err().code(), Code::Locked);
    }
    vault.set_person(Person::Wrong);
    let (mut uptime, mut wrong, mut delays) = (1_000, 0, 0);
    scene.observe(1, uptime);
    while wrong < TRIES_ALLOWED - 1 {
        // Neither a restart nor a wall clock shortens the wait.
        scene.reopen_locked();
        scene.world.devices.get_mut("amy").unwrap().offset_ms += 365 * DAY_MS as i64;
        match scene.unlock().unwrap_err().code() {
            Code::WrongKey => wrong += 1,
            Code::UnlockDelayed => {
                delays += 1;
                uptime += 1_000;
                scene.observe(1, uptime);
            }
            other => panic!("{other}"),
        }
    }
    assert!((900..1_000).contains(&delays), "{delays} seconds before the ninth try");
    let waiting = scene.outbox();
    uptime += DAY_MS;
    scene.observe(1, uptime);
    assert_eq!(scene.unlock().unwrap_err().code(), Code::WriteOnly);
    vault.set_person(Person::Present);
    assert_eq!(scene.unlock().unwrap_err().code(), Code::WriteOnly, "destroyed, not locked");
    assert!(rows(&mut scene.store.clone()).iter().all(|(table, ..)| *table != Table::Sealed));
    assert_eq!(scene.outbox(), waiting);
    scene.world.sync_all();
    assert!(scene.note("bo").contains("unsent. "), "the sealed outbox left");
}

#[test]
fn a_right_try_starts_the_count_anew_and_a_death_after_counting_does_not() {
    let mut scene = Scene::new();
    scene.reopen_locked();
    let vault = scene.world.devices["amy"].vault.clone();
    for _ in 0..20 {
        vault.set_person(Person::Wrong);
        for _ in 0..2 {
            assert_eq!(scene.unlock().unwrap_err().code(), Code::WrongKey);
        }
        vault.set_person(Person::Present);
        scene.unlock().unwrap();
        scene.reopen_locked();
    }
    // The third write is the commit of the count: the process dies before the vault is asked.
    for death in 1..=3 {
        scene.faults.plan(Fault::DieAfter, 3);
        assert!(survive(|| scene.unlock()).is_none(), "death {death}");
        assert!(scene.faults.end());
        scene.reopen_locked();
    }
    assert_eq!(scene.unlock().unwrap_err().code(), Code::UnlockDelayed);
}

#[test]
fn a_lost_key_store_key_is_said_and_nothing_is_changed() {
    let mut scene = Scene::new();
    scene.reopen_locked();
    scene.world.devices["amy"].vault.set_person(Person::KeyLost);
    let sealed = |scene: &Scene| {
        let mut all = rows(&mut scene.store.clone());
        all.retain(|(table, key, _)| *table != Table::Meta || key == b"reading_key");
        all
    };
    let before = sealed(&scene);
    for _ in 0..20 {
        let error = scene.unlock().unwrap_err();
        assert_eq!(error.code(), Code::KeyLost);
        assert!(error.to_string().contains("recovery"), "{error}");
    }
    assert!(sealed(&scene) == before);
    // A key store that comes back, as after an update, finds everything as it was.
    scene.world.devices["amy"].vault.set_person(Person::Present);
    scene.unlock().unwrap();
    let check_in = scene.check_in;
    assert!(scene.shows(check_in));
}

#[test]
fn a_phone_nobody_touches_locks_itself_and_its_setting_asks_for_the_person_again() {
    let mut scene = Scene::new();
    let vault = scene.world.devices["amy"].vault.clone();
    assert!(!scene.world.on("amy", |phone, _| phone.idle_lock(119_999)).unwrap());
    assert!(scene.world.on("amy", |phone, _| phone.idle_lock(120_000)).unwrap());
    scene.unlock().unwrap();
    vault.set_person(Person::Absent);
    let set =
        |scene: &mut Scene, ms| scene.world.on("amy", |phone, env| phone.set_idle_lock(env, ms));
    assert_eq!(set(&mut scene, 30_000).unwrap_err().code(), Code::Locked);
    assert!(!scene.world.on("amy", |phone, _| phone.idle_lock(60_000)).unwrap(), "not set");
    vault.set_person(Person::Present);
    assert_eq!(set(&mut scene, 120_001).unwrap_err().code(), Code::BadValue);
    set(&mut scene, 30_000).unwrap();
    assert!(scene.world.on("amy", |phone, _| phone.idle_lock(30_000)).unwrap());
}
