//! `resources`, `on-call`: who can help, as this phone has it without a link.

use serde_json::{Value as Json, json};
use sync_core::engine::{Phone, RecordView};
use sync_core::ids::MemberId;
use sync_core::protocol::{Day, Timestamp};
use sync_core::records::{RecordType, Value, is_stale, parse_value};

#[cfg(feature = "drill")]
use super::Failure;
use super::look::minute;
use super::output::{Output, field_words, short, table};
use super::{Outcome, now, refs};

/// The day on which a resource was last compared with its source, and whether that is too long ago.
pub fn verified(resource: &RecordView, today: Day) -> (Option<Day>, bool) {
    let day = match resource.fields.get("verified_at").map(|field| &field.value) {
        Some(Value::Text(text)) => Day::parse(text).ok(),
        _ => None,
    };
    (day, is_stale(day, today))
}

fn shown(resource: &RecordView, name: &str) -> Option<String> {
    resource.fields.get(name).map(field_words).filter(|words| !words.is_empty())
}

/// `resources`: each in a few lines, so that a number is never cut off.
pub fn resources(phone: &mut Phone, kind: Option<&str>) -> Outcome {
    if let Some(field) = RecordType::by_name("resource").and_then(|r| r.typed_field("kind")) {
        kind.map(|kind| parse_value(field, kind)).transpose()?;
    }
    let today = phone.corrected(now())?.0.day();
    let mut all = refs::all_records(phone, Some("resource"))?;
    all.retain(|view| kind.is_none_or(|kind| shown(view, "kind").as_deref() == Some(kind)));
    all.sort_by_key(|view| (shown(view, "kind"), shown(view, "name")));
    let (mut words, mut json) = (String::new(), Vec::new());
    for view in &all {
        let (day, stale) = verified(view, today);
        words.push_str(&resource_words(view, day, stale));
        let mut one = json!({ "record": view.id.to_string(), "stale": stale });
        for (name, field) in &view.fields {
            one[name] = json!(field.value);
        }
        json.push(one);
    }
    if words.is_empty() {
        words = "No resource is recorded. The crisis numbers are there in any case: see `crisis`."
            .into();
    }
    Ok(Output { words, json: Json::Array(json) })
}

fn resource_words(view: &RecordView, day: Option<Day>, stale: bool) -> String {
    let name = shown(view, "name").unwrap_or_else(|| "(no name)".into());
    let kind = shown(view, "kind").unwrap_or_default().replace('_', " ");
    let mut out = format!("{} {name} ({kind})\n", short(view.id));
    for field in ["phone", "url", "hours", "coverage", "languages", "confidentiality_note"] {
        if let Some(words) = shown(view, field) {
            out.push_str(&format!("  {}: {words}\n", field.replace('_', " ")));
        }
    }
    let checked = day.map_or("never".to_owned(), |day| day.to_string());
    let mark = if stale { " - STALE: it may have changed" } else { "" };
    out.push_str(&format!("  checked: {checked}{mark}\n"));
    out
}

/// `on-call`.
pub fn on_call(phone: &mut Phone) -> Outcome {
    let view = phone.on_call(now())?;
    let name = |member: &MemberId| view.names.get(member).cloned().unwrap_or_else(|| short(member));
    let mut rows = Vec::new();
    for (member, until) in &view.now {
        rows.push(vec!["now".into(), name(member), format!("until {}", minute(*until))]);
    }
    for shift in &view.next {
        let (from, to) = (minute(shift.starts), minute(shift.ends));
        rows.push(vec!["later".into(), name(&shift.member), format!("{from} to {to}")]);
    }
    let mut words = table(&["", "who", "when"], &rows);
    if view.now.is_empty() {
        words.push_str("Nobody is on call now; a request goes to every peer.\n");
    }
    if !view.is_sure {
        words.push_str("Uncertain: this phone's clock was never corrected; sync once.\n");
    }
    let entry = |member: &MemberId, from: Option<Timestamp>, to: Timestamp| {
        json!({ "member": member.to_string(), "name": view.names.get(member),
                "from": from.map(|from| from.to_string()), "until": to.to_string() })
    };
    let present: Vec<Json> = view.now.iter().map(|(m, until)| entry(m, None, *until)).collect();
    let next: Vec<Json> =
        view.next.iter().map(|s| entry(&s.member, Some(s.starts), s.ends)).collect();
    Ok(Output { words, json: json!({ "now": present, "next": next, "uncertain": !view.is_sure }) })
}

/// Whether any resource on this phone is stale by this day.
#[cfg(feature = "drill")]
pub fn any_stale(phone: &mut Phone, today: Day) -> Result<bool, Failure> {
    let all = refs::all_records(phone, Some("resource"))?;
    Ok(all.iter().any(|view| verified(view, today).1))
}
