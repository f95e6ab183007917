//! A relay that lost something gets it back from the phones: after a restored backup, a file copied back, a wiped
//! folder, or a damaged row. Nothing that was acknowledged is lost, nothing that was decided is undone.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod audit;
mod damage;
mod deaths;
mod histories;
mod loss;
mod purge;
mod rights;

use std::collections::BTreeMap;

use sync_core::engine::DocumentHeads;
use sync_core::ids::DocId;
use sync_core::protocol::Code;
use sync_core::records::{PolicyProfile, Role, Value};
use tests::hostile::alarms;
use tests::{World, set, text};

/// A coordinator, two peers and their admin, settled.
fn county() -> World {
    let staff =
        [("amy", Role::PeerSupporter), ("bo", Role::FacilitatorMhp), ("cleo", Role::Coordinator)];
    World::staffed(11, PolicyProfile::neutral(), &staff)
}

fn incident(world: &mut World, name: &str, severity: i64) -> DocId {
    let fields = [
        ("type", set(&["disaster"])),
        ("occurred_end", text("2026-03-01T12:00:00Z")),
        ("severity", Value::Int(severity)),
    ];
    world.record(name, "incident", &fields)
}

fn contact(world: &mut World, name: &str) -> DocId {
    world.contact(name, 25)
}

fn heads(world: &mut World, name: &str) -> DocumentHeads {
    world.on(name, |phone, _| phone.heads()).unwrap()
}

fn pending(world: &mut World, name: &str) -> u64 {
    world.on(name, |phone, _| phone.status()).unwrap().pending
}

/// Number of rows in the relay's log by space and kind, from its own file.
fn rows(world: &World) -> BTreeMap<(Vec<u8>, u8), u64> {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).unwrap();
    let mut statement =
        database.prepare("SELECT space, kind, count(*) FROM items GROUP BY space, kind").unwrap();
    statement
        .query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get::<_, i64>(2)? as u64)))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// Every row of the relay's log: id and what was attested of it.
fn log(world: &World) -> BTreeMap<Vec<u8>, (u64, u32)> {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).unwrap();
    let mut statement =
        database.prepare("SELECT id, directory_seq, row_day FROM items WHERE code = ''").unwrap();
    statement
        .query_map([], |row| Ok((row.get(0)?, (row.get::<_, i64>(1)? as u64, row.get(2)?))))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}
