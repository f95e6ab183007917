//! A malicious operator at the directory: devices of its own, entries forgotten, a second directory.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params};
use serde_json::{Value as Json, json};
use server::backup;
use sync_core::crypto::DeviceKeys;
use sync_core::directory::Op;
use sync_core::ids::{Chain, DocId, MemberId, SpaceId};
use sync_core::protocol::{Envelope, Header, Kind, Priority, to_cbor};
use sync_core::records::{DeviceClass, SpaceKind};

use super::{Database, rechain, text};

/// Columns of an item that are copied as they are; `seq` and `chain` follow from where it is put.
const COPIED: &str =
    "space, id, kind, doc, device, device_seq, record, directory_seq, row_day, code, envelope";

impl Database {
    /// The directory's space and its length.
    fn directory(&self) -> Result<(Vec<u8>, i64), String> {
        self.0
            .query_row(
                "SELECT id, head_seq FROM spaces WHERE kind = ?1",
                [SpaceKind::Directory as i64],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .map_err(text)
    }

    /// Puts an entry at the directory's end that lists a device of the relay's own making.
    pub fn add_device(&mut self, member: &str) -> Result<Json, String> {
        let member: MemberId = member.parse().map_err(text)?;
        let (space, length) = self.directory()?;
        let last: Vec<u8> = self
            .0
            .query_row(
                "SELECT envelope FROM items WHERE space = ?1 AND seq = ?2",
                params![space, length],
                |row| row.get(0),
            )
            .map_err(text)?;
        let last = Envelope::from_bytes(&last).map_err(text)?;
        let keys = DeviceKeys::generate(&mut rand_core::UnwrapErr(getrandom::SysRng));
        let body = to_cbor(&Op::Device {
            member,
            verify_key: keys.verify_key().into(),
            seal_key: keys.seal_key().into(),
            class: DeviceClass::Native,
            seal_key_2: None,
        });
        let header = Header {
            kind: Kind::Directory,
            priority: Priority::First,
            schema: 0,
            record: 0,
            space: SpaceId::from_slice(&space).map_err(text)?,
            doc: DocId::ZERO,
            device: keys.device_id(),
            device_seq: 1,
            actor_no: 0,
            day: last.header.day,
            directory_seq: length as u64,
            directory_hash: last.id(),
            body_hash: [0; 32],
        };
        let entry = keys.sign_envelope(header, body);
        let tx = self.0.transaction().map_err(text)?;
        tx.execute(
            "INSERT INTO items (space, seq, id, kind, doc, device, device_seq, record,
               directory_seq, row_day, code, chain, envelope)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, 0, ?7, ?8, '', ?9, ?10)",
            params![
                space,
                length + 1,
                entry.id().as_bytes(),
                entry.header.kind as i64,
                entry.header.doc.as_bytes(),
                entry.header.device.as_bytes(),
                length + 1,
                entry.header.day.0,
                Chain::EMPTY.as_bytes(),
                entry.to_bytes(),
            ],
        )
        .map_err(text)?;
        tx.execute("UPDATE spaces SET head_seq = ?1 WHERE id = ?2", params![length + 1, space])
            .map_err(text)?;
        rechain(&tx, &space).map_err(text)??;
        tx.commit().map_err(text)?;
        Ok(json!({ "device": entry.header.device.to_string() }))
    }

    /// Forgets the directory's last entries.
    pub fn rollback_directory(&mut self, entries: u64) -> Result<Json, String> {
        let (space, length) = self.directory()?;
        let left = length - i64::try_from(entries).map_err(text)?;
        if left < 1 {
            return Err(format!("the directory has {length} entries; the first one stays"));
        }
        let tx = self.0.transaction().map_err(text)?;
        tx.execute("DELETE FROM items WHERE space = ?1 AND seq > ?2", params![space, left])
            .map_err(text)?;
        tx.execute("UPDATE spaces SET head_seq = ?1 WHERE id = ?2", params![left, space])
            .map_err(text)?;
        rechain(&tx, &space).map_err(text)??;
        tx.commit().map_err(text)?;
        Ok(json!({ "length": left }))
    }

    /// Copies everything, as it is now, into another folder.
    pub fn copy_to(&self, folder: &Path) -> Result<(), String> {
        let to = folder.join("relay.db");
        self.0.execute("VACUUM INTO ?1", [to.to_string_lossy()]).map_err(text)?;
        backup::copy_keys(&self.1, folder).map_err(text)
    }

    /// Puts what stands in either database and not in the other into that one, but for directories.
    pub fn mirror(&mut self, other: &mut Database) -> Result<Json, String> {
        let (there, back) = (copy(self, &mut other.0)?, copy(other, &mut self.0)?);
        Ok(json!({ "copied": there + back }))
    }
}

fn rows(from: &Connection, sql: &str) -> rusqlite::Result<Vec<Vec<Value>>> {
    let mut statement = from.prepare(sql)?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|i| row.get(i)).collect())?;
    rows.collect()
}

fn copy(whole: &Database, to: &mut Connection) -> Result<usize, String> {
    let from = &whole.0;
    let directory = SpaceKind::Directory as i64;
    let spaces = rows(
        from,
        &format!("SELECT id, team, kind, owner, info FROM spaces WHERE kind <> {directory}"),
    );
    let readers = rows(from, "SELECT team, member, space FROM readers").map_err(text)?;
    let items = rows(
        from,
        &format!(
            "SELECT {COPIED} FROM items WHERE space IN (SELECT id FROM spaces WHERE kind <> {directory})
             ORDER BY space, seq"
        ),
    )
    .map_err(text)?;
    let tx = to.transaction().map_err(text)?;
    let mut copied = 0;
    for mut space in spaces.map_err(text)? {
        space.push(Value::Blob(Chain::EMPTY.as_bytes().to_vec()));
        tx.execute(
            "INSERT OR IGNORE INTO spaces (id, team, kind, owner, info, head_seq, head_chain)
             VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)",
            rusqlite::params_from_iter(space),
        )
        .map_err(text)?;
    }
    for reader in readers {
        tx.execute(
            "INSERT OR IGNORE INTO readers (team, member, space) VALUES (?1, ?2, ?3)",
            rusqlite::params_from_iter(reader),
        )
        .map_err(text)?;
    }
    let mut touched = std::collections::BTreeSet::new();
    for mut item in items {
        // Each side has keys of its own.
        if let Some(Value::Blob(kept)) = item.last_mut()
            && let Ok(envelope) = whole.opened(kept)
        {
            *kept = envelope.to_bytes();
        }
        let Some(Value::Blob(space)) = item.first().cloned() else { continue };
        let new = tx
            .execute(
                &format!(
                    "INSERT OR IGNORE INTO items ({COPIED}, seq, chain)
                     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, head_seq + 1, head_chain
                     FROM spaces WHERE id = ?1"
                ),
                rusqlite::params_from_iter(item),
            )
            .map_err(text)?;
        if new == 1 {
            tx.execute("UPDATE spaces SET head_seq = head_seq + 1 WHERE id = ?1", [&space])
                .map_err(text)?;
            touched.insert(space);
            copied += 1;
        }
    }
    for space in touched {
        rechain(&tx, &space).map_err(text)??;
    }
    tx.commit().map_err(text)?;
    Ok(copied)
}
