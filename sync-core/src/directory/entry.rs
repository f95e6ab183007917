//! What a directory entry says. One operation an entry; the envelope around it carries order and signature.

use minicbor::bytes::{ByteArray, ByteVec};

use crate::ids::{DeviceId, DocId, EnvelopeId, MemberId, RelayId, SpaceId};
use crate::protocol::{Accepted, Approval, Day};
use crate::records::{DeviceClass, PolicyProfile, Role, SpaceKind};

/// What a guest (mutual aid) may do: only so long, only there.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Guest {
    /// The last day, by the relay's clock.
    #[n(0)]
    pub until: Day,
    /// Kinds of spaces they may use, as numbered in the policy table.
    #[n(1)]
    pub spaces: Vec<u8>,
}

impl Guest {
    /// Whether the guest may use spaces of this kind on this day. The directory itself is everybody's.
    pub fn may_use(&self, kind: SpaceKind, day: Day) -> bool {
        day <= self.until && (kind == SpaceKind::Directory || self.spaces.contains(&(kind as u8)))
    }
}

/// A device that an entry lists.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct NewDevice {
    /// Whose it is.
    #[n(0)]
    pub member: MemberId,
    /// Its Ed25519 key.
    #[n(1)]
    pub verify_key: ByteArray<32>,
    /// Its HPKE key.
    #[n(2)]
    pub seal_key: ByteArray<32>,
    /// What kind of installation it is.
    #[n(3)]
    pub class: DeviceClass,
    /// Its X-Wing public key: what is sealed to it takes this one.
    #[n(4)]
    pub seal_key_2: Option<ByteVec>,
}

/// A member's recovery key, and the shares of it that others hold.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct RecoveryKey {
    /// Ed25519 key that vouches for the member's next device.
    #[n(0)]
    pub verify_key: ByteArray<32>,
    /// HPKE key that epoch keys are wrapped for, as for a device.
    #[n(1)]
    pub seal_key: ByteArray<32>,
    /// The shares, two of which restore it; none if only the printed code does.
    #[n(2)]
    pub shares: Vec<SealedShare>,
    /// X-Wing key that epoch keys are wrapped for, as for a device.
    #[n(3)]
    pub seal_key_2: Option<ByteVec>,
}

/// One holder's share of a recovery key.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct SealedShare {
    /// Who holds it.
    #[n(0)]
    pub holder: MemberId,
    /// SHA-256 of the share, so that a wrong one is noticed.
    #[n(1)]
    pub check: ByteArray<32>,
    /// The share sealed to each device of the holder: encapsulated key || ciphertext.
    #[n(2)]
    pub sealed: Vec<ShareWrap>,
}

/// A share sealed to one device.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct ShareWrap {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// Encapsulated key || ciphertext.
    #[n(1)]
    pub sealed: ByteVec,
}

/// The body of a `directory` envelope.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub enum Op {
    /// The first entry: makes the team, its first member (with the `admin` capability) and that member's device.
    #[n(0)]
    Genesis {
        /// Random, so that two teams never share an id.
        #[n(0)]
        nonce: ByteArray<16>,
        /// The first member.
        #[n(1)]
        member: MemberId,
        /// Their field roles.
        #[n(2)]
        roles: Vec<Role>,
        /// Ed25519 key of their device, which signs this entry.
        #[n(3)]
        verify_key: ByteArray<32>,
        /// HPKE key of their device.
        #[n(4)]
        seal_key: ByteArray<32>,
        /// The policy profile.
        #[n(5)]
        profile: PolicyProfile,
        /// X-Wing public key of their device.
        #[n(6)]
        seal_key_2: Option<ByteVec>,
    },
    /// A member is entered, or an entered member's roles change.
    #[n(1)]
    Member {
        /// The member.
        #[n(0)]
        member: MemberId,
        /// Field roles from now on.
        #[n(1)]
        roles: Vec<Role>,
        /// Whether the member's native devices may sign directory entries.
        #[n(2)]
        admin: bool,
        /// The member's unit (crew or station), a short label.
        #[n(3)]
        unit: Option<String>,
        /// Units the member supervises, for the conflict-of-interest check.
        #[n(4)]
        supervises: Vec<String>,
        /// Limits of a guest; `None` for a member of the team.
        #[n(5)]
        guest: Option<Guest>,
        /// Where rights narrow: how far each of the member's devices had come.
        #[n(6)]
        last: Option<Vec<Accepted>>,
    },
    /// A device of a member.
    #[n(2)]
    Device {
        /// Whose it is.
        #[n(0)]
        member: MemberId,
        /// Its Ed25519 key.
        #[n(1)]
        verify_key: ByteArray<32>,
        /// Its HPKE key.
        #[n(2)]
        seal_key: ByteArray<32>,
        /// What kind of installation it is.
        #[n(3)]
        class: DeviceClass,
        /// Its X-Wing public key: what is sealed to it takes this one.
        #[n(4)]
        seal_key_2: Option<ByteVec>,
    },
    /// The policy profile from now on.
    #[n(3)]
    Policy {
        /// The profile.
        #[n(0)]
        profile: PolicyProfile,
    },
    /// A relay whose answers count.
    #[n(4)]
    Relay {
        /// Its key.
        #[n(0)]
        relay: RelayId,
    },
    /// An operation that others than its signer approved.
    #[n(5)]
    Approved {
        /// The encoded operation; never itself an approved one.
        #[n(0)]
        op: ByteVec,
        /// Random, so that an approval counts once.
        #[n(1)]
        nonce: ByteArray<16>,
        /// The further signatures.
        #[n(2)]
        approvals: Vec<Approval>,
    },
    /// First devices of several members, let in together.
    #[n(6)]
    Devices {
        /// The devices.
        #[n(0)]
        devices: Vec<NewDevice>,
    },
    /// A device, or a member with all devices, has no rights any more.
    #[n(7)]
    Remove {
        /// The member.
        #[n(0)]
        member: MemberId,
        /// The one device, `None` for the member and every device.
        #[n(1)]
        device: Option<DeviceId>,
        /// How far each removed device had come.
        #[n(2)]
        last: Vec<Accepted>,
        /// Whether each removed device is to erase what it holds when it next calls.
        #[n(3)]
        wipe: Option<bool>,
    },
    /// Items that were set aside after a removal are taken after all.
    #[n(8)]
    Release {
        /// The items.
        #[n(0)]
        items: Vec<EnvelopeId>,
    },
    /// A removed device is to erase what it holds when it next calls.
    #[n(9)]
    Wipe {
        /// The device.
        #[n(0)]
        device: DeviceId,
    },
    /// Nothing changes: the directory as it stands is signed anew, so that an old one shows its age.
    #[n(10)]
    Renew,
    /// A member's recovery key from now on.
    #[n(11)]
    Recovery {
        /// The member.
        #[n(0)]
        member: MemberId,
        /// The key; `None`: the member has none any more.
        #[n(1)]
        key: Option<RecoveryKey>,
    },
    /// A legal hold begins or ends: what it covers is not erased meanwhile.
    #[n(12)]
    Hold {
        /// The space.
        #[n(0)]
        space: SpaceId,
        /// The document.
        #[n(1)]
        doc: DocId,
        /// Whether it is held from now on.
        #[n(2)]
        held: bool,
    },
}
