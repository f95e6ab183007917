//! Recording, editing, writing, assigning, sharing: what people do on their phones.
//!
//! When a phone dies in the middle, it is started again and the person looks: what is there is there, what is
//! not is done again. So nothing is lost and nothing doubled, or an expectation after it fails.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use sync_core::records::Value;

use crate::drill::protocol::PhoneCommand;
use crate::drill::script::{
    Answer, Assign, ConfirmSame, Delete, Edit, Insert, OnRecord, Record as RecordStep, Rotate,
    Share, Verb, Write, Written, declared,
};

use super::{Failed, Played, Record, World};

impl World {
    /// The record of this handle.
    pub(super) fn made(&self, handle: &str) -> Played<&Record> {
        let found = self.records.get(handle);
        found.ok_or_else(|| Failed::Broken(format!("{handle} was not recorded: that step failed")))
    }

    /// A handle is used anew only if the step that had it was refused.
    pub(super) fn must_be_free(&self, handle: &str) -> Played {
        match self.records.contains_key(handle) || self.members.contains_key(handle) {
            true => Err(Failed::unmet(format!("{handle} is free"), "an earlier step made it")),
            false => Ok(()),
        }
    }

    /// Its id as seen from a device: a shared record is, for its recipient, the copy made for them.
    pub(super) fn id_on(&mut self, device: &str, handle: &str) -> Played<String> {
        let member = self.device(device)?.member.clone();
        let record = self.made(handle)?;
        Ok(record.copies.get(&member).unwrap_or(&record.id).clone())
    }

    /// Typed fields with their handles resolved.
    pub(super) fn resolve(
        &mut self,
        device: &str,
        typed: &BTreeMap<String, Written>,
    ) -> Played<BTreeMap<String, Value>> {
        let mut fields = BTreeMap::new();
        for (name, written) in typed {
            if let Some(value) = self.value(device, written)? {
                fields.insert(name.clone(), value);
            }
        }
        Ok(fields)
    }

    /// One value with its handles resolved.
    pub(super) fn value(&mut self, device: &str, written: &Written) -> Played<Option<Value>> {
        let mut ids = BTreeMap::new();
        for handle in written.handles() {
            let id = match self.members.get(handle) {
                Some(member) => member.id.clone(),
                None => self.id_on(device, handle)?,
            };
            ids.insert(handle.clone(), id);
        }
        written.resolve(&|handle| ids.get(handle).cloned()).map_err(Failed::Broken)
    }

    fn ids_of(&mut self, device: &str, kind: &str) -> Played<BTreeSet<String>> {
        let listed = self.ask(device, PhoneCommand::List { kind: Some(kind.to_owned()) })?;
        let ids = listed.as_array().into_iter().flatten();
        Ok(ids.filter_map(|view| view["record"].as_str().map(str::to_owned)).collect())
    }

    /// Makes a record and finds its id, even if the phone dies on the way.
    fn make(&mut self, device: &str, kind: &str, command: PhoneCommand) -> Played<Json> {
        let armed = self.is_armed(device)?;
        let before = if armed { self.ids_of(device, kind)? } else { BTreeSet::new() };
        match self.ask(device, command.clone()) {
            Err(Failed::Crashed) => {}
            other => return other,
        }
        let after = self.ids_of(device, kind)?;
        let mut new = after.difference(&before);
        match (new.next(), new.next()) {
            (Some(id), None) => Ok(serde_json::json!({ "record": id, "shown": [] })),
            (Some(_), Some(_)) => Err(Failed::unmet("one record", "two: it was doubled")),
            (None, _) => self.ask(device, command),
        }
    }

    fn note_shown(&mut self, device: &str, answer: &Json) -> Played {
        let shown = answer["shown"].as_array().into_iter().flatten();
        self.device(device)?.shown =
            shown.filter_map(|what| what.as_str().map(str::to_owned)).collect();
        Ok(())
    }

    pub(super) fn record(&mut self, step: &RecordStep) -> Played {
        self.must_be_free(&step.name)?;
        let fields = self.resolve(&step.device, &step.typed.0)?;
        let command = PhoneCommand::Record { kind: step.record.clone(), fields };
        let answer = self.make(&step.device, &step.record, command)?;
        self.note_shown(&step.device, &answer)?;
        let id = record_id(&answer)?;
        let record = Record { kind: step.record.clone(), id, copies: BTreeMap::new() };
        self.records.insert(step.name.clone(), record);
        Ok(())
    }

    pub(super) fn edit(&mut self, step: &Edit) -> Played {
        let record = self.id_on(&step.device, &step.record)?;
        let fields = self.resolve(&step.device, &step.typed.0)?;
        // Done again after a crash, an edit that is there already changes nothing.
        let answer = self.again(&step.device, PhoneCommand::Edit { record, fields })?;
        self.note_shown(&step.device, &answer)
    }

    fn again(&mut self, device: &str, command: PhoneCommand) -> Played<Json> {
        match self.ask(device, command.clone()) {
            Err(Failed::Crashed) => self.ask(device, command),
            other => other,
        }
    }

    pub(super) fn write(&mut self, step: &Write) -> Played {
        let record = self.id_on(&step.device, &step.record)?;
        let (at, delete, insert) = places(step.insert.as_ref(), step.delete.as_ref());
        let notes = PhoneCommand::Notes { record: record.clone() };
        let armed = self.is_armed(&step.device)?;
        let before = if armed { self.ask(&step.device, notes.clone())? } else { Json::Null };
        let phase = step.phase.clone();
        let command = PhoneCommand::Write { record, phase, at, delete, insert };
        match self.ask(&step.device, command.clone()) {
            Err(Failed::Crashed) if self.ask(&step.device, notes)? != before => Ok(()),
            Err(Failed::Crashed) => self.ask(&step.device, command).map(|_| ()),
            other => other.map(|_| ()),
        }
    }

