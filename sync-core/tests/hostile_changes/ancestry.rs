//! A change's place among others: its author's count, its ancestors, its batch.

use sync_core::doc::{self, Edit};
use sync_core::protocol::{Code, limits};
use sync_core::records::{FieldOp, Scalar};

use crate::bench::{CONTACT, Copy, DETAIL, NOTE, PHASE, Sent, doc_type, header};
use crate::forge::Parts;

#[test]
fn concurrent_changes_are_admitted_in_any_order_and_batch_with_equal_heads() {
    let mut start = Copy::new(NOTE);
    let first = start.type_at(1, 0, 0, "🙂 ok");
    let sent: Vec<Sent> = (2..6)
        .map(|device| {
            let edit = Edit::Text { key: PHASE, at: 1, delete: 1, insert: "åß🚑" };
            start.author(device, &edit)
        })
        .collect();
    let mut together = Copy::new(NOTE);
    let batch: Vec<Sent> = sent.iter().cloned().chain([first.clone()]).collect();
    assert_eq!(together.take(&batch), [Ok(()); 5]);
    let mut apart = Copy::new(NOTE);
    for one in [&first].into_iter().chain(sent.iter().rev()) {
        assert_eq!(apart.take(std::slice::from_ref(one)), [Ok(())]);
    }
    assert_eq!(together.heads(), apart.heads());
    assert_eq!(together.flat(), apart.flat());
    assert_eq!(together.flat().texts[PHASE].matches("åß🚑").count(), 4);
}

#[test]
fn a_change_waits_for_its_ancestor_and_is_admitted_with_it() {
    let mut author = Copy::new(CONTACT);
    let one = author.put(1, "mode", "phone");
    let two = author.put(1, "mode", "video");
    let three = author.put(2, "mode", "text");
    let mut reader = Copy::new(CONTACT);
    assert_eq!(reader.take(&[three.clone(), two.clone()]), [Err(Code::MissingAncestor); 2]);
    assert!(reader.saved.is_none(), "nothing was admitted, so there is no document");
    assert_eq!(reader.take(&[three, two, one]), [Ok(()); 3]);
    assert_eq!(reader.heads(), author.heads());
}

#[test]
fn a_change_that_is_already_there_is_admitted_again_and_changes_nothing() {
    let mut copy = Copy::new(CONTACT);
    let one = copy.put(1, "mode", "phone");
    let before = copy.saved.clone();
    assert_eq!(copy.take(&[one.clone(), one]), [Ok(()); 2]);
    assert_eq!(copy.saved, before);
}

#[test]
fn a_claimed_actor_is_refused() {
    let mut copy = Copy::new(CONTACT);
    copy.put(1, "mode", "phone");
    let theirs = copy.author(1, &put("mode", "video"));
    let claimed = Sent { header: header(CONTACT, 2, 0), change: theirs.change.clone() };
    assert_eq!(copy.verdict(&claimed), Err(Code::WrongActor));
    let other_number = Sent { header: header(CONTACT, 1, 1), change: theirs.change };
    assert_eq!(copy.verdict(&other_number), Err(Code::WrongActor));
}

#[test]
fn a_repeated_or_skipped_count_is_refused() {
    let mut copy = Copy::new(CONTACT);
    copy.put(1, "mode", "phone");
    let before = copy.clone();
    let honest = copy.put(1, "mode", "video");
    let again = before.author(1, &put("mode", "text"));
    assert_eq!(copy.verdict(&again), Err(Code::ChangeSequence));
    assert_eq!(
        before.admit(&[again.clone(), honest.clone()]).results,
        [Ok(()), Err(Code::ChangeSequence)],
        "the first to come stands"
    );
    let mut parts = Parts::read(&honest.change);
    parts.seq = 7;
    assert_eq!(before.verdict(&honest.with(parts.write())), Err(Code::ChangeSequence));
    parts.deps = vec![[9; 32]];
    assert_eq!(before.verdict(&honest.with(parts.write())), Err(Code::MissingAncestor));
}

#[test]
fn a_change_beside_its_authors_own_last_one_is_refused() {
    let mut copy = Copy::new(CONTACT);
    copy.put(1, "mode", "phone");
    let before = copy.clone();
    copy.put(2, "mode", "video");
    // Device 2 writes again on top of device 1's change alone, as if it had not written before.
    let fork = before.author(2, &put("mode", "text"));
    let mut parts = Parts::read(&fork.change);
    parts.seq = 2;
    assert_eq!(copy.verdict(&fork.with(parts.write())), Err(Code::HostileChange));
}

#[test]
fn a_counter_that_does_not_follow_its_ancestors_is_refused() {
    let mut copy = Copy::new(CONTACT);
    copy.put(1, "mode", "phone");
    let honest = copy.author(2, &put("mode", "video"));
    for start_op in [0, 1, 3, 1 << 20, u64::from(u32::MAX), 1 << 32, u64::MAX] {
        let mut parts = Parts::read(&honest.change);
        parts.start_op = start_op;
        assert_eq!(copy.verdict(&honest.with(parts.write())), Err(Code::HostileChange));
    }
    assert_eq!(copy.verdict(&honest), Ok(()));
}

