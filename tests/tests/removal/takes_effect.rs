//! A removal is in force at the device's next request; nothing honest is lost by it.

use sync_core::engine::NewMember;
use sync_core::ids::SpaceId;
use sync_core::records::{Role, Value};
use tests::hostile::alarms;

use super::*;

#[test]
fn a_removed_device_is_refused_at_its_next_request_and_keeps_what_it_holds() {
    let mut world = county();
    let before = world.incident("bo");
    world.sync_all();
    let unsent = world.incident("bo");
    remove(&mut world, "bo");
    let member = world.member("bo");
    world.edit("amy", before, &[("severity", Value::Int(4))]);
    sync_but(&mut world, "bo");
    assert_eq!(call(&mut world, "bo"), (Code::DeviceRemoved, true));
    assert_eq!(alarms(&mut world, "bo"), [Code::DeviceRemoved]);
    let refused = world.on("bo", |phone, env| phone.add_reader(env, SpaceId::ZERO, member, true));
    assert_eq!(refused.unwrap_err().code(), Code::DeviceRemoved, "and what is asked of it says so");
    assert_eq!(severity(&mut world, "bo", before), None, "nothing is served any more");
    assert!(world.on("bo", |phone, _| phone.show(unsent)).is_ok(), "what was typed is kept");
    // It sends nothing any more, and its history is everybody's.
    let outbox = world.on("bo", |phone, _| phone.outbox()).unwrap().len();
    assert!(outbox > 0);
    let request = world.on("bo", |phone, env| phone.sync_request(env)).unwrap();
    assert!(request.push.is_empty());
    sync_but(&mut world, "bo");
    assert!(world.on("amy", |phone, _| phone.show(before)).is_ok());
    assert!(world.on("amy", |phone, _| phone.show(unsent)).is_err());
}

#[test]
fn a_relay_that_says_removed_without_the_entries_is_not_believed() {
    let mut world = county();
    let bo = world.device("bo");
    remove(&mut world, "bo");
    let (body, token) = world.request("bo");
    let refusal = world.relay.sync(&token, &body).unwrap_err();
    let mut notice: RemovalNotice = from_cbor(&refusal.notice.unwrap()).unwrap();
    notice.entries.pop();
    let short = sync_core::protocol::to_cbor(&notice);
    let taken = world.on("bo", |phone, env| phone.take_removal(env, &short)).unwrap();
    assert_eq!(taken, Removal::Unproven);
    assert_eq!(alarms(&mut world, "bo"), []);
    assert!(world.on("bo", |phone, _| phone.directory().removed_at(&bo).is_none()));
}

#[test]
fn what_a_removed_device_still_pushes_is_kept_apart_until_an_admin_releases_it() {
    let mut world = county();
    let late = world.incident("bo");
    remove(&mut world, "bo");
    assert_eq!(call(&mut world, "bo"), (Code::DeviceRemoved, true));
    world.sync("admin");
    let aside = world.on("admin", |phone, _| phone.quarantined()).unwrap();
    assert!(!aside.is_empty());
    sync_but(&mut world, "bo");
    assert!(world.on("amy", |phone, _| phone.show(late)).is_err());
    let ids: Vec<_> = aside.iter().map(|item| item.id).collect();
    world.on("admin", |phone, _| phone.release(&ids)).unwrap();
    sync_but(&mut world, "bo");
    assert!(world.on("amy", |phone, _| phone.show(late)).is_ok(), "{}", world.troubles());
    assert!(world.on("admin", |phone, _| phone.quarantined()).unwrap().is_empty());
    // A phone let in afterwards reads it, too.
    world.join("dan", &[Role::PeerSupporter]);
    sync_but(&mut world, "bo");
    assert!(world.on("dan", |phone, _| phone.show(late)).is_ok());
    assert_eq!(alarms(&mut world, "dan"), []);
}

#[test]
fn a_removal_that_was_overtaken_names_what_was_accepted_meanwhile() {
    let mut world = county();
    let bo = world.device("bo");
    world.on("admin", |phone, _| phone.remove_device(bo)).unwrap();
    // The admin's phone learns the numbers; then the device writes once more before the entry arrives.
    world.exchange("admin").unwrap();
    let between = world.incident("bo");
    world.sync("bo");
    let directory = world.devices["admin"].phone.directory().len();
    world.exchange("admin").unwrap();
    assert_eq!(world.devices["admin"].phone.directory().len(), directory, "not with those numbers");
    world.sync("admin");
    assert!(world.devices["admin"].phone.directory().removed_at(&bo).is_some());
    sync_but(&mut world, "bo");
    assert!(world.on("amy", |phone, _| phone.show(between)).is_ok());
    assert_eq!(alarms(&mut world, "amy"), []);
}

#[test]
fn a_removal_made_without_a_signal_is_in_force_at_the_admins_next_sync() {
    let mut world = county();
    let bo = world.member("bo");
    world.on("admin", |phone, _| phone.remove_member(bo)).unwrap();
    world.sync("bo");
    world.sync("admin");
    assert_eq!(call(&mut world, "bo"), (Code::DeviceRemoved, true));
    let members = world.on("admin", |phone, _| phone.members()).unwrap();
    assert!(members.iter().all(|member| member.id != bo));
}

