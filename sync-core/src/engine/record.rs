//! Recording and editing: from a form a person typed to the documents it is split into.

use std::collections::BTreeMap;

use crate::doc::{self, Edit};
use crate::ids::{ActorId, DocId, MemberId, SpaceId};
use crate::protocol::Code;
use crate::records::{
    After, DocType, FieldKind, FieldOp, Flat, PartPlan, RecordType, Scalar, SpaceKind, Value,
    plan_edit, plan_new, view,
};

use super::desk::Desk;
use super::rows::PartRow;
use super::{EngineError, Env, Phone, Result};

/// A record's part as it stands on this phone.
pub(super) struct Part {
    pub doc: DocId,
    pub space: SpaceId,
    pub doc_type: &'static DocType,
    /// Its values, `None` if it cannot be opened here.
    pub flat: Option<Flat>,
}

impl Phone {
    /// Records something new and returns the record's id.
    ///
    /// # Errors
    /// `unknown_field`, `bad_value`, `missing_field` for input the record does not take; `not_allowed`,
    /// `policy_no_notes` if the author's role or the team's policy forbids it. Nothing is written then.
    pub fn record(
        &mut self,
        env: &mut Env<'_>,
        kind: &str,
        fields: &BTreeMap<String, Value>,
    ) -> Result<DocId> {
        crate::crash_point!("phone.record.before_begin");
        let record = record_type(kind)?;
        let mut desk = self.desk()?;
        desk.require_enrolled()?;
        let root = desk.write_new(env, record, fields, None)?;
        desk.commit_recorded()?;
        Ok(root)
    }

    /// Changes fields of a record. A value given again resolves a conflict of its field.
    ///
    /// # Errors
    /// As [`Phone::record`], and `no_such_record`.
    pub fn edit(
        &mut self,
        env: &mut Env<'_>,
        record: DocId,
        fields: &BTreeMap<String, Value>,
    ) -> Result<()> {
        crate::crash_point!("phone.record.before_begin");
        let mut desk = self.desk()?;
        desk.require_enrolled()?;
        let fields = desk.with_state(record, fields, env.now)?;
        desk.edit_session(env, record, &fields)?;
        desk.commit_recorded()
    }

    /// Copies a check-in into a space shared with these members, and returns the copy. Its text goes along only if `text`.
    /// The copy of an urgent one leaves the outbox before anything else.
    ///
    /// # Errors
    /// `no_such_record`, `no_such_member`, `not_allowed` if the record is no check-in.
    pub fn share(
        &mut self,
        env: &mut Env<'_>,
        record: DocId,
        with: &[MemberId],
        text: bool,
    ) -> Result<DocId> {
        crate::crash_point!("phone.record.before_begin");
        let mut desk = self.desk()?;
        desk.require_enrolled()?;
        let (record_type, parts) = desk.open_record(record)?;
        let part = parts.first().ok_or(Code::NoSuchRecord)?;
        if !part.doc_type.spaces.contains(&SpaceKind::Shared) {
            return Err(EngineError::refused_because(
                Code::NotAllowed,
                "only a check-in can be shared",
            ));
        }
        desk.require_unlocked()?;
        for member in with {
            desk.directory.member(member).ok_or(Code::NoSuchMember)?;
        }
        let mut fields = desk.values_of(record_type, &parts)?;
        if !text {
            fields.retain(|name, _| !is_text(part.doc_type, name));
        }
        let space = desk.shared_space(env, with)?;
        let copy = desk.write_new(env, record_type, &fields, Some(space))?;
        if fields.get("wants_contact") == Some(&Value::Text("urgent".into())) {
            desk.hurry(space, copy)?;
        }
        desk.commit_recorded()?;
        Ok(copy)
    }
}

pub(super) fn record_type(kind: &str) -> Result<&'static RecordType> {
    RecordType::by_name(kind)
        .ok_or_else(|| EngineError::refused_because(Code::NoSuchRecord, "no such kind of record"))
}

fn is_text(doc_type: &DocType, name: &str) -> bool {
    doc_type
        .fields
        .iter()
        .any(|field| field.name == name && matches!(field.kind, FieldKind::Entries(_)))
}

