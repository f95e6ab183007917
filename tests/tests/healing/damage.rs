//! Damaged rows: what one phone holds puts the relay's copy right, and whoever went without gets it.

use rusqlite::params;
use sync_core::doc::Edit;
use sync_core::ids::SpaceId;
use sync_core::protocol::{Batch, Carried, Envelope, HEADER_LEN, Healing, Reset, RowData, Verdict};
use sync_core::records::{DocType, FieldOp, Scalar, SpaceKind};
use tests::hostile::{Rogue, lie};

use super::*;

fn database(world: &World) -> rusqlite::Connection {
    rusqlite::Connection::open(world.folder().join("relay.db")).unwrap()
}

fn stored(world: &World, doc: DocId) -> Vec<u8> {
    database(world)
        .query_row(
            "SELECT envelope FROM items WHERE doc = ?1 ORDER BY seq DESC LIMIT 1",
            [doc.as_bytes()],
            |row| row.get(0),
        )
        .unwrap()
}

/// The same, opened: each copy is sealed with a nonce of its own.
fn opened(world: &World, doc: DocId) -> Option<Envelope> {
    world.opener().envelope(&stored(world, doc)).unwrap()
}

pub(super) fn damage(world: &World, doc: DocId, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = stored(world, doc);
    change(&mut bytes);
    let changed = database(world)
        .execute("UPDATE items SET envelope = ?2 WHERE doc = ?1", params![doc.as_bytes(), bytes])
        .unwrap();
    assert_eq!(changed, 1);
}

/// Amy's incident is damaged on the relay's disk before bo fetches it.
fn heals(change: impl Fn(&mut Vec<u8>), alarm: Code) {
    let mut world = county();
    let id = incident(&mut world, "amy", 4);
    world.sync("amy");
    let (sound, before) = (opened(&world, id), log(&world));
    damage(&world, id, change);
    let later = incident(&mut world, "cleo", 2);
    world.sync("cleo");
    world.sync("bo");
    assert_eq!(world.shown("bo", id, "severity"), None);
    assert_eq!(world.shown("bo", later, "severity"), Some(Value::Int(2)), "the log goes on");
    assert!(alarms(&mut world, "bo").contains(&alarm));
    // Bo says what is missing; amy hears of it and hands it back; bo gets it.
    world.sync("bo");
    world.sync("amy");
    assert_eq!(opened(&world, id), sound, "the relay's copy is right again");
    world.sync("bo");
    assert_eq!(world.shown("bo", id, "severity"), Some(Value::Int(4)), "{}", world.troubles());
    assert!(!alarms(&mut world, "bo").contains(&alarm), "{}", world.troubles());
    assert!(world.on("bo", |phone, _| phone.drafts()).unwrap().is_empty());
    let after = log(&world);
    for (id, row) in &before {
        assert_eq!(after.get(id), Some(row), "every row stands as it did");
    }
    assert_eq!(after.len(), before.len() + 1, "and cleo's incident");
    world.edit("bo", id, &[("severity", Value::Int(5))]);
    world.sync_all();
    assert_eq!(world.shown("amy", id, "severity"), Some(Value::Int(5)));
    let count: i64 =
        database(&world).query_row("SELECT count(*) FROM damaged", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 0);
}

#[test]
fn a_changed_body_is_put_right_by_its_author() {
    heals(|bytes| *bytes.last_mut().unwrap() ^= 1, Code::RelayChanged);
}

#[test]
fn a_cut_row_is_put_right_by_its_author() {
    heals(|bytes| bytes.truncate(20), Code::RelayChanged);
}

#[test]
fn a_changed_signature_is_put_right_by_its_author() {
    heals(|bytes| bytes[HEADER_LEN] ^= 1, Code::BadSignature);
}

#[test]
fn any_reader_who_holds_a_damaged_item_puts_it_right_not_only_its_author() {
    let mut world = county();
    let id = incident(&mut world, "amy", 4);
    world.sync("amy");
    world.sync("cleo");
    let sound = opened(&world, id);
    damage(&world, id, |bytes| *bytes.last_mut().unwrap() ^= 1);
    world.sync("bo");
    world.sync("cleo");
    assert_eq!(opened(&world, id), sound);
    world.sync("bo");
    assert_eq!(world.shown("bo", id, "severity"), Some(Value::Int(4)));
}

