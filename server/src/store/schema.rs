//! The schema and the steps that lead to it, one transaction a step.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// One entry a released version; entry 0 leads from an empty file to version 1.
const STEPS: &[&str] = &[
    V1,
    super::vouched::STEP,
    super::invites::STEP_SEAL_KEY_2,
    super::purged::STEP,
    COSIGNS,
    RECOVERY,
    HEALING,
    super::quarantine::STEP,
    super::wiped::STEP,
    super::records::STEP,
];

/// All ids are blobs; times are milliseconds since 1970, days are days since then.
const V1: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE teams (team BLOB PRIMARY KEY, allowed_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE spaces (
  id BLOB PRIMARY KEY, team BLOB NOT NULL, kind INTEGER NOT NULL, owner BLOB NOT NULL,
  info BLOB NOT NULL, head_seq INTEGER NOT NULL, head_chain BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX spaces_by_owner ON spaces (team, kind, owner);
CREATE TABLE readers (
  team BLOB NOT NULL, member BLOB NOT NULL, space BLOB NOT NULL REFERENCES spaces (id),
  PRIMARY KEY (team, member, space)
) STRICT, WITHOUT ROWID;

CREATE TABLE items (
  space BLOB NOT NULL REFERENCES spaces (id), seq INTEGER NOT NULL, id BLOB NOT NULL UNIQUE,
  kind INTEGER NOT NULL, doc BLOB NOT NULL, device BLOB NOT NULL, device_seq INTEGER NOT NULL,
  record INTEGER NOT NULL, directory_seq INTEGER NOT NULL, row_day INTEGER NOT NULL,
  code TEXT NOT NULL, chain BLOB NOT NULL, envelope BLOB NOT NULL,
  PRIMARY KEY (space, seq)
) STRICT;
CREATE INDEX items_set_aside ON items (space) WHERE code <> '';
CREATE UNIQUE INDEX items_by_count ON items (space, device, device_seq);

CREATE TABLE documents (
  space BLOB NOT NULL, doc BLOB NOT NULL, record INTEGER NOT NULL, saved BLOB,
  PRIMARY KEY (space, doc)
) STRICT;
CREATE TABLE document_changes (
  space BLOB NOT NULL, doc BLOB NOT NULL, device BLOB NOT NULL, changes INTEGER NOT NULL,
  PRIMARY KEY (space, doc, device)
) STRICT, WITHOUT ROWID;
CREATE TABLE records (
  team BLOB NOT NULL, space BLOB NOT NULL, doc BLOB NOT NULL, record TEXT NOT NULL,
  fields TEXT NOT NULL, conflicts TEXT NOT NULL, PRIMARY KEY (space, doc)
) STRICT;
CREATE INDEX records_by_kind ON records (team, record);
CREATE INDEX records_in_conflict ON records (team) WHERE conflicts <> '{}';

CREATE TABLE devices_seen (
  device BLOB PRIMARY KEY, team BLOB NOT NULL, last_sync_ms INTEGER NOT NULL,
  digest BLOB, cursors BLOB, previous_digest BLOB, previous_cursors BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_seen_by_team ON devices_seen (team);
CREATE TABLE jtis (
  device BLOB NOT NULL, jti BLOB NOT NULL, exp_s INTEGER NOT NULL, PRIMARY KEY (device, jti)
) STRICT, WITHOUT ROWID;
CREATE INDEX jtis_by_exp ON jtis (exp_s);

CREATE TABLE invites (
  lookup BLOB PRIMARY KEY, team BLOB NOT NULL, expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX invites_by_team ON invites (team);
CREATE TABLE enrolments (
  lookup BLOB NOT NULL REFERENCES invites (lookup) ON DELETE CASCADE,
  verify_key BLOB NOT NULL, seal_key BLOB NOT NULL, mac BLOB NOT NULL,
  PRIMARY KEY (lookup, verify_key, seal_key, mac)
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
  id BLOB NOT NULL, team BLOB NOT NULL, device BLOB NOT NULL, code TEXT NOT NULL,
  envelope BLOB NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (device, id)
) STRICT;
CREATE INDEX quarantine_by_team ON quarantine (team);

CREATE TABLE console_links (
  hash BLOB PRIMARY KEY, team BLOB NOT NULL, expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE console_sessions (
  hash BLOB PRIMARY KEY, team BLOB NOT NULL, created_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Operations of the directory that wait for further signatures.
const COSIGNS: &str = "
CREATE TABLE cosigns (
  team BLOB NOT NULL, id BLOB NOT NULL, device BLOB NOT NULL, body BLOB NOT NULL,
  expires_ms INTEGER NOT NULL, PRIMARY KEY (team, id)
) STRICT, WITHOUT ROWID;
";

/// The words of recovery keys for new devices, and changes of recovery keys that wait for admins.
const RECOVERY: &str = "
CREATE TABLE enrolment_recoveries (
  lookup BLOB NOT NULL REFERENCES invites (lookup) ON DELETE CASCADE,
  verify_key BLOB NOT NULL, voucher BLOB NOT NULL, PRIMARY KEY (lookup, verify_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE recovery_changes (
  team BLOB NOT NULL, member BLOB NOT NULL, proposal BLOB NOT NULL, PRIMARY KEY (team, member)
) STRICT, WITHOUT ROWID;
";

/// Incarnations, damaged rows and the audit log.
const HEALING: &str = "
CREATE TABLE incarnations (
  team BLOB NOT NULL, number INTEGER NOT NULL, id BLOB NOT NULL, since_ms INTEGER NOT NULL,
  why TEXT NOT NULL, held INTEGER NOT NULL, PRIMARY KEY (team, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE claims (
  team BLOB NOT NULL, member BLOB NOT NULL, PRIMARY KEY (team, member)
) STRICT, WITHOUT ROWID;
CREATE TABLE damaged (id BLOB PRIMARY KEY, space BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX damaged_by_space ON damaged (space);

CREATE TABLE audit (
  team BLOB NOT NULL, seq INTEGER NOT NULL, prev BLOB NOT NULL, at_ms INTEGER NOT NULL, actor BLOB,
  action TEXT NOT NULL, object TEXT NOT NULL, result TEXT NOT NULL, count INTEGER NOT NULL,
  hash BLOB NOT NULL, PRIMARY KEY (team, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_by_actor ON audit (team, actor, action, at_ms);
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
CREATE TRIGGER audit_is_never_shortened BEFORE DELETE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
CREATE TABLE sealed_reads (
  team BLOB NOT NULL, day INTEGER NOT NULL, device BLOB NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (team, day, device)
) STRICT, WITHOUT ROWID;
";

/// Brings a database to the newest version.
///
/// # Errors
/// `Newer` if the file's version is above ours: then it is left as it is.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    loop {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = check_known(&tx)?;
        let Some(step) = STEPS.get(found as usize) else { return Ok(()) };
        tx.execute_batch(step)?;
        tx.pragma_update(None, "user_version", found + 1)?;
        tx.commit()?;
    }
}

/// A database's version, if this program knows it.
///
/// # Errors
/// `Newer`.
pub(super) fn check_known(connection: &Connection) -> Result<i64, StoreError> {
    let known = STEPS.len() as i64;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if (0..=known).contains(&found) { Ok(found) } else { Err(StoreError::Newer { found, known }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_database_is_refused_and_left_alone() {
        let mut connection = Connection::open_in_memory().expect("opens");
        migrate(&mut connection).expect("fresh");
        migrate(&mut connection).expect("a second time changes nothing");
        connection.pragma_update(None, "user_version", 99).expect("sets");
        assert!(matches!(migrate(&mut connection), Err(StoreError::Newer { found: 99, .. })));
    }

    #[test]
    fn devices_that_waited_before_an_upgrade_wait_after_it_and_records_stay() {
        let mut connection = Connection::open_in_memory().expect("opens");
        connection.pragma_update(None, "foreign_keys", true).expect("sets");
        connection.execute_batch(V1).expect("the first version");
        connection.pragma_update(None, "user_version", 1).expect("sets");
        let waiting = "INSERT INTO invites VALUES (x'01', x'02', 3);
             INSERT INTO enrolments VALUES (x'01', x'04', x'05', x'06');
             INSERT INTO records VALUES (x'02', x'07', x'08', 'incident', '{}', '{}');";
        connection.execute_batch(waiting).expect("writes");
        migrate(&mut connection).expect("upgrades");
        let row: (Vec<u8>, i64, i64, i64) = connection
            .query_row(
                "SELECT e.mac, e.class, i.kind, i.expires_ms
                 FROM enrolments e JOIN invites i ON i.lookup = e.lookup",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .expect("it is there");
        assert_eq!(row, (vec![6], 0, 0, 3));
        let kept: String = connection
            .query_row("SELECT record FROM records_open", [], |row| row.get(0))
            .expect("what pages showed is there, to be sealed");
        assert_eq!(kept, "incident");
        connection.execute_batch("DELETE FROM invites").expect("deletes");
        let left: i64 = connection
            .query_row("SELECT count(*) FROM enrolments", [], |row| row.get(0))
            .expect("counts");
        assert_eq!(left, 0, "an answer goes with its invitation");
    }
}
