//! The audit log: what it says, that phones notice when it changes, and that the verifier finds every kind of change
//! on the file of a stopped relay.

use rusqlite::{Connection, params};
use server::verify::{self, Anchor, AuditFault};
use sync_core::engine::NewMember;
use sync_core::ids::{DeviceId, TeamId};
use sync_core::protocol::{AuditRow, Kind, Timestamp, Verdict};
use sync_core::records::{DeviceClass, SpaceKind};
use tests::hostile::Rogue;

use super::*;

fn open(world: &World) -> Connection {
    let connection = Connection::open(world.folder().join("relay.db")).unwrap();
    // Whoever owns the file is stopped by no trigger.
    connection
        .execute_batch(
            "DROP TRIGGER IF EXISTS audit_is_never_changed;
             DROP TRIGGER IF EXISTS audit_is_never_shortened;",
        )
        .unwrap();
    connection
}

fn actions(world: &World) -> Vec<String> {
    let connection = Connection::open(world.folder().join("relay.db")).unwrap();
    let mut statement = connection.prepare("SELECT action FROM audit ORDER BY seq").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn team(world: &World) -> TeamId {
    world.devices["admin"].phone.team()
}

fn anchor(world: &mut World, name: &str) -> Anchor {
    let head = world.on(name, |phone, _| phone.audit_head()).unwrap().expect("a head was pinned");
    Anchor { seq: head.seq, hash: *head.hash }
}

fn settled() -> World {
    let mut world = county();
    let defusing = world.record("cleo", "intervention", &[("kind", text("defusing"))]);
    let leads = [world.member("amy"), world.member("bo")];
    world.on("cleo", |phone, env| phone.assign(env, defusing, &leads)).unwrap();
    world.sync_all();
    world.write("amy", defusing, "exploration", 0, "canary in a note");
    world.sync_all();
    let cleo = [world.member("cleo")];
    world.on("amy", |phone, env| phone.assign(env, defusing, &cleo)).unwrap();
    world.sync_all();
    world.wait_minutes(24 * 60);
    world.sync_all();
    world
}

#[test]
fn it_holds_entries_key_grants_reads_of_sealed_bodies_and_restores_and_no_word_of_anybody() {
    let mut world = settled();
    let backup = world.backup();
    world.restore(&backup, true);
    world.sync_all();
    let actions = actions(&world);
    for action in [
        "directory.genesis",
        "directory.member",
        "directory.device",
        "directory.relay",
        "key.space",
        "key.epoch",
        "key.reader",
        "key.wrap",
        "sealed.read",
        "incarnation.restored",
        "restore.confirm",
    ] {
        assert!(actions.iter().any(|found| found == action), "{action} is missing: {actions:?}");
    }
    let connection = Connection::open(world.folder().join("relay.db")).unwrap();
    let text: String = connection
        .query_row("SELECT group_concat(action || object || result) FROM audit", [], |row| {
            row.get(0)
        })
        .unwrap();
    for word in ["canary", "amy", "cleo", "station"] {
        assert!(!text.contains(word), "{word}");
    }
    let report = &verify::audit(world.folder(), None, None).unwrap()[0];
    assert_eq!((report.fault, report.rows), (None, actions.len() as u64));
}

/// Rows of an action and their results.
fn rows_of(world: &World, action: &str) -> Vec<(String, String)> {
    let connection = Connection::open(world.folder().join("relay.db")).unwrap();
    let mut statement = connection
        .prepare("SELECT object, result FROM audit WHERE action = ?1 ORDER BY seq")
        .unwrap();
    let rows = statement.query_map([action], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn done(object: impl ToString) -> Vec<(String, String)> {
    vec![(object.to_string(), "done".to_owned())]
}

#[test]
fn it_holds_what_was_erased_held_set_aside_refused_and_mended() {
    let mut world = county();
    let admin = world.member("admin");
    let roles = [Role::ClinicalDirector];
    world.on("admin", |phone, env| phone.set_roles(env, admin, &roles, true)).unwrap();
    let mut rogue = Rogue::enrol(&mut world, 6, &[Role::PeerSupporter], false);
    let (gone, kept) = (incident(&mut world, "amy", 1), incident(&mut world, "amy", 2));
    world.sync_all();
    world.on("amy", |phone, env| phone.purge(env, gone)).unwrap();
    // The order is given before its author knows of the hold.
    world.on("amy", |phone, env| phone.purge(env, kept)).unwrap();
    world.on("admin", |phone, _| phone.hold(kept, true)).unwrap();
    world.sync("admin");
    world.sync_all();
    assert_eq!(rows_of(&world, "purge"), done(gone));
    assert_eq!(rows_of(&world, "directory.hold"), done(kept));
    let aside = rows_of(&world, "item.quarantine");
    assert_eq!(aside.len(), 1);
    assert_eq!(aside[0].1, "legal_hold");
    world.on("admin", |phone, _| phone.hold(kept, false)).unwrap();
    world.sync_all();
    assert_eq!(rows_of(&world, "directory.hold_ends"), done(kept));
    // Somebody else's envelope under a signature that is not theirs.
    let operations = tests::hostile::open_space(&world, SpaceKind::Operations, None);
    let mut forged = rogue.structure(&world, Kind::Sender, operations, vec![0x80]);
    forged.sig = [7; 64];
    assert_eq!(rogue.push(&world, &[forged.clone()])[0].verdict, Verdict::RefusedFinal);
    let refused = (forged.id().to_string(), "bad_signature".to_owned());
    assert_eq!(rows_of(&world, "item.refuse"), [refused]);
    // A damaged row, put right by who wrote it.
    let torn = incident(&mut world, "amy", 3);
    world.sync("amy");
    damage::damage(&world, torn, |bytes| *bytes.last_mut().unwrap() ^= 1);
    for name in ["bo", "amy"] {
        world.sync(name);
    }
    let mended = rows_of(&world, "item.mend");
    assert_eq!((mended.len(), mended[0].1.as_str()), (1, "done"));
}

#[test]
fn it_holds_who_was_let_in_together_removed_refused_released_and_whose_recovery_key_was_set() {
    let mut world = county();
    let crew: Vec<_> = ["eli", "fay"]
        .map(|name| {
            let new = NewMember { name: Some(name.into()), ..NewMember::default() };
            world.on("admin", |phone, env| phone.add_member(env, new)).unwrap()
        })
        .into();
    world.sync("admin");
    let batch = world.on("admin", |phone, env| phone.invite_batch(env, &crew)).unwrap();
    world.sync("admin");
    for (name, invitation) in ["eli", "fay"].into_iter().zip(&batch) {
        world.begin_as(name, invitation, DeviceClass::Native);
        assert_eq!(world.step_in(name), Ok(false));
    }
    world.sync("admin");
    assert_eq!(rows_of(&world, "directory.devices"), done(2));
    for name in ["eli", "fay"] {
        assert_eq!(world.step_in(name), Ok(true));
    }
    world.on("admin", |phone, env| phone.make_recovery(env, None, true)).unwrap();
    world.sync_all();
    assert_eq!(rows_of(&world, "directory.recovery"), done(world.member("admin")));
    let late = incident(&mut world, "bo", 1);
    let bo = world.device("bo");
    world.on("admin", |phone, _| phone.remove_device(bo)).unwrap();
    world.sync("admin");
    assert_eq!(rows_of(&world, "directory.remove"), done(bo));
    for _ in 0..2 {
        let (body, token) = world.request("bo");
        assert_eq!(world.relay.sync(&token, &body).unwrap_err().code, Code::DeviceRemoved);
    }
    let refused = rows_of(&world, "device.refuse");
    assert_eq!(refused.len(), 1, "once a day: {refused:?}");
    world.sync("admin");
    let aside = world.on("admin", |phone, _| phone.quarantined()).unwrap();
    let ids: Vec<_> = aside.iter().map(|item| item.id).collect();
    world.on("admin", |phone, _| phone.release(&ids)).unwrap();
    world.sync_all_but("bo");
    assert_eq!(rows_of(&world, "directory.release"), done(ids.len()));
    assert_eq!(world.shown("amy", late, "severity"), Some(Value::Int(1)));
    let report = &verify::audit(world.folder(), None, None).unwrap()[0];
    assert_eq!(report.fault, None);
}

#[test]
fn its_rows_are_written_with_what_they_record_or_not_at_all() {
    let world = settled();
    let connection = Connection::open(world.folder().join("relay.db")).unwrap();
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let entries = count("SELECT count(*) FROM items WHERE kind = 8");
    assert_eq!(count("SELECT count(*) FROM audit WHERE action LIKE 'directory.%'"), entries);
    let grants = count("SELECT count(*) FROM items WHERE kind IN (3, 4, 5, 7)");
    assert_eq!(count("SELECT count(*) FROM audit WHERE action LIKE 'key.%'"), grants);
    let error = connection.execute("UPDATE audit SET count = 2", []).unwrap_err();
    assert!(error.to_string().contains("only appended"), "{error}");
    assert!(connection.execute("DELETE FROM audit", []).is_err());
}

fn fault(world: &World, anchor: Option<Anchor>) -> Option<AuditFault> {
    verify::audit(world.folder(), Some(team(world)), anchor).unwrap()[0].fault
}

/// Does something to the file of a stopped relay and says what the verifier finds.
fn tampered(act: impl Fn(&Connection), with_anchor: bool) -> Option<AuditFault> {
    let mut world = settled();
    let anchor = anchor(&mut world, "amy");
    assert_eq!(fault(&world, Some(anchor)), None, "it holds before");
    world.while_stopped(|folder, _| {
        let connection = Connection::open(folder.join("relay.db")).unwrap();
        connection
            .execute_batch(
                "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_shortened;",
            )
            .unwrap();
        act(&connection);
    });
    fault(&world, with_anchor.then_some(anchor))
}

#[test]
fn one_edited_row_is_found_whichever_of_its_fields_was_edited() {
    for change in [
        "action = 'directory.renew'",
        "object = ''",
        "result = 'purged'",
        "actor = zeroblob(16)",
        "actor = NULL",
        "at_ms = at_ms + 1",
        "count = count + 1",
        "hash = zeroblob(32)",
        "prev = zeroblob(32)",
    ] {
        let edit = |connection: &Connection| {
            let sql = format!("UPDATE audit SET {change} WHERE seq = 5");
            assert_eq!(connection.execute(&sql, []).unwrap(), 1);
        };
        assert_eq!(tampered(edit, false), Some(AuditFault::Changed(5)), "{change}");
    }
}

#[test]
fn one_removed_row_is_found() {
    let remove =
        |connection: &Connection| drop(connection.execute("DELETE FROM audit WHERE seq = 5", []));
    assert_eq!(tampered(remove, false), Some(AuditFault::Missing(5)));
    let close_the_gap = |connection: &Connection| {
        connection
            .execute_batch(
                "DELETE FROM audit WHERE seq = 5;
                 UPDATE audit SET seq = -seq WHERE seq > 5; UPDATE audit SET seq = -seq - 1 WHERE seq < 0;",
            )
            .unwrap();
    };
    assert_eq!(tampered(close_the_gap, false), Some(AuditFault::Changed(5)));
}

#[test]
fn two_rows_in_each_others_place_are_found() {
    let swap = |connection: &Connection| {
        connection
            .execute_batch(
                "UPDATE audit SET seq = -1 WHERE seq = 5; UPDATE audit SET seq = 5 WHERE seq = 6;
                 UPDATE audit SET seq = 6 WHERE seq = -1;",
            )
            .unwrap();
    };
    assert_eq!(tampered(swap, false), Some(AuditFault::Changed(5)));
}

#[test]
fn an_end_that_was_cut_off_is_found_with_the_head_that_a_phone_kept() {
    let cut = |connection: &Connection| {
        connection
            .execute("DELETE FROM audit WHERE seq > (SELECT max(seq) - 2 FROM audit)", [])
            .unwrap();
    };
    assert!(matches!(tampered(cut, true), Some(AuditFault::CutOff { .. })));
    assert_eq!(tampered(cut, false), None, "the chain alone cannot show it");
    let all = |connection: &Connection| drop(connection.execute("DELETE FROM audit", []));
    assert!(matches!(tampered(all, true), Some(AuditFault::CutOff { end: 0, .. })));
}

#[test]
fn a_log_that_was_chained_anew_after_an_edit_is_found_with_the_head_that_a_phone_kept() {
    let rewrite = |connection: &Connection| {
        let team: [u8; 32] =
            connection.query_row("SELECT DISTINCT team FROM audit", [], |row| row.get(0)).unwrap();
        connection.execute("UPDATE audit SET object = '' WHERE seq = 5", []).unwrap();
        let mut statement = connection
            .prepare(
                "SELECT seq, at_ms, actor, action, object, result, count FROM audit ORDER BY seq",
            )
            .unwrap();
        let rows: Vec<AuditRow> = statement
            .query_map([], |row| {
                Ok(AuditRow {
                    seq: row.get::<_, i64>(0)? as u64,
                    at: Timestamp(row.get(1)?),
                    actor: row.get::<_, Option<[u8; 16]>>(2)?.map(DeviceId::new),
                    action: row.get(3)?,
                    object: row.get(4)?,
                    result: row.get(5)?,
                    count: row.get::<_, i64>(6)? as u64,
                    hash: [0; 32].into(),
                })
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let mut hash = [0; 32];
        for row in rows {
            let next = row.expected_hash(TeamId::new(team), &hash);
            connection
                .execute(
                    "UPDATE audit SET prev = ?2, hash = ?3 WHERE seq = ?1",
                    params![row.seq as i64, hash, next],
                )
                .unwrap();
            hash = next;
        }
    };
    assert!(matches!(tampered(rewrite, true), Some(AuditFault::OtherThanAnchor(_))));
}

#[test]
fn a_phone_raises_an_alarm_when_the_log_goes_back_or_is_another_one() {
    let acts = [
        "DELETE FROM audit WHERE seq > (SELECT max(seq) - 1 FROM audit)",
        "UPDATE audit SET hash = zeroblob(32) WHERE seq = (SELECT max(seq) FROM audit)",
    ];
    for act in acts {
        let mut world = settled();
        world.sync("amy");
        assert!(!alarms(&mut world, "amy").contains(&Code::AuditChanged));
        open(&world).execute(act, []).unwrap();
        world.sync("amy");
        assert!(alarms(&mut world, "amy").contains(&Code::AuditChanged), "{act}");
    }
}

#[test]
fn an_admins_phone_reads_the_rows_and_nobody_elses_does() {
    let mut world = settled();
    assert!(world.on("amy", |phone, _| phone.follow_audit(true)).is_err());
    world.on("admin", |phone, _| phone.follow_audit(true)).unwrap();
    world.sync("admin");
    let rows = world.on("admin", |phone, _| phone.audit()).unwrap();
    assert_eq!(rows.iter().map(|row| row.action.clone()).collect::<Vec<_>>(), actions(&world));
    let head = anchor(&mut world, "admin");
    assert_eq!((head.seq, head.hash), (rows.len() as u64, *rows.last().unwrap().hash));
    // A modified phone that asks all the same gets none.
    let (body, _) = world.request("amy");
    let mut request: sync_core::protocol::SyncRequest =
        sync_core::protocol::from_cbor(&tests::unpack(&body)).unwrap();
    request.audit_after = Some(0);
    let body = tests::pack(&sync_core::protocol::to_cbor(&request));
    let token = world.on("amy", |phone, env| phone.token(env, &body)).unwrap();
    let response = tests::read_answer(&world.relay.sync(&token, &body).unwrap());
    assert!(response.audit.is_none() && response.audit_head.is_some());
}
