//! What a record shows after two people wrote at once: nothing lost, and a conflict only where there is one.

use sync_core::records::{Scalar, Value};

use crate::support::{
    Documents, Form, Phone, conflict, form, merge, set, shown, smallest, text, value,
};

/// Two phones edit one past apart; the merge.
fn apart(record: &str, past: &Documents, one: &Form, two: &Form) -> Documents {
    let (mut a, mut b) = (past.clone(), past.clone());
    Phone::new(1).edit(record, &mut a, one);
    Phone::new(2).edit(record, &mut b, two);
    merge(past, &a, &b)
}

fn made(record: &str) -> Documents {
    Phone::new(9).record(record, &smallest(record))
}

#[test]
fn two_values_of_a_register_are_both_kept_and_one_is_shown() {
    let merged = apart(
        "incident",
        &made("incident"),
        &form(&[("severity", Value::Int(2))]),
        &form(&[("severity", Value::Int(4))]),
    );
    assert_eq!(value("incident", &merged, "severity"), Some(Value::Int(2)));
    assert_eq!(conflict("incident", &merged, "severity"), [Value::Int(2), Value::Int(4)]);
}

#[test]
fn the_same_value_written_twice_is_no_conflict() {
    let same = form(&[("severity", Value::Int(3))]);
    let merged = apart("incident", &made("incident"), &same, &same);
    assert_eq!(merged[0].1.keys["severity"].len(), 2);
    assert!(shown("incident", &merged).values().all(|seen| seen.conflict.is_empty()));
}

#[test]
fn giving_the_shown_value_again_resolves_a_conflict() {
    let past = made("incident");
    let mut merged = apart(
        "incident",
        &past,
        &form(&[("severity", Value::Int(2))]),
        &form(&[("severity", Value::Int(4))]),
    );
    Phone::new(1).edit("incident", &mut merged, &form(&[("severity", Value::Int(2))]));
    assert_eq!(value("incident", &merged, "severity"), Some(Value::Int(2)));
    assert!(conflict("incident", &merged, "severity").is_empty());
}

#[test]
fn sets_take_what_either_adds_and_lose_what_either_removes() {
    let mut start = smallest("peer_contact");
    start.insert("issues".to_owned(), set(&["grief", "legal"]));
    let merged = apart(
        "peer_contact",
        &Phone::new(9).record("peer_contact", &start),
        &form(&[("issues", set(&["grief", "legal", "alcohol"]))]),
        &form(&[("issues", set(&["grief", "finances"]))]),
    );
    let expected = set(&["alcohol", "finances", "grief"]);
    assert_eq!(value("peer_contact", &merged, "issues"), Some(expected));
    assert!(conflict("peer_contact", &merged, "issues").is_empty());
}

#[test]
fn counters_sum_what_each_added() {
    let mut start = smallest("intervention");
    start.insert("referrals_count".to_owned(), Value::Int(1));
    let merged = apart(
        "intervention",
        &Phone::new(9).record("intervention", &start),
        &form(&[("referrals_count", Value::Int(3))]),
        &form(&[("referrals_count", Value::Int(2))]),
    );
    assert_eq!(value("intervention", &merged, "referrals_count"), Some(Value::Int(4)));
}

#[test]
fn of_concurrent_states_the_higher_wins_whichever_comes_first_and_none_is_a_conflict() {
    let order = ["done", "declined", "unreachable", "cancelled", "reassigned", "open"];
    assert_lattice("follow_up_task", "state", &order);
    let order = ["active", "monitoring", "triaged", "reported", "closed", "no_action"];
    assert_lattice("incident", "status", &order);
}

fn assert_lattice(record: &str, field: &str, order: &[&str]) {
    for (i, higher) in order.iter().enumerate() {
        for lower in &order[i + 1..] {
            for (one, two) in [(higher, lower), (lower, higher)] {
                let one = form(&[(field, text(one))]);
                let two = form(&[(field, text(two))]);
                let merged = apart(record, &made(record), &one, &two);
                assert_eq!(value(record, &merged, field), Some(text(higher)));
                assert!(conflict(record, &merged, field).is_empty());
            }
        }
    }
}

