//! Where each field lands: exact and confidential values never in an open document.

use sync_core::records::{FieldKind, FieldOp, Origin, PartPlan, RECORDS, Scalar, Value};

use crate::support::{Phone, apply, form, set, shown, smallest, text, value};

fn op_keys(plan: &PartPlan) -> Vec<&str> {
    plan.ops
        .iter()
        .map(|op| match op {
            FieldOp::Put(key, _) | FieldOp::Delete(key) => key.as_str(),
        })
        .collect()
}

#[test]
fn a_contacts_open_header_holds_the_day_and_the_band_and_nothing_exact() {
    let mut typed = smallest("peer_contact");
    typed.insert("issues".to_owned(), set(&["grief"]));
    typed.insert("text".to_owned(), text("in confidence"));
    let plans = Phone::new(1).plan_new("peer_contact", &typed).expect("fits");
    let names: Vec<&str> = plans.iter().map(|plan| plan.part.name).collect();
    assert_eq!(names, ["peer_contact", "contact_detail", "contact_note"]);
    assert_eq!(op_keys(&plans[0]), ["day", "duration_band", "mode"]);
    assert_eq!(op_keys(&plans[1]), ["started_at", "duration_min", "issues.grief"]);
    let day = FieldOp::Put("day".to_owned(), Scalar::Int(20_513));
    let band = FieldOp::Put("duration_band".to_owned(), Scalar::Str("30_59".to_owned()));
    assert_eq!(plans[0].ops[..2], [day, band]);
}

#[test]
fn a_contact_without_words_makes_no_note() {
    let mut typed = smallest("peer_contact");
    typed.insert("text".to_owned(), text(""));
    let plans = Phone::new(1).plan_new("peer_contact", &typed).expect("fits");
    assert_eq!(plans.len(), 2);
}

#[test]
fn every_duration_falls_into_its_band() {
    for (minutes, band) in [
        (1, "under_15"),
        (14, "under_15"),
        (15, "15_29"),
        (29, "15_29"),
        (30, "30_59"),
        (59, "30_59"),
        (60, "60_119"),
        (119, "60_119"),
        (120, "120_plus"),
        (480, "120_plus"),
    ] {
        let mut typed = smallest("peer_contact");
        typed.insert("duration_min".to_owned(), Value::Int(minutes));
        let documents = Phone::new(1).record("peer_contact", &typed);
        assert_eq!(value("peer_contact", &documents, "duration_band"), Some(text(band)));
    }
}

#[test]
fn the_day_is_the_local_one_where_the_offset_is_typed() {
    let mut typed = smallest("peer_contact");
    typed.insert("started_at".to_owned(), text("2026-03-02T01:00:00Z"));
    let documents = Phone::new(1).record("peer_contact", &typed);
    assert_eq!(value("peer_contact", &documents, "day"), Some(text("2026-03-02")));
    typed.insert("tz_offset_min".to_owned(), Value::Int(-420));
    let documents = Phone::new(1).record("peer_contact", &typed);
    assert_eq!(value("peer_contact", &documents, "day"), Some(text("2026-03-01")));
}

#[test]
fn attendance_is_banded_and_the_count_is_stored_nowhere() {
    for (count, band) in [
        (0, "under_5"),
        (4, "under_5"),
        (5, "5_9"),
        (9, "5_9"),
        (10, "10_19"),
        (19, "10_19"),
        (20, "20_49"),
        (49, "20_49"),
        (50, "50_plus"),
        (1_000, "50_plus"),
    ] {
        let typed = form(&[("kind", text("defusing")), ("attendees_count", Value::Int(count))]);
        let documents = Phone::new(1).record("intervention", &typed);
        let keys: Vec<&String> = documents[0].1.keys.keys().collect();
        assert_eq!(keys, ["attendees", "kind"]);
        assert_eq!(value("intervention", &documents, "attendees"), Some(text(band)));
    }
}

#[test]
fn a_task_shows_its_day_and_seals_its_time() {
    let plans =
        Phone::new(1).plan_new("follow_up_task", &smallest("follow_up_task")).expect("fits");
    assert_eq!(op_keys(&plans[0]), ["kind", "due_day", "assignee"]);
    assert_eq!(op_keys(&plans[1]), ["due_at"]);
    let mut documents = Vec::new();
    apply(&mut documents, &plans);
    assert_eq!(value("follow_up_task", &documents, "due_day"), Some(text("2026-03-02")));
}

