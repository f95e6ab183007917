//! Expiry: relay and phones find the same day by the same rows, without a link too, and nothing brings an expired
//! document back.

use proptest::prelude::*;
use sync_core::engine::{Store, Table, Uptime};
use sync_core::ids::SpaceId;
use sync_core::store::SqliteStore;

use super::*;

const DAY_MIN: i64 = 24 * 60;

/// A team that keeps session notes and contact notes for so many days, details of contacts for three times as many.
fn keeping(days: u16) -> World {
    let profile = PolicyProfile {
        contact_notes_mode: NotesMode::SealedText,
        retention_note_days: days,
        retention_contact_days: 3 * days,
        ..PolicyProfile::neutral()
    };
    let mut world = World::new(47, profile);
    world.join("amy", &[Role::PeerSupporter]);
    world.join("bo", &[Role::PeerSupporter]);
    world.join("cleo", &[Role::Coordinator]);
    world.sync_all();
    world
}

/// Days pass on a running relay.
fn pass_days(world: &World, days: i64) {
    for _ in 0..days {
        world.wait_minutes(DAY_MIN);
        world.relay.expire().unwrap();
    }
}

/// A phone without a link looks at the time; how many documents it erased.
fn open(world: &mut World, name: &str) -> u64 {
    let ms = world.now().0;
    world.on(name, |phone, _| phone.expire(Uptime { boot: 1, ms })).unwrap()
}

/// A session with a note that amy and bo lead.
fn session(world: &mut World, words: &str) -> DocId {
    let id = world.record("cleo", "intervention", &[("kind", text("defusing"))]);
    let leads = [world.member("amy"), world.member("bo")];
    world.on("cleo", |phone, env| phone.assign(env, id, &leads)).unwrap();
    world.sync_all();
    world.write("amy", id, "exploration", 0, words);
    world.sync_all();
    id
}

fn has_note(world: &mut World, name: &str, id: DocId) -> bool {
    !world.on(name, |phone, _| phone.notes(id)).unwrap().is_empty()
}

fn expired_receipts(world: &mut World, name: &str) -> Vec<(Option<&'static str>, u64)> {
    let receipts = world.on(name, |phone, _| phone.receipts()).unwrap();
    let expired = receipts.into_iter().filter(|receipt| receipt.why == PurgeReason::Expired);
    expired.map(|receipt| (receipt.kind, receipt.late)).collect()
}

/// Every document of a record on this phone, with its space.
fn note_of(world: &mut World, id: DocId) -> (SpaceId, DocId) {
    let note = world.on("amy", |phone, _| phone.notes(id)).unwrap().remove(0);
    (note.space, note.doc)
}

#[test]
fn a_session_note_expires_on_relay_and_phones_alike_when_the_day_after_its_last_has_begun() {
    let mut world = keeping(5);
    let id = session(&mut world, "CANARY-5511");
    let (_, doc) = note_of(&mut world, id);
    let kept = world.on("bo", |phone, _| phone.kept_until(id)).unwrap();
    let last = sync_core::protocol::Day(world.now().day().0 + 5);
    assert_eq!(kept.iter().map(|kept| kept.day).collect::<Vec<_>>(), [Some(last)]);
    pass_days(&world, 5);
    world.sync_all();
    assert!(world.on_the_relay(doc).0 > 0 && has_note(&mut world, "bo", id), "the last day");
    pass_days(&world, 1);
    assert_eq!(world.on_the_relay(doc), (0, true));
    world.sync_all();
    for name in ["amy", "bo"] {
        assert!(!has_note(&mut world, name, id), "{name}");
        assert!(!is_absent(&mut world, name, id), "{name} keeps the facts");
        assert_eq!(expired_receipts(&mut world, name), [(Some("session_note"), 0)], "{name}");
        let edit = sync_core::engine::TextEdit { at: 0, delete: 0, insert: "again".into() };
        let code = refusal(world.on(name, |phone, env| phone.write(env, id, "exploration", &edit)));
        assert_eq!(code, Code::Purged, "{name}");
    }
    all_quiet(&mut world);
    world.join("eve", &[Role::PeerSupporter]);
    world.sync_all();
    assert!(!has_note(&mut world, "eve", id));
}

