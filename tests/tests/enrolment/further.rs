//! A member's second device: who may let it in, what it reads, and two devices of one member at work at once.

use super::*;

#[test]
fn second_device_is_let_in_by_the_members_own_phone_and_reads_the_past() {
    let mut world = county();
    let before = world.contact("amy", 25);
    world.on("amy", |phone, _| phone.set_backup(true)).unwrap();
    let check_in = world.record("amy", "check_in", &[("zone", text("reacting"))]);
    let shown = world.record("bo", "check_in", &[("zone", text("injured"))]);
    let amy = world.member("amy");
    let copy = world.on("bo", |phone, env| phone.share(env, shown, &[amy], false)).unwrap();
    let session = world.record("bo", "intervention", &[("kind", text("defusing"))]);
    let bo = world.member("bo");
    world.on("bo", |phone, env| phone.assign(env, session, &[amy, bo])).unwrap();
    world.write("bo", session, "exploration", 0, "typed before");
    world.sync_all();

    world.join_further("amy2", "amy");
    assert_eq!(world.shown("amy2", before, "issues"), None, "nobody has wrapped a key for it yet");
    world.sync_all();
    assert_eq!(world.shown("amy2", before, "issues"), Some(set(&["grief"])));
    assert_eq!(world.shown("amy2", check_in, "zone"), Some(text("reacting")));
    assert_eq!(world.shown("amy2", copy, "zone"), Some(text("injured")));
    assert_eq!(world.phase("amy2", session, "defusing.exploration"), "typed before");
    assert_eq!(world.devices_of("bo", amy), 2);
    calm(&mut world, &["amy", "amy2", "bo"]);
}

#[test]
fn second_device_is_shown_to_admins_until_somebody_has_checked_it() {
    let mut world = county();
    world.join_further("amy2", "amy");
    world.sync_all();
    let device = world.device("amy2");
    assert_eq!(alarms(&mut world, "admin"), [Code::DeviceAdded]);
    let view = world.device_view("admin", device).unwrap();
    assert!(view.further && !view.checked);
    assert_eq!(alarms(&mut world, "bo"), [], "no business of other members");
    world.on("admin", |phone, _| phone.mark_checked(device)).unwrap();
    assert_eq!(alarms(&mut world, "admin"), []);
    let view = world.device_view("admin", device).unwrap();
    assert!(view.further && view.checked);
    let first = world.device("amy");
    assert!(!world.device_view("admin", first).unwrap().further);
}

#[test]
fn second_device_is_told_to_the_members_other_phones() {
    let mut world = county();
    world.join_further("amy2", "amy");
    world.sync_all();
    // A thief at amy's second phone lets in a third.
    world.join_further("amy3", "amy2");
    world.sync_all();
    assert_eq!(alarms(&mut world, "amy"), [Code::DeviceAdded]);
    assert_eq!(alarms(&mut world, "amy2"), [], "it knows what it did");
}

#[test]
fn second_device_of_somebody_else_is_not_an_admins_to_let_in() {
    let mut world = county();
    let (amy, bo) = (world.member("amy"), world.member("bo"));
    let refused = world.on("admin", |phone, env| phone.invite(env, amy));
    assert_eq!(code_of(refused), Code::FurtherDevice);
    let refused = world.on("admin", |phone, env| phone.invite_by_code(env, amy));
    assert_eq!(code_of(refused), Code::FurtherDevice);
    let refused = world.on("admin", |phone, env| phone.invite_batch(env, &[amy]));
    assert_eq!(code_of(refused), Code::FurtherDevice);
    let refused = world.on("amy", |phone, env| phone.invite(env, bo));
    assert_eq!(code_of(refused), Code::NotAllowed);
    assert!(invites(&mut world, "amy").is_empty() && invites(&mut world, "admin").len() == 2);
}

#[test]
fn second_device_of_an_admin_needs_no_other_admin() {
    let mut world = county();
    let invitation = world.invite_own("admin");
    world.begin_as("admin2", &invitation, sync_core::records::DeviceClass::Native);
    assert_eq!(world.step_in("admin2"), Ok(false));
    world.sync("admin");
    assert_eq!(world.step_in("admin2"), Ok(true));
    world.sync_all();
    assert_eq!(world.devices_of("bo", world.member("admin")), 2);
    calm(&mut world, &["admin", "admin2"]);
    // It is an admin's phone like the first.
    let eli = enter(&mut world, "eli");
    world.sync_all();
    world.on("admin2", |phone, env| phone.invite(env, eli)).unwrap();
}

