//! Phones and a relay together: what each person's phone shows after everybody has synced.

use std::collections::BTreeSet;

use sync_core::protocol::Code;
use sync_core::records::{PolicyProfile, Role, SpaceKind, Value};
use tests::{World, set, text};

fn county() -> World {
    let staff =
        [("amy", Role::PeerSupporter), ("bo", Role::FacilitatorMhp), ("cleo", Role::Coordinator)];
    World::staffed(1, PolicyProfile::neutral(), &staff)
}

#[test]
fn staff_see_each_others_incidents_and_both_values_of_a_conflict_until_one_step_resolves_it() {
    let mut world = county();
    let id = world.incident("amy");
    world.sync_all();
    world.edit("amy", id, &[("severity", Value::Int(3))]);
    world.edit("bo", id, &[("severity", Value::Int(4))]);
    world.edit("amy", id, &[("disciplines", set(&["fire"]))]);
    world.edit("bo", id, &[("disciplines", set(&["ems"]))]);
    world.sync_all();
    for name in ["amy", "bo", "cleo"] {
        let values = world.conflict(name, id, "severity");
        assert_eq!(values.len(), 2, "{name}");
        assert!(values.contains(&Value::Int(3)) && values.contains(&Value::Int(4)), "{name}");
        assert_eq!(world.shown(name, id, "disciplines"), Some(set(&["ems", "fire"])), "{name}");
    }
    let shown = world.shown("cleo", id, "severity").unwrap();
    world.edit("cleo", id, &[("severity", shown.clone())]);
    world.sync_all();
    for name in ["amy", "bo", "cleo"] {
        assert!(world.conflict(name, id, "severity").is_empty(), "{name} {}", world.troubles());
        assert_eq!(world.shown(name, id, "severity"), Some(shown.clone()), "{name}");
    }
}

#[test]
fn two_leads_type_one_note_at_once_and_nobody_elses_phone_holds_a_word_of_it() {
    let mut world = county();
    world.join("dee", &[Role::PeerSupporter]);
    let id = world.record("cleo", "intervention", &[("kind", text("defusing"))]);
    let leads = [world.member("amy"), world.member("bo")];
    world.on("cleo", |phone, env| phone.assign(env, id, &leads)).unwrap();
    world.sync_all();
    world.write("amy", id, "exploration", 0, "amy typed 🚒 this. ");
    world.write("bo", id, "exploration", 0, "bo typed that. ");
    world.write("bo", id, "information", 0, "handouts given");
    world.sync_all();
    let both = world.phase("amy", id, "defusing.exploration");
    assert_eq!(world.phase("bo", id, "defusing.exploration"), both);
    assert!(both.contains("amy typed 🚒 this. ") && both.contains("bo typed that. "), "{both}");
    assert_eq!(world.phase("amy", id, "defusing.information"), "handouts given");
    for stranger in ["cleo", "dee", "admin"] {
        let words = world.phase(stranger, id, "defusing.exploration");
        assert!(words.is_empty(), "{stranger}");
    }
    assert!(world.on("dee", |phone, _| phone.notes(id)).unwrap().is_empty());
    // The note goes on under a key that the assigner never held.
    let rotated = world.on("amy", |phone, _| phone.session_epochs(id)).unwrap();
    assert!(rotated.iter().all(|epochs| *epochs >= 2), "{rotated:?}");
}

#[test]
fn a_lead_who_is_added_later_reads_the_note_from_its_beginning() {
    let mut world = county();
    world.join("dee", &[Role::Chaplain]);
    let id = world.record("amy", "intervention", &[("kind", text("defusing"))]);
    let (amy, dee) = (world.member("amy"), world.member("dee"));
    world.on("amy", |phone, env| phone.assign(env, id, &[amy])).unwrap();
    world.write("amy", id, "introduction", 0, "we began");
    world.sync_all();
    assert_eq!(world.phase("dee", id, "defusing.introduction"), "");
    world.on("amy", |phone, env| phone.assign(env, id, &[dee])).unwrap();
    world.sync_all();
    assert_eq!(world.phase("dee", id, "defusing.introduction"), "we began");
    world.write("dee", id, "introduction", 8, ", dee joined");
    world.sync_all();
    assert_eq!(
        world.phase("amy", id, "defusing.introduction"),
        "we began, dee joined",
        "{}",
        world.troubles()
    );
}

