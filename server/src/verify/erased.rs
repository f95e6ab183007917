//! Whether anything still opens a document that was erased: the database, its key file, and backups of both.
//!
//! Looks at what is there and changes nothing. What it cannot see are copies it is not shown, and copies that people
//! made of what their phones displayed.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params};
use sync_core::ids::{DocId, SpaceId};
use sync_core::protocol::{Day, Envelope};

use crate::backup::{self, DATABASE};
use crate::serve;
use crate::store::{self, Opener, StoreError, keys};

use super::in_use;

/// Why nothing could be said.
#[derive(Debug, thiserror::Error)]
pub enum ErasedError {
    /// The relay's folder cannot be looked at.
    #[error(transparent)]
    Serve(#[from] serve::ServeError),
    /// A database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was typed is no id.
    #[error("a document is named by its id, or the first digits of it, at least four")]
    NoId,
    /// The relay knows no such document, or several.
    #[error("{0} document(s) here have an id that begins so; give more digits, or check them")]
    NotOne(usize),
    /// A backup cannot be read.
    #[error("{0} cannot be read; check its path and rights")]
    Files(PathBuf, #[source] std::io::Error),
}

/// What is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trace {
    /// The relay never took an order to erase it, or lost it.
    NoTombstone(DocId),
    /// Bodies, a merged copy or what pages show stand in the relay's database.
    Body(DocId),
    /// Its key stands in the relay's key file.
    Key(DocId),
    /// What was erased may stand in a write-ahead log.
    Log(PathBuf),
    /// A copy of the key file opens it: until when, if its name tells its day.
    KeyBackup(PathBuf, Option<Day>),
    /// A copy of the database holds it in the clear.
    Open(PathBuf),
    /// A copy lies beside a write-ahead log of its own, which was not looked through.
    CopiedLog(PathBuf),
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trace::NoTombstone(doc) => {
                write!(f, "document {doc} has no tombstone: it was not erased here")
            }
            Trace::Body(doc) => write!(f, "the relay's database still holds document {doc}"),
            Trace::Key(doc) => write!(f, "the relay's key file still holds the key of {doc}"),
            Trace::Log(file) => write!(
                f,
                "{} is not emptied, and may hold what was erased: start the relay and stop it",
                file.display()
            ),
            Trace::KeyBackup(file, Some(until)) => write!(
                f,
                "{} holds its key and opens backups of the database; it goes on {until}, or when you remove it",
                file.display()
            ),
            Trace::KeyBackup(file, None) => write!(
                f,
                "{} holds its key and opens backups of the database until you remove it",
                file.display()
            ),
            Trace::Open(file) => {
                write!(f, "{} holds it in the clear until you remove it", file.display())
            }
            Trace::CopiedLog(file) => write!(
                f,
                "{} was copied from a relay that was running or was killed, and may open it: remove it with its copy, or make backups with `aftercall backup`",
                file.display()
            ),
        }
    }
}

/// What a check found.
#[derive(Debug, Default)]
pub struct ErasedReport {
    /// The document and those it went on in.
    pub documents: Vec<DocId>,
    /// The day of its tombstone.
    pub day: Option<Day>,
    /// What is still there; nothing, if it is proven.
    pub traces: Vec<Trace>,
    /// Copies of databases that were looked through.
    pub looked: usize,
    /// Files that are no such copies and were not.
    pub other: usize,
}

/// Looks for whatever opens an erased document: in a stopped relay's folder and in folders of backups. A backup of
/// keys is said to go `days` after the day in its name.
///
/// # Errors
/// As [`ErasedError`] says.
pub fn erased(
    data: &Path,
    typed: &str,
    backups: &[PathBuf],
    days: u32,
) -> Result<ErasedReport, ErasedError> {
    let _lock = in_use(data)?;
    let database = store::look_into(&data.join(DATABASE))?;
    let documents = documents_named(&database, typed)?;
    let mut report = ErasedReport { documents, ..ErasedReport::default() };
    let opener = Opener::of_folder(data)?;
    for doc in report.documents.clone() {
        look_at_relay(&database, &opener, doc, &mut report)?;
    }
    for name in [DATABASE, keys::FILE] {
        let log = data.join(format!("{name}-wal"));
        if log.metadata().is_ok_and(|log| log.len() > 0) {
            report.traces.push(Trace::Log(log));
        }
    }
    let live = [data.join(DATABASE), data.join(keys::FILE)];
    for file in files_in(data, backups)?.iter().filter(|file| !live.contains(file)) {
        look_at_copy(file, days, &mut report)?;
    }
    Ok(report)
}

/// The document that was typed, with what it went on in.
fn documents_named(database: &Connection, typed: &str) -> Result<Vec<DocId>, ErasedError> {
    let typed = typed.trim().to_ascii_lowercase();
    if !(4..=32).contains(&typed.len()) || !typed.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(ErasedError::NoId);
    }
    let known = known(database)?;
    let mut found: Vec<DocId> =
        known.iter().copied().filter(|doc| doc.to_string().starts_with(&typed)).collect();
    if found.len() != 1 {
        return Err(ErasedError::NotOne(found.len()));
    }
    let mut next = found[0].successor();
    while known.contains(&next) {
        found.push(next);
        next = next.successor();
    }
    Ok(found)
}

