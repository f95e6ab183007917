//! What of a push is written into the audit log: ids and codes, no names, no content.

use sync_core::directory::Op;
use sync_core::protocol::{Code, Envelope, Kind, from_cbor};

use crate::store::StoreError;
use crate::store::audit::{self, Entry};

use super::outcome::Outcome;
use super::push::Push;

impl Push<'_> {
    /// Writes what became of an envelope, where that concerns who may read, who was let in and what was set aside.
    pub(super) fn record_outcome(
        &self,
        envelope: &Envelope,
        outcome: &Outcome,
    ) -> Result<(), StoreError> {
        let header = &envelope.header;
        let id = envelope.id();
        let entry = match outcome {
            Outcome::Quarantined(position) => Entry {
                actor: Some(header.device),
                action: "item.quarantine",
                object: id.to_string(),
                result: &position.code,
                count: 1,
            },
            Outcome::Stored(_) => {
                let actor = Some(header.device);
                match header.kind {
                    Kind::Directory => {
                        let (action, object) = directory_words(envelope);
                        Entry::done(actor, action, object)
                    }
                    Kind::Space => Entry::done(actor, "key.space", header.space),
                    Kind::Reader => Entry::done(actor, "key.reader", header.space),
                    Kind::Epoch => Entry::done(actor, "key.epoch", header.space),
                    Kind::Wrap => Entry::done(actor, "key.wrap", header.space),
                    Kind::Purge => Entry::done(actor, "purge", header.doc),
                    _ => return Ok(()),
                }
            }
            _ => return Ok(()),
        };
        audit::append(self.tx, self.team, &entry, self.now)
    }

    /// Writes that an envelope was refused for good, with the code no honest app provokes.
    pub(super) fn record_refusal(&self, object: String, code: Code) -> Result<(), StoreError> {
        let (actor, result) = (Some(self.device), code.as_str());
        let entry = Entry { actor, action: "item.refuse", object, result, count: 1 };
        audit::append(self.tx, self.team, &entry, self.now)
    }
}

/// What an entry did, and to whom.
fn directory_words(entry: &Envelope) -> (&'static str, String) {
    let Ok(op) = from_cbor::<Op>(&entry.body) else {
        return ("directory.entry", entry.id().to_string());
    };
    words(&op).unwrap_or(("directory.entry", entry.id().to_string()))
}

fn words(op: &Op) -> Option<(&'static str, String)> {
    Some(match op {
        Op::Genesis { member, .. } => ("directory.genesis", member.to_string()),
        Op::Member { member, .. } => ("directory.member", member.to_string()),
        Op::Device { member, .. } => ("directory.device", member.to_string()),
        Op::Devices { devices } => ("directory.devices", devices.len().to_string()),
        Op::Policy { .. } => ("directory.policy", String::new()),
        Op::Relay { relay } => ("directory.relay", relay.to_string()),
        Op::Remove { device: Some(device), wipe: Some(true), .. } => {
            ("directory.remove_and_wipe", device.to_string())
        }
        Op::Remove { member, wipe: Some(true), .. } => {
            ("directory.remove_and_wipe", member.to_string())
        }
        Op::Remove { device: Some(device), .. } => ("directory.remove", device.to_string()),
        Op::Remove { member, .. } => ("directory.remove", member.to_string()),
        Op::Release { items } => ("directory.release", items.len().to_string()),
        Op::Wipe { device } => ("directory.wipe", device.to_string()),
        Op::Renew => ("directory.renew", String::new()),
        Op::Recovery { member, .. } => ("directory.recovery", member.to_string()),
        Op::Hold { doc, held: true, .. } => ("directory.hold", doc.to_string()),
        Op::Hold { doc, held: false, .. } => ("directory.hold_ends", doc.to_string()),
        Op::Approved { op, .. } => return words(&from_cbor(op).ok()?),
    })
}