#[test]
fn second_device_and_first_write_one_record_offline_and_both_converge() {
    let mut world = county();
    let id = world.contact("amy", 25);
    let fire = world.incident("amy");
    world.join_further("amy2", "amy");
    world.sync_all();
    // Neither hears of the other's edits before both have made theirs.
    world.edit("amy", id, &[("issues", set(&["grief", "finances"]))]);
    world.edit("amy2", id, &[("issues", set(&["grief", "spiritual"]))]);
    world.edit("amy", fire, &[("severity", Value::Int(2))]);
    world.edit("amy2", fire, &[("severity", Value::Int(4))]);
    let here = world.contact("amy", 10);
    let there = world.contact("amy2", 50);
    world.sync_all();
    for name in ["amy", "amy2"] {
        let issues = world.shown(name, id, "issues");
        assert_eq!(issues, Some(set(&["finances", "grief", "spiritual"])), "{name}");
        assert_eq!(world.conflict(name, fire, "severity").len(), 2, "{name}");
        for contact in [here, there] {
            assert!(!unread(&mut world, name, contact), "{name}: {}", world.troubles());
        }
    }
    world.edit("amy2", fire, &[("severity", Value::Int(4))]);
    world.sync_all();
    assert!(world.conflict("bo", fire, "severity").is_empty());
    let heads = |world: &mut World, name: &str| world.on(name, |phone, _| phone.heads()).unwrap();
    assert_eq!(heads(&mut world, "amy"), heads(&mut world, "amy2"));
    calm(&mut world, &["amy", "amy2", "bo"]);
}

#[test]
fn second_device_and_first_that_both_made_the_members_spaces_keep_what_both_recorded() {
    let mut world = county();
    world.join_further("amy2", "amy");
    // Neither phone has a care or personal space yet; each makes its own, out of the other's sight.
    for name in ["amy", "amy2"] {
        world.on(name, |phone, _| phone.set_backup(true)).unwrap();
    }
    let one = world.contact("amy", 25);
    let two = world.contact("amy2", 50);
    world.record("amy2", "check_in", &[("zone", text("ready"))]);
    world.record("amy", "check_in", &[("zone", text("ill"))]);
    world.sync_all();
    for name in ["amy", "amy2"] {
        let contacts = world.on(name, |phone, _| phone.list(Some("peer_contact"), None, 9));
        assert_eq!(contacts.unwrap().len(), 2, "{name}");
        for id in [one, two] {
            assert_eq!(world.shown(name, id, "issues"), Some(set(&["grief"])), "{name}");
        }
        let zones = world.on(name, |phone, _| phone.list(Some("check_in"), None, 9)).unwrap();
        let zones: Vec<_> = zones.iter().map(|view| view.fields["zone"].value.clone()).collect();
        assert_eq!(zones.len(), 2, "{name}: {zones:?} {}", world.troubles());
        assert!(zones.contains(&text("ready")) && zones.contains(&text("ill")), "{name}");
    }
    let heads = |world: &mut World, name: &str| world.on(name, |phone, _| phone.heads()).unwrap();
    let (here, there) = (heads(&mut world, "amy"), heads(&mut world, "amy2"));
    let shared = here.iter().filter(|(place, _)| there.contains_key(place));
    assert!(shared.clone().count() >= 6 && shared.into_iter().all(|(p, h)| there[p] == *h));
    calm(&mut world, &["amy", "amy2"]);
}

#[test]
fn second_device_waits_for_an_admin_and_says_it_cannot_record_meanwhile() {
    let mut world = county();
    let invitation = world.invite_own("amy");
    world.begin_as("amy2", &invitation, sync_core::records::DeviceClass::Native);
    assert_eq!(world.step_in("amy2"), Ok(false));
    world.sync("amy");
    assert_eq!(world.step_in("amy2"), Ok(false), "vouched for, not listed");
    let fields = tests::form(&[("zone", text("ready"))]);
    let refused = world.on("amy2", |phone, env| phone.record(env, "check_in", &fields));
    assert_eq!(code_of(refused), Code::NotLetIn);
    let amy = world.member("amy");
    assert_eq!(states(&mut world, "amy", amy), [InviteState::Claimed]);
    world.wait_minutes(60 * 24 * 2);
    world.sync("admin");
    assert_eq!(world.step_in("amy2"), Ok(true));
}

#[test]
fn second_device_seconded_by_two_admins_at_once_is_listed_once() {
    let mut world = county();
    let invitation = world.invite_own("admin");
    world.begin_as("admin2", &invitation, sync_core::records::DeviceClass::Native);
    assert_eq!(world.step_in("admin2"), Ok(false));
    world.sync("admin");
    assert_eq!(world.step_in("admin2"), Ok(true));
    world.sync_all();
    let invitation = world.invite_own("amy");
    world.begin_as("amy2", &invitation, sync_core::records::DeviceClass::Native);
    assert_eq!(world.step_in("amy2"), Ok(false));
    world.sync("amy");
    // Both hear of it before either has pushed its entry.
    world.exchange("admin").unwrap();
    world.exchange("admin2").unwrap();
    let pending =
        |world: &mut World, name: &str| world.on(name, |phone, _| phone.status()).unwrap().pending;
    assert_eq!((pending(&mut world, "admin"), pending(&mut world, "admin2")), (1, 1));
    world.sync_all();
    assert_eq!((pending(&mut world, "admin"), pending(&mut world, "admin2")), (0, 0));
    assert_eq!(world.step_in("amy2"), Ok(true));
    assert_eq!(world.devices_of("bo", world.member("amy")), 2);
    for name in ["admin", "admin2"] {
        assert_eq!(alarms(&mut world, name), [Code::DeviceAdded], "{name}");
    }
}

