//! Documents nobody's app would write: they are judged and shown without a panic, and the judgement does not
//! depend on the order in which concurrent writes arrive.

use proptest::prelude::*;
use sync_core::records::{Flat, RECORDS, Scalar};

use crate::support::{ID, Phone, form, set, shown, text};

fn keys() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just(ID.to_owned()),
        Just("grief".to_owned()),
        Just("body".to_owned()),
        Just("supersedes".to_owned()),
        "[a-z0-9_.]{0,6}",
    ];
    let names = RECORDS.iter().flat_map(|record| record.parts).flat_map(|part| part.fields);
    let names: Vec<&str> = names.map(|field| field.name).chain(["", "future"]).collect();
    (prop::sample::select(names), prop::collection::vec(part, 0..3))
        .prop_map(|(name, parts)| [vec![name.to_owned()], parts].concat().join("."))
}

fn scalars() -> impl Strategy<Value = Scalar> {
    let texts = prop_oneof![
        Just(ID.to_owned()),
        Just(format!("{ID} {ID}")),
        Just("ready".to_owned()),
        ".{0,8}"
    ];
    prop_oneof![
        any::<bool>().prop_map(Scalar::Bool),
        any::<u64>().prop_map(Scalar::Uint),
        any::<i64>().prop_map(Scalar::Int),
        (-3_i64..12).prop_map(Scalar::Int),
        any::<f64>().prop_map(Scalar::F64),
        texts.prop_map(Scalar::Str),
    ]
}

fn flats() -> impl Strategy<Value = Flat> {
    prop::collection::btree_map(keys(), prop::collection::vec(scalars(), 1..3), 0..8)
        .prop_map(|keys| Flat { keys, ..Flat::default() })
}

proptest! {
    #[test]
    fn any_document_is_judged_shown_and_edited_without_a_panic(flat in flats(), schema in 0_u16..3) {
        for record in RECORDS {
            let documents = record.parts.iter().map(|part| (*part, flat.clone())).collect();
            for part in record.parts {
                let _ = part.check(&flat, schema);
            }
            shown(record.name, &documents);
            let edit = form(&[("text", text("words")), ("issues", set(&["grief"]))]);
            let _ = Phone::new(1).plan_edit(record.name, &documents, &edit);
        }
    }

    #[test]
    fn documents_that_pass_alone_pass_merged(one in flats(), two in flats()) {
        for part in RECORDS.iter().flat_map(|record| record.parts) {
            let mut merged = one.clone();
            for (key, values) in &two.keys {
                merged.keys.entry(key.clone()).or_default().extend(values.clone());
            }
            let apart = part.check(&one, 1).and(part.check(&two, 1));
            prop_assert_eq!(part.check(&merged, 1), apart);
        }
    }

    #[test]
    fn every_word_of_a_text_can_be_reached(flat in flats()) {
        let bodies: usize = flat.keys.iter()
            .filter(|(key, _)| key.starts_with("text.") && key.matches('.').count() == 2)
            .filter(|(key, _)| key.ends_with(".body"))
            .filter(|(_, values)| values.iter().any(|value| matches!(value, Scalar::Str(_))))
            .count();
        let check_in = RECORDS.iter().find(|record| record.name == "check_in").expect("exists");
        let seen = shown("check_in", &vec![(check_in.parts[0], flat)]);
        prop_assert_eq!(bodies > 0, seen.contains_key("text"));
    }
}
