//! Thousands of well-formed hostile changes: sound ones with one to three parts altered and the checksum repaired.

use std::sync::atomic::{AtomicUsize, Ordering};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sync_core::doc::Edit;
use sync_core::protocol::Code;
use sync_core::records::{FieldOp, Scalar};

use crate::bench::{CONTACT, Copy, DETAIL, NOTE, PHASE, Sent};
use crate::forge::{self, Parts};

const PER_TARGET: usize = 800;

/// A document in two states, and a sound change that both admit.
struct Target {
    /// Holds the change's ancestors only.
    lean: Copy,
    /// Holds another device's concurrent change too.
    full: Copy,
    sent: Sent,
    /// What an honest device writes afterwards.
    next: Edit<'static>,
}

fn fields(ops: &[(&str, Scalar)]) -> Vec<FieldOp> {
    ops.iter().map(|(key, value)| FieldOp::Put((*key).into(), value.clone())).collect()
}

fn contact() -> Target {
    let mut lean = Copy::new(CONTACT);
    let text = |value: &str| Scalar::Str(value.into());
    let start = fields(&[("mode", text("phone")), ("day", Scalar::Int(20_000))]);
    lean.write(1, &Edit::Fields(&start));
    let other = lean.author(2, &Edit::Fields(&fields(&[("mode", text("text"))])));
    lean.put(1, "mode", "video");
    lean.take(&[other]);
    let edit = [
        fields(&[("mode", text("in_person")), ("on_duty", Scalar::Bool(true))]),
        vec![FieldOp::Delete("day".into())],
    ]
    .concat();
    let other = fields(&[("mode", text("group"))]);
    let next = Vec::leak(fields(&[("contact_number", text("first"))]));
    with_concurrent(lean, &Edit::Fields(&edit), &Edit::Fields(&other), Edit::Fields(next))
}

fn detail() -> Target {
    let mut lean = Copy::new(DETAIL);
    let issues = ["grief", "legal", "finances", "spiritual"]
        .map(|code| (format!("issues.{code}"), Scalar::Bool(true)));
    let issues: Vec<_> = issues.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    lean.write(1, &Edit::Fields(&fields(&issues)));
    let edit = [
        fields(&[("duration_min", Scalar::Int(30)), ("issues.other", Scalar::Bool(true))]),
        vec![FieldOp::Delete("issues.grief".into())],
    ]
    .concat();
    let other = fields(&[("issues.anxiety", Scalar::Bool(true))]);
    let next = Vec::leak(fields(&[("travel_min", Scalar::Int(7))]));
    with_concurrent(lean, &Edit::Fields(&edit), &Edit::Fields(&other), Edit::Fields(next))
}

fn note() -> Target {
    let mut lean = Copy::new(NOTE);
    lean.type_at(1, 0, 0, "🙂 Calm at the end.");
    lean.type_at(2, 6, 3, " 🚑");
    let edit = Edit::Text { key: PHASE, at: 4, delete: 5, insert: "nm, ßé" };
    let other = Edit::Text { key: PHASE, at: 2, delete: 4, insert: "Quiet" };
    let next = Edit::Text { key: PHASE, at: 1, delete: 1, insert: "🙂" };
    with_concurrent(lean, &edit, &other, next)
}

fn with_concurrent(lean: Copy, edit: &Edit<'_>, other: &Edit<'_>, next: Edit<'static>) -> Target {
    let sent = lean.author(3, edit);
    let mut full = lean.clone();
    full.write(4, other);
    Target { lean, full, sent, next }
}

fn below(rng: &mut ChaCha8Rng, bound: usize) -> usize {
    rng.next_u32() as usize % bound.max(1)
}

