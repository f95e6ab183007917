//! A phone that dies, or whose storage is full, at any moment of letting another one in.

use sync_core::records::DeviceClass;
use sync_core::store::MemoryStore;
use tests::failing::{FailingStore, Fault, Faults, survive};

use super::*;

/// More writes than any of these operations makes.
const MOST_WRITES: u64 = 200;

/// Amy's phone on a store that may fail, and the memory under it.
fn on_failing_store() -> (World, MemoryStore, Faults) {
    let mut world = World::new(12, PolicyProfile::neutral());
    let (memory, faults) = (MemoryStore::new(), Faults::default());
    let store = Box::new(FailingStore::new(Box::new(memory.clone()), &faults));
    world.join_on("amy", &[Role::PeerSupporter], store);
    world.sync_all();
    (world, memory, faults)
}

/// Does something at every moment of which the phone may die or its storage be full, each time in a world of its
/// own, then lets `after` see that nothing is half-done. `after` is told whether the phone came to the end.
fn at_every_write(
    begin: impl Fn(&mut World),
    act: impl Fn(&mut World) -> Result<(), Code>,
    after: impl Fn(&mut World, bool),
) {
    let mut moments = 0;
    for fault in [Fault::Full, Fault::DieBefore, Fault::DieAfter] {
        for at in 1..MOST_WRITES {
            let (mut world, memory, faults) = on_failing_store();
            begin(&mut world);
            faults.plan(fault, at);
            let done = survive(|| act(&mut world));
            if done.is_none() {
                let store = FailingStore::new(Box::new(memory.clone()), &faults);
                world.reopen("amy", || Box::new(store));
            }
            let happened = faults.end();
            assert!(done != Some(Err(Code::StoreFailed)) || happened);
            after(&mut world, done == Some(Ok(())));
            if !happened {
                break;
            }
            moments += 1;
        }
    }
    assert!(moments >= 9, "{moments} moments");
}

#[test]
fn second_device_is_let_in_once_wherever_its_vouching_phone_dies() {
    let begin = |world: &mut World| {
        let invitation = world.invite_own("amy");
        world.begin_as("amy2", &invitation, DeviceClass::Native);
        assert_eq!(world.step_in("amy2"), Ok(false));
    };
    let act = |world: &mut World| {
        let (body, token) = world.try_request("amy").map_err(|error| error.code())?;
        let answer = world.relay.sync(&token, &body).unwrap();
        world.answer("amy", &body, &answer).map(drop).map_err(|error| error.code())
    };
    at_every_write(begin, act, |world, _| {
        world.sync("amy");
        world.sync("admin");
        assert_eq!(world.step_in("amy2"), Ok(true), "{}", world.troubles());
        world.sync_all();
        assert_eq!(world.devices_of("admin", world.member("amy")), 2);
        assert_eq!(alarms(world, "amy"), []);
    });
}

#[test]
fn a_reply_is_accepted_whole_or_not_at_all() {
    let begin = |world: &mut World| {
        let amy = world.member("amy");
        let invitation = world.on("amy", |phone, env| phone.invite(env, amy)).unwrap();
        world.begin_as("amy2", &invitation, DeviceClass::Native);
    };
    let accept = |world: &mut World| {
        let reply = world.on("amy2", |phone, _| phone.join_reply()).unwrap();
        let accepted = world.on("amy", |phone, env| phone.accept_reply(env, &reply));
        accepted.map(drop).map_err(|error| error.code())
    };
    at_every_write(begin, accept, |world, done| {
        let again = accept(world);
        assert!(again == Ok(()) || again == Err(Code::InviteUnknown), "{again:?}");
        assert!(!done || again == Err(Code::InviteUnknown), "it counts once");
        world.sync("amy");
        world.sync("admin");
        assert_eq!(world.step_in("amy2"), Ok(true));
        assert_eq!(world.devices_of("admin", world.member("amy")), 2);
    });
}

#[test]
fn a_typed_codes_exchange_survives_its_inviting_phone() {
    let begin = |world: &mut World| {
        let amy = world.member("amy");
        let code = world.on("amy", |phone, env| phone.invite_by_code(env, amy)).unwrap();
        world.sync("amy");
        world.begin_by_code("amy2", &code).unwrap();
        assert_eq!(world.step_in("amy2"), Ok(false));
    };
    let act = |world: &mut World| {
        let (body, token) = world.try_request("amy").map_err(|error| error.code())?;
        let answer = world.relay.sync(&token, &body).unwrap();
        world.answer("amy", &body, &answer).map(drop).map_err(|error| error.code())
    };
    at_every_write(begin, act, |world, _| {
        world.sync("amy");
        assert_eq!(world.step_in("amy2"), Ok(false), "its keys are on their way");
        world.sync("amy");
        world.sync("admin");
        assert_eq!(world.step_in("amy2"), Ok(true), "{}", world.troubles());
        assert_eq!(tries(world, "amy"), 1, "one run, whatever happened in between");
    });
}
