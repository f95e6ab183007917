//! Sessions: staffing an intervention and typing its note together.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::doc;
use crate::ids::{DocId, MemberId, SpaceId, first_16};
use crate::protocol::{Code, SpaceOwner};
use crate::records::{DocType, NotesMode, RecordType, SpaceKind, Value, session_text_key, view};

use super::author::checks_itself;
use super::desk::Desk;
use super::rows::SpaceRow;
use super::{EngineError, Env, NoteView, Phone, Result, TextEdit};

impl Phone {
    /// Makes members leads of an intervention: they read and write its session note, with its past.
    ///
    /// # Errors
    /// `no_such_member`; `staff_conflict` if something speaks against one of them; `lead_without_device` if none of the leads has a device that could hold the key.
    pub fn assign(
        &mut self,
        env: &mut Env<'_>,
        intervention: DocId,
        leads: &[MemberId],
    ) -> Result<()> {
        self.staff(env, intervention, leads, "lead")
    }

    /// Changes the text of a phase of an intervention's session note.
    ///
    /// `phase` is a phase of the intervention's kind, as `exploration` of a defusing.
    ///
    /// # Errors
    /// `policy_no_notes` if the team keeps no session notes; `not_allowed` if this member is no lead;
    /// `unknown_field` for a phase the kind has not; `bad_value` for a position beyond the text.
    pub fn write(
        &mut self,
        env: &mut Env<'_>,
        intervention: DocId,
        phase: &str,
        edit: &TextEdit,
    ) -> Result<()> {
        crate::crash_point!("phone.record.before_begin");
        let mut desk = self.desk()?;
        desk.require_enrolled()?;
        if checks_itself() && desk.notes_mode()? != NotesMode::SealedText {
            return Err(Code::PolicyNoNotes.into());
        }
        let intervention = desk.note_to_write(intervention)?;
        let fields = desk.intervention_fields(intervention)?;
        let key = text_key(&fields, phase)?;
        let space = desk.session_to_write(env, intervention, &fields)?;
        if desk.is_hidden(space, note_doc(space))? {
            return Err(Code::Purged.into());
        }
        match desk.is_closed_here(space)? {
            true => desk.write_late_note(env, space, key, edit)?,
            false => desk.write_note(env, space, key, edit)?,
        }
        desk.commit_recorded()
    }

    /// The session notes of an intervention: one, or several that were begun apart and stay side by side.
    pub fn notes(&mut self, intervention: DocId) -> Result<Vec<NoteView>> {
        let desk = self.desk()?;
        let mut notes = Vec::new();
        // Of a session logged twice all notes stand side by side, those of the record asked for first.
        let records = match desk.session_of(intervention) {
            Ok(session) => session.into_iter().map(|(record, _)| record).collect(),
            // A note may be here before the record that it belongs to.
            Err(error) if error.code() == Code::NoSuchRecord => vec![intervention],
            Err(error) => return Err(error),
        };
        let mut spaces = Vec::new();
        for record in records {
            spaces.extend(desk.session_spaces(record)?);
        }
        for row in spaces {
            // Whoever opened the session for others holds its row and no key.
            let reads = row.info.is_read_by(&desk.identity.member);
            for (doc, chain) in desk.notes_of(row.info.id)? {
                let closed = chain.iter().all(|(_, row)| row.saved.is_none()) && !chain.is_empty();
                let shut = if closed && reads { desk.shut_now()? } else { None };
                let mut phases: BTreeMap<String, String> = BTreeMap::new();
                for saved in chain.into_iter().filter_map(|(_, row)| row.saved) {
                    for (key, text) in doc::flatten(&saved)?.texts {
                        if !text.is_empty() {
                            phases.entry(key).or_default().push_str(&text);
                        }
                    }
                }
                let (space, unreadable) = (row.info.id, !reads || closed);
                notes.push(NoteView { space, doc, phases, unreadable, shut });
            }
        }
        Ok(notes)
    }

    /// How many keys each session space of an intervention has had, lowest space first.
    pub fn session_epochs(&mut self, intervention: DocId) -> Result<Vec<usize>> {
        let spaces = self.desk()?.session_spaces(intervention)?;
        Ok(spaces.iter().map(|row| row.info.epochs.len()).collect())
    }
}

/// The id of a session space's note: SHA-256(space || "notes")\[..16\].
pub(super) fn note_doc(space: SpaceId) -> DocId {
    let mut hash = Sha256::new();
    hash.update(space.as_bytes());
    hash.update(b"notes");
    DocId::new(first_16(hash))
}

pub(super) fn note_type() -> Result<&'static DocType> {
    let record = RecordType::by_name("session_note").ok_or(Code::NoSuchRecord)?;
    Ok(record.parts[0])
}

fn text_key(fields: &BTreeMap<String, Value>, phase: &str) -> Result<&'static str> {
    let Some(Value::Text(kind)) = fields.get("kind") else {
        return Err(Code::NoSuchRecord.into());
    };
    session_text_key(kind, phase).ok_or_else(|| {
        EngineError::refused_because(
            Code::UnknownField,
            "this kind of intervention has no such phase",
        )
    })
}

