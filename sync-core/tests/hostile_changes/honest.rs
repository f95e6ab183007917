//! Whatever phones write, in whatever order it crosses, is admitted everywhere and converges.
//!
//! The walker reads one form only; a mistake in it would refuse people's words. So phones write at random here,
//! offline for a while, and every change must pass every other phone's gate.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sync_core::doc::{self, Edit};
use sync_core::protocol::{Code, limits};
use sync_core::records::{FieldOp, Scalar};

use crate::bench::{CONTACT, Copy, DETAIL, NOTE, PHASE, Sent, doc_type, header};

const PHONES: usize = 3;

/// A phone: its copy, and how much of the common log it has taken.
struct Phone {
    copy: Copy,
    taken: usize,
    unsent: Vec<Sent>,
}

fn below(rng: &mut ChaCha8Rng, bound: usize) -> usize {
    rng.next_u32() as usize % bound.max(1)
}

fn contact_ops(rng: &mut ChaCha8Rng) -> Vec<FieldOp> {
    let text = |value: &str| Scalar::Str(value.into());
    let ops = [
        FieldOp::Put("mode".into(), text(["phone", "video", "text"][below(rng, 3)])),
        FieldOp::Put("day".into(), Scalar::Int(below(rng, 3) as i64)),
        FieldOp::Put("on_duty".into(), Scalar::Bool(below(rng, 2) == 0)),
        FieldOp::Put("contact_number".into(), text(["first", "repeat"][below(rng, 2)])),
        FieldOp::Delete(["mode", "day", "on_duty"][below(rng, 3)].into()),
    ];
    pick(rng, ops.to_vec())
}

fn detail_ops(rng: &mut ChaCha8Rng) -> Vec<FieldOp> {
    let codes = ["grief", "legal", "finances", "spiritual", "other", "anxiety", "gambling"];
    let mut ops: Vec<_> = codes
        .iter()
        .map(|code| match below(rng, 3) {
            0 => FieldOp::Delete(format!("issues.{code}")),
            _ => FieldOp::Put(format!("issues.{code}"), Scalar::Bool(true)),
        })
        .collect();
    ops.push(FieldOp::Put("duration_min".into(), Scalar::Int(1 + below(rng, 400) as i64)));
    pick(rng, ops)
}

fn pick(rng: &mut ChaCha8Rng, mut ops: Vec<FieldOp>) -> Vec<FieldOp> {
    ops.retain(|_| below(rng, 2) == 0);
    ops
}

fn typing(rng: &mut ChaCha8Rng, longest: usize) -> String {
    let letters = ['a', 'a', 'b', 'ß', 'é', '漢', '🙂', '\u{200d}', '\n', '\u{301}', '\u{fffc}'];
    (0..below(rng, longest + 1)).map(|_| letters[below(rng, letters.len())]).collect()
}

impl Phone {
    fn write(&mut self, device: usize, rng: &mut ChaCha8Rng) {
        let number = self.copy.number;
        // Now and then a phone goes on under another actor, as after a refusal.
        let header = header(number, device as u8, below(rng, 3) as u16);
        let ops;
        let insert;
        let edit = if number == NOTE {
            let len = self.copy.saved.as_ref().map_or(0, |saved| {
                doc::flatten(saved).expect("loads").texts[PHASE].chars().count()
            });
            let at = below(rng, len + 1);
            let longest = if below(rng, 20) == 0 { 300 } else { 8 };
            insert = typing(rng, longest);
            Edit::Text {
                key: PHASE,
                at,
                delete: below(rng, (len - at).min(9) + 1),
                insert: &insert,
            }
        } else {
            ops = if number == CONTACT { contact_ops(rng) } else { detail_ops(rng) };
            Edit::Fields(&ops)
        };
        let base = self.copy.saved.as_deref();
        let change = doc::author(base, doc_type(number), header.actor(), &edit).expect("fits");
        if let Some(change) = change {
            let sent = Sent { header, change };
            assert_eq!(self.copy.take(std::slice::from_ref(&sent)), [Ok(())], "its own gate");
            self.unsent.push(sent);
        }
    }