#[test]
fn a_row_whose_very_id_was_changed_gives_way_to_the_one_its_author_wrote() {
    let mut world = county();
    let id = incident(&mut world, "amy", 4);
    world.sync_all();
    let before = log(&world);
    let mut forged = opened(&world, id).unwrap();
    *forged.body.last_mut().unwrap() ^= 1;
    forged.header.set_body(&forged.body);
    // The operator chains the log anew from there, so that the change does not show by itself.
    let connection = database(&world);
    connection
        .execute(
            "UPDATE items SET envelope = ?2, id = ?3 WHERE doc = ?1",
            params![id.as_bytes(), forged.to_bytes(), forged.id().as_bytes()],
        )
        .unwrap();
    let key: (Vec<u8>, i64, i64, u32) = connection
        .query_row(
            "SELECT space, seq, directory_seq, row_day FROM items WHERE doc = ?1",
            [id.as_bytes()],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    let previous: Vec<u8> = connection
        .query_row(
            "SELECT coalesce((SELECT chain FROM items WHERE space = ?1 AND seq = ?2), zeroblob(32))",
            params![key.0, key.1 - 1],
            |row| row.get(0),
        )
        .unwrap();
    let chain = sync_core::protocol::next_chain(
        sync_core::ids::Chain::from_slice(&previous).unwrap(),
        forged.id(),
        key.2 as u64,
        sync_core::protocol::Day(key.3),
    );
    connection
        .execute(
            "UPDATE items SET chain = ?3 WHERE space = ?1 AND seq = ?2",
            params![key.0, key.1, chain.as_bytes()],
        )
        .unwrap();
    connection
        .execute(
            "UPDATE spaces SET head_chain = ?2 WHERE id = ?1",
            params![key.0, chain.as_bytes()],
        )
        .unwrap();
    drop(connection);
    world.sync_all();
    assert_eq!(log(&world), before, "the true row stands again");
    assert!(alarms(&mut world, "amy").contains(&Code::RelayChanged));
    world.edit("bo", id, &[("severity", Value::Int(5))]);
    world.sync_all();
    assert_eq!(world.shown("amy", id, "severity"), Some(Value::Int(5)));
}

fn operations_of(world: &World) -> SpaceId {
    tests::hostile::open_space(world, SpaceKind::Operations, None)
}

fn rogue_incident(world: &World, rogue: &mut Rogue, space: SpaceId) -> Envelope {
    let doc = DocId::random(&mut rogue.rng);
    let part = DocType::by_number(10).unwrap();
    let ops = [
        FieldOp::Put("type.failed_rescue".into(), Scalar::Bool(true)),
        FieldOp::Put("occurred_end".into(), Scalar::Int(1_772_000_000_000)),
    ];
    rogue.change(world, (space, doc), part, None, &Edit::Fields(&ops))
}

/// Pushes an envelope of the rogue's as one handed back with this row; what the relay says.
fn hand_back(
    world: &World,
    rogue: &mut Rogue,
    envelope: &Envelope,
    row: RowData,
) -> (Verdict, String) {
    let mut batch = Batch::new();
    let push = vec![batch.pack(envelope)];
    let rows = vec![Carried { index: 0, row }];
    let (body, _) = rogue.request(world, batch, push);
    let mut request: sync_core::protocol::SyncRequest =
        sync_core::protocol::from_cbor(&tests::unpack(&body)).unwrap();
    request.healing = Some(Healing { rows, ..Healing::default() });
    let (body, token) = rogue.sealed_request(world, &request);
    let response = tests::read_answer(&world.relay.sync(&token, &body).unwrap());
    (response.results[0].verdict, response.results[0].code.clone())
}

#[test]
fn a_row_that_is_told_counts_neither_before_its_envelope_nor_after_today() {
    let mut world = county();
    let mut rogue = Rogue::enrol(&mut world, 6, &[Role::PeerSupporter], false);
    world.sync_all();
    let operations = operations_of(&world);
    let directory = tests::hostile::directory(&world).len();
    for (told, kept) in [
        (RowData { directory_seq: 0, row_day: sync_core::protocol::Day(u32::MAX) }, true),
        (RowData { directory_seq: directory + 1, row_day: world.now().day() }, false),
    ] {
        let envelope = rogue_incident(&world, &mut rogue, operations);
        let (verdict, code) = hand_back(&world, &mut rogue, &envelope, told);
        if kept {
            assert_eq!((verdict, code.as_str()), (Verdict::Stored, ""));
            let row = log(&world)[&envelope.id().as_bytes().to_vec()];
            assert_eq!(row, (envelope.header.directory_seq, world.now().day().0));
        } else {
            assert_eq!((verdict, code.as_str()), (Verdict::RefusedRetry, "directory_behind"));
        }
    }
}

#[test]
fn a_genuine_row_gives_way_to_nobody() {
    let mut world = county();
    let mut rogue = Rogue::enrol(&mut world, 6, &[Role::PeerSupporter], false);
    world.sync_all();
    let operations = operations_of(&world);
    let first = rogue_incident(&world, &mut rogue, operations);
    let row = RowData { directory_seq: 1, row_day: world.now().day() };
    assert_eq!(hand_back(&world, &mut rogue, &first, row).0, Verdict::Stored);
    let mut second = rogue_incident(&world, &mut rogue, operations);
    second.header.device_seq = first.header.device_seq;
    let second = rogue.keys.sign_envelope(second.header, second.body.clone());
    let before = log(&world);
    let said = hand_back(&world, &mut rogue, &second, row);
    assert_eq!(said, (Verdict::RefusedFinal, "device_cloned".to_owned()));
    assert_eq!(log(&world), before);
}

/// An incident of amy's whose every copy but hers is damaged: bo misses it, and amy is away.
fn missed(alarm: Code, change: impl Fn(&mut Vec<u8>)) -> (World, DocId) {
    let mut world = county();
    let id = incident(&mut world, "amy", 4);
    world.sync("amy");
    damage(&world, id, change);
    for name in ["bo", "bo"] {
        world.sync(name);
    }
    assert!(alarms(&mut world, "bo").contains(&alarm));
    assert_eq!(wanted(&mut world, "bo"), 1, "bo asks for it");
    (world, id)
}

/// How many items a phone asks the relay for.
fn wanted(world: &mut World, name: &str) -> usize {
    let request = world.on(name, |phone, env| phone.sync_request(env)).unwrap();
    request.healing.map_or(0, |healing| healing.wanted.len())
}

#[test]
fn what_was_erased_is_not_missed_any_more() {
    for (alarm, at) in [(Code::RelayChanged, usize::MAX), (Code::BadSignature, HEADER_LEN)] {
        let (mut world, id) = missed(alarm, |bytes| {
            let at = at.min(bytes.len() - 1);
            bytes[at] ^= 1;
        });
        world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
        world.sync("amy");
        for name in ["bo", "bo", "cleo", "amy"] {
            world.sync(name);
        }
        assert_eq!(world.on_the_relay(id), (0, true), "{alarm:?}");
        for name in ["amy", "bo", "cleo"] {
            assert_eq!(wanted(&mut world, name), 0, "{name} {alarm:?}");
            assert!(!alarms(&mut world, name).contains(&alarm), "{}", world.troubles());
        }
        let count = "SELECT count(*) FROM damaged";
        let count: i64 = database(&world).query_row(count, [], |row| row.get(0)).unwrap();
        assert_eq!(count, 0, "nor does the relay ask for it");
    }
}

/// The relay says that the log of operations is another one, and nothing about healing: the phone reads it anew.
fn read_anew(world: &mut World, name: &str) {
    let space = operations_of(world);
    lie(world, name, |response| {
        response.healing = None;
        response.reset.push(Reset { space, why: Code::RelayChanged.as_str().into() });
    })
    .unwrap();
    let raised = world.on(name, |phone, _| phone.alarms()).unwrap();
    assert!(raised.iter().any(|alarm| alarm.subject == space.to_string()), "{raised:?}");
    let subject = space.to_string();
    world.on(name, |phone, _| phone.alarm_seen(Code::RelayChanged, &subject)).unwrap();
    let mut read = 0;
    while read == 0 {
        // It asks for all cursors first.
        let outcome = lie(world, name, |response| response.healing = None).unwrap();
        assert!(outcome.again || outcome.received > 0);
        read = outcome.received;
    }
}

#[test]
fn what_was_erased_is_not_missed_any_more_where_the_log_is_read_anew() {
    let (mut world, id) = missed(Code::RelayChanged, |bytes| *bytes.last_mut().unwrap() ^= 1);
    world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
    world.sync("amy");
    read_anew(&mut world, "bo");
    assert_eq!(wanted(&mut world, "bo"), 0);
    assert_eq!(alarms(&mut world, "bo"), []);
}

#[test]
fn an_erased_item_under_another_stub_is_no_alarm() {
    let mut world = county();
    let id = incident(&mut world, "amy", 4);
    world.sync_all();
    world.on("amy", |phone, env| phone.purge(env, id)).unwrap();
    world.sync_all();
    let set_aside = "UPDATE items SET code = 'schema_violation' WHERE doc = ?1 AND kind = 1";
    database(&world).execute(set_aside, [id.as_bytes()]).unwrap();
    for name in ["amy", "bo", "cleo"] {
        read_anew(&mut world, name);
        assert_eq!(alarms(&mut world, name), [], "{name}");
    }
}
