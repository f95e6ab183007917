//! Whom a sealed space may have as a reader, whoever lets them in.

use crate::directory::{Directory, SpaceInfo};
use crate::ids::MemberId;
use crate::protocol::{Code, Envelope, Kind, ReaderBody, from_cbor};
use crate::records::DeviceClass;

/// Checks that the policy table admits a member as a reader of a space, as the directory stood at a length.
fn may_read(
    directory: &Directory,
    directory_seq: u64,
    space: &SpaceInfo,
    member: &MemberId,
) -> Result<(), Code> {
    let member_then = directory.member_at(member, directory_seq).ok_or(Code::NoSuchMember)?;
    if member_then.guest.as_ref().is_some_and(|guest| !guest.may_use(space.kind())) {
        return Err(Code::GuestEnded);
    }
    let standing = member_then.standing(DeviceClass::Native, space.is_owned_by(member), false);
    let entitled = standing.is_any_of(space.kind().policy().admit);
    if entitled { Ok(()) } else { Err(Code::NotAllowed) }
}

/// Checks the readers that a `space` or `reader` envelope names; other kinds name none.
///
/// `space`: the one the envelope makes, or the one it is for.
///
/// # Errors
/// `malformed` if the body is not what the header says, `no_such_member` if it names nobody of the team,
/// `not_allowed` if it names somebody who may not read there, `guest_ended` if it names a guest for whom such spaces are not.
pub fn check_readers(
    envelope: &Envelope,
    directory: &Directory,
    directory_seq: u64,
    space: &SpaceInfo,
) -> Result<(), Code> {
    let may_read = |member: &MemberId| may_read(directory, directory_seq, space, member);
    match envelope.header.kind {
        Kind::Space => space.readers().iter().try_for_each(may_read),
        Kind::Reader => {
            let body: ReaderBody = from_cbor(&envelope.body).map_err(|_| Code::Malformed)?;
            may_read(&body.member)
        }
        _ => Ok(()),
    }
}
