//! Removed devices and members, and rights in force: what they wrote stays, what comes after is kept apart, nothing is
//! served to them, and nothing is sealed for them any more.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod rotation;
mod rule;
mod takes_effect;

use sync_core::ids::{DeviceId, DocId};
use sync_core::protocol::{Code, RemovalNotice, from_cbor};
use sync_core::records::{PolicyProfile, Role, Value};
use tests::{World, set, text};

fn county() -> World {
    let mut world = World::new(31, PolicyProfile::neutral());
    for name in ["amy", "bo", "cleo"] {
        world.join(name, &[Role::PeerSupporter]);
    }
    world.sync_all();
    world
}

fn incident(world: &mut World, name: &str) -> DocId {
    let fields =
        [("type", set(&["failed_rescue"])), ("occurred_end", text("2026-03-01T12:00:00Z"))];
    world.record(name, "incident", &fields)
}

fn device(world: &mut World, name: &str) -> DeviceId {
    world.on(name, |phone, _| phone.status()).unwrap().device
}

fn severity(world: &mut World, name: &str, record: DocId) -> Option<Value> {
    world.shown(name, record, "severity")
}

/// Removes a phone on the admin's and lets everybody else know.
fn remove(world: &mut World, name: &str) {
    let device = device(world, name);
    world.on("admin", |phone, _| phone.remove_device(device)).unwrap();
    world.sync("admin");
    assert!(world.devices["admin"].phone.directory().removed_at(&device).is_some());
}

/// One request of a removed phone: what the relay refuses it with, after the phone took the proof.
fn call(world: &mut World, name: &str) -> (Code, bool) {
    let (body, token) = world.request(name);
    let refusal = world.relay.sync(&token, &body).unwrap_err();
    let Some(notice) = refusal.notice else { return (refusal.code, false) };
    let _: RemovalNotice = from_cbor(&notice).unwrap();
    (refusal.code, world.on(name, |phone, env| phone.take_removal(env, &notice)).unwrap())
}

fn sync_but(world: &mut World, gone: &str) {
    let names: Vec<String> = world.devices.keys().filter(|name| *name != gone).cloned().collect();
    for _ in 0..6 {
        for name in &names {
            world.sync(name);
        }
    }
}
