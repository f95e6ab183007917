//! An admin's device: making the team, entering members, inviting devices. All of it works offline.

use std::collections::BTreeMap;

use minicbor::bytes::ByteArray;

use crate::crypto::{self, DeviceKeys};
use crate::directory::{Directory, Op};
use crate::ids::{DocId, EnvelopeId, MemberId, SpaceId, TeamId};
use crate::protocol::{
    Code, Day, Header, Invitation, Kind, PendingEnrolment, Priority, limits, to_cbor,
};
use crate::records::{DeviceClass, PolicyProfile, SpaceKind, Value};

use super::desk::Desk;
use super::join::refuse_second;
use super::reading::NewReading;
use super::rows::{IdentityRow, InviteRow, Proposal, Rows};
use super::store::Store;
use super::vault::KeyVault;
use super::{EngineError, Env, NewMember, Phone, Result};

impl Phone {
    /// Makes a team on this device: its first member, with the `admin` capability, and this device of theirs.
    ///
    /// `relay`: the origin phones will call, as `https://relay.example`.
    ///
    /// # Errors
    /// `already_set_up` if the store holds a phone.
    pub fn create_team(
        mut store: Box<dyn Store>,
        mut vault: Box<dyn KeyVault>,
        env: &mut Env<'_>,
        relay: &str,
        profile: PolicyProfile,
        admin: NewMember,
    ) -> Result<Phone> {
        refuse_second(store.as_mut())?;
        let keys = DeviceKeys::generate(env.rng);
        let NewReading { key: mut reading, wrapped } = NewReading::draw(vault.as_mut(), env)?;
        let member = MemberId::random(env.rng);
        let body = to_cbor(&Op::Genesis {
            nonce: ByteArray::from(*DocId::random(env.rng).as_bytes()),
            member,
            roles: admin.roles.clone(),
            verify_key: keys.verify_key().into(),
            seal_key: keys.seal_key().into(),
            profile,
        });
        let header = Header {
            kind: Kind::Directory,
            priority: Priority::First,
            schema: 0,
            record: 0,
            space: SpaceId::ZERO,
            doc: DocId::ZERO,
            device: keys.device_id(),
            device_seq: 1,
            actor_no: 0,
            day: env.now.day(),
            directory_seq: 0,
            directory_hash: EnvelopeId::new([0; 32]),
            body_hash: [0; 32],
        };
        let genesis = keys.sign_envelope(header, body);
        let team = TeamId::new(*genesis.id().as_bytes());
        let mut directory = Directory::new(team);
        directory.append(&genesis)?;
        let identity = IdentityRow {
            team,
            member,
            relay: relay.to_owned(),
            keys: keys.signing_bytes().to_vec().into(),
            seal_key: keys.seal_key().into(),
            joining: None,
        };

        let rows = Rows(store.begin()?, Some(&mut reading));
        let mut desk = Desk::new(rows, &identity, &keys, &directory);
        desk.rows.put_new_device(&identity, &keys, &wrapped)?;
        desk.rows.put_directory_entry(1, &genesis)?;
        let space = desk.open_space(SpaceKind::Directory, None)?;
        let mut row = desk.space_row(space)?;
        row.device_seq = 1;
        desk.rows.put_space(&row)?;
        desk.post(space, &genesis)?;
        if admin.unit.is_some() || !admin.supervises.is_empty() {
            desk.propose(Op::Member {
                member,
                roles: admin.roles.clone(),
                admin: true,
                unit: admin.unit.clone(),
                supervises: admin.supervises.clone(),
                guest: None,
                last: None,
            })?;
        }
        desk.enter_staff(env, member, &admin)?;
        desk.commit()?;
        let reading = Some(reading);
        Ok(Phone { store, vault, identity, keys, reading, directory, asked: None })
    }

    /// Enters a member. Their devices are let in by [`Phone::invite`].
    ///
    /// # Errors
    /// `not_allowed` without the `admin` capability.
    pub fn add_member(&mut self, env: &mut Env<'_>, member: NewMember) -> Result<MemberId> {
        let mut desk = self.desk()?;
        desk.require_admin()?;
        let id = MemberId::random(env.rng);
        desk.propose(Op::Member {
            member: id,
            roles: member.roles.clone(),
            admin: member.admin,
            unit: member.unit.clone(),
            supervises: member.supervises.clone(),
            guest: None,
            last: None,
        })?;
        desk.enter_staff(env, id, &member)?;
        desk.commit()?;
        Ok(id)
    }