impl Desk<'_> {
    /// Writes every part of a new record. `space` overrides where its first part lives (a shared copy).
    pub fn write_new(
        &mut self,
        env: &mut Env<'_>,
        record: &'static RecordType,
        fields: &BTreeMap<String, Value>,
        space: Option<SpaceId>,
    ) -> Result<DocId> {
        if record.parts.iter().any(|part| !part.texts.is_empty()) {
            return Err(EngineError::refused_because(
                Code::NotAllowed,
                "write into its phases instead",
            ));
        }
        // A copy says what its original says.
        let fields = &match space {
            Some(_) => fields.clone(),
            None => self.filled_in(record, fields, env.now)?,
        };
        self.check_team(env.now, record, &BTreeMap::new(), fields)?;
        let mut docs: BTreeMap<u16, DocId> = BTreeMap::new();
        for part in record.parts {
            let random = DocId::random(env.rng);
            docs.insert(part.number, self.new_doc_id(part, fields, random)?);
        }
        let root = docs[&record.parts[0].number];
        let plans = {
            let me = self.device();
            let rng = &mut *env.rng;
            plan_new(record, fields, &mut |part| actor(me, docs[&part.number], 1), &mut || {
                entry_id(rng)
            })?
        };
        for plan in plans {
            let doc = docs[&plan.part.number];
            let place = match space {
                Some(space) => space,
                None => self.place(env, plan.part, fields)?,
            };
            self.write_part(env, record, root, doc, place, plan)?;
        }
        Ok(root)
    }

    fn write_part(
        &mut self,
        env: &mut Env<'_>,
        record: &'static RecordType,
        root: DocId,
        doc: DocId,
        space: SpaceId,
        mut plan: PartPlan,
    ) -> Result<()> {
        if plan.part.number != record.parts[0].number && self.rows.document(space, doc)?.is_none() {
            plan.ops.push(FieldOp::Put("of".into(), Scalar::Str(root.to_string())));
        }
        self.write_change(env, space, doc, plan.part, &Edit::Fields(&plan.ops))?;
        Ok(())
    }

    /// The space a new part of this device's belongs into.
    fn place(
        &mut self,
        env: &mut Env<'_>,
        part: &DocType,
        fields: &BTreeMap<String, Value>,
    ) -> Result<SpaceId> {
        let kind = *part.spaces.first().ok_or(Code::WrongSpace)?;
        match kind {
            SpaceKind::Caseload => {
                let owner = match fields.get("assignee") {
                    Some(Value::Text(id)) => id.parse().map_err(|_| Code::NoSuchMember)?,
                    _ => self.identity.member,
                };
                self.directory.member(&owner).ok_or(Code::NoSuchMember)?;
                self.open_space(kind, Some(owner))
            }
            kind if kind.policy().sealed => self.sealed_space(env, kind),
            kind => self.open_space(kind, None),
        }
    }

    pub fn edit_record(
        &mut self,
        env: &mut Env<'_>,
        record: DocId,
        fields: &BTreeMap<String, Value>,
    ) -> Result<()> {
        let (record_type, parts) = self.open_record(record)?;
        let root = self.rows.root_of(record)?.unwrap_or(record);
        self.check_own(root, record_type, &parts, fields)?;
        let (first, current) = (record_type.parts[0].number, self.flats_of(&parts)?);
        self.check_team(env.now, record_type, &view(record_type, &current), fields)?;
        let mut docs = BTreeMap::new();
        for part in record_type.parts {
            let found = parts.iter().find(|p| p.doc_type.number == part.number && p.flat.is_some());
            let (doc, space) = match found {
                Some(found) => (self.open_end(found.space, found.doc)?, Some(found.space)),
                None => (DocId::random(env.rng), None),
            };
            let actor_no = match space {
                Some(space) => self.document_or_new(space, doc, part)?.actor_no,
                None => 1,
            };
            docs.insert(part.number, (doc, space, actor_no));
        }
        let plans = {
            let me = self.device();
            let rng = &mut *env.rng;
            let mut actor_of = |part: &DocType| {
                let (doc, _, actor_no) = docs[&part.number];
                actor(me, doc, actor_no)
            };
            plan_edit(record_type, &current, fields, &mut actor_of, &mut || entry_id(rng))?
        };
        // A sealed part that cannot be read now gets a late one beside it, which names the record; what the record
        // begins with has no other to name.
        if plans.iter().any(|plan| plan.part.is_sealed() && plan.part.number == first) {
            self.require_unlocked()?;
        }
        for mut plan in plans {
            let (doc, space, _) = docs[&plan.part.number];
            if space.is_some() {
                plan.ops = self.fit_successor(root, doc, &parts, plan.ops)?;
            }
            let space = match space {
                Some(space) => space,
                None => self.place(env, plan.part, fields)?,
            };
            self.write_part(env, record_type, root, doc, space, plan)?;
        }
        Ok(())
    }

    /// A record's type and its parts on this phone, the first part first.
    pub fn open_record(&self, record: DocId) -> Result<(&'static RecordType, Vec<Part>)> {
        // Of a record read without its past the first document is not here, only what names it.
        let root = self.rows.root_of(record)?.unwrap_or(record);
        let rows = self.rows.parts(root)?;
        let (_, first) =
            rows.iter().find(|(doc, _)| *doc == root).or(rows.first()).ok_or(Code::NoSuchRecord)?;
        let record_type = RecordType::of_part(first.number).ok_or(Code::SchemaViolation)?;
        let mut parts = Vec::new();
        for (doc, PartRow { number, space }) in rows {
            // Another kind of document may name this record, but is no part of it.
            if record_type.parts.iter().all(|part| part.number != number) {
                continue;
            }
            let doc_type = DocType::by_number(number).ok_or(Code::SchemaViolation)?;
            let saved = self.rows.document(space, doc)?.and_then(|row| row.saved);
            let flat = saved.map(|saved| doc::flatten(&saved)).transpose()?;
            parts.push(Part { doc, space, doc_type, flat });
        }
        let rank =
            |part: &Part| record_type.parts.iter().position(|p| p.number == part.doc_type.number);
        parts.sort_by_key(|part| (rank(part), part.doc != root, part.doc));
        Ok((record_type, parts))
    }

    /// Notes which record a document belongs to, once its values are known.
    pub fn link(&mut self, space: SpaceId, doc: DocId, part: &DocType, flat: &Flat) -> Result<()> {
        let Some(record) = RecordType::of_part(part.number) else { return Ok(()) };
        if self.is_hidden(space, doc)? {
            return Ok(());
        }
        let first = record.parts[0].number;
        let root = match flat.get("of") {
            Some(Scalar::Str(of)) if part.number != first => of.parse().ok(),
            // A successor of a record's first document says whose it is.
            Some(Scalar::Str(of)) if After::of(flat).is_some_and(|a| a.doc.successor() == doc) => {
                of.parse().ok()
            }
            _ if !part.texts.is_empty() => self.note_root(space, doc)?,
            _ if part.number == first => Some(doc),
            _ => None,
        };
        // A document's id is its author's choice: whoever repeats it elsewhere, or names another record, must
        // not take the place of the document that was here first.
        if let Some(known) = self.rows.root_of(doc)? {
            let here = self.rows.parts(known)?.into_iter().find(|(part, _)| *part == doc);
            if here.is_some_and(|(_, row)| row.space != space || Some(known) != root) {
                return Ok(());
            }
        }
        if let Some(root) = root {
            self.rows.put_part(root, doc, PartRow { number: part.number, space }, first)?;
        }
        Ok(())
    }
}

/// The actor of this device in a document.
fn actor(device: crate::ids::DeviceId, doc: DocId, actor_no: u16) -> ActorId {
    crate::protocol::actor_id(device, doc, actor_no)
}

fn entry_id(rng: &mut dyn rand_core::CryptoRng) -> [u8; 16] {
    let mut id = [0; 16];
    rng.fill_bytes(&mut id);
    id
}
