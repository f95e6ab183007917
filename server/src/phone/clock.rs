//! `clock`: where every intervention of an incident stands, what is next and for whom.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use sync_core::engine::{IncidentClock, Phone, RecordView};
use sync_core::ids::{DocId, MemberId};
use sync_core::records::{ClockLine, Value, next};

use super::output::{Output, field_words, short, table};
use super::{Failure, Outcome, now, refs};

/// Names of staff by member.
type Names = BTreeMap<MemberId, String>;

/// `clock`.
pub fn clock(phone: &mut Phone, typed: Option<&str>) -> Outcome {
    let incidents = match typed {
        Some(typed) => vec![refs::record(phone, typed)?],
        None => open_incidents(phone)?,
    };
    let names = names(phone)?;
    let (mut words, mut json) = (String::new(), Vec::new());
    for incident in incidents {
        let view = phone.show(incident)?;
        let clock = phone.clock(now(), incident)?;
        words.push_str(&told(&view, &clock, &names));
        json.push(clock_json(&clock));
    }
    if json.is_empty() {
        words.push_str("No incident is open on this phone.");
    }
    let json = match typed {
        Some(_) => json.pop().unwrap_or(Json::Null),
        None => Json::Array(json),
    };
    Ok(Output { words, json })
}

fn open_incidents(phone: &mut Phone) -> Result<Vec<DocId>, Failure> {
    let all = refs::all_records(phone, Some("incident"))?;
    let is_open = |view: &RecordView| {
        let status = view.fields.get("status").map(|field| &field.value);
        let closed = |code: &str| status == Some(&Value::Text(code.to_owned()));
        !closed("closed") && !closed("no_action")
    };
    Ok(all.iter().filter(|view| is_open(view)).map(|view| view.id).collect())
}

fn names(phone: &mut Phone) -> Result<Names, Failure> {
    let members = phone.members()?;
    Ok(members.into_iter().filter_map(|member| Some((member.id, member.name?))).collect())
}

fn told(view: &RecordView, clock: &IncidentClock, names: &Names) -> String {
    let what = view.fields.get("type").map(field_words).unwrap_or_default();
    let ended = view.fields.get("occurred_end").map(field_words).unwrap_or_default();
    let mut out = format!("incident {} ({what}), ended {ended}\n", short(clock.incident));
    if clock.lines.is_empty() {
        return out + "  It has no end time yet: the windows count from `occurred_end`.\n";
    }
    let rows: Vec<Vec<String>> = clock.lines.iter().map(row).collect();
    out.push_str(&table(&["ref", "intervention", "state", "until"], &rows));
    match next(&clock.lines) {
        Some(line) => out.push_str(&format!("Next: {}.\n", next_words(line, names))),
        None => out.push_str("Next: nothing is decided on and open.\n"),
    }
    let mut doubts: Vec<_> = clock.lines.iter().flat_map(|line| &line.doubts).collect();
    doubts.sort();
    doubts.dedup();
    for doubt in doubts {
        out.push_str(&format!("Uncertain: {}.\n", doubt.advice()));
    }
    out
}

fn row(line: &ClockLine) -> Vec<String> {
    let named = match (line.intervention, line.wanted) {
        (Some(id), _) => short(id),
        (None, true) => "decided".into(),
        (None, false) => "-".into(),
    };
    let mut state = line.state.as_str().to_owned();
    if line.closing_soon {
        state.push_str(", closing soon");
    }
    if line.settled {
        state.push_str(", begun or settled");
    }
    if !line.doubts.is_empty() {
        state.push_str(" (uncertain)");
    }
    let until = line.next.map(|(what, at)| format!("{} {}", bound(what), minute(at.to_string())));
    vec![named, line.kind.clone(), state, until.unwrap_or_default()]
}

/// What the clock waits for, in words.
fn bound(what: &str) -> &str {
    match what {
        "opens" => "opens",
        "ideal_ends" => "ideal until",
        "window_ends" => "window ends",
        _ => "planned for",
    }
}

fn minute(text: String) -> String {
    text.get(..16).map_or(text.clone(), |minute| format!("{minute}Z"))
}

fn next_words(line: &ClockLine, names: &Names) -> String {
    let mut out = line.kind.clone();
    if let Some((what, at)) = line.next {
        out.push_str(&format!(", {} {}", bound(what), minute(at.to_string())));
    }
    if !line.crews.is_empty() {
        let crews: Vec<&str> = line.crews.iter().map(String::as_str).collect();
        out.push_str(&format!(", for {}", crews.join(", ")));
    }
    let led: Vec<String> = line.leads.iter().map(|lead| name(lead, names)).collect();
    match led.is_empty() {
        true => out.push_str(", nobody assigned yet"),
        false => out.push_str(&format!(", led by {}", led.join(", "))),
    }
    out
}

fn name(lead: &str, names: &Names) -> String {
    let named = lead.parse().ok().and_then(|id| names.get(&id).cloned());
    named.unwrap_or_else(|| short(lead))
}

fn clock_json(clock: &IncidentClock) -> Json {
    let next = next(&clock.lines).map(line_json);
    json!({ "incident": clock.incident.to_string(), "now": clock.now.to_string(), "sure": clock.is_sure,
            "next": next, "lines": clock.lines.iter().map(line_json).collect::<Vec<_>>() })
}

fn line_json(line: &ClockLine) -> Json {
    let doubts: Vec<&str> = line.doubts.iter().map(|doubt| doubt.as_str()).collect();
    json!({ "kind": line.kind, "intervention": line.intervention.map(|id| id.to_string()),
            "wanted": line.wanted, "settled": line.settled, "state": line.state.as_str(),
            "closing_soon": line.closing_soon, "crews": line.crews, "leads": line.leads,
            "next": line.next.map(|(what, at)| json!({ "what": what, "at": at.to_string() })),
            "uncertain": doubts })
}
