//! What counted once counts on a relay that was healed, whatever became of its author's rights since.

use sync_core::directory::Guest;
use sync_core::engine::NewMember;
use sync_core::protocol::Day;
use sync_core::records::SpaceKind;
use sync_core::store::MemoryStore;

use super::*;

#[test]
fn a_guests_history_stays_when_the_relay_is_healed_after_their_time() {
    for wiped in [false, true] {
        let mut world = county();
        let backup = world.backup();
        let spaces = [SpaceKind::Operations, SpaceKind::Personal, SpaceKind::Shared];
        let guest = Guest {
            until: Day(world.now().day().0 + 1),
            spaces: spaces.iter().map(|kind| *kind as u8).collect(),
        };
        let roles = vec![Role::PeerSupporter];
        let new = NewMember { guest: Some(guest), roles, ..NewMember::default() };
        let invitation = world.invite_new(new);
        world.let_in("gus", Box::new(MemoryStore::new()), &invitation);
        let open = incident(&mut world, "gus", 4);
        let own = world.record("gus", "check_in", &[("zone", text("injured"))]);
        let bo = world.member("bo");
        let copy = world.on("gus", |phone, env| phone.share(env, own, &[bo], false)).unwrap();
        world.sync_all();
        assert_eq!(world.shown("bo", copy, "zone"), Some(text("injured")));
        let before = log(&world);
        world.wait_minutes(5 * 24 * 60);
        assert_eq!(world.exchange("gus"), Err(Code::GuestEnded));
        world.devices.remove("gus");
        if wiped {
            world.wipe();
            world.list_relay();
        } else {
            world.restore(&backup, false);
        }
        for name in ["bo", "admin"] {
            world.sync(name);
        }
        world.sync_all();
        world.sync_all();
        let after = log(&world);
        // What gus alone held is gone; the rest is as it was: the log of operations, and the copy with its space.
        let places = |record: DocId| {
            let database = rusqlite::Connection::open(world.folder().join("relay.db")).unwrap();
            let mut statement =
                database.prepare("SELECT id FROM items WHERE doc = ?1 AND code = ''").unwrap();
            let rows = statement.query_map([record.as_bytes()], |row| row.get(0)).unwrap();
            rows.map(Result::unwrap).collect::<Vec<Vec<u8>>>()
        };
        for record in [open, copy] {
            let ids = places(record);
            assert_eq!(ids.len(), 1, "wiped: {wiped}");
            assert_eq!(after[&ids[0]], before[&ids[0]], "in the row it had");
        }
        world.join("eve", &[Role::PeerSupporter]);
        world.sync_all();
        assert_eq!(world.shown("eve", open, "severity"), Some(Value::Int(4)), "wiped: {wiped}");
        assert_eq!(world.shown("bo", copy, "zone"), Some(text("injured")));
    }
}

#[test]
fn a_removal_signed_on_a_relay_that_heals_sets_no_history_aside() {
    for (wiped, confirmed) in [(false, true), (false, false), (true, false)] {
        let mut world = county();
        // An admin who reads what is removed from.
        let admin = world.member("admin");
        let roles = [Role::Coordinator];
        world.on("admin", |phone, env| phone.set_roles(env, admin, &roles, true)).unwrap();
        world.sync_all();
        let backup = world.backup();
        let counted: Vec<DocId> = (1..=3).map(|n| incident(&mut world, "bo", n)).collect();
        world.sync_all();
        let bo = world.on("bo", |phone, _| phone.status()).unwrap().device;
        let before = log(&world);
        if wiped {
            world.wipe();
            world.list_relay();
        } else {
            world.restore(&backup, confirmed);
        }
        // The admin's phone asks for the numbers before anybody has handed anything back.
        world.on("admin", |phone, _| phone.remove_device(bo)).unwrap();
        world.sync("admin");
        let removed = |world: &World| world.devices["admin"].phone.directory().removed_at(&bo);
        for name in ["admin", "amy", "cleo", "admin"] {
            world.sync(name);
        }
        assert!(removed(&world).is_some(), "removed, wiped: {wiped}");
        world.sync_all_but("bo");
        let after = log(&world);
        for (id, row) in &before {
            assert_eq!(after.get(id), Some(row), "wiped: {wiped}, confirmed: {confirmed}");
        }
        world.join("eve", &[Role::PeerSupporter]);
        for name in ["eve", "admin", "eve"] {
            world.sync(name);
        }
        for (record, severity) in counted.iter().zip(1..) {
            let shown = world.shown("eve", *record, "severity");
            assert_eq!(shown, Some(Value::Int(severity)), "wiped: {wiped}");
        }
        let aside = world.on("admin", |phone, _| phone.quarantined()).unwrap();
        assert!(aside.is_empty(), "{aside:?}");
    }
}
