//! `assign`, `staffing`, `declare`, `override`, `available`: who works on an intervention, and may.

use serde_json::{Value as Json, json};
use sync_core::engine::{Declaration, Phone};
use sync_core::records::Staffed;

use super::arguments::Declare;
use super::cism::intervention;
use super::output::{Output, short, table};
use super::record::{KEPT, members};
use super::{Failure, Outcome, now, refs, with_env};

/// `assign`: members on the team, and what is to be noticed of each.
pub fn assign(phone: &mut Phone, typed: &str, members_typed: &[String], part: &str) -> Outcome {
    let id = intervention(phone, typed)?.id;
    let who = members(phone, members_typed)?;
    with_env(|env| phone.staff(env, id, &who, part))?;
    let mut out = match part {
        "lead" => {
            format!("Assigned {} lead(s); they alone read the session note. {KEPT}", who.len())
        }
        part => format!("Put {} on the team as {part}. {KEPT}", who.len()),
    };
    let names = Names::of(phone)?;
    let team = phone.staffing(now(), id)?;
    let named: Vec<String> = who.iter().map(ToString::to_string).collect();
    let new: Vec<&Staffed> = team.iter().filter(|one| named.contains(&one.member)).collect();
    for one in &new {
        for warning in &one.warnings {
            out.push_str(&format!("\nNotice: {} {warning}.", names.name(&one.member)));
        }
    }
    let count = if part == "lead" { who.len() } else { 0 };
    Ok(Output {
        words: out,
        json: json!({ "intervention": id.to_string(), "leads": count,
                      "team": new.iter().map(|one| staffed_json(one)).collect::<Vec<_>>() }),
    })
}

/// `staffing`.
pub fn show(phone: &mut Phone, typed: &str) -> Outcome {
    let id = intervention(phone, typed)?.id;
    let team = phone.staffing(now(), id)?;
    let names = Names::of(phone)?;
    let rows: Vec<Vec<String>> = team
        .iter()
        .map(|one| {
            let parts: Vec<&str> = one.roles.iter().map(String::as_str).collect();
            let stands = match (one.is_blocked(), &one.overridden) {
                (true, _) => "BLOCKED".to_owned(),
                (false, Some(reason)) => format!("overridden: {reason}"),
                (false, None) => "clear".to_owned(),
            };
            let answered = format!("{} of 3", one.answers.len());
            vec![names.name(&one.member), parts.join(", "), answered, stands]
        })
        .collect();
    let mut words = match rows.is_empty() {
        true => "Nobody is on its team yet.".to_owned(),
        false => table(&["member", "as", "answered", ""], &rows),
    };
    for one in &team {
        let told = one.conflicts.iter().map(ToString::to_string);
        for line in told.chain(one.warnings.iter().map(ToString::to_string)) {
            words.push_str(&format!("{} {line}.\n", names.name(&one.member)));
        }
    }
    Ok(Output { words, json: team.iter().map(staffed_json).collect() })
}

/// `declare`.
pub fn declare(phone: &mut Phone, typed: &Declare) -> Outcome {
    let Some(named) = &typed.intervention else { return waiting(phone) };
    let id = intervention(phone, named)?.id;
    let yes = |answer: &Option<String>| answer.as_deref().map(|answer| answer == "yes");
    let given = match typed.clear {
        true => Declaration::CLEAR,
        false => Declaration {
            not_present: yes(&typed.not_present),
            no_supervision: yes(&typed.no_supervision),
            not_close: yes(&typed.not_close),
        },
    };
    if given == Declaration::default() {
        return Err(Failure::with(
            sync_core::protocol::Code::BadValue,
            "Say --clear, or answer with --not-present, --no-supervision or --not-close yes or no.",
        ));
    }
    let staffed = with_env(|env| phone.declare(env, id, given))?;
    let words = match staffed.is_blocked() {
        true => "Answered. You should not work on this intervention: tell who assigned you.",
        false => "Answered. Nothing speaks against your working on it.",
    };
    Ok(Output { words: format!("{words} {KEPT}"), json: staffed_json(&staffed) })
}

fn waiting(phone: &mut Phone) -> Outcome {
    let waiting = phone.to_declare()?;
    let words = match waiting.is_empty() {
        true => "No intervention waits for your answer.".to_owned(),
        false => {
            let rows: Vec<Vec<String>> = waiting.iter().map(|id| vec![short(id)]).collect();
            let questions = "Were you not there? Do you supervise nobody of the crews? Are you close to nobody served?";
            format!(
                "{}{questions}\nAnswer with: declare REF --clear, or each by itself.",
                table(&["ref"], &rows)
            )
        }
    };
    Ok(Output { words, json: waiting.iter().map(ToString::to_string).collect() })
}

/// `override`.
pub fn override_conflict(phone: &mut Phone, typed: &str, member: &str, reason: &str) -> Outcome {
    let id = intervention(phone, typed)?.id;
    let who = refs::member(phone, member)?;
    with_env(|env| phone.override_conflict(env, id, who, reason))?;
    Ok(Output {
        words: format!("Overridden; it stays in sight with its reason. {KEPT}"),
        json: json!({ "intervention": id.to_string(), "member": who.to_string(), "reason": reason }),
    })
}

/// `available`.
pub fn available(phone: &mut Phone, state: &str) -> Outcome {
    let id = with_env(|env| phone.set_availability(env, state))?;
    Ok(Output {
        words: format!("You are shown as {state}. {KEPT}"),
        json: json!({ "record": id.to_string(), "availability": state }),
    })
}

fn staffed_json(one: &Staffed) -> Json {
    let conflicts: Vec<&str> = one.conflicts.iter().map(|conflict| conflict.as_str()).collect();
    let warnings: Vec<&str> = one.warnings.iter().map(|warning| warning.as_str()).collect();
    json!({ "member": one.member, "roles": one.roles, "answers": one.answers, "conflicts": conflicts,
            "blocked": one.is_blocked(), "overridden": one.overridden, "warnings": warnings })
}

/// Names of members, by id in text.
struct Names(std::collections::BTreeMap<String, String>);

impl Names {
    fn of(phone: &mut Phone) -> Result<Self, Failure> {
        let members = phone.members()?.into_iter();
        let named = members.filter_map(|member| Some((member.id.to_string(), member.name?)));
        Ok(Self(named.collect()))
    }

    fn name(&self, member: &str) -> String {
        self.0.get(member).cloned().unwrap_or_else(|| short(member))
    }
}
