//! A phone that never sees a network: everything a person records is there, typed text included, and what the
//! team's rules forbid leaves no trace.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::engine::{EngineError, Env, NewMember, Phone, TextEdit};
use sync_core::ids::DocId;
use sync_core::protocol::{Code, Timestamp};
use sync_core::records::{NotesMode, PolicyProfile, Role, Value};
use sync_core::store::{MemoryStore, MemoryVault};

struct Desk {
    phone: Phone,
    rng: ChaCha20Rng,
    now: Timestamp,
}

fn staff(name: &str, roles: &[Role]) -> NewMember {
    NewMember {
        name: Some(name.into()),
        roles: roles.to_vec(),
        admin: true,
        unit: Some("station-4".into()),
        ..NewMember::default()
    }
}

fn set_up(profile: PolicyProfile, roles: &[Role]) -> Desk {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let now = Timestamp::parse("2026-03-01T18:00:00Z").unwrap();
    let mut env = Env { now, rng: &mut rng };
    let store = Box::new(MemoryStore::new());
    let relay = "http://relay.example";
    let (vault, robin) = (Box::new(MemoryVault::new()), staff("Robin", roles));
    let phone = Phone::create_team(store, vault, &mut env, relay, profile, robin).unwrap();
    Desk { phone, rng, now }
}

fn form(fields: &[(&str, Value)]) -> BTreeMap<String, Value> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

impl Desk {
    fn record(&mut self, kind: &str, fields: &[(&str, Value)]) -> Result<DocId, EngineError> {
        let mut env = Env { now: self.now, rng: &mut self.rng };
        self.phone.record(&mut env, kind, &form(fields))
    }

    fn edit(&mut self, record: DocId, fields: &[(&str, Value)]) -> Result<(), EngineError> {
        let mut env = Env { now: self.now, rng: &mut self.rng };
        self.phone.edit(&mut env, record, &form(fields))
    }

    fn assign_me(&mut self, intervention: DocId) -> Result<(), EngineError> {
        let me = self.phone.status().unwrap().member;
        let mut env = Env { now: self.now, rng: &mut self.rng };
        self.phone.assign(&mut env, intervention, &[me])
    }

    fn write(
        &mut self,
        on: DocId,
        phase: &str,
        at: usize,
        insert: &str,
    ) -> Result<(), EngineError> {
        let mut env = Env { now: self.now, rng: &mut self.rng };
        let edit = TextEdit { at, delete: 0, insert: insert.into() };
        self.phone.write(&mut env, on, phase, &edit)
    }

    fn shown(&mut self, record: DocId, field: &str) -> Option<Value> {
        self.phone.show(record).unwrap().fields.get(field).map(|field| field.value.clone())
    }
}

const PEER: &[Role] = &[Role::PeerSupporter];

#[test]
fn a_check_in_is_shown_and_stays_on_the_phone_until_backup_is_turned_on() {
    let mut desk = set_up(PolicyProfile::neutral(), PEER);
    let before = desk.phone.status().unwrap().pending;
    let fields =
        [("zone", text("reacting")), ("mood", Value::Int(4)), ("text", text("long night"))];
    let id = desk.record("check_in", &fields).unwrap();
    assert_eq!(desk.shown(id, "zone"), Some(text("reacting")));
    assert_eq!(desk.shown(id, "text"), Some(text("long night")));
    let view = desk.phone.show(id).unwrap();
    assert!(!view.stored && view.only_here);
    assert_eq!(desk.phone.status().unwrap().pending, before, "it stays here without backup");
    desk.phone.set_backup(true).unwrap();
    // The space, the sender key and the change.
    assert_eq!(desk.phone.status().unwrap().pending, before + 3);
    assert!(!desk.phone.show(id).unwrap().only_here);
    desk.edit(id, &[("mood", Value::Int(6))]).unwrap();
    assert_eq!(desk.shown(id, "mood"), Some(Value::Int(6)));
    assert_eq!(desk.phone.list(Some("check_in"), None, 10).unwrap().len(), 1);
}

#[test]
fn a_contact_is_split_and_only_coarse_values_stand_open() {
    let mut desk = set_up(PolicyProfile::neutral(), PEER);
    let fields = [
        ("started_at", text("2026-03-01T17:12:00Z")),
        ("duration_min", Value::Int(25)),
        ("mode", text("phone")),
        ("issues", Value::Set(BTreeSet::from(["grief".to_owned()]))),
    ];
    let id = desk.record("peer_contact", &fields).unwrap();
    assert_eq!(desk.shown(id, "day"), Some(text("2026-03-01")));
    assert_eq!(desk.shown(id, "duration_min"), Some(Value::Int(25)));
    assert_eq!(desk.shown(id, "issues"), Some(Value::Set(BTreeSet::from(["grief".to_owned()]))));
}

