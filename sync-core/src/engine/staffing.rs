//! Staffing an intervention: who works on it as what, their own declarations, a director's overrides.
//!
//! What speaks against a member blocks here, before anything is written; every other phone and the page compute the same
//! from the records and the directory, so an assignment that a modified phone forced is shown as blocked everywhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{DocId, MemberId};
use crate::protocol::{Code, Timestamp};
use crate::records::{
    Conflict, FieldView, Known, NotesMode, RecordType, Role, Staffed, Value, crews_of, normalize,
    staffed, team_of,
};

use super::author::checks_itself;
use super::cism::Said;
use super::desk::Desk;
use super::record::record_type;
use super::{EngineError, Env, Phone, Result};

/// The three questions, answered for oneself. `true`: nothing speaks against it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Declaration {
    /// Was not at the incident.
    pub not_present: Option<bool>,
    /// Supervises nobody of the crews.
    pub no_supervision: Option<bool>,
    /// Is close to nobody served.
    pub not_close: Option<bool>,
}

impl Declaration {
    /// Nothing speaks against it.
    pub const CLEAR: Declaration =
        Declaration { not_present: Some(true), no_supervision: Some(true), not_close: Some(true) };
}

impl Phone {
    /// Puts members on the team of an intervention. As `lead` they read and write its session note too, with its past.
    ///
    /// # Errors
    /// `no_such_member`; `staff_conflict`, with the reason, if something speaks against one of them that no clinical
    /// director has overridden; `bad_value` for a part there is not; `lead_without_device` as [`Phone::assign`].
    pub fn staff(
        &mut self,
        env: &mut Env<'_>,
        intervention: DocId,
        members: &[MemberId],
        part: &str,
    ) -> Result<()> {
        crate::crash_point!("phone.record.before_begin");
        let mut desk = self.desk()?;
        desk.require_enrolled()?;
        for member in members {
            desk.directory.member(member).ok_or(Code::NoSuchMember)?;
        }
        let (_, said) = desk.said(intervention, "intervention")?;
        let mut fields = BTreeMap::from([("team".to_owned(), with_part(&said, members, part))]);
        if part == "lead" {
            let mut leads = ids(&said, "leads");
            leads.extend(members.iter().map(ToString::to_string));
            fields.insert("leads".to_owned(), Value::Set(leads));
        }
        desk.edit_record(env, intervention, &fields)?;
        if part == "lead" && desk.notes_mode()? == NotesMode::SealedText {
            desk.open_session(env, intervention, members)?;
        }
        desk.commit_recorded()
    }

    /// The team of an intervention, with what speaks against each and what is to be noticed.
    ///
    /// # Errors
    /// `no_such_record`.
    pub fn staffing(&mut self, now: Timestamp, intervention: DocId) -> Result<Vec<Staffed>> {
        let desk = self.desk()?;
        let (_, said) = desk.said(intervention, "intervention")?;
        team_of(&said).iter().map(|member| desk.staffed_as(now, &said, member)).collect()
    }

    /// Answers for this phone's own member; what is not given stays as it was answered before.
    ///
    /// # Errors
    /// `not_allowed` if the member is not on the team; `no_such_record`.
    pub fn declare(
        &mut self,
        env: &mut Env<'_>,
        intervention: DocId,
        given: Declaration,
    ) -> Result<Staffed> {
        crate::crash_point!("phone.record.before_begin");
        let mut desk = self.desk()?;
        desk.require_enrolled()?;
        let (_, said) = desk.said(intervention, "intervention")?;
        let me = desk.identity.member.to_string();
        if !team_of(&said).contains(&me) {
            let why = "you are not on the team of this intervention";
            return Err(EngineError::refused_because(Code::NotAllowed, why));
        }
        let answers = [
            ("declared_not_present", given.not_present),
            ("declared_no_supervision", given.no_supervision),
            ("declared_not_close", given.not_close),
        ];
        let mut fields = BTreeMap::new();
        for (question, answer) in answers {
            if let Some(clear) = answer {
                let word = if clear { "yes" } else { "no" };
                fields.insert(question.to_owned(), with_mark(&said, question, &me, word));
            }
        }
        desk.edit_record(env, intervention, &fields)?;
        let (_, said) = desk.said(intervention, "intervention")?;
        let staffed = desk.staffed_as(env.now, &said, &me)?;
        desk.commit_recorded()?;
        Ok(staffed)
    }

