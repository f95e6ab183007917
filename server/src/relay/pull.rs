//! What a device lacks: the logs of every space it may read, from its cursors on, within the bytes it asked for.
//!
//! Order: the directory first, then structure-bearing open spaces, then sealed ones. A log that does not continue
//! the device's cursor is reported and not served.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::directory::{DeviceAt, Directory, open_space_id};
use sync_core::gates;
use sync_core::ids::{DeviceId, EnvelopeId, SpaceId};
use sync_core::protocol::{
    Batch, Code, Cursor, Cursors, Day, Envelope, Kind, Reset, SpaceItem, SpaceItems, SyncRequest,
};
use sync_core::records::{SpaceKind, Who};

use crate::store::items::ServedItem;
use crate::store::spaces::Head;
use crate::store::{Reader, StoreError, items, spaces};

/// Most bytes of envelopes in one answer, so that it stays below the largest message with all that is beside them.
const MOST_BYTES: u32 = 2 * 1024 * 1024;
/// What a position without its envelope takes, about.
const SHORT_ITEM: usize = 64;

/// What is served.
#[derive(Debug, Default)]
pub(super) struct Pulled {
    /// Directory hashes of the served envelopes.
    pub batch: Batch,
    /// New items by space.
    pub spaces: Vec<SpaceItems>,
    /// Spaces not served to the device any more.
    pub gone: Vec<SpaceId>,
    /// Spaces whose log does not continue the device's cursor.
    pub reset: Vec<Reset>,
    /// Every space that the device may read.
    pub readable: BTreeSet<SpaceId>,
    /// Rows found damaged while they were served.
    pub damaged: BTreeMap<EnvelopeId, SpaceId>,
    /// Sealed bodies that are served.
    pub sealed: u64,
}

/// Collects what a device lacks; of a relay that is held back the directory only.
pub(super) fn pull(
    reader: &Reader,
    directory: &Directory,
    request: &SyncRequest,
    cursors: &Cursors,
    today: Day,
    held: bool,
) -> Result<Pulled, StoreError> {
    let mut pulled = Pulled::default();
    let Some(device) = directory.device(&request.device) else { return Ok(pulled) };
    let readable = readable(reader, directory, &device, today)?;
    let heads: BTreeMap<SpaceId, Head> = readable.iter().copied().collect();
    let mut at: BTreeMap<SpaceId, Cursor> = BTreeMap::new();
    let mut reset = BTreeSet::new();
    for cursor in &cursors.0 {
        match standing(reader, directory, cursor, heads.get(&cursor.space).copied())? {
            Continues::Yes => drop(at.insert(cursor.space, *cursor)),
            Continues::Gone => pulled.gone.push(cursor.space),
            Continues::No => drop(reset.insert(cursor.space)),
        }
    }
    for high in &request.high {
        let head = heads.get(&high.space).copied();
        if !reset.contains(&high.space)
            && matches!(standing(reader, directory, high, head)?, Continues::No)
        {
            reset.insert(high.space);
        }
    }
    pulled.readable = heads.keys().copied().collect();
    pulled.reset = reset.iter().copied().map(changed).collect();
    let mut page = Page {
        reader,
        device: device.id,
        left: request.max_bytes.clamp(1, MOST_BYTES) as i64,
        pulled,
    };
    for (space, head) in readable {
        if held && space != directory.space() {
            continue;
        }
        let from = at.get(&space).map_or(Head::EMPTY, |c| Head { seq: c.seq, chain: c.chain });
        if !reset.contains(&space) && head.seq > from.seq && !page.serve(space, from, head)? {
            break;
        }
    }
    Ok(page.pulled)
}

fn changed(space: SpaceId) -> Reset {
    Reset { space, why: Code::RelayChanged.as_str().to_owned() }
}

enum Continues {
    Yes,
    No,
    Gone,
}

/// Whether a log holds this very position. `head` is its end if the device may read it.
fn standing(
    reader: &Reader,
    directory: &Directory,
    cursor: &Cursor,
    head: Option<Head>,
) -> Result<Continues, StoreError> {
    let Some(head) = head else {
        let exists = spaces::head(reader, directory.team(), cursor.space)?.is_some();
        return Ok(if exists { Continues::Gone } else { lost(cursor) });
    };
    let chain = if cursor.seq == head.seq {
        Some(head.chain)
    } else {
        items::chain_at(reader, cursor.space, cursor.seq)?
    };
    Ok(if chain == Some(cursor.chain) { Continues::Yes } else { Continues::No })
}