    pub(super) fn assign(&mut self, step: &Assign) -> Played {
        let record = self.id_on(&step.device, &step.record)?;
        let members = self.member_ids(&step.members)?;
        self.again(&step.device, PhoneCommand::Assign { record, members })?;
        for member in &step.members {
            let given = declared(step.declare.as_ref(), member).map_err(Failed::Broken)?;
            if let Some(given) = given {
                let answers = [given.not_present, given.no_supervision, given.not_close];
                let (member, record) = (member.clone(), step.record.clone());
                self.declaring.push(Declaring { member, record, answers });
            }
        }
        Ok(())
    }

    pub(super) fn confirm_same(&mut self, step: &ConfirmSame) -> Played {
        let (a, b) = (self.id_on(&step.device, &step.a)?, self.id_on(&step.device, &step.b)?);
        let same = step.same.unwrap_or(true);
        self.again(&step.device, PhoneCommand::ConfirmSame { a, b, same }).map(|_| ())
    }

    /// Whoever was assigned answers on their own phone as soon as it has the intervention. Whether somebody did.
    pub(super) fn declare_on(&mut self, device: &str) -> Played<bool> {
        let member = self.device(device)?.member.clone();
        let (mine, others) = std::mem::take(&mut self.declaring)
            .into_iter()
            .partition(|one: &Declaring| one.member == member);
        self.declaring = others;
        let mut answered = false;
        for one in mine {
            let record = self.id_on(device, &one.record)?;
            let command = PhoneCommand::Declare { record, answers: one.answers };
            match self.again(device, command) {
                Ok(_) => answered = true,
                // It has not arrived there yet, or is not for this member to see.
                Err(Failed::Refused { .. }) => self.declaring.push(one),
                Err(other) => return Err(other),
            }
        }
        Ok(answered)
    }

    fn member_ids(&self, handles: &[String]) -> Played<Vec<String>> {
        handles.iter().map(|handle| self.member_id(handle)).collect()
    }

    pub(super) fn share(&mut self, step: &Share) -> Played {
        let record = self.id_on(&step.device, &step.record)?;
        let with = self.member_ids(step.with.all())?;
        let kind = self.made(&step.record)?.kind.clone();
        let command = PhoneCommand::Share { record, with, text: step.text };
        let id = record_id(&self.make(&step.device, &kind, command)?)?;
        if let Some(record) = self.records.get_mut(&step.record) {
            for member in step.with.all() {
                record.copies.insert(member.clone(), id.clone());
            }
        }
        Ok(())
    }

    pub(super) fn answer(&mut self, step: &Answer) -> Played {
        let record = self.id_on(&step.device, &step.record)?;
        let command = PhoneCommand::Answer { record, step: step.step, also: step.also };
        self.again(&step.device, command).map(|_| ())
    }

    pub(super) fn purge(&mut self, on: &OnRecord) -> Played {
        let record = self.id_on(&on.device, &on.record)?;
        self.again(&on.device, PhoneCommand::Purge { record }).map(|_| ())
    }

    pub(super) fn hold(&mut self, on: &OnRecord) -> Played {
        let record = self.id_on(&on.device, &on.record)?;
        self.again(&on.device, PhoneCommand::Hold { record }).map(|_| ())
    }

    pub(super) fn rotate(&mut self, step: &Rotate) -> Played {
        let record = self.id_on(&step.device, &step.space_of)?;
        self.ask(&step.device, PhoneCommand::Rotate { record }).map(|_| ())
    }

    /// What a refused step must leave as it was on the phone that tried it.
    pub(super) fn footprint(&mut self, verb: &Verb) -> Played<Json> {
        let device = match verb {
            Verb::Record(step) => &step.device,
            Verb::Edit(step) => &step.device,
            Verb::Write(step) => &step.device,
            Verb::Assign(step) => &step.device,
            Verb::ConfirmSame(step) => &step.device,
            Verb::Share(step) => &step.device,
            Verb::Answer(step) => &step.device,
            Verb::Rotate(step) => &step.device,
            Verb::Purge(on) | Verb::Hold(on) => &on.device,
            _ => return Ok(Json::Null),
        };
        let outbox = self.ask(device, PhoneCommand::Outbox)?;
        let heads = self.ask(device, PhoneCommand::Heads)?;
        Ok(serde_json::json!([outbox, heads]))
    }
}

/// What a member answers at their next sync.
pub(super) struct Declaring {
    member: String,
    record: String,
    answers: [Option<bool>; 3],
}

/// Where a text changes: position, characters taken out, text put in.
pub(super) fn places(insert: Option<&Insert>, delete: Option<&Delete>) -> (usize, usize, String) {
    match (insert, delete) {
        (Some(insert), _) => (insert.at, 0, insert.text.clone()),
        (None, Some(delete)) => (delete.at, delete.count, String::new()),
        (None, None) => (0, 0, String::new()),
    }
}

fn record_id(answer: &Json) -> Played<String> {
    let id = answer["record"].as_str().map(str::to_owned);
    id.ok_or_else(|| Failed::Broken("the phone told no record".into()))
}
