//! A phone that dies, or whose storage is full, at every write while it heals a relay: it heals it later.

use sync_core::engine::{EngineError, Table};
use sync_core::protocol::to_cbor;
use sync_core::store::MemoryStore;
use tests::failing::{FailingStore, Fault, Faults, rows as stored_rows, survive};

use super::*;

/// More writes than anything here takes.
const MOST_WRITES: u64 = 600;

/// One exchange, its reconciling included; the phone may fail in it.
fn exchange(world: &mut World) -> Result<(), EngineError> {
    let request = world.on("amy", |phone, env| phone.reconcile_request(env))?;
    if let Some(request) = request {
        let body = tests::pack(&to_cbor(&request));
        let token = world.on("amy", |phone, env| phone.token(env, &body))?;
        let answer = tests::unpack(&world.relay.reconcile(&token, &body).unwrap());
        world.on("amy", |phone, _| phone.reconcile_answer(&request, &body, &answer))?;
    }
    let (body, token) = world.try_request("amy")?;
    let answer = world.relay.sync(&token, &body).unwrap();
    world.answer("amy", &body, &answer).map(drop)
}

fn envelopes(store: &MemoryStore) -> Vec<Vec<u8>> {
    let rows = stored_rows(&mut store.clone());
    let of_table = rows.into_iter().filter(|(table, ..)| *table == Table::Envelopes);
    of_table.map(|(_, id, _)| id).collect()
}

struct Scene {
    world: World,
    store: MemoryStore,
    faults: Faults,
    backup: tests::loss::Backup,
    records: Vec<DocId>,
}

fn scene() -> Scene {
    let mut world = World::new(21, PolicyProfile::neutral());
    let (store, faults) = (MemoryStore::new(), Faults::default());
    let failing = FailingStore::new(Box::new(store.clone()), &faults);
    world.join_on("amy", &[Role::FacilitatorMhp], Box::new(failing));
    world.join("bo", &[Role::Coordinator]);
    world.sync_all();
    let backup = world.backup();
    let mut records: Vec<_> =
        (1..4).map(|severity| incident(&mut world, "amy", severity)).collect();
    records.push(incident(&mut world, "bo", 5));
    contact(&mut world, "amy");
    world.sync_all();
    Scene { world, store, faults, backup, records }
}

#[test]
fn a_phone_that_dies_at_any_write_while_it_hands_back_hands_back_everything_later() {
    let Scene { mut world, store, faults, backup, records } = scene();
    let before = log(&world);
    let mut deaths = 0;
    for fault in [Fault::DieBefore, Fault::DieAfter] {
        for at in (1..MOST_WRITES).step_by(3) {
            world.restore(&backup, true);
            faults.plan(fault, at);
            // Asked for its cursors, told of the loss, asked what is lacking, handed back: four exchanges.
            let survived = survive(|| (0..4).for_each(|_| exchange(&mut world).unwrap()));
            let happened = faults.end();
            assert_eq!(survived.is_none(), happened);
            if survived.is_none() {
                let store = store.clone();
                world.reopen("amy", || Box::new(FailingStore::new(Box::new(store), &faults)));
                deaths += 1;
            }
            world.sync("amy");
            for id in before.keys() {
                assert!(log(&world).contains_key(id), "lost after a death at write {at}");
            }
            if !happened {
                break;
            }
        }
    }
    assert!(deaths > 20, "only {deaths} deaths");
    world.sync_all();
    for name in ["amy", "bo"] {
        assert_eq!(pending(&mut world, name), 0);
        for record in &records {
            assert!(world.shown(name, *record, "severity").is_some(), "{name}");
        }
    }
    assert_eq!(heads(&mut world, "amy").len(), {
        let made = world.on("amy", |phone, _| phone.rebuild()).unwrap();
        made as usize
    });
}

#[test]
fn full_storage_leaves_a_phone_where_it_was_and_it_heals_when_there_is_room() {
    let Scene { mut world, store, faults, backup, .. } = scene();
    let before = log(&world);
    world.restore(&backup, true);
    let mut refused = 0;
    for at in 1..MOST_WRITES {
        let held = envelopes(&store);
        faults.plan(Fault::Full, at);
        let result = (0..4).try_for_each(|_| exchange(&mut world));
        let happened = faults.end();
        let done = result.is_ok();
        if let Err(error) = result {
            assert!(happened);
            assert_eq!(error.code(), Code::StoreFailed);
            refused += 1;
            assert_eq!(envelopes(&store), held, "write {at} cost an envelope");
        }
        if done && !happened {
            break;
        }
    }
    assert!(refused > 10, "{refused}");
    world.sync("amy");
    for id in before.keys() {
        assert!(log(&world).contains_key(id));
    }
}

#[test]
fn an_answer_that_is_lost_or_comes_twice_changes_nothing() {
    let Scene { mut world, backup, .. } = scene();
    let before = log(&world);
    world.restore(&backup, true);
    while !world.exchange("amy").unwrap().heal {}
    let request = world.on("amy", |phone, env| phone.reconcile_request(env)).unwrap().unwrap();
    let body = tests::pack(&to_cbor(&request));
    let token = world.on("amy", |phone, env| phone.token(env, &body)).unwrap();
    let lost = tests::unpack(&world.relay.reconcile(&token, &body).unwrap());
    assert_eq!(
        world.relay.reconcile(&token, &body).unwrap_err().code,
        Code::TokenReplayed,
        "a request counts once"
    );
    // The first answer is lost; the question is asked again, and then both answers come, one of them twice.
    assert!(world.reconcile("amy"));
    for _ in 0..2 {
        world.on("amy", |phone, _| phone.reconcile_answer(&request, &body, &lost)).unwrap();
    }
    let mut forged = lost.clone();
    let middle = forged.len() / 2;
    forged[middle] ^= 1;
    assert!(world.on("amy", |phone, _| phone.reconcile_answer(&request, &body, &forged)).is_err());
    let other = tests::pack(b"another request");
    let error = world.on("amy", |phone, _| phone.reconcile_answer(&request, &other, &lost));
    assert_eq!(error.unwrap_err().code(), Code::BadSignature);
    world.sync_all();
    for id in before.keys() {
        assert!(log(&world).contains_key(id));
    }
}
