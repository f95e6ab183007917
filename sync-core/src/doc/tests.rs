//! What people write on several phones, and what they see once the changes have crossed.

use sha2::Digest;

use crate::ids::ActorId;
use crate::protocol::limits;
use crate::records::{DocType, FieldOp, Flat, Scalar};

use super::{DocError, Edit, Scratch, author, first_change, flatten, heads};

/// One phone's copy of one document.
#[derive(Clone)]
struct Copy {
    doc_type: &'static DocType,
    actor: ActorId,
    saved: Option<Vec<u8>>,
}

impl Copy {
    fn new(number: u16, actor: u8) -> Self {
        let doc_type = DocType::by_number(number).expect("a known type");
        Self { doc_type, actor: ActorId::new([actor; 16]), saved: None }
    }

    fn write(&mut self, edit: &Edit<'_>) -> Result<Option<Vec<u8>>, DocError> {
        let change = author(self.saved.as_deref(), self.doc_type, self.actor, edit)?;
        if let Some(change) = &change {
            self.take(&[change]);
        }
        Ok(change)
    }

    fn put(&mut self, key: &str, value: Scalar) -> Option<Vec<u8>> {
        self.write(&Edit::Fields(&[FieldOp::Put(key.into(), value)])).expect("writes")
    }

    fn delete(&mut self, key: &str) -> Option<Vec<u8>> {
        self.write(&Edit::Fields(&[FieldOp::Delete(key.into())])).expect("writes")
    }

    fn type_at(&mut self, key: &str, at: usize, delete: usize, insert: &str) -> Vec<u8> {
        self.write(&Edit::Text { key, at, delete, insert }).expect("fits").expect("changes")
    }

    fn take(&mut self, changes: &[&[u8]]) {
        let scratch = Scratch::open(self.saved.as_deref(), self.doc_type).expect("opens");
        self.saved = Some(scratch.try_with(changes).expect("passes").saved);
    }

    fn saved(&self) -> &[u8] {
        self.saved.as_deref().expect("something was written")
    }

    fn flat(&self) -> Flat {
        flatten(self.saved()).expect("flattens")
    }
}

fn text(value: &str) -> Scalar {
    Scalar::Str(value.into())
}

fn assert_same(one: &Copy, other: &Copy) {
    assert_eq!(heads(one.saved()), heads(other.saved()));
    assert_eq!(one.flat(), other.flat());
}

#[test]
fn edits_made_at_once_converge_and_both_values_are_kept() {
    let (mut one, mut other) = (Copy::new(30, 1), Copy::new(30, 2));
    let first = one.put("mode", text("phone")).expect("new");
    other.take(&[&first]);
    let by_one = one.put("mode", text("video")).expect("changes");
    let by_other = other.put("mode", text("in_person")).expect("changes");
    one.take(&[&by_other]);
    other.take(&[&by_one]);
    assert_same(&one, &other);
    let values = one.flat().keys["mode"].clone();
    assert_eq!(values.len(), 2);
    assert!(values.contains(&text("video")) && values.contains(&text("in_person")));
}

#[test]
fn an_equal_value_written_twice_at_once_shows_once() {
    let (mut one, mut other) = (Copy::new(30, 1), Copy::new(30, 2));
    let by_one = one.put("on_duty", Scalar::Bool(true)).expect("new");
    other.put("on_duty", Scalar::Bool(true)).expect("new");
    other.take(&[&by_one]);
    assert_eq!(other.flat().keys["on_duty"], [Scalar::Bool(true)]);
    assert_eq!(other.put("on_duty", Scalar::Bool(true)), None);
}

#[test]
fn in_sets_an_addition_wins_over_a_removal_made_at_the_same_time() {
    let (mut one, mut other) = (Copy::new(31, 1), Copy::new(31, 2));
    let by_one = one.put("issues.grief", Scalar::Bool(true)).expect("new");
    let by_other = other.put("issues.grief", Scalar::Bool(true)).expect("new");
    let removal = one.delete("issues.grief").expect("changes");
    one.take(&[&by_other]);
    other.take(&[&by_one, &removal]);
    assert_same(&one, &other);
    assert_eq!(one.flat().keys["issues.grief"], [Scalar::Bool(true)]);
    one.delete("issues.grief").expect("changes");
    assert_eq!(one.flat().get("issues.grief"), None);
    assert_eq!(one.delete("issues.grief"), None, "nothing is left to remove");
}