#[test]
fn a_later_edit_may_take_a_state_back() {
    let mut merged = apart(
        "follow_up_task",
        &made("follow_up_task"),
        &form(&[("state", text("open"))]),
        &form(&[("state", text("done"))]),
    );
    Phone::new(1).edit("follow_up_task", &mut merged, &form(&[("state", text("open"))]));
    assert_eq!(value("follow_up_task", &merged, "state"), Some(text("open")));
}

#[test]
fn two_edits_of_one_text_are_both_shown_until_someone_settles_them() {
    let mut start = smallest("peer_contact");
    start.insert("text".to_owned(), text("first"));
    let mut merged = apart(
        "peer_contact",
        &Phone::new(9).record("peer_contact", &start),
        &form(&[("text", text("one phone's"))]),
        &form(&[("text", text("the other's"))]),
    );
    let both = [text("one phone's"), text("the other's")];
    assert_eq!(conflict("peer_contact", &merged, "text"), both);
    assert_eq!(value("peer_contact", &merged, "text"), Some(text("one phone's")));

    Phone::new(3).edit("peer_contact", &mut merged, &form(&[("text", text("one phone's"))]));
    assert_eq!(value("peer_contact", &merged, "text"), Some(text("one phone's")));
    assert!(conflict("peer_contact", &merged, "text").is_empty());
    let kept = merged[2].1.keys.keys().filter(|key| key.ends_with(".body")).count();
    assert_eq!(kept, 4, "every entry is kept");
}

#[test]
fn two_first_texts_written_at_once_are_a_conflict() {
    let merged = apart(
        "check_in",
        &made("check_in"),
        &form(&[("text", text("a"))]),
        &form(&[("text", text("b"))]),
    );
    assert_eq!(conflict("check_in", &merged, "text"), [text("a"), text("b")]);
}

#[test]
fn entries_that_supersede_each_other_hide_nothing() {
    let mut documents = made("check_in");
    let flat = &mut documents[0].1;
    let (a, b) = ("a".repeat(32), "b".repeat(32));
    for (id, other, body) in [(&a, &b, "one"), (&b, &a, "two")] {
        let str = |text: &str| vec![Scalar::Str(text.to_owned())];
        flat.keys.insert(format!("text.{id}.body"), str(body));
        flat.keys.insert(format!("text.{id}.supersedes"), str(other));
    }
    assert_eq!(conflict("check_in", &documents, "text"), [text("one"), text("two")]);
}

#[test]
fn codes_of_newer_phones_are_shown_as_they_are() {
    let mut documents = made("incident");
    let flat = &mut documents[0].1;
    let code = |code: &str| Scalar::Str(code.to_owned());
    flat.keys.insert("type.space_debris".to_owned(), vec![Scalar::Bool(true)]);
    flat.keys.insert("source".to_owned(), vec![code("satellite")]);
    flat.keys.insert("status".to_owned(), vec![code("paused"), code("closed")]);
    flat.keys.insert("unheard_of".to_owned(), vec![code("x")]);
    flat.keys.insert("severity".to_owned(), vec![code("a type severity never has")]);
    let seen = shown("incident", &documents);
    assert_eq!(seen["type"].value, set(&["lodd", "space_debris"]));
    assert_eq!(seen["source"].value, text("satellite"));
    assert_eq!(seen["status"].value, text("closed"));
    assert!(!seen.contains_key("unheard_of") && !seen.contains_key("severity"));
}

#[test]
fn two_documents_of_one_part_are_shown_as_one() {
    let mut start = smallest("peer_contact");
    start.insert("text".to_owned(), text("from one phone"));
    let mut documents = Phone::new(1).record("peer_contact", &start);
    start.insert("text".to_owned(), text("from the other"));
    documents.push(Phone::new(2).record("peer_contact", &start).remove(2));
    let both = [text("from one phone"), text("from the other")];
    assert_eq!(conflict("peer_contact", &documents, "text"), both);
}

