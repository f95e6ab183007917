//! Inviting devices, on the phone that does: links, printed batches, and the answers to them.
//!
//! An admin's phone invites anybody's first device, any member's phone a further device of that member. Either checks
//! the MAC of the new keys itself, so that no relay can put others in their place; an answer counts once. What follows
//! is a directory entry (an admin's phone), or a voucher that an admin's phone turns into one ([`super::vouch`]).

use std::collections::{BTreeMap, BTreeSet};

use minicbor::bytes::ByteArray;

use crate::crypto::{self, TypedCode};
use crate::directory::{NewDevice, Op};
use crate::ids::{DeviceId, MemberId};
use crate::protocol::{
    Code, EnrolRequest, Invitation, InviteKind, InviteNotice, PendingEnrolment, Timestamp,
    from_cbor,
};
use crate::records::DeviceClass;

use super::desk::Desk;
use super::rows::{InviteRow, Way};
use super::{EngineError, Env, Phone, Result};

/// How long invitations are listed after they were made: 30 days.
const LISTED_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Whether an invitation can still be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteState {
    /// Nobody has answered yet.
    Unclaimed,
    /// A device answered; it is in the directory, or on its way into it.
    Claimed,
    /// Its time or its tries are over.
    Ended,
}

impl InviteState {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unclaimed => "unclaimed",
            Self::Claimed => "claimed",
            Self::Ended => "ended",
        }
    }
}

/// An invitation made on this phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteView {
    /// Whose device it is for.
    pub member: MemberId,
    /// Where it stands.
    pub state: InviteState,
    /// Milliseconds it has left, 0 once it is claimed or ended.
    pub left_ms: i64,
    /// Whether it is handed over as a typed code.
    pub typed: bool,
    /// Whether it is one of a printed batch.
    pub batch: bool,
    /// Tries of a typed code so far.
    pub tries: usize,
    /// The device that answered.
    pub device: Option<DeviceId>,
}

impl Phone {
    /// Makes an invitation for a device, as a QR code or link: single use, 15 minutes. It needs no network here; the
    /// relay hears of it with the next sync, and a phone that replies by a second scan needs no relay at all.
    ///
    /// # Errors
    /// `not_allowed` for somebody else's device without the `admin` capability, `no_such_member`; `further_device` if
    /// somebody else has a device already, `no_device_left` if theirs were removed: nobody can vouch for another one.
    pub fn invite(&mut self, env: &mut Env<'_>, member: MemberId) -> Result<Invitation> {
        let mut desk = self.desk_of_person()?;
        desk.may_invite(member)?;
        let invitation = desk.make_invite(env, member, Way::Link, None)?;
        desk.commit()?;
        Ok(invitation)
    }

    /// Makes invitations for the first devices of several members, to be printed for a station: single use, 72 hours.
    /// Those that were answered when this phone syncs are let in by one directory entry.
    ///
    /// # Errors
    /// As [`Phone::invite`]; none is made then.
    pub fn invite_batch(
        &mut self,
        env: &mut Env<'_>,
        members: &[MemberId],
    ) -> Result<Vec<Invitation>> {
        let mut desk = self.desk_of_person()?;
        desk.require_admin()?;
        let members: BTreeSet<MemberId> = members.iter().copied().collect();
        let mut batch = [0; 16];
        env.rng.fill_bytes(&mut batch);
        let mut invitations = Vec::with_capacity(members.len());
        for member in members {
            if member == desk.identity.member {
                return Err(Code::FurtherDevice.into());
            }
            desk.may_invite(member)?;
            invitations.push(desk.make_invite(env, member, Way::Batch, Some(batch))?);
        }
        desk.commit()?;
        Ok(invitations)
    }

    /// Every invitation made on this phone in the last 30 days, newest first.
    pub fn invites(&mut self, env: &Env<'_>) -> Result<Vec<InviteView>> {
        let desk = self.desk()?;
        let mut rows: Vec<InviteRow> = desk
            .rows
            .invites()?
            .into_iter()
            .map(|(_, row)| row)
            .filter(|row| row.way != Way::Run)
            .collect();
        rows.sort_by_key(|row| (std::cmp::Reverse(row.made.0), row.member));
        Ok(rows.iter().map(|row| view(row, env.now)).collect())
    }

    /// Takes the reply that a new phone showed as a second QR code, checks its MAC at once and signs the entry (or the
    /// voucher) that lets the device in. It leaves with the next sync; the new phone needs no more of this one.
    ///
    /// # Errors
    /// `malformed` if it is no reply, `invite_unknown` if it answers no invitation of this phone that still stands,
    /// `invite_forged` if the keys are not what the invited phone sent, `device_exists`.
    pub fn accept_reply(&mut self, env: &mut Env<'_>, reply: &str) -> Result<DeviceId> {
        let request = EnrolRequest::from_reply(reply).map_err(|_| Code::Malformed)?;
        let mut desk = self.desk_of_person()?;
        desk.require_enrolled()?;
        let pending = PendingEnrolment::from(&request);
        let stands = desk.rows.invite(&pending.lookup)?.and_then(|row| row.left_ms(env.now));
        if stands.is_none() || request.team != desk.identity.team {
            return Err(Code::InviteUnknown.into());
        }
        let answered = desk.claim(env.now, &pending)?;
        let (invite, device) = answered.map_err(EngineError::from)?;
        let id = crypto::device_id(&device.verify_key);
        desk.welcome(env, BTreeMap::from([(id, (invite, device))]))?;
        if desk.require_admin().is_ok() {
            desk.sign_proposals(env)?;
        }
        desk.commit()?;
        Ok(id)
    }
}