#[test]
fn writing_the_shown_value_again_resolves_a_conflict_and_stands_beside_another_resolution() {
    let (mut one, mut other) = (Copy::new(30, 1), Copy::new(30, 2));
    let by_one = one.put("mode", text("video")).expect("new");
    let by_other = other.put("mode", text("phone")).expect("new");
    one.take(&[&by_other]);
    other.take(&[&by_one]);
    let values = one.flat().keys["mode"].clone();
    let [shown, hidden] = values.as_slice() else { panic!("two values") };

    let resolved = one.put("mode", shown.clone()).expect("resolves");
    assert_eq!(one.flat().keys["mode"].as_slice(), std::slice::from_ref(shown));
    assert_eq!(one.put("mode", shown.clone()), None, "nothing is left to resolve");

    let differently = other.put("mode", hidden.clone()).expect("resolves");
    one.take(&[&differently]);
    other.take(&[&resolved]);
    assert_same(&one, &other);
    assert_eq!(one.flat().keys["mode"].len(), 2, "neither person's choice is lost");
}

#[test]
fn two_people_typing_one_text_merge_character_by_character() {
    const KEY: &str = "defusing.exploration";
    let (mut one, mut other) = (Copy::new(21, 1), Copy::new(21, 2));
    let start = one.type_at(KEY, 0, 0, "👩‍🚒 crew 🙂 safe");
    other.take(&[&start]);
    // Positions count scalar values: the firefighter is three of them.
    let by_one = one.type_at(KEY, 3, 0, " whole");
    let by_other = other.type_at(KEY, 9, 1, "🚑");
    one.take(&[&by_other]);
    other.take(&[&by_one]);
    assert_same(&one, &other);
    assert_eq!(one.flat().texts[KEY], "👩‍🚒 whole crew 🚑 safe");
    assert_eq!(one.flat().texts.len(), one.doc_type.texts.len());
}

#[test]
fn two_people_who_start_the_same_note_apart_share_its_texts() {
    const KEY: &str = "defusing.introduction";
    let (mut one, mut other) = (Copy::new(21, 1), Copy::new(21, 2));
    let by_one = one.type_at(KEY, 0, 0, "A");
    let by_other = other.type_at(KEY, 0, 0, "B");
    one.take(&[&by_other]);
    other.take(&[&by_one]);
    assert_same(&one, &other);
    let text = one.flat().texts[KEY].clone();
    assert!(text == "AB" || text == "BA", "{text}");
}

#[test]
fn a_position_beyond_the_text_is_an_error_with_its_length() {
    const KEY: &str = "defusing.introduction";
    let mut one = Copy::new(21, 1);
    one.type_at(KEY, 0, 0, "ä🙂");
    for (at, delete) in [(3, 0), (0, 3), (2, 1), (usize::MAX, 1), (1, usize::MAX)] {
        let edit = Edit::Text { key: KEY, at, delete, insert: "x" };
        assert_eq!(one.write(&edit), Err(DocError::Position { len: 2 }));
    }
    let edit = Edit::Text { key: "defusing.nowhere", at: 0, delete: 0, insert: "x" };
    assert_eq!(one.write(&edit), Err(DocError::NoSuchText));
    let edit = Edit::Text { key: KEY, at: 1, delete: 0, insert: "" };
    assert_eq!(one.write(&edit), Ok(None));
}

#[test]
fn an_edit_beyond_one_change_is_refused_whole() {
    const KEY: &str = "defusing.introduction";
    let mut one = Copy::new(21, 1);
    let longest = "x".repeat(limits::MAX_OPS);
    let edit = Edit::Text { key: KEY, at: 0, delete: 0, insert: &format!("{longest}y") };
    assert_eq!(one.write(&edit), Err(DocError::TooLong));
    one.type_at(KEY, 0, 0, &longest);
    let edit = Edit::Text { key: KEY, at: 0, delete: limits::MAX_OPS, insert: "y" };
    assert_eq!(one.write(&edit), Err(DocError::TooLong));

    let mut fields = Copy::new(30, 1);
    let ops: Vec<_> =
        (0..=limits::MAX_OPS).map(|i| FieldOp::Put(format!("k{i}"), Scalar::Uint(1))).collect();
    assert_eq!(fields.write(&Edit::Fields(&ops)), Err(DocError::TooLong));
    let long = [FieldOp::Put("k".into(), text(&"x".repeat(limits::MAX_BODY)))];
    assert_eq!(fields.write(&Edit::Fields(&long)), Err(DocError::TooLong));
    assert_eq!(fields.saved, None);
}

