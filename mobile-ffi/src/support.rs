//! Requests for support. Asking is `record` of a `support_request`; here is what shows and answers them.

use std::collections::HashMap;

use sync_core::engine::{RequestStep, RequestView};
use sync_core::records::{Called, asks_for_help_now};

use crate::error::AftercallError;
use crate::phone::AftercallPhone;
use crate::values::{FieldValue, record_id};

/// A request for support.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Request {
    /// The record; `show` has its words.
    pub record: String,
    /// Who asks.
    pub member: String,
    /// Whether it is this member's own.
    pub own: bool,
    /// queued, delivered, seen, taken or closed. Until it is seen, say that nobody has seen it yet.
    pub state: String,
    /// routine, today or now.
    pub urgency: String,
    /// When it was asked, in milliseconds since 1970.
    pub asked_at_ms: Option<i64>,
    /// Peers who opened it.
    pub seen_by: Vec<String>,
    /// Who calls back; several until all but one step back.
    pub taken_by: Vec<String>,
    /// Who is called by now, first called first; empty once somebody calls back, or if everybody is called.
    pub called: Vec<String>,
    /// Whether every peer is called.
    pub calls_everyone: bool,
    /// Whether this member is called: show it first.
    pub calls_me: bool,
    /// Whether anybody else in the team answers requests; else say so, with the crisis numbers.
    pub has_peers: bool,
    /// A clock was never corrected by a relay, so whose turn it is may be wrong. Say so.
    pub uncertain: bool,
}

impl From<RequestView> for Request {
    fn from(view: RequestView) -> Self {
        let texts =
            |ids: &[sync_core::ids::MemberId]| ids.iter().map(ToString::to_string).collect();
        Request {
            record: view.id.to_string(),
            member: view.member.to_string(),
            own: view.own,
            state: view.state.as_str().to_owned(),
            asked_at_ms: view.asked_at.map(|at| at.0),
            seen_by: texts(&view.seen_by),
            taken_by: texts(&view.taken_by),
            called: match &view.called {
                Some(Called::Members(members)) => texts(members),
                _ => Vec::new(),
            },
            calls_everyone: view.called == Some(Called::Everyone),
            calls_me: view.calls_me,
            has_peers: view.has_peers,
            uncertain: view.uncertain,
            urgency: view.urgency,
        }
    }
}

/// What a person does about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum RequestAnswer {
    /// A peer has opened it.
    Seen,
    /// A peer calls back.
    Take,
    /// The same, although somebody else does already.
    TakeAlso,
    /// A peer cannot, or not any more.
    StepBack,
    /// It needs nobody any more.
    Close,
    /// It needs somebody again.
    Reopen,
}

#[uniffi::export]
impl AftercallPhone {
    /// The requests that this member asked or may answer, the most urgent open one first. Works offline.
    pub fn requests(&self) -> Result<Vec<Request>, AftercallError> {
        let all = self.with(|phone, env| phone.requests(env.now))?;
        Ok(all.into_iter().map(Into::into).collect())
    }

    /// Answers a request. Durable when it returns.
    pub fn answer_request(
        &self,
        record: String,
        answer: RequestAnswer,
    ) -> Result<(), AftercallError> {
        let record = record_id(&record)?;
        let step = match answer {
            RequestAnswer::Seen => RequestStep::Seen,
            RequestAnswer::Take => RequestStep::Take { also: false },
            RequestAnswer::TakeAlso => RequestStep::Take { also: true },
            RequestAnswer::StepBack => RequestStep::StepBack,
            RequestAnswer::Close => RequestStep::Close,
            RequestAnswer::Reopen => RequestStep::Reopen,
        };
        self.with(|phone, env| phone.answer_request(env, record, step))
    }

    /// The crisis numbers to show before this form is recorded: empty unless it asks for help at once.
    pub fn crisis_numbers_for(
        &self,
        fields: HashMap<String, FieldValue>,
    ) -> Result<HashMap<String, String>, AftercallError> {
        let form = fields.into_iter().map(|(name, value)| (name, value.into())).collect();
        match asks_for_help_now(&form) {
            true => self.crisis_numbers(),
            false => Ok(HashMap::new()),
        }
    }
}