#[test]
fn overwriting_what_the_past_does_not_hold_is_refused_whatever_else_is_there() {
    let mut copy = Copy::new(CONTACT);
    copy.put(1, "mode", "phone");
    let without = copy.clone();
    copy.put(2, "mode", "video");
    // It overwrites device 2's value but claims to know device 1's change only.
    let knowing = copy.author(3, &put("mode", "text"));
    let blind = without.author(3, &put("mode", "text"));
    let mut parts = Parts::read(&knowing.change);
    parts.deps = Parts::read(&blind.change).deps;
    let hostile = knowing.with(parts.write());
    assert_eq!(copy.verdict(&hostile), Err(Code::HostileChange));
    assert_eq!(without.verdict(&hostile), Err(Code::HostileChange));
}

#[test]
fn a_note_cannot_be_started_beside_its_fixed_first_change() {
    let mut copy = Copy::new(NOTE);
    let honest = copy.author(1, &typed(0, "x"));
    let mut parts = Parts::read(&honest.change);
    assert_eq!(parts.deps.len(), 1, "it builds on the fixed first change");
    parts.deps.clear();
    assert_eq!(copy.verdict(&honest.with(parts.write())), Err(Code::HostileChange));
    copy.type_at(1, 0, 0, "x");
    assert_eq!(copy.flat().texts[PHASE], "x");
    let first = doc::first_change(doc_type(NOTE)).expect("it has texts");
    let resent = Sent { header: header(NOTE, 1, 0), change: first };
    assert_eq!(copy.verdict(&resent), Err(Code::HostileChange), "it makes objects");
}

#[test]
fn a_culprit_in_a_batch_does_not_take_innocent_changes_with_it() {
    let mut copy = Copy::new(CONTACT);
    let one = copy.put(1, "mode", "phone");
    let mut batch = vec![one];
    for device in 2..9 {
        batch.push(copy.author(device, &put("mode", "video")));
    }
    let mut hostile = batch[4].clone();
    let last = hostile.change.len() - 1;
    hostile.change[last] ^= 1;
    batch[4] = hostile;
    let mut reader = Copy::new(CONTACT);
    let results = reader.take(&batch);
    assert_eq!(results[4], Err(Code::HostileChange));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 7);
}

#[test]
fn a_full_document_refuses_more_and_keeps_what_fits() {
    // Long sealed texts fill the document long before its count of changes does.
    let mut copy = Copy::new(DETAIL);
    let entry = "x".repeat(limits::MAX_SEALED_TEXT);
    let mut batch = Vec::new();
    for device in 0..20 {
        // A newer schema, so that only the shape of the value is checked.
        let mut sent = Copy::new(DETAIL).author(device, &put("newer", &entry));
        sent.header.schema = 2;
        batch.push(sent);
    }
    let results = copy.take(&batch);
    let kept = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(kept, limits::MAX_DOCUMENT / limits::MAX_SEALED_TEXT - 1);
    assert!(results[..kept].iter().all(Result::is_ok));
    assert!(results[kept..].iter().all(|result| *result == Err(Code::DocumentFull)));
    assert!(copy.saved.as_ref().is_some_and(|saved| saved.len() <= limits::MAX_DOCUMENT));
    assert_eq!(copy.flat().keys["newer"].len(), 1, "equal values show once");
}

#[test]
fn a_device_cannot_write_more_than_its_share_under_any_number_of_actors() {
    let mut copy = Copy::new(CONTACT);
    let write = |copy: &mut Copy, device, actor_no, value: u64| {
        let header = header(CONTACT, device, actor_no);
        let op =
            FieldOp::Put("mode".into(), Scalar::Str(["phone", "video"][value as usize % 2].into()));
        let change = doc::author(
            copy.saved.as_deref(),
            doc_type(CONTACT),
            header.actor(),
            &Edit::Fields(&[op]),
        )
        .expect("fits")
        .expect("changes");
        copy.take(&[Sent { header, change }])[0]
    };
    for i in 0..limits::MAX_CHANGES_PER_DEVICE {
        assert_eq!(write(&mut copy, 1, (i % 100) as u16, i), Ok(()), "change {i}");
    }
    assert_eq!(write(&mut copy, 1, 0, 0), Err(Code::DocumentFull));
    assert_eq!(write(&mut copy, 1, 200, 0), Err(Code::DocumentFull));
    assert_eq!(write(&mut copy, 2, 0, 0), Ok(()), "others may go on");
    assert_eq!(write(&mut copy, 3, 256, 1), Err(Code::DocumentFull), "too many actors");
}

#[test]
fn a_damaged_base_refuses_nobody_for_good_and_gives_no_document() {
    let mut copy = Copy::new(CONTACT);
    copy.put(1, "mode", "phone");
    let honest = copy.author(1, &put("mode", "video"));
    let saved = copy.saved.as_mut().expect("saved");
    saved[20] ^= 1;
    let admission = copy.admit(&[honest]);
    assert_eq!(admission.results, [Err(Code::Internal)]);
    assert!(admission.document.is_none());
}

fn put(key: &'static str, value: &str) -> Edit<'static> {
    let op = FieldOp::Put(key.into(), Scalar::Str(value.into()));
    Edit::Fields(Vec::leak(vec![op]))
}

fn typed(at: usize, insert: &str) -> Edit<'_> {
    Edit::Text { key: PHASE, at, delete: 0, insert }
}
