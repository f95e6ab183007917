//! Pages of a log that no honest relay could have written.

use super::*;

#[test]
fn an_empty_page_moves_no_cursor() {
    let mut world = county();
    let operations = open_space(&world, SpaceKind::Operations, None);
    let (seq, chain) = cursor(&mut world, "amy", operations);
    for claimed in [seq + 1, u64::MAX, u64::MAX - 1] {
        lie(&mut world, "amy", |response| {
            response.spaces = vec![SpaceItems {
                space: operations,
                items: Vec::new(),
                seq: claimed,
                chain,
                more: false,
            }];
        })
        .unwrap();
    }
    let id = world.incident("bo");
    world.sync_all();
    assert_eq!(world.shown("amy", id, "source"), Some(text("manual")), "{}", world.troubles());
}

/// Alters the page that brings amy bo's incident; it must not be taken, nor stand in the way of the honest one.
fn altered_page(alter: impl Fn(&mut SyncResponse, usize)) -> (World, DocId) {
    let mut world = county();
    let id = world.incident("bo");
    world.sync("bo");
    world.edit("bo", id, &[("severity", Value::Int(2))]);
    world.sync("bo");
    let operations = open_space(&world, SpaceKind::Operations, None);
    let outcome = lie(&mut world, "amy", |response| {
        let at = response.spaces.iter().position(|items| items.space == operations).unwrap();
        alter(response, at);
    });
    if let Ok(outcome) = outcome {
        assert_eq!(outcome.received, 0);
        assert!(!alarms(&mut world, "amy").is_empty());
    }
    assert_eq!(world.shown("amy", id, "severity"), None);
    world.sync_all();
    assert_eq!(world.shown("amy", id, "severity"), Some(Value::Int(2)), "{}", world.troubles());
    (world, id)
}

#[test]
fn a_page_that_is_reordered_cut_doubled_or_miscounted_is_not_taken_and_the_honest_one_is() {
    altered_page(|response, at| response.spaces[at].items.reverse());
    altered_page(|response, at| drop(response.spaces[at].items.pop()));
    altered_page(|response, at| drop(response.spaces[at].items.remove(0)));
    altered_page(|response, at| {
        let again = response.spaces[at].items[0].clone();
        response.spaces[at].items.push(again);
    });
    altered_page(|response, at| response.spaces[at].seq += 1);
    altered_page(|response, at| response.spaces[at].chain = Chain::new([3; 32]));
    altered_page(|response, at| match &mut response.spaces[at].items[0] {
        SpaceItem::Envelope { row_day, .. } => row_day.0 += 1,
        _ => panic!("bo's envelope"),
    });
}

/// The packed envelope of a page's first item, altered byte for byte in its CBOR.
fn flip(response: &mut SyncResponse, at: usize, pick: impl Fn(&[u8]) -> usize) {
    let SpaceItem::Envelope { packed, .. } = &mut response.spaces[at].items[0] else {
        panic!("an envelope")
    };
    let mut bytes = to_cbor(packed);
    let place = pick(&bytes);
    bytes[place] ^= 1;
    *packed = from_cbor(&bytes).unwrap();
}

#[test]
fn a_flipped_bit_in_a_served_header_or_body_is_not_taken_and_the_honest_item_is() {
    // CBOR: array head, byte string head of two bytes, header of 77 bytes, index, byte string head, signature, body.
    altered_page(|response, at| flip(response, at, |_| 3 + 50));
    altered_page(|response, at| flip(response, at, |bytes| bytes.len() - 1));
}

#[test]
fn an_item_whose_signature_does_not_match_is_set_aside_with_an_alarm_and_the_log_goes_on() {
    // The signature alone, and the author's day with a chain that agrees.
    for place in [3 + 77 + 1 + 2 + 10, 3 + 68] {
        let mut world = county();
        let id = world.incident("bo");
        let other = world.incident("bo");
        world.sync("bo");
        let operations = open_space(&world, SpaceKind::Operations, None);
        lie(&mut world, "amy", |response| {
            let at = response.spaces.iter().position(|items| items.space == operations).unwrap();
            flip(response, at, |_| place);
            rechain(response, at, Chain::EMPTY, 0);
        })
        .unwrap();
        assert_eq!(world.shown("amy", id, "source"), None);
        assert_eq!(world.shown("amy", other, "source"), Some(text("manual")));
        assert!(alarms(&mut world, "amy").contains(&Code::BadSignature));
        let drafts = world.on("amy", |phone, _| phone.drafts()).unwrap();
        assert!(drafts.iter().any(|draft| draft.code == Code::BadSignature && !draft.own));
        // Whoever wrote it still has it.
        assert_eq!(world.shown("bo", id, "source"), Some(text("manual")));
    }
}

