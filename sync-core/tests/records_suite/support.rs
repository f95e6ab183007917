//! Forms, plans and merged documents in a few words.

use std::collections::BTreeMap;

use sync_core::ids::ActorId;
use sync_core::records::{
    DocType, FieldOp, FieldView, Flat, InputError, PartPlan, RecordType, Scalar, Value, plan_edit,
    plan_new, view,
};

/// The documents of one record.
pub type Documents = Vec<(&'static DocType, Flat)>;

/// A form.
pub type Form = BTreeMap<String, Value>;

/// An id.
pub const ID: &str = "0123456789abcdef0123456789abcdef";
/// Another id.
pub const OTHER_ID: &str = "00112233445566778899aabbccddeeff";

/// A person's phone: its actor, and the number of its last entry.
pub struct Phone {
    actor: u8,
    entries: u8,
}

impl Phone {
    pub fn new(actor: u8) -> Self {
        Self { actor, entries: 0 }
    }

    pub fn plan_new(&mut self, record: &str, form: &Form) -> Result<Vec<PartPlan>, InputError> {
        let (actor, mut entries) = (self.actor, self.entries);
        let plan = plan_new(kind(record), form, &mut |_| ActorId::new([actor; 16]), &mut || {
            entries += 1;
            entry_id(actor, entries)
        });
        self.entries = entries;
        plan
    }

    pub fn plan_edit(
        &mut self,
        record: &str,
        documents: &Documents,
        form: &Form,
    ) -> Result<Vec<PartPlan>, InputError> {
        let (actor, mut entries) = (self.actor, self.entries);
        let record = kind(record);
        let plan =
            plan_edit(record, documents, form, &mut |_| ActorId::new([actor; 16]), &mut || {
                entries += 1;
                entry_id(actor, entries)
            });
        self.entries = entries;
        plan
    }

    pub fn record(&mut self, record: &str, form: &Form) -> Documents {
        let mut documents = Vec::new();
        apply(&mut documents, &self.plan_new(record, form).expect("the form is right"));
        documents
    }

    pub fn edit(&mut self, record: &str, documents: &mut Documents, form: &Form) {
        let plan = self.plan_edit(record, documents, form).expect("the form is right");
        apply(documents, &plan);
    }
}

fn entry_id(actor: u8, number: u8) -> [u8; 16] {
    let mut id = [actor; 16];
    id[15] = number;
    id
}

pub fn kind(record: &str) -> &'static RecordType {
    RecordType::by_name(record).expect("the record kind exists")
}

/// Writes a plan to documents, making those that are missing.
pub fn apply(documents: &mut Documents, plans: &[PartPlan]) {
    for plan in plans {
        if !documents.iter().any(|(part, _)| part.number == plan.part.number) {
            documents.push((plan.part, Flat::default()));
        }
        let found = documents.iter_mut().find(|(part, _)| part.number == plan.part.number);
        let (_, flat) = found.expect("it was just made");
        for op in &plan.ops {
            match op {
                FieldOp::Put(key, value) => {
                    flat.keys.insert(key.clone(), vec![value.clone()]);
                }
                FieldOp::Delete(key) => {
                    flat.keys.remove(key);
                }
            }
        }
    }
}

/// Two documents written apart from the same past, merged: concurrent writes of one key are both kept, the first
/// one's value first; a key only one of them removed is gone.
pub fn merge(past: &Documents, one: &Documents, two: &Documents) -> Documents {
    let flat_of = |documents: &Documents, number: u16| {
        let found = documents.iter().find(|(part, _)| part.number == number);
        found.map(|(_, flat)| flat.clone()).unwrap_or_default()
    };
    let mut merged = Documents::new();
    for (part, _) in one.iter().chain(two) {
        if merged.iter().any(|(other, _)| other.number == part.number) {
            continue;
        }
        let [past, one, two] = [past, one, two].map(|documents| flat_of(documents, part.number));
        let mut flat = Flat::default();
        for key in one.keys.keys().chain(two.keys.keys()) {
            let (before, a, b) = (past.keys.get(key), one.keys.get(key), two.keys.get(key));
            let values = match (a == before, b == before) {
                (_, true) => a.cloned(),
                (true, false) => b.cloned(),
                (false, false) => {
                    Some(a.into_iter().chain(b).flatten().cloned().collect::<Vec<Scalar>>())
                }
            };
            flat.keys.extend(values.map(|values| (key.clone(), values)));
        }
        merged.push((part, flat));
    }
    merged
}

pub fn shown(record: &str, documents: &Documents) -> BTreeMap<String, FieldView> {
    view(kind(record), documents)
}

/// The value shown of one field.
pub fn value(record: &str, documents: &Documents, field: &str) -> Option<Value> {
    shown(record, documents).get(field).map(|seen| seen.value.clone())
}

/// All values of a field in conflict.
pub fn conflict(record: &str, documents: &Documents, field: &str) -> Vec<Value> {
    shown(record, documents).get(field).map(|seen| seen.conflict.clone()).unwrap_or_default()
}

pub fn form(fields: &[(&str, Value)]) -> Form {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

pub fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub fn set(members: &[&str]) -> Value {
    Value::Set(members.iter().map(|member| (*member).to_owned()).collect())
}

/// The smallest form of each record kind that is taken.
pub fn smallest(record: &str) -> Form {
    match record {
        "staff" => form(&[("member", text(ID)), ("display_name", text("Amy"))]),
        "availability" => form(&[("availability", set(&[&format!("{ID}@resting")]))]),
        "incident" => {
            form(&[("type", set(&["lodd"])), ("occurred_end", text("2026-03-01T18:00:00Z"))])
        }
        "intervention" => form(&[("kind", text("defusing"))]),
        "session_note" => Form::new(),
        "peer_contact" => form(&[
            ("started_at", text("2026-03-01T18:07:00Z")),
            ("duration_min", Value::Int(45)),
            ("mode", text("phone")),
        ]),
        "follow_up_task" => form(&[
            ("kind", text("call")),
            ("due_at", text("2026-03-02T09:30:00Z")),
            ("assignee", text(ID)),
        ]),
        "referral" => form(&[("to_kind", text("eap"))]),
        "resource" => form(&[("name", text("Night line")), ("kind", text("crisis_line"))]),
        "on_call_shift" => form(&[
            ("member", text(ID)),
            ("starts_at", text("2026-03-01T18:00:00Z")),
            ("ends_at", text("2026-03-02T06:00:00Z")),
        ]),
        "support_request" => form(&[("urgency", text("today"))]),
        "journal" => form(&[("text", text("a long day"))]),
        "check_in" => form(&[("zone", text("reacting"))]),
        other => panic!("a new record kind needs its smallest form here: {other}"),
    }
}
