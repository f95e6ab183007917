//! A malicious operator at the relay's own database.
//!
//! Works on the stored rows, behind the relay's back, through a connection of its own. Knows the relay's
//! schema and nothing of its code.

mod directory;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde_json::{Value as Json, json};
use server::backup;
use server::store::Opener;
use sha2::{Digest, Sha256};
use sync_core::crypto::DeviceKeys;
use sync_core::ids::{Chain, DocId, EnvelopeId, TeamId};
use sync_core::protocol::{Day, Envelope, HEADER_LEN, Timestamp, next_chain};

use crate::drill::script::Part;

const SIG_LEN: usize = 64;

/// The relay's database, and the folder it is in.
pub struct Database(Connection, PathBuf);

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

/// The byte in the middle.
fn flip(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
}

fn id<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N], String> {
    bytes.try_into().map_err(|_| "the relay's row holds no id".to_owned())
}

impl Database {
    /// Opens a second connection to it.
    pub fn open(folder: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(folder.join("relay.db"))?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        Ok(Self(connection, folder.to_owned()))
    }

    /// An envelope from what a row keeps of it: the operator has the keys.
    fn opened(&self, kept: &[u8]) -> Result<Envelope, String> {
        let opener = Opener::of_folder(&self.1).map_err(text)?;
        let envelope = opener.envelope(kept).map_err(text)?;
        envelope.ok_or_else(|| "the relay's row cannot be opened".into())
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

    /// Puts an envelope into a row, in the clear, and makes the rest of the log agree with it: the relay owns the chain.
    fn replace(&mut self, row: &Row, envelope: &Envelope) -> Result<Json, String> {
        let tx = self.0.transaction().map_err(text)?;
        tx.execute(
            "UPDATE items SET envelope = ?1, id = ?2 WHERE space = ?3 AND seq = ?4",
            params![envelope.to_bytes(), envelope.id().as_bytes(), row.space, row.seq],
        )
        .map_err(text)?;
        rechain(&tx, &row.space).map_err(text)??;
        tx.commit().map_err(text)?;
        Ok(json!({ "space": hex(&row.space), "seq": row.seq }))
    }

    /// Changes one byte in the middle of a part, and whatever a relay can change to hide it.
    pub fn flip_byte(&mut self, doc: &str, part: Part) -> Result<Json, String> {
        let row = self.last(doc)?;
        let mut envelope = self.opened(&row.envelope)?;
        match part {
            // Of the header a byte that is still read: the author's day.
            Part::Header => envelope.header.day.0 ^= 1,
            Part::Sig => flip(&mut envelope.sig),
            Part::Body => {
                flip(&mut envelope.body);
                // Not sent, but computed by the receiver from the body it is sent.
                envelope.header.body_hash = Sha256::digest(&envelope.body).into();
            }
        }
        self.replace(&row, &envelope)
    }

    /// Serves a document's last envelope as one of another document.
    pub fn move_envelope(&mut self, doc: &str, to: &str) -> Result<Json, String> {
        let row = self.last(doc)?;
        let mut envelope = self.opened(&row.envelope)?;
        envelope.header.doc = to.parse().map_err(text)?;
        self.replace(&row, &envelope)
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

    /// Backs the running relay's data and keys up, by the operator's own commands.
    pub fn backup(&self, folder: &Path, keys: &Path, now: Timestamp) -> Result<Json, String> {
        backup::database(&self.1, folder).map_err(text)?;
        backup::keys(&self.1, keys, backup::MOST_DAYS, now).map_err(text)?;
        Ok(Json::Null)
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

/// Computes a log's chain anew from its rows.
fn rechain(tx: &Transaction<'_>, space: &[u8]) -> rusqlite::Result<Result<(), String>> {
    let mut rows = tx.prepare(
        "SELECT seq, id, directory_seq, row_day FROM items WHERE space = ?1 ORDER BY seq",
    )?;
    let rows: Vec<(i64, Vec<u8>, u64, u32)> = rows
        .query_map([space], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)? as u64, row.get(3)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut chain = Chain::EMPTY;
    for (seq, envelope, directory_seq, row_day) in rows {
        let envelope = match id(envelope) {
            Ok(bytes) => EnvelopeId::new(bytes),
            Err(reason) => return Ok(Err(reason)),
        };
        chain = next_chain(chain, envelope, directory_seq, Day(row_day));
        tx.execute(
            "UPDATE items SET chain = ?1 WHERE space = ?2 AND seq = ?3",
            params![chain.as_bytes(), space, seq],
        )?;
    }
    tx.execute(
        "UPDATE spaces SET head_chain = ?1 WHERE id = ?2",
        params![chain.as_bytes(), space],
    )?;
    Ok(Ok(()))
}
