//! The folded directory, answering for every length it ever had.

use std::collections::{BTreeMap, BTreeSet};

use crate::crypto;
use crate::ids::{DeviceId, EnvelopeId, MemberId, RelayId, SpaceId, TeamId};
use crate::protocol::{Code, Envelope, Header, Kind, from_cbor};
use crate::records::{DeviceClass, PolicyProfile, Role, Standing};

use super::entry::Op;
use super::open_space_id;

/// A member's standing from one directory length on.
#[derive(Debug, Clone)]
struct Since<T> {
    seq: u64,
    value: T,
}

fn at<T>(history: &[Since<T>], seq: u64) -> Option<&T> {
    history.iter().rev().find(|since| since.seq <= seq).map(|since| &since.value)
}

/// A member, as one entry put it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Field roles.
    pub roles: Vec<Role>,
    /// The `admin` capability.
    pub admin: bool,
    /// Unit label.
    pub unit: Option<String>,
    /// Units supervised.
    pub supervises: Vec<String>,
}

impl Member {
    /// What a device of this class and member is, towards a space.
    pub fn standing(&self, class: DeviceClass, owns: bool, reads: bool) -> Standing<'_> {
        Standing { roles: &self.roles, admin: self.admin, class, owns, reads }
    }
}

#[derive(Debug, Clone)]
struct Device {
    since: u64,
    member: MemberId,
    verify_key: [u8; 32],
    seal_key: [u8; 32],
    class: DeviceClass,
}

/// A device and its member at one length of the directory.
#[derive(Debug, Clone, Copy)]
pub struct DeviceAt<'a> {
    /// The device.
    pub id: DeviceId,
    /// Whose it is.
    pub member: MemberId,
    /// That member's standing then.
    pub standing: &'a Member,
    /// Its Ed25519 key.
    pub verify_key: &'a [u8; 32],
    /// Its HPKE key.
    pub seal_key: &'a [u8; 32],
    /// What kind of installation it is.
    pub class: DeviceClass,
}

/// A team's directory, folded from its entries.
#[derive(Debug, Clone)]
pub struct Directory {
    team: TeamId,
    entries: Vec<EnvelopeId>,
    members: BTreeMap<MemberId, Vec<Since<Member>>>,
    devices: BTreeMap<DeviceId, Device>,
    relays: BTreeSet<RelayId>,
    profiles: Vec<Since<PolicyProfile>>,
}

impl Directory {
    /// An empty directory that will accept only the genesis entry whose id is the team's.
    pub fn new(team: TeamId) -> Self {
        Self {
            team,
            entries: Vec::new(),
            members: BTreeMap::new(),
            devices: BTreeMap::new(),
            relays: BTreeSet::new(),
            profiles: Vec::new(),
        }
    }

    /// Appends the next entry after checking its signature, its signer's right and its place.
    ///
    /// # Errors
    /// `directory_behind` if the entry extends a shorter directory, `directory_fork` if it names another
    /// entry at this length, `directory_forged` if it is not an admin's native device that signed,
    /// `device_exists` for a further device of a member and for keys that are listed already. The directory is unchanged on error.
    pub fn append(&mut self, entry: &Envelope) -> Result<(), Code> {
        let header = &entry.header;
        if header.kind != Kind::Directory {
            return Err(Code::Malformed);
        }
        entry.check_shape().map_err(|_| Code::Malformed)?;
        if header.directory_seq != self.len() {
            return Err(Code::DirectoryBehind);
        }
        if header.directory_hash != self.head() {
            return Err(Code::DirectoryFork);
        }
        let op: Op = from_cbor(&entry.body).map_err(|_| Code::Malformed)?;
        match &op {
            Op::Genesis { verify_key, .. } => self.check_genesis(entry, verify_key)?,
            _ => self.check_signer(entry)?,
        }
        self.apply(header, op)?;
        self.entries.push(header.id());
        Ok(())
    }

    fn check_genesis(&self, entry: &Envelope, verify_key: &[u8; 32]) -> Result<(), Code> {
        let genuine = self.entries.is_empty()
            && entry.id().as_bytes() == self.team.as_bytes()
            && entry.header.space == SpaceId::ZERO
            && entry.header.device == crypto::device_id(verify_key)
            && crypto::verify_envelope(verify_key, entry);
        if genuine { Ok(()) } else { Err(Code::DirectoryForged) }
    }

    fn check_signer(&self, entry: &Envelope) -> Result<(), Code> {
        let signer = self.device(&entry.header.device).ok_or(Code::DirectoryForged)?;
        let genuine = signer.standing.admin
            && signer.class == DeviceClass::Native
            && entry.header.space == self.space()
            && crypto::verify_envelope(signer.verify_key, entry);
        if genuine { Ok(()) } else { Err(Code::DirectoryForged) }
    }

