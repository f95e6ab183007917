//! Requests for support: who asked, how far each has come, whose turn it is, and what a peer answers.
//!
//! All of it works without a link. Nothing here wakes anybody: every peer's phone works out alike whose turn it is,
//! from the roster and the attested time, when it is looked at.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{DocId, MemberId, SpaceId};
use crate::protocol::{Code, SpaceOwner, Timestamp};
use crate::records::{
    Called, FieldView, RequestState, Shift, SpaceKind, Value, called, escalates_after_min,
    request_members,
};

use super::desk::Desk;
use super::record::{Part, record_type};
use super::{EngineError, Env, Phone, RequestStep, RequestView, Result};

impl Phone {
    /// The requests that this member asked or may answer, open ones first, the most urgent and oldest first.
    pub fn requests(&mut self, now: Timestamp) -> Result<Vec<RequestView>> {
        let desk = self.desk()?;
        let shifts = desk.shifts()?;
        let record = record_type("support_request")?;
        let mut requests = Vec::new();
        for root in desk.rows.roots(record.parts[0].number, None, usize::MAX)? {
            requests.extend(desk.request_view(root, &shifts, now)?);
        }
        let rank = |view: &RequestView| match view.urgency.as_str() {
            "now" => 0,
            "today" => 1,
            _ => 2,
        };
        requests.sort_by_key(|view| {
            (view.state == RequestState::Closed, rank(view), view.asked_at, view.id)
        });
        Ok(requests)
    }

    /// Answers a request: a peer has seen it, takes it, steps back or passes it on; anybody who reads it closes it.
    ///
    /// # Errors
    /// `no_such_record`; `no_key` if it cannot be opened here; `not_allowed` if it is the member's own and not to be
    /// closed; `request_taken` if somebody else took it, unless `also`.
    pub fn answer_request(
        &mut self,
        env: &mut Env<'_>,
        record: DocId,
        step: RequestStep,
    ) -> Result<()> {
        crate::crash_point!("phone.record.before_begin");
        let mut desk = self.desk()?;
        desk.require_enrolled()?;
        let fields = desk.answered(record, step, env.now)?;
        desk.edit_record(env, record, &fields)?;
        desk.commit_recorded()
    }
}

