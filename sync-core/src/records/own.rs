//! Documents of a shared open space that belong to one member: whose they are stands in their id.
//!
//! Not a right of reading, and nothing sealed: an id ends as its member's does, in the last eight bytes, so the
//! gates judge from the header alone whether an author may write it. Called by the gates and where ids are made.

use crate::ids::{DocId, MemberId};

/// Document type of a shift.
pub(super) const SHIFT: u16 = 3;
/// Document types whose documents belong to one member.
const OWN: &[u16] = &[SHIFT];
/// From here on the document's id is the member's. What is random stands first, since people type an id's first digits.
const FROM: usize = 8;

/// Whether documents of this type belong to one member: only they and admins write them.
pub fn is_own(number: u16) -> bool {
    OWN.contains(&number)
}

/// The id of a new document of a member's, of 16 random bytes.
pub fn own_doc_id(member: MemberId, random: DocId) -> DocId {
    let mut id = *random.as_bytes();
    id[FROM..].copy_from_slice(&member.as_bytes()[FROM..]);
    DocId::new(id)
}

/// Whether a document is a member's own.
pub fn belongs_to(doc: DocId, member: MemberId) -> bool {
    doc.as_bytes()[FROM..] == member.as_bytes()[FROM..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_document_says_whose_it_is_and_keeps_what_is_random() {
        let (amy, bo) = (MemberId::new([1; 16]), MemberId::new([2; 16]));
        let doc = own_doc_id(amy, DocId::new([9; 16]));
        assert!(belongs_to(doc, amy));
        assert!(!belongs_to(doc, bo));
        assert_eq!(doc.as_bytes()[..FROM], [9; 8]);
    }
}
