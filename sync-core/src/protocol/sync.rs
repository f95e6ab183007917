//! The messages of `POST /v1/sync`: one request pushes what a device holds and pulls every space.

use minicbor::bytes::{ByteArray, ByteVec};
use sha2::{Digest, Sha256};

use crate::ids::{
    Chain, DeviceId, EnvelopeId, IncarnationId, ProposalId, RelayId, SpaceId, TeamId, first_16,
};

use super::audit::{AuditHead, AuditRow};
use super::cosign::Cosign;
use super::enrol::{CodeAnswered, CodeTry, InviteNotice, PendingEnrolment, VouchedDevice};
use super::healing::{Healing, HealingAnswer};
use super::removal::{Accepted, SetAside, WipeAck};
use super::wire::Packed;
use super::{Batch, Day, Timestamp, to_cbor};

/// Where a device stands in a space's log.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, minicbor::Encode, minicbor::Decode,
)]
pub struct Cursor {
    /// The space.
    #[n(0)]
    pub space: SpaceId,
    /// Items of the log that the device holds.
    #[n(1)]
    pub seq: u64,
    /// The log's chain after them.
    #[n(2)]
    pub chain: Chain,
}

/// A device's cursors, sorted by space.
#[derive(Debug, Clone, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct Cursors(#[n(0)] pub Vec<Cursor>);

impl Cursors {
    /// What a device sends instead of the list when the relay already has it.
    pub fn digest(&self) -> [u8; 16] {
        let mut sorted = self.clone();
        sorted.0.sort();
        first_16(Sha256::new_with_prefix(to_cbor(&sorted)))
    }
}

/// What a device sends.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct SyncRequest {
    /// The team.
    #[n(0)]
    pub team: TeamId,
    /// The device; the token names the same.
    #[n(1)]
    pub device: DeviceId,
    /// The device's clock, which orders nothing.
    #[n(2)]
    pub now: Timestamp,
    /// Digest of all its cursors.
    #[n(3)]
    pub digest: ByteArray<16>,
    /// The cursors themselves, after the relay asked for them.
    #[n(4)]
    pub cursors: Option<Cursors>,
    /// Where the relay acknowledged more than the cursor says.
    #[n(5)]
    pub high: Vec<Cursor>,
    /// Directory hashes of the pushed envelopes.
    #[n(6)]
    pub batch: Batch,
    /// Envelopes to store: directory first, then structure, then the rest.
    #[n(7)]
    pub push: Vec<Packed>,
    /// Bytes of envelopes wanted in the answer, about.
    #[n(8)]
    pub max_bytes: u32,
    /// Invitations made on this device: by an admin for anyone's first, by any member for a further one of their own.
    #[n(9)]
    pub invites: Vec<InviteNotice>,
    /// Changes of recovery keys on their way to an entry: encoded `approved` operations of this device's member, or
    /// ones that this admin's device approved.
    #[n(17)]
    pub recovery: Option<Vec<ByteVec>>,
    /// Further devices of this device's member that it vouches for, until the relay tells of them.
    #[n(13)]
    pub vouched: Option<Vec<VouchedDevice>>,
    /// Answers to typed codes' exchanges.
    #[n(14)]
    pub codes: Option<Vec<CodeAnswered>>,
    /// Devices about to be removed or narrowed whose accepted numbers an admin's device asks for.
    #[n(15)]
    pub ask_accepted: Option<Vec<DeviceId>>,
    /// Operations that wait for further signatures, where this device has something new to say of them.
    #[n(10)]
    pub cosign: Option<Vec<Cosign>>,
    /// Operations that this device proposed and takes back.
    #[n(11)]
    pub withdrawn: Option<Vec<ProposalId>>,
    /// A wiped device's word that it was.
    #[n(12)]
    pub wiped: Option<WipeAck>,
    /// Devices whose word that they were wiped an admin's device lacks.
    #[n(16)]
    pub ask_wiped: Option<Vec<DeviceId>>,
    /// What is handed back to a relay that lost it, and what is missing here.
    #[n(19)]
    pub healing: Option<Healing>,
    /// Rows of the audit log are wanted from the one after this (admins only).
    #[n(20)]
    pub audit_after: Option<u64>,
}

/// What became of a pushed envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum Verdict {
    /// Committed durably.
    #[n(0)]
    Stored,
    /// Committed before.
    #[n(1)]
    Duplicate,
    /// Erased for ever.
    #[n(2)]
    Purged,
    /// Will never be taken; kept by the author as a draft.
    #[n(3)]
    RefusedFinal,
    /// Kept apart and never applied; kept by the author as a draft.
    #[n(4)]
    Quarantined,
    /// An ancestor is missing; send again.
    #[n(5)]
    Waiting,
    /// Not now; send again.
    #[n(6)]
    RefusedRetry,
}

impl Verdict {
    /// Whether the envelope need not be sent again.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Waiting | Self::RefusedRetry)
    }
}

/// The result of one pushed envelope.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct PushResult {
    /// The envelope.
    #[n(0)]
    pub id: EnvelopeId,
    /// What became of it.
    #[n(1)]
    pub verdict: Verdict,
    /// Its sequence number, where it has one.
    #[n(2)]
    pub seq: u64,
    /// The chain at that number.
    #[n(3)]
    pub chain: Chain,
    /// Why it was not stored: the name of a [`super::Code`], empty otherwise.
    #[n(4)]
    pub code: String,
}

