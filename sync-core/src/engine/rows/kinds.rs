//! What a row holds, table by table.

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::directory::SpaceInfo;
use crate::ids::{Chain, DocId, EnvelopeId, IncarnationId, MemberId, RelayId, SpaceId, TeamId};
use crate::protocol::{Envelope, RowData};
use crate::records::DocType;

/// Who this phone is. Holds secret keys: lives only in the encrypted store.
#[derive(Clone, Encode, Decode)]
pub(in crate::engine) struct IdentityRow {
    #[n(0)]
    pub team: TeamId,
    #[n(1)]
    pub member: MemberId,
    #[n(2)]
    pub relay: String,
    /// The seed of the signing key. The sealing keys are a sealed row.
    #[n(3)]
    pub keys: ByteVec,
    /// While joining: the invitation's secret and the head that the directory must contain.
    #[n(4)]
    pub joining: Option<JoiningRow>,
    /// The public halves of the sealing keys, X25519 first.
    #[n(5)]
    pub seal_keys: ByteVec,
}

#[derive(Clone, Encode, Decode)]
pub(in crate::engine) struct JoiningRow {
    #[n(0)]
    pub secret: ByteArray<16>,
    #[n(1)]
    pub head_seq: u64,
    #[n(2)]
    pub head_hash: EnvelopeId,
    /// What kind of installation this is.
    #[n(3)]
    pub class: Option<u8>,
    /// While a typed code is being exchanged; what stands above is not known yet then.
    #[n(4)]
    pub typed: Option<super::TypedRow>,
}

impl Drop for JoiningRow {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut *self.secret);
    }
}

impl Drop for IdentityRow {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut *self.keys);
    }
}

/// A space on this phone.
#[derive(Debug, Clone, Encode, Decode)]
pub(in crate::engine) struct SpaceRow {
    #[n(0)]
    pub info: SpaceInfo,
    /// The cursor: items of the relay's log held here.
    #[n(1)]
    pub seq: u64,
    #[n(2)]
    pub chain: Chain,
    /// The highest acknowledged position above the cursor.
    #[n(3)]
    pub high_seq: u64,
    #[n(4)]
    pub high_chain: Chain,
    /// Last sequence number this device used in the space.
    #[n(5)]
    pub device_seq: u64,
    /// The relay already had such a space: records made here move into that one.
    #[n(6)]
    pub superseded: bool,
}

impl SpaceRow {
    pub fn new(info: SpaceInfo) -> Self {
        Self {
            info,
            seq: 0,
            chain: Chain::EMPTY,
            high_seq: 0,
            high_chain: Chain::EMPTY,
            device_seq: 0,
            superseded: false,
        }
    }
}

/// What became of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(in crate::engine) enum ItemState {
    /// Recorded here, not yet acknowledged.
    #[n(0)]
    Outbox,
    /// In the relay's log, and in effect here.
    #[n(1)]
    Applied,
    /// In the relay's log, but no key opens it yet.
    #[n(2)]
    Unreadable,
    /// In the relay's log, but an ancestor is missing.
    #[n(3)]
    Waiting,
    /// Refused or set aside: a draft.
    #[n(4)]
    Refused,
    /// Recorded here and staying here: the member's own space, without backup.
    #[n(5)]
    Kept,
    /// Erased for good with its document.
    #[n(6)]
    Purged,
}

/// An envelope's place and fate.
#[derive(Debug, Clone, Encode, Decode)]
pub(in crate::engine) struct ItemRow {
    #[n(0)]
    pub state: ItemState,
    #[n(1)]
    pub space: SpaceId,
    /// Position in the relay's log, 0 while unknown.
    #[n(2)]
    pub seq: u64,
    /// Key in the outbox, while it is there.
    #[n(3)]
    pub outbox: Option<ByteVec>,
    /// What the relay attested of it, once its log was read that far: a relay that lost it gets it back with it.
    #[n(4)]
    pub row: Option<RowData>,
}

/// A document on this phone.
#[derive(Debug, Clone, Encode, Decode)]
pub(in crate::engine) struct DocumentRow {
    #[n(0)]
    pub record: u16,
    #[n(1)]
    pub actor_no: u16,
    #[n(2)]
    pub own_changes: u64,
    /// The saved Automerge document, `None` while nothing of it can be opened.
    #[n(3)]
    pub saved: Option<ByteVec>,
    /// Changes in the order in which they arrived.
    #[n(4)]
    pub changes: u64,
}

impl DocumentRow {
    /// Whether what it says lies under the reading key. A kind that this version does not know counts as sealed.
    pub fn is_sealed(&self) -> bool {
        DocType::by_number(self.record).is_none_or(DocType::is_sealed)
    }

    pub fn without_words(&self) -> Self {
        Self { saved: None, ..*self }
    }
}

/// A part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(in crate::engine) struct PartRow {
    #[n(0)]
    pub number: u16,
    #[n(1)]
    pub space: SpaceId,
}

/// A directory entry this admin's device wants sequenced.
#[derive(Debug, Clone, Encode, Decode)]
pub(in crate::engine) struct Proposal {
    #[n(0)]
    pub op: crate::directory::Op,
    /// The signed entry on top of the head it was last signed for.
    #[n(1)]
    pub signed: Option<ByteVec>,
}

impl Proposal {
    /// One that is not signed yet.
    pub fn new(op: crate::directory::Op) -> Self {
        Self { op, signed: None }
    }

    /// The id of the entry as it was last signed.
    pub fn id(&self) -> Option<EnvelopeId> {
        Some(Envelope::from_bytes(self.signed.as_ref()?).ok()?.id())
    }
}

/// What the phone knows of its relay.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(in crate::engine) struct RelayRow {
    #[n(0)]
    pub relay: RelayId,
    #[n(1)]
    pub incarnation: IncarnationId,
}

/// A draft: what a refused envelope would have written.
#[derive(Debug, Clone, Encode, Decode)]
pub(in crate::engine) struct DraftRow {
    #[n(0)]
    pub code: String,
    #[n(1)]
    pub record: Option<DocId>,
    /// JSON of the values, readable for the author.
    #[n(2)]
    pub values: String,
    #[n(3)]
    pub own: bool,
}

impl DraftRow {
    /// Without its values, which come from a sealed record.
    pub fn without_words(&self) -> Self {
        Self { values: "{}".into(), ..self.clone() }
    }
}
