//! Erasing: an order beats every edit, before it or after, and nothing of the document is left anywhere.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod at_rest;
mod expiry;
mod holds;
mod own;

use std::collections::BTreeSet;
use std::path::Path;

use sync_core::engine::EngineError;
use sync_core::ids::DocId;
use sync_core::protocol::{Code, Kind, PurgeBody, PurgeReason, Verdict, to_cbor};
use sync_core::records::{NotesMode, PolicyProfile, Role, SpaceKind, Value};
use tests::hostile::{Rogue, open_space};
use tests::{World, is_absent, set, text};

fn county() -> World {
    let profile =
        PolicyProfile { contact_notes_mode: NotesMode::SealedText, ..PolicyProfile::neutral() };
    let mut world = World::new(31, profile);
    world.join("amy", &[Role::PeerSupporter]);
    world.join("bo", &[Role::PeerSupporter]);
    world.join("cleo", &[Role::Coordinator]);
    world
}

fn incident(world: &mut World, name: &str) -> DocId {
    let fields =
        [("type", set(&["failed_rescue"])), ("occurred_end", text("2026-03-01T12:00:00Z"))];
    world.record(name, "incident", &fields)
}

fn contact(world: &mut World, name: &str, words: &str) -> DocId {
    let fields = [
        ("started_at", text("2026-03-01T12:00:00Z")),
        ("duration_min", Value::Int(30)),
        ("mode", text("phone")),
        ("text", text(words)),
    ];
    world.record(name, "peer_contact", &fields)
}

fn refusal<T: std::fmt::Debug>(result: Result<T, EngineError>) -> Code {
    result.expect_err("is refused").code()
}

fn all_quiet(world: &mut World) {
    let troubles = world.troubles();
    assert!(troubles.lines().all(|line| line.ends_with("[] [] []")), "{troubles}");
}

/// As [`all_quiet`], where the admin was told of a further phone.
fn all_quiet_but_admin(world: &mut World) {
    let troubles = world.troubles();
    let mut others = troubles.lines().filter(|line| !line.starts_with("admin: "));
    assert!(others.all(|line| line.ends_with("[] [] []")), "{troubles}");
    assert_eq!(tests::hostile::alarms(world, "admin"), [Code::DeviceAdded]);
}

/// The documents that a phone holds.
fn documents(world: &mut World, name: &str) -> BTreeSet<DocId> {
    let heads = world.on(name, |phone, _| phone.heads()).unwrap();
    heads.keys().map(|(_, doc)| *doc).collect()
}

/// Whether bytes stand in any file of a folder.
fn stands_in(folder: &Path, words: &[u8]) -> bool {
    std::fs::read_dir(folder).expect("the folder is there").any(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return stands_in(&path, words);
        }
        std::fs::read(&path).expect("reads").windows(words.len()).any(|window| window == words)
    })
}

#[test]
fn an_order_erases_both_halves_everywhere_and_leaves_no_envelope_of_them_on_the_relay() {
    let mut world = county();
    world.join_further("amy2", "amy");
    world.sync_all();
    let before = documents(&mut world, "amy");
    let id = contact(&mut world, "amy", "what was said");
    let docs = &documents(&mut world, "amy") - &before;
    assert_eq!(docs.len(), 3, "header, codes and text");
    world.sync_all();
    let sealed_before = world.on("amy", |phone, _| phone.outbox()).unwrap().len();
    assert_eq!(sealed_before, 0);
    assert!(!is_absent(&mut world, "amy2", id), "her other phone has it");
    for doc in &docs {
        assert!(world.on_the_relay(*doc).0 > 0, "and so has the relay");
    }
    world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
    assert!(is_absent(&mut world, "amy", id), "gone at once, without a link");
    world.sync_all();
    for doc in &docs {
        assert_eq!(world.on_the_relay(*doc), (0, true));
    }
    for name in ["amy", "amy2"] {
        assert!(is_absent(&mut world, name, id), "{name}");
        let receipts = world.on(name, |phone, _| phone.receipts()).unwrap();
        assert_eq!(receipts.len(), 3, "header, codes and text: {receipts:?}");
        assert!(receipts.iter().all(|receipt| receipt.kind == Some("peer_contact")));
        let held = documents(&mut world, name);
        assert!(docs.iter().all(|doc| !held.contains(doc)), "{name} holds none of it");
    }
    for name in ["bo", "cleo", "admin"] {
        assert!(is_absent(&mut world, name, id), "{name}");
    }
    all_quiet_but_admin(&mut world);
    world.on("amy", |phone, _| phone.rebuild()).unwrap();
    assert!(is_absent(&mut world, "amy", id), "nor does rebuilding bring it back");
}

