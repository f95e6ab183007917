//! Sealed spaces among real phones and a real relay: who reads them, from when on, with which key, and what happens
//! when a key does not fit.

mod readers;
mod rotation;
mod successors;
mod wraps;

use sync_core::ids::{DocId, SpaceId};
use sync_core::protocol::Code;
use sync_core::records::{PolicyProfile, Role};
use tests::{World, text};

/// The words of everybody's defusing.
const PHASE: &str = "defusing.exploration";

/// A team with three peers and a coordinator.
fn county() -> World {
    let peers = ["amy", "bo", "dee"].map(|name| (name, Role::PeerSupporter));
    let staff = [&peers[..], &[("cleo", Role::Coordinator)]].concat();
    World::staffed(7, PolicyProfile::neutral(), &staff)
}

/// An intervention with these leads, everybody synced.
fn led_by(world: &mut World, leads: &[&str]) -> DocId {
    led_by_but(world, leads, "")
}

/// As [`led_by`], without one phone, which the relay refuses.
fn led_by_but(world: &mut World, leads: &[&str], without: &str) -> DocId {
    let id = world.record("cleo", "intervention", &[("kind", text("defusing"))]);
    let leads: Vec<_> = leads.iter().map(|name| world.member(name)).collect();
    world.on("cleo", |phone, env| phone.assign(env, id, &leads)).expect("assigned");
    world.sync_all_but(without);
    id
}

/// The one sealed space of a record.
fn space_of(world: &mut World, name: &str, record: DocId) -> SpaceId {
    let spaces = world.on(name, |phone, _| phone.sealed_spaces(record)).expect("a record");
    assert_eq!(spaces.len(), 1);
    spaces[0]
}

fn alarms(world: &mut World, name: &str) -> Vec<(Code, String)> {
    let alarms = world.on(name, |phone, _| phone.alarms()).expect("alarms");
    alarms.into_iter().map(|alarm| (alarm.code, alarm.subject)).collect()
}