fn zones(world: &mut World, name: &str) -> Vec<Value> {
    let all = world.on(name, |phone, _| phone.list(Some("check_in"), None, 9)).unwrap();
    let mut zones: Vec<Value> = all.iter().map(|view| view.fields["zone"].value.clone()).collect();
    zones.sort_by_key(|zone| format!("{zone:?}"));
    zones
}

#[test]
fn second_device_keeps_its_own_check_ins_to_itself_until_its_backup_is_turned_on() {
    let mut world = county();
    world.join_further("amy2", "amy");
    world.record("amy", "check_in", &[("zone", text("ready"))]);
    world.record("amy2", "check_in", &[("zone", text("ill"))]);
    world.sync_all();
    assert_eq!(zones(&mut world, "amy"), [text("ready")]);
    assert_eq!(zones(&mut world, "amy2"), [text("ill")]);
    // The first phone's backup reaches the second; what the second recorded still stays there.
    world.on("amy", |phone, _| phone.set_backup(true)).unwrap();
    world.sync_all();
    assert_eq!(zones(&mut world, "amy"), [text("ready")]);
    assert_eq!(zones(&mut world, "amy2"), [text("ill"), text("ready")]);
    world.record("amy2", "check_in", &[("zone", text("injured"))]);
    world.sync_all();
    assert_eq!(zones(&mut world, "amy"), [text("ready")]);
    world.on("amy2", |phone, _| phone.set_backup(true)).unwrap();
    world.sync_all();
    let all = [text("ill"), text("injured"), text("ready")];
    assert_eq!(zones(&mut world, "amy2"), all, "{}", world.troubles());
    assert_eq!(zones(&mut world, "amy"), all, "{}", world.troubles());
    calm(&mut world, &["amy", "amy2"]);
}

#[test]
fn second_device_and_first_tend_one_caseload() {
    let mut world = county();
    world.join_further("amy2", "amy");
    world.sync_all();
    let amy = world.member("amy").to_string();
    let task = world.record(
        "amy",
        "follow_up_task",
        &[
            ("assignee", text(&amy)),
            ("kind", text("call")),
            ("due_at", text("2026-03-02T12:00:00Z")),
        ],
    );
    world.sync_all();
    assert!(world.shown("amy2", task, "due_at").is_some(), "{}", world.troubles());
    world.edit("amy", task, &[("priority", Value::Int(3))]);
    world.edit("amy2", task, &[("state", text("done"))]);
    world.edit("amy2", task, &[("due_at", text("2026-03-03T12:00:00Z"))]);
    world.sync_all();
    for name in ["amy", "amy2"] {
        assert_eq!(world.shown(name, task, "state"), Some(text("done")), "{name}");
        assert_eq!(world.shown(name, task, "priority"), Some(Value::Int(3)), "{name}");
    }
    assert_eq!(world.shown("amy", task, "due_at"), world.shown("amy2", task, "due_at"));
    calm(&mut world, &["amy", "amy2"]);
}

#[test]
fn a_member_whose_only_phone_was_removed_is_entered_anew_and_no_invitation_is_made_in_vain() {
    let mut world = county();
    let (bo, device) = (world.member("bo"), world.device("bo"));
    world.on("admin", |phone, _| phone.remove_device(device)).unwrap();
    world.sync("admin");
    drop(world.devices.remove("bo"));
    let refused = world.on("admin", |phone, env| phone.invite(env, bo));
    assert_eq!(code_of(refused), Code::NoDeviceLeft);
    let refused = world.on("admin", |phone, env| phone.invite_by_code(env, bo));
    assert_eq!(code_of(refused), Code::NoDeviceLeft);
    let refused = world.on("admin", |phone, env| phone.invite_batch(env, &[bo]));
    assert_eq!(code_of(refused), Code::NoDeviceLeft);
    // What the advice says.
    world.on("admin", |phone, _| phone.remove_member(bo)).unwrap();
    world.sync("admin");
    world.join("bo", &[Role::PeerSupporter]);
    world.sync_all();
    calm(&mut world, &["admin", "amy", "bo"]);
}