#[test]
fn text_of_a_contact_is_refused_where_the_policy_allows_ticks_only_and_nothing_is_half_done() {
    let mut desk = set_up(PolicyProfile::neutral(), PEER);
    let before = desk.phone.status().unwrap().pending;
    let fields = [
        ("started_at", text("2026-03-01T17:12:00Z")),
        ("duration_min", Value::Int(25)),
        ("mode", text("phone")),
        ("text", text("words")),
    ];
    let error = desk.record("peer_contact", &fields).unwrap_err();
    assert_eq!(error.code(), Code::PolicyNoNotes);
    assert_eq!(desk.phone.status().unwrap().pending, before);
    assert!(desk.phone.list(Some("peer_contact"), None, 10).unwrap().is_empty());

    let mut profile = PolicyProfile::neutral();
    profile.contact_notes_mode = NotesMode::SealedText;
    let mut desk = set_up(profile, PEER);
    let id = desk.record("peer_contact", &fields).unwrap();
    assert_eq!(desk.shown(id, "text"), Some(text("words")));
}

#[test]
fn a_lead_in_the_field_opens_the_session_and_types_by_phase() {
    let mut desk = set_up(PolicyProfile::neutral(), &[Role::FacilitatorMhp]);
    let id = desk.record("intervention", &[("kind", text("defusing"))]).unwrap();
    assert_eq!(desk.write(id, "exploration", 0, "x").unwrap_err().code(), Code::NotAllowed);
    desk.assign_me(id).unwrap();
    desk.write(id, "exploration", 0, "we talked").unwrap();
    desk.write(id, "exploration", 9, " 🚒 long").unwrap();
    let notes = desk.phone.notes(id).unwrap();
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0].phases["defusing.exploration"], "we talked 🚒 long");
    assert_eq!(desk.write(id, "fact", 0, "x").unwrap_err().code(), Code::UnknownField);
    assert_eq!(desk.write(id, "exploration", 99, "x").unwrap_err().code(), Code::BadValue);
}

#[test]
fn a_team_without_notes_has_no_session_note() {
    let mut profile = PolicyProfile::neutral();
    profile.notes_mode = NotesMode::None;
    let mut desk = set_up(profile, &[Role::FacilitatorMhp]);
    let id = desk.record("intervention", &[("kind", text("defusing"))]).unwrap();
    desk.assign_me(id).unwrap();
    assert_eq!(desk.write(id, "exploration", 0, "x").unwrap_err().code(), Code::PolicyNoNotes);
    assert!(desk.phone.notes(id).unwrap().is_empty());
}

#[test]
fn leads_without_any_device_are_refused_and_nothing_is_half_done() {
    let mut desk = set_up(PolicyProfile::neutral(), &[Role::Coordinator]);
    let id = desk.record("intervention", &[("kind", text("defusing"))]).unwrap();
    let mut env = Env { now: desk.now, rng: &mut desk.rng };
    let new = NewMember { admin: false, ..staff("Sam", &[Role::FacilitatorMhp]) };
    let sam = desk.phone.add_member(&mut env, new).unwrap();
    // Sam is a proposal until the directory is sequenced.
    let error = desk.phone.assign(&mut env, id, &[sam]).unwrap_err();
    assert_eq!(error.code(), Code::NoSuchMember);
    assert_eq!(desk.shown(id, "leads"), Some(Value::Set(BTreeSet::new())));
}

#[test]
fn wrong_input_names_the_field_and_never_the_value() {
    let mut desk = set_up(PolicyProfile::neutral(), PEER);
    let error = desk.record("check_in", &[("zone", text("secretword"))]).unwrap_err();
    assert_eq!(error.code(), Code::BadValue);
    assert!(error.to_string().contains("zone") && !error.to_string().contains("secretword"));
    let error = desk.record("check_in", &[("mood", Value::Int(3))]).unwrap_err();
    assert_eq!(error.code(), Code::Missing);
    let error = desk.record("no_such_kind", &[]).unwrap_err();
    assert_eq!(error.code(), Code::NoSuchRecord);
}

#[test]
fn a_responder_may_check_in_but_not_report_incidents() {
    let mut desk = set_up(PolicyProfile::neutral(), &[Role::Responder]);
    desk.record("check_in", &[("zone", text("ready"))]).unwrap();
    let fields = [
        ("type", Value::Set(BTreeSet::from(["child_death".to_owned()]))),
        ("occurred_end", text("2026-03-01T12:00:00Z")),
    ];
    assert_eq!(desk.record("incident", &fields).unwrap_err().code(), Code::NotAllowed);
    assert!(desk.phone.list(Some("incident"), None, 10).unwrap().is_empty());
}

