//! What a phone of an exercise does with the directory beside syncing: approving, and meeting another phone.

use serde_json::json;
use sync_core::engine::{Env, Phone};

use super::{Done, Trouble};

/// Approves every change that waits for this phone's signature.
pub fn approve_all(phone: &mut Phone, env: &mut Env<'_>) -> Done {
    let waiting = phone.approvals()?;
    let mine: Vec<_> = waiting.into_iter().filter(|view| view.waits_for_me).collect();
    for view in &mine {
        phone.approve(env, view.id)?;
    }
    Ok(json!({ "approved": mine.len() }))
}

/// One message of a meeting: 1 says hello, 2 answers one, 3 takes an answer or the last message.
pub fn meet(phone: &mut Phone, env: &mut Env<'_>, step: u8, message: &str) -> Done {
    let message = bytes(message)?;
    match step {
        1 => Ok(json!({ "message": hex(&phone.meet_hello(env)?) })),
        2 => Ok(json!({ "message": hex(&phone.meet_answer(env, &message)?) })),
        _ => {
            let met = phone.meet_finish(env, &message)?;
            let send = met.send.map(|message| hex(&message));
            Ok(json!({ "message": send, "received": met.received, "forked": met.forked }))
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Result<Vec<u8>, Trouble> {
    let digit = |at: usize| hex.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    (0..hex.len())
        .step_by(2)
        .map(digit)
        .collect::<Option<_>>()
        .ok_or_else(|| Trouble::Broken("the message cannot be read".into()))
}
