//! Letting phones in: by link, by a further phone's own member, by a typed code, by a printed batch, by a second scan
//! without any network; and a relay that would let in somebody else.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod batch;
mod classes;
mod deaths;
mod further;
mod hostile;
mod offline;
mod typed;

use sync_core::engine::{InviteState, InviteView};
use sync_core::ids::{DocId, MemberId};
use sync_core::protocol::Code;
use sync_core::records::{PolicyProfile, Role, Value};
use tests::hostile::alarms;
use tests::{World, set, text};

fn county() -> World {
    let mut world = World::new(11, PolicyProfile::neutral());
    world.join("amy", &[Role::PeerSupporter]);
    world.join("bo", &[Role::PeerSupporter]);
    world.sync_all();
    world
}

fn contact(world: &mut World, name: &str, minutes: i64) -> DocId {
    let fields = [
        ("started_at", text("2026-03-01T12:00:00Z")),
        ("duration_min", Value::Int(minutes)),
        ("mode", text("phone")),
        ("issues", set(&["grief"])),
    ];
    world.record(name, "peer_contact", &fields)
}

fn incident(world: &mut World, name: &str) -> DocId {
    let fields =
        [("type", set(&["failed_rescue"])), ("occurred_end", text("2026-03-01T12:00:00Z"))];
    world.record(name, "incident", &fields)
}

fn enter(world: &mut World, name: &str) -> MemberId {
    let new = sync_core::engine::NewMember {
        name: Some(name.into()),
        roles: Vec::new(),
        admin: false,
        unit: None,
        supervises: Vec::new(),
    };
    let member = world.on("admin", |phone, env| phone.add_member(env, new)).unwrap();
    world.sync("admin");
    member
}

fn invites(world: &mut World, name: &str) -> Vec<InviteView> {
    world.on(name, |phone, env| phone.invites(env)).unwrap()
}

/// The states of a member's invitations.
fn states(world: &mut World, name: &str, member: MemberId) -> Vec<InviteState> {
    let all = invites(world, name).into_iter();
    all.filter(|invite| invite.member == member).map(|invite| invite.state).collect()
}

/// Tries of the typed code made on a phone.
fn tries(world: &mut World, name: &str) -> usize {
    let all = invites(world, name).into_iter();
    all.filter(|invite| invite.typed).map(|invite| invite.tries).sum()
}

fn code_of<T: std::fmt::Debug>(result: Result<T, sync_core::engine::EngineError>) -> Code {
    result.unwrap_err().code()
}

fn unread(world: &mut World, name: &str, record: DocId) -> bool {
    let view = world.on(name, |phone, _| phone.show(record));
    view.map_or(true, |view| !view.unreadable.is_empty())
}

fn calm(world: &mut World, names: &[&str]) {
    for name in names {
        assert_eq!(alarms(world, name), [], "{name}");
        let drafts = world.on(name, |phone, _| phone.drafts()).unwrap();
        assert!(drafts.is_empty(), "{name}: {}", world.troubles());
    }
}
