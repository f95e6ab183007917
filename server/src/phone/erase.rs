//! `purge`, `receipts` and `hold`: what is erased for good, and what must not be.

use serde_json::{Value as Json, json};
use sync_core::engine::Phone;
use sync_core::protocol::PurgeReason;

use super::output::{short, table};
use super::{Outcome, Output, refs, with_env};

/// `purge`.
pub fn purge(phone: &mut Phone, record: &str, note: bool) -> Outcome {
    let id = refs::record(phone, record)?;
    with_env(|env| if note { phone.purge_notes(env, id) } else { phone.purge(env, id) })?;
    Ok(Output {
        words: "Hidden on this phone. The order leaves with the next sync, before anything else; the relay, this phone and every other\none then erase it for good. If it must be kept, `drafts` says so and it is shown again.".into(),
        json: json!({ "purged": id.to_string() }),
    })
}

fn why(reason: PurgeReason) -> &'static str {
    match reason {
        PurgeReason::Ordered => "ordered",
        PurgeReason::Withdrawn => "withdrawn",
        PurgeReason::Expired => "its time was over",
    }
}

/// `receipts`.
pub fn receipts(phone: &mut Phone) -> Outcome {
    let (mut rows, mut json) = (Vec::new(), Vec::new());
    for receipt in phone.receipts()? {
        let by = receipt.by.map(short).unwrap_or_default();
        let day = receipt.day.to_string();
        let kind = receipt.kind.unwrap_or("unknown");
        rows.push(vec![
            short(receipt.doc),
            kind.into(),
            day.clone(),
            why(receipt.why).into(),
            by,
            receipt.late.to_string(),
        ]);
        json.push(json!({ "doc": receipt.doc.to_string(), "kind": receipt.kind, "day": day,
                          "why": why(receipt.why), "late": receipt.late,
                          "by": receipt.by.map(|by| by.to_string()) }));
    }
    let words = match rows.is_empty() {
        true => "Nothing was erased.".into(),
        false => table(&["part", "record", "day", "why", "by", "late changes"], &rows),
    };
    Ok(Output { words, json: Json::Array(json) })
}

/// `hold`.
pub fn hold(phone: &mut Phone, record: &str, held: bool) -> Outcome {
    let id = refs::record(phone, record)?;
    phone.hold(id, held)?;
    let words = match held {
        true => {
            "Held, once the relay has taken it: nobody erases it until the hold ends. Everybody in the team can see the hold."
        }
        false => "The hold ends once the relay has taken it.",
    };
    Ok(Output { words: words.into(), json: json!({ "record": id.to_string(), "held": held }) })
}
