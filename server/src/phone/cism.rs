//! `tick`, `kinds`, `same`: phases and ground rules as they are run, what is usual for each kind, one session logged twice.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sync_core::engine::{Phone, RecordView};
use sync_core::ids::DocId;
use sync_core::protocol::Code;
use sync_core::records::{Field, FieldKind, GUIDES, MarkKey, Value, guide_of};

use super::output::{Output, field_words, short, table};
use super::{Failure, Outcome, forms, now, refs, with_env};

/// The intervention that was named, as it stands.
pub(super) fn intervention(phone: &mut Phone, typed: &str) -> Result<RecordView, Failure> {
    let id: DocId = refs::record(phone, typed)?;
    let view = phone.show(id)?;
    match view.kind {
        "intervention" => Ok(view),
        _ => Err(Failure::with(Code::NoSuchRecord, "That record is not an intervention.")),
    }
}

/// The fields that hold ticks, by what they tick.
fn ticked() -> Vec<(&'static Field, &'static [&'static str])> {
    let Ok(record) = forms::record_type("intervention") else { return Vec::new() };
    let fields = record.typed().filter(|field| ["phase_times", "rules_read"].contains(&field.name));
    fields
        .filter_map(|field| match field.kind {
            FieldKind::Marks(MarkKey::Codes(codes), _) => Some((field, codes)),
            _ => None,
        })
        .collect()
}

/// `tick`: phases and ground rules with their time, beside those ticked before.
pub fn tick(phone: &mut Phone, typed: &str, ticks: &[String]) -> Outcome {
    let view = intervention(phone, typed)?;
    let kind = match view.fields.get("kind").map(|field| &field.value) {
        Some(Value::Text(kind)) => kind.clone(),
        _ => String::new(),
    };
    let (corrected, is_sure) = phone.corrected(now())?;
    let mut marks: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for tick in ticks {
        let code = tick.split_once('@').map_or(tick.as_str(), |(code, _)| code);
        let found = ticked().into_iter().find(|(_, codes)| codes.contains(&code));
        let (field, _) = found.ok_or_else(|| nothing_to_tick(&kind))?;
        let phases = guide_of(&kind).map(|guide| guide.phases).unwrap_or_default();
        if field.name == "phase_times" && !phases.contains(&code) {
            return Err(nothing_to_tick(&kind));
        }
        let now = marks.entry(field.name).or_insert_with(|| shown_set(&view, field.name));
        now.retain(|mark| mark.split_once('@').is_none_or(|(other, _)| other != code));
        now.insert(forms::mark_with_time(tick, corrected));
    }
    let form: forms::Form =
        marks.into_iter().map(|(name, set)| (name.to_owned(), Value::Set(set))).collect();
    with_env(|env| phone.edit(env, view.id, &form))?;
    let unsure = match is_sure || ticks.iter().all(|tick| tick.contains('@')) {
        true => "",
        false => " This phone's clock was never compared with a relay's: check the time.",
    };
    Ok(Output {
        words: format!("Ticked {}.{unsure}", ticks.join(", ")),
        json: json!({ "intervention": view.id.to_string(), "ticked": ticks, "time_sure": unsure.is_empty() }),
    })
}

fn shown_set(view: &RecordView, field: &str) -> BTreeSet<String> {
    let Some(field) = view.fields.get(field) else { return BTreeSet::new() };
    // Every value of those that are in conflict: to tick one is not to settle another.
    let sets =
        std::iter::once(&field.value).chain(&field.conflict).filter_map(|value| match value {
            Value::Set(set) => Some(set),
            _ => None,
        });
    sets.flatten().cloned().collect()
}

fn nothing_to_tick(kind: &str) -> Failure {
    let phases = guide_of(kind).map(|guide| guide.phases).unwrap_or_default();
    let rules = ticked().into_iter().find(|(field, _)| field.name == "rules_read");
    let rules = rules.map(|(_, codes)| codes.join(", ")).unwrap_or_default();
    let phases = match phases.is_empty() {
        true => "This kind of intervention has no phases".to_owned(),
        false => format!("Its phases are {}", phases.join(", ")),
    };
    Failure::with(Code::BadValue, format!("{phases}; the ground rules are {rules}."))
}

/// `kinds`: what is usual, as a help and never a rule.
pub fn kinds(kind: Option<&str>) -> Outcome {
    let guides = match kind {
        None => GUIDES.iter().collect::<Vec<_>>(),
        Some(kind) => {
            let names: Vec<&str> = GUIDES.iter().map(|guide| guide.kind).collect();
            let wrong = || {
                let there_are = names.join(", ");
                Failure::with(
                    Code::BadValue,
                    format!("There is no such kind; there are {there_are}."),
                )
            };
            vec![guide_of(kind).ok_or_else(wrong)?]
        }
    };
    let json = guides
        .iter()
        .map(|g| {
            json!({ "kind": g.kind, "when": g.when, "whom": g.whom, "led_by": g.led_by,
                    "size": g.size, "phases": g.phases })
        })
        .collect();
    let words = match kind {
        Some(_) => guides.iter().map(|g| {
            let phases = if g.phases.is_empty() { "none".into() } else { g.phases.join(", ") };
            format!(
                "{}\n  when: {}\n  for: {}\n  usually led by: {}\n  size and length: {}\n  phases: {phases}\n",
                g.kind, g.when, g.whom, g.led_by, g.size
            )
        }).collect(),
        None => {
            let row = |g: &&sync_core::records::Guide| vec![g.kind.into(), g.led_by.into(), g.when.into()];
            let rows: Vec<Vec<String>> = guides.iter().map(row).collect();
            format!("{}None ranks above another; `kinds KIND` tells more.", table(&["kind", "usually led by", "when"], &rows))
        }
    };
    Ok(Output { words, json })
}

/// `same`: what looks like one session logged twice, or a person's word on two records.
pub fn same(phone: &mut Phone, typed: &[String], is_same: bool) -> Outcome {
    let [a, b] = typed else {
        if !typed.is_empty() || !is_same {
            return Err(Failure::with(
                Code::BadValue,
                "Name two interventions, or none to see what looks alike.",
            ));
        }
        return offers(phone);
    };
    let (a, b) = (intervention(phone, a)?.id, intervention(phone, b)?.id);
    with_env(|env| phone.confirm_same(env, a, b, is_same))?;
    let words = match is_same {
        true => {
            "They are shown as one session from now on; both records stay, and what differs is shown as a conflict."
        }
        false => "They are two sessions and are not offered again.",
    };
    Ok(Output {
        words: words.into(),
        json: json!({ "a": a.to_string(), "b": b.to_string(), "same": is_same }),
    })
}

fn offers(phone: &mut Phone) -> Outcome {
    let offers = phone.same_offers()?;
    let mut rows = Vec::new();
    for (a, b) in &offers {
        let view = phone.show(*a)?;
        let told = |name: &str| view.fields.get(name).map(field_words).unwrap_or_default();
        rows.push(vec![short(a), short(b), told("kind"), told("started_at")]);
    }
    let words = match rows.is_empty() {
        true => "Nothing looks like one session logged twice.".to_owned(),
        false => format!(
            "{}Same session? Say: same REF REF, or same REF REF --no",
            table(&["ref", "ref", "kind", "began"], &rows)
        ),
    };
    let json = offers.iter().map(|(a, b)| json!([a.to_string(), b.to_string()])).collect();
    Ok(Output { words, json })
}
