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

use sync_core::engine::{InviteState, InviteView, NewMember};
use sync_core::ids::{DocId, MemberId};
use sync_core::protocol::Code;
use sync_core::records::{PolicyProfile, Role, Value};
use tests::hostile::alarms;
use tests::{World, set, text};

fn county() -> World {
    let staff = ["amy", "bo"].map(|name| (name, Role::PeerSupporter));
    World::staffed(11, PolicyProfile::neutral(), &staff)
}

fn enter(world: &mut World, name: &str) -> MemberId {
    let new = NewMember { name: Some(name.into()), ..NewMember::default() };
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
