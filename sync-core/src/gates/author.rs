//! Who wrote an envelope: the device its header names, if the directory listed it and the signature holds.

use crate::crypto;
use crate::directory::{DeviceAt, Directory};
use crate::protocol::{Code, Envelope};

use super::removal::judged_at;

/// An authenticated author, as the directory knew them at the length where the envelope is judged.
pub type Author<'a> = DeviceAt<'a>;

/// Authenticates an envelope whose row was written at a directory length.
///
/// # Errors
/// `malformed` if its shape is wrong, `directory_behind` if its author had seen more of the directory than we
/// have, `directory_fork` if they had seen another one, `unknown_device` if the directory had not listed the
/// device, `bad_signature` if the signature is not its, `after_removal` if it came after its device was removed.
pub fn authenticate<'a>(
    envelope: &Envelope,
    directory: &'a Directory,
    row_directory_seq: u64,
) -> Result<Author<'a>, Code> {
    let header = &envelope.header;
    envelope.check_shape().map_err(|_| Code::Malformed)?;
    let seen = directory.head_at(header.directory_seq).ok_or(Code::DirectoryBehind)?;
    let was_listed = directory.listed_at(&header.device).is_some_and(|at| at <= row_directory_seq);
    // A removed device's key still tells what it wrote from what was put into its mouth.
    let key = directory.key_of(&header.device).filter(|_| was_listed).ok_or(Code::UnknownDevice)?;
    if !crypto::verify_envelope(key, envelope) {
        return Err(Code::BadSignature);
    }
    if seen != header.directory_hash {
        return Err(Code::DirectoryFork);
    }
    let at = judged_at(directory, header, envelope.id(), row_directory_seq)?;
    directory.device_at(&header.device, at).ok_or(Code::UnknownDevice)
}