const SIX: &str = "2026-03-01T18:00:00Z";
const SEVEN: &str = "2026-03-01T19:00:00Z";

fn marks(all: &[(&str, &str)]) -> Value {
    Value::Set(all.iter().map(|(key, at)| format!("{key}@{at}")).collect())
}

#[test]
fn ticks_of_two_phones_stand_together_and_two_times_of_one_tick_are_a_conflict() {
    let merged = apart(
        "intervention",
        &made("intervention"),
        &form(&[("phase_times", marks(&[("introduction", SIX), ("exploration", SIX)]))]),
        &form(&[("phase_times", marks(&[("introduction", SEVEN), ("information", SEVEN)]))]),
    );
    let either = |at| marks(&[("introduction", at), ("exploration", SIX), ("information", SEVEN)]);
    assert_eq!(conflict("intervention", &merged, "phase_times"), [either(SIX), either(SEVEN)]);
    let done = set(&["introduction", "exploration", "information"]);
    assert_eq!(value("intervention", &merged, "phases_done"), Some(done));

    // Both times given back with a further tick leave the conflict to people.
    let mut further = merged.clone();
    let (Value::Set(six), Value::Set(seven)) = (either(SIX), either(SEVEN)) else {
        unreachable!("marks are sets")
    };
    let mut all: std::collections::BTreeSet<String> = six.union(&seven).cloned().collect();
    all.insert(format!("facts@{SIX}"));
    Phone::new(3).edit("intervention", &mut further, &form(&[("phase_times", Value::Set(all))]));
    assert_eq!(conflict("intervention", &further, "phase_times").len(), 2);

    let mut settled = merged;
    let given = form(&[("phase_times", either(SEVEN))]);
    Phone::new(1).edit("intervention", &mut settled, &given);
    assert!(conflict("intervention", &settled, "phase_times").is_empty());
    assert_eq!(value("intervention", &settled, "phase_times"), Some(either(SEVEN)));
}

#[test]
fn a_tick_left_out_is_taken_back_and_one_given_again_is_not_written_again() {
    let mut record = made("intervention");
    let mut phone = Phone::new(1);
    let both = form(&[("rules_read", marks(&[("no_rank", SIX), ("confidential", SIX)]))]);
    phone.edit("intervention", &mut record, &both);
    assert!(phone.plan_edit("intervention", &record, &both).expect("fits").is_empty());
    phone.edit("intervention", &mut record, &form(&[("rules_read", marks(&[("no_rank", SIX)]))]));
    assert_eq!(value("intervention", &record, "rules_read"), Some(marks(&[("no_rank", SIX)])));
}

#[test]
fn a_concurrent_closing_never_hides_open_work() {
    let open = ["active", "monitoring", "triaged", "reported"];
    for (place, state) in open.iter().enumerate() {
        for closing in ["closed", "no_action"] {
            let past = made("incident");
            let one = form(&[("status", text(state)), ("severity", Value::Int(3))]);
            let two = form(&[("status", text(closing)), ("closed_because", text("handed_over"))]);
            let merged = apart("incident", &past, &one, &two);
            assert_eq!(value("incident", &merged, "status"), Some(text(state)), "{closing}");
            // Who closed it is not silenced: the reason they gave stands beside the open state.
            let reason = value("incident", &merged, "closed_because");
            assert_eq!(reason, Some(text("handed_over")));
        }
        for lower in &open[place + 1..] {
            let (one, two) = (form(&[("status", text(lower))]), form(&[("status", text(state))]));
            let merged = apart("incident", &made("incident"), &one, &two);
            assert_eq!(value("incident", &merged, "status"), Some(text(state)), "{lower}");
        }
    }
}