impl Desk<'_> {
    /// An edit as typed, where a request's state is one that follows: whoever says that they have seen or taken it is noted
    /// as having done so.
    pub fn with_state(
        &self,
        record: DocId,
        fields: &BTreeMap<String, Value>,
        now: Timestamp,
    ) -> Result<BTreeMap<String, Value>> {
        let (kind, parts) = self.open_record(record)?;
        if kind.name == "support_request" {
            self.check_request_edit(&parts, fields)?;
        }
        let step = match fields.get("state") {
            Some(Value::Text(state)) if kind.name == "support_request" => match state.as_str() {
                "seen" => RequestStep::Seen,
                "taken" => RequestStep::Take { also: false },
                "closed" => RequestStep::Close,
                "queued" | "delivered" => RequestStep::Reopen,
                _ => return Ok(fields.clone()),
            },
            _ => return Ok(fields.clone()),
        };
        let mut fields = fields.clone();
        fields.remove("state");
        fields.extend(self.answered(record, step, now)?);
        Ok(fields)
    }

    /// Who has seen or taken a request says so themselves, by an answer; what is asked for is the asker's word.
    fn check_request_edit(&self, parts: &[Part], fields: &BTreeMap<String, Value>) -> Result<()> {
        const ANSWERS: [&str; 3] = ["seen_by", "taken_by", "passed_by"];
        const ASKED: [&str; 3] = ["urgency", "words", "call_back"];
        let names = |among: &[&str]| fields.keys().any(|name| among.contains(&name.as_str()));
        if names(&ANSWERS) {
            let why = "answer the request instead; everybody speaks for themselves";
            return Err(EngineError::refused_because(Code::NotAllowed, why));
        }
        let mine = match parts.first() {
            Some(part) => {
                self.space_row(part.space)?.info.owner == SpaceOwner::Member(self.identity.member)
            }
            None => true,
        };
        if names(&ASKED) && !mine {
            let why = "only the member who asked changes what is asked for";
            return Err(EngineError::refused_because(Code::NotAllowed, why));
        }
        Ok(())
    }

    /// The state that a request is shown with.
    pub fn request_state(
        &self,
        space: SpaceId,
        fields: &BTreeMap<String, FieldView>,
        stored: bool,
    ) -> Result<Option<RequestState>> {
        let values = fields.iter().map(|(name, seen)| (name.clone(), seen.value.clone())).collect();
        Ok(match self.space_row(space)?.info.owner {
            SpaceOwner::Member(by) => Some(RequestState::of(&values, &by.to_string(), stored)),
            _ => None,
        })
    }

    fn request_view(
        &self,
        root: DocId,
        shifts: &[Shift],
        now: Timestamp,
    ) -> Result<Option<RequestView>> {
        let (record, parts) = self.open_record(root)?;
        let Some(part) = parts.iter().find(|part| part.flat.is_some()) else { return Ok(None) };
        let values = self.values_of(record, &parts)?;
        let asked_by = match self.space_row(part.space)?.info.owner {
            SpaceOwner::Member(member) => member,
            _ => return Ok(None),
        };
        if !self.is_begun_by(part, asked_by)? {
            return Ok(None);
        }
        let text = |name: &str| match values.get(name) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let stored = self.is_stored(&parts)?;
        let state = RequestState::of(&values, &asked_by.to_string(), stored);
        let ids = |name: &str| {
            let ids = request_members(&values, name);
            ids.iter().filter_map(|id| id.parse().ok()).collect::<BTreeSet<MemberId>>()
        };
        let urgency = text("urgency").unwrap_or_default();
        let asked_at = text("asked_at").and_then(|time| Timestamp::parse(&time).ok());
        let (now, is_sure) = self.corrected(now)?;
        let peers = self.entitled(SpaceKind::Intake, now.day());
        let has_peers = peers.iter().any(|member| *member != asked_by);
        let waits =
            matches!(state, RequestState::Queued | RequestState::Delivered | RequestState::Seen);
        let called = match asked_at {
            _ if !waits => None,
            Some(asked) => {
                Some(self.called_for(asked_by, shifts, &ids("passed_by"), asked, now, &urgency)?)
            }
            None => Some(Called::Everyone),
        };
        let me = self.identity.member;
        let calls_me = me != asked_by
            && !ids("passed_by").contains(&me)
            && match &called {
                Some(Called::Members(members)) => members.contains(&me),
                Some(Called::Everyone) => true,
                None => false,
            };
        Ok(Some(RequestView {
            id: root,
            member: asked_by,
            own: me == asked_by,
            state,
            asked_at,
            uncertain: !is_sure || text("time_quality").as_deref() == Some("device_unsure"),
            who: text("who"),
            call_back: text("call_back"),
            urgency,
            seen_by: ids("seen_by").into_iter().filter(|member| *member != asked_by).collect(),
            taken_by: ids("taken_by").into_iter().collect(),
            called,
            calls_me,
            has_peers,
            names: self.staff_names()?,
        }))
    }

    /// Whether a member's own device began a document: a peer may write in a member's requests, and ask none in their name.
    fn is_begun_by(&self, part: &Part, member: MemberId) -> Result<bool> {
        let changes = self.rows.changes(part.space, part.doc)?;
        let Some(first) = changes.first() else { return Ok(false) };
        let author = self.rows.envelope(*first)?.map(|envelope| envelope.header.device);
        Ok(author.and_then(|device| self.directory.owner_of(&device)) == Some(member))
    }

    /// Who is called for a request by now, of those who read it and did not ask it.
    fn called_for(
        &self,
        asked_by: MemberId,
        shifts: &[Shift],
        passed: &BTreeSet<MemberId>,
        asked: Timestamp,
        now: Timestamp,
        urgency: &str,
    ) -> Result<Called> {
        let answers = |member: &MemberId| {
            let listed = self.directory.member(member);
            *member != asked_by
                && listed.is_some_and(|m| m.may_read(SpaceKind::Intake, false, now.day()).is_ok())
        };
        let shifts: Vec<Shift> =
            shifts.iter().filter(|shift| answers(&shift.member)).cloned().collect();
        let policy = self.directory.profile().map(|profile| profile.escalate_min());
        let wait_min = escalates_after_min(urgency, policy.unwrap_or_default());
        Ok(called(&shifts, passed, asked, now, wait_min))
    }

    /// What to write so that a request says what its reader does.
    fn answered(
        &self,
        record: DocId,
        step: RequestStep,
        now: Timestamp,
    ) -> Result<BTreeMap<String, Value>> {
        let (kind, _) = self.open_record(record)?;
        if kind.name != "support_request" {
            let why = "that record is no request for support";
            return Err(EngineError::refused_because(Code::NoSuchRecord, why));
        }
        let view = self.request_view(record, &[], now)?.ok_or(Code::NoKey)?;
        let (_, parts) = self.open_record(record)?;
        let values = self.values_of(kind, &parts)?;
        let me = self.identity.member.to_string();
        let with = |name: &str, there: bool| {
            let mut set = request_members(&values, name);
            if there {
                set.insert(me.clone())
            } else {
                set.remove(&me)
            };
            (name.to_owned(), Value::Set(set))
        };
        let state = |state: &str| ("state".to_owned(), Value::Text(state.to_owned()));
        if view.own && step != RequestStep::Close && step != RequestStep::Reopen {
            let why = "this is your own request";
            return Err(EngineError::refused_because(Code::NotAllowed, why));
        }
        let others = view.taken_by.iter().any(|member| *member != self.identity.member);
        Ok(BTreeMap::from_iter(match step {
            RequestStep::Seen => vec![with("seen_by", true)],
            RequestStep::Take { also: false } if others => return Err(Code::RequestTaken.into()),
            RequestStep::Take { .. } => {
                vec![with("seen_by", true), with("taken_by", true), with("passed_by", false)]
            }
            RequestStep::StepBack => {
                vec![with("seen_by", true), with("taken_by", false), with("passed_by", true)]
            }
            RequestStep::Close => vec![state("closed")],
            RequestStep::Reopen => vec![state("queued")],
        }))
    }
}
