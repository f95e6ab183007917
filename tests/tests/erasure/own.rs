//! What a member keeps for themself and has erased: whatever the backup switch says, and in a space that gives way.

use super::*;

/// A peer with two phones that share their own space, and a check-in that the relay keeps.
fn backed_up() -> (World, DocId) {
    let mut world = county();
    world.join_further("amy2", "amy");
    for name in ["amy", "amy2"] {
        world.on(name, |phone, _| phone.set_backup(true)).unwrap();
    }
    let id = check_in(&mut world, "amy", "injured");
    world.sync_all();
    assert_eq!(world.shown("amy2", id, "zone"), Some(text("injured")));
    assert!(world.on_the_relay(id).0 > 0, "the relay keeps it");
    (world, id)
}

fn check_in(world: &mut World, name: &str, zone: &str) -> DocId {
    world.record(name, "check_in", &[("zone", text(zone)), ("text", text("mine alone"))])
}

fn is_gone_for_good(world: &mut World, id: DocId) {
    for name in ["amy", "amy2"] {
        assert!(is_absent(world, name, id), "{name}");
        assert_eq!(world.on(name, |phone, _| phone.receipts()).unwrap().len(), 1, "{name}");
        assert_eq!(world.on(name, |phone, _| phone.outbox()).unwrap().len(), 0, "{name}");
    }
    assert_eq!(world.on_the_relay(id), (0, true));
    all_quiet_but_admin(world);
}

#[test]
fn a_backed_up_check_in_is_erased_everywhere_with_the_backup_off() {
    let (mut world, id) = backed_up();
    world.on("amy", |phone, _| phone.set_backup(false)).unwrap();
    // What was written since stays here, and goes with the rest.
    world.edit("amy", id, &[("zone", text("ill"))]);
    world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
    assert!(is_absent(&mut world, "amy", id), "at once");
    world.sync_all();
    is_gone_for_good(&mut world, id);
}

#[test]
fn turning_the_backup_off_holds_no_order_back() {
    let (mut world, id) = backed_up();
    let unsent = check_in(&mut world, "amy", "ill");
    world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
    world.on("amy", |phone, env| phone.purge(env, unsent)).unwrap();
    world.on("amy", |phone, _| phone.set_backup(false)).unwrap();
    let receipts = world.on("amy", |phone, _| phone.receipts()).unwrap();
    let told: Vec<DocId> = receipts.iter().map(|receipt| receipt.doc).collect();
    assert_eq!(told, [unsent], "what only the phone had is erased at once");
    world.sync_all();
    for name in ["amy", "amy2"] {
        assert!(is_absent(&mut world, name, id), "{name}");
    }
    assert_eq!(world.on_the_relay(id), (0, true));
    assert_eq!(world.on_the_relay(unsent), (0, false), "the relay never hears of it");
    all_quiet_but_admin(&mut world);
}

#[test]
fn a_check_in_that_arrived_without_a_word_is_erased_once_the_relay_turns_out_to_have_it() {
    let (mut world, first) = backed_up();
    let id = check_in(&mut world, "amy", "ill");
    // The request arrives, its answer does not; then the member changes their mind.
    let (body, token) = world.request("amy");
    world.relay.sync(&token, &body).unwrap();
    world.on("amy", |phone, _| phone.set_backup(false)).unwrap();
    let here = check_in(&mut world, "amy", "ready");
    for gone in [id, here] {
        world.on("amy", |phone, env| phone.purge(env, gone)).unwrap();
        assert!(is_absent(&mut world, "amy", gone));
    }
    world.sync_all();
    is_gone_for_good_but_for(&mut world, id, here);
    assert_eq!(world.shown("amy2", first, "zone"), Some(text("injured")), "nothing else is");
}

fn is_gone_for_good_but_for(world: &mut World, id: DocId, here: DocId) {
    for name in ["amy", "amy2"] {
        assert!(is_absent(world, name, id), "{name}");
    }
    assert_eq!(world.on_the_relay(id), (0, true));
    assert_eq!(world.on_the_relay(here), (0, false), "the relay never hears of it");
    all_quiet_but_admin(world);
}

#[test]
fn what_was_erased_in_a_space_that_gives_way_to_another_does_not_move_along() {
    // Both phones make the member's spaces offline; those of the second one give way.
    for synced_before in [false, true] {
        let mut world = county();
        world.join_further("amy2", "amy");
        world.sync_all();
        let before = documents(&mut world, "amy");
        let kept = contact(&mut world, "amy", "one");
        let gone = contact(&mut world, "amy2", "two");
        let stays = contact(&mut world, "amy2", "three");
        world.sync("amy");
        if synced_before {
            world.exchange("amy2").unwrap();
        }
        world.on("amy2", |phone, env| phone.purge(env, gone)).unwrap();
        world.sync_all();
        world.sync_all();
        for name in ["amy", "amy2"] {
            assert!(is_absent(&mut world, name, gone), "{name} {synced_before}");
            let listed = world.on(name, |phone, _| phone.list(Some("peer_contact"), None, 9));
            let listed: Vec<DocId> = listed.unwrap().iter().map(|view| view.id).collect();
            assert!(listed.contains(&kept) && listed.contains(&stays), "{name}");
            assert_eq!(listed.len(), 2, "{name} {synced_before}: {listed:?}");
            let mut said = Vec::new();
            for id in listed {
                said.extend(world.shown(name, id, "text"));
            }
            assert_eq!(said.len(), 2, "{name} {synced_before}: {said:?}");
        }
        // Nor does a copy of it stand anywhere as a part of no record.
        let new = &documents(&mut world, "amy") - &before;
        assert_eq!(new.len(), 6, "two contacts of three parts {synced_before}");
        assert_eq!(world.on("amy2", |phone, _| phone.outbox()).unwrap().len(), 0);
        all_quiet_but_admin(&mut world);
    }
}
