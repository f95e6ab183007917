//! Recovery keys of members who read no more: they get no new key, and whoever stays replaces the one they had.

use tests::hostile::wraps_at_relay;
use tests::{World, set, text};

use super::story::{county, past, set_up_for};

/// An incident whose narrative is sealed for coordinators.
fn narrative(world: &mut World, name: &str) -> sync_core::ids::DocId {
    let fields = [
        ("type", set(&["failed_rescue"])),
        ("occurred_end", text("2026-03-01T12:00:00Z")),
        ("narrative", text("what happened")),
    ];
    let id = world.record(name, "incident", &fields);
    world.sync_all();
    id
}

#[test]
fn a_recovery_key_gets_no_clinical_key_once_its_member_lost_the_role() {
    let mut world = county(41);
    let sheet = set_up_for(&mut world, "cleo");
    let id = narrative(&mut world, "dee");
    let space = world.on("dee", |phone, _| phone.sealed_spaces(id)).unwrap()[0];
    assert!(wraps_at_relay(&world, sheet.key) > 0, "while cleo is a coordinator");
    let cleo = world.member("cleo");
    world.on("admin", |phone, env| phone.set_roles(env, cleo, &[], false)).unwrap();
    world.sync_all();
    let before = wraps_at_relay(&world, sheet.key);
    let recovery = |world: &mut World| {
        let views = world.on("dee", |phone, _| phone.readers(space)).unwrap();
        views.iter().any(|view| view.recovery && view.member == cleo)
    };
    assert!(!recovery(&mut world), "what is written now is closed to it");
    world.on("dee", |phone, env| phone.rotate(env, space)).unwrap();
    world.sync_all();
    assert_eq!(wraps_at_relay(&world, sheet.key), before, "nothing more for it");
}

#[test]
fn a_recovery_key_reads_on_without_a_phone_and_no_longer_than_its_member_is_in_the_team() {
    let mut world = county(42);
    let sheet = set_up_for(&mut world, "bo");
    let past = past(&mut world);
    let (bo, phone_of_bo) =
        (world.member("bo"), world.on("bo", |phone, _| phone.status()).unwrap().device);
    let epochs = |world: &mut World| {
        world.on("amy", |phone, _| phone.session_epochs(past.session)).unwrap()[0]
    };
    let recovery = |world: &mut World| {
        world.on("amy", |phone, _| {
            let space = phone.sealed_spaces(past.session).unwrap()[0];
            phone.readers(space).unwrap().iter().any(|view| view.recovery && view.member == bo)
        })
    };
    let first = epochs(&mut world);
    // The phone is lost: it gets nothing more, the key on paper does.
    world.on("admin", |phone, _| phone.remove_device(phone_of_bo)).unwrap();
    world.sync("admin");
    drop(world.devices.remove("bo"));
    world.sync_all();
    assert_eq!(epochs(&mut world), first + 1);
    assert!(recovery(&mut world), "{}", world.troubles());
    // Then bo leaves: the key that the paper opens is replaced.
    world.on("admin", |phone, _| phone.remove_member(bo)).unwrap();
    world.sync("admin");
    let before = wraps_at_relay(&world, sheet.key);
    world.sync_all();
    assert_eq!(epochs(&mut world), first + 2, "{}", world.troubles());
    world.write("amy", past.session, "information", 0, "after bo left");
    world.sync_all();
    assert_eq!(epochs(&mut world), first + 2, "and no further one");
    assert_eq!(wraps_at_relay(&world, sheet.key), before);
}