#[test]
fn coarse_values_follow_an_edit_and_only_what_it_changes() {
    let mut phone = Phone::new(1);
    let mut documents = phone.record("peer_contact", &smallest("peer_contact"));
    let longer = form(&[("duration_min", Value::Int(90))]);
    let plans = phone.plan_edit("peer_contact", &documents, &longer).expect("fits");
    assert_eq!(op_keys(&plans[0]), ["duration_band"]);
    assert_eq!(op_keys(&plans[1]), ["duration_min"]);
    apply(&mut documents, &plans);

    let same_band = form(&[("duration_min", Value::Int(91))]);
    let plans = phone.plan_edit("peer_contact", &documents, &same_band).expect("fits");
    assert_eq!(plans.len(), 1);
    assert_eq!(plans[0].part.name, "contact_detail");
}

#[test]
fn an_edited_offset_moves_the_day_of_the_time_held_already() {
    let mut phone = Phone::new(1);
    let mut typed = smallest("peer_contact");
    typed.insert("started_at".to_owned(), text("2026-03-02T01:00:00Z"));
    let mut documents = phone.record("peer_contact", &typed);
    phone.edit("peer_contact", &mut documents, &form(&[("tz_offset_min", Value::Int(-420))]));
    assert_eq!(value("peer_contact", &documents, "day"), Some(text("2026-03-01")));
    let later = form(&[("started_at", text("2026-03-03T01:00:00Z"))]);
    phone.edit("peer_contact", &mut documents, &later);
    assert_eq!(value("peer_contact", &documents, "day"), Some(text("2026-03-02")));
}

#[test]
fn no_open_document_holds_text_a_handle_or_a_link_and_every_further_one_names_the_first() {
    for record in RECORDS {
        for (i, part) in record.parts.iter().enumerate() {
            let link = part.fields.iter().filter(|field| field.origin == Origin::Link).count();
            assert_eq!(link, usize::from(i > 0), "{}", part.name);
            if part.is_sealed() {
                continue;
            }
            assert_eq!(i, 0, "only the first part may be open: {}", part.name);
            assert!(part.texts.is_empty() && part.note.is_none(), "{}", part.name);
            for field in part.fields {
                assert!(!matches!(field.kind, FieldKind::Entries(_)), "{}", field.name);
                assert_ne!(field.name, "subject_handle", "{}", part.name);
            }
        }
    }
}

#[test]
fn names_numbers_and_keys_are_unique_and_fit() {
    let mut numbers = std::collections::BTreeSet::new();
    for record in RECORDS {
        let mut names = std::collections::BTreeSet::new();
        for part in record.parts {
            assert!(numbers.insert(part.number), "{}", part.name);
            for field in part.fields.iter().filter(|field| field.origin != Origin::Link) {
                assert!(names.insert(field.name), "{} {}", record.name, field.name);
                // The longest key of an entry or a set of ids.
                assert!(field.name.len() + 1 + 32 + ".supersedes".len() <= 96, "{}", field.name);
            }
        }
        for name in record.required {
            assert!(record.typed_field(name).is_some(), "{} {name}", record.name);
        }
    }
    let fixed = [1, 2, 3, 4, 10, 11, 20, 21, 30, 31, 32, 40, 41, 45, 46, 47, 50, 51, 60];
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), fixed, "numbers never change");
}

#[test]
fn the_link_is_checked_but_not_shown() {
    let mut documents = Phone::new(1).record("follow_up_task", &smallest("follow_up_task"));
    let (detail, flat) = &mut documents[1];
    flat.keys.insert("of".to_owned(), vec![Scalar::Str(crate::support::ID.to_owned())]);
    assert_eq!(detail.check(flat, 1), Ok(()));
    assert!(!shown("follow_up_task", &documents).contains_key("of"));
}

#[test]
fn an_edit_of_something_else_does_not_settle_a_coarse_values_conflict() {
    let mut phone = Phone::new(1);
    let mut documents = phone.record("peer_contact", &smallest("peer_contact"));
    let days = vec![Scalar::Int(20_513), Scalar::Int(20_514)];
    documents[0].1.keys.insert("day".to_owned(), days);
    let plans = phone.plan_edit("peer_contact", &documents, &form(&[("mode", text("video"))]));
    assert_eq!(op_keys(&plans.expect("fits")[0]), ["mode"]);
    let start = form(&[("started_at", text("2026-03-01T18:07:00Z"))]);
    let plans = phone.plan_edit("peer_contact", &documents, &start).expect("fits");
    assert_eq!(op_keys(&plans[0]), ["day"], "giving the start again settles the day");
}

#[test]
fn the_first_document_is_planned_even_if_nothing_is_written_to_it() {
    let plans = Phone::new(1).plan_new("session_note", &smallest("session_note")).expect("fits");
    assert_eq!(plans.iter().map(|plan| plan.part.name).collect::<Vec<_>>(), ["session_note"]);
    assert!(plans[0].ops.is_empty());
}