#[test]
fn a_contacts_words_go_first_then_its_details_and_its_header_stays() {
    let mut world = keeping(5);
    let before = documents(&mut world, "amy");
    let id = contact(&mut world, "amy", "CANARY-WORDS");
    let docs = &documents(&mut world, "amy") - &before;
    world.sync_all();
    pass_days(&world, 6);
    world.sync_all();
    assert_eq!(expired_receipts(&mut world, "amy").len(), 1, "the words");
    assert_eq!(world.shown("amy", id, "duration_min"), Some(Value::Int(30)));
    assert_eq!(world.shown("amy", id, "text"), None);
    pass_days(&world, 10);
    world.sync_all();
    assert_eq!(expired_receipts(&mut world, "amy").len(), 2, "the details");
    assert_eq!(world.shown("amy", id, "mode"), Some(text("phone")), "what is counted stays");
    let gone = docs.iter().filter(|doc| world.on_the_relay(**doc).1).count();
    assert_eq!(gone, 2);
    world.edit("amy", id, &[("text", text("written anew"))]);
    world.sync_all();
    assert_eq!(world.shown("amy", id, "text"), Some(text("written anew")));
    all_quiet(&mut world);
}

#[test]
fn kept_for_no_days_means_until_the_next_day_has_begun() {
    let mut world = keeping(0);
    let id = session(&mut world, "what was said");
    assert!(has_note(&mut world, "bo", id));
    pass_days(&world, 1);
    world.sync_all();
    assert!(!has_note(&mut world, "bo", id));
    assert_eq!(world.relay.expire().unwrap(), 0, "the relay had erased it");
}

#[test]
fn a_touch_keeps_it_longer_and_a_phone_that_did_not_see_it_fetches_the_note_again() {
    let mut world = keeping(5);
    let id = session(&mut world, "what was said");
    open(&mut world, "bo");
    pass_days(&world, 4);
    world.write("amy", id, "exploration", 0, "later: ");
    world.sync("amy");
    // Bo is without a link, and what he knows of expires.
    pass_days(&world, 3);
    assert_eq!(open(&mut world, "bo"), 1);
    assert!(!has_note(&mut world, "bo", id), "erased without a link");
    world.sync("bo");
    let shown = world.phase("bo", id, "defusing.exploration");
    assert_eq!(shown, "later: what was said", "{}", world.troubles());
    assert!(expired_receipts(&mut world, "bo").is_empty());
    world.write("bo", id, "exploration", 0, "and then: ");
    world.sync_all();
    assert_eq!(world.phase("amy", id, "defusing.exploration"), "and then: later: what was said");
    pass_days(&world, 6);
    world.sync_all();
    assert!(!has_note(&mut world, "bo", id) && !has_note(&mut world, "amy", id));
    all_quiet(&mut world);
}

#[test]
fn an_edit_of_a_phone_that_was_away_for_forty_days_brings_nothing_back() {
    let mut world = keeping(30);
    let id = session(&mut world, "what was said");
    let (_, doc) = note_of(&mut world, id);
    open(&mut world, "bo");
    pass_days(&world, 10);
    world.write("bo", id, "exploration", 0, "CANARY-LATE ");
    pass_days(&world, 30);
    assert_eq!(open(&mut world, "bo"), 0, "what never left is not erased by time");
    let drafts = world.on("bo", |phone, _| phone.drafts()).unwrap();
    assert_eq!(drafts.iter().map(|draft| draft.code).collect::<Vec<_>>(), [Code::Expired]);
    let kept = format!("{:?}", drafts[0].values);
    assert!(kept.contains("CANARY-LATE"), "his words are there to be used: {kept}");
    assert!(!world.on("bo", |phone, _| phone.outbox()).unwrap().is_empty());
    world.sync_all();
    assert_eq!(world.on_the_relay(doc), (0, true));
    for name in ["amy", "bo"] {
        assert!(!has_note(&mut world, name, id), "{name}");
    }
    assert_eq!(expired_receipts(&mut world, "bo"), [(Some("session_note"), 1)], "and he is told");
    all_quiet(&mut world);
}

