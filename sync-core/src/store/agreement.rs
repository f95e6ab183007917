//! The stores side by side: random calls from a seed, each asked of both, the answers compared one by one.

#![cfg(feature = "sqlite")]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::contract::{Memory, Sqlite, Subject};
use crate::engine::{Table, Transaction};

/// A short key over few bytes, so that keys collide, nest and reach both ends of the order.
fn some_key(rng: &mut ChaCha8Rng) -> Vec<u8> {
    const BYTES: [u8; 4] = [0, 1, 0xfe, 0xff];
    (0..rng.next_u32() % 4).map(|_| BYTES[rng.next_u32() as usize % 4]).collect()
}

/// One random call on both; their answers must be the same.
fn step(rng: &mut ChaCha8Rng, one: &mut dyn Transaction, two: &mut dyn Transaction) {
    let table = [Table::Meta, Table::Envelopes][rng.next_u32() as usize % 2];
    let key = some_key(rng);
    match rng.next_u32() % 8 {
        0..3 => {
            let value = rng.next_u64().to_be_bytes();
            let value = &value[..rng.next_u32() as usize % 9];
            one.put(table, &key, value).unwrap();
            two.put(table, &key, value).unwrap();
        }
        3 => {
            one.delete(table, &key).unwrap();
            two.delete(table, &key).unwrap();
        }
        4 => assert_eq!(one.get(table, &key).unwrap(), two.get(table, &key).unwrap()),
        _ => {
            let after = rng.next_u32().is_multiple_of(2).then(|| some_key(rng));
            let limit = rng.next_u32() as usize % 20;
            let scan = |tx: &dyn Transaction| tx.scan(table, &key, after.as_deref(), limit);
            assert_eq!(scan(one).unwrap(), scan(two).unwrap(), "{key:?} {after:?} {limit}");
        }
    }
}

#[test]
fn both_stores_answer_alike_whatever_is_asked() {
    for seed in 0..12 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut memory, mut sqlite) = (Memory::fresh(), Sqlite::fresh());
        for _ in 0..40 {
            let mut one = memory.store().begin().unwrap();
            let mut two = sqlite.store().begin().unwrap();
            for _ in 0..rng.next_u32() % 25 {
                step(&mut rng, &mut *one, &mut *two);
            }
            if rng.next_u32().is_multiple_of(3) {
                drop(one);
                drop(two);
            } else {
                one.commit().unwrap();
                two.commit().unwrap();
            }
            if rng.next_u32().is_multiple_of(8) {
                memory.reopen();
                sqlite.reopen();
            }
        }
    }
}