    fn sync(&mut self, log: &mut Vec<Sent>) {
        let results = self.copy.take(&log[self.taken..]);
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        log.append(&mut self.unsent);
        self.taken = log.len();
    }
}

fn converge(number: u16, rounds: usize, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut log = Vec::new();
    let mut phones: Vec<Phone> = (0..PHONES)
        .map(|_| Phone { copy: Copy::new(number), taken: 0, unsent: Vec::new() })
        .collect();
    for _ in 0..rounds {
        let device = below(&mut rng, PHONES);
        phones[device].write(device, &mut rng);
        if below(&mut rng, 4) == 0 {
            phones[below(&mut rng, PHONES)].sync(&mut log);
        }
    }
    for _ in 0..2 {
        phones.iter_mut().for_each(|phone| phone.sync(&mut log));
    }
    // The relay takes one at a time; a new phone takes all at once, last first.
    let mut relay = Copy::new(number);
    for sent in &log {
        assert_eq!(relay.take(std::slice::from_ref(sent)), [Ok(())]);
    }
    let mut newcomer = Copy::new(number);
    log.reverse();
    assert!(newcomer.take(&log).iter().all(Result::is_ok));
    for copy in phones.iter().map(|phone| &phone.copy).chain([&newcomer]) {
        assert_eq!(copy.heads(), relay.heads());
        assert_eq!(copy.flat(), relay.flat());
    }
}

#[test]
fn open_records_written_at_random_converge_everywhere() {
    (0..4).for_each(|seed| converge(CONTACT, 50, seed));
}

#[test]
fn sealed_sets_written_at_random_converge_everywhere() {
    (0..4).for_each(|seed| converge(DETAIL, 50, seed));
}

#[test]
fn notes_typed_at_random_converge_everywhere() {
    (0..3).for_each(|seed| converge(NOTE, 40, seed));
}

#[test]
fn the_longest_change_there_may_be_is_admitted() {
    let mut note = Copy::new(NOTE);
    let distinct: String =
        (0..limits::MAX_OPS as u32).filter_map(|i| char::from_u32(0x1_0000 + i)).collect();
    note.type_at(1, 0, 0, &distinct);
    note.type_at(2, 0, limits::MAX_OPS - 1, "x");
    let same = "a".repeat(limits::MAX_OPS);
    note.type_at(3, 0, 0, &same);
    assert_eq!(note.flat().texts[PHASE].chars().count(), limits::MAX_OPS + 2);
    let one_more = note.author(4, &Edit::Text { key: PHASE, at: 0, delete: 0, insert: "b" });
    assert_eq!(note.verdict(&one_more), Ok(()));
}

#[test]
fn a_change_that_merges_many_heads_is_admitted() {
    let start = Copy::new(CONTACT);
    let op = |value: u64| FieldOp::Put("day".into(), Scalar::Int(value as i64));
    let sent: Vec<Sent> = (0..200u8)
        .map(|device| start.author(device, &Edit::Fields(&[op(device.into())])))
        .collect();
    let mut merged = start.clone();
    assert!(merged.take(&sent).iter().all(Result::is_ok));
    assert_eq!(merged.heads().len(), 200);
    assert_eq!(merged.flat().keys["day"].len(), 200);
    merged.write(7, &Edit::Fields(&[op(1_000)]));
    assert_eq!(merged.heads().len(), 1);
    assert_eq!(merged.flat().keys["day"], [Scalar::Int(1_000)]);
    assert_eq!(start.admit(&sent[..1]).results, [Ok(())]);
    let alone = merged.author(8, &Edit::Fields(&[op(5)]));
    assert_eq!(start.admit(&[alone]).results, [Err(Code::MissingAncestor)]);
}