#[test]
fn what_expired_stands_in_no_file_of_relay_or_phone_without_a_link_too() {
    let words = b"CANARY-SEALED".as_slice();
    let mut world = keeping(5);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("phone.db");
    let store = SqliteStore::open(&path, &[7; 32]).unwrap();
    world.join_on("dan", &[Role::Coordinator], Box::new(store));
    let id = world.record("dan", "intervention", &[("kind", text("defusing"))]);
    let dan = world.member("dan");
    world.on("dan", |phone, env| phone.assign(env, id, &[dan])).unwrap();
    world.write("dan", id, "exploration", 0, "CANARY-SEALED");
    world.sync_all();
    let note = world.on("dan", |phone, _| phone.notes(id)).unwrap().remove(0);
    let envelopes = stored_bytes(&world, note.doc);
    assert!(!envelopes.is_empty());
    assert!(
        envelopes.iter().all(|bytes| stands_in(world.folder(), bytes)),
        "the search finds them"
    );
    let opener = world.opener();
    let opened: Vec<Vec<u8>> =
        envelopes.iter().map(|bytes| opener.envelope(bytes).unwrap().unwrap().to_bytes()).collect();
    drop(opener);
    // What the phone's key opens, table by table.
    let plain = |world: &mut World| {
        let mut found = (false, false);
        world.reopen("dan", || {
            let mut store = SqliteStore::open_existing(&path, &[7; 32]).unwrap();
            let dump = everything(&mut store);
            let has = |words: &[u8]| dump.windows(words.len()).any(|window| window == words);
            found = (has(words), opened.iter().any(|bytes| has(&bytes[bytes.len() - 64..])));
            Box::new(store)
        });
        found
    };
    assert_eq!(plain(&mut world), (true, true), "the search finds them on the phone");
    open(&mut world, "dan");
    pass_days(&world, 6);
    let tails = envelopes.iter().map(|bytes| &bytes[bytes.len() - 64..]);
    assert!(tails.into_iter().all(|tail| !stands_in(world.folder(), tail)));
    assert_eq!(open(&mut world, "dan"), 1);
    assert_eq!(plain(&mut world), (false, false), "neither words nor sealed bodies");
}

/// Every key and value of a phone's store.
fn everything(store: &mut SqliteStore) -> Vec<u8> {
    let begun = store.begin().unwrap();
    let mut dump = Vec::new();
    for table in Table::ALL {
        for (key, value) in begun.scan(table, &[], None, usize::MAX).unwrap() {
            dump.extend(key);
            dump.extend(value);
        }
    }
    dump
}

/// The bytes of a document's changes in the relay's log.
fn stored_bytes(world: &World, doc: DocId) -> Vec<Vec<u8>> {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).unwrap();
    let mut rows =
        database.prepare("SELECT envelope FROM items WHERE doc = ?1 AND kind IN (1, 2)").unwrap();
    let found = rows.query_map([doc.as_bytes()], |row| row.get(0)).unwrap();
    found.collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_hold_keeps_it_on_every_node_and_it_expires_when_the_hold_ends() {
    let mut world = keeping(5);
    let mut admin = Rogue::enrol(&mut world, 3, &[], true);
    admin.cosign(&mut world);
    let id = session(&mut world, "what was said");
    let (space, doc) = note_of(&mut world, id);
    open(&mut world, "bo");
    holds::hold_it(&mut world, &mut admin, space, doc, true);
    world.sync("amy");
    pass_days(&world, 8);
    // Bo does not know of the hold yet.
    assert_eq!(open(&mut world, "bo"), 1);
    world.sync_all();
    for name in ["amy", "bo"] {
        assert!(has_note(&mut world, name, id), "{name}: {}", world.troubles());
    }
    assert!(world.on_the_relay(doc).0 > 0);
    let kept = world.on("bo", |phone, _| phone.kept_until(id)).unwrap();
    assert!(kept[0].held, "and it is shown");
    // Written while it was held, it is kept for its days after the last touch.
    world.write("amy", id, "exploration", 0, "held: ");
    world.sync_all();
    holds::hold_it(&mut world, &mut admin, space, doc, false);
    world.sync_all();
    assert_eq!(world.phase("bo", id, "defusing.exploration"), "held: what was said");
    pass_days(&world, 6);
    world.sync_all();
    assert_eq!(world.on_the_relay(doc), (0, true));
    for name in ["amy", "bo"] {
        assert!(!has_note(&mut world, name, id), "{name}");
    }
    // A hold that ends after its day lets it expire at once.
    let id = session(&mut world, "another");
    let (space, doc) = note_of(&mut world, id);
    holds::hold_it(&mut world, &mut admin, space, doc, true);
    pass_days(&world, 8);
    world.sync_all();
    assert!(world.on_the_relay(doc).0 > 0);
    holds::hold_it(&mut world, &mut admin, space, doc, false);
    assert_eq!(world.on_the_relay(doc), (0, true), "with the entry that ends it");
    world.sync_all();
    assert!(!has_note(&mut world, "amy", id));
}

