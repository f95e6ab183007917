//! What the relay keeps between two phones while one lets the other in: typed codes' exchanges, and further devices
//! that a device of their member vouched for.

use rusqlite::{OptionalExtension, Row, params};
use sync_core::ids::{DeviceId, MemberId, TeamId};
use sync_core::protocol::{
    CodeAnswered, CodeReply, CodeTry, Timestamp, VouchedDevice, from_cbor, to_cbor,
};

use super::{Reader, StoreError, Tx};

/// The step of the schema that brings these tables.
pub(super) const STEP: &str = "
ALTER TABLE invites ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
ALTER TABLE invites ADD COLUMN device BLOB;
ALTER TABLE invites ADD COLUMN member BLOB;
CREATE INDEX invites_by_device ON invites (device);
CREATE TABLE enrolments_by_class (
  lookup BLOB NOT NULL REFERENCES invites (lookup) ON DELETE CASCADE,
  verify_key BLOB NOT NULL, seal_key BLOB NOT NULL, mac BLOB NOT NULL, class INTEGER NOT NULL,
  PRIMARY KEY (lookup, verify_key, seal_key, mac, class)
) STRICT, WITHOUT ROWID;
INSERT INTO enrolments_by_class SELECT lookup, verify_key, seal_key, mac, 0 FROM enrolments;
DROP TABLE enrolments;
ALTER TABLE enrolments_by_class RENAME TO enrolments;
CREATE TABLE code_tries (
  lookup BLOB NOT NULL REFERENCES invites (lookup) ON DELETE CASCADE,
  message BLOB NOT NULL, reply BLOB, PRIMARY KEY (lookup, message)
) STRICT, WITHOUT ROWID;
CREATE TABLE vouched (
  device BLOB PRIMARY KEY, team BLOB NOT NULL, member BLOB NOT NULL, voucher BLOB NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX vouched_by_team ON vouched (team);
";

/// Notes a new phone's message, unless the code has had its tries. Whether it is noted.
pub(crate) fn try_code(tx: &Tx<'_>, asked: &CodeTry, most: u8) -> Result<bool, StoreError> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO code_tries (lookup, message) SELECT ?1, ?2
         WHERE (SELECT count(*) FROM code_tries WHERE lookup = ?1) < ?3",
    )?
    .execute(params![asked.lookup.as_slice(), asked.message.as_slice(), most])?;
    let mut statement =
        tx.prepare_cached("SELECT 1 FROM code_tries WHERE lookup = ?1 AND message = ?2")?;
    Ok(statement.exists(params![asked.lookup.as_slice(), asked.message.as_slice()])?)
}

/// What the inviting phone answered to a try.
pub(crate) fn code_reply(
    reader: &Reader,
    asked: &CodeTry,
) -> Result<Option<CodeReply>, StoreError> {
    let mut statement =
        reader.prepare_cached("SELECT reply FROM code_tries WHERE lookup = ?1 AND message = ?2")?;
    let found: Option<Option<Vec<u8>>> = statement
        .query_row(params![asked.lookup.as_slice(), asked.message.as_slice()], |row| row.get(0))
        .optional()?;
    let bytes = found.flatten();
    bytes.map(|b| from_cbor(&b).map_err(|_| StoreError::Damaged("a code's reply"))).transpose()
}

/// Keeps the inviting device's answer to a try of its own code; the first one stays.
pub(crate) fn answer_code(
    tx: &Tx<'_>,
    device: DeviceId,
    answered: &CodeAnswered,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE code_tries SET reply = ?1 WHERE lookup = ?2 AND message = ?3 AND reply IS NULL
           AND EXISTS (SELECT 1 FROM invites i WHERE i.lookup = ?2 AND i.device = ?4)",
    )?
    .execute(params![
        to_cbor(&answered.reply),
        answered.to.lookup.as_slice(),
        answered.to.message.as_slice(),
        device.as_bytes(),
    ])?;
    Ok(())
}

/// Tries of a device's own codes that it has not answered yet.
pub(crate) fn unanswered(
    reader: &Reader,
    device: DeviceId,
    now: Timestamp,
) -> Result<Vec<CodeTry>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT t.lookup, t.message FROM invites i JOIN code_tries t ON t.lookup = i.lookup
         WHERE i.device = ?1 AND i.expires_ms >= ?2 AND t.reply IS NULL",
    )?;
    let rows = statement.query_map(params![device.as_bytes(), now.0], |row| {
        let lookup = row.get::<_, [u8; 16]>(0)?.into();
        Ok(CodeTry { lookup, message: row.get::<_, [u8; 33]>(1)?.into() })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Keeps a voucher; the first one for a device stays. At most `most` of a member are kept at once.
pub(crate) fn vouch(
    tx: &Tx<'_>,
    team: TeamId,
    (device, member): (DeviceId, MemberId),
    vouched: &VouchedDevice,
    now: Timestamp,
    most: usize,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO vouched (device, team, member, voucher, at_ms)
         SELECT ?1, ?2, ?3, ?4, ?5
         WHERE (SELECT count(*) FROM vouched WHERE team = ?2 AND member = ?3) < ?6",
    )?
    .execute(params![
        device.as_bytes(),
        team.as_bytes(),
        member.as_bytes(),
        to_cbor(vouched),
        now.0,
        most as i64
    ])?;
    Ok(())
}

/// Forgets a voucher.
pub(crate) fn forget(tx: &Tx<'_>, device: DeviceId) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM vouched WHERE device = ?1")?.execute([device.as_bytes()])?;
    Ok(())
}

/// A vouched device of a team.
pub(crate) struct Vouched {
    /// The device.
    pub device: DeviceId,
    /// Whose it is.
    pub member: MemberId,
    /// The voucher.
    pub vouched: VouchedDevice,
    /// When the relay got it.
    pub at: Timestamp,
}

/// Every vouched device of a team.
pub(crate) fn all(reader: &Reader, team: TeamId) -> Result<Vec<Vouched>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT device, member, voucher, at_ms FROM vouched WHERE team = ?1 ORDER BY at_ms, device",
    )?;
    let rows = statement.query_map([team.as_bytes()], |row: &Row<'_>| {
        let (device, member) = (DeviceId::new(row.get(0)?), MemberId::new(row.get(1)?));
        Ok((device, member, row.get::<_, Vec<u8>>(2)?, Timestamp(row.get(3)?)))
    })?;
    let mut all = Vec::new();
    for row in rows {
        let (device, member, bytes, at) = row?;
        let vouched = from_cbor(&bytes).map_err(|_| StoreError::Damaged("a voucher"))?;
        all.push(Vouched { device, member, vouched, at });
    }
    Ok(all)
}
