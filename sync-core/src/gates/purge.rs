//! Who may have a document erased, and what keeps it from being erased.

use crate::directory::{Directory, SpaceInfo};
use crate::ids::{DocId, MemberId};
use crate::protocol::{Code, Envelope, Kind, PurgeBody, from_cbor};
use crate::records::{DeviceClass, Who};

use super::Author;

/// What a node's log says of the document that an order names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Named {
    /// Who wrote its first change, `None` if the log holds none.
    pub written_by: Option<MemberId>,
    /// Whether it goes on from another document of the log, or from one that was erased.
    pub continues: bool,
}

/// Checks a purge order beyond its right to be in the space: that its author may erase this very document.
///
/// Where the log holds nothing of the document, its author must be somebody who may write there: ids are random, so nobody names a document of another before it is known.
/// An order names the first of a chain and erases what it goes on in, also what is written later: the id of a
/// successor is no secret.
///
/// # Errors
/// `malformed` if it names no first document or has no reason, `not_allowed`, `legal_hold` while the document, or one that
/// it goes on in, is held at this length of the directory.
pub fn check_purge(
    order: &Envelope,
    author: &Author<'_>,
    space: &SpaceInfo,
    named: Named,
    directory: &Directory,
    directory_seq: u64,
) -> Result<(), Code> {
    let header = &order.header;
    let policy = space.kind().policy();
    let owns = space.is_owned_by(&author.member);
    let reads = space.is_read_by(&author.member);
    let standing = author.standing.standing(author.class, owns, reads);
    let person = matches!(author.class, DeviceClass::Native | DeviceClass::Web);
    let entitled = match policy.sealed {
        true => reads,
        false => standing.is_any_of(&[Who::Admin, Who::Coordinators]),
    };
    let wrote = match named.written_by {
        Some(member) => member == author.member,
        None => standing.is_any_of(policy.write),
    };
    if !person || !(entitled || wrote) {
        return Err(Code::NotAllowed);
    }
    let whole = header.kind == Kind::Purge && header.doc != DocId::ZERO && !named.continues;
    if !whole || from_cbor::<PurgeBody>(&order.body).is_err() {
        return Err(Code::Malformed);
    }
    if directory.is_held(header.space, header.doc, directory_seq) {
        return Err(Code::LegalHold);
    }
    Ok(())
}