    /// Interventions, not over yet, on whose team this phone's member is without having answered all three questions.
    pub fn to_declare(&mut self) -> Result<Vec<DocId>> {
        let desk = self.desk()?;
        let me = desk.identity.member.to_string();
        let all = desk.all_said(record_type("intervention")?)?.into_iter();
        let waits = |said: &Said| {
            let answered = |field: &str| marks(said, field).iter().any(|(who, _)| *who == me);
            team_of(said).contains(&me)
                && !said.contains_key("outcome")
                && !["declared_not_present", "declared_no_supervision", "declared_not_close"]
                    .iter()
                    .all(|field| answered(field))
        };
        Ok(all.filter(|(_, said)| waits(said)).map(|(id, _)| id).collect())
    }

    /// A clinical director lets a member work in spite of what speaks against it; the relay notes it in the audit log.
    ///
    /// # Errors
    /// `not_allowed` without the role; `no_such_member`; `bad_value` for a reason there is not.
    pub fn override_conflict(
        &mut self,
        env: &mut Env<'_>,
        intervention: DocId,
        member: MemberId,
        reason: &str,
    ) -> Result<()> {
        crate::crash_point!("phone.record.before_begin");
        let mut desk = self.desk()?;
        desk.require_enrolled()?;
        desk.directory.member(&member).ok_or(Code::NoSuchMember)?;
        let directs = desk.listed()?.standing.roles.contains(&Role::ClinicalDirector);
        if !directs && checks_itself() {
            let why = "only a clinical director overrides a conflict";
            return Err(EngineError::refused_because(Code::NotAllowed, why));
        }
        let (_, said) = desk.said(intervention, "intervention")?;
        let marks = with_mark(&said, "conflict_overrides", &member.to_string(), reason);
        let fields = BTreeMap::from([("conflict_overrides".to_owned(), marks)]);
        desk.edit_record(env, intervention, &fields)?;
        desk.commit_recorded()
    }

    /// Says for this phone's own member whether they can be asked: `on_call`, `available`, `resting` or `unavailable`.
    ///
    /// # Errors
    /// `bad_value` for another word.
    pub fn set_availability(&mut self, env: &mut Env<'_>, state: &str) -> Result<DocId> {
        crate::crash_point!("phone.record.before_begin");
        let mut desk = self.desk()?;
        desk.require_enrolled()?;
        let me = desk.identity.member.to_string();
        let record = record_type("availability")?;
        let own = desk.all_said(record)?.into_iter().find(|(_, said)| {
            let mine = marks(said, "availability");
            mine.iter().any(|(who, _)| *who == me)
        });
        let said = own.as_ref().map(|(_, said)| said.clone()).unwrap_or_default();
        let fields = BTreeMap::from([(
            "availability".to_owned(),
            with_mark(&said, "availability", &me, state),
        )]);
        let id = match own {
            Some((id, _)) => desk.edit_record(env, id, &fields).map(|()| id)?,
            None => desk.write_new(env, record, &fields, None)?,
        };
        desk.commit_recorded()?;
        Ok(id)
    }
}

