//! What people do on the phones of a [`World`], and what these show.

use sync_core::engine::TextEdit;
use sync_core::ids::DocId;
use sync_core::records::Value;

use crate::{World, form, set, text};

impl World {
    /// Records something.
    pub fn record(&mut self, name: &str, kind: &str, fields: &[(&str, Value)]) -> DocId {
        let fields = form(fields);
        self.on(name, |phone, env| phone.record(env, kind, &fields)).expect("recorded")
    }

    /// Records an incident, with nothing but what it must have.
    pub fn incident(&mut self, name: &str) -> DocId {
        let fields =
            [("type", set(&["failed_rescue"])), ("occurred_end", text("2026-03-01T12:00:00Z"))];
        self.record(name, "incident", &fields)
    }

    /// Records a contact of so many minutes, with an issue in its sealed half.
    pub fn contact(&mut self, name: &str, minutes: i64) -> DocId {
        let fields = [
            ("started_at", text("2026-03-01T12:00:00Z")),
            ("duration_min", Value::Int(minutes)),
            ("mode", text("phone")),
            ("issues", set(&["grief"])),
        ];
        self.record(name, "peer_contact", &fields)
    }

    /// Edits a record.
    pub fn edit(&mut self, name: &str, record: DocId, fields: &[(&str, Value)]) {
        let fields = form(fields);
        self.on(name, |phone, env| phone.edit(env, record, &fields)).expect("edited");
    }

    /// Types into a session note.
    pub fn write(&mut self, name: &str, intervention: DocId, phase: &str, at: usize, insert: &str) {
        let edit = TextEdit { at, delete: 0, insert: insert.to_owned() };
        self.on(name, |phone, env| phone.write(env, intervention, phase, &edit)).expect("written");
    }

    /// The text of a phase as a phone shows it, in its first readable note.
    pub fn phase(&mut self, name: &str, intervention: DocId, key: &str) -> String {
        let notes = self.on(name, |phone, _| phone.notes(intervention)).expect("notes");
        notes.into_iter().find_map(|note| note.phases.get(key).cloned()).unwrap_or_default()
    }

    /// The value of a field as a phone shows it.
    pub fn shown(&mut self, name: &str, record: DocId, field: &str) -> Option<Value> {
        let view = self.on(name, |phone, _| phone.show(record)).ok()?;
        view.fields.get(field).map(|field| field.value.clone())
    }

    /// The concurrent values of a field as a phone shows them.
    pub fn conflict(&mut self, name: &str, record: DocId, field: &str) -> Vec<Value> {
        let view = self.on(name, |phone, _| phone.show(record)).expect("the record");
        view.fields.get(field).map(|field| field.conflict.clone()).unwrap_or_default()
    }
}

impl World {
    /// Everything a person would want to know when phones disagree: drafts, alarms, and what still waits.
    pub fn troubles(&mut self) -> String {
        let names: Vec<String> = self.devices.keys().cloned().collect();
        let mut out = String::new();
        for name in names {
            let (drafts, alarms, outbox) = self.on(&name, |phone, _| {
                (phone.drafts().expect("drafts"), phone.alarms().expect("alarms"), phone.outbox())
            });
            out += &format!("{name}: {drafts:?} {alarms:?} {:?}\n", outbox.expect("an outbox"));
        }
        out
    }
}
