//! Spaces: what each is, who reads it, and where its log stands.

use rusqlite::{OptionalExtension, Row, params};
use sync_core::directory::SpaceInfo;
use sync_core::ids::{Chain, MemberId, SpaceId, TeamId};
use sync_core::protocol::{SpaceOwner, from_cbor, to_cbor};
use sync_core::records::SpaceKind;

use super::{Reader, StoreError, Tx};

/// The end of a space's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Number of items.
    pub seq: u64,
    /// The chain after them.
    pub chain: Chain,
}

impl Head {
    /// The end of an empty log.
    pub(crate) const EMPTY: Head = Head { seq: 0, chain: Chain::EMPTY };
}

/// A space as the relay keeps it.
#[derive(Debug, Clone)]
pub(crate) struct SpaceRow {
    /// The team it belongs to.
    pub team: TeamId,
    /// What it is.
    pub info: SpaceInfo,
    /// Where its log stands.
    pub head: Head,
}

fn head_of(row: &Row<'_>, seq: usize, chain: usize) -> Result<Head, rusqlite::Error> {
    Ok(Head { seq: row.get::<_, i64>(seq)? as u64, chain: Chain::new(row.get(chain)?) })
}

/// The space of this id.
pub(crate) fn get(reader: &Reader, id: SpaceId) -> Result<Option<SpaceRow>, StoreError> {
    let mut statement = reader
        .prepare_cached("SELECT team, info, head_seq, head_chain FROM spaces WHERE id = ?1")?;
    let found = statement
        .query_row([id.as_bytes()], |row| {
            Ok((TeamId::new(row.get(0)?), row.get::<_, Vec<u8>>(1)?, head_of(row, 2, 3)?))
        })
        .optional()?;
    let Some((team, info, head)) = found else { return Ok(None) };
    let info = from_cbor(&info).map_err(|_| StoreError::Damaged("a space"))?;
    Ok(Some(SpaceRow { team, info, head }))
}

/// The kind and the end of the log of a space, without the rest.
pub(crate) fn head(
    reader: &Reader,
    team: TeamId,
    id: SpaceId,
) -> Result<Option<(SpaceKind, Head)>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT kind, head_seq, head_chain FROM spaces WHERE id = ?1 AND team = ?2",
    )?;
    let found = statement
        .query_row(params![id.as_bytes(), team.as_bytes()], |row| {
            Ok((row.get::<_, u8>(0)?, head_of(row, 1, 2)?))
        })
        .optional()?;
    found.map(|(kind, head)| Ok((known_kind(kind)?, head))).transpose()
}

/// Whether a space of this kind and owner exists.
pub(crate) fn exists(
    reader: &Reader,
    team: TeamId,
    kind: SpaceKind,
    owner: &SpaceOwner,
) -> Result<bool, StoreError> {
    let mut statement = reader
        .prepare_cached("SELECT 1 FROM spaces WHERE team = ?1 AND kind = ?2 AND owner = ?3")?;
    Ok(statement.exists(params![team.as_bytes(), kind as u8, to_cbor(owner)])?)
}

/// Adds a space with an empty log, and its readers.
pub(crate) fn insert(tx: &Tx<'_>, team: TeamId, info: &SpaceInfo) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO spaces (id, team, kind, owner, info, head_seq, head_chain)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)",
    )?
    .execute(params![
        info.id.as_bytes(),
        team.as_bytes(),
        info.kind() as u8,
        to_cbor(&info.owner),
        to_cbor(info),
        Chain::EMPTY.as_bytes(),
    ])?;
    insert_readers(tx, team, info)
}

/// Keeps what a `reader` or `epoch` envelope made of a space.
pub(crate) fn update(tx: &Tx<'_>, team: TeamId, info: &SpaceInfo) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE spaces SET info = ?2 WHERE id = ?1")?
        .execute(params![info.id.as_bytes(), to_cbor(info)])?;
    insert_readers(tx, team, info)
}

fn insert_readers(tx: &Tx<'_>, team: TeamId, info: &SpaceInfo) -> Result<(), StoreError> {
    let mut statement = tx.prepare_cached(
        "INSERT OR IGNORE INTO readers (team, member, space) VALUES (?1, ?2, ?3)",
    )?;
    for member in info.readers() {
        statement.execute(params![team.as_bytes(), member.as_bytes(), info.id.as_bytes()])?;
    }
    Ok(())
}

/// Moves the end of a space's log.
pub(crate) fn set_head(tx: &Tx<'_>, id: SpaceId, head: Head) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE spaces SET head_seq = ?2, head_chain = ?3 WHERE id = ?1")?
        .execute(params![id.as_bytes(), head.seq as i64, head.chain.as_bytes()])?;
    Ok(())
}

/// The sealed spaces a member reads, with the ends of their logs.
pub(crate) fn sealed_read_by(
    reader: &Reader,
    team: TeamId,
    member: MemberId,
) -> Result<Vec<(SpaceId, SpaceKind, Head)>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT s.id, s.kind, s.head_seq, s.head_chain FROM readers r JOIN spaces s ON s.id = r.space
         WHERE r.team = ?1 AND r.member = ?2 ORDER BY s.id",
    )?;
    let rows = statement.query_map(params![team.as_bytes(), member.as_bytes()], |row| {
        Ok((SpaceId::new(row.get(0)?), row.get::<_, u8>(1)?, head_of(row, 2, 3)?))
    })?;
    rows.map(|row| {
        let (id, kind, head) = row?;
        Ok((id, known_kind(kind)?, head))
    })
    .collect()
}

fn known_kind(kind: u8) -> Result<SpaceKind, StoreError> {
    SpaceKind::from_u8(kind).ok_or(StoreError::Damaged("a space's kind"))
}