/// Alters one part of a change.
fn alter(parts: &mut Parts, rng: &mut ChaCha8Rng) {
    let small = u64::from(rng.next_u32() % 40);
    let count = parts.columns.len();
    match rng.next_u32() % 24 {
        0 => parts.seq = small,
        1 => parts.start_op = small,
        2 => parts.start_op = rng.next_u64() >> (rng.next_u32() % 64),
        3 => parts.deps.clear(),
        4 => {
            parts.deps.pop();
        }
        5 => parts.others.reverse(),
        6 => {
            parts.others.pop();
        }
        7 => {
            let actor = parts.actor.clone();
            parts.others.push(actor);
        }
        8 if count > 1 => {
            let (one, other) = (below(rng, count), below(rng, count));
            let bytes = parts.columns[one].1.clone();
            parts.columns[other].1 = bytes;
        }
        9 if count > 0 => {
            parts.columns.remove(below(rng, count));
        }
        10 if count > 0 => {
            let at = below(rng, count);
            parts.columns[at].0 = ((rng.next_u32() % 16) << 4) | (rng.next_u32() % 8);
            parts.columns.sort();
        }
        11 if count > 0 => {
            let column = &mut parts.columns[below(rng, count)].1;
            let at = below(rng, column.len() + 1);
            column.insert(at, rng.next_u32() as u8);
        }
        12 if count > 0 => {
            let column = &mut parts.columns[below(rng, count)].1;
            if !column.is_empty() {
                column.remove(below(rng, column.len()));
            }
        }
        // Other values of the same length: mostly sound.
        13..=16 => {
            let values = parts.column(0x57);
            let at = below(rng, values.len());
            if let Some(byte) = values.get_mut(at) {
                *byte = byte.wrapping_add(1);
            }
        }
        _ if count > 0 => {
            let column = &mut parts.columns[below(rng, count)].1;
            let length = column.len();
            if let Some(byte) = column.get_mut(below(rng, length)) {
                *byte = match rng.next_u32() % 4 {
                    0 => rng.next_u32() as u8,
                    1 => byte.wrapping_add(1),
                    2 => byte.wrapping_sub(1),
                    _ => *byte ^ 1 << (rng.next_u32() % 8),
                };
            }
        }
        _ => parts.extra.push(rng.next_u32() as u8),
    }
}

/// Alters one to three bytes anywhere, or one to three parts, and repairs the checksum.
fn mutate(change: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let times = 1 + rng.next_u32() % 3;
    if rng.next_u32().is_multiple_of(4) {
        let mut bytes = change.to_vec();
        for _ in 0..times {
            let at = below(rng, bytes.len());
            bytes[at] = rng.next_u32() as u8;
        }
        forge::repair(&mut bytes);
        return bytes;
    }
    let mut parts = Parts::read(change);
    for _ in 0..times {
        alter(&mut parts, rng);
    }
    parts.write()
}

/// Panics on this thread, caught or not. The walker is to leave Automerge nothing to panic about.
static PANICS: AtomicUsize = AtomicUsize::new(0);
const THREAD: &str = "hostile mutations";

fn count_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() == Some(THREAD) {
            PANICS.fetch_add(1, Ordering::SeqCst);
        }
        before(info);
    }));
}

#[test]
fn no_mutated_change_panics_poisons_the_document_or_splits_the_nodes() {
    count_panics();
    let work = || {
        let mut rng = ChaCha8Rng::seed_from_u64(2_026);
        let mut tally = std::collections::BTreeMap::<String, usize>::new();
        for target in [contact(), detail(), note()] {
            for _ in 0..PER_TARGET {
                let bytes = mutate(&target.sent.change, &mut rng);
                if bytes == target.sent.change {
                    continue;
                }
                let sent = target.sent.with(bytes);
                let verdict = target.full.verdict(&sent);
                // The verdict follows from the change and its past, not from what else a node holds.
                assert_eq!(target.lean.verdict(&sent), verdict, "{:02x?}", sent.change);
                assert_ne!(verdict, Err(Code::Internal));
                let name = verdict.map_or_else(|code| code.to_string(), |()| "admitted".into());
                *tally.entry(name).or_default() += 1;
                if verdict.is_ok() {
                    // What was admitted stands in nobody's way afterwards.
                    let mut copy = target.full.clone();
                    copy.take(&[sent]);
                    copy.write(5, &target.next);
                }
            }
        }
        tally
    };
    let thread = std::thread::Builder::new().name(THREAD.into());
    let tally = thread.spawn(work).expect("starts").join().expect("no panic reaches the caller");
    println!("{tally:?}");
    assert_eq!(PANICS.load(Ordering::SeqCst), 0, "Automerge panicked on a walked change");
    assert!(tally.values().sum::<usize>() >= 2_300, "{tally:?}");
    assert!(tally["admitted"] >= 50, "some mutations are sound changes: {tally:?}");
}
