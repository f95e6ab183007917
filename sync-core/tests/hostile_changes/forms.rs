//! Changes in forms that no phone writes: compressed, cut, swollen, with operations of other programs.

use std::io::Write;

use sync_core::doc::Edit;
use sync_core::protocol::{Code, limits};
use sync_core::records::{FieldOp, Scalar};

use crate::bench::{CONTACT, Copy, DETAIL, NOTE, Sent};
use crate::forge::{self, Parts};

/// A contact with an edit of it, and a note with one.
fn targets() -> Vec<(Copy, Sent)> {
    let mut contact = Copy::new(CONTACT);
    contact.put(1, "mode", "phone");
    let edit = contact.author(2, &Edit::Fields(&[FieldOp::Put("mode".into(), text("video"))]));
    let mut note = Copy::new(NOTE);
    note.type_at(1, 0, 0, "🙂 went well");
    let key = crate::bench::PHASE;
    let typed = note.author(2, &Edit::Text { key, at: 2, delete: 4, insert: "ist" });
    vec![(contact, edit), (note, typed)]
}

fn text(value: &str) -> Scalar {
    Scalar::Str(value.into())
}

fn parts_verdict(copy: &Copy, sent: &Sent, edit: impl FnOnce(&mut Parts)) -> Result<(), Code> {
    let mut parts = Parts::read(&sent.change);
    edit(&mut parts);
    copy.verdict(&sent.with(parts.write()))
}

#[test]
fn the_forge_puts_together_what_it_took_apart() {
    for (copy, sent) in targets() {
        assert_eq!(Parts::read(&sent.change).write(), sent.change);
        assert_eq!(copy.verdict(&sent), Ok(()));
    }
}

#[test]
fn a_change_cut_at_any_byte_is_refused() {
    for (copy, sent) in targets() {
        for at in 0..sent.change.len() {
            let cut = sent.change[..at].to_vec();
            assert_eq!(copy.verdict(&sent.with(cut.clone())), Err(Code::HostileChange), "at {at}");
            // The same with a right length and checksum, as an attacker would.
            if at > 16 {
                let data = &cut[10..];
                let verdict = copy.verdict(&sent.with(forge::chunk(1, data)));
                assert!(verdict.is_err(), "at {at}");
            }
        }
        let longer = [&sent.change[..], &[0]].concat();
        assert_eq!(copy.verdict(&sent.with(longer)), Err(Code::HostileChange));
        let twice = [&sent.change[..], &sent.change[..]].concat();
        assert_eq!(copy.verdict(&sent.with(twice)), Err(Code::HostileChange));
    }
}

#[test]
fn a_change_with_any_byte_flipped_is_refused_or_is_another_sound_change() {
    for (copy, sent) in targets() {
        for at in 0..sent.change.len() {
            for flip in [0x01, 0x03, 0xff] {
                let mut flipped = sent.change.clone();
                flipped[at] ^= flip;
                let verdict = copy.verdict(&sent.with(flipped.clone()));
                let compressed = at == 8 && flipped[8] == 2;
                let expected = if compressed { Code::Compressed } else { Code::HostileChange };
                assert_eq!(verdict, Err(expected), "byte {at} flip {flip:#x}");
                forge::repair(&mut flipped);
                // `verdict` checks that what is admitted loads again and what is refused leaves no trace.
                let _ = copy.verdict(&sent.with(flipped));
            }
        }
    }
}

#[test]
fn a_compressed_chunk_or_column_is_refused_without_being_inflated() {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&vec![0; 16 << 20]).expect("writes");
    let bomb = encoder.finish().expect("finishes");
    for (copy, sent) in targets() {
        assert_eq!(copy.verdict(&sent.with(forge::chunk(2, &bomb))), Err(Code::Compressed));
        let column = parts_verdict(&copy, &sent, |parts| {
            let (spec, bytes) = parts.columns.last_mut().expect("a column");
            *spec |= 8;
            *bytes = bomb.clone();
        });
        assert_eq!(column, Err(Code::Compressed));
        for other in [0, 3, 4, 255] {
            let chunk = forge::chunk(other, &sent.change[10..]);
            assert_eq!(copy.verdict(&sent.with(chunk)), Err(Code::HostileChange));
        }
    }
}