#[test]
fn narrowed_roles_bind_the_next_item_and_not_what_was_accepted_before() {
    let mut world = county();
    let before = world.incident("bo");
    world.sync_all();
    let unsent = world.incident("bo");
    let bo = world.member("bo");
    world.on("admin", |phone, env| phone.set_roles(env, bo, &[], false)).unwrap();
    world.sync("admin");
    world.sync_all();
    for name in ["amy", "cleo"] {
        assert!(world.on(name, |phone, _| phone.show(before)).is_ok(), "it was accepted before");
        assert!(world.on(name, |phone, _| phone.show(unsent)).is_err());
    }
    let drafts = world.on("bo", |phone, _| phone.drafts()).unwrap();
    assert!(drafts.iter().any(|draft| draft.code == Code::NotAllowed && draft.own), "{drafts:?}");
    // A phone let in afterwards judges the same.
    world.join("dan", &[Role::PeerSupporter]);
    assert!(world.on("dan", |phone, _| phone.show(before)).is_ok());
    assert_eq!(alarms(&mut world, "dan"), []);
}

#[test]
fn an_admin_among_three_is_removed_by_the_other_two_whatever_they_write_meanwhile() {
    let mut world = World::with_two_admins(33, PolicyProfile::neutral());
    let new = NewMember {
        name: Some("third".into()),
        roles: vec![Role::PeerSupporter],
        admin: true,
        ..NewMember::default()
    };
    let approve = |world: &mut World| {
        world.sync("second");
        let waiting = world.on("second", |phone, _| phone.approvals()).unwrap();
        world.on("second", |phone, env| phone.approve(env, waiting[0].id)).unwrap();
    };
    let invitation = world.invite_new(new);
    approve(&mut world);
    world.sync("second");
    world.let_in("third", Box::new(sync_core::store::MemoryStore::new()), &invitation);
    world.sync_all();
    let third = invitation.member;
    let before = world.incident("third");
    world.sync_all();
    world.on("admin", |phone, _| phone.remove_member(third)).unwrap();
    world.sync("admin");
    assert!(
        tests::hostile::directory(&world).member(&third).is_some(),
        "one signature is not enough"
    );
    approve(&mut world);
    // Two more saves: after the approval, and after the relay told how far the phone had come.
    let between = world.incident("third");
    world.sync("third");
    world.exchange("second").unwrap();
    let last = world.incident("third");
    world.sync("third");
    world.sync("second");
    world.sync("admin");
    assert!(tests::hostile::directory(&world).member(&third).is_none(), "removed");
    assert_eq!(call(&mut world, "third").0, Code::DeviceRemoved);
    // Who comes later judges it as those who were there.
    let staff = NewMember {
        name: Some("amy".into()),
        roles: vec![Role::PeerSupporter],
        ..NewMember::default()
    };
    let invitation = world.invite_new(staff);
    approve(&mut world);
    world.sync("second");
    world.let_in("amy", Box::new(sync_core::store::MemoryStore::new()), &invitation);
    for record in [before, between, last] {
        assert!(world.on("amy", |phone, _| phone.show(record)).is_ok(), "{record}");
    }
    assert_eq!(alarms(&mut world, "amy"), []);
}

/// Everything the relay has of the directory, as a removed device is told it, and as `change` would have it.
fn notice(world: &World, change: impl Fn(&mut sync_core::protocol::Envelope)) -> Vec<u8> {
    let mut batch = sync_core::protocol::Batch::new();
    let mut entries = Vec::new();
    for mut entry in tests::hostile::directory_entries(world) {
        change(&mut entry);
        entries.push(batch.pack(&entry));
    }
    sync_core::protocol::to_cbor(&RemovalNotice { batch, entries, heard: None, wiped: None })
}

#[test]
fn a_notice_that_shows_no_removal_keeps_nothing_from_being_told_later() {
    let mut world = county();
    world.join_further("amy2", "amy");
    world.sync("amy");
    world.join_further("amy3", "amy2");
    let before = world.devices["amy"].phone.directory().len();
    let told = notice(&world, |_| {});
    let taken = world.on("amy", |phone, env| phone.take_removal(env, &told)).unwrap();
    assert_eq!(taken, Removal::Unproven);
    assert_eq!(world.devices["amy"].phone.directory().len(), before, "nothing of it is taken");
    world.sync("amy");
    assert_eq!(alarms(&mut world, "amy"), [Code::DeviceAdded]);
}

#[test]
fn the_proof_of_a_removal_tells_what_else_it_brings() {
    let mut world = county();
    world.join_further("amy2", "amy");
    world.sync("amy");
    world.join_further("amy3", "amy2");
    remove(&mut world, "amy");
    assert_eq!(call(&mut world, "amy"), (Code::DeviceRemoved, true));
    assert_eq!(alarms(&mut world, "amy"), [Code::DeviceAdded, Code::DeviceRemoved]);
}

#[test]
fn a_notice_with_another_directory_raises_the_alarm_and_is_not_taken() {
    let mut world = county();
    let before = world.devices["amy"].phone.directory().head();
    let told = notice(&world, |entry| entry.header.actor_no ^= 1);
    let refused = world.on("amy", |phone, env| phone.take_removal(env, &told));
    assert_eq!(refused.unwrap_err().code(), Code::DirectoryFork);
    assert_eq!(alarms(&mut world, "amy"), [Code::DirectoryFork]);
    assert_eq!(world.devices["amy"].phone.directory().head(), before);
}
