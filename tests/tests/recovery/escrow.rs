//! Spaces that a member keeps from their recovery key, and what a second device does for the past.

use sync_core::engine::{EngineError, NO_ESCROW_WARNING};
use sync_core::protocol::Code;
use sync_core::records::SpaceKind;
use tests::World;

use super::story::{
    ask, begin_with_code, county, finish, past, reads, recovery_reads_now, set_up, status,
};

fn choose(world: &mut World, name: &str, kind: SpaceKind, on: bool) -> Result<(), EngineError> {
    world.on(name, |phone, env| phone.set_escrow(env, kind, on))
}

/// How many of a member's sealed spaces their recovery key reads now.
fn read_by_recovery(world: &mut World, name: &str) -> usize {
    recovery_reads_now(world, name).into_iter().filter(|reads| *reads).count()
}

#[test]
fn a_space_without_escrow_stays_closed_to_the_recovery_key() {
    let mut world = county(31);
    choose(&mut world, "amy", SpaceKind::Personal, false).unwrap();
    let sheet = set_up(&mut world, false, true, &["admin"]);
    let past = past(&mut world);
    assert_eq!(status(&mut world, "amy").no_escrow, [SpaceKind::Personal]);
    assert!(NO_ESCROW_WARNING.contains("lost for good"));
    begin_with_code(&mut world, "amy2", sheet.code.as_ref().unwrap()).unwrap();
    drop(world.devices.remove("amy"));
    finish(&mut world, "amy2");
    assert_eq!(reads(&mut world, "amy2", &past), [true, true, false], "{}", world.troubles());
    // The choice goes with the space: the new phone keeps to it.
    assert_eq!(status(&mut world, "amy2").no_escrow, [SpaceKind::Personal]);
    set_up_again(&mut world);
    assert_eq!(read_by_recovery(&mut world, "amy2"), 2, "session and care");
}

fn set_up_again(world: &mut World) {
    world.on("amy2", |phone, env| phone.make_recovery(env, None, true)).unwrap();
    world.sync("amy2");
    world.sync("admin");
    let amy = world.member("amy2");
    world.on("admin", |phone, _| phone.approve_recovery(amy)).unwrap();
    world.sync_all();
}

#[test]
fn taking_a_space_from_the_recovery_key_closes_what_follows_and_giving_it_back_opens_it() {
    let mut world = county(32);
    let sheet = set_up(&mut world, false, true, &["admin"]);
    let first = past(&mut world);
    assert_eq!(read_by_recovery(&mut world, "amy"), 3);
    choose(&mut world, "amy", SpaceKind::Care, false).unwrap();
    choose(&mut world, "amy", SpaceKind::Personal, false).unwrap();
    assert_eq!(read_by_recovery(&mut world, "amy"), 1, "replaced on the spot");
    let second = past(&mut world);
    let wraps = tests::hostile::wraps_at_relay(&world, sheet.key);
    choose(&mut world, "amy", SpaceKind::Care, true).unwrap();
    world.sync_all();
    assert!(tests::hostile::wraps_at_relay(&world, sheet.key) > wraps, "the past too");
    begin_with_code(&mut world, "amy2", sheet.code.as_ref().unwrap()).unwrap();
    drop(world.devices.remove("amy"));
    finish(&mut world, "amy2");
    assert_eq!(reads(&mut world, "amy2", &first), [true; 3], "{}", world.troubles());
    assert_eq!(reads(&mut world, "amy2", &second), [true, true, false], "{}", world.troubles());
}

#[test]
fn a_present_device_lets_a_further_one_read_the_past_without_escrow_too() {
    let mut world = county(33);
    choose(&mut world, "amy", SpaceKind::Personal, false).unwrap();
    choose(&mut world, "amy", SpaceKind::Care, false).unwrap();
    let sheet = set_up(&mut world, false, true, &["admin"]);
    let past = past(&mut world);
    begin_with_code(&mut world, "amy2", sheet.code.as_ref().unwrap()).unwrap();
    assert!(!ask(&mut world, "amy2").unwrap());
    world.sync("admin");
    assert!(ask(&mut world, "amy2").unwrap());
    world.sync_all_but("amy");
    assert_eq!(reads(&mut world, "amy2", &past), [true, false, false], "the code alone");
    world.sync_all();
    assert_eq!(reads(&mut world, "amy2", &past), [true; 3], "with the older phone's help");
}

#[test]
fn only_spaces_that_nobody_else_reads_can_be_kept_from_the_recovery_key() {
    let mut world = county(34);
    for kind in [SpaceKind::Session, SpaceKind::Shared, SpaceKind::Clinical, SpaceKind::Operations]
    {
        let refused = choose(&mut world, "amy", kind, false).unwrap_err();
        assert_eq!(refused.code(), Code::BadValue, "{kind:?}");
    }
}

#[test]
fn a_recovery_key_is_shown_by_the_words_of_all_its_keys_and_only_where_it_reads() {
    let mut world = county(38);
    choose(&mut world, "amy", SpaceKind::Personal, false).unwrap();
    set_up(&mut world, false, true, &["admin"]);
    let past = past(&mut world);
    let amy = world.member("amy");
    let key = world.on("bo", |phone, _| phone.directory().recovery(&amy).cloned()).unwrap();
    let words = sync_core::crypto::fingerprint(&key.verify_key, key.seal_keys()).join(" ");
    let mut shown = |name: &str, record| -> Vec<String> {
        world.on(name, |phone, _| {
            let space = phone.sealed_spaces(record).unwrap()[0];
            let views = phone.readers(space).unwrap().into_iter();
            views.filter(|view| view.recovery).map(|view| view.fingerprint).collect()
        })
    };
    assert_eq!(shown("amy", past.check_in), [""; 0], "kept from it");
    let (own, session) = (shown("amy", past.contact), shown("bo", past.session));
    assert_eq!((own, session), (vec![words.clone()], vec![words]));
}