#[test]
fn a_run_length_bomb_is_refused_in_every_column() {
    for (copy, sent) in targets() {
        let specs: Vec<u32> = Parts::read(&sent.change).columns.iter().map(|c| c.0).collect();
        for spec in specs {
            for claimed in [limits::MAX_OPS as u64 + 1, 1 << 31, i64::MAX as u64] {
                for null_run in [false, true] {
                    let verdict = parts_verdict(&copy, &sent, |parts| {
                        let column = parts.column(spec);
                        column.clear();
                        if null_run {
                            column.push(0);
                        }
                        forge::put(column, claimed);
                        // A positive signed number needs a clear sign bit in its last byte.
                        if !null_run && column.last().is_some_and(|last| last & 0x40 != 0) {
                            *column.last_mut().expect("pushed") |= 0x80;
                            column.push(0);
                        }
                        column.push(1);
                    });
                    assert!(
                        matches!(verdict, Err(Code::TooManyOps | Code::HostileChange)),
                        "column {spec:#x}, {claimed}: {verdict:?}"
                    );
                }
            }
        }
    }
    // All columns agree on too many operations.
    let (copy, sent) = targets().remove(0);
    let verdict = parts_verdict(&copy, &sent, |parts| {
        for (spec, value) in [(0x15, &b"\x04mode"[..]), (0x42, &[1]), (0x56, &[2])] {
            let column = parts.column(spec);
            *column = vec![0x81, 0x20];
            column.extend(value);
        }
        *parts.column(0x34) = vec![0x81, 0x20];
        *parts.column(0x70) = vec![0x81, 0x20, 0];
        parts.columns.retain(|(spec, _)| ![0x57, 0x71, 0x73].contains(spec));
    });
    assert_eq!(verdict, Err(Code::TooManyOps));
}

#[test]
fn inflated_counts_are_refused_without_being_believed() {
    for (copy, sent) in targets() {
        let data_at = Parts::read(&sent.change);
        // The count of dependencies, of other actors and of columns, and the lengths of actor and message.
        let before_actor = 1 + 32 * data_at.deps.len();
        let data = &sent.change[sent.change.len() - body_len(&sent.change)..];
        for at in [0, before_actor, before_actor + 20, before_actor + 21, before_actor + 22] {
            for count in [0x7f, 1 << 14, 1 << 40, u64::MAX] {
                let mut forged = data[..at].to_vec();
                forge::put(&mut forged, count);
                forged.extend(&data[at + 1..]);
                let verdict = copy.verdict(&sent.with(forge::chunk(1, &forged)));
                assert_eq!(verdict, Err(Code::HostileChange), "count at {at}");
            }
        }
    }
}

fn body_len(change: &[u8]) -> usize {
    let mut length = 0;
    for (i, byte) in change[9..].iter().enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            break;
        }
    }
    length
}

#[test]
fn huge_unsorted_or_repeated_dependencies_are_refused() {
    for (copy, sent) in targets() {
        let many = parts_verdict(&copy, &sent, |parts| {
            parts.deps = (0..1_500u32)
                .map(|i| {
                    let mut dep = [0; 32];
                    dep[..4].copy_from_slice(&i.to_be_bytes());
                    dep
                })
                .collect();
        });
        assert_eq!(many, Err(Code::HostileChange));
        let repeated = parts_verdict(&copy, &sent, |parts| parts.deps.push(parts.deps[0]));
        assert_eq!(repeated, Err(Code::HostileChange));
        let unsorted = parts_verdict(&copy, &sent, |parts| parts.deps = vec![[9; 32], [1; 32]]);
        assert_eq!(unsorted, Err(Code::HostileChange));
        let unknown = parts_verdict(&copy, &sent, |parts| parts.deps = vec![[9; 32]]);
        assert_eq!(unknown, Err(Code::MissingAncestor));
    }
}

#[test]
fn a_time_a_message_or_extra_bytes_are_refused() {
    for (copy, sent) in targets() {
        let refused = Err(Code::HostileChange);
        assert_eq!(parts_verdict(&copy, &sent, |parts| parts.time = vec![1]), refused);
        assert_eq!(parts_verdict(&copy, &sent, |parts| parts.time = vec![0x80, 0]), refused);
        assert_eq!(parts_verdict(&copy, &sent, |parts| parts.message = b"hi".to_vec()), refused);
        assert_eq!(parts_verdict(&copy, &sent, |parts| parts.extra = vec![0]), refused);
    }
}