fn view(row: &InviteRow, now: Timestamp) -> InviteView {
    let left_ms = row.left_ms(now);
    let state = match (row.device, left_ms) {
        (Some(_), _) => InviteState::Claimed,
        (None, Some(_)) => InviteState::Unclaimed,
        (None, None) => InviteState::Ended,
    };
    InviteView {
        member: row.member,
        state,
        left_ms: left_ms.unwrap_or(0),
        typed: row.way == Way::Code,
        batch: row.way == Way::Batch,
        tries: row.tries.len(),
        device: row.device,
    }
}

/// The devices that an operation lists.
pub(super) fn listed_by(op: &Op) -> Vec<NewDevice> {
    match op {
        Op::Device { member, verify_key, seal_key, class, seal_key_2 } => {
            let (member, verify_key, seal_key, class) = (*member, *verify_key, *seal_key, *class);
            let seal_key_2 = seal_key_2.clone();
            vec![NewDevice { member, verify_key, seal_key, class, seal_key_2 }]
        }
        Op::Devices { devices } => devices.clone(),
        Op::Approved { op, .. } => from_cbor(op).map(|op| listed_by(&op)).unwrap_or_default(),
        _ => Vec::new(),
    }
}

impl Desk<'_> {
    /// Whether this device may invite a device of this member.
    pub fn may_invite(&self, member: MemberId) -> Result<()> {
        if member == self.identity.member {
            return self.may_vouch();
        }
        self.require_admin()?;
        let proposed =
            self.rows.proposals()?.into_iter().any(
                |proposal| matches!(proposal.op, Op::Member { member: id, .. } if id == member),
            );
        let proposed = proposed || self.waits_to_enter(member)?;
        if !proposed && self.directory.member(&member).is_none() {
            return Err(Code::NoSuchMember.into());
        }
        if self.is_proposed(member)? {
            return Err(Code::FurtherDevice.into());
        }
        // Its recovery key can vouch for a further one.
        let restorable = self.directory.recovery(&member).is_some();
        if restorable || !self.directory.had_device(&member) {
            return Ok(());
        }
        let has_one = self.directory.devices_of(member).next().is_some();
        Err(if has_one { Code::FurtherDevice } else { Code::NoDeviceLeft }.into())
    }

    /// Whether a device of this member waits here to be listed.
    fn is_proposed(&self, member: MemberId) -> Result<bool> {
        let proposals = self.rows.proposals()?;
        Ok(proposals.iter().any(|p| listed_by(&p.op).iter().any(|d| d.member == member)))
    }

    fn make_invite(
        &mut self,
        env: &mut Env<'_>,
        member: MemberId,
        way: Way,
        batch: Option<[u8; 16]>,
    ) -> Result<Invitation> {
        let mut secret = [0; 16];
        env.rng.fill_bytes(&mut secret);
        let mut row = InviteRow::new(secret, member, env.now, way);
        row.group = batch.map(ByteArray::from);
        self.rows.put_invite(&crypto::invite::lookup(&secret), &row)?;
        self.invitation(env.now, &row)
    }

    /// What the new device is told.
    pub fn invitation(&self, now: Timestamp, row: &InviteRow) -> Result<Invitation> {
        let left_ms = row.left_ms(now).unwrap_or(0);
        Ok(Invitation {
            relay: self.identity.relay.clone(),
            team: self.identity.team,
            head_seq: self.directory.len(),
            head_hash: self.directory.head(),
            member: row.member,
            secret: row.secret,
            expires: self.corrected(now)?.0.plus_ms(left_ms),
        })
    }

    /// Considers every device that asks to be let in. True if anything came of it.
    pub fn consider_all(
        &mut self,
        env: &mut Env<'_>,
        pending: &[PendingEnrolment],
    ) -> Result<bool> {
        let mut answered = BTreeMap::new();
        let mut any = false;
        for pending in pending {
            let Some(restored) = self.restored(pending)? else { continue };
            let Ok((invite, device)) = self.claim(env.now, pending)? else { continue };
            any = true;
            match restored {
                Some(op) => self.propose(op)?,
                None => {
                    answered.insert(crypto::device_id(&device.verify_key), (invite, device));
                }
            }
        }
        self.welcome(env, answered)?;
        Ok(any)
    }

    /// Takes an answer to an invitation of this phone: its keys must carry the invitation's MAC, and it counts once.
    /// The inner error tells why it was not taken.
    fn claim(
        &mut self,
        now: Timestamp,
        pending: &PendingEnrolment,
    ) -> Result<std::result::Result<(InviteRow, NewDevice), Code>> {
        let Some(mut invite) = self.rows.invite(&pending.lookup)? else {
            return Ok(Err(Code::InviteUnknown));
        };
        // Used, over, or a code's nameplate, which no keys answer.
        if invite.device.is_some() || invite.over || invite.way == Way::Code {
            return Ok(Err(Code::InviteUnknown));
        }
        let subject = invite.member.to_string();
        let second = pending.seal_key_2.as_ref().map(|key| key.as_slice());
        let seal_keys = crypto::SealKeys { first: &pending.seal_key, second };
        let genuine = crypto::invite::check(
            &invite.secret,
            self.identity.team,
            &pending.verify_key,
            &seal_keys.to_bytes(),
            pending.class.unwrap_or(0),
            &pending.mac,
        );
        let Some(class) = DeviceClass::from_u8(pending.class.unwrap_or(0)).filter(|_| genuine)
        else {
            self.rows.raise(Code::InviteForged, &subject)?;
            return Ok(Err(Code::InviteForged));
        };
        if invite.left_ms(now).is_none() {
            invite.close(None);
            self.rows.put_invite(&pending.lookup, &invite)?;
            return Ok(Err(Code::InviteUnknown));
        }
        let id = crypto::device_id(&pending.verify_key);
        // The answer of somebody who holds the invitation, with keys that are another device's.
        if self.directory.owner_of(&id).is_some() {
            self.rows.raise(Code::DeviceExists, &subject)?;
            return Ok(Err(Code::DeviceExists));
        }
        self.rows.lower(Code::InviteForged, &subject)?;
        let taken = invite.clone();
        invite.close(Some(id));
        self.rows.put_invite(&pending.lookup, &invite)?;
        if let (Way::Run, Some(code)) = (invite.way, invite.group) {
            self.close_code(code, id)?;
            // Thirty-five bits were typed by a person: somebody should look at the fingerprint.
            self.rows.set_unchecked(id, true)?;
        }
        let (verify_key, seal_key) = (pending.verify_key, pending.seal_key);
        let (member, seal_key_2) = (invite.member, pending.seal_key_2.clone());
        Ok(Ok((taken, NewDevice { member, verify_key, seal_key, class, seal_key_2 })))
    }

    /// Lets in what answered: each by an entry or a voucher of its own, those of one batch by one entry.
    fn welcome(
        &mut self,
        env: &mut Env<'_>,
        answered: BTreeMap<DeviceId, (InviteRow, NewDevice)>,
    ) -> Result<()> {
        let mut batches: BTreeMap<[u8; 16], Vec<NewDevice>> = BTreeMap::new();
        for (invite, device) in answered.into_values() {
            let mine = device.member == self.identity.member;
            let later =
                self.directory.had_device(&device.member) || self.is_proposed(device.member)?;
            match invite.group.filter(|_| invite.way == Way::Batch) {
                // Let in by somebody else since the invitation was made.
                _ if later && !mine => {
                    self.rows.raise(Code::FurtherDevice, &device.member.to_string())?;
                }
                Some(batch) => batches.entry(*batch).or_default().push(device),
                // An admin's own entry is signed by a device of the member, as a further device needs.
                None if self.require_admin().is_ok() => self.propose(entry_for(device))?,
                None => self.vouch(env, device)?,
            }
        }
        for devices in batches.into_values() {
            self.propose(Op::Devices { devices })?;
        }
        Ok(())
    }

    /// The invitations still open, with the time they have left told on the relay's clock. Those that ended lose their
    /// secret, and are forgotten in the end.
    pub fn invite_notices(&mut self, now: Timestamp) -> Result<Vec<InviteNotice>> {
        let mut notices = Vec::new();
        for (lookup, mut invite) in self.rows.invites()? {
            let Some(left_ms) = invite.left_ms(now) else {
                if now.0.saturating_sub(invite.made.0) > LISTED_MS || invite.way == Way::Run {
                    self.rows.delete_invite(&lookup)?;
                } else if invite.device.is_none() && !invite.over {
                    invite.close(None);
                    self.rows.put_invite(&lookup, &invite)?;
                }
                continue;
            };
            let kind = match invite.way {
                Way::Link | Way::Run => None,
                Way::Batch => Some(InviteKind::Batch),
                Way::Code => Some(InviteKind::Code),
            };
            let expires = self.token_time(now)?.plus_ms(left_ms);
            notices.push(InviteNotice { lookup: lookup.into(), expires, kind });
        }
        Ok(notices)
    }

    /// Keeps a typed code as an invitation.
    pub fn keep_code(&mut self, code: &TypedCode, member: MemberId, now: Timestamp) -> Result<()> {
        let mut secret = [0; 16];
        secret[..code.as_bytes().len()].copy_from_slice(code.as_bytes());
        let row = InviteRow::new(secret, member, now, Way::Code);
        Ok(self.rows.put_invite(&code.lookup(), &row)?)
    }
}

/// The entry that lists one device.
pub(super) fn entry_for(device: NewDevice) -> Op {
    let NewDevice { member, verify_key, seal_key, class, seal_key_2 } = device;
    Op::Device { member, verify_key, seal_key, class, seal_key_2 }
}
