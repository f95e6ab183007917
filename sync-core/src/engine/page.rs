//! A page of a log, as an answer brings it: unpacked, and held against what this phone has of the log.

use crate::ids::{Chain, EnvelopeId};
use crate::protocol::{Batch, Code, Day, Envelope, SpaceItem, SpaceItems, next_chain};

/// A position of a log and its chain there.
pub(super) type Place = (u64, Chain);

/// One position of a log, unpacked.
pub(super) struct Row {
    pub seq: u64,
    pub id: EnvelopeId,
    pub directory_seq: u64,
    pub row_day: Day,
    pub content: Content,
    /// Whether its signature is its author's; known once the page was checked.
    pub genuine: bool,
}

pub(super) enum Content {
    Envelope(Box<Envelope>),
    Own,
    Stub(String),
}

fn unpack(items: &SpaceItems, batch: &Batch, start: u64) -> std::result::Result<Vec<Row>, Code> {
    let mut rows = Vec::with_capacity(items.items.len());
    for (i, item) in items.items.iter().enumerate() {
        let seq = start + 1 + i as u64;
        rows.push(match item {
            SpaceItem::Envelope { directory_seq, row_day, packed } => {
                let envelope = batch.unpack(packed).map_err(|_| Code::Malformed)?;
                Row {
                    seq,
                    id: envelope.id(),
                    directory_seq: *directory_seq,
                    row_day: *row_day,
                    content: Content::Envelope(Box::new(envelope)),
                    genuine: false,
                }
            }
            SpaceItem::Own { directory_seq, row_day, id } => Row {
                seq,
                id: *id,
                directory_seq: *directory_seq,
                row_day: *row_day,
                content: Content::Own,
                genuine: false,
            },
            SpaceItem::Stub { directory_seq, row_day, id, code, .. } => Row {
                seq,
                id: *id,
                directory_seq: *directory_seq,
                row_day: *row_day,
                content: Content::Stub(code.clone()),
                genuine: false,
            },
        });
    }
    Ok(rows)
}

/// What an answer brings of a log beyond the items held here.
pub(super) enum News {
    /// Rows that continue the log.
    Rows(Vec<Row>),
    /// Nothing: the answer is older than one already taken, or the same again.
    Old,
    /// It is not the log that the held items began, or not the one that was acknowledged.
    Foreign,
}

/// An answer may be repeated or overtaken by a newer one, so it may begin, or even end, before the cursor.
/// `high` is the position the relay acknowledged before: the log must pass through it.
pub(super) fn news(
    items: &SpaceItems,
    batch: &Batch,
    held: Place,
    high: Place,
) -> std::result::Result<News, Code> {
    if items.seq < held.0 {
        return Ok(News::Old);
    }
    let start = items.seq.checked_sub(items.items.len() as u64).filter(|s| *s <= held.0);
    let Some(start) = start else { return Ok(News::Foreign) };
    let mut rows = unpack(items, batch, start)?;
    rows.retain(|row| row.seq > held.0);
    let mut at = held;
    for row in &rows {
        at = (row.seq, next_chain(at.1, row.id, row.directory_seq, row.row_day));
        if at.0 == high.0 && at.1 != high.1 {
            return Ok(News::Foreign);
        }
    }
    Ok(if at == (items.seq, items.chain) { News::Rows(rows) } else { News::Foreign })
}