#[test]
fn unlisted_or_unused_or_short_actors_are_refused() {
    for (copy, sent) in targets() {
        let refused = Err(Code::HostileChange);
        let own = Parts::read(&sent.change).actor;
        assert_eq!(parts_verdict(&copy, &sent, |parts| parts.others.clear()), refused);
        assert_eq!(parts_verdict(&copy, &sent, |parts| parts.others.push(vec![0xff; 16])), refused);
        assert_eq!(parts_verdict(&copy, &sent, |parts| parts.others.push(own)), refused);
        assert_eq!(parts_verdict(&copy, &sent, |parts| parts.others[0].truncate(15)), refused);
        assert_eq!(parts_verdict(&copy, &sent, |parts| parts.others[0] = vec![0x77; 16]), refused);
        assert_eq!(parts_verdict(&copy, &sent, |parts| parts.actor.truncate(4)), refused);
    }
}

#[test]
fn operations_of_other_programs_are_refused() {
    let (copy, sent) = targets().remove(0);
    // Making maps, lists, texts and tables, incrementing, marking, and actions that do not exist.
    for action in [0, 2, 4, 5, 6, 7, 8, 0x3f] {
        let verdict = parts_verdict(&copy, &sent, |parts| *parts.column(0x42) = vec![0x7f, action]);
        assert_eq!(verdict, Err(Code::HostileChange), "action {action}");
    }
    // Null, bytes, counter, timestamp and unknown kinds of value, and a number that is none.
    for (kind, bytes) in [
        (0u8, &b""[..]),
        (7, b"abc"),
        (8, b"\x05"),
        (9, b"\x05"),
        (10, b"abc"),
        (15, b""),
        (5, &f64::NAN.to_le_bytes()),
        (5, &f64::INFINITY.to_le_bytes()),
        (5, b"abc"),
        (1, b"x"),
        (6, b"\xff\xfe"),
    ] {
        let verdict = parts_verdict(&copy, &sent, |parts| {
            let meta = parts.column(0x56);
            *meta = vec![0x7f];
            forge::put(meta, (bytes.len() as u64) << 4 | u64::from(kind));
            *parts.column(0x57) = bytes.to_vec();
            parts.columns.retain(|(_, bytes)| !bytes.is_empty());
        });
        assert_eq!(verdict, Err(Code::HostileChange), "kind {kind}");
    }
    // Expanding marks and columns that nobody knows.
    for (spec, bytes) in [(0x94, vec![0, 1]), (0xa5, b"\x7f\x01b".to_vec()), (0xf2, vec![0x7f, 1])]
    {
        let verdict = parts_verdict(&copy, &sent, |parts| *parts.column(spec) = bytes);
        assert_eq!(verdict, Err(Code::HostileChange), "column {spec:#x}");
    }
}

#[test]
fn columns_twice_unsorted_or_empty_are_refused() {
    for (copy, sent) in targets() {
        let refused = Err(Code::HostileChange);
        let count = Parts::read(&sent.change).columns.len();
        for at in 0..count {
            let twice = parts_verdict(&copy, &sent, |parts| {
                parts.columns.insert(at, parts.columns[at].clone());
            });
            assert_eq!(twice, refused, "twice {at}");
            let empty = parts_verdict(&copy, &sent, |parts| parts.columns[at].1.clear());
            assert_eq!(empty, refused, "empty {at}");
            let left_out = parts_verdict(&copy, &sent, |parts| {
                parts.columns.remove(at);
            });
            assert!(left_out.is_err(), "left out {at}");
            if at > 0 {
                let unsorted = parts_verdict(&copy, &sent, |parts| parts.columns.swap(at - 1, at));
                assert_eq!(unsorted, refused, "unsorted {at}");
            }
        }
    }
}

#[test]
fn keys_and_values_that_the_record_does_not_allow_are_refused() {
    let (copy, sent) = targets().remove(0);
    let with_key = |key: &[u8]| {
        parts_verdict(&copy, &sent, |parts| {
            let column = parts.column(0x15);
            *column = vec![0x7f];
            forge::put(column, key.len() as u64);
            column.extend(key);
            // A new key overwrites nothing.
            *parts.column(0x70) = vec![0x7f, 0];
            parts.columns.retain(|(spec, _)| ![0x71, 0x73].contains(spec));
            parts.others.clear();
        })
    };
    for key in [&b""[..], b"Mode", b"mo de", b"m\xc3\xb6de", b"mode\0", b"mode/x", &[b'a'; 97]] {
        assert_eq!(with_key(key), Err(Code::SchemaViolation), "{key:?}");
    }
    assert_eq!(with_key(b"surname"), Err(Code::SchemaViolation), "no such field");
    assert_eq!(with_key(b"mode"), Ok(()));

    let mut contact = Copy::new(CONTACT);
    let long = "x".repeat(limits::MAX_OPEN_TEXT + 1);
    let too_long = contact.author(1, &Edit::Fields(&[FieldOp::Put("mode".into(), text(&long))]));
    assert_eq!(contact.verdict(&too_long), Err(Code::TooManyOps));
    let bad = contact.author(1, &Edit::Fields(&[FieldOp::Put("mode".into(), text("telepathy"))]));
    assert_eq!(contact.verdict(&bad), Err(Code::SchemaViolation));
    let mut newer = bad.clone();
    newer.header.schema = 2;
    assert_eq!(contact.take(&[newer]), [Ok(())], "newer phones are not refused");
    // One phone's newer value does not make another's change unsound.
    contact.put(2, "contact_number", "first");
}

