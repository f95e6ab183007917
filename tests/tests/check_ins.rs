//! A member's own check-ins and journal: the trend on their phone, what is shared, what stays.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use sync_core::protocol::Code;
use sync_core::records::{Direction, PolicyProfile, Role, Value, Week};
use tests::{World, is_absent, text};

fn world() -> World {
    let staff = [("amy", Role::Responder), ("bo", Role::PeerSupporter)];
    World::staffed(31, PolicyProfile::neutral(), &staff)
}

fn trend(world: &mut World, name: &str, weeks: u32) -> Vec<Week> {
    world.on(name, |phone, env| phone.trend(env.now, weeks)).unwrap()
}

fn check_in(world: &mut World, name: &str, zone: &str, mood: i64) -> sync_core::ids::DocId {
    let fields = [("zone", text(zone)), ("mood", Value::Int(mood)), ("text", text("only mine"))];
    world.record(name, "check_in", &fields)
}

#[test]
fn the_trend_is_of_own_check_ins_by_the_corrected_day_and_of_no_copy() {
    let mut world = world();
    // The clock of this phone is ten days behind; the relay corrected it.
    world.devices.get_mut("amy").unwrap().offset_ms = -10 * 24 * 60 * 60 * 1000;
    world.sync_all();
    check_in(&mut world, "amy", "injured", 3);
    world.wait_minutes(7 * 24 * 60);
    world.sync_all();
    check_in(&mut world, "amy", "ready", 8);
    let bos = check_in(&mut world, "bo", "ill", 0);
    let amy = world.member("amy");
    let copy = world.on("bo", |phone, env| phone.share(env, bos, &[amy], false)).unwrap();
    // One that is entered later, for a day before.
    let late = [
        ("zone", text("reacting")),
        ("mood", Value::Int(5)),
        ("at", text(&world.now().plus_minutes(-7 * 24 * 60).to_string())),
    ];
    world.record("amy", "check_in", &late);
    world.sync_all();
    assert_eq!(world.shown("amy", copy, "zone"), Some(text("ill")), "the copy is there");

    let weeks = trend(&mut world, "amy", 2);
    let told: Vec<_> = weeks.iter().map(|week| (week.count, week.mood.mean)).collect();
    assert_eq!(told, [(2, Some(4.0)), (1, Some(8.0))]);
    assert_eq!(weeks[1].mood.direction, Direction::Up);
    assert_eq!(weeks[0].zones.len(), 2);
    assert!(trend(&mut world, "admin", 2).iter().all(|week| week.count == 0));
}

#[test]
fn a_shared_copy_keeps_its_day_and_leaves_its_text_and_a_journal_is_never_shared_or_sent() {
    let mut world = world();
    let own = check_in(&mut world, "amy", "reacting", 4);
    let at = world.shown("amy", own, "at");
    assert_eq!(at, Some(text(&world.now().to_string())));
    let entry = world.record("amy", "journal", &[("text", text("a heron by the weir"))]);
    world.wait_minutes(3 * 24 * 60);
    let bo = world.member("bo");
    let copy = world.on("amy", |phone, env| phone.share(env, own, &[bo], false)).unwrap();
    let refused = world.on("amy", |phone, env| phone.share(env, entry, &[bo], true));
    assert_eq!(refused.unwrap_err().code(), Code::NotAllowed);
    world.sync_all();
    assert_eq!(world.shown("bo", copy, "at"), at, "of the day on which it was recorded");
    assert_eq!(world.shown("bo", copy, "text"), None);
    assert!(is_absent(&mut world, "bo", entry) && is_absent(&mut world, "bo", own));
    assert!(world.on("amy", |phone, _| phone.show(entry)).unwrap().only_here);
    world.on("amy", |phone, _| phone.set_backup(true)).unwrap();
    world.sync_all();
    assert!(world.on("amy", |phone, _| phone.show(entry)).unwrap().stored);
    assert!(is_absent(&mut world, "bo", entry));
    assert!(!world.stands_at_relay(b"a heron by the weir"));
}