/// One position of a log.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub enum SpaceItem {
    /// A whole envelope.
    #[n(0)]
    Envelope {
        /// Length of the directory when the row was written: rights are judged there.
        #[n(0)]
        directory_seq: u64,
        /// The relay's day when the row was first written.
        #[n(1)]
        row_day: Day,
        /// The envelope.
        #[n(2)]
        packed: Packed,
    },
    /// An envelope that this device pushed and holds.
    #[n(1)]
    Own {
        /// As above.
        #[n(0)]
        directory_seq: u64,
        /// As above.
        #[n(1)]
        row_day: Day,
        /// Its id.
        #[n(2)]
        id: EnvelopeId,
    },
    /// A quarantined or purged position.
    #[n(2)]
    Stub {
        /// As above.
        #[n(0)]
        directory_seq: u64,
        /// As above.
        #[n(1)]
        row_day: Day,
        /// Id of what stood here.
        #[n(2)]
        id: EnvelopeId,
        /// Its author.
        #[n(3)]
        device: DeviceId,
        /// The author's sequence number, so that no gap shows.
        #[n(4)]
        device_seq: u64,
        /// Why it is not served: the name of a [`super::Code`].
        #[n(5)]
        code: String,
    },
}

/// What a space's log holds beyond the device's cursor, from the next sequence number on without a gap.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct SpaceItems {
    /// The space.
    #[n(0)]
    pub space: SpaceId,
    /// The items; the first has sequence number cursor + 1.
    #[n(1)]
    pub items: Vec<SpaceItem>,
    /// Sequence number of the last item sent.
    #[n(2)]
    pub seq: u64,
    /// The chain after it.
    #[n(3)]
    pub chain: Chain,
    /// Whether the log goes on.
    #[n(4)]
    pub more: bool,
}

/// A space whose log is not the one the device knows.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Reset {
    /// The space.
    #[n(0)]
    pub space: SpaceId,
    /// The name of a [`super::Code`].
    #[n(1)]
    pub why: String,
}

/// What a relay answers.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct SyncResponse {
    /// The relay's key.
    #[n(0)]
    pub relay: RelayId,
    /// Its incarnation.
    #[n(1)]
    pub incarnation: IncarnationId,
    /// Its clock, the only one that expiry and grace count by.
    #[n(2)]
    pub now: Timestamp,
    /// The relay does not know the digest: send the cursors. Pushes were taken, nothing is pulled.
    #[n(3)]
    pub need_cursors: bool,
    /// A result for each pushed envelope, in order.
    #[n(4)]
    pub results: Vec<PushResult>,
    /// Directory hashes of the served envelopes.
    #[n(5)]
    pub batch: Batch,
    /// New items by space, the directory first.
    #[n(6)]
    pub spaces: Vec<SpaceItems>,
    /// Spaces that are not served to this device any more.
    #[n(7)]
    pub gone: Vec<SpaceId>,
    /// Spaces whose log does not continue the device's cursor.
    #[n(8)]
    pub reset: Vec<Reset>,
    /// Items up to here are in a backup (0: none yet).
    #[n(9)]
    pub backup_through: u64,
    /// Devices that ask to be enrolled: all of the team's for an admin, those that answer this member's own
    /// invitations for anyone else.
    #[n(10)]
    pub pending: Vec<PendingEnrolment>,
    /// Changes of recovery keys that wait for an admin (admins only): encoded `approved` operations.
    #[n(19)]
    pub recovery: Option<Vec<ByteVec>>,
    /// Further devices that a device of their member vouched for and that are not listed yet: all for an admin, the
    /// member's own for anyone else.
    #[n(14)]
    pub vouched: Option<Vec<VouchedDevice>>,
    /// Exchanges of typed codes made on this device that wait for its answer.
    #[n(15)]
    pub codes: Option<Vec<CodeTry>>,
    /// The last number accepted of each device that was asked for, by space; a space not named has none.
    #[n(16)]
    pub accepted: Option<Vec<Accepted>>,
    /// For an admin's device: what came after its device was removed and was not released.
    #[n(17)]
    pub set_aside: Option<Vec<SetAside>>,
    /// For an admin's device: the words of wiped devices that it asked for, as far as the relay has them.
    #[n(18)]
    pub wiped: Option<Vec<WipeAck>>,
    /// Every operation that waits for further signatures and concerns this device; none if absent.
    #[n(11)]
    pub cosign: Option<Vec<Cosign>>,
    /// Where the audit log stands.
    #[n(21)]
    pub audit_head: Option<AuditHead>,
    /// Rows of the audit log that were asked for, at most [`MAX_AUDIT_ROWS`].
    #[n(22)]
    pub audit: Option<Vec<AuditRow>>,
    /// What the relay lacks, and what it found.
    #[n(23)]
    pub healing: Option<HealingAnswer>,
}

/// Rows of the audit log in one answer.
pub const MAX_AUDIT_ROWS: usize = 500;

/// An answer as it travels: the encoded [`SyncResponse`] and the relay's signature.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct SignedAnswer {
    /// The encoded response.
    #[n(0)]
    pub answer: ByteVec,
    /// Ed25519 over [`answer_to_sign`].
    #[n(1)]
    pub sig: ByteArray<64>,
}

/// What a relay signs: it binds the answer to the very request, so that no answer can be replayed.
pub fn answer_to_sign(request: &[u8], answer: &[u8]) -> Vec<u8> {
    let mut out = b"aftercall answer v1".to_vec();
    out.extend_from_slice(&Sha256::digest(request));
    out.extend_from_slice(&Sha256::digest(answer));
    out
}
