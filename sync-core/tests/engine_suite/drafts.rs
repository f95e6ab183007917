//! What was refused: kept as a draft for its author, while the document goes on without it.

use sync_core::engine::{Draft, TextEdit};
use sync_core::ids::DocId;
use sync_core::protocol::{Code, Verdict};
use sync_core::records::{Role, Value};

use super::team::{Team, text};

fn staff() -> (Team, DocId) {
    let mut team = Team::new();
    team.join("amy", &[Role::PeerSupporter], false);
    team.join("bo", &[Role::FacilitatorMhp], false);
    let incident = team.incident("amy");
    team.sync_all();
    (team, incident)
}

fn only_draft(team: &mut Team, name: &str) -> Draft {
    let mut drafts = team.on(name, |phone, _| phone.drafts()).unwrap();
    assert_eq!(drafts.len(), 1, "{drafts:?}");
    drafts.remove(0)
}

/// The actor numbers under which a phone pushed its changes of a record, in order.
fn actor_numbers(team: &mut Team, name: &str, doc: DocId) -> Vec<u16> {
    let device = team.on(name, |phone, _| phone.status()).unwrap().device;
    let headers = team.relay.pushed.iter().map(|envelope| envelope.header);
    headers.filter(|h| (h.doc, h.device) == (doc, device)).map(|h| h.actor_no).collect()
}

fn a_refused_change_becomes_a_draft(verdict: Verdict, code: Code) {
    let (mut team, incident) = staff();
    team.edit("amy", incident, &[("severity", Value::Int(4)), ("area", text("quarry"))]);
    team.relay.verdicts.push_back(Some((verdict, code)));
    team.sync("amy");

    let draft = only_draft(&mut team, "amy");
    assert_eq!((draft.code, draft.own, draft.record), (code, true, Some(incident)));
    assert_eq!(draft.values.get("severity"), Some(&Value::Int(4)));
    assert_eq!(draft.values.get("area"), Some(&text("quarry")));
    assert_eq!(draft.values.len(), 2, "{:?}", draft.values);
    assert_eq!(team.shown("amy", incident, "severity"), None);
    assert_eq!(team.pending("amy"), 0);

    team.edit("bo", incident, &[("severity", Value::Int(2))]);
    team.edit("amy", incident, &[("personnel_exposed", Value::Int(7))]);
    team.sync_all();
    for name in ["amy", "bo", "admin"] {
        assert_eq!(team.alarms(name), []);
    }
    for name in ["amy", "bo"] {
        assert_eq!(team.shown(name, incident, "personnel_exposed"), Some(Value::Int(7)), "{name}");
        assert_eq!(team.shown(name, incident, "severity"), Some(Value::Int(2)), "{name}");
        assert_eq!(team.shown(name, incident, "area"), None, "{name}");
    }
    let heads = ["amy", "bo"].map(|name| team.on(name, |phone, _| phone.heads()).unwrap());
    assert_eq!(heads[0], heads[1]);
    team.on("amy", |phone, _| phone.rebuild()).unwrap();
    assert_eq!(
        team.on("amy", |phone, _| phone.heads()).unwrap(),
        heads[0],
        "made again without it"
    );
    let numbers = actor_numbers(&mut team, "amy", incident);
    assert_eq!(numbers, [1, 1, 2], "after a refusal a phone goes on under a new actor");
    assert_eq!(only_draft(&mut team, "amy").values, draft.values, "the draft stays");
    assert!(team.on("bo", |phone, _| phone.drafts()).unwrap().is_empty());
}

#[test]
fn a_quarantined_change_becomes_a_draft_and_the_record_goes_on_under_a_new_actor() {
    a_refused_change_becomes_a_draft(Verdict::Quarantined, Code::SchemaViolation);
}

#[test]
fn a_change_refused_for_good_becomes_a_draft_and_the_record_goes_on_under_a_new_actor() {
    a_refused_change_becomes_a_draft(Verdict::RefusedFinal, Code::SchemaViolation);
}

#[test]
fn a_refusal_whose_answer_was_lost_is_learned_with_the_next_one() {
    let (mut team, incident) = staff();
    team.edit("amy", incident, &[("severity", Value::Int(4))]);
    team.relay.verdicts.push_back(Some((Verdict::Quarantined, Code::SchemaViolation)));
    let body = team.request("amy");
    team.relay.serve(&body);
    team.edit("amy", incident, &[("area", text("quarry"))]);
    let waits = Some((Verdict::Waiting, Code::MissingAncestor));
    team.relay.verdicts.push_back(waits);
    team.sync_all();
    let draft = only_draft(&mut team, "amy");
    assert_eq!(draft.values.get("severity"), Some(&Value::Int(4)));
    assert_eq!(draft.values.get("area"), Some(&text("quarry")));
    assert_eq!(team.pending("amy"), 0);
}

