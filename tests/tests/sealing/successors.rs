//! Documents that go on in others: nobody notices.

use std::collections::BTreeSet;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sync_core::ids::DocId;
use sync_core::records::Value;
use tests::{World, set};

use super::{PHASE, county, led_by};

/// How many documents of this record's chain a phone holds.
fn links(world: &mut World, name: &str, root: DocId) -> usize {
    let held = world.on(name, |phone, _| phone.heads()).expect("heads");
    let docs: BTreeSet<DocId> = held.keys().map(|(_, doc)| *doc).collect();
    std::iter::successors(Some(root), |doc| Some(doc.successor()))
        .take_while(|doc| docs.contains(doc))
        .count()
}

#[test]
fn a_record_edited_more_often_than_a_document_takes_stays_one_record_for_everybody() {
    let mut world = county();
    let id = world.incident("amy");
    world.edit("amy", id, &[("disciplines", set(&["fire", "ems"]))]);
    for i in 0..400 {
        world.edit("amy", id, &[("severity", Value::Int(1 + i % 5))]);
    }
    // Taken away in the last document, given in the first.
    world.edit("amy", id, &[("disciplines", set(&["ems"]))]);
    world.sync_all();
    for name in ["amy", "bo", "cleo"] {
        assert_eq!(links(&mut world, name, id), 3, "{name}");
        assert_eq!(world.shown(name, id, "severity"), Some(Value::Int(1 + 399 % 5)), "{name}");
        assert_eq!(world.shown(name, id, "disciplines"), Some(set(&["ems"])), "{name}");
        assert!(world.conflict(name, id, "severity").is_empty());
        let all = world.on(name, |phone, _| phone.list(Some("incident"), None, 99)).unwrap();
        assert_eq!(all.len(), 1, "{name}");
        assert_eq!(all[0].id, id, "{name}");
    }
    // The coordinators' pages show one, too.
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).unwrap();
    let find = "SELECT space, doc, shown FROM records WHERE record = 'incident'";
    let mut find = database.prepare(find).unwrap();
    let rows: Vec<([u8; 16], [u8; 16], Vec<u8>)> = find
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let [(space, doc, shown)] = &rows[..] else { panic!("{} rows", rows.len()) };
    assert_eq!(doc, id.as_bytes());
    let space = sync_core::ids::SpaceId::new(*space);
    let shown = world.opener().record(space, id, shown).unwrap().unwrap();
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains(&format!("\"severity\":{}", 1 + 399 % 5)), "{shown}");
    assert!(shown.contains("\"disciplines\":[\"ems\"]"), "{shown}");
}

#[test]
fn what_one_wrote_to_the_old_document_while_another_went_on_stands_beside_it_until_one_step_resolves_it()
 {
    let mut world = county();
    let id = world.incident("amy");
    world.sync_all();
    for i in 0..200 {
        world.edit("amy", id, &[("severity", Value::Int(1 + i % 3))]);
    }
    world.edit("amy", id, &[("severity", Value::Int(4))]);
    // Bo, offline, knows nothing of the document amy has gone on in.
    world.edit("bo", id, &[("severity", Value::Int(5)), ("disciplines", set(&["ems"]))]);
    world.sync_all();
    for name in ["amy", "bo", "cleo"] {
        let both = world.conflict(name, id, "severity");
        assert!(both.contains(&Value::Int(4)) && both.contains(&Value::Int(5)), "{name}: {both:?}");
        assert_eq!(world.shown(name, id, "disciplines"), Some(set(&["ems"])), "{name}");
    }
    world.edit("cleo", id, &[("severity", Value::Int(5))]);
    world.sync_all();
    for name in ["amy", "bo", "cleo"] {
        assert!(world.conflict(name, id, "severity").is_empty(), "{name}");
        assert_eq!(world.shown(name, id, "severity"), Some(Value::Int(5)), "{name}");
    }
}

#[test]
fn thousands_of_saves_by_three_phones_converge_and_nothing_is_refused() {
    let mut world = county();
    let id = world.incident("amy");
    let note = led_by(&mut world, &["amy", "bo", "dee"]);
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    let names = ["amy", "bo", "dee"];
    let disciplines = ["fire", "ems", "dispatch"];
    for _ in 0..2_400 {
        let name = names[(rng.next_u32() % 3) as usize];
        match rng.next_u32() % 40 {
            0..10 => {
                let severity = Value::Int(1 + i64::from(rng.next_u32() % 5));
                world.edit(name, id, &[("severity", severity)]);
            }
            10..18 => {
                let chosen = disciplines[..(rng.next_u32() % 4) as usize].to_vec();
                world.edit(name, id, &[("disciplines", set(&chosen))]);
            }
            18..38 => {
                let end = world.phase(name, note, PHASE).chars().count();
                world.write(name, note, "exploration", end, &name[..1]);
            }
            _ => drop(world.sync(name)),
        }
    }
    world.sync_all();
    assert!(links(&mut world, "amy", id) > 1);
    let said = |world: &mut World, name: &str| {
        let view = world.on(name, |phone, _| phone.show(id)).expect("the record");
        let one = |field: &str| {
            let field = &view.fields[field];
            let mut all: Vec<String> = field.conflict.iter().map(|v| format!("{v:?}")).collect();
            all.sort();
            (all, format!("{:?}", field.value))
        };
        let shown = [one("severity"), one("disciplines")];
        (shown, world.phase(name, note, PHASE))
    };
    let amys = said(&mut world, "amy");
    let letters = amys.1.chars().count();
    assert!(letters > 1_000, "{letters}");
    for name in ["bo", "dee"] {
        assert_eq!(said(&mut world, name), amys, "{name}");
    }
    for name in ["amy", "bo", "dee", "cleo"] {
        let drafts = world.on(name, |phone, _| phone.drafts()).expect("drafts");
        assert!(drafts.is_empty(), "{name}: {}", world.troubles());
    }
}

#[test]
fn a_long_text_pasted_into_a_note_is_written_in_steps_and_read_as_one() {
    let mut world = county();
    let note = led_by(&mut world, &["amy", "bo"]);
    let long: String = (0..20_000).map(|i| char::from(b'a' + (i % 26) as u8)).collect();
    world.write("amy", note, "exploration", 0, "<>");
    world.write("amy", note, "exploration", 1, &long);
    world.sync_all();
    assert_eq!(world.phase("bo", note, PHASE), format!("<{long}>"));
    let cut = sync_core::engine::TextEdit { at: 1, delete: 20_000, insert: "short".into() };
    world.on("bo", |phone, env| phone.write(env, note, "exploration", &cut)).expect("written");
    world.sync_all();
    assert_eq!(world.phase("amy", note, PHASE), "<short>");
}
