//! The audit log's rows as they are chained, served and pinned: who did what to which id, without names or content.

use minicbor::bytes::ByteArray;
use sha2::{Digest, Sha256};

use crate::ids::{DeviceId, TeamId};

use super::Timestamp;

/// Where an audit log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct AuditHead {
    /// Number of rows.
    #[n(0)]
    pub seq: u64,
    /// Hash of the last row, zero for none.
    #[n(1)]
    pub hash: ByteArray<32>,
}

/// A row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct AuditRow {
    /// Its number, from 1.
    #[n(0)]
    pub seq: u64,
    /// The relay's clock.
    #[n(1)]
    pub at: Timestamp,
    /// The device that acted; `None`: the operator, or the relay itself.
    #[n(2)]
    pub actor: Option<DeviceId>,
    /// What was done, as `directory.remove` or `key.wrap`.
    #[n(3)]
    pub action: String,
    /// What it was done to: an id in hex, empty if nothing in particular.
    #[n(4)]
    pub object: String,
    /// `done`, or the name of a code.
    #[n(5)]
    pub result: String,
    /// How often, where a row sums up a day.
    #[n(6)]
    pub count: u64,
    /// Hash of the row.
    #[n(7)]
    pub hash: ByteArray<32>,
}

impl AuditRow {
    /// The row's hash: SHA-256 over a label, the team, the hash before it and every field, texts with their length.
    pub fn expected_hash(&self, team: TeamId, previous: &[u8; 32]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"aftercall audit v1");
        hash.update(team.as_bytes());
        hash.update(previous);
        hash.update(self.seq.to_be_bytes());
        hash.update(self.at.0.to_be_bytes());
        match &self.actor {
            Some(device) => {
                hash.update([1]);
                hash.update(device.as_bytes());
            }
            None => hash.update([0]),
        }
        for text in [&self.action, &self.object, &self.result] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        hash.update(self.count.to_be_bytes());
        hash.finalize().into()
    }

    /// Whether the row follows the one whose number and hash these are.
    pub fn follows(&self, team: TeamId, seq: u64, hash: &[u8; 32]) -> bool {
        self.seq == seq + 1 && *self.hash == self.expected_hash(team, hash)
    }
}