#[test]
fn what_was_built_on_a_refused_change_goes_into_the_draft_with_it() {
    let (mut team, incident) = staff();
    team.edit("amy", incident, &[("severity", Value::Int(4))]);
    team.edit("amy", incident, &[("severity", Value::Int(5))]);
    team.edit("amy", incident, &[("area", text("quarry"))]);
    team.relay.verdicts.push_back(Some((Verdict::Quarantined, Code::SchemaViolation)));
    let waits = Some((Verdict::Waiting, Code::MissingAncestor));
    team.relay.verdicts.extend([waits, waits]);
    team.sync("amy");
    let draft = only_draft(&mut team, "amy");
    assert_eq!(draft.values.get("severity"), Some(&Value::Int(5)), "the latest that was typed");
    assert_eq!(draft.values.get("area"), Some(&text("quarry")));
    assert_eq!(team.pending("amy"), 0, "what can never be taken is not sent again");
    assert_eq!(team.shown("amy", incident, "area"), None);

    team.edit("amy", incident, &[("severity", Value::Int(5))]);
    team.sync_all();
    assert_eq!(team.shown("bo", incident, "severity"), Some(Value::Int(5)));
}

#[test]
fn a_refused_record_is_gone_from_the_lists_and_all_of_it_is_in_the_draft() {
    let (mut team, _) = staff();
    let refused = team.incident("amy");
    team.relay.verdicts.push_back(Some((Verdict::Quarantined, Code::NotAllowed)));
    team.sync_all();
    let draft = only_draft(&mut team, "amy");
    assert_eq!(draft.record, Some(refused));
    assert_eq!(draft.values.get("occurred_end"), Some(&text("2026-03-01T12:00:00Z")));
    assert!(draft.values.contains_key("type"));
    let error = team.on("amy", |phone, _| phone.show(refused)).unwrap_err();
    assert_eq!(error.code(), Code::NoSuchRecord);
    for name in ["amy", "bo"] {
        let listed = team.on(name, |phone, _| phone.list(Some("incident"), None, 9)).unwrap();
        assert_eq!(listed.len(), 1, "{name}");
    }
}

#[test]
fn words_of_a_note_that_were_refused_are_in_the_draft_and_the_leads_type_on() {
    let (mut team, _) = staff();
    let fields = super::team::form(&[("kind", text("defusing"))]);
    let id = team.on("amy", |phone, env| phone.record(env, "intervention", &fields)).unwrap();
    let leads = ["amy", "bo"].map(|name| team.on(name, |phone, _| phone.status()).unwrap().member);
    team.on("amy", |phone, env| phone.assign(env, id, &leads)).unwrap();
    team.sync_all();
    let write = |team: &mut Team, name: &str, words: &str| {
        let edit = TextEdit { at: 0, delete: 0, insert: words.to_owned() };
        team.on(name, |phone, env| phone.write(env, id, "exploration", &edit)).unwrap();
    };
    let read = |team: &mut Team, name: &str| {
        let notes = team.on(name, |phone, _| phone.notes(id)).unwrap();
        notes[0].phases.get("defusing.exploration").cloned().unwrap_or_default()
    };
    write(&mut team, "bo", "bo began. ");
    team.sync_all();
    write(&mut team, "amy", "refused words. ");
    team.relay.verdicts.push_back(Some((Verdict::Quarantined, Code::PolicyNoNotes)));
    team.sync("amy");
    assert_eq!(read(&mut team, "amy"), "bo began. ");
    let draft = only_draft(&mut team, "amy");
    assert_eq!(draft.code, Code::PolicyNoNotes);
    let kept = draft.values.get("defusing.exploration");
    assert!(
        matches!(kept, Some(Value::Text(words)) if words.contains("refused words. ")),
        "{draft:?}"
    );

    write(&mut team, "amy", "amy went on. ");
    write(&mut team, "bo", "bo too. ");
    team.sync_all();
    let words = read(&mut team, "amy");
    assert_eq!(read(&mut team, "bo"), words);
    for once in ["bo began. ", "amy went on. ", "bo too. "] {
        assert_eq!(words.matches(once).count(), 1, "{words}");
    }
    assert!(!words.contains("refused"), "{words}");
    assert_eq!(team.alarms("bo"), []);
}
