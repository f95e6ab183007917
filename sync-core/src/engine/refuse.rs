//! What happens when an envelope of this device is refused: it becomes a draft, the document goes on without it.
//!
//! Nothing that was typed is lost: the draft keeps the values for their author. The device takes a new actor
//! number in the document, since the refused change has used one of the old actor's.

use std::collections::BTreeMap;

use crate::doc::{self, Edit};
use crate::ids::{DocId, EnvelopeId, SpaceId};
use crate::protocol::{Code, Envelope, Kind};
use crate::records::{DocType, FieldOp, Flat, OwnerKind, RecordType, Value, view};

use super::desk::Desk;
use super::rows::{DocumentRow, DraftRow, ItemState};
use super::store::Table;
use super::{Env, Result};

impl Desk<'_> {
    /// The relay will never take this envelope. False if it is not one that waits here.
    pub fn refuse(&mut self, id: EnvelopeId, code: Code) -> Result<bool> {
        if self.drop_proposal(id)? {
            self.rows.raise(code, "")?;
            return Ok(true);
        }
        let waits = self.rows.item(id)?.is_some_and(|item| item.state == ItemState::Outbox);
        if waits { self.refuse_in_log(id, code) } else { Ok(false) }
    }

    /// As [`Desk::refuse`], for an envelope that stands quarantined in the log.
    pub fn refuse_in_log(&mut self, id: EnvelopeId, code: Code) -> Result<bool> {
        let Some(item) = self.rows.item(id)? else { return Ok(false) };
        if item.state == ItemState::Refused {
            return Ok(false);
        }
        let Some(envelope) = self.rows.envelope(id)? else { return Ok(false) };
        let (space, doc) = (item.space, envelope.header.doc);
        self.settle(id, item, ItemState::Refused)?;
        if code == Code::DeviceCloned {
            self.rows.raise(code, &self.device().to_string())?;
        }
        match envelope.header.kind {
            Kind::Change | Kind::Sealed => self.rebuild_without(id, space, doc, code)?,
            Kind::Space if code == Code::SpaceExists && self.is_only_one(space)? => {
                self.supersede(space)?;
            }
            Kind::Space => {
                self.keep_draft(id, None, code, BTreeMap::new())?;
                self.refuse_contents(space, code)?;
            }
            _ => self.keep_draft(id, None, code, BTreeMap::new())?,
        }
        Ok(true)
    }

    fn keep_draft(
        &mut self,
        id: EnvelopeId,
        record: Option<DocId>,
        code: Code,
        values: BTreeMap<String, Value>,
    ) -> Result<()> {
        let values = serde_json::to_string(&values).unwrap_or_else(|_| "{}".into());
        Ok(self
            .rows
            .put_draft(id, &DraftRow { code: code.to_string(), record, values, own: true })?)
    }

    /// What a change says that its document would not say without it, as a draft keeps it.
    pub fn values_without(&mut self, id: EnvelopeId, space: SpaceId, doc: DocId) -> Result<String> {
        let Some(row) = self.rows.document(space, doc)? else { return Ok("{}".into()) };
        let Some(part) = DocType::by_number(row.record) else { return Ok("{}".into()) };
        let without = self.replay(space, doc, part, Some(id))?.document.map(|whole| whole.flat);
        let values = difference(part, &flat_of(&row)?, &without.unwrap_or_default());
        Ok(serde_json::to_string(&values).unwrap_or_else(|_| "{}".into()))
    }

    /// Rebuilds a document without a refused change and whatever of this device builds on it.
    fn rebuild_without(
        &mut self,
        refused: EnvelopeId,
        space: SpaceId,
        doc: DocId,
        code: Code,
    ) -> Result<()> {
        let Some(mut row) = self.rows.document(space, doc)? else { return Ok(()) };
        let Some(part) = DocType::by_number(row.record) else { return Ok(()) };
        let before = flat_of(&row)?;
        let replayed = self.replay(space, doc, part, Some(refused))?;
        for envelope in &replayed.fallen {
            self.orphan(envelope)?;
        }
        row.saved = replayed.document.map(|admitted| admitted.saved.into());
        row.actor_no += 1;
        let record = self.rows.root_of(doc)?;
        let after = flat_of(&row)?;
        self.keep_draft(refused, record, code, difference(part, &before, &after))?;
        if row.saved.is_none() {
            self.unlink(doc, part)?;
        }
        Ok(self.rows.put_document(space, doc, &row)?)
    }

    /// A change that built on a refused one: this device's becomes part of the draft, another's waits.
    fn orphan(&mut self, envelope: &Envelope) -> Result<()> {
        let id = envelope.id();
        let Some(item) = self.rows.item(id)? else { return Ok(()) };
        if envelope.header.device == self.device() {
            self.settle(id, item, ItemState::Refused)
        } else {
            let space = item.space;
            self.settle(id, item, ItemState::Waiting)?;
            Ok(self.rows.park(space, envelope.header.doc, id)?)
        }
    }

    pub fn unlink(&mut self, doc: DocId, part: &DocType) -> Result<()> {
        let Some(root) = self.rows.root_of(doc)? else { return Ok(()) };
        let table = Table::Records;
        self.rows.0.delete(table, &[b"p", root.as_bytes().as_slice(), doc.as_bytes()].concat())?;
        self.rows.0.delete(table, &[b"r", doc.as_bytes().as_slice()].concat())?;
        let kind = [b"k", part.number.to_be_bytes().as_slice(), root.as_bytes()].concat();
        Ok(self.rows.0.delete(table, &kind)?)
    }

    /// Whether there is one such space a team or member, so that another one can stand in its place.
    fn is_only_one(&self, space: SpaceId) -> Result<bool> {
        let owner = self.space_row(space)?.info.kind().policy().owner;
        Ok(matches!(owner, OwnerKind::Team | OwnerKind::Member))
    }

    /// A space that will never be: whatever was written into it becomes drafts, with its values.
    fn refuse_contents(&mut self, space: SpaceId, code: Code) -> Result<()> {
        self.carry_out_all(space)?;
        for (id, _) in self.rows.outbox(usize::MAX)? {
            if self.rows.item(id)?.is_some_and(|item| item.space == space) {
                self.refuse_in_log(id, code)?;
            }
        }
        Ok(())
    }

    /// The team already has such a space: what was written into this one moves there once its key is here.
    fn supersede(&mut self, space: SpaceId) -> Result<()> {
        let mut row = self.space_row(space)?;
        row.superseded = true;
        self.rows.put_space(&row)?;
        self.withdraw(space)
    }

    /// Takes what is for a superseded space out of the outbox: no relay will ever take it. What is ordered there is erased
    /// first: it must not move along.
    fn withdraw(&mut self, space: SpaceId) -> Result<()> {
        self.carry_out_all(space)?;
        for (id, _) in self.rows.outbox(usize::MAX)? {
            if let Some(item) = self.rows.item(id)?
                && item.space == space
            {
                self.settle(id, item, ItemState::Refused)?;
            }
        }
        Ok(())
    }

    /// Moves records out of superseded spaces into the space that stands, sealed anew.
    pub fn reseal(&mut self, env: &mut Env<'_>) -> Result<()> {
        let rows = self.rows.spaces()?;
        for old in rows.iter().filter(|row| row.superseded) {
            let standing = rows.iter().find(|row| {
                !row.superseded
                    && row.info.kind() == old.info.kind()
                    && row.info.owner == old.info.owner
                    && row.info.is_read_by(&self.identity.member)
            });
            let Some(standing) = standing else { continue };
            self.carry_out_all(old.info.id)?;
            for (_, doc, document) in self.rows.documents_of(Some(old.info.id))? {
                let Some(part) = DocType::by_number(document.record) else { continue };
                let Some(saved) = &document.saved else { continue };
                let ops = rewrite(&doc::flatten(saved)?);
                let copy = DocId::random(env.rng);
                let edit = Edit::Fields(&ops);
                let written = self.write_change(env, standing.info.id, copy, part, &edit);
                if self.alarm_if_refused(written, &doc.to_string())?.is_none() {
                    continue;
                }
                self.unlink(doc, part)?;
                let moved = DocumentRow { saved: None, ..document };
                self.rows.put_document(old.info.id, doc, &moved)?;
            }
            self.withdraw(old.info.id)?;
        }
        Ok(())
    }
}

/// Writes that make a new document say what this one says.
fn rewrite(flat: &Flat) -> Vec<FieldOp> {
    flat.keys
        .iter()
        .filter_map(|(key, values)| Some(FieldOp::Put(key.clone(), values.first()?.clone())))
        .collect()
}

fn flat_of(row: &DocumentRow) -> Result<Flat> {
    Ok(match &row.saved {
        Some(saved) => doc::flatten(saved)?,
        None => Flat::default(),
    })
}

/// What a person would miss: fields and texts that the document showed and does not any more.
fn difference(part: &'static DocType, before: &Flat, after: &Flat) -> BTreeMap<String, Value> {
    let mut lost = BTreeMap::new();
    if let Some(record) = RecordType::of_part(part.number) {
        let now = view(record, &[(part, after.clone())]);
        for (name, field) in view(record, &[(part, before.clone())]) {
            if now.get(&name).map(|f| &f.value) != Some(&field.value) {
                lost.insert(name, field.value);
            }
        }
    }
    for (key, text) in &before.texts {
        if after.texts.get(key) != Some(text) && !text.is_empty() {
            lost.insert(key.clone(), Value::Text(text.clone()));
        }
    }
    lost
}
