//! A member's further devices: vouched for by a device the member has, given their place by an admin's device.
//!
//! A voucher is a signature over the directory operation itself, so neither the relay that carries it nor the admin
//! who sequences it can put another device in its place. The fold refuses the entry without it.

use std::collections::BTreeSet;

use minicbor::bytes::ByteArray;

use crate::crypto;
use crate::directory::{Approval, Approver, DeviceAt, Directory, NewDevice, Op, approval_to_sign};
use crate::ids::DeviceId;
use crate::protocol::{Code, VouchedDevice, from_cbor, to_cbor};
use crate::records::DeviceClass;

use super::desk::Desk;
use super::invites::listed_by;
use super::rows::VouchRow;
use super::{EngineError, Env, Result};

impl Desk<'_> {
    /// Whether this device may vouch for a further one of its member: an app may. A browser trusts whoever serves it
    /// its page, who would let in an app of their own.
    pub fn may_vouch(&self) -> Result<()> {
        self.require_enrolled()?;
        let device = self.directory.device(&self.device());
        match device.map(|device| device.class) {
            Some(DeviceClass::Native) => Ok(()),
            _ => Err(EngineError::refused_because(
                Code::NotAllowed,
                "a further phone is let in from an app, not from a browser",
            )),
        }
    }

    /// Vouches for a further device of this member.
    pub fn vouch(&mut self, env: &mut Env<'_>, device: NewDevice) -> Result<()> {
        let NewDevice { member, verify_key, seal_key, class } = device;
        let op = to_cbor(&Op::Device { member, verify_key, seal_key, class });
        let mut nonce = [0; 16];
        env.rng.fill_bytes(&mut nonce);
        let sig = self.keys.sign(&approval_to_sign(self.identity.team, &nonce, &op));
        let (by, sig) = (self.device(), sig.into());
        let vouched = VouchedDevice { op: op.into(), nonce: nonce.into(), by, sig };
        let row = VouchRow { vouched, told: false };
        Ok(self.rows.put_vouch(crypto::device_id(&verify_key), &row)?)
    }

    /// The vouchers the relay does not have yet.
    pub fn untold_vouchers(&self) -> Result<Vec<VouchedDevice>> {
        let rows = self.rows.vouches()?;
        Ok(rows.into_iter().filter(|(_, row)| !row.told).map(|(_, row)| row.vouched).collect())
    }

    /// Takes what the relay tells of vouched devices: it has this device's own vouchers, and an admin's device gives
    /// others' their place. True if an entry came of it.
    pub fn take_vouched(&mut self, told: &[VouchedDevice]) -> Result<bool> {
        for (device, mut row) in self.rows.vouches()? {
            let known = told.contains(&row.vouched);
            if known != row.told {
                row.told = known;
                self.rows.put_vouch(device, &row)?;
            }
        }
        if self.require_admin().is_err() {
            return Ok(false);
        }
        let mut any = false;
        for vouched in told {
            any |= self.second(vouched)?;
        }
        Ok(any)
    }

    /// Proposes the entry of a vouched device.
    fn second(&mut self, vouched: &VouchedDevice) -> Result<bool> {
        let Some(device) = genuine(&self.directory, vouched) else {
            // No honest relay passes such a one on.
            self.rows.raise(Code::ApprovalInvalid, &vouched.by.to_string())?;
            return Ok(false);
        };
        let id = crypto::device_id(&device.verify_key);
        let waits = |op: &Op| listed_by(op).iter().any(|d| crypto::device_id(&d.verify_key) == id);
        let proposed = self.rows.proposals()?.iter().any(|proposal| waits(&proposal.op));
        if proposed || self.directory.owner_of(&id).is_some() {
            return Ok(false);
        }
        let VouchedDevice { op, nonce, by, sig } = vouched.clone();
        let nonce: ByteArray<16> = nonce;
        let approvals = vec![Approval { by: Approver::Device(by), sig }];
        self.propose(Op::Approved { op, nonce, approvals })?;
        Ok(true)
    }

    /// What [`Desk::settle_devices`] compares with, before the directory moves on.
    pub fn known_devices(&self) -> Result<Known> {
        let listed = self.directory.devices().map(|device| device.id).collect();
        let vouched = self.rows.vouches()?.into_iter().map(|(device, _)| device);
        let proposals = self.rows.proposals()?;
        let proposed = proposals.iter().flat_map(|proposal| listed_by(&proposal.op));
        let mine = vouched.chain(proposed.map(|device| crypto::device_id(&device.verify_key)));
        Ok(Known { listed, mine: mine.collect() })
    }

    /// After the directory moved on: what it lists by now need not be proposed or vouched for any more, and further
    /// devices are shown to admins and to the member's other devices.
    pub fn settle_devices(&mut self, before: &Known) -> Result<()> {
        let mut proposals = self.rows.proposals()?;
        let mut beaten = BTreeSet::new();
        let mut changed = false;
        proposals.retain_mut(|proposal| {
            let devices = listed_by(&proposal.op);
            let open: Vec<NewDevice> =
                devices.iter().filter(|d| self.still_open(&proposal.op, d)).cloned().collect();
            if open.len() == devices.len() {
                return true;
            }
            changed = true;
            let lost = devices.iter().filter(|d| !open.contains(d) && !self.was_listed(d));
            beaten.extend(lost.map(|device| device.member));
            match &mut proposal.op {
                // The others of a batch go on without those who were let in meanwhile.
                Op::Devices { devices } if !open.is_empty() => {
                    *devices = open;
                    proposal.signed = None;
                    true
                }
                _ => false,
            }
        });
        let vouched = self.rows.vouches()?.into_iter().map(|(device, _)| device);
        let settled: Vec<DeviceId> =
            vouched.filter(|device| self.directory.owner_of(device).is_some()).collect();
        let shown = self.further_devices(before);
        if changed {
            self.rows.put_proposals(&proposals)?;
        }
        for member in beaten {
            self.rows.raise(Code::FurtherDevice, &member.to_string())?;
        }
        for device in settled {
            self.rows.delete_vouch(device)?;
        }
        for device in shown {
            self.rows.raise(Code::DeviceAdded, &device.to_string())?;
        }
        Ok(())
    }

    fn was_listed(&self, device: &NewDevice) -> bool {
        self.directory.owner_of(&crypto::device_id(&device.verify_key)).is_some()
    }

    /// Whether an entry that lists this device can still be taken: nobody listed it meanwhile, nor, where it is to be
    /// its member's first, another one.
    fn still_open(&self, op: &Op, device: &NewDevice) -> bool {
        let needs_nobody = matches!(op, Op::Device { .. } | Op::Devices { .. });
        let mine = device.member == self.identity.member;
        let is_first = !self.directory.had_device(&device.member);
        !self.was_listed(device) && (is_first || mine || !needs_nobody)
    }

    /// Devices that are new here and not their member's first, as far as this device's member should know of them.
    fn further_devices(&self, before: &Known) -> Vec<DeviceId> {
        let admin = self.require_admin().is_ok();
        let listed_at = |id: &DeviceId| self.directory.listed_at(id);
        let is_further = |device: &DeviceAt<'_>| {
            let mut all = self.directory.devices_of(device.member);
            all.any(|other| listed_at(&other.id) < listed_at(&device.id))
        };
        let concerns = |device: &DeviceAt<'_>| match device.member == self.identity.member {
            true => device.id != self.device() && !before.mine.contains(&device.id),
            false => admin,
        };
        let fresh = self.directory.devices().filter(|device| !before.listed.contains(&device.id));
        let shown = fresh.filter(|device| is_further(device) && concerns(device));
        shown.map(|device| device.id).collect()
    }
}

/// The devices of a moment: those listed, and those that this device vouched for or proposed itself.
pub(super) struct Known {
    listed: BTreeSet<DeviceId>,
    mine: BTreeSet<DeviceId>,
}

/// The device, if the voucher is what it says: one signed by an app of the very member.
fn genuine(directory: &Directory, vouched: &VouchedDevice) -> Option<NewDevice> {
    let op: Op = from_cbor(&vouched.op).ok()?;
    if !matches!(op, Op::Device { .. }) {
        return None;
    }
    let device = listed_by(&op).pop()?;
    let by = directory.device(&vouched.by)?;
    let message = approval_to_sign(directory.team(), &vouched.nonce, &vouched.op);
    let holds = by.member == device.member
        && by.class == DeviceClass::Native
        && crypto::verify(by.verify_key, &message, &vouched.sig);
    holds.then_some(device)
}
