//! Panic: what reads is destroyed, what was recorded reaches those who may still read it.

use std::path::Path;

use sync_core::engine::Store;
use sync_core::store::SqliteStore;
use tests::failing::{Fault, survive};

use super::*;

const KEY: [u8; 32] = [5; 32];

/// Every byte of every file in a folder.
fn on_disk(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap();
    files.flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
}

#[test]
fn a_panic_on_a_real_file_leaves_no_sealed_row_keeps_the_outbox_and_a_late_note_reaches_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("phone.db");
    let open = || -> Box<dyn Store> { Box::new(SqliteStore::open(&path, &KEY).unwrap()) };
    let mut world = World::new(6, PolicyProfile::neutral());
    world.join_on("amy", &[Role::PeerSupporter], open());
    world.join("bo", &[Role::FacilitatorMhp]);
    let (defusing, check_in) = recorded(&mut world);
    world.write("amy", defusing, "exploration", 0, "unsent. ");
    let preview = world.on("amy", |phone, _| phone.panic_preview()).unwrap();
    assert!(!preview.is_recoverable() && preview.unsent > 0 && preview.only_here > 0);
    let before = world.on("amy", |phone, _| phone.outbox()).unwrap();
    world.on("amy", |phone, _| phone.panic()).unwrap();
    assert_eq!(world.on("amy", |phone, _| phone.outbox()).unwrap(), before);
    let error = world.on("amy", |phone, env| phone.unlock(env)).unwrap_err();
    assert_eq!(error.code(), Code::WriteOnly);
    world.reopen_locked("amy", open);
    let error = world.on("amy", |phone, env| phone.unlock(env)).unwrap_err();
    assert_eq!(error.code(), Code::WriteOnly);

    // Late, by a phone that reads nothing.
    world.write("amy", defusing, "exploration", 0, "late: after all that");
    let edit = TextEdit { at: 2, delete: 0, insert: "x".into() };
    let refused = world.on("amy", |phone, env| phone.write(env, defusing, "exploration", &edit));
    assert_eq!(refused.unwrap_err().code(), Code::WriteOnly);
    contact(&mut world, "amy");
    world.sync_all();
    let read = all_notes(&mut world, "bo", defusing);
    for word in ["unsent. ", CANARY_NOTE, "late: after all that"] {
        assert!(read.contains(word), "{read}");
    }
    assert_eq!(all_notes(&mut world, "amy", defusing), "");
    let view = world.on("amy", |phone, _| phone.show(check_in)).unwrap();
    assert_eq!((view.fields.len(), view.shut), (0, Some(Code::WriteOnly)));

    // The file, opened with its own key, holds neither a sealed row nor the wrapped key; nor does its log.
    world.devices.remove("amy");
    let mut store = SqliteStore::open_existing(&path, &KEY).unwrap();
    let all = rows(&mut store);
    assert!(all.iter().all(|(table, ..)| *table != Table::Sealed), "a sealed row is left");
    assert!(all.iter().all(|(_, key, _)| key != b"reading_key"));
    assert!(all.iter().any(|(table, ..)| *table == Table::Envelopes));
    for (_, _, value) in &all {
        assert!([CANARY, CANARY_NOTE].iter().all(|word| !holds(value, word)));
    }
    drop(store);
    let bytes = on_disk(folder.path());
    assert!([CANARY, CANARY_NOTE].iter().all(|word| !holds(&bytes, word)));
}

#[test]
fn a_phone_that_dies_at_any_write_of_a_panic_or_of_an_unlock_is_whole_and_can_do_it_again() {
    for fault in [Fault::DieBefore, Fault::DieAfter, Fault::Full] {
        for at in 1..200 {
            let mut scene = Scene::new();
            scene.reopen_locked();
            scene.write("bo", 0, "Bo: it was loud. ").unwrap();
            scene.world.sync("bo");
            scene.write("amy", 0, "late").unwrap();
            scene.world.sync("amy");
            scene.faults.plan(fault, at);
            let survived = survive(|| scene.unlock().is_ok());
            let happened = scene.faults.end();
            if survived.is_none() {
                scene.reopen_locked();
            }
            // Writes of the count may have gone through, nothing else.
            assert_eq!(survived == Some(true), !happened, "write {at}");
            scene.unlock().unwrap();
            scene.world.sync_all();
            assert!(scene.note("amy").contains("late") && scene.note("amy").contains("loud"));
            assert_eq!(scene.note("amy"), scene.note("bo"));
            if !happened {
                assert!(at > 10);
                break;
            }
        }
    }
    for fault in [Fault::DieBefore, Fault::DieAfter, Fault::Full] {
        for at in 1..200 {
            let mut scene = Scene::new();
            scene.write("amy", 0, "unsent. ").unwrap();
            scene.faults.plan(fault, at);
            let outbox_before = 2;
            let survived = survive(|| scene.world.on("amy", |phone, _| phone.panic()).is_ok());
            let happened = scene.faults.end();
            if survived.is_none() {
                scene.reopen_locked();
            }
            let gone = rows(&mut scene.store.clone()).iter().all(|(t, ..)| *t != Table::Sealed);
            if !gone {
                // Nothing was erased, so it still opens.
                scene.unlock().unwrap();
                assert!(scene.note("amy").contains("unsent. "), "write {at}");
                scene.world.on("amy", |phone, _| phone.panic()).unwrap();
            }
            assert_eq!(scene.unlock().unwrap_err().code(), Code::WriteOnly);
            assert!(scene.outbox() < outbox_before && scene.outbox() > 0);
            scene.world.sync_all();
            assert!(scene.note("bo").contains("unsent. "));
            if !happened {
                assert!(at > 5);
                break;
            }
        }
    }
}

#[test]
fn after_a_panic_a_second_phone_of_the_member_reads_on() {
    let mut scene = Scene::new();
    scene.world.on("amy", |phone, _| phone.set_backup(true)).unwrap();
    scene.world.join_further("amy2", "amy");
    scene.world.sync_all();
    let (defusing, check_in) = (scene.defusing, scene.check_in);
    scene.write("amy", 0, "unsent. ").unwrap();
    let preview = scene.world.on("amy", |phone, _| phone.panic_preview()).unwrap();
    assert!(preview.is_recoverable() && preview.other_devices == 1 && preview.only_here == 0);
    scene.world.on("amy", |phone, _| phone.panic()).unwrap();
    scene.write("amy", 0, "late. ").unwrap();
    let late = scene.world.record("amy", "check_in", &[("zone", text("ready"))]);
    scene.world.sync_all();
    let note = all_notes(&mut scene.world, "amy2", defusing);
    for words in [CANARY_NOTE, "unsent. ", "late. "] {
        assert!(note.contains(words), "{note}");
    }
    assert_eq!(scene.world.shown("amy2", check_in, "text"), Some(text(CANARY)));
    assert_eq!(scene.world.shown("amy2", late, "zone"), Some(text("ready")));
    assert!(!scene.shows(check_in), "not here");
}