#[test]
fn an_open_label_is_in_no_file_of_the_relay_after_its_record_was_erased() {
    let mut world = county();
    let id = incident(&mut world, "cleo");
    world.edit("cleo", id, &[("cad_number", text("CANARY-4711"))]);
    world.sync_all();
    assert!(world.opens_at_relay(b"CANARY-4711"), "whoever has the keys finds it before");
    world.on("cleo", |phone, env| phone.purge(env, id)).unwrap();
    world.sync_all();
    for name in ["amy", "bo", "cleo"] {
        assert!(is_absent(&mut world, name, id), "{name}");
    }
    assert!(!world.opens_at_relay(b"CANARY-4711"), "nor opens");
    assert!(!stands_in(world.folder(), b"CANARY-4711"));
    world.restart_relay();
    world.sync_all();
    assert!(!stands_in(world.folder(), b"CANARY-4711"));
    all_quiet(&mut world);
}

#[test]
fn an_order_beats_an_edit_made_without_a_link_whichever_arrives_first() {
    for order_first in [true, false] {
        let mut world = county();
        let id = incident(&mut world, "amy");
        world.sync_all();
        world.edit("bo", id, &[("severity", Value::Int(4))]);
        world.on("cleo", |phone, env| phone.purge(env, id)).unwrap();
        for name in if order_first { ["cleo", "bo"] } else { ["bo", "cleo"] } {
            world.sync(name);
        }
        world.sync_all();
        for name in ["amy", "bo", "cleo"] {
            assert!(is_absent(&mut world, name, id), "{name} {order_first}");
        }
        let receipts = world.on("bo", |phone, _| phone.receipts()).unwrap();
        assert_eq!(receipts.len(), 1);
        assert_eq!(receipts[0].by, Some(world.member("cleo")));
        assert_eq!(receipts[0].late, u64::from(order_first), "the late edit is told");
        let drafts = world.on("bo", |phone, _| phone.drafts()).unwrap();
        assert!(drafts.is_empty(), "nothing of it is kept as a draft");
        assert_eq!(world.on("bo", |phone, _| phone.outbox()).unwrap().len(), 0);
    }
}

#[test]
fn a_phone_that_was_away_for_months_brings_nothing_back() {
    let mut world = county();
    let id = incident(&mut world, "amy");
    world.sync_all();
    for severity in 1..5 {
        world.edit("bo", id, &[("severity", Value::Int(severity))]);
    }
    world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
    for name in ["amy", "cleo", "admin"] {
        world.sync(name);
    }
    world.wait_minutes(60 * 24 * 90);
    world.sync("bo");
    world.sync_all();
    for name in ["amy", "bo", "cleo"] {
        assert!(is_absent(&mut world, name, id), "{name}");
    }
    assert_eq!(world.on("bo", |phone, _| phone.receipts()).unwrap()[0].late, 4);
}

#[test]
fn who_neither_wrote_nor_coordinates_nor_reads_cannot_order_it() {
    let mut world = county();
    let id = incident(&mut world, "amy");
    world.sync_all();
    let code = refusal(world.on("bo", |phone, env| phone.purge(env, id)));
    assert_eq!(code, Code::NotAllowed);
    assert!(!is_absent(&mut world, "bo", id), "and nothing was erased");
    world.sync_all();
    assert!(!is_absent(&mut world, "amy", id));
    // The author may.
    world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
    world.sync_all();
    assert!(is_absent(&mut world, "bo", id));
}

#[test]
fn a_new_phone_gets_positions_and_nothing_of_what_was_erased() {
    let mut world = county();
    let gone = incident(&mut world, "amy");
    let stays = incident(&mut world, "amy");
    world.sync_all();
    world.on("amy", |phone, env| phone.purge(env, gone)).unwrap();
    world.sync_all();
    world.join("eve", &[Role::PeerSupporter]);
    world.sync_all();
    assert!(is_absent(&mut world, "eve", gone));
    assert!(!is_absent(&mut world, "eve", stays));
    all_quiet(&mut world);
}

