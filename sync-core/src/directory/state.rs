//! The folded directory, answering for every length it ever had.

use std::collections::{BTreeMap, BTreeSet};

use crate::crypto::{self, SealKeys};
use crate::ids::{DeviceId, DocId, EnvelopeId, MemberId, RelayId, SpaceId, TeamId};
use crate::protocol::{Accepted, Code, Day, Envelope, Kind};
use crate::records::{DeviceClass, PolicyProfile, Role, SpaceKind, Standing};

use super::entry::{Guest, NewDevice, Op, RecoveryKey};
use super::recovery::RecoveryEvent;
use super::{open_space_id, rights};

/// A member's standing from one directory length on.
#[derive(Debug, Clone)]
struct Since<T> {
    seq: u64,
    value: T,
}

/// A key that nothing can be sealed to would leave its device out of every space.
fn check_key(key: Option<&[u8]>) -> Result<(), Code> {
    if key.is_none_or(crypto::is_sealing_key) { Ok(()) } else { Err(Code::Malformed) }
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
    /// Limits, if the member is a guest.
    pub guest: Option<Guest>,
}

impl Member {
    /// What a device of this class and member is, towards a space.
    pub fn standing(&self, class: DeviceClass, owns: bool, reads: bool) -> Standing<'_> {
        Standing { roles: &self.roles, admin: self.admin, class, owns, reads }
    }

    /// Whether the member may be a reader of such a sealed space on this day, `owns` saying whether it is theirs: the
    /// policy table admits them, and a guest is within their limits.
    ///
    /// # Errors
    /// `guest_ended`, `not_allowed`.
    pub fn may_read(&self, kind: SpaceKind, owns: bool, day: Day) -> Result<(), Code> {
        if self.guest.as_ref().is_some_and(|guest| !guest.may_use(kind, day)) {
            return Err(Code::GuestEnded);
        }
        let standing = self.standing(DeviceClass::Native, owns, false);
        if standing.is_any_of(kind.policy().admit) { Ok(()) } else { Err(Code::NotAllowed) }
    }
}

/// Where a device's right to write ended or narrowed: what counts of its earlier numbering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Length of the directory with the entry that set the bound.
    pub seq: u64,
    /// The last `device_seq` in the space that counts as written before it; 0 for none.
    pub last: u64,
}

/// The entry that orders a removed device to erase what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WipeOrder {
    /// The entry.
    pub id: EnvelopeId,
    /// Its day, as its signer's corrected clock had it.
    pub day: Day,
}

#[derive(Debug, Clone)]
struct Device {
    since: u64,
    /// Length of the directory with the entry that removed it.
    until: Option<u64>,
    member: MemberId,
    verify_key: [u8; 32],
    seal_key: [u8; 32],
    seal_key_2: Option<Vec<u8>>,
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
    /// Its X-Wing key, if it lists one.
    pub seal_key_2: Option<&'a [u8]>,
    /// What kind of installation it is.
    pub class: DeviceClass,
}

impl<'a> DeviceAt<'a> {
    /// What is sealed to the device takes the better of these.
    pub fn seal_keys(&self) -> SealKeys<'a> {
        SealKeys { first: self.seal_key, second: self.seal_key_2 }
    }
}

