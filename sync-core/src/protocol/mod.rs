//! The protocol: what crosses a wire, byte for byte, and nothing that needs a key or a document.
//!
//! docs/wire.md describes these bytes; fixed vectors in `tests/` freeze them. Callers: every layer above.

mod audit;
mod bodies;
mod chain;
mod codes;
mod cosign;
mod enrol;
mod envelope;
mod healing;
pub mod limits;
mod recovery;
mod removal;
mod sync;
mod time;
mod wire;

pub use audit::{AuditHead, AuditRow};
pub use bodies::{
    AskedKey, EpochBody, PurgeBody, PurgeReason, ReaderBody, SealedBody, SenderBody, SpaceBody,
    SpaceOwner, Suite, WrapBody, WrappedKey,
};
pub use chain::next_chain;
pub use codes::Code;
pub use cosign::{Approval, Approver, Cosign, approval_to_sign, proposal_id, refusal_to_sign};
pub use enrol::{
    CodeAnswer, CodeAnswered, CodeReply, CodeRequest, CodeTry, EnrolAnswer, EnrolRequest,
    EnrolState, Invitation, InviteKind, InviteNotice, PendingEnrolment, VouchedDevice,
};
pub(crate) use envelope::body_hash;
pub use envelope::{Envelope, EnvelopeError, HEADER_LEN, Header, Kind, Priority, actor_id};
pub use healing::{
    Carried, Found, Healing, HealingAnswer, HeldItems, LackedItems, MAX_HELD, MAX_WANTED,
    ReconcileAnswer, ReconcileRequest, RowData, held_hash, reconcile_to_sign,
};
pub use recovery::{HandedShare, RecoveryRequest, RecoveryShare, RecoveryVoucher};
pub use removal::{Accepted, RemovalNotice, SetAside, WipeAck, wiped_to_sign};
pub use sync::{
    Cursor, Cursors, MAX_AUDIT_ROWS, PushResult, Reset, SignedAnswer, SpaceItem, SpaceItems,
    SyncRequest, SyncResponse, Verdict, answer_to_sign,
};
pub use time::{Day, TimeError, Timestamp};
pub use wire::{Batch, Packed, WireError};

/// Encodes any protocol value as CBOR. Encoding to memory cannot fail.
pub fn to_cbor<T: minicbor::Encode<()>>(value: &T) -> Vec<u8> {
    minicbor::to_vec(value).expect("encoding to a vector cannot fail")
}

/// Decodes a protocol value; trailing bytes are an error, and so are more than [`limits::MAX_ITEMS`] values: a byte on
/// the wire would take many in memory.
pub fn from_cbor<T: for<'b> minicbor::Decode<'b, ()>>(bytes: &[u8]) -> Result<T, WireError> {
    if !wire::has_few_items(bytes) {
        return Err(WireError::Malformed);
    }
    let mut decoder = minicbor::Decoder::new(bytes);
    let value = decoder.decode().map_err(|_| WireError::Malformed)?;
    if decoder.position() != bytes.len() {
        return Err(WireError::Malformed);
    }
    Ok(value)
}
