//! `relay` and `audit`: what this phone knows of its relay, and what an admin says about another one.

use serde_json::json;
use sync_core::engine::Phone;
use sync_core::ids::{EnvelopeId, RelayId};
use sync_core::protocol::{AuditHead, AuditRow, Code};

use super::output::Output;
use super::{Outcome, look, relay};

/// What `relay --seen` ends: alarms about the relay that end when somebody has spoken with its operator.
const RELAY: [Code; 3] = [Code::RelayChanged, Code::AuditChanged, Code::DirectoryRolledBack];

fn anchor(head: &AuditHead) -> String {
    format!("{}:{}", head.seq, EnvelopeId::new(*head.hash))
}

/// `relay`, with what an admin lists or a person has seen.
pub fn show(phone: &mut Phone, list: Option<RelayId>, seen: bool) -> Outcome {
    if let Some(relay) = list {
        phone.list_relay(relay)?;
    }
    if seen {
        look::seen(phone, &RELAY)?;
    }
    let view = phone.relay_view()?;
    let mut words = String::new();
    match view.answered {
        Some((relay, incarnation)) => {
            words.push_str(&format!("relay        {relay}\nincarnation  {incarnation}\n"));
        }
        None => words.push_str("relay        none has answered yet\n"),
    }
    if let Some(stranger) = view.stranger {
        words.push_str(&format!(
            "not listed   {stranger}\n             It answers in the relay's place. If its operator says this number, an admin lists it:\n             relay --list {stranger}\n"
        ));
    }
    let head = view.audit.as_ref().map(anchor);
    words.push_str(&format!(
        "audit head   {}\nin backups   {}\nto hand back {}\n",
        head.as_deref().unwrap_or("none yet"),
        view.backup_through,
        view.to_heal
    ));
    if list.is_some() {
        words.push_str("Listed with the next sync.\n");
    }
    let json = json!({
        "relay": view.answered.map(|(relay, _)| relay.to_string()),
        "incarnation": view.answered.map(|(_, incarnation)| incarnation.to_string()),
        "not_listed": view.stranger.map(|relay| relay.to_string()),
        "audit_head": head, "backup_through": view.backup_through, "to_heal": view.to_heal,
    });
    Ok(Output { words, json })
}

fn line(row: &AuditRow) -> String {
    let actor = row.actor.map_or_else(|| "relay".to_owned(), |device| device.to_string());
    format!(
        "{:>6}  {}  {}  {} {} {} x{}\n",
        row.seq, row.at.0, actor, row.action, row.object, row.result, row.count
    )
}

/// `audit`: fetches the rows and shows them; for admins.
pub fn audit(phone: &mut Phone) -> Outcome {
    phone.follow_audit(true)?;
    let fetched = relay::sync(phone);
    let rows = phone.audit()?;
    if rows.is_empty() {
        fetched?;
    }
    let words: String = rows.iter().map(line).collect();
    let json = rows
        .iter()
        .map(|row| {
            json!({ "seq": row.seq, "at_ms": row.at.0, "actor": row.actor.map(|id| id.to_string()),
                    "action": row.action, "object": row.object, "result": row.result, "count": row.count,
                    "hash": EnvelopeId::new(*row.hash).to_string() })
        })
        .collect();
    Ok(Output { words, json })
}
