//! Who wrote an envelope: the device its header names, if the directory listed it and the signature holds.

use crate::crypto;
use crate::directory::{DeviceAt, Directory};
use crate::protocol::{Code, Envelope};

/// An authenticated author, as the directory knew them at the row's state.
pub type Author<'a> = DeviceAt<'a>;

/// Authenticates an envelope at a directory length.
///
/// # Errors
/// `malformed` if its shape is wrong, `directory_behind` if its author had seen more of the directory than we
/// have, `directory_fork` if they had seen another one, `unknown_device` if the directory does not list the
/// device, `bad_signature` if the signature is not its.
pub fn authenticate<'a>(
    envelope: &Envelope,
    directory: &'a Directory,
    row_directory_seq: u64,
) -> Result<Author<'a>, Code> {
    let header = &envelope.header;
    envelope.check_shape().map_err(|_| Code::Malformed)?;
    let seen = directory.head_at(header.directory_seq).ok_or(Code::DirectoryBehind)?;
    let author =
        directory.device_at(&header.device, row_directory_seq).ok_or(Code::UnknownDevice)?;
    if !crypto::verify_envelope(author.verify_key, envelope) {
        return Err(Code::BadSignature);
    }
    if seen != header.directory_hash {
        return Err(Code::DirectoryFork);
    }
    Ok(author)
}