impl Desk<'_> {
    /// Refuses what would put a member on a team in spite of something that speaks against it.
    pub fn check_team(
        &self,
        now: Timestamp,
        record: &'static RecordType,
        before: &Said,
        typed: &BTreeMap<String, Value>,
    ) -> Result<()> {
        let concerns = ["leads", "team", "crews", "incident_id"];
        let staffs = typed.keys().any(|name| concerns.contains(&name.as_str()));
        if record.name != "intervention" || !staffs || !checks_itself() {
            return Ok(());
        }
        let mut after = before.clone();
        for (name, value) in typed {
            let field = record.typed_field(name);
            let value = field.and_then(|field| normalize(field, value).ok());
            let Some(value) = value else { continue };
            after.insert(name.clone(), FieldView { value, conflict: Vec::new() });
        }
        for member in team_of(&after) {
            let staffed = self.staffed_as(now, &after, &member)?;
            let known_before = team_of(before).contains(&member)
                && self.staffed_as(now, before, &member)?.is_blocked();
            if staffed.is_blocked() && !known_before {
                let why: Vec<String> = staffed.conflicts.iter().map(Conflict::to_string).collect();
                let names = self.staff_names()?;
                let name = member.parse().ok().and_then(|id| names.get(&id).cloned());
                let who = name.unwrap_or_else(|| member.chars().take(8).collect());
                let why = format!("{who} {}", why.join(" and "));
                return Err(EngineError::refused_because(Code::StaffConflict, why));
            }
        }
        Ok(())
    }

    /// How a member stands to an intervention.
    fn staffed_as(&self, now: Timestamp, said: &Said, member: &str) -> Result<Staffed> {
        let incident = match said.get("incident_id").map(|field| &field.value) {
            Some(Value::Text(id)) => id.parse().ok(),
            _ => None,
        };
        let incident = incident.and_then(|id| self.said(id, "incident").ok());
        let crews = crews_of(said, incident.as_ref().map(|(_, said)| said));
        let known = self.known(member)?;
        Ok(staffed(said, &crews, &known, self.today(now)?))
    }

    /// What this phone knows of a member.
    fn known(&self, member: &str) -> Result<Known> {
        let id: Option<MemberId> = member.parse().ok();
        let listed = id.and_then(|id| self.directory.member(&id));
        let of = Value::Text(member.to_owned());
        let staff = self.all_said(record_type("staff")?)?.into_iter();
        let staff = staff
            .map(|(_, said)| said)
            .find(|said| said.get("member").is_some_and(|field| field.value == of));
        let availability = self.all_said(record_type("availability")?)?;
        let words = availability.iter().flat_map(|(_, said)| marks(said, "availability"));
        let open = self.all_said(record_type("intervention")?)?;
        let is_open = |said: &Said| !said.contains_key("outcome") && team_of(said).contains(member);
        Ok(Known {
            member: member.to_owned(),
            supervises: listed.map(|m| m.supervises.iter().cloned().collect()).unwrap_or_default(),
            unit: listed.and_then(|m| m.unit.clone()),
            staff: staff.unwrap_or_default(),
            availability: words.filter(|(who, _)| who == member).map(|(_, word)| word).next(),
            open_interventions: open.iter().filter(|(_, said)| is_open(said)).count(),
        })
    }
}

/// The team with these members in a part, whatever part they had.
fn with_part(said: &Said, members: &[MemberId], part: &str) -> Value {
    let members: BTreeSet<String> = members.iter().map(ToString::to_string).collect();
    let others = marks(said, "team").into_iter().filter(|(who, _)| !members.contains(who));
    let kept = others.map(|(who, what)| format!("{who}@{what}"));
    Value::Set(kept.chain(members.iter().map(|who| format!("{who}@{part}"))).collect())
}

/// A field's marks with one more, in place of what stood beside the same member.
fn with_mark(said: &Said, field: &str, member: &str, word: &str) -> Value {
    let others = marks(said, field).into_iter().filter(|(who, _)| who != member);
    let kept = others.map(|(who, what)| format!("{who}@{what}"));
    Value::Set(kept.chain([format!("{member}@{word}")]).collect())
}

/// Every mark of a field, all that were written at once: giving all of them back settles nothing.
fn marks(said: &Said, field: &str) -> BTreeSet<(String, String)> {
    let Some(field) = said.get(field) else { return BTreeSet::new() };
    let sets = std::iter::once(&field.value).chain(&field.conflict);
    let all = sets.filter_map(|value| match value {
        Value::Set(set) => Some(set),
        _ => None,
    });
    all.flatten()
        .filter_map(|mark| mark.split_once('@'))
        .map(|(who, word)| (who.to_owned(), word.to_owned()))
        .collect()
}

fn ids(said: &Said, field: &str) -> BTreeSet<String> {
    match said.get(field).map(|field| &field.value) {
        Some(Value::Set(set)) => set.clone(),
        _ => BTreeSet::new(),
    }
}