#[test]
fn what_never_left_the_phone_is_erased_there() {
    let mut world = county();
    let id = world.record("amy", "check_in", &[("zone", text("injured")), ("text", text("mine"))]);
    world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
    assert!(is_absent(&mut world, "amy", id));
    world.on("amy", |phone, _| phone.set_backup(true)).unwrap();
    world.sync_all();
    assert!(is_absent(&mut world, "amy", id));
    all_quiet(&mut world);
}

#[test]
fn an_earlier_legal_hold_keeps_a_record_and_a_later_one_does_not_bring_it_back() {
    let mut world = county();
    let admin = world.member("admin");
    world
        .on("admin", |phone, env| phone.set_roles(env, admin, &[Role::ClinicalDirector], true))
        .unwrap();
    let kept = incident(&mut world, "amy");
    let gone = incident(&mut world, "amy");
    world.sync_all();
    let code = refusal(world.on("amy", |phone, _| phone.hold(kept, true)));
    assert_eq!(code, Code::NotAllowed, "a hold is an admin's");
    // The order was given without a link, before the hold; the hold reached the relay first.
    world.on("amy", |phone, env| phone.purge(env, kept)).unwrap();
    world.on("admin", |phone, _| phone.hold(kept, true)).unwrap();
    world.sync("admin");
    world.sync_all();
    assert!(!is_absent(&mut world, "bo", kept), "everybody else keeps it");
    assert!(!is_absent(&mut world, "cleo", kept));
    assert!(world.on("bo", |phone, _| phone.is_held(kept)).unwrap(), "and sees the hold");
    let code = refusal(world.on("cleo", |phone, env| phone.purge(env, kept)));
    assert_eq!(code, Code::LegalHold);
    // An order that the relay has taken is final.
    world.on("amy", |phone, env| phone.purge(env, gone)).unwrap();
    world.on("admin", |phone, _| phone.hold(gone, true)).unwrap();
    world.sync("amy");
    world.sync("admin");
    world.sync_all();
    for name in ["amy", "bo", "cleo", "admin"] {
        assert!(is_absent(&mut world, name, gone), "{name}");
    }
    // When the hold has ended it can be erased.
    world.on("admin", |phone, _| phone.hold(kept, false)).unwrap();
    world.sync_all();
    world.on("cleo", |phone, env| phone.purge(env, kept)).unwrap();
    world.sync_all();
    assert!(is_absent(&mut world, "bo", kept));
}

/// More saves than one document takes of a phone.
const SAVES: i64 = 200;

fn save_often(world: &mut World, name: &str, record: DocId) {
    for save in 0..SAVES {
        world.edit(name, record, &[("personnel_exposed", Value::Int(save + 1))]);
    }
}

#[test]
fn what_a_record_went_on_in_is_erased_with_it_and_never_begun_again() {
    let mut world = county();
    let id = incident(&mut world, "amy");
    save_often(&mut world, "amy", id);
    world.sync_all();
    world.edit("amy", id, &[("cad_number", text("CANARY-SECOND"))]);
    world.sync_all();
    assert!(world.opens_at_relay(b"CANARY-SECOND"), "in the second document");
    // Without a link, one phone goes on into a document that nobody had begun when the order was given.
    save_often(&mut world, "bo", id);
    save_often(&mut world, "bo", id);
    world.edit("bo", id, &[("cad_number", text("CANARY-THIRD"))]);
    world.on("cleo", |phone, env| phone.purge(env, id)).unwrap();
    world.sync("cleo");
    world.sync_all();
    for name in ["amy", "bo", "cleo"] {
        assert!(is_absent(&mut world, name, id), "{name}");
        let receipts = world.on(name, |phone, _| phone.receipts()).unwrap();
        assert_eq!(receipts.len(), 1, "{name}: one record, one receipt");
    }
    for canary in [b"CANARY-SECOND".as_slice(), b"CANARY-THIRD"] {
        assert!(!world.opens_at_relay(canary) && !stands_in(world.folder(), canary));
    }
    world.join("eve", &[Role::PeerSupporter]);
    world.sync_all();
    assert!(is_absent(&mut world, "eve", id));
    let listed = world.on("eve", |phone, _| phone.list(Some("incident"), None, 100)).unwrap();
    assert!(listed.is_empty(), "nor anything it went on in");
}