#[test]
fn a_check_in_stays_private_until_a_copy_is_shown_to_one_peer() {
    let mut world = county();
    world.join("eli", &[Role::Responder]);
    let fields = [("zone", text("injured")), ("text", text("cannot sleep"))];
    let own = world.record("eli", "check_in", &fields);
    world.sync_all();
    assert_eq!(world.shown("amy", own, "zone"), None);
    let sealed_spaces = |world: &World| {
        let database = rusqlite::Connection::open(world.folder().join("relay.db")).unwrap();
        let kinds = "SELECT COUNT(*) FROM spaces WHERE kind = ?1";
        database.query_row(kinds, [SpaceKind::Personal as u8], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(sealed_spaces(&world), 0, "not even the relay knows that there is one");
    let amy = world.member("amy");
    let copy = world.on("eli", |phone, env| phone.share(env, own, &[amy], false)).unwrap();
    let whole = world.on("eli", |phone, env| phone.share(env, own, &[amy], true)).unwrap();
    world.sync_all();
    assert_eq!(world.shown("amy", copy, "zone"), Some(text("injured")), "{}", world.troubles());
    assert_eq!(world.shown("amy", copy, "text"), None);
    assert_eq!(world.shown("amy", whole, "text"), Some(text("cannot sleep")));
    for name in ["bo", "cleo", "admin"] {
        assert_eq!(world.shown(name, whole, "zone"), None, "{name}");
    }
    world.on("eli", |phone, _| phone.set_backup(true)).unwrap();
    world.sync_all();
    assert_eq!(sealed_spaces(&world), 1);
    assert!(world.on("eli", |phone, _| phone.show(own)).unwrap().stored);
    assert_eq!(world.shown("amy", own, "zone"), None, "a backup is nobody else's");
}

#[test]
fn a_coordinators_task_reaches_its_assignee_and_nobody_else() {
    let mut world = county();
    let amy = world.member("amy").to_string();
    let fields = [
        ("kind", text("call")),
        ("due_at", text("2026-03-02T09:00:00Z")),
        ("assignee", text(&amy)),
        ("text", text("ask how the night was")),
    ];
    let id = world.record("cleo", "follow_up_task", &fields);
    world.sync_all();
    assert_eq!(world.shown("amy", id, "due_day"), Some(text("2026-03-02")));
    assert_eq!(world.shown("amy", id, "text"), None, "words stay with their author's readers");
    assert_eq!(world.shown("bo", id, "due_day"), None);
    world.edit("amy", id, &[("state", text("done"))]);
    world.sync_all();
    assert_eq!(world.shown("amy", id, "state"), Some(text("done")));
}

#[test]
fn every_coordinator_reads_the_narrative_whoever_enrolled_first() {
    let mut world = county();
    let id = world.incident("cleo");
    world.edit("cleo", id, &[("narrative", text("roof came down"))]);
    world.sync_all();
    world.join("finn", &[Role::ClinicalDirector]);
    world.sync_all();
    assert_eq!(world.shown("finn", id, "narrative"), Some(text("roof came down")));
    assert_eq!(world.shown("amy", id, "narrative"), None);
    let error = world
        .on("amy", |phone, env| phone.edit(env, id, &tests::form(&[("narrative", text("x"))])))
        .unwrap_err();
    assert_eq!(error.code(), Code::NotAllowed);
}

#[test]
fn two_coordinators_who_each_began_a_narrative_offline_end_with_one_space_and_both_texts() {
    let mut world = county();
    world.join("finn", &[Role::ClinicalDirector]);
    let id = world.incident("amy");
    world.sync_all();
    world.edit("cleo", id, &[("narrative", text("cleo saw this"))]);
    world.edit("finn", id, &[("narrative", text("finn saw that"))]);
    world.sync_all();
    for name in ["cleo", "finn"] {
        let values: BTreeSet<String> = world
            .conflict(name, id, "narrative")
            .into_iter()
            .filter_map(|value| if let Value::Text(text) = value { Some(text) } else { None })
            .collect();
        let both = BTreeSet::from(["cleo saw this".to_owned(), "finn saw that".to_owned()]);
        assert_eq!(values, both, "{name}");
    }
}

#[test]
fn clocks_that_are_decades_off_sync_and_order_nothing() {
    let mut world = county();
    let ten_years_ms = 10 * 365 * 86_400_000;
    world.devices.get_mut("amy").unwrap().offset_ms = ten_years_ms;
    world.devices.get_mut("bo").unwrap().offset_ms = -ten_years_ms;
    let id = world.incident("amy");
    world.sync_all();
    world.edit("amy", id, &[("severity", Value::Int(2))]);
    world.sync_all();
    world.edit("bo", id, &[("severity", Value::Int(5))]);
    world.sync_all();
    for name in ["amy", "bo", "cleo"] {
        assert_eq!(world.shown(name, id, "severity"), Some(Value::Int(5)), "{name}");
        assert!(world.conflict(name, id, "severity").is_empty(), "{name}");
    }
    let now = world.now();
    let seen = world.on("bo", |phone, env| phone.corrected(env.now)).unwrap();
    assert_eq!(seen, (now, true));
}

#[test]
fn a_relay_that_restarts_goes_on_where_it_was() {
    let mut world = county();
    let id = world.incident("amy");
    world.sync("amy");
    world.restart_relay();
    world.edit("amy", id, &[("severity", Value::Int(1))]);
    world.sync_all();
    assert_eq!(world.shown("cleo", id, "severity"), Some(Value::Int(1)));
}

#[test]
fn an_answer_that_is_lost_is_asked_for_again_and_nothing_is_doubled() {
    let mut world = county();
    let id = world.incident("amy");
    // The relay takes the request; its answer never arrives.
    let (body, token) = world.request("amy");
    world.relay.sync(&token, &body).unwrap();
    assert!(world.on("amy", |phone, _| phone.status()).unwrap().pending > 0);
    assert_eq!(world.relay.sync(&token, &body).unwrap_err().code, Code::TokenReplayed);
    world.sync_all();
    assert_eq!(world.on("amy", |phone, _| phone.status()).unwrap().pending, 0);
    assert_eq!(world.shown("cleo", id, "source"), world.shown("amy", id, "source"));
}

#[test]
fn nothing_new_is_one_exchange() {
    let mut world = county();
    world.incident("amy");
    world.sync_all();
    assert_eq!(world.sync("amy"), (1, 0));
    assert_eq!(world.sync("cleo"), (1, 0));
}

#[test]
fn every_document_is_made_again_from_its_envelopes() {
    let mut world = county();
    let id = world.incident("amy");
    let lead = world.member("amy");
    let session = world.record("amy", "intervention", &[("kind", text("defusing"))]);
    world.on("amy", |phone, env| phone.assign(env, session, &[lead])).unwrap();
    world.write("amy", session, "exploration", 0, "words");
    world.sync_all();
    world.edit("bo", id, &[("severity", Value::Int(2))]);
    world.edit("amy", id, &[("severity", Value::Int(3))]);
    world.sync_all();
    for name in ["amy", "bo", "cleo"] {
        let before = world.on(name, |phone, _| phone.heads()).unwrap();
        let count = world.on(name, |phone, _| phone.rebuild()).unwrap();
        assert_eq!(count, before.len() as u64);
        assert_eq!(world.on(name, |phone, _| phone.heads()).unwrap(), before, "{name}");
    }
    assert_eq!(world.phase("amy", session, "defusing.exploration"), "words");
}

#[test]
fn a_lead_whose_phone_comes_last_reads_everything_once_a_present_lead_has_synced() {
    let mut world = county();
    let invitation = world.invite("zed", &[Role::Chaplain]);
    world.sync("amy");
    let id = world.record("amy", "intervention", &[("kind", text("defusing"))]);
    let leads = [world.member("amy"), invitation.member];
    world.on("amy", |phone, env| phone.assign(env, id, &leads)).unwrap();
    world.write("amy", id, "introduction", 0, "we began");
    world.sync("amy");
    let store = Box::new(sync_core::store::MemoryStore::new());
    world.begin_to_join("zed", store, &invitation).unwrap();
    assert!(!world.ask_to_join("zed").unwrap());
    world.sync("admin");
    assert!(world.ask_to_join("zed").unwrap());
    world.sync("zed");
    let notes = world.on("zed", |phone, _| phone.notes(id)).unwrap();
    assert!(notes.len() == 1 && notes[0].unreadable, "the note is there, its key is not");
    assert!(world.on("zed", |phone, _| phone.drafts()).unwrap().is_empty(), "nothing is set aside");
    world.sync("amy");
    world.sync("zed");
    assert_eq!(world.phase("zed", id, "defusing.introduction"), "we began");
    world.write("zed", id, "introduction", 8, ", together");
    world.sync_all();
    assert_eq!(world.phase("amy", id, "defusing.introduction"), "we began, together");
}

#[test]
fn what_the_relay_had_already_when_backup_was_turned_off_is_not_said_to_be_here_only() {
    let mut world = county();
    world.on("amy", |phone, _| phone.set_backup(true)).unwrap();
    let id = world.record("amy", "check_in", &[("zone", text("ready"))]);
    let (body, token) = world.request("amy");
    // The relay takes it; its answer is lost, and the person changes their mind.
    world.relay.sync(&token, &body).unwrap();
    world.on("amy", |phone, _| phone.set_backup(false)).unwrap();
    assert!(world.on("amy", |phone, _| phone.show(id)).unwrap().only_here);
    world.sync_all();
    let shown = world.on("amy", |phone, _| phone.show(id)).unwrap();
    assert!(shown.stored && !shown.only_here);
    world.on("amy", |phone, _| phone.set_backup(true)).unwrap();
    assert_eq!(
        world.on("amy", |phone, _| phone.status()).unwrap().pending,
        0,
        "nothing goes twice"
    );
}

#[test]
fn an_admins_clock_that_is_set_right_after_an_invitation_does_not_end_it() {
    let mut world = county();
    world.devices.get_mut("admin").unwrap().offset_ms = 3 * 3_600_000;
    world.sync("admin");
    let invitation = world.invite("zed", &[Role::Chaplain]);
    world.devices.get_mut("admin").unwrap().offset_ms = 0;
    world.sync("admin");
    let store = Box::new(sync_core::store::MemoryStore::new());
    world.begin_to_join("zed", store, &invitation).unwrap();
    assert!(!world.ask_to_join("zed").unwrap());
    world.sync("admin");
    assert!(world.ask_to_join("zed").unwrap());
}
