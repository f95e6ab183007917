//! What was erased stays erased: no restore, no wiped folder and no phone that was away brings it back.

use tests::is_absent;

use super::*;

/// Audit rows of orders that were carried out on a document.
fn recorded(world: &World, record: DocId) -> i64 {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).unwrap();
    database
        .query_row(
            "SELECT count(*) FROM audit WHERE action = 'purge' AND object = ?1 AND result = 'done'",
            [record.to_string()],
            |row| row.get(0),
        )
        .unwrap()
}

fn stays_erased(world: &mut World, gone: DocId, case: &str) {
    for name in ["amy", "bo", "cleo"] {
        assert!(is_absent(world, name, gone), "{name}, {case}");
    }
    assert_eq!(world.on_the_relay(gone), (0, true), "{case}");
    world.join("eve", &[Role::PeerSupporter]);
    world.sync_all();
    assert!(is_absent(world, "eve", gone), "a new phone gets nothing of it, {case}");
}

#[test]
fn a_purge_is_not_undone_by_a_restore() {
    // Either the order is back before the phone that was away, or after it.
    for order in [["amy", "cleo"], ["amy", "bo"], ["cleo", "amy"], ["bo", "amy"]] {
        let mut world = county();
        let gone = incident(&mut world, "bo", 1);
        let stays = incident(&mut world, "bo", 2);
        world.sync_all();
        let backup = world.backup();
        assert!(world.on_the_relay(gone).0 > 0, "the backup holds it");
        world.on("cleo", |phone, env| phone.purge(env, gone)).unwrap();
        // Amy was away: she still holds it, and has more to say of it.
        world.edit("amy", gone, &[("severity", Value::Int(5))]);
        for name in ["cleo", "bo", "admin"] {
            world.sync(name);
        }
        assert_eq!((world.on_the_relay(gone), recorded(&world, gone)), ((0, true), 1));
        world.restore(&backup, false);
        assert_eq!((world.on_the_relay(gone).1, recorded(&world, gone)), (false, 0), "undone");
        for name in order {
            world.sync(name);
        }
        world.sync_all();
        world.sync_all();
        assert_eq!(recorded(&world, gone), 1, "the order is in the audit log again, {order:?}");
        stays_erased(&mut world, gone, &format!("{order:?}"));
        for name in ["amy", "bo", "cleo", "eve"] {
            assert_eq!(world.shown(name, stays, "severity"), Some(Value::Int(2)), "{name}");
        }
    }
}

#[test]
fn an_authors_purge_is_not_undone_where_the_relay_lost_the_document_as_well() {
    for (wiped, first) in [(false, "amy"), (false, "cleo"), (true, "amy"), (true, "cleo")] {
        let mut world = county();
        let backup = world.backup();
        let gone = incident(&mut world, "bo", 1);
        world.sync_all();
        world.on("bo", |phone, env| phone.purge(env, gone)).unwrap();
        world.edit("amy", gone, &[("severity", Value::Int(5))]);
        for name in ["bo", "cleo", "admin"] {
            world.sync(name);
        }
        if wiped {
            world.wipe();
            world.list_relay();
            world.sync("admin");
        } else {
            world.restore(&backup, false);
        }
        world.sync(first);
        world.sync("amy");
        world.sync_all();
        world.sync_all();
        stays_erased(&mut world, gone, &format!("wiped: {wiped}, first: {first}"));
    }
}