#[test]
fn a_text_can_neither_be_overwritten_nor_hold_anything_but_characters() {
    let mut note = Copy::new(NOTE);
    note.type_at(1, 0, 0, "abc");
    let contact =
        Copy::new(CONTACT).author(2, &Edit::Fields(&[FieldOp::Put("k".into(), text("x"))]));
    // A value over the text's own key would hide everybody's words.
    let typed =
        note.author(2, &Edit::Text { key: crate::bench::PHASE, at: 3, delete: 0, insert: "d" });
    let mut over = Parts::read(&contact.change);
    let parts = Parts::read(&typed.change);
    (over.deps, over.actor, over.start_op) = (parts.deps, parts.actor, parts.start_op);
    *over.column(0x15) = [&[0x7f, 20][..], crate::bench::PHASE.as_bytes()].concat();
    assert_eq!(note.verdict(&typed.with(over.write())), Err(Code::HostileChange));

    for value in ["", "dd", "👩‍🚒"] {
        let verdict = parts_verdict(&note, &typed, |parts| {
            *parts.column(0x56) = vec![0x7f];
            forge::put(parts.column(0x56), (value.len() as u64) << 4 | 6);
            *parts.column(0x57) = value.as_bytes().to_vec();
            parts.columns.retain(|(_, bytes)| !bytes.is_empty());
        });
        assert_eq!(verdict, Err(Code::HostileChange), "{value:?}");
    }
    // An element that is not there, an element of the future, an object that is none.
    for (spec, forged) in [(0x13, 0x3fu8), (0x13, 0x1f), (0x02, 0x1a), (0x02, 0x3f)] {
        let verdict =
            parts_verdict(&note, &typed, |parts| *parts.column(spec) = vec![0x7f, forged]);
        assert_eq!(verdict, Err(Code::HostileChange), "column {spec:#x}: {forged}");
    }
    // Setting a character in place, as other programs do.
    let set = parts_verdict(&note, &typed, |parts| *parts.column(0x34) = vec![1]);
    assert_eq!(set, Err(Code::HostileChange));
}

#[test]
fn a_key_written_twice_in_one_change_is_refused() {
    let mut detail = Copy::new(DETAIL);
    let ops =
        ["grief", "legal"].map(|code| FieldOp::Put(format!("issues.{code}"), Scalar::Bool(true)));
    let sent = detail.author(1, &Edit::Fields(&ops));
    let verdict = parts_verdict(&detail, &sent, |parts| {
        *parts.column(0x15) = b"\x02\x0cissues.grief".to_vec();
    });
    assert_eq!(verdict, Err(Code::HostileChange));
    assert_eq!(detail.take(&[sent]), [Ok(())]);
}

#[test]
fn nobody_counts_for_another() {
    const INTERVENTION: u16 = 20;
    let mut copy = Copy::new(INTERVENTION);
    let part = |device| {
        let actor = crate::bench::header(INTERVENTION, device, 0).actor();
        format!("one_on_ones_triggered.{actor}")
    };
    let count = |device, count| FieldOp::Put(part(device), Scalar::Uint(count));
    copy.write(1, &Edit::Fields(&[FieldOp::Put("kind".into(), text("defusing")), count(1, 2)]));
    copy.write(2, &Edit::Fields(&[count(2, 3)]));
    for op in [count(1, 0), FieldOp::Delete(part(1))] {
        let sent = copy.author(2, &Edit::Fields(std::slice::from_ref(&op)));
        assert_eq!(copy.verdict(&sent), Err(Code::WrongActor));
        let sent = copy.author(1, &Edit::Fields(&[op]));
        assert_eq!(copy.verdict(&sent), Ok(()));
    }
}
