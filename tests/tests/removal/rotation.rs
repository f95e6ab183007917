//! When a reader or their device goes, the readers who stay replace the key before anything more is written.

use sync_core::records::Role;
use tests::hostile::alarms;

use super::*;

#[test]
fn a_removed_device_is_in_no_later_wrap_and_the_others_read_on() {
    let mut world = World::new(32, sync_core::records::PolicyProfile::neutral());
    for name in ["amy", "bo", "cleo"] {
        world.join(name, &[Role::PeerSupporter]);
    }
    world.sync_all();
    let fields = [("kind", text("defusing"))];
    let intervention = world.record("amy", "intervention", &fields);
    let leads = [world.member("amy"), world.member("bo")];
    world.sync_all();
    world.on("amy", |phone, env| phone.assign(env, intervention, &leads)).unwrap();
    world.sync_all();
    world.write("bo", intervention, "exploration", 0, "before ");
    world.sync_all();
    let epochs =
        |world: &mut World| world.on("amy", |phone, _| phone.session_epochs(intervention)).unwrap();
    let first = epochs(&mut world)[0];
    remove(&mut world, "bo");
    sync_but(&mut world, "bo");
    assert_eq!(epochs(&mut world)[0], first + 1, "one new key");
    world.write("amy", intervention, "exploration", 7, "after");
    sync_but(&mut world, "bo");
    // It was there before: what the removed device wrote still opens for a phone that comes later.
    let cleo = world.member("cleo");
    world.on("amy", |phone, env| phone.assign(env, intervention, &[cleo])).unwrap();
    sync_but(&mut world, "bo");
    assert_eq!(world.phase("cleo", intervention, "defusing.exploration"), "before after");
    assert_eq!(epochs(&mut world)[0], first + 1, "and no further one");
    assert_eq!(alarms(&mut world, "cleo"), []);
}