#[test]
fn a_row_that_claims_another_directory_state_is_not_taken() {
    for claimed in [0, 1, u64::MAX] {
        altered_page(move |response, at| {
            for item in &mut response.spaces[at].items {
                if let SpaceItem::Envelope { directory_seq, .. } = item {
                    *directory_seq = claimed;
                }
            }
            rechain(response, at, Chain::EMPTY, 0);
        });
    }
}

#[test]
fn an_item_moved_from_another_space_is_not_taken() {
    let mut world = county();
    let id = world.incident("bo");
    world.sync("bo");
    let (operations, roster) = (
        open_space(&world, SpaceKind::Operations, None),
        open_space(&world, SpaceKind::Roster, None),
    );
    let (seq, chain) = cursor(&mut world, "amy", roster);
    lie(&mut world, "amy", |response| {
        response.spaces.retain(|items| items.space == operations);
        response.spaces[0].space = roster;
        rechain(response, 0, chain, seq);
    })
    .unwrap();
    assert!(!alarms(&mut world, "amy").is_empty());
    world.sync_all();
    assert_eq!(world.shown("amy", id, "source"), Some(text("manual")), "{}", world.troubles());
}

#[test]
fn extreme_numbers_and_a_hundred_thousand_items_neither_panic_nor_stick() {
    let mut world = county();
    let operations = open_space(&world, SpaceKind::Operations, None);
    for now in [i64::MIN, i64::MAX, 0] {
        lie(&mut world, "amy", |response| response.now = Timestamp(now)).unwrap();
        world.incident("amy");
        world.sync("amy");
    }
    let (seq, chain) = cursor(&mut world, "amy", operations);
    let started = std::time::Instant::now();
    for (directory_seq, day) in [(u64::MAX, u32::MAX), (0, 0)] {
        lie(&mut world, "amy", |response| {
            let mut end = chain;
            let items: Vec<_> = (0..100_000_u32)
                .map(|n| {
                    let mut id = [0; 32];
                    id[..4].copy_from_slice(&n.to_be_bytes());
                    let id = EnvelopeId::new(id);
                    end = next_chain(end, id, directory_seq, Day(day));
                    SpaceItem::Stub {
                        directory_seq,
                        row_day: Day(day),
                        id,
                        device: sync_core::ids::DeviceId::new([1; 16]),
                        device_seq: u64::MAX,
                        code: "no such code".repeat(3),
                    }
                })
                .collect();
            let seq = seq + items.len() as u64;
            response.spaces =
                vec![SpaceItems { space: operations, items, seq, chain: end, more: true }];
        })
        .unwrap();
    }
    assert!(started.elapsed().as_secs() < 60);
    for result in [u64::MAX, 0] {
        world.incident("amy");
        lie(&mut world, "amy", |response| {
            for pushed in &mut response.results {
                (pushed.seq, pushed.code) = (result, "x".repeat(100_000));
            }
            response.spaces.clear();
            response.backup_through = u64::MAX;
        })
        .unwrap();
    }
    let id = world.incident("amy");
    world.exchange("amy").unwrap();
    world.sync("cleo");
    assert_eq!(world.shown("cleo", id, "source"), Some(text("manual")));
}

#[test]
fn a_relay_that_promises_more_and_brings_nothing_is_asked_no_more() {
    let mut world = county();
    world.sync_all();
    let outcome = lie(&mut world, "amy", |response| {
        let operations = response.spaces.first().map(|items| items.space);
        let space = operations.unwrap_or(SpaceId::new([5; 16]));
        let (seq, chain, items) = (9, Chain::new([9; 32]), Vec::new());
        response.spaces = vec![SpaceItems { space, items, seq, chain, more: true }];
    });
    assert!(!outcome.unwrap().again, "nothing of it could be taken");
    world.sync_all();
}
