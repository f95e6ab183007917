//! What a modified phone can do, for exercises: skip its own checks, sign bytes no app would write.
//!
//! Compiled only with the feature `drill`. It uses the device's real keys and numbering, so that what it makes
//! is refused for what it is and not for how it was faked.

use crate::ids::{Chain, DocId, SpaceId};
use crate::protocol::{Envelope, Header, Kind, Priority};
use crate::records::DocType;

use super::desk::Slip;
use super::{Env, Phone, Result};

/// An envelope to be forged.
pub struct Forgery<'a> {
    /// What its header says the body is.
    pub kind: Kind,
    /// The space.
    pub space: SpaceId,
    /// The document.
    pub doc: DocId,
    /// The type of the document.
    pub part: &'static DocType,
    /// The device's actor number in the document.
    pub actor_no: u16,
    /// Any bytes.
    pub body: &'a [u8],
}

impl Phone {
    /// The header under which this device's next envelope of a document would go.
    pub fn drill_header(&mut self, env: &Env<'_>, forgery: &Forgery<'_>) -> Result<Header> {
        let desk = self.desk()?;
        let sealed = forgery.kind == Kind::Sealed;
        let slip = Slip {
            kind: forgery.kind,
            priority: if sealed { Priority::Sealed } else { Priority::Open },
            space: forgery.space,
            doc: forgery.doc,
            schema: forgery.part.schema,
            record: forgery.part.number,
            actor_no: forgery.actor_no,
        };
        let numbered = desk.rows.space(forgery.space)?.map_or(0, |row| row.device_seq);
        desk.header(env, &slip, numbered + 1)
    }

    /// Signs a header and a body. Nothing is kept.
    pub fn drill_sign(&self, header: Header, body: Vec<u8>) -> Envelope {
        self.keys.sign_envelope(header, body)
    }

    /// Where this phone stands in a space's log.
    pub fn drill_cursor(&mut self, space: SpaceId) -> Result<(u64, Chain)> {
        let row = self.desk()?.rows.space(space)?;
        Ok(row.map_or((0, Chain::EMPTY), |row| (row.seq, row.chain)))
    }

    /// Takes the numbers that forged envelopes used up, where the relay gave them a place.
    pub fn drill_spent(&mut self, space: SpaceId, count: u64) -> Result<()> {
        let mut desk = self.desk()?;
        let mut row = desk.space_row(space)?;
        row.device_seq += count;
        desk.rows.put_space(&row)?;
        desk.commit()
    }

    /// A document as this phone holds it: its space, its type and its saved bytes.
    pub fn drill_document(
        &mut self,
        doc: DocId,
    ) -> Result<Option<(SpaceId, &'static DocType, Vec<u8>)>> {
        let desk = self.desk()?;
        for (space, id, row) in desk.rows.documents_of(None)? {
            let Some(part) = DocType::by_number(row.record).filter(|_| id == doc) else { continue };
            return Ok(row.saved.map(|saved| (space, part, saved.to_vec())));
        }
        Ok(None)
    }

    /// The spaces whose items this phone is served and can open.
    pub fn drill_spaces_read(&mut self) -> Result<Vec<SpaceId>> {
        let desk = self.desk()?;
        let mut read = Vec::new();
        for row in desk.rows.spaces()? {
            let opens = match row.info.current_epoch() {
                Some(epoch) => desk.epoch_secret(row.info.id, epoch.id)?.is_some(),
                None => row.seq > 0,
            };
            if opens && !row.superseded {
                read.push(row.info.id);
            }
        }
        Ok(read)
    }
}