#[test]
fn a_shift_is_its_writers_own_ends_after_it_begins_and_says_who_is_on_call() {
    let mut desk = set_up(PolicyProfile::neutral(), PEER);
    let times = |from: &str, to: &str| [("starts_at", text(from)), ("ends_at", text(to))];
    let shift = times("2026-03-01T17:00:00Z", "2026-03-01T20:00:00Z");
    let id = desk.record("on_call_shift", &shift).unwrap();
    let me = desk.phone.status().unwrap().member;
    assert_eq!(desk.shown(id, "member"), Some(text(&me.to_string())));
    let view = desk.phone.on_call(desk.now).unwrap();
    assert_eq!(view.now, [(me, Timestamp::parse("2026-03-01T20:00:00Z").unwrap())]);
    assert!(!view.is_sure, "no relay ever told the time");

    let month = "2026-04-01T17:00:00Z";
    desk.record("on_call_shift", &times("2026-03-01T17:00:00Z", month)).unwrap();
    for wrong in [
        times("2026-03-01T17:00:00Z", "2026-03-01T17:00:00Z"),
        times("2026-03-01T17:00:00Z", "2026-04-01T17:00:00.001Z"),
    ] {
        let error = desk.record("on_call_shift", &wrong).unwrap_err();
        assert_eq!(error.code(), Code::BadValue);
        assert!(error.to_string().contains("ends_at"), "{error}");
    }
    let stranger = [("member", text(&"0f".repeat(16)))];
    let error = desk.record("on_call_shift", &[&shift[..], &stranger].concat()).unwrap_err();
    assert_eq!(error.code(), Code::NoSuchMember);
    assert_eq!(desk.edit(id, &stranger).unwrap_err().code(), Code::BadValue);
    let back = [("ends_at", text("2026-03-01T16:00:00Z"))];
    assert_eq!(desk.edit(id, &back).unwrap_err().code(), Code::BadValue);
    desk.edit(id, &[("state", text("cancelled"))]).unwrap();
    let view = desk.phone.on_call(desk.now).unwrap();
    assert_eq!(view.now.len(), 1, "the other shift still holds");
}

#[test]
fn only_coordinators_write_the_narrative_of_an_incident() {
    let fields = [
        ("type", Value::Set(BTreeSet::from(["failed_rescue".to_owned()]))),
        ("occurred_end", text("2026-03-01T12:00:00Z")),
        ("narrative", text("what happened")),
    ];
    let mut desk = set_up(PolicyProfile::neutral(), PEER);
    assert_eq!(desk.record("incident", &fields).unwrap_err().code(), Code::NotAllowed);
    let mut desk = set_up(PolicyProfile::neutral(), &[Role::Coordinator]);
    let id = desk.record("incident", &fields).unwrap();
    assert_eq!(desk.shown(id, "narrative"), Some(text("what happened")));
}

#[test]
fn pages_of_all_records_hold_each_record_once() {
    let mut desk = set_up(PolicyProfile::neutral(), PEER);
    for _ in 0..7 {
        desk.record("check_in", &[("zone", text("ready"))]).unwrap();
        desk.record("intervention", &[("kind", text("defusing"))]).unwrap();
    }
    for limit in [1, 3, 5, 100] {
        let mut seen = BTreeSet::new();
        let mut after = None;
        loop {
            let page = desk.phone.list(None, after, limit).unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for record in page {
                assert!(seen.insert(record.id), "twice, in pages of {limit}");
            }
        }
        // Seven of each and the staff record of the admin.
        assert_eq!(seen.len(), 15, "in pages of {limit}");
    }
}

#[test]
fn turning_backup_off_calls_back_what_was_not_sent_yet() {
    let mut desk = set_up(PolicyProfile::neutral(), PEER);
    let before = desk.phone.status().unwrap().pending;
    desk.phone.set_backup(true).unwrap();
    let id = desk.record("check_in", &[("zone", text("ready"))]).unwrap();
    assert_eq!(desk.phone.status().unwrap().pending, before + 3);
    desk.phone.set_backup(false).unwrap();
    assert_eq!(desk.phone.status().unwrap().pending, before);
    assert!(desk.phone.show(id).unwrap().only_here);
    assert_eq!(desk.shown(id, "zone"), Some(text("ready")));
}

#[test]
fn the_copy_of_an_urgent_check_in_leaves_first_and_its_header_does_not_say_so() {
    let mut desk = set_up(PolicyProfile::neutral(), PEER);
    desk.record("intervention", &[("kind", text("defusing"))]).unwrap();
    let me = desk.phone.status().unwrap().member;
    let mut copies = Vec::new();
    for wants in ["no", "urgent"] {
        let own = desk.record("check_in", &[("zone", text("ill")), ("wants_contact", text(wants))]);
        let own = own.unwrap();
        let mut env = Env { now: desk.now, rng: &mut desk.rng };
        copies.push(desk.phone.share(&mut env, own, &[me], false).unwrap());
    }
    let outbox = desk.phone.outbox().unwrap();
    let first = outbox.iter().find_map(|(_, record)| *record);
    assert_eq!(
        first,
        Some(copies[1]),
        "before the calm copy in the same space and all that is open"
    );
    assert!(outbox.iter().any(|(_, record)| *record == Some(copies[0])));
}
