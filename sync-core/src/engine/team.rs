//! An admin's device: making the team and entering members. All of it works offline.

use std::collections::BTreeMap;

use minicbor::bytes::ByteArray;

use crate::crypto::DeviceKeys;
use crate::directory::{Directory, Op};
use crate::ids::{DocId, EnvelopeId, MemberId, SpaceId, TeamId};
use crate::protocol::{Code, Day, Header, Kind, Priority, limits, to_cbor};
use crate::records::{DeviceClass, PolicyProfile, SpaceKind, Value, check_new};

use super::desk::Desk;
use super::rows::{IdentityRow, Proposal, Rows};
use super::store::Store;
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
        env: &mut Env<'_>,
        relay: &str,
        profile: PolicyProfile,
        admin: NewMember,
    ) -> Result<Phone> {
        let keys = DeviceKeys::generate(env.rng);
        let member = MemberId::random(env.rng);
        let body = to_cbor(&Op::Genesis {
            nonce: ByteArray::from(*DocId::random(env.rng).as_bytes()),
            member,
            roles: admin.roles.clone(),
            verify_key: keys.verify_key().into(),
            seal_key: keys.seal_key().into(),
            profile,
            seal_key_2: keys.seal_key_2().map(Into::into),
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
            keys: keys.to_secret_bytes().to_vec().into(),
            joining: None,
        };

        let rows = Rows(store.begin()?);
        let mut desk = Desk::new(rows, &identity, &keys, &directory);
        desk.rows.make_room()?;
        desk.rows.put_identity(&identity)?;
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
        Ok(Phone::started(store, identity, keys, directory))
    }

    /// Enters a member. Their devices are let in by [`Phone::invite`].
    ///
    /// A staff role or the `admin` capability needs another admin's signature where there is one: the member is
    /// shown as waiting until then (see [`Phone::approvals`]).
    ///
    /// # Errors
    /// `not_allowed` without the `admin` capability; `bad_value` for a name or unit that the roster does not take.
    pub fn add_member(&mut self, env: &mut Env<'_>, member: NewMember) -> Result<MemberId> {
        let mut desk = self.desk()?;
        desk.require_admin()?;
        let id = MemberId::random(env.rng);
        // It may be written into the roster only when somebody has approved: what is wrong with it is told now.
        if let Some(fields) = staff_fields(id, &member) {
            check_new(super::record::record_type("staff")?, &fields)?;
        }
        desk.propose_member(Op::Member {
            member: id,
            roles: member.roles.clone(),
            admin: member.admin,
            unit: member.unit.clone(),
            supervises: member.supervises.clone(),
            guest: member.guest.clone(),
            last: None,
        })?;
        desk.sign_proposals(env)?;
        if !desk.name_waiting(id, member.name.as_deref(), member.unit.as_deref())? {
            desk.enter_staff(env, id, &member)?;
        }
        desk.commit()?;
        Ok(id)
    }
}

impl Desk<'_> {
    pub fn require_admin(&self) -> Result<()> {
        let device = self.listed()?;
        if device.standing.admin && device.class == DeviceClass::Native {
            Ok(())
        } else {
            Err(EngineError::refused_because(Code::NotAllowed, "this needs an admin's own device"))
        }
    }

    pub fn propose(&mut self, op: Op) -> Result<()> {
        let mut proposals = self.rows.proposals()?;
        proposals.push(Proposal::new(op));
        Ok(self.rows.put_proposals(&proposals)?)
    }

    /// Proposes what a person typed of a member, unless it is longer than what others may be asked to sign.
    pub fn propose_member(&mut self, op: Op) -> Result<()> {
        if to_cbor(&op).len() > limits::MAX_COSIGN_OP {
            return Err(Code::TooLarge.into());
        }
        self.propose(op)
    }

    /// Names a staff member in the roster; plain responders have no name there.
    pub fn enter_staff(
        &mut self,
        env: &mut Env<'_>,
        member: MemberId,
        new: &NewMember,
    ) -> Result<()> {
        let Some(fields) = staff_fields(member, new) else { return Ok(()) };
        let staff = super::record::record_type("staff")?;
        self.write_new(env, staff, &fields, None)?;
        Ok(())
    }

    /// The relay answers for the first time: an admin's device lists it.
    pub fn list_first_relay(&mut self, relay: crate::ids::RelayId) -> Result<bool> {
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

/// What the roster says of a staff member; nothing of one without a name.
fn staff_fields(member: MemberId, new: &NewMember) -> Option<BTreeMap<String, Value>> {
    let name = new.name.as_ref()?;
    let mut fields = BTreeMap::from([
        ("member".to_owned(), Value::Text(member.to_string())),
        ("display_name".to_owned(), Value::Text(name.clone())),
    ]);
    if let Some(unit) = &new.unit {
        fields.insert("unit".to_owned(), Value::Text(unit.clone()));
    }
    Some(fields)
}