#[test]
fn of_several_writes_to_a_key_the_last_counts() {
    let mut one = Copy::new(30, 1);
    let ops = [
        FieldOp::Put("mode".into(), text("video")),
        FieldOp::Delete("mode".into()),
        FieldOp::Put("mode".into(), text("phone")),
    ];
    one.write(&Edit::Fields(&ops)).expect("writes").expect("changes");
    assert_eq!(one.flat().keys["mode"], [text("phone")]);
}

#[test]
fn every_kind_of_scalar_comes_back_as_it_was_written() {
    let mut one = Copy::new(30, 1);
    for (key, value) in [
        ("a", Scalar::Bool(false)),
        ("b", Scalar::Uint(u64::MAX)),
        ("c", Scalar::Int(i64::MIN)),
        ("d", Scalar::F64(-0.5)),
        ("e", text("ü")),
        ("f", text("")),
    ] {
        one.put(key, value.clone()).expect("changes");
        assert_eq!(one.put(key, value.clone()), None, "{key} is already so");
        assert_eq!(one.flat().get(key), Some(&value));
    }
    assert!(one.put("b", Scalar::Int(1)).is_some(), "another type is another value");
}

#[test]
fn damaged_bytes_are_an_error_never_a_panic_or_an_empty_document() {
    let mut one = Copy::new(21, 1);
    one.type_at("defusing.introduction", 0, 0, "Words.");
    let saved = one.saved().to_vec();
    assert_eq!(flatten(&[]), Err(DocError::Damaged));
    for at in 0..saved.len() {
        let mut flipped = saved.clone();
        flipped[at] ^= 0x10;
        assert_eq!(flatten(&flipped), Err(DocError::Damaged), "byte {at}");
        assert_eq!(flatten(&saved[..at]), Err(DocError::Damaged), "cut at {at}");
    }
}

#[test]
fn a_hostile_change_that_no_gate_stopped_leaves_no_trace_and_no_panic_outside_its_trial() {
    let mut one = Copy::new(21, 1);
    one.type_at("defusing.introduction", 0, 0, "Words, said.");
    let mut ahead = one.clone();
    let change = ahead.type_at("defusing.introduction", 2, 3, "🙂x");
    let scratch = Scratch::open(one.saved.as_deref(), one.doc_type).expect("opens");
    let mut refused = 0;
    for at in 9..change.len() {
        for flip in [0x01, 0x02, 0x08, 0x40] {
            let mut hostile = change.clone();
            hostile[at] ^= flip;
            let hash: [u8; 32] = sha2::Sha256::digest(&hostile[8..]).into();
            hostile[4..8].copy_from_slice(&hash[..4]);
            match scratch.try_with(&[&hostile]) {
                Ok(tried) => assert_eq!(heads(&tried.saved), Ok(tried.heads)),
                Err(error) => {
                    assert_eq!(error, DocError::Damaged);
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
    assert_eq!(scratch.try_with(&[]).expect("is whole").saved, one.saved());
    assert_eq!(scratch.try_with(&[&change]).expect("is whole").saved, ahead.saved());
}

#[test]
fn the_first_change_of_a_session_note_is_the_same_everywhere_for_ever() {
    let note = DocType::by_number(21).expect("a known type");
    let bytes = first_change(note).expect("it has texts");
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, FIRST_CHANGE_OF_A_SESSION_NOTE);
    assert_eq!(first_change(DocType::by_number(30).expect("a known type")), None);
}

const FIRST_CHANGE_OF_A_SESSION_NOTE: &str = concat!(
    "856f4a8315a8743b01ac0300100000000000000000000000000000000001010000000515820334014202560270",
    "0267156465667573696e672e696e74726f64756374696f6e146465667573696e672e6578706c6f726174696f6e",
    "146465667573696e672e696e666f726d6174696f6e11636973642e696e74726f64756374696f6e09636973642e",
    "666163740c636973642e74686f756768740d636973642e7265616374696f6e0c636973642e73796d70746f6d0d",
    "636973642e7465616368696e670d636973642e72655f656e7472791173616665725f722e73746162696c697a65",
    "1373616665725f722e61636b6e6f776c656467651273616665725f722e666163696c6974617465117361666572",
    "5f722e656e636f75726167651c73616665725f722e7265636f766572795f6f725f726566657272616c09736661",
    "2e636865636b0e7366612e636f6f7264696e617465097366612e636f766572087366612e63616c6d0b7366612e",
    "636f6e6e6563740e7366612e636f6d706574656e63650e7366612e636f6e666964656e63650b7472696d2e6265",
    "666f72650b7472696d2e647572696e670a7472696d2e616674657219190419001900",
);
