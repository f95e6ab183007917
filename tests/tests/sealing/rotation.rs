//! Keys renewed on demand, by one reader or by several at once.

use sync_core::protocol::Code;

use super::{PHASE, county, led_by, space_of};

#[test]
fn two_readers_who_renew_the_key_offline_at_once_and_one_who_did_not_go_on_reading_and_writing() {
    let mut world = county();
    let id = led_by(&mut world, &["amy", "bo", "dee"]);
    let space = space_of(&mut world, "amy", id);
    world.write("dee", id, "exploration", 0, "0");
    world.sync_all();
    for round in 0..4 {
        // Each writes under the key it has: two new ones, and dee the old one.
        for name in ["amy", "bo"] {
            world.on(name, |phone, env| phone.rotate(env, space)).expect("renewed");
        }
        for name in ["amy", "bo", "dee"] {
            let end = world.phase(name, id, PHASE).chars().count();
            world.write(name, id, "exploration", end, &name[..1]);
        }
        world.sync_all();
        let shown = world.phase("amy", id, PHASE);
        assert_eq!(shown.chars().count(), 1 + 3 * (round + 1), "{shown}");
        for name in ["bo", "dee"] {
            assert_eq!(world.phase(name, id, PHASE), shown, "{name}: {}", world.troubles());
        }
    }
    let epochs = |world: &mut tests::World, name: &str| {
        world.on(name, |phone, _| phone.session_epochs(id)).expect("a session")
    };
    let known = epochs(&mut world, "amy");
    assert!(known[0] >= 8, "{known:?}");
    for name in ["bo", "dee"] {
        assert_eq!(epochs(&mut world, name), known);
        assert!(world.on(name, |phone, _| phone.drafts()).unwrap().is_empty());
    }
}

#[test]
fn a_key_is_renewed_by_its_readers_alone_and_a_reader_let_in_meanwhile_is_left_out_of_none() {
    let mut world = county();
    let id = led_by(&mut world, &["amy", "bo"]);
    let space = space_of(&mut world, "amy", id);
    let refused = world.on("cleo", |phone, env| phone.rotate(env, space));
    assert_eq!(refused.unwrap_err().code(), Code::NotAllowed);
    let open = world.record(
        "amy",
        "incident",
        &[
            ("type", tests::set(&["failed_rescue"])),
            ("occurred_end", tests::text("2026-03-01T12:00:00Z")),
        ],
    );
    assert!(world.on("amy", |phone, _| phone.sealed_spaces(open)).unwrap().is_empty());

    // While amy lets dee in from now on, bo, offline, renews the key knowing nothing of dee.
    let dee = world.member("dee");
    world.on("amy", |phone, env| phone.add_reader(env, space, dee, false)).expect("let in");
    world.on("bo", |phone, env| phone.rotate(env, space)).expect("renewed");
    world.write("bo", id, "exploration", 0, "bo. ");
    world.sync_all();
    world.sync_all();
    let end = world.phase("amy", id, PHASE).chars().count();
    world.write("amy", id, "exploration", end, "amy. ");
    world.sync_all();
    assert_eq!(world.phase("amy", id, PHASE), "bo. amy. ");
    assert_eq!(world.phase("bo", id, PHASE), "bo. amy. ");
    assert_eq!(world.phase("dee", id, PHASE), "amy. ", "{}", world.troubles());
}
