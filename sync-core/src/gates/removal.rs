//! What a removed or narrowed device had written before: the one rule by which relay and phones tell it from what came after.
//!
//! An entry that removes a device, or narrows its member's rights, names the last number of that device that the relay
//! had accepted in each space (a [`Bound`](crate::directory::Bound)), and the relay takes the entry only while that is
//! true. So a number up to it was accepted before the entry and stays valid for ever, whoever brings it and however
//! late; a number beyond it was not, whatever row state is claimed for it.

use crate::directory::Directory;
use crate::ids::EnvelopeId;
use crate::protocol::{Code, Header};

/// The length of the directory at which an envelope's rights are judged; its signature was checked before.
///
/// `row_directory_seq`: the length of the directory when its row was written.
///
/// # Errors
/// `after_removal` if its device was removed before it came, and no admin has released it.
pub fn judged_at(
    directory: &Directory,
    header: &Header,
    id: EnvelopeId,
    row_directory_seq: u64,
) -> Result<u64, Code> {
    let removed = directory.removed_at(&header.device);
    let mut at = row_directory_seq;
    for bound in directory.bounds(&header.device, header.space) {
        let before = bound.seq - 1;
        // Whoever had seen the bound wrote after it, though a number below it was free.
        let accepted = header.device_seq <= bound.last && header.directory_seq < bound.seq;
        // A release takes back the removal, not the narrowing before it.
        let is_removal = removed == Some(bound.seq);
        if accepted || (is_removal && directory.has_released(&id, directory.len())) {
            return Ok(at.min(before));
        }
        if is_removal {
            return Err(Code::AfterRemoval);
        }
        at = at.max(bound.seq);
    }
    Ok(at)
}
