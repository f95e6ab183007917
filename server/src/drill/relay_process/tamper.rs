//! A malicious operator at the relay's own database.
//!
//! Works on the stored rows, behind the relay's back, through a connection of its own. Knows the relay's
//! schema and nothing of its code.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value as Json, json};
use sync_core::crypto::DeviceKeys;
use sync_core::ids::{DocId, TeamId};
use sync_core::protocol::HEADER_LEN;

use crate::drill::script::Part;

const SIG_LEN: usize = 64;

/// The relay's database.
pub struct Database(Connection);

/// A stored envelope.
struct Row {
    space: Vec<u8>,
    seq: i64,
    envelope: Vec<u8>,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Database {
    /// Opens a second connection to it.
    pub fn open(folder: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(folder.join("relay.db"))?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        Ok(Self(connection))
    }

    /// The last envelope of a document.
    fn last(&self, doc: &str) -> Result<Row, String> {
        let doc: DocId = doc.parse().map_err(text)?;
        let found = self
            .0
            .query_row(
                "SELECT space, seq, envelope FROM items WHERE doc = ?1 AND code = ''
                 ORDER BY seq DESC LIMIT 1",
                [doc.as_bytes()],
                |row| Ok(Row { space: row.get(0)?, seq: row.get(1)?, envelope: row.get(2)? }),
            )
            .optional()
            .map_err(text)?;
        found.ok_or_else(|| "the relay has no envelope of that record yet; sync first".into())
    }

    fn replace(&self, row: &Row, envelope: &[u8]) -> Result<Json, String> {
        let changed = self
            .0
            .execute(
                "UPDATE items SET envelope = ?1 WHERE space = ?2 AND seq = ?3",
                params![envelope, row.space, row.seq],
            )
            .map_err(text)?;
        Ok(json!({ "changed": changed }))
    }

    /// Changes one byte in the middle of a part.
    pub fn flip_byte(&mut self, doc: &str, part: Part) -> Result<Json, String> {
        let row = self.last(doc)?;
        let mut envelope = row.envelope.clone();
        let (from, to) = match part {
            Part::Header => (0, HEADER_LEN),
            Part::Sig => (HEADER_LEN, HEADER_LEN + SIG_LEN),
            Part::Body => (HEADER_LEN + SIG_LEN, envelope.len()),
        };
        let byte = envelope.get_mut((from + to) / 2).ok_or("the stored envelope is empty")?;
        *byte ^= 1;
        self.replace(&row, &envelope)
    }

    /// Serves one document's envelope where another's stood.
    pub fn move_envelope(&mut self, doc: &str, to: &str) -> Result<Json, String> {
        let (from, to) = (self.last(doc)?, self.last(to)?);
        self.replace(&to, &from.envelope)
    }

    /// Puts the operator's own keys where those of waiting devices stand.
    pub fn swap_enrolment_keys(&mut self) -> Result<Json, String> {
        let keys = DeviceKeys::generate(&mut rand_core::UnwrapErr(getrandom::SysRng));
        let changed = self
            .0
            .execute(
                "UPDATE OR REPLACE enrolments SET verify_key = ?1, seal_key = ?2",
                params![keys.verify_key(), keys.seal_key()],
            )
            .map_err(text)?;
        Ok(json!({ "changed": changed }))
    }

    /// What was set aside, with or without a place in a log.
    pub fn quarantine(&self, team: &str) -> Result<Json, String> {
        let team: TeamId = team.parse().map_err(text)?;
        let mut statement = self
            .0
            .prepare(
                "SELECT i.code FROM items i JOIN spaces s ON s.id = i.space
                   WHERE s.team = ?1 AND i.code <> ''
                 UNION ALL SELECT code FROM quarantine WHERE team = ?1",
            )
            .map_err(text)?;
        let codes = statement
            .query_map([team.as_bytes()], |row| row.get::<_, String>(0))
            .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
            .map_err(text)?;
        Ok(json!({ "codes": codes }))
    }

    /// A stored row, for showing what the operator sees.
    pub fn row(&self, doc: &str) -> Result<Json, String> {
        let row = self.last(doc)?;
        let (header, rest) = row.envelope.split_at(HEADER_LEN.min(row.envelope.len()));
        let body = rest.get(SIG_LEN..).unwrap_or_default();
        Ok(json!({ "space": hex(&row.space), "seq": row.seq, "header": hex(header),
                   "body": hex(body), "bytes": row.envelope.len() }))
    }
}