    fn apply(&mut self, header: &Header, op: Op) -> Result<(), Code> {
        let seq = self.len() + 1;
        match op {
            Op::Genesis { member, roles, verify_key, seal_key, profile, .. } => {
                let standing = Member { roles, admin: true, unit: None, supervises: Vec::new() };
                self.members.insert(member, vec![Since { seq, value: standing }]);
                self.profiles.push(Since { seq, value: profile });
                let device = Device {
                    since: seq,
                    member,
                    verify_key: verify_key.into(),
                    seal_key: seal_key.into(),
                    class: DeviceClass::Native,
                };
                self.devices.insert(header.device, device);
            }
            Op::Member { member, roles, admin, unit, supervises } => {
                let standing = Member { roles, admin, unit, supervises };
                self.members.entry(member).or_default().push(Since { seq, value: standing });
            }
            Op::Device { member, verify_key, seal_key, class } => {
                if !self.members.contains_key(&member) {
                    return Err(Code::NoSuchMember);
                }
                // Keys are public: whoever repeats another device's must not take its place.
                let id = crypto::device_id(&verify_key);
                let taken = self.devices.contains_key(&id);
                if taken || self.devices.values().any(|device| device.member == member) {
                    return Err(Code::DeviceExists);
                }
                let device = Device {
                    since: seq,
                    member,
                    verify_key: verify_key.into(),
                    seal_key: seal_key.into(),
                    class,
                };
                self.devices.insert(id, device);
            }
            Op::Policy { profile } => self.profiles.push(Since { seq, value: profile }),
            Op::Relay { relay } => {
                self.relays.insert(relay);
            }
        }
        Ok(())
    }

    /// The team.
    pub fn team(&self) -> TeamId {
        self.team
    }

    /// The directory's own space.
    pub fn space(&self) -> SpaceId {
        open_space_id(self.team, crate::records::SpaceKind::Directory, None)
    }

    /// Number of entries.
    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Whether it has no entry yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Id of the last entry, zero for none.
    pub fn head(&self) -> EnvelopeId {
        self.entries.last().copied().unwrap_or(EnvelopeId::new([0; 32]))
    }

    /// Id of the last entry of the directory when it had this length.
    pub fn head_at(&self, seq: u64) -> Option<EnvelopeId> {
        match seq.checked_sub(1) {
            None => Some(EnvelopeId::new([0; 32])),
            Some(index) => self.entries.get(usize::try_from(index).ok()?).copied(),
        }
    }

    /// The device as it is now.
    pub fn device(&self, id: &DeviceId) -> Option<DeviceAt<'_>> {
        self.device_at(id, self.len())
    }

    /// The device as it was at this length.
    pub fn device_at(&self, id: &DeviceId, seq: u64) -> Option<DeviceAt<'_>> {
        let (id, device) = self.devices.get_key_value(id)?;
        if device.since > seq {
            return None;
        }
        Some(DeviceAt {
            id: *id,
            member: device.member,
            standing: self.member_at(&device.member, seq)?,
            verify_key: &device.verify_key,
            seal_key: &device.seal_key,
            class: device.class,
        })
    }

    /// The member as they are now.
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.member_at(id, self.len())
    }

    /// The member as they were at this length.
    pub fn member_at(&self, id: &MemberId, seq: u64) -> Option<&Member> {
        at(self.members.get(id)?, seq)
    }

    /// Every member, as they are now.
    pub fn members(&self) -> impl Iterator<Item = (MemberId, &Member)> {
        self.members.keys().filter_map(|id| Some((*id, self.member(id)?)))
    }

    /// Every device of a member.
    pub fn devices_of(&self, member: MemberId) -> impl Iterator<Item = DeviceAt<'_>> {
        self.devices
            .iter()
            .filter(move |(_, device)| device.member == member)
            .filter_map(|(id, _)| self.device(id))
    }

    /// Every device.
    pub fn devices(&self) -> impl Iterator<Item = DeviceAt<'_>> {
        self.devices.keys().filter_map(|id| self.device(id))
    }

    /// Whether an admin has listed this relay.
    pub fn lists_relay(&self, relay: &RelayId) -> bool {
        self.relays.contains(relay)
    }

    /// Whether an admin has listed any relay.
    pub fn lists_any_relay(&self) -> bool {
        !self.relays.is_empty()
    }

    /// The policy profile now.
    pub fn profile(&self) -> Option<&PolicyProfile> {
        self.profile_at(self.len())
    }

    /// The policy profile at this length.
    pub fn profile_at(&self, seq: u64) -> Option<&PolicyProfile> {
        at(&self.profiles, seq)
    }
}