/// A space the relay does not have: a device that took nothing from it has lost nothing.
fn lost(cursor: &Cursor) -> Continues {
    if cursor.seq == 0 { Continues::Yes } else { Continues::No }
}

/// The spaces a device may read, in the order in which they are served.
pub(super) fn readable(
    reader: &Reader,
    directory: &Directory,
    device: &DeviceAt<'_>,
    today: Day,
) -> Result<Vec<(SpaceId, Head)>, StoreError> {
    let team = directory.team();
    let mut out = Vec::new();
    for (kind, owner) in [
        (SpaceKind::Directory, None),
        (SpaceKind::Roster, None),
        (SpaceKind::Operations, None),
        (SpaceKind::Caseload, Some(device.member)),
    ] {
        let standing = device.standing.standing(device.class, owner.is_some(), false);
        let open = gates::check_guest(device.standing, kind, today).is_ok();
        if open && standing.is_any_of(kind.policy().read) {
            let id = open_space_id(team, kind, owner);
            let head = spaces::head(reader, team, id)?.map_or(Head::EMPTY, |(_, head)| head);
            out.push((id, head));
        }
    }
    if !device.class.is_persons() {
        return Ok(out);
    }
    let sealed = spaces::sealed_read_by(reader, team, device.member)?;
    out.extend(
        sealed
            .into_iter()
            .filter(|(_, kind, _)| kind.policy().read == [Who::Reader])
            .filter(|(_, kind, _)| gates::check_guest(device.standing, *kind, today).is_ok())
            .map(|(id, _, head)| (id, head)),
    );
    Ok(out)
}

struct Page<'a> {
    reader: &'a Reader,
    device: DeviceId,
    left: i64,
    pulled: Pulled,
}

impl Page<'_> {
    /// Serves what follows a position; false once the page is full.
    ///
    /// An item that begins within the page is served whole, so every request moves on.
    fn serve(&mut self, space: SpaceId, from: Head, head: Head) -> Result<bool, StoreError> {
        let mut out = Vec::new();
        let mut at = from;
        let mut cut = false;
        let Self { reader, device, left, pulled } = self;
        if *left > 0 {
            items::after(reader, space, from.seq, *device, |item| {
                if is_withheld(item.device, *device) {
                    cut = true;
                    return false;
                }
                at = Head { seq: item.seq, chain: item.chain };
                let is_sealed = |e: &Envelope| e.header.kind == Kind::Sealed;
                pulled.sealed += u64::from(item.envelope.as_ref().is_some_and(is_sealed));
                if item.damaged {
                    pulled.damaged.insert(item.id, space);
                }
                let (served, size) = served(&mut pulled.batch, item);
                out.push(served);
                *left -= size as i64;
                *left > 0
            })?;
        }
        let more = at.seq < head.seq && !cut;
        let (seq, chain) = (at.seq, at.chain);
        pulled.spaces.push(SpaceItems { space, items: out, seq, chain, more });
        Ok(!more)
    }
}

fn served(batch: &mut Batch, item: ServedItem) -> (SpaceItem, usize) {
    let ServedItem { id, device, device_seq, directory_seq, row_day, code, .. } = item;
    match item.envelope {
        Some(envelope) => {
            let packed = batch.pack(&envelope);
            let size = packed.size();
            (SpaceItem::Envelope { directory_seq, row_day, packed }, size)
        }
        None if code.is_empty() => (SpaceItem::Own { directory_seq, row_day, id }, SHORT_ITEM),
        None => {
            let stub = SpaceItem::Stub { directory_seq, row_day, id, device, device_seq, code };
            (stub, SHORT_ITEM)
        }
    }
}

#[cfg(feature = "drill")]
use super::withhold::is_withheld;

/// An honest relay serves everything.
#[cfg(not(feature = "drill"))]
const fn is_withheld(_from: DeviceId, _to: DeviceId) -> bool {
    false
}
