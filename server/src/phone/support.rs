//! `ask`, `requests`, `request`: asking for a peer, and answering. None of it needs a link; a link makes it known.

use serde_json::{Value as Json, json};
use sync_core::engine::{Phone, RequestStep, RequestView};
use sync_core::ids::MemberId;
use sync_core::records::{Called, RequestState};

use super::arguments::RequestVerb;
use super::look::minute;
use super::output::{Output, short};
use super::{Failure, Outcome, look, now, record, refs, with_env};

/// `ask`.
pub fn ask(phone: &mut Phone, urgency: &str, fields: &[String]) -> Outcome {
    let mut typed = vec![format!("urgency={urgency}")];
    typed.extend(fields.iter().cloned());
    let form = record::form(phone, "support_request", &typed)?;
    record::record_form(phone, "support_request", &form)
}

fn names(view: &RequestView, members: &[MemberId]) -> String {
    let name = |member: &MemberId| view.names.get(member).cloned().unwrap_or_else(|| short(member));
    members.iter().map(name).collect::<Vec<_>>().join(" and ")
}

/// How far a request is, in words.
pub fn state_words(view: &RequestView) -> String {
    match view.state {
        RequestState::Queued => "it waits on this phone; nobody has seen this yet".into(),
        RequestState::Delivered => "delivered; nobody has seen this yet".into(),
        RequestState::Seen => {
            let seen = names(view, &view.seen_by);
            format!("seen by {seen}; nobody calls back yet")
        }
        RequestState::Taken if view.taken_by.len() > 1 => {
            format!("{} both call back: one of them steps back", names(view, &view.taken_by))
        }
        RequestState::Taken => format!("{} calls back", names(view, &view.taken_by)),
        RequestState::Closed => "closed".into(),
    }
}

fn turn_words(view: &RequestView) -> Option<String> {
    let called = match view.called.as_ref()? {
        Called::Everyone => "every peer".into(),
        Called::Members(members) => names(view, members),
    };
    let you = if view.calls_me { " - YOU ARE CALLED" } else { "" };
    let doubt = if view.uncertain { " (uncertain: a clock was never corrected)" } else { "" };
    // Nothing rings: who is named sees it when they look.
    let how = if view.state == RequestState::Queued { "goes to" } else { "called" };
    Some(format!("{how}: {called}{you}{doubt}"))
}

fn request_words(view: &RequestView) -> String {
    let from = match view.own {
        true => "you asked".to_owned(),
        false => {
            let who = view.who.clone().unwrap_or_else(|| names(view, &[view.member]));
            format!("{who} asks")
        }
    };
    let when = view.asked_at.map(|at| format!(" at {}", minute(at))).unwrap_or_default();
    let urgency = view.urgency.to_uppercase();
    let mut out = format!("{} {urgency} {from}{when}\n  {}\n", short(view.id), state_words(view));
    if !view.has_peers && view.state != RequestState::Closed {
        out.push_str(
            "  Nobody in the team answers requests yet; it is kept until somebody does. Call.\n",
        );
        return out;
    }
    if let Some(turn) = turn_words(view) {
        out.push_str(&format!("  {turn}\n"));
    }
    out
}

fn request_json(view: &RequestView) -> Json {
    let ids = |members: &[MemberId]| members.iter().map(ToString::to_string).collect::<Vec<_>>();
    let called = view.called.as_ref().map(|called| match called {
        Called::Everyone => json!("everyone"),
        Called::Members(members) => json!(ids(members)),
    });
    json!({ "record": view.id.to_string(), "member": view.member.to_string(), "own": view.own,
            "urgency": view.urgency, "state": view.state.as_str(),
            "asked_at": view.asked_at.map(|at| at.to_string()), "uncertain": view.uncertain,
            "who": view.who, "call_back": view.call_back, "seen_by": ids(&view.seen_by),
            "taken_by": ids(&view.taken_by), "called": called, "calls_me": view.calls_me, "has_peers": view.has_peers })
}

/// `requests`.
pub fn requests(phone: &mut Phone) -> Outcome {
    let all = phone.requests(now())?;
    let words = match all.is_empty() {
        true if !phone.is_unlocked() => {
            "This phone cannot read now, so requests for support cannot be shown: 'unlock' to see them.".into()
        }
        true => "There are no requests for support that this phone can open.".into(),
        false => all.iter().map(request_words).collect(),
    };
    Ok(Output { words, json: Json::Array(all.iter().map(request_json).collect()) })
}

/// `request`.
pub fn request(phone: &mut Phone, request: &str, step: Option<RequestVerb>, also: bool) -> Outcome {
    let id = refs::record(phone, request)?;
    let own = one(phone, id)?.own;
    let step = match step {
        None if own => None,
        None => Some(RequestStep::Seen),
        Some(RequestVerb::Take) => Some(RequestStep::Take { also }),
        Some(RequestVerb::StepBack) => Some(RequestStep::StepBack),
        Some(RequestVerb::Close) => Some(RequestStep::Close),
        Some(RequestVerb::Reopen) => Some(RequestStep::Reopen),
    };
    if let Some(step) = step {
        with_env(|env| phone.answer_request(env, id, step))?;
    }
    let view = one(phone, id)?;
    let shown = look::show(phone, &id.to_string())?;
    let mut json = request_json(&view);
    json["fields"] = shown.json["fields"].clone();
    Ok(Output { words: format!("{}{}", request_words(&view), shown.words), json })
}

fn one(phone: &mut Phone, id: sync_core::ids::DocId) -> Result<RequestView, Failure> {
    let found = phone.requests(now())?.into_iter().find(|view| view.id == id);
    found.ok_or_else(|| {
        Failure::with(
            sync_core::protocol::Code::NoSuchRecord,
            "That is no request for support that this phone can open; see `requests`.",
        )
    })
}
