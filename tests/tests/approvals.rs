//! Two admins, a real relay between their phones, and a guest whose time ends.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use sync_core::directory::Guest;
use sync_core::engine::{NewMember, ProposalView};
use sync_core::protocol::{Code, Day};
use sync_core::records::{PolicyProfile, Role, SpaceKind};
use sync_core::store::MemoryStore;
use tests::World;
use tests::hostile::{Rogue, directory};

fn waiting(world: &mut World, name: &str) -> Vec<ProposalView> {
    world.on(name, |phone, _| phone.approvals()).unwrap()
}

fn staff(name: &str) -> NewMember {
    let roles = vec![Role::PeerSupporter];
    NewMember { name: Some(name.into()), roles, ..NewMember::default() }
}

#[test]
fn a_staff_role_waits_at_the_relay_through_a_restart_until_the_second_admin_signs() {
    let mut world = World::with_two_admins(5, PolicyProfile::neutral());
    let amy = world.on("admin", |phone, env| phone.add_member(env, staff("amy"))).unwrap();
    world.sync("admin");
    world.restart_relay();
    world.wait_minutes(5 * 24 * 60);
    world.sync("second");
    assert!(directory(&world).member(&amy).is_none(), "nothing is in effect");
    let id = waiting(&mut world, "second")[0].id;
    world.on("second", |phone, env| phone.approve(env, id)).unwrap();
    world.sync_all();
    assert!(directory(&world).member(&amy).is_some());
    assert!(waiting(&mut world, "admin").is_empty() && waiting(&mut world, "second").is_empty());
    let names = world.on("second", |phone, _| phone.members()).unwrap();
    assert!(names.iter().any(|m| m.id == amy && m.name.as_deref() == Some("amy") && !m.waits));
    // Entered, it is kept no longer than the next word about changes that wait.
    world.on("admin", |phone, env| phone.add_member(env, staff("bo"))).unwrap();
    world.sync("admin");
    let kept: i64 = rusqlite::Connection::open(world.folder().join("relay.db"))
        .unwrap()
        .query_row("SELECT count(*) FROM cosigns", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 1);
    // Thirty days on, the relay has forgotten it.
    world.wait_minutes(30 * 24 * 60 + 1);
    world.sync("second");
    assert!(waiting(&mut world, "second").is_empty());
}

#[test]
fn only_the_phone_that_proposed_a_change_fills_the_relay_with_it_or_takes_it_back() {
    let mut world = World::new(6, PolicyProfile::neutral());
    let mut rogue = Rogue::enrol(&mut world, 3, &[], true);
    world.sync_all();
    world.on("admin", |phone, env| phone.add_member(env, staff("amy"))).unwrap();
    world.sync("admin");
    let ask = |world: &World, rogue: &mut Rogue, cosign, withdrawn| {
        let asked = rogue.ask(world, |request| {
            (request.cosign, request.withdrawn) = (cosign, withdrawn);
        });
        asked.unwrap().cosign.unwrap_or_default()
    };
    let shown = ask(&world, &mut rogue, None, None);
    assert_eq!(shown.len(), 1);
    let team = directory(&world).team();
    let taken_back = ask(&world, &mut rogue, None, Some(vec![shown[0].id(team)]));
    assert_eq!(taken_back, shown, "it is not the rogue's to take back");
    let mut other = shown[0].clone();
    other.nonce[0] ^= 1;
    let mut cut = shown[0].clone();
    cut.approvals.clear();
    let mut words = shown[0].clone();
    words.declined = words.approvals.clone();
    for forged in [other, cut, words] {
        assert_eq!(ask(&world, &mut rogue, Some(vec![forged]), None), shown, "kept as it was");
    }
    world.sync_all();
    assert!(waiting(&mut world, "admin")[0].declined.is_empty());
}

#[test]
fn from_the_day_after_their_last_a_guests_requests_are_refused_and_nothing_of_theirs_is_lost() {
    let mut world = World::new(7, PolicyProfile::neutral());
    let until = Day(world.now().day().0 + 1);
    let guest = Guest { until, spaces: vec![SpaceKind::Operations as u8] };
    let new = NewMember { guest: Some(guest.clone()), ..staff("gus") };
    let invitation = world.invite_new(new);
    world.let_in("gus", Box::new(MemoryStore::new()), &invitation);
    world.join("amy", &[Role::PeerSupporter]);
    let fields =
        [("type", tests::set(&["other"])), ("occurred_end", tests::text("2026-03-01T12:00:00Z"))];
    let early = world.record("gus", "incident", &fields);
    world.sync_all();
    assert!(world.shown("amy", early, "source").is_some());
    let late = world.record("gus", "incident", &fields);
    world.wait_minutes(2 * 24 * 60);
    assert_eq!(world.exchange("gus"), Err(Code::GuestEnded));
    let waits = world.on("gus", |phone, _| phone.status()).unwrap().pending;
    assert!(waits > 0, "what it could not send is kept");
    assert_eq!(world.shown("amy", late, "source"), None);
    assert!(world.shown("amy", early, "source").is_some(), "what was written in time stays");
}

#[test]
fn a_phone_whose_member_is_no_admin_any_more_syncs_on_when_what_it_proposed_is_entered() {
    let mut world = World::with_two_admins(8, PolicyProfile::neutral());
    let amy = world.on("admin", |phone, env| phone.add_member(env, staff("amy"))).unwrap();
    world.sync("admin");
    world.sync("second");
    let id = waiting(&mut world, "second")[0].id;
    let admin = world.member("admin");
    world.on("second", |phone, env| phone.approve(env, id)).unwrap();
    world.on("second", |phone, env| phone.set_roles(env, admin, &[], false)).unwrap();
    world.sync("second");
    world.sync("admin");
    let now = directory(&world);
    assert!(now.member(&amy).is_some() && now.member(&admin).is_some_and(|now| !now.admin));
    let alarms = world.on("admin", |phone, _| phone.alarms()).unwrap();
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!((alarms[0].code, &alarms[0].subject), (Code::NotAllowed, &amy.to_string()));
    assert!(waiting(&mut world, "admin").is_empty());
    assert_eq!(world.sync("admin"), (1, 0), "and it comes to rest");
}
