//! The audit log, checked row by row: nothing edited, removed, reordered, and nothing cut off before an anchor.
//!
//! The chain alone shows what was done to a row without doing the rest anew. Whoever owns the file can chain it anew
//! or cut its end; an anchor, which phones keep and show, shows that too.

use std::path::Path;
use std::str::FromStr;

use rusqlite::Connection;
use sync_core::ids::{EnvelopeId, TeamId};

use crate::serve::ServeError;
use crate::store::{self, StoreError};

use super::in_use;

/// A head of the audit log that somebody outside kept: `NUMBER:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The row's number.
    pub seq: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl FromStr for Anchor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "an anchor is a row's number, a colon and 64 hexadecimal digits".to_owned();
        let (seq, hash) = text.split_once(':').ok_or_else(wrong)?;
        let hash: EnvelopeId = hash.parse().map_err(|_| wrong())?;
        Ok(Self { seq: seq.parse().map_err(|_| wrong())?, hash: *hash.as_bytes() })
    }
}

/// What is wrong with a log, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// A row's number does not follow the one before it.
    #[error("row {0} is missing or out of its place")]
    Missing(u64),
    /// A row is not what was chained.
    #[error("row {0} was changed")]
    Changed(u64),
    /// The log ends before the anchor.
    #[error("the log ends at row {end}, before the anchor at row {anchor}: its end was cut off")]
    CutOff {
        /// The last row.
        end: u64,
        /// The anchor's row.
        anchor: u64,
    },
    /// The row at the anchor has another hash.
    #[error("row {0} is not the one that the anchor names: the log was chained anew")]
    OtherThanAnchor(u64),
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// The team.
    pub team: TeamId,
    /// Number of rows that hold.
    pub rows: u64,
    /// The hash of the last of them.
    pub hash: [u8; 32],
    /// The first fault.
    pub fault: Option<AuditFault>,
}

/// Checks the audit logs of a folder: of one team, or of every team it has a log of. An anchor is held against
/// each of those. The folder's database stays as it is.
///
/// # Errors
/// `InUse` while a relay uses the folder; those of the store.
pub fn audit(
    data: &Path,
    team: Option<TeamId>,
    anchor: Option<Anchor>,
) -> Result<Vec<AuditReport>, ServeError> {
    let _lock = in_use(data)?;
    let reader = &store::look_into(&data.join("relay.db"))?;
    let teams = match team {
        Some(team) => vec![team],
        None => {
            let mut teams = store::audit::teams(reader)?;
            // A log that is wholly gone is one that was cut off.
            for allowed in store::meta::teams(reader)? {
                if !teams.contains(&allowed) {
                    teams.push(allowed);
                }
            }
            teams
        }
    };
    Ok(teams
        .into_iter()
        .map(|team| check(reader, team, anchor))
        .collect::<Result<_, StoreError>>()?)
}

/// Rows read at once.
const PAGE: usize = 1_000;

fn check(
    reader: &Connection,
    team: TeamId,
    anchor: Option<Anchor>,
) -> Result<AuditReport, StoreError> {
    let mut report = AuditReport { team, rows: 0, hash: [0; 32], fault: None };
    let mut met = anchor.is_none_or(|anchor| anchor.seq == 0);
    loop {
        let page = store::audit::after(reader, team, report.rows, PAGE)?;
        if page.is_empty() {
            break;
        }
        for (row, previous) in page {
            let fault = if row.seq != report.rows + 1 {
                Some(AuditFault::Missing(report.rows + 1))
            } else if previous != report.hash || !row.follows(team, report.rows, &report.hash) {
                Some(AuditFault::Changed(row.seq))
            } else {
                let at_anchor = anchor.filter(|anchor| anchor.seq == row.seq);
                met |= at_anchor.is_some();
                let other = at_anchor.is_some_and(|anchor| anchor.hash != *row.hash);
                other.then_some(AuditFault::OtherThanAnchor(row.seq))
            };
            if fault.is_some() {
                report.fault = fault;
                return Ok(report);
            }
            (report.rows, report.hash) = (row.seq, *row.hash);
        }
    }
    if let (false, Some(anchor)) = (met, anchor) {
        report.fault = Some(AuditFault::CutOff { end: report.rows, anchor: anchor.seq });
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_relay_is_not_found_sound() {
        let folder = tempfile::tempdir().expect("folder");
        assert!(audit(folder.path(), None, None).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).expect("reads").count(), 0, "nothing was made");
    }

    #[test]
    fn a_folder_is_the_same_after_a_check_and_none_that_a_relay_uses_is_checked() {
        let (folder, copy) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
        let team = TeamId::new([7; 32]);
        let now = sync_core::protocol::Timestamp(0);
        let store = store::Store::open(folder.path()).expect("opens");
        store.write(|tx| store::meta::allow_team(tx, team, now)).expect("writes");
        // The files as a kill leaves them, of a version before the newest.
        store
            .write(|tx| Ok::<_, StoreError>(tx.pragma_update(None, "user_version", 7)?))
            .expect("writes");
        let read = |name| std::fs::read(copy.path().join(name)).expect("reads");
        for name in ["relay.db", "relay.db-wal"] {
            std::fs::copy(folder.path().join(name), copy.path().join(name)).expect("copied");
        }
        let before = (read("relay.db"), read("relay.db-wal"));
        assert!(!before.1.is_empty());
        let reports = audit(copy.path(), None, None).expect("checks");
        assert_eq!((reports[0].team, reports[0].fault), (team, None));
        assert!((read("relay.db"), read("relay.db-wal")) == before, "it is as it was");
        let _lock = crate::serve::lock(copy.path()).expect("locks");
        assert!(matches!(audit(copy.path(), None, None), Err(ServeError::InUse)));
    }

    #[test]
    fn an_anchor_is_read_as_a_phone_shows_it() {
        let hash = "ab".repeat(32);
        let anchor: Anchor = format!("12:{hash}").parse().expect("an anchor");
        assert_eq!(anchor, Anchor { seq: 12, hash: [0xab; 32] });
        for wrong in ["", "12", "12:ab", &format!("x:{hash}"), &format!("12:{hash}0")] {
            assert!(wrong.parse::<Anchor>().is_err(), "{wrong}");
        }
    }
}