#[test]
fn a_restore_and_a_wiped_relay_bring_nothing_back_that_phones_hand_back() {
    for wiped in [false, true] {
        let mut world = keeping(30);
        let id = session(&mut world, "what was said");
        let (_, doc) = note_of(&mut world, id);
        let backup = world.backup();
        assert!(world.on_the_relay(doc).0 > 0, "the backup holds it");
        pass_days(&world, 10);
        // Bo was away since; his phone was off, and he still holds the note and has more to say of it.
        world.write("bo", id, "exploration", 0, "late ");
        pass_days(&world, 30);
        world.sync("amy");
        world.sync("admin");
        assert_eq!(world.on_the_relay(doc), (0, true));
        if wiped {
            world.wipe();
            world.list_relay();
        } else {
            world.restore(&backup, false);
            assert!(world.on_the_relay(doc).0 > 0, "undone");
        }
        world.sync("bo");
        world.sync("admin");
        world.sync_all();
        world.sync_all();
        assert_eq!(world.on_the_relay(doc), (0, true), "wiped: {wiped}");
        for name in ["amy", "bo"] {
            assert!(!has_note(&mut world, name, id), "{name} {wiped}: {}", world.troubles());
        }
        world.join_further("bo2", "bo");
        world.sync_all();
        assert!(!documents(&mut world, "bo2").contains(&doc), "a new phone gets nothing of it");
    }
}

#[test]
fn a_note_in_several_documents_expires_as_one() {
    let mut world = keeping(5);
    let id = contact(&mut world, "amy", "first");
    world.sync_all();
    for save in 0..SAVES {
        world.edit("amy", id, &[("text", text(&format!("save {save}")))]);
    }
    world.sync_all();
    pass_days(&world, 4);
    world.edit("amy", id, &[("text", text("in its second document"))]);
    world.sync_all();
    pass_days(&world, 5);
    world.sync_all();
    let shown = world.shown("amy", id, "text");
    assert_eq!(shown, Some(text("in its second document")), "its first half did not go alone");
    let kept = world.on("amy", |phone, _| phone.kept_until(id)).unwrap();
    assert_eq!(kept.iter().filter(|kept| kept.kind == "contact_note").count(), 1);
    pass_days(&world, 1);
    world.sync_all();
    assert_eq!(world.shown("amy", id, "text"), None);
    assert_eq!(expired_receipts(&mut world, "amy").len(), 1, "one note, one receipt");
}

#[test]
fn a_relay_whose_clock_jumps_ahead_erases_nothing_until_its_operator_says_so() {
    let mut world = keeping(30);
    let id = session(&mut world, "what was said");
    let (_, doc) = note_of(&mut world, id);
    world.wait_minutes(365 * DAY_MIN);
    assert_eq!(world.relay.expire().unwrap(), 0);
    world.sync_all();
    assert!(world.on_the_relay(doc).0 > 0);
    assert!(has_note(&mut world, "amy", id), "{}", world.troubles());
    // The clock is put right again, and everything goes on.
    world.wait_minutes(-365 * DAY_MIN);
    pass_days(&world, 30);
    assert!(world.on_the_relay(doc).0 > 0);
    // Or it is right: the relay had stood still.
    world.wait_minutes(20 * DAY_MIN);
    assert_eq!(world.relay.expire().unwrap(), 0);
    assert!(world.on_the_relay(doc).0 > 0);
    world.relay.confirm_clock().unwrap();
    assert_eq!(world.relay.expire().unwrap(), 1);
    world.sync_all();
    assert!(!has_note(&mut world, "amy", id));
}

