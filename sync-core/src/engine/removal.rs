//! Removing devices and members, on an admin's device; and being removed, on the device concerned.
//!
//! A removal is proposed at once, offline too. It is signed when the relay has told how far each device had come, and
//! the relay takes it only while that is still so; otherwise it is signed anew with what the relay tells then.

use std::collections::BTreeMap;

use crate::directory::Op;
use crate::ids::{DeviceId, EnvelopeId, MemberId, SpaceId};
use crate::protocol::{
    Accepted, Code, Envelope, Header, RemovalNotice, SetAside, SyncResponse, from_cbor,
};

use super::desk::Desk;
use super::heal::was_taken;
use super::rows::ItemRow;
use super::store::Table;
use super::wipe::Removal;
use super::{EngineError, Env, Phone, Result};

impl Phone {
    /// Takes a device out of the team. Proposed here, in force once the relay has taken the entry.
    ///
    /// # Errors
    /// `not_allowed` without the `admin` capability, `unknown_device` if the directory lists no such device.
    pub fn remove_device(&mut self, device: DeviceId) -> Result<()> {
        let mut desk = self.desk()?;
        desk.propose_removal_of(device, false)?;
        desk.commit()
    }

    /// As [`Phone::remove_device`]; the same entry orders the device to erase what it holds.
    ///
    /// # Errors
    /// As there; `directory_behind` while its removal without a wipe is on its way.
    pub fn remove_and_wipe_device(&mut self, device: DeviceId) -> Result<()> {
        let mut desk = self.desk()?;
        desk.propose_removal_of(device, true)?;
        desk.commit()
    }

    /// Takes a member out of the team, with every device; as [`Phone::remove_device`].
    ///
    /// # Errors
    /// `not_allowed` without the `admin` capability, `no_such_member`.
    pub fn remove_member(&mut self, member: MemberId) -> Result<()> {
        let mut desk = self.desk()?;
        desk.propose_removal(member, None, false)?;
        desk.commit()
    }

    /// As [`Phone::remove_member`]; the same entry orders every device to erase what it holds.
    ///
    /// # Errors
    /// As there; `directory_behind` while their removal without a wipe is on its way.
    pub fn remove_and_wipe_member(&mut self, member: MemberId) -> Result<()> {
        let mut desk = self.desk()?;
        desk.propose_removal(member, None, true)?;
        desk.commit()
    }

    /// Lets items count after all that came after their device was removed.
    ///
    /// # Errors
    /// `not_allowed` without the `admin` capability.
    pub fn release(&mut self, items: &[EnvelopeId]) -> Result<()> {
        let mut desk = self.desk()?;
        desk.require_admin()?;
        desk.propose_once(Op::Release { items: items.to_vec() })?;
        desk.commit()
    }

    /// What came after its device was removed, as the relay last told this admin's device.
    ///
    /// # Errors
    /// `not_allowed` without the `admin` capability.
    pub fn quarantined(&mut self) -> Result<Vec<SetAside>> {
        let desk = self.desk()?;
        desk.require_admin()?;
        Ok(desk.rows.set_aside()?)
    }

    /// Takes what a relay says instead of an answer: that this device was removed. Believed only if the entries show it;
    /// then everything is kept and nothing is sent any more, unless the entries order it to be wiped.
    ///
    /// # Errors
    /// `malformed`, or what is wrong with the entries: nothing of them is taken then, but an alarm stands on a fork or
    /// a forgery. `store_failed` if there is no room to erase: it is tried again with the next request.
    pub fn take_removal(&mut self, env: &mut Env<'_>, notice: &[u8]) -> Result<Removal> {
        let notice: RemovalNotice = from_cbor(notice).map_err(|_| Code::Malformed)?;
        if self.wiped.is_some() {
            if notice.wiped == Some(true) {
                self.wipe_acknowledged(env)?;
            }
            return Ok(Removal::Wiped);
        }
        let mut entries = Vec::with_capacity(notice.entries.len());
        for packed in &notice.entries {
            let entry: Envelope = notice.batch.unpack(packed).map_err(|_| Code::Malformed)?;
            entries.push(entry.into());
        }
        let mut desk = self.desk()?;
        if let Err(code) = desk.take_entries(env, entries)? {
            drop(desk);
            if matches!(code, Code::DirectoryFork | Code::DirectoryForged) {
                let mut desk = self.desk()?;
                desk.rows.raise(code, "")?;
                desk.commit()?;
            }
            return Err(code.into());
        }
        if !desk.is_removed() {
            return Ok(Removal::Unproven);
        }
        let device = desk.device();
        desk.rows.raise(Code::DeviceRemoved, &device.to_string())?;
        let ordered = desk.own_wipe().is_some();
        if ordered {
            desk.note_heard(notice.heard.as_deref().unwrap_or_default())?;
        }
        let directory = desk.directory.clone().into_owned();
        desk.commit()?;
        self.directory = directory;
        self.wipe_if_due(env)?;
        Ok(if ordered { Removal::Again } else { Removal::Removed })
    }
}