/// A team's directory, folded from its entries.
#[derive(Debug, Clone)]
pub struct Directory {
    team: TeamId,
    entries: Vec<EnvelopeId>,
    /// `None` from a member's removal on.
    members: BTreeMap<MemberId, Vec<Since<Option<Member>>>>,
    devices: BTreeMap<DeviceId, Device>,
    relays: BTreeSet<RelayId>,
    profiles: Vec<Since<PolicyProfile>>,
    /// Approvals that were used.
    nonces: BTreeSet<[u8; 16]>,
    /// By device: where its rights ended or narrowed, and how far it had come in each space.
    bounds: BTreeMap<DeviceId, Vec<Since<BTreeMap<SpaceId, u64>>>>,
    released: BTreeMap<EnvelopeId, u64>,
    wipes: BTreeMap<DeviceId, WipeOrder>,
    recoveries: BTreeMap<MemberId, Vec<Since<Option<RecoveryKey>>>>,
    pub(super) recovery_log: Vec<RecoveryEvent>,
    holds: BTreeMap<(SpaceId, DocId), Vec<Since<bool>>>,
    /// The latest day of any entry, as its signer's corrected clock had it.
    signed: Day,
    /// The day of the last entry.
    last_day: Day,
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
            nonces: BTreeSet::new(),
            bounds: BTreeMap::new(),
            released: BTreeMap::new(),
            wipes: BTreeMap::new(),
            recoveries: BTreeMap::new(),
            recovery_log: Vec::new(),
            holds: BTreeMap::new(),
            signed: Day(0),
            last_day: Day(0),
        }
    }

    /// Appends the next entry after checking its signature, its signer's right and its place.
    ///
    /// # Errors
    /// `directory_behind` if the entry extends a shorter directory, `directory_fork` if it names another
    /// entry at this length, `directory_forged` if it is not an admin's native device that signed,
    /// `needs_approval` or `approval_invalid` if further signatures are missing or wrong, `device_exists` for keys that
    /// are listed already, `no_such_member`. The directory is unchanged on error.
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
        let opened = rights::open(self.team, entry)?;
        match &opened.op {
            Op::Genesis { verify_key, .. } => self.check_genesis(entry, verify_key)?,
            _ => {
                let signer = self.check_signer(entry)?;
                self.check_approvals(&opened, &signer)?;
            }
        }
        let recovered = opened.recovered();
        let order = WipeOrder { id: header.id(), day: header.day };
        self.apply(opened.op, order)?;
        if let Some((member, device)) = recovered {
            self.spend_recovery(member, device);
        }
        self.date_recovery(self.len() + 1, header.day);
        self.nonces.extend(opened.nonce);
        self.signed = self.signed.max(header.day);
        self.last_day = header.day;
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

    fn check_signer(&self, entry: &Envelope) -> Result<DeviceAt<'_>, Code> {
        let signer = self.device(&entry.header.device).ok_or(Code::DirectoryForged)?;
        let genuine = signer.standing.admin
            && signer.class == DeviceClass::Native
            && entry.header.space == self.space()
            && crypto::verify_envelope(signer.verify_key, entry);
        if genuine { Ok(signer) } else { Err(Code::DirectoryForged) }
    }

    /// `order`: what a wipe that the operation orders is known by.
    fn apply(&mut self, op: Op, order: WipeOrder) -> Result<(), Code> {
        let seq = self.len() + 1;
        match op {
            Op::Genesis { member, roles, verify_key, seal_key, profile, seal_key_2, .. } => {
                check_key(seal_key_2.as_deref().map(|key| key.as_slice()))?;
                let (unit, supervises, guest) = (None, Vec::new(), None);
                let standing = Member { roles, admin: true, unit, supervises, guest };
                self.members.insert(member, vec![Since { seq, value: Some(standing) }]);
                self.profiles.push(Since { seq, value: profile });
                let class = DeviceClass::Native;
                let device = NewDevice { member, verify_key, seal_key, class, seal_key_2 };
                self.list_device(seq, device);
            }
            Op::Member { member, roles, admin, unit, supervises, guest, last } => {
                if let Some(last) = last {
                    let devices: Vec<DeviceId> =
                        self.devices_of(member).map(|device| device.id).collect();
                    self.bound(seq, devices, &last);
                }
                let value = Some(Member { roles, admin, unit, supervises, guest });
                self.members.entry(member).or_default().push(Since { seq, value });
            }
            Op::Device { member, verify_key, seal_key, class, seal_key_2 } => {
                let device = NewDevice { member, verify_key, seal_key, class, seal_key_2 };
                self.check_new(&device)?;
                self.list_device(seq, device);
            }
            Op::Devices { devices } => {
                let (mut keys, mut members) = (BTreeSet::new(), BTreeSet::new());
                for device in &devices {
                    self.check_new(device)?;
                    // Each its member's first, or a further one would need nobody's word.
                    let distinct = keys.insert(*device.verify_key) && members.insert(device.member);
                    if !distinct || self.had_device(&device.member) {
                        return Err(Code::DeviceExists);
                    }
                }
                devices.into_iter().for_each(|device| self.list_device(seq, device));
            }
            Op::Policy { profile } => self.profiles.push(Since { seq, value: profile }),
            Op::Relay { relay } => {
                self.relays.insert(relay);
            }
            Op::Remove { member, device, last, wipe } => {
                let removed = self.remove(seq, member, device, &last)?;
                if wipe == Some(true) {
                    removed.into_iter().for_each(|device| self.order_wipe(device, order));
                }
            }
            Op::Release { items } => {
                for item in items {
                    self.released.entry(item).or_insert(seq);
                }
            }
            Op::Wipe { device } => {
                if self.devices.get(&device).is_none_or(|device| device.until.is_none()) {
                    return Err(Code::NotAllowed);
                }
                self.order_wipe(device, order);
            }
            Op::Renew => {}
            Op::Recovery { member, key } => {
                if self.member(&member).is_none() {
                    return Err(Code::NoSuchMember);
                }
                if let Some(key) = &key {
                    self.check_recovery(&member, key)?;
                }
                self.set_recovery(seq, member, key);
            }
            Op::Hold { space, doc, held } => {
                self.holds.entry((space, doc)).or_default().push(Since { seq, value: held });
            }
            Op::Approved { .. } => return Err(Code::Malformed),
        }
        Ok(())
    }

    fn check_new(&self, device: &NewDevice) -> Result<(), Code> {
        if self.member(&device.member).is_none() {
            return Err(Code::NoSuchMember);
        }
        // Keys are public: whoever repeats another device's must not take its place.
        check_key(device.seal_key_2.as_deref().map(|key| key.as_slice()))?;
        let id = crypto::device_id(&device.verify_key);
        if self.devices.contains_key(&id) || self.was_recovery(&id) {
            Err(Code::DeviceExists)
        } else {
            Ok(())
        }
    }

    fn list_device(&mut self, since: u64, device: NewDevice) {
        let NewDevice { member, verify_key, seal_key, class, seal_key_2 } = device;
        let seal_key_2 = seal_key_2.map(Vec::from);
        let (verify_key, seal_key) = (verify_key.into(), seal_key.into());
        let id = crypto::device_id(&verify_key);
        let until = None;
        let device = Device { since, until, member, verify_key, seal_key, seal_key_2, class };
        self.devices.insert(id, device);
    }

    fn remove(
        &mut self,
        seq: u64,
        member: MemberId,
        device: Option<DeviceId>,
        last: &[Accepted],
    ) -> Result<Vec<DeviceId>, Code> {
        if self.member(&member).is_none() {
            return Err(Code::NoSuchMember);
        }
        let removed: Vec<DeviceId> = self
            .devices_of(member)
            .map(|known| known.id)
            .filter(|id| device.is_none_or(|wanted| wanted == *id))
            .collect();
        if device.is_some() && removed.is_empty() {
            return Err(Code::UnknownDevice);
        }
        for id in &removed {
            if let Some(device) = self.devices.get_mut(id) {
                device.until = Some(seq);
            }
        }
        self.bound(seq, removed.clone(), last);
        if device.is_none() {
            self.members.entry(member).or_default().push(Since { seq, value: None });
            self.set_recovery(seq, member, None);
        }
        Ok(removed)
    }

    /// A further order for a device says nothing new: the first one is what it acknowledges.
    fn order_wipe(&mut self, device: DeviceId, order: WipeOrder) {
        self.wipes.entry(device).or_insert(order);
    }

    fn set_recovery(&mut self, seq: u64, member: MemberId, key: Option<RecoveryKey>) {
        self.note_recovery(seq, member, key.as_ref());
        self.recoveries.entry(member).or_default().push(Since { seq, value: key });
    }

    /// A recovery key lets one device in, and is spent.
    fn spend_recovery(&mut self, member: MemberId, device: DeviceId) {
        let seq = self.len() + 1;
        self.note_recovery_used(seq, member, device);
        self.recoveries.entry(member).or_default().push(Since { seq, value: None });
    }

    fn bound(&mut self, seq: u64, devices: Vec<DeviceId>, last: &[Accepted]) {
        for device in devices {
            let mine = last.iter().filter(|accepted| accepted.device == device);
            let value = mine.map(|accepted| (accepted.space, accepted.device_seq)).collect();
            self.bounds.entry(device).or_default().push(Since { seq, value });
        }
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
        if device.since > seq || device.until.is_some_and(|until| until <= seq) {
            return None;
        }
        Some(DeviceAt {
            id: *id,
            member: device.member,
            standing: self.member_at(&device.member, seq)?,
            verify_key: &device.verify_key,
            seal_key: &device.seal_key,
            seal_key_2: device.seal_key_2.as_deref(),
            class: device.class,
        })
    }

    /// The member as they are now.
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.member_at(id, self.len())
    }

    /// The member as they were at this length.
    pub fn member_at(&self, id: &MemberId, seq: u64) -> Option<&Member> {
        at(self.members.get(id)?, seq)?.as_ref()
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

    /// Whether the member has, or ever had, a device.
    pub fn had_device(&self, member: &MemberId) -> bool {
        self.devices.values().any(|device| device.member == *member)
    }

    /// The length with the entry that removed a device; `None` if it is listed or was never.
    pub fn removed_at(&self, device: &DeviceId) -> Option<u64> {
        self.devices.get(device)?.until
    }

    /// The length with the entry that listed a device.
    pub fn listed_at(&self, device: &DeviceId) -> Option<u64> {
        Some(self.devices.get(device)?.since)
    }

    /// Whose device this is or was.
    pub fn owner_of(&self, device: &DeviceId) -> Option<MemberId> {
        Some(self.devices.get(device)?.member)
    }

    /// The key a device has or had, whether or not it was removed.
    pub fn key_of(&self, device: &DeviceId) -> Option<&[u8; 32]> {
        Some(&self.devices.get(device)?.verify_key)
    }

    /// Where a device's rights ended or narrowed, with what counts of its numbering in a space, oldest first.
    pub fn bounds(&self, device: &DeviceId, space: SpaceId) -> impl Iterator<Item = Bound> {
        self.bounds.get(device).into_iter().flatten().map(move |since| Bound {
            seq: since.seq,
            last: since.value.get(&space).copied().unwrap_or(0),
        })
    }

    /// Whether an admin had released this item when the directory had this length.
    pub fn has_released(&self, item: &EnvelopeId, seq: u64) -> bool {
        self.released.get(item).is_some_and(|since| *since <= seq)
    }

    /// The order by which a removed device is to erase what it holds. Keys are listed once, so it never concerns a
    /// device that is listed.
    pub fn wipe_order(&self, device: &DeviceId) -> Option<WipeOrder> {
        self.wipes.get(device).copied()
    }

    /// Every device that was removed, in the order of their ids.
    pub fn removed(&self) -> impl Iterator<Item = DeviceId> {
        self.devices.iter().filter(|(_, device)| device.until.is_some()).map(|(id, _)| *id)
    }

    /// Whether a device's member was an admin when it was removed.
    pub(super) fn was_admins(&self, device: &DeviceId) -> Option<MemberId> {
        let removed = self.devices.get(device)?;
        let standing = self.member_at(&removed.member, removed.until?.checked_sub(1)?)?;
        standing.admin.then_some(removed.member)
    }

    /// A member's recovery key now.
    pub fn recovery(&self, member: &MemberId) -> Option<&RecoveryKey> {
        at(self.recoveries.get(member)?, self.len())?.as_ref()
    }

    /// Whether a document, or any that it goes on in, was under a legal hold when the directory had this length. It
    /// follows from the ids alone, whatever documents a node holds.
    pub fn is_held(&self, space: SpaceId, first: DocId, seq: u64) -> bool {
        let of_space = self.holds.range((space, DocId::ZERO)..).take_while(|(at, _)| at.0 == space);
        let held: BTreeSet<DocId> = of_space
            .filter(|(_, since)| at(since, seq) == Some(&true))
            .map(|((_, doc), _)| *doc)
            .collect();
        !held.is_empty() && first.chain().any(|doc| held.contains(&doc))
    }

    /// The day of the last entry, as its signer's corrected clock had it.
    pub fn last_day(&self) -> Day {
        self.last_day
    }

    /// The latest day of any entry, as its signer's corrected clock had it: how old the directory shows itself, if no clock ran ahead.
    pub fn signed(&self) -> Day {
        self.signed
    }

    /// Whether an approval with this nonce was used.
    pub fn has_spent(&self, nonce: &[u8; 16]) -> bool {
        self.nonces.contains(nonce)
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
