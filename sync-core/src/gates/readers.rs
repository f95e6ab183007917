//! Whom a sealed space may have as a reader, whoever lets them in, and which of their devices may hold its keys.

use crate::directory::{Directory, SpaceInfo};
use crate::ids::MemberId;
use crate::protocol::{
    Code, Envelope, EpochBody, Kind, ReaderBody, SpaceBody, WrapBody, WrappedKey, from_cbor,
};

/// Checks the readers that a `space` or `reader` envelope names and the devices that `space`, `epoch` and `wrap`
/// envelopes give keys to; other kinds name none.
///
/// `space`: the one the envelope makes, or the one it is for. A device that is not listed at this length gets
/// nothing that it could use, and may have been removed since the key was wrapped; it is passed over. A guest's time
/// is judged by the day the author signed, so that what was made in time and comes late keeps its space.
///
/// # Errors
/// `malformed` if the body is not what the header says, `no_such_member` if it names nobody of the team,
/// `not_allowed` if it names somebody who may not read there or a device of a class that may hold no key there,
/// `guest_ended` if it names a guest whose time was over or for whom such spaces are not.
pub fn check_readers(
    envelope: &Envelope,
    directory: &Directory,
    directory_seq: u64,
    space: &SpaceInfo,
) -> Result<(), Code> {
    let (kind, day) = (space.kind(), envelope.header.day);
    let may_read = |member: &MemberId| {
        let member_then = directory.member_at(member, directory_seq).ok_or(Code::NoSuchMember)?;
        member_then.may_read(kind, space.is_owned_by(member), day)
    };
    let may_hold = |wraps: &[WrappedKey]| {
        let listed = |wrap: &WrappedKey| directory.device_at(&wrap.device, directory_seq);
        let barred =
            wraps.iter().filter_map(listed).any(|device| !kind.may_be_held_by(device.class));
        if barred { Err(Code::NotAllowed) } else { Ok(()) }
    };
    match envelope.header.kind {
        Kind::Space => {
            space.readers().iter().try_for_each(may_read)?;
            let body: SpaceBody = from_cbor(&envelope.body).map_err(|_| Code::Malformed)?;
            may_hold(&body.wraps)
        }
        Kind::Epoch => {
            let body: EpochBody = from_cbor(&envelope.body).map_err(|_| Code::Malformed)?;
            may_hold(&body.wraps)
        }
        Kind::Wrap => {
            let body: WrapBody = from_cbor(&envelope.body).map_err(|_| Code::Malformed)?;
            may_hold(&body.keys)
        }
        Kind::Reader => {
            let body: ReaderBody = from_cbor(&envelope.body).map_err(|_| Code::Malformed)?;
            may_read(&body.member)
        }
        _ => Ok(()),
    }
}