    /// Makes an invitation for a member's device: single use, 15 minutes. It works once this device has synced.
    ///
    /// # Errors
    /// `not_allowed` without the `admin` capability, `no_such_member`, `device_exists`.
    pub fn invite(&mut self, env: &mut Env<'_>, member: MemberId) -> Result<Invitation> {
        let mut desk = self.desk()?;
        desk.require_admin()?;
        let proposed =
            desk.rows.proposals()?.into_iter().any(
                |proposal| matches!(proposal.op, Op::Member { member: id, .. } if id == member),
            );
        if !proposed && desk.directory.member(&member).is_none() {
            return Err(Code::NoSuchMember.into());
        }
        if desk.directory.devices_of(member).next().is_some() {
            return Err(Code::DeviceExists.into());
        }
        let mut secret = [0; 16];
        env.rng.fill_bytes(&mut secret);
        let row = InviteRow { secret: secret.into(), member, made: env.now };
        desk.rows.put_invite(&crypto::invite::lookup(&secret), &row)?;
        let invitation = Invitation {
            relay: desk.identity.relay.clone(),
            team: desk.identity.team,
            head_seq: desk.directory.len(),
            head_hash: desk.directory.head(),
            member,
            secret: secret.into(),
            expires: desk.corrected(env.now)?.0.plus_ms(limits::INVITE_LIFE_MS),
        };
        desk.commit()?;
        Ok(invitation)
    }
}

impl Desk<'_> {
    pub fn require_admin(&self) -> Result<()> {
        let device = self.directory.device(&self.device()).ok_or(Code::NotSetUp)?;
        if device.standing.admin && device.class == DeviceClass::Native {
            Ok(())
        } else {
            Err(EngineError::refused_because(Code::NotAllowed, "this needs an admin's own device"))
        }
    }

    pub fn propose(&mut self, op: Op) -> Result<()> {
        let mut proposals = self.rows.proposals()?;
        proposals.push(Proposal { op, signed: None });
        Ok(self.rows.put_proposals(&proposals)?)
    }

    /// Names a staff member in the roster; plain responders have no name there.
    fn enter_staff(&mut self, env: &mut Env<'_>, member: MemberId, new: &NewMember) -> Result<()> {
        let Some(name) = &new.name else { return Ok(()) };
        let mut fields = BTreeMap::from([
            ("member".to_owned(), Value::Text(member.to_string())),
            ("display_name".to_owned(), Value::Text(name.clone())),
        ]);
        if let Some(unit) = &new.unit {
            fields.insert("unit".to_owned(), Value::Text(unit.clone()));
        }
        let staff = super::record::record_type("staff")?;
        self.write_new(env, staff, &fields, None)?;
        Ok(())
    }

    /// Answers a device that asks to be let in: its keys must carry the invitation's MAC.
    pub fn consider(&mut self, env: &Env<'_>, pending: &PendingEnrolment) -> Result<bool> {
        let Some(invite) = self.rows.invite(&pending.lookup)? else { return Ok(false) };
        let subject = invite.member.to_string();
        let genuine = crypto::invite::check(
            &invite.secret,
            self.identity.team,
            &pending.verify_key,
            &pending.seal_key,
            &pending.mac,
        );
        if !genuine {
            self.rows.raise(Code::InviteForged, &subject)?;
            return Ok(false);
        }
        self.rows.delete_invite(&pending.lookup)?;
        if invite.left_ms(env.now).is_none() {
            return Ok(false);
        }
        self.rows.lower(Code::InviteForged, &subject)?;
        self.propose(Op::Device {
            member: invite.member,
            verify_key: pending.verify_key,
            seal_key: pending.seal_key,
            class: DeviceClass::Native,
        })?;
        Ok(true)
    }

    /// The relay answers for the first time: an admin's device lists it.
    pub fn list_relay(&mut self, relay: crate::ids::RelayId) -> Result<bool> {
        let proposed =
            self.rows.proposals()?.iter().any(|proposal| matches!(proposal.op, Op::Relay { .. }));
        let none_listed = !self.directory.lists_any_relay() && !proposed;
        if none_listed && self.require_admin().is_ok() {
            self.propose(Op::Relay { relay })?;
            return Ok(true);
        }
        Ok(false)
    }

    /// The directory's own header for a proposal at a place behind the head.
    pub fn proposal_header(&self, day: Day, device_seq: u64, seq: u64, hash: EnvelopeId) -> Header {
        Header {
            kind: Kind::Directory,
            priority: Priority::First,
            schema: 0,
            record: 0,
            space: self.directory.space(),
            doc: DocId::ZERO,
            device: self.device(),
            device_seq,
            actor_no: 0,
            day,
            directory_seq: seq,
            directory_hash: hash,
            body_hash: [0; 32],
        }
    }
}
