//! Legal holds: of any part of what a record goes on in, and through a restore.

use sync_core::directory::Op;

use super::*;

/// An admin's entry that holds a document, whatever that admin reads.
fn hold(world: &mut World, rogue: &mut Rogue, space: sync_core::ids::SpaceId, doc: DocId) {
    hold_it(world, rogue, space, doc, true);
}

/// As [`hold`], or an entry that ends it.
pub fn hold_it(
    world: &mut World,
    rogue: &mut Rogue,
    space: sync_core::ids::SpaceId,
    doc: DocId,
    held: bool,
) {
    let directory = tests::hostile::directory(world).space();
    let body = to_cbor(&Op::Hold { space, doc, held });
    let entry = rogue.structure(world, Kind::Directory, directory, body);
    assert_eq!(rogue.push(world, &[entry])[0].verdict, Verdict::Stored);
}

#[test]
fn a_hold_of_a_successor_keeps_all_that_it_goes_on_from() {
    let mut world = county();
    let mut admin = Rogue::enrol(&mut world, 3, &[], true);
    admin.cosign(&mut world);
    let id = incident(&mut world, "amy");
    save_often(&mut world, "amy", id);
    world.sync_all();
    let operations = open_space(&world, SpaceKind::Operations, None);
    // An admin who reads from now on has the second document only. The order was given before the hold was known.
    world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
    hold(&mut world, &mut admin, operations, id.successor());
    world.sync_all();
    for name in ["amy", "bo", "cleo"] {
        assert!(!is_absent(&mut world, name, id), "{name}");
        assert_eq!(world.shown(name, id, "personnel_exposed"), Some(Value::Int(SAVES)), "{name}");
        assert!(world.on(name, |phone, _| phone.is_held(id)).unwrap(), "{name} sees the hold");
    }
    assert!(world.on_the_relay(id).0 > 0 && world.on_the_relay(id.successor()).0 > 0);
    let code = refusal(world.on("cleo", |phone, env| phone.purge(env, id)));
    assert_eq!(code, Code::LegalHold);
    // Another record's hold is not this one's.
    let other = incident(&mut world, "amy");
    world.sync_all();
    world.on("cleo", |phone, env| phone.purge(env, other)).unwrap();
    world.sync_all();
    assert!(is_absent(&mut world, "amy", other));
}

#[test]
fn a_restore_from_before_an_order_with_a_hold_set_since_keeps_the_relays_copy_and_no_phone_takes_it_back()
 {
    let mut world = county();
    let admin = world.member("admin");
    world
        .on("admin", |phone, env| phone.set_roles(env, admin, &[Role::ClinicalDirector], true))
        .unwrap();
    let id = incident(&mut world, "amy");
    world.sync_all();
    let backup = world.backup();
    world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
    for name in ["amy", "bo", "cleo"] {
        world.sync(name);
    }
    assert_eq!(world.on_the_relay(id), (0, true));
    // The admin's phone was away: it still shows the record, and holds it.
    world.on("admin", |phone, _| phone.hold(id, true)).unwrap();
    world.sync_all();
    world.restore(&backup, false);
    world.sync("admin");
    world.sync_all();
    world.sync_all();
    for name in ["admin", "amy", "bo", "cleo"] {
        assert!(is_absent(&mut world, name, id), "{name} erased it and does not take it back");
        assert_eq!(world.on(name, |phone, _| phone.receipts()).unwrap().len(), 1, "{name}");
        assert_eq!(world.on(name, |phone, _| phone.outbox()).unwrap().len(), 0, "{name}");
        assert!(world.on(name, |phone, _| phone.drafts()).unwrap().is_empty(), "{name}");
        world.on(name, |phone, _| phone.rebuild()).unwrap();
        assert!(is_absent(&mut world, name, id), "{name}");
    }
    let (bytes, tombstone) = world.on_the_relay(id);
    assert!(bytes > 0 && !tombstone, "the order is set aside while the hold lasts");
    // Who had not erased it is served it, and may order it anew once the hold has ended.
    world.join("eve", &[Role::Coordinator]);
    world.sync_all();
    assert!(!is_absent(&mut world, "eve", id), "{}", world.troubles());
    let code = refusal(world.on("eve", |phone, env| phone.purge(env, id)));
    assert_eq!(code, Code::LegalHold);
    world
        .on("eve", |phone, env| phone.edit(env, id, &tests::form(&[("severity", Value::Int(3))])))
        .unwrap();
    world.sync_all();
    assert!(is_absent(&mut world, "amy", id), "nor with a later edit");
}

#[test]
fn an_order_that_an_admin_releases_is_obeyed_by_the_relay_and_by_every_phone() {
    let mut world = county();
    let id = incident(&mut world, "bo");
    world.sync_all();
    world.on("bo", |phone, env| phone.purge(env, id)).unwrap();
    let bo = world.device("bo");
    world.on("admin", |phone, _| phone.remove_device(bo)).unwrap();
    world.sync("admin");
    let (body, token) = world.request("bo");
    assert_eq!(world.relay.sync(&token, &body).unwrap_err().code, Code::DeviceRemoved);
    world.sync("admin");
    let aside = world.on("admin", |phone, _| phone.quarantined()).unwrap();
    let ids: Vec<_> = aside.iter().map(|item| item.id).collect();
    assert_eq!(ids.len(), 1, "the order waits");
    world.on("admin", |phone, _| phone.release(&ids)).unwrap();
    for name in ["admin", "amy", "cleo"] {
        world.sync(name);
    }
    assert_eq!(world.on_the_relay(id), (0, true));
    for name in ["amy", "cleo"] {
        assert!(is_absent(&mut world, name, id), "{name}: {}", world.troubles());
        assert!(world.on(name, |phone, _| phone.drafts()).unwrap().is_empty(), "{name}");
    }
}