#[test]
fn one_lying_answer_with_a_time_years_ahead_makes_no_phone_erase_anything() {
    let mut world = keeping(30);
    let id = session(&mut world, "what was said");
    // The relay's clock alone is ahead: the phone's own did not move.
    let years = 3 * 365 * DAY_MIN;
    world.wait_minutes(years);
    world.devices.get_mut("amy").unwrap().offset_ms = -years * 60_000;
    for _ in 0..3 {
        world.sync("amy");
        assert!(has_note(&mut world, "amy", id));
        assert!(tests::hostile::alarms(&mut world, "amy").contains(&Code::RelayTimeAhead));
    }
    // Nor does the phone count on from there without a link.
    world.on("amy", |phone, _| phone.expire(Uptime { boot: 1, ms: 5 })).unwrap();
    world.on("amy", |phone, _| phone.expire(Uptime { boot: 1, ms: 90_000 })).unwrap();
    assert!(has_note(&mut world, "amy", id));
    // The true time again: the alarm ends by itself.
    world.wait_minutes(-years);
    world.devices.get_mut("amy").unwrap().offset_ms = 0;
    world.sync("amy");
    assert!(!tests::hostile::alarms(&mut world, "amy").contains(&Code::RelayTimeAhead));
    // A phone whose own clock was wrong believes the relay once a person has looked at a calendar.
    pass_days(&world, 31);
    world.devices.get_mut("amy").unwrap().offset_ms = -31 * DAY_MIN * 60_000;
    world.sync("amy");
    assert!(has_note(&mut world, "amy", id));
    let relay = world.relay.id().to_string();
    world.on("amy", |phone, _| phone.alarm_seen(Code::RelayTimeAhead, &relay)).unwrap();
    world.sync("amy");
    assert!(!has_note(&mut world, "amy", id));
}

#[test]
fn time_off_and_a_restarted_machine_count_only_what_is_known_to_have_passed() {
    let mut world = keeping(5);
    let id = session(&mut world, "what was said");
    let day = DAY_MIN * 60_000;
    let at = |world: &mut World, boot: i64, days: i64| {
        world.on("bo", |phone, _| phone.expire(Uptime { boot, ms: days * day })).unwrap()
    };
    at(&mut world, 1, 100);
    assert_eq!(at(&mut world, 1, 103), 0);
    assert_eq!(at(&mut world, 2, 2), 0, "five days: its last");
    assert_eq!(at(&mut world, 2, 1), 0, "a reading that goes back counts nothing");
    assert!(has_note(&mut world, "bo", id));
    assert_eq!(at(&mut world, 2, 2), 1);
    assert!(!has_note(&mut world, "bo", id));
}

/// What may happen to a note between two phones and the relay.
#[derive(Debug, Clone)]
enum Happens {
    Days(u8),
    Edit(bool),
    Sync(bool),
    Open(bool),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        (1u8..4).prop_map(Happens::Days),
        any::<bool>().prop_map(Happens::Edit),
        any::<bool>().prop_map(Happens::Sync),
        any::<bool>().prop_map(Happens::Open),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_relays_tombstones_are_every_phones(acts in prop::collection::vec(happens(), 4..14)) {
        let mut world = keeping(3);
        let (one, two) = (session(&mut world, "one"), session(&mut world, "two"));
        let docs = [note_of(&mut world, one).1, note_of(&mut world, two).1];
        let names = |amy: bool| if amy { "amy" } else { "bo" };
        for act in acts {
            match act {
                Happens::Days(days) => pass_days(&world, days.into()),
                Happens::Sync(amy) => drop(world.sync(names(amy))),
                Happens::Open(amy) => drop(open(&mut world, names(amy))),
                Happens::Edit(amy) => {
                    let edit = sync_core::engine::TextEdit { at: 0, delete: 0, insert: "x".into() };
                    // It may have expired there.
                    let _ = world.on(names(amy), |phone, env| phone.write(env, one, "exploration", &edit));
                }
            }
        }
        world.sync_all();
        world.sync_all();
        let gone: Vec<bool> = docs.iter().map(|doc| world.on_the_relay(*doc).1).collect();
        for name in ["amy", "bo"] {
            let held = documents(&mut world, name);
            let here: Vec<bool> = docs.iter().map(|doc| !held.contains(doc)).collect();
            prop_assert_eq!(&gone, &here, "{}", name);
            prop_assert!(world.on(name, |phone, _| phone.drafts()).unwrap().is_empty());
            prop_assert!(world.on(name, |phone, _| phone.outbox()).unwrap().is_empty());
        }
        let texts = ["amy", "bo"].map(|name| world.phase(name, one, "defusing.exploration"));
        prop_assert_eq!(&texts[0], &texts[1]);
    }
}
