//! Setting recovery up, on the member's own phone: a key, its code, its shares, and the change that lists it.

use std::collections::BTreeSet;

use crate::crypto::{self, RecoverySecret};
use crate::directory::{
    Approval, Approver, RecoveryChange, RecoveryKey, RecoveryProposal, SealedShare, ShareWrap,
};
use crate::ids::MemberId;
use crate::protocol::{Code, RecoveryShare, Timestamp, to_cbor};
use crate::records::{DeviceClass, SpaceKind};

use super::super::desk::Desk;
use super::super::rows::MyProposal;
use super::super::{EngineError, Env, Phone, Result};
use super::drill::is_due;
use super::{Holder, PrintedShare, RecoverySheet, RecoveryState, RecoveryStatus};

impl Phone {
    /// Makes a recovery key for this phone's member. It replaces an earlier one, and counts once an admin has listed it.
    ///
    /// `holders`: three members, any two of whom can restore it. `printed`: whether a code is to be printed that
    /// restores it alone. The secret is on the returned sheet and nowhere else.
    ///
    /// # Errors
    /// Asks its person again, as [`Phone::unlock`] does. `bad_value` if neither is asked for; `no_such_member`; `holder_without_device` unless the holders are three
    /// others, each with a phone.
    pub fn make_recovery(
        &mut self,
        env: &mut Env<'_>,
        holders: Option<[MemberId; 3]>,
        printed: bool,
    ) -> Result<RecoverySheet> {
        if holders.is_none() && !printed {
            return Err(EngineError::refused_because(
                Code::BadValue,
                "choose a printed code, three holders, or both",
            ));
        }
        self.ask_person(env)?;
        let mut desk = self.desk_of_person()?;
        desk.require_enrolled()?;
        let (team, member) = (desk.identity.team, desk.identity.member);
        let secret = RecoverySecret::generate(env.rng);
        let keys = secret.keys(team, member);
        let shares = match holders {
            Some(_) => crypto::split_secret(&secret, team, member, env.rng),
            None => Vec::new(),
        };
        let holders: Vec<MemberId> = holders.into_iter().flatten().collect();
        let key = RecoveryKey {
            verify_key: keys.verify_key().into(),
            seal_key: keys.seal_key().into(),
            seal_key_2: keys.seal_key_2().map(Into::into),
            shares: desk.seal_shares(env, &holders, &shares)?,
        };
        let waits = desk.propose_recovery(env, Some(key))?;
        desk.commit()?;
        let printed_shares = holders.iter().zip(&shares).map(|(holder, share)| PrintedShare {
            holder: *holder,
            text: crypto::share_text(share),
        });
        Ok(RecoverySheet {
            key: keys.id(),
            code: printed.then(|| crypto::recovery_code(&secret)),
            shares: printed_shares.collect(),
            waits,
        })
    }

    /// Asks for this member's recovery key to be dropped, so that nothing but their devices reads for them.
    ///
    /// # Errors
    /// Asks its person again, as [`Phone::unlock`] does. `recovery_none` if there is none.
    pub fn drop_recovery(&mut self, env: &mut Env<'_>) -> Result<()> {
        self.ask_person(env)?;
        let mut desk = self.desk_of_person()?;
        desk.require_enrolled()?;
        if desk.directory.recovery(&desk.identity.member).is_none() {
            return Err(Code::RecoveryNone.into());
        }
        desk.propose_recovery(env, None)?;
        desk.commit()
    }

