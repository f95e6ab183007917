//! Bytes that are read before anything is known of who sent them.

use sync_core::directory::Op;
use sync_core::protocol::{
    Batch, CodeRequest, EnrolAnswer, EnrolRequest, Envelope, Invitation, ReconcileRequest,
    RemovalNotice, SignedAnswer, SyncRequest, SyncResponse, from_cbor, to_cbor,
};

use super::script::choose;

/// An envelope that is read is the one that would be written, on disk and in a batch.
pub fn envelope(bytes: &[u8]) {
    let Ok(envelope) = Envelope::from_bytes(bytes) else { return };
    assert_eq!(envelope.to_bytes(), bytes, "one form only");
    let mut batch = Batch::new();
    let packed = batch.pack(&envelope);
    if let Ok(unpacked) = batch.unpack(&packed) {
        assert_eq!(unpacked, envelope, "a batch leaves out what can be computed, and no more");
    }
}

/// A message that is read can be written, and says the same then.
pub fn message(bytes: &[u8]) {
    let (which, bytes) = choose(bytes);
    match which % 9 {
        0 => again::<SyncRequest>(bytes),
        1 => again::<SyncResponse>(bytes),
        2 => again::<SignedAnswer>(bytes),
        3 => again::<ReconcileRequest>(bytes),
        4 => again::<EnrolRequest>(bytes),
        5 => again::<EnrolAnswer>(bytes),
        6 => again::<CodeRequest>(bytes),
        7 => again::<RemovalNotice>(bytes),
        _ => again::<Op>(bytes),
    }
}

fn again<T>(bytes: &[u8])
where
    T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()>,
{
    let Ok(read) = from_cbor::<T>(bytes) else { return };
    let written = to_cbor(&read);
    let reread: T = from_cbor(&written).expect("what is written can be read");
    assert_eq!(to_cbor(&reread), written, "and says the same");
}

/// A link that is read gives the same link.
pub fn invitation(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(invitation) = Invitation::from_link(text) {
        let link = invitation.to_link();
        let again = Invitation::from_link(&link).expect("a link that it wrote itself");
        assert_eq!(again.to_link(), link);
    }
}