impl Desk<'_> {
    fn propose_removal_of(&mut self, device: DeviceId, wipe: bool) -> Result<()> {
        let member = self.directory.device(&device).map(|listed| listed.member);
        self.require_admin()?;
        self.propose_removal(member.ok_or(Code::UnknownDevice)?, Some(device), wipe)
    }

    fn propose_removal(
        &mut self,
        member: MemberId,
        device: Option<DeviceId>,
        wipe: bool,
    ) -> Result<()> {
        self.require_admin()?;
        self.directory.member(&member).ok_or(Code::NoSuchMember)?;
        let removal = |wipe| Op::Remove { member, device, last: Vec::new(), wipe };
        if wipe && self.is_waiting(&removal(None))? {
            let why = "the removal is on its way: order the wipe once this phone has synced";
            return Err(EngineError::refused_because(Code::DirectoryBehind, why));
        }
        if !wipe && self.is_waiting(&removal(Some(true)))? {
            return Ok(());
        }
        self.propose_once(removal(wipe.then_some(true)))
    }

    pub fn propose_once(&mut self, op: Op) -> Result<()> {
        if self.is_waiting(&op)? { Ok(()) } else { self.propose(op) }
    }

    /// Whether this device has such an operation to enter already.
    fn is_waiting(&self, op: &Op) -> Result<bool> {
        let mut same = op.clone();
        same.set_numbers(Vec::new());
        Ok(self.rows.proposals()?.into_iter().any(|mut proposal| {
            proposal.op.set_numbers(Vec::new());
            proposal.op == same
        }))
    }

    /// Whether this device was removed: it sends nothing any more.
    pub fn is_removed(&self) -> bool {
        self.directory.removed_at(&self.device()).is_some()
    }

    /// The devices whose numbers the proposals must name.
    pub fn numbers_wanted(&self) -> Result<Vec<DeviceId>> {
        let mut wanted = Vec::new();
        for proposal in self.rows.proposals()? {
            wanted.extend(self.directory.bounded_by(&proposal.op).unwrap_or_default());
        }
        wanted.sort();
        wanted.dedup();
        Ok(wanted)
    }

    /// Puts the numbers into an operation that must name some; false while the relay has not told them.
    pub fn fill_numbers(&self, op: &mut Op) -> Result<bool> {
        let Some(devices) = self.directory.bounded_by(op) else { return Ok(true) };
        let mut numbers = Vec::new();
        for device in devices {
            let Some(told) = self.rows.accepted(device)? else { return Ok(false) };
            numbers.extend(told);
        }
        op.set_numbers(numbers);
        Ok(true)
    }

    /// How far devices had come in the logs that this phone holds: what it, or whoever has read the same, hands back to a
    /// relay that lost it counts like what the relay has now.
    fn numbers_taken(&self, devices: &[DeviceId]) -> Result<Vec<Accepted>> {
        let mut taken = Vec::new();
        for (key, value) in self.rows.all(Table::Items, &[])? {
            let item: ItemRow = from_cbor(&value).map_err(|_| Code::StoreFailed)?;
            let id = EnvelopeId::from_slice(&key).map_err(|_| Code::StoreFailed)?;
            let Some(envelope) = self.rows.envelope(id)?.filter(|_| was_taken(&item)) else {
                continue;
            };
            let Header { device, space, device_seq, .. } = envelope.header;
            // Nobody signed what stands in place of a missing item.
            if devices.contains(&device) && self.rows.hole(id)?.is_none() {
                taken.push(Accepted { device, space, device_seq });
            }
        }
        Ok(taken)
    }

    /// Keeps what the relay tells an admin's device of removed devices; true if a removal can be signed, or signed anew, now.
    pub fn take_numbers(&mut self, response: &SyncResponse, is_latest: bool) -> Result<bool> {
        if self.require_admin().is_ok() && is_latest {
            self.rows.put_set_aside(response.set_aside.as_deref().unwrap_or_default())?;
        }
        let wanted = self.numbers_wanted()?;
        let mut news = false;
        // A relay that lost something tells too little until it is healed.
        let heals = response.healing.as_ref().is_some_and(|healing| healing.held)
            || self.rows.has_marks()?
            || !self.rows.owes_no_order()?;
        let accepted = response.accepted.as_deref().filter(|_| is_latest && !heals);
        if let Some(accepted) = accepted.filter(|_| !wanted.is_empty()) {
            let taken = self.numbers_taken(&wanted)?;
            for device in &wanted {
                let both = accepted.iter().chain(&taken).filter(|one| one.device == *device);
                let mut highest: BTreeMap<SpaceId, u64> = BTreeMap::new();
                for one in both {
                    let number = highest.entry(one.space).or_default();
                    *number = one.device_seq.max(*number);
                }
                let told: Vec<Accepted> = highest
                    .into_iter()
                    .map(|(space, device_seq)| Accepted { device: *device, space, device_seq })
                    .collect();
                if self.rows.accepted(*device)?.as_ref() != Some(&told) {
                    self.rows.put_accepted(*device, &told)?;
                    news = true;
                }
            }
        }
        self.rows.keep_accepted_of(&wanted)?;
        Ok(news)
    }
}