    /// How far this member's recovery is set up, and whether it is time to try it.
    pub fn recovery_status(&mut self, now: Timestamp) -> Result<RecoveryStatus> {
        let desk = self.desk()?;
        let member = desk.identity.member;
        let listed = desk.directory.recovery(&member);
        let log = desk.directory.recovery_log().iter();
        let last = log.rev().find(|event| event.member == member);
        let waits = desk.rows.my_proposal()?.is_some();
        let state = match (listed, waits, last.map(|event| event.change)) {
            (_, true, _) => RecoveryState::Waits,
            (Some(_), false, _) => RecoveryState::SetUp,
            (None, false, Some(RecoveryChange::Used(_))) => RecoveryState::Spent,
            (None, false, _) => RecoveryState::None,
        };
        let set_up = listed.and(last).map(|event| event.day);
        let drilled = desk.drilled(listed)?;
        let today = desk.corrected(now)?.0.day();
        let shares = listed.map(|key| key.shares.as_slice()).unwrap_or_default();
        let holders = shares.iter().map(|share| Holder {
            member: share.holder,
            reachable: share.sealed.iter().any(|wrap| {
                desk.directory.device(&wrap.device).is_some_and(|d| d.member == share.holder)
            }),
        });
        let mut no_escrow = Vec::new();
        for kind in [SpaceKind::Personal, SpaceKind::Care] {
            if !desk.wants_escrow(kind)? {
                no_escrow.push(kind);
            }
        }
        Ok(RecoveryStatus {
            state,
            key: listed.map(RecoveryKey::id),
            holders: holders.collect(),
            set_up,
            drilled,
            drill_due: set_up.is_some_and(|day| is_due(today, drilled.unwrap_or(day).max(day))),
            no_escrow,
        })
    }
}

impl Desk<'_> {
    /// Seals each share to the phones of its holder.
    fn seal_shares(
        &self,
        env: &mut Env<'_>,
        holders: &[MemberId],
        shares: &[RecoveryShare],
    ) -> Result<Vec<SealedShare>> {
        let distinct: BTreeSet<&MemberId> = holders.iter().collect();
        if distinct.len() != holders.len() || holders.contains(&self.identity.member) {
            return Err(Code::HolderWithoutDevice.into());
        }
        let mut out = Vec::with_capacity(shares.len());
        for (holder, share) in holders.iter().zip(shares) {
            self.directory.member(holder).ok_or(Code::NoSuchMember)?;
            let mut sealed = Vec::new();
            for device in self.directory.devices_of(*holder) {
                if !matches!(device.class, DeviceClass::Native | DeviceClass::Web) {
                    continue;
                }
                let wrap = crypto::seal_share(share, device.id, device.seal_keys(), env.rng)
                    .map_err(|_| EngineError::refused(Code::SealBroken))?;
                sealed.push(ShareWrap { device: device.id, sealed: wrap.into() });
            }
            if sealed.is_empty() {
                return Err(Code::HolderWithoutDevice.into());
            }
            out.push(SealedShare { holder: *holder, check: crypto::share_check(share), sealed });
        }
        Ok(out)
    }

    /// Approves a change of this member's own recovery key here, and sends it to the admins. False if this phone's
    /// own signature is all it needs.
    fn propose_recovery(&mut self, env: &mut Env<'_>, key: Option<RecoveryKey>) -> Result<bool> {
        let mut nonce = [0; 16];
        env.rng.fill_bytes(&mut nonce);
        let id = key.as_ref().map(RecoveryKey::id);
        let mut proposal = RecoveryProposal::new(self.identity.member, key, nonce);
        let approval = Approval {
            by: Approver::Device(self.device()),
            sig: self.keys.sign(&proposal.to_sign(&self.directory)).into(),
        };
        proposal.approve(&self.directory, approval);
        let op = proposal.to_op();
        let row = MyProposal { proposal: to_cbor(&op).into(), nonce: nonce.into(), key: id };
        self.rows.put_my_proposal(&row)?;
        let own = self.identity.member;
        let alone = self.require_admin().is_ok() && proposal.is_enough_with(&self.directory, own);
        if alone {
            self.withdraw_recovery(own)?;
            self.propose(op)?;
        }
        Ok(!alone)
    }

    /// What this phone sends to the admins, or as an admin to the others.
    pub fn recovery_to_send(&self) -> Result<Option<Vec<minicbor::bytes::ByteVec>>> {
        let mine = self.rows.my_proposal()?.into_iter().map(|row| row.proposal);
        let carried = self.rows.carried()?.into_iter().map(|(_, proposal)| proposal.into());
        let all: Vec<minicbor::bytes::ByteVec> = mine.chain(carried).collect();
        Ok((!all.is_empty()).then_some(all))
    }
}