#[test]
fn nobody_forecloses_the_document_that_a_colleagues_record_will_go_on_in() {
    let mut world = county();
    let mut rogue = Rogue::enrol(&mut world, 7, &[Role::PeerSupporter], false);
    let id = incident(&mut world, "amy");
    world.sync_all();
    let operations = open_space(&world, SpaceKind::Operations, None);
    let body = to_cbor(&PurgeBody { why: PurgeReason::Ordered });
    for (doc, code) in [(id.successor(), "malformed"), (id, "not_allowed")] {
        let mut header = rogue.header(&world, Kind::Purge, operations);
        header.doc = doc;
        header.priority = sync_core::protocol::Priority::First;
        header.set_body(&body);
        let order = rogue.keys.sign_envelope(header, body.clone());
        let result = rogue.push(&world, &[order])[0].clone();
        assert_eq!(result.verdict, Verdict::Quarantined, "{result:?}");
        assert_eq!(result.code, code);
    }
    save_often(&mut world, "amy", id);
    world.edit("amy", id, &[("severity", Value::Int(5))]);
    world.sync_all();
    for name in ["amy", "bo", "cleo"] {
        assert_eq!(world.shown(name, id, "severity"), Some(Value::Int(5)), "{name}");
    }
    assert!(world.on("amy", |phone, _| phone.drafts()).unwrap().is_empty(), "nothing was lost");
}

#[test]
fn an_order_that_a_hold_defeats_costs_its_author_nothing() {
    let mut world = county();
    let admin = world.member("admin");
    world
        .on("admin", |phone, env| phone.set_roles(env, admin, &[Role::ClinicalDirector], true))
        .unwrap();
    let id = incident(&mut world, "amy");
    world.sync_all();
    world.edit("amy", id, &[("severity", Value::Int(4))]);
    world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
    assert!(is_absent(&mut world, "amy", id), "hidden at once");
    assert!(world.on("amy", |phone, _| phone.receipts()).unwrap().is_empty(), "not erased yet");
    world.on("amy", |phone, _| phone.rebuild()).unwrap();
    assert!(is_absent(&mut world, "amy", id));
    world.on("admin", |phone, _| phone.hold(id, true)).unwrap();
    world.sync("admin");
    world.sync_all();
    for name in ["amy", "bo", "cleo"] {
        let shown = world.shown(name, id, "severity");
        assert_eq!(shown, Some(Value::Int(4)), "{name}: the record, and what was typed before");
    }
    let drafts = world.on("amy", |phone, _| phone.drafts()).unwrap();
    assert!(drafts.iter().any(|draft| draft.code == Code::LegalHold), "and amy is told why");
    world.edit("amy", id, &[("severity", Value::Int(2))]);
    world.sync_all();
    assert_eq!(world.shown("bo", id, "severity"), Some(Value::Int(2)));
}

#[test]
fn a_lead_has_the_session_note_erased_and_the_facts_stay() {
    let mut world = county();
    let id = world.record("cleo", "intervention", &[("kind", text("defusing"))]);
    let leads = [world.member("amy"), world.member("bo")];
    world.on("cleo", |phone, env| phone.assign(env, id, &leads)).unwrap();
    world.sync_all();
    world.write("amy", id, "exploration", 0, "what was said");
    world.sync_all();
    let code = refusal(world.on("cleo", |phone, env| phone.purge_notes(env, id)));
    assert_eq!(code, Code::NoSuchRecord, "who reads no note has none to erase");
    world.on("bo", |phone, env| phone.purge_notes(env, id)).unwrap();
    world.write("amy", id, "exploration", 0, "meanwhile, ");
    world.sync("bo");
    world.sync_all();
    for name in ["amy", "bo"] {
        assert!(world.on(name, |phone, _| phone.notes(id)).unwrap().is_empty(), "{name}");
        assert!(!is_absent(&mut world, name, id), "{name} keeps the facts");
        let edit = sync_core::engine::TextEdit { at: 0, delete: 0, insert: "again".into() };
        let code = refusal(world.on(name, |phone, env| phone.write(env, id, "exploration", &edit)));
        assert_eq!(code, Code::Purged, "{name}");
    }
}