/// Every document that a relay knows or knew.
fn known(database: &Connection) -> Result<BTreeSet<DocId>, StoreError> {
    let mut statement = database.prepare(
        "SELECT doc FROM purged UNION SELECT doc FROM documents
         UNION SELECT doc FROM items WHERE kind IN (1, 2)",
    )?;
    let rows = statement.query_map([], |row| row.get(0).map(DocId::new))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

const SPACES: &str = "SELECT space FROM purged WHERE doc = ?1
   UNION SELECT space FROM documents WHERE doc = ?1
   UNION SELECT space FROM items WHERE doc = ?1 AND kind IN (1, 2)";
const BODIES: &str = "SELECT
   EXISTS (SELECT 1 FROM items WHERE doc = ?1 AND kind IN (1, 2) AND length(envelope) > 0)
   OR EXISTS (SELECT 1 FROM documents WHERE doc = ?1)
   OR EXISTS (SELECT 1 FROM records WHERE doc = ?1)
   OR EXISTS (SELECT 1 FROM quarantine WHERE substr(envelope, 24, 16) = ?1)";

fn look_at_relay(
    database: &Connection,
    opener: &Opener,
    doc: DocId,
    report: &mut ErasedReport,
) -> Result<(), StoreError> {
    let mut spaces = database.prepare_cached(SPACES)?;
    let spaces: Vec<SpaceId> = spaces
        .query_map([doc.as_bytes()], |row| row.get(0).map(SpaceId::new))?
        .collect::<Result<_, _>>()?;
    let (mut stones, mut keys) = (0, false);
    for space in &spaces {
        let day = "SELECT max(day) FROM purged WHERE space = ?1 AND doc = ?2";
        let day: Option<u32> =
            database.query_row(day, params![space.as_bytes(), doc.as_bytes()], |row| row.get(0))?;
        stones += usize::from(day.is_some());
        report.day = report.day.max(day.map(Day));
        keys |= opener.holds(*space, doc)?;
    }
    if stones < spaces.len() {
        report.traces.push(Trace::NoTombstone(doc));
    }
    if database.query_row(BODIES, [doc.as_bytes()], |row| row.get(0))? {
        report.traces.push(Trace::Body(doc));
    }
    if keys {
        report.traces.push(Trace::Key(doc));
    }
    Ok(())
}

/// Every file of the folders, and of folders within them.
fn files_in(data: &Path, backups: &[PathBuf]) -> Result<Vec<PathBuf>, ErasedError> {
    let mut left: Vec<PathBuf> = std::iter::once(data.to_owned()).chain(backups.to_vec()).collect();
    let mut files = BTreeSet::new();
    while let Some(place) = left.pop() {
        let failed = |error| ErasedError::Files(place.clone(), error);
        if !place.is_dir() {
            fs::metadata(&place).map_err(failed)?;
            files.insert(place);
            continue;
        }
        for entry in fs::read_dir(&place).map_err(failed)? {
            left.push(entry.map_err(failed)?.path());
        }
    }
    Ok(files.into_iter().collect())
}

fn look_at_copy(file: &Path, days: u32, report: &mut ErasedReport) -> Result<(), ErasedError> {
    let mut magic = [0; 16];
    let read = fs::File::open(file).and_then(|mut file| file.read_exact(&mut magic));
    if read.is_err() || &magic != b"SQLite format 3\0" {
        report.other += 1;
        return Ok(());
    }
    report.looked += 1;
    let log = log_beside(file);
    if log.metadata().is_ok_and(|log| log.len() > 0) {
        report.traces.push(Trace::CopiedLog(log));
    }
    let copy = look_only(file)?;
    if has(&copy, "places")? {
        let mut held =
            copy.prepare("SELECT 1 FROM places WHERE doc = ?1").map_err(StoreError::from)?;
        for doc in &report.documents {
            if held.exists([doc.as_bytes()]).map_err(StoreError::from)? {
                let until = backup::day_of(file).map(|day| Day(day.0.saturating_add(days)));
                report.traces.push(Trace::KeyBackup(file.to_owned(), until));
                break;
            }
        }
    } else if has(&copy, "items")? {
        let mut open = false;
        for doc in &report.documents {
            open |= lies_open(&copy, *doc)?;
        }
        if open {
            report.traces.push(Trace::Open(file.to_owned()));
        }
    }
    Ok(())
}

/// The write-ahead log that belongs to a copy: `relay.db-wal`, or `relay.db-wal.replaced` of `relay.db.replaced`.
fn log_beside(file: &Path) -> PathBuf {
    const ASIDE: &str = ".replaced";
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(match name.split_once(ASIDE) {
        Some((name, number)) => format!("{name}-wal{ASIDE}{number}"),
        None => format!("{name}-wal"),
    })
}

/// A copy is read as it lies there, without a log of its own, and no file is made beside it.
fn look_only(file: &Path) -> Result<Connection, StoreError> {
    let path = file.to_string_lossy();
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)?)
}

fn has(copy: &Connection, table: &str) -> Result<bool, StoreError> {
    let mut statement =
        copy.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1")?;
    Ok(statement.exists([table])?)
}

/// Whether a copy of a database holds a document without a seal: from before there were keys, or planted.
fn lies_open(copy: &Connection, doc: DocId) -> Result<bool, StoreError> {
    let mut bodies =
        copy.prepare("SELECT envelope FROM items WHERE doc = ?1 AND kind IN (1, 2)")?;
    let mut rows = bodies.query([doc.as_bytes()])?;
    while let Some(row) = rows.next()? {
        if Envelope::from_bytes(&row.get::<_, Vec<u8>>(0)?).is_ok() {
            return Ok(true);
        }
    }
    // What pages show lay in the clear in these columns.
    let shown = "SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) c
       WHERE m.type = 'table' AND m.name IN ('records', 'records_open') AND c.name = 'fields'";
    let mut shown = copy.prepare(shown)?;
    let tables: Vec<String> = shown.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for table in tables {
        let held = format!("SELECT 1 FROM {table} WHERE doc = ?1");
        if copy.prepare(&held)?.exists([doc.as_bytes()])? {
            return Ok(true);
        }
    }
    Ok(false)
}
