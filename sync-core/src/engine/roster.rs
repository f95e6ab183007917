//! The roster on a phone: who is on call, and whose a document of the roster is. All of it without a link.

use std::collections::BTreeMap;

use crate::ids::{DocId, MemberId};
use crate::protocol::{Code, Timestamp};
use crate::records::{
    DocType, RecordType, Shift, Value, belongs_to, check_shift, is_own, on_call, own_doc_id,
};

use super::desk::Desk;
use super::record::{Part, record_type};
use super::{EngineError, OnCallView, Phone, Result};

impl Phone {
    /// Who is on call now, who is called first coming first.
    pub fn on_call(&mut self, now: Timestamp) -> Result<OnCallView> {
        let desk = self.desk()?;
        let (now, is_sure) = desk.corrected(now)?;
        let shifts = desk.shifts()?;
        let now_on_call = on_call(&shifts, now);
        // The shift that a member is in, or their next one.
        let mut until = BTreeMap::new();
        for shift in shifts.iter().filter(|shift| shift.on_call && shift.holds_at(now)) {
            let end = until.entry(shift.member).or_insert(shift.ends);
            *end = (*end).max(shift.ends);
        }
        let mut next: Vec<Shift> =
            shifts.into_iter().filter(|shift| shift.on_call && shift.starts > now).collect();
        next.sort_by_key(|shift| (shift.starts, shift.rank, shift.member));
        let present = now_on_call.into_iter();
        let present = present.map(|member| (member, until.get(&member).copied().unwrap_or(now)));
        let (names, now) = (desk.staff_names()?, present.collect());
        Ok(OnCallView { now, next, names, is_sure })
    }
}

impl Desk<'_> {
    /// The shifts that hold, of present members.
    pub fn shifts(&self) -> Result<Vec<Shift>> {
        let record = record_type("on_call_shift")?;
        let mut shifts = Vec::new();
        for root in self.rows.roots(record.parts[0].number, None, usize::MAX)? {
            let (record, parts) = self.open_record(root)?;
            let shift = Shift::of(root, &self.values_of(record, &parts)?);
            shifts.extend(shift.filter(|shift| self.directory.member(&shift.member).is_some()));
        }
        Ok(shifts)
    }

    /// A form with what this phone knows better than a person types it.
    pub fn filled_in(
        &self,
        record: &RecordType,
        fields: &BTreeMap<String, Value>,
        now: Timestamp,
    ) -> Result<BTreeMap<String, Value>> {
        let mut fields = fields.clone();
        if record.name == "on_call_shift" {
            let me = Value::Text(self.identity.member.to_string());
            fields.entry("member".into()).or_insert(me);
            check_shift(&fields)?;
        }
        if ["check_in", "journal"].contains(&record.name) && !fields.contains_key("at") {
            let (at, _) = self.corrected(now)?;
            fields.insert("at".into(), Value::Text(at.to_string()));
        }
        if record.name == "support_request" && !fields.contains_key("asked_at") {
            let (asked, is_sure) = self.corrected(now)?;
            fields.insert("asked_at".into(), Value::Text(asked.to_string()));
            if !is_sure {
                let unsure = Value::Text("device_unsure".into());
                fields.entry("time_quality".into()).or_insert(unsure);
            }
        }
        Ok(fields)
    }

    /// The id of a new document: random, but of a member's own document it says whose it is.
    pub fn new_doc_id(
        &self,
        part: &DocType,
        fields: &BTreeMap<String, Value>,
        random: DocId,
    ) -> Result<DocId> {
        if !is_own(part.number) {
            return Ok(random);
        }
        let owner: MemberId = match fields.get("member") {
            Some(Value::Text(id)) => id.trim().parse().map_err(|_| Code::NoSuchMember)?,
            _ => self.identity.member,
        };
        self.directory.member(&owner).ok_or(Code::NoSuchMember)?;
        Ok(own_doc_id(owner, random))
    }
    /// What an edit of a member's own document must leave as it is: whose it is, and that a shift ends after it begins.
    pub fn check_own(
        &self,
        root: DocId,
        record: &'static RecordType,
        parts: &[Part],
        fields: &BTreeMap<String, Value>,
    ) -> Result<()> {
        if record.name == "on_call_shift" {
            let mut whole = self.values_of(record, parts)?;
            whole.extend(fields.clone());
            check_shift(&whole)?;
        }
        let Some(Value::Text(member)) = fields.get("member") else { return Ok(()) };
        let stays = member.trim().parse().is_ok_and(|member| belongs_to(root, member));
        if is_own(record.parts[0].number) && !stays {
            let why = "member: stays who it is; cancel this one and make another";
            return Err(EngineError::refused_because(Code::BadValue, why));
        }
        Ok(())
    }
}
