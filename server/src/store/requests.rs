//! Requests for support as the relay sees them: sealed bodies with a day, a priority and their authors' devices.

use std::collections::BTreeMap;

use rusqlite::params;
use sync_core::ids::{DeviceId, DocId, MemberId, TeamId};
use sync_core::protocol::{Day, HEADER_LEN, Header, Kind, Priority, SpaceOwner, from_cbor};
use sync_core::records::{RecordType, SpaceKind};

use super::{Reader, StoreError};

/// A request that is not erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestRow {
    /// Whose it is. Never shown.
    pub asked_by: MemberId,
    /// The relay's day on which it came.
    pub day: Day,
    /// Whether its header says that it is urgent.
    pub urgent: bool,
    /// The devices that wrote in it.
    pub devices: Vec<DeviceId>,
}

/// The requests of a team that came on this day or later.
pub(crate) fn since(
    reader: &Reader,
    team: TeamId,
    since: Day,
) -> Result<Vec<RequestRow>, StoreError> {
    let record = RecordType::by_name("support_request").map(|record| record.parts[0].number);
    let mut statement = reader.prepare_cached(
        "SELECT i.doc, s.owner, i.device, i.row_day, substr(i.envelope, 1, ?5) FROM spaces s JOIN items i ON i.space = s.id
         WHERE s.team = ?1 AND s.kind = ?2 AND i.kind = ?3 AND i.record = ?4 AND i.code = ''
         ORDER BY i.space, i.seq",
    )?;
    let values = params![
        team.as_bytes(),
        SpaceKind::Intake as u8,
        Kind::Sealed as u8,
        record,
        HEADER_LEN as i64
    ];
    let mut rows = statement.query(values)?;
    let mut found: BTreeMap<DocId, RequestRow> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let owner: SpaceOwner = from_cbor(&row.get::<_, Vec<u8>>(1)?)
            .map_err(|_| StoreError::Damaged("a space's owner"))?;
        let SpaceOwner::Member(asked_by) = owner else { continue };
        let header = Header::decode(&row.get::<_, Vec<u8>>(4)?)
            .map_err(|_| StoreError::Damaged("an envelope"))?;
        let (day, urgent) = (Day(row.get(3)?), header.priority == Priority::Urgent);
        let request = found.entry(DocId::new(row.get(0)?)).or_insert_with(|| RequestRow {
            asked_by,
            day,
            urgent,
            devices: Vec::new(),
        });
        request.urgent |= urgent;
        request.devices.push(DeviceId::new(row.get(2)?));
    }
    let mut found: Vec<RequestRow> = found.into_values().collect();
    found.retain(|request| request.day >= since);
    Ok(found)
}
