//! What a directory entry says. One operation an entry; the envelope around it carries order and signature.

use minicbor::bytes::ByteArray;

use crate::ids::{MemberId, RelayId};
use crate::records::{DeviceClass, PolicyProfile, Role};

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
}