fn leads_of(fields: &BTreeMap<String, Value>) -> BTreeSet<MemberId> {
    match fields.get("leads") {
        Some(Value::Set(leads)) => leads.iter().filter_map(|id| id.parse().ok()).collect(),
        _ => BTreeSet::new(),
    }
}

impl Desk<'_> {
    pub fn notes_mode(&self) -> Result<NotesMode> {
        Ok(self.directory.profile().ok_or(Code::NotSetUp)?.notes_mode)
    }

    fn intervention_fields(&self, intervention: DocId) -> Result<BTreeMap<String, Value>> {
        let (record, parts) = self.open_record(intervention)?;
        if record.name != "intervention" {
            return Err(EngineError::refused_because(Code::NoSuchRecord, "not an intervention"));
        }
        self.values_of(record, &parts)
    }

    /// The values shown of a record, without its conflicts.
    pub fn values_of(
        &self,
        record: &'static RecordType,
        parts: &[super::record::Part],
    ) -> Result<BTreeMap<String, Value>> {
        let flats = self.flats_of(parts)?;
        Ok(view(record, &flats).into_iter().map(|(name, field)| (name, field.value)).collect())
    }

    /// Lets an intervention's leads into its note, those named and those before them who may still read it.
    pub fn open_session(
        &mut self,
        env: &mut Env<'_>,
        intervention: DocId,
        named: &[MemberId],
    ) -> Result<()> {
        let all = leads_of(&self.intervention_fields(intervention)?);
        let all = self.still_reading(env, all, named)?;
        self.let_leads_in(env, intervention, &all)
    }

    /// Those of an intervention's leads who may read its note today, and whoever is named: one who left is named by the
    /// record for good and keeps nobody from the note.
    fn still_reading(
        &self,
        env: &Env<'_>,
        mut leads: BTreeSet<MemberId>,
        named: &[MemberId],
    ) -> Result<BTreeSet<MemberId>> {
        let today = self.today(env.now)?;
        leads.retain(|lead| {
            let member = self.directory.member(lead);
            member.is_some_and(|m| m.may_read(SpaceKind::Session, false, today).is_ok())
        });
        leads.extend(named);
        Ok(leads)
    }

    /// Opens the session space for the leads, or lets further leads into one this member reads.
    fn let_leads_in(
        &mut self,
        env: &mut Env<'_>,
        intervention: DocId,
        leads: &BTreeSet<MemberId>,
    ) -> Result<()> {
        let me = self.identity.member;
        let spaces = self.session_spaces(intervention)?;
        if spaces.iter().any(|row| leads.iter().all(|lead| row.info.is_read_by(lead))) {
            return Ok(());
        }
        let mine = spaces.into_iter().find(|row| row.info.is_read_by(&me));
        if let Some(SpaceRow { info, .. }) = mine {
            for lead in leads.iter().filter(|lead| !info.is_read_by(lead)) {
                self.add_reader(env, info.id, *lead, true)?;
            }
            return self.tend_space(env, info.id);
        }
        self.make_session(env, intervention, leads)?;
        Ok(())
    }

    fn make_session(
        &mut self,
        env: &mut Env<'_>,
        intervention: DocId,
        leads: &BTreeSet<MemberId>,
    ) -> Result<SpaceId> {
        if leads.iter().all(|lead| self.directory.devices_of(*lead).next().is_none()) {
            return Err(Code::LeadWithoutDevice.into());
        }
        let readers: Vec<MemberId> = leads.iter().copied().collect();
        self.make_space(env, SpaceKind::Session, SpaceOwner::Doc(intervention), &readers)
    }

    /// Of the records of one session the one whose note this member reads; else the one asked for.
    fn note_to_write(&self, intervention: DocId) -> Result<DocId> {
        let me = self.identity.member;
        for (record, said) in self.session_of(intervention)? {
            let spaces = self.session_spaces(record)?;
            let leads = said.get("leads").map(|field| &field.value);
            let leads = matches!(leads, Some(Value::Set(all)) if all.contains(&me.to_string()));
            if leads || spaces.iter().any(|row| row.info.is_read_by(&me)) {
                return Ok(record);
            }
        }
        Ok(intervention)
    }

    /// The session space this member writes into; a lead in the field opens one if none is here.
    fn session_to_write(
        &mut self,
        env: &mut Env<'_>,
        intervention: DocId,
        fields: &BTreeMap<String, Value>,
    ) -> Result<SpaceId> {
        let me = self.identity.member;
        for row in self.session_spaces(intervention)? {
            if row.info.is_read_by(&me) && self.is_closed_to_its_maker(&row)? {
                return Ok(row.info.id);
            }
        }
        let leads = leads_of(fields);
        if !leads.contains(&me) && checks_itself() {
            let why = "only its leads write the note of a session; assign yourself first";
            return Err(EngineError::refused_because(Code::NotAllowed, why));
        }
        let leads = self.still_reading(env, leads, &[me])?;
        self.make_session(env, intervention, &leads)
    }
}
