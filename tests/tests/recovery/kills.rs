//! The new phone dies at any write while it is being restored, and goes on where it was.

use sync_core::store::MemoryStore;
use tests::World;
use tests::failing::{FailingStore, Fault, Faults, survive};

use super::story::{ask, county, invite, past, reads, set_up};

const MOST_WRITES: u64 = 2_000;

fn reopen(world: &mut World, store: &MemoryStore, faults: &Faults) {
    let (store, faults) = (store.clone(), faults.clone());
    world.reopen("amy2", move || Box::new(FailingStore::new(Box::new(store), &faults)));
}

/// Dies at every `step`th write of an act until the act gets through; the deaths it took.
fn die_until_done(
    world: &mut World,
    (store, faults): (&MemoryStore, &Faults),
    (fault, step): (Fault, usize),
    act: impl Fn(&mut World),
) -> usize {
    for (deaths, at) in (1..MOST_WRITES).step_by(step).enumerate() {
        faults.plan(fault, at);
        let done = survive(|| act(world));
        let happened = faults.end();
        reopen(world, store, faults);
        if !happened {
            assert!(done.is_some(), "an undisturbed act gets through");
            return deaths;
        }
    }
    panic!("it has no end");
}

#[test]
fn a_new_phone_that_dies_at_any_write_while_it_is_restored_reads_everything_in_the_end() {
    for (seed, fault) in [(61, Fault::DieBefore), (62, Fault::DieAfter)] {
        let mut world = county(seed);
        let sheet = set_up(&mut world, false, true, &["admin"]);
        let past = past(&mut world);
        let (store, faults) = (MemoryStore::new(), Faults::default());
        let amy = world.member("amy");
        let invitation = invite(&mut world, amy);
        let failing = FailingStore::new(Box::new(store.clone()), &faults);
        world.begin_to_join("amy2", Box::new(failing), &invitation).unwrap();
        let disk = (&store, &faults);
        let code = sheet.code.as_ref().unwrap().to_string();
        let deaths = die_until_done(&mut world, disk, (fault, 1), |world| {
            world.on("amy2", |phone, env| phone.use_recovery_code(env, &code)).unwrap();
        });
        assert!(deaths >= 3, "voucher, secret and commit: {deaths}");
        assert!(!ask(&mut world, "amy2").unwrap());
        world.sync("admin");
        assert!(ask(&mut world, "amy2").unwrap());
        drop(world.devices.remove("amy"));
        let deaths = die_until_done(&mut world, disk, (fault, 5), |world| {
            world.sync("amy2");
        });
        assert!(deaths > 10, "{deaths}");
        world.sync_all();
        assert_eq!(reads(&mut world, "amy2", &past), [true; 3], "{}", world.troubles());
    }
}

#[test]
fn a_full_phone_refuses_to_set_recovery_up_and_nothing_is_half_done() {
    let mut world = county(63);
    let (store, faults) = (MemoryStore::new(), Faults::default());
    let failing = FailingStore::new(Box::new(store.clone()), &faults);
    let amy = world.join_on("amy2", &[], Box::new(failing));
    for at in 1..MOST_WRITES {
        faults.plan(Fault::Full, at);
        let made = world.on("amy2", |phone, env| phone.make_recovery(env, None, true));
        if !faults.end() {
            assert!(made.unwrap().waits);
            break;
        }
        assert_eq!(made.unwrap_err().code(), sync_core::protocol::Code::StoreFailed);
        let now = world.now();
        let state = world.on("amy2", |phone, _| phone.recovery_status(now)).unwrap().state;
        assert_eq!(state, sync_core::engine::RecoveryState::None);
    }
    world.sync("amy2");
    world.sync("admin");
    assert!(world.on("admin", |phone, _| phone.approve_recovery(amy)).is_ok());
}
