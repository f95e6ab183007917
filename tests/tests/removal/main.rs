//! Removed devices and members, and rights in force: what they wrote stays, what comes after is kept apart, nothing is
//! served to them, and nothing is sealed for them any more.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod rotation;
mod rule;
mod takes_effect;
mod wipe;

use sync_core::engine::Removal;
use sync_core::ids::DocId;
use sync_core::protocol::{Code, RemovalNotice, from_cbor};
use sync_core::records::{PolicyProfile, Role, Value};
use tests::{World, text};

fn county() -> World {
    let staff = ["amy", "bo", "cleo"].map(|name| (name, Role::PeerSupporter));
    World::staffed(31, PolicyProfile::neutral(), &staff)
}

fn severity(world: &mut World, name: &str, record: DocId) -> Option<Value> {
    world.shown(name, record, "severity")
}

/// Removes a phone on the admin's and lets everybody else know.
fn remove(world: &mut World, name: &str) {
    let device = world.device(name);
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
    let removal = world.on(name, |phone, env| phone.take_removal(env, &notice)).unwrap();
    (refusal.code, removal == Removal::Removed)
}

fn sync_but(world: &mut World, gone: &str) {
    let names: Vec<String> = world.devices.keys().filter(|name| *name != gone).cloned().collect();
    for _ in 0..6 {
        for name in &names {
            world.sync(name);
        }
    }
}
