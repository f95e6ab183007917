//! `after-action` and `follow-ups`: what comes after an incident.

use serde_json::json;
use sync_core::engine::Phone;
use sync_core::records::{AfterAction, Done};

use super::output::{Output, short, table};
use super::record::KEPT;
use super::{Failure, Outcome, now, refs, with_env};

/// `after-action`: in JSON the whole report, in words what a page of it says.
pub fn report(phone: &mut Phone, typed: &str) -> Outcome {
    let incident = refs::record(phone, typed)?;
    let report = phone.after_action(now(), incident)?;
    let json = serde_json::to_value(&report).map_err(|_| {
        Failure::with(sync_core::protocol::Code::Internal, "The report cannot be written.")
    })?;
    Ok(Output { words: told(&report), json })
}

fn told(report: &AfterAction) -> String {
    let codes: Vec<&str> = report.types.iter().map(String::as_str).collect();
    let mut out = format!("After-action report: {}\n", codes.join(", "));
    let number = |name: &str, value: Option<i64>| {
        value.map_or(String::new(), |value| format!("  {name}: {value}\n"))
    };
    out.push_str(&number("responders exposed", report.personnel_exposed));
    out.push_str(&format!("  crews: {}\n", report.crews));
    out.push_str(&number("minutes from request to answer", report.request_to_acknowledge_min));
    out.push_str(&number("minutes from request to first help", report.request_to_first_start_min));
    let rows: Vec<Vec<String>> = report.interventions.iter().map(row).collect();
    if rows.is_empty() {
        out.push_str("No intervention is recorded.\n");
    } else {
        out.push_str(&table(&["intervention", "window", "min", "attended", "outcome"], &rows));
    }
    out.push_str(&format!(
        "Began in the ideal window: {} of {} that have one. Not held: {}.\n",
        report.began_ideal, report.began_with_window, report.not_held
    ));
    out.push_str(&format!(
        "One-to-ones that followed: {}. Referrals: {}. Minutes: {}.\n",
        report.one_on_ones, report.referrals, report.minutes
    ));
    for moment in &report.timeline {
        let of = moment.kind.as_deref().map_or(String::new(), |kind| format!(" ({kind})"));
        out.push_str(&format!("  {} {}{of}\n", moment.at, moment.what));
    }
    if !report.missing.is_empty() {
        out.push_str(&format!("Not entered: {}.\n", report.missing.join(", ")));
    }
    if !report.disputed.is_empty() {
        out.push_str(&format!(
            "Different values, to be settled: {}.\n",
            report.disputed.join(", ")
        ));
    }
    out
}

fn row(one: &Done) -> Vec<String> {
    let began = if one.began { "" } else { " (not begun)" };
    vec![
        one.kind.clone(),
        format!("{}{began}", one.window),
        one.minutes.map(|minutes| minutes.to_string()).unwrap_or_default(),
        one.attendees.clone().unwrap_or_default(),
        one.outcome.clone().unwrap_or_else(|| "-".into()),
    ]
}

/// `follow-ups`.
pub fn follow_ups(phone: &mut Phone, typed: &str, assignee: Option<&str>) -> Outcome {
    let incident = refs::record(phone, typed)?;
    let assignee = match assignee {
        Some(typed) => refs::member(phone, typed)?,
        None => phone.status()?.member,
    };
    let made = with_env(|env| phone.plan_follow_ups(env, incident, assignee))?;
    let rows: Vec<Vec<String>> = made
        .iter()
        .map(|(step, id)| vec![short(id), step.name.to_owned(), step.kind.to_owned()])
        .collect();
    let words = match rows.is_empty() {
        true => "Nothing was planned: every step is past, or planned already.".to_owned(),
        false => format!("{}{KEPT}", table(&["ref", "after", "task"], &rows)),
    };
    let json = made
        .iter()
        .map(|(step, id)| json!({ "task": id.to_string(), "after": step.name, "kind": step.kind }))
        .collect();
    Ok(Output { words, json })
}
