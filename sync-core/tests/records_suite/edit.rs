//! What an edit writes: only the difference, and nothing at all if anything typed is wrong.

use sync_core::protocol::Code;
use sync_core::records::{FieldOp, Scalar, Value};

use crate::support::{ID, OTHER_ID, Phone, form, set, smallest, text, value};

#[test]
fn a_set_becomes_adds_and_removes() {
    let mut phone = Phone::new(1);
    let mut start = smallest("intervention");
    start.insert("leads".to_owned(), set(&[ID]));
    start.insert("themes".to_owned(), set(&["loss", "sleep"]));
    let documents = phone.record("intervention", &start);
    let edit = form(&[("leads", set(&[OTHER_ID])), ("themes", set(&["loss", "media"]))]);
    let plans = phone.plan_edit("intervention", &documents, &edit).expect("fits");
    let put = |key: &str| FieldOp::Put(key.to_owned(), Scalar::Bool(true));
    let delete = |key: &str| FieldOp::Delete(key.to_owned());
    let expected = [
        put(&format!("leads.{OTHER_ID}")),
        delete(&format!("leads.{ID}")),
        put("themes.media"),
        delete("themes.sleep"),
    ];
    assert_eq!(plans[0].ops, expected);
}

#[test]
fn labels_stand_in_keys_without_hyphens_and_are_shown_with_them() {
    let mut start = smallest("incident");
    start.insert("units".to_owned(), set(&["station-4", "e-2-b"]));
    let documents = Phone::new(1).record("incident", &start);
    assert!(documents[0].1.keys.contains_key("units.station_4"));
    assert_eq!(value("incident", &documents, "units"), Some(set(&["e-2-b", "station-4"])));
}

#[test]
fn what_is_shown_already_is_not_written_again() {
    let mut phone = Phone::new(1);
    let mut start = smallest("peer_contact");
    start.insert("text".to_owned(), text("words"));
    start.insert("issues".to_owned(), set(&["grief"]));
    let documents = phone.record("peer_contact", &start);
    let plans = phone.plan_edit("peer_contact", &documents, &start).expect("fits");
    assert!(plans.is_empty(), "{plans:?}");
}

#[test]
fn a_default_is_written_when_it_is_typed() {
    let mut phone = Phone::new(1);
    let documents = phone.record("follow_up_task", &smallest("follow_up_task"));
    let edit = form(&[("state", text("open"))]);
    assert_eq!(phone.plan_edit("follow_up_task", &documents, &edit).expect("fits").len(), 1);
}

#[test]
fn a_counter_rises_by_the_difference_and_never_falls() {
    let mut phone = Phone::new(1);
    let mut start = smallest("intervention");
    start.insert("referrals_count".to_owned(), Value::Int(2));
    let mut documents = phone.record("intervention", &start);
    let key = format!("referrals_count.{}", "01".repeat(16));
    assert_eq!(documents[0].1.keys[&key], [Scalar::Uint(2)]);

    let five = form(&[("referrals_count", Value::Int(5))]);
    Phone::new(2).edit("intervention", &mut documents, &five);
    let other = format!("referrals_count.{}", "02".repeat(16));
    assert_eq!(documents[0].1.keys[&other], [Scalar::Uint(3)]);
    phone.edit("intervention", &mut documents, &form(&[("referrals_count", Value::Int(6))]));
    assert_eq!(documents[0].1.keys[&key], [Scalar::Uint(3)]);

    let same = form(&[("referrals_count", Value::Int(6))]);
    assert!(phone.plan_edit("intervention", &documents, &same).expect("fits").is_empty());
    let lower = form(&[("referrals_count", Value::Int(5))]);
    let error = phone.plan_edit("intervention", &documents, &lower).expect_err("falls");
    assert_eq!((error.code, error.field.as_str()), (Code::BadValue, "referrals_count"));
}

#[test]
fn new_text_supersedes_the_entry_shown_and_may_clear_it() {
    let mut phone = Phone::new(1);
    let mut start = smallest("check_in");
    start.insert("text".to_owned(), text("first"));
    let mut documents = phone.record("check_in", &start);
    let entry = |number: u8| format!("{}{number:02x}", "01".repeat(15));
    phone.edit("check_in", &mut documents, &form(&[("text", text("second"))]));
    let keys = &documents[0].1.keys;
    assert_eq!(keys[&format!("text.{}.body", entry(1))], [Scalar::Str("first".to_owned())]);
    let mark = &keys[&format!("text.{}.supersedes", entry(2))];
    assert_eq!(mark, &[Scalar::Str(entry(1))]);
    assert_eq!(value("check_in", &documents, "text"), Some(text("second")));
    phone.edit("check_in", &mut documents, &form(&[("text", text(""))]));
    assert_eq!(value("check_in", &documents, "text"), Some(text("")));
}

#[test]
fn a_field_of_a_missing_document_plans_that_document() {
    let mut phone = Phone::new(1);
    let documents = phone.record("peer_contact", &smallest("peer_contact"));
    let plans = phone.plan_edit("peer_contact", &documents, &form(&[("text", text("late"))]));
    let plans = plans.expect("fits");
    assert_eq!(plans.iter().map(|plan| plan.part.name).collect::<Vec<_>>(), ["contact_note"]);

    let header_only = documents[..1].to_vec();
    let edit = form(&[("started_at", text("2026-03-05T08:00:00Z"))]);
    let plans = phone.plan_edit("peer_contact", &header_only, &edit).expect("fits");
    let names: Vec<&str> = plans.iter().map(|plan| plan.part.name).collect();
    assert_eq!(names, ["peer_contact", "contact_detail"]);
}

#[test]
fn an_edit_with_one_wrong_field_plans_nothing() {
    let mut phone = Phone::new(1);
    let documents = phone.record("incident", &smallest("incident"));
    let edit = form(&[("severity", Value::Int(9)), ("area", text("north"))]);
    assert!(phone.plan_edit("incident", &documents, &edit).is_err());
    let edit = form(&[("type", set(&[]))]);
    let error = phone.plan_edit("incident", &documents, &edit).expect_err("required");
    assert_eq!(error.code, Code::Missing);
    let edit = form(&[("of", text(ID))]);
    let error = phone.plan_edit("incident", &documents, &edit).expect_err("not typed");
    assert_eq!(error.code, Code::UnknownField);
}

#[test]
fn an_older_phone_keeps_the_codes_of_newer_ones_in_a_set() {
    let mut phone = Phone::new(1);
    let mut documents = phone.record("incident", &smallest("incident"));
    documents[0].1.keys.insert("type.space_debris".to_owned(), vec![Scalar::Bool(true)]);
    let edit = form(&[("type", set(&["disaster"]))]);
    phone.edit("incident", &mut documents, &edit);
    assert_eq!(value("incident", &documents, "type"), Some(set(&["disaster", "space_debris"])));
    let edit = form(&[("type", set(&["lodd", "space_debris"]))]);
    phone.edit("incident", &mut documents, &edit);
    assert_eq!(value("incident", &documents, "type"), Some(set(&["lodd", "space_debris"])));
}
