//! Spaces on a phone: finding and making them, and letting their readers in.

use crate::crypto::EpochSecret;
use crate::directory::{DeviceAt, Member, SpaceInfo, epoch_of, open_space_id};
use crate::gates;
use crate::ids::{DocId, EpochId, MemberId, SpaceId};
use crate::protocol::{
    Code, EpochBody, Kind, ReaderBody, SpaceBody, SpaceOwner, Suite, WrapBody, WrappedKey, to_cbor,
};
use crate::records::{DeviceClass, OwnerKind, SpaceKind};

use super::desk::{Desk, Slip};
use super::rows::{SecretName, SpaceRow};
use super::{EngineError, Env, Result};

/// Wrapped keys in one envelope, about 120 bytes each: well below the longest body.
const WRAPS_PER_ENVELOPE: usize = 256;

impl Desk<'_> {
    /// An open space; its row is made on first use.
    pub fn open_space(&mut self, kind: SpaceKind, owner: Option<MemberId>) -> Result<SpaceId> {
        let id = open_space_id(self.identity.team, kind, owner);
        if self.rows.space(id)?.is_none() {
            let info = SpaceInfo::open(self.identity.team, kind, owner);
            self.rows.put_space(&SpaceRow::new(info))?;
        }
        Ok(id)
    }

    /// The open space of this id, if this phone could be served it.
    pub fn known_open_space(&self, id: SpaceId) -> Option<SpaceInfo> {
        let team = self.identity.team;
        let kinds = [SpaceKind::Roster, SpaceKind::Operations, SpaceKind::Caseload];
        kinds
            .into_iter()
            .map(|kind| {
                let owner =
                    (kind.policy().owner == OwnerKind::Member).then_some(self.identity.member);
                SpaceInfo::open(team, kind, owner)
            })
            .find(|info| info.id == id)
    }

    /// This member's own sealed space of a kind (care, personal), or the team's (clinical); made on first use.
    pub fn sealed_space(&mut self, env: &mut Env<'_>, kind: SpaceKind) -> Result<SpaceId> {
        let me = self.identity.member;
        let (owner, readers) = match kind.policy().owner {
            OwnerKind::Member => (SpaceOwner::Member(me), vec![me]),
            _ => (SpaceOwner::Team, self.entitled(kind)),
        };
        let found = self.rows.spaces()?.into_iter().find(|row| {
            row.info.kind() == kind
                && row.info.owner == owner
                && row.info.is_read_by(&me)
                && !row.superseded
        });
        match found {
            Some(row) => Ok(row.info.id),
            None => self.make_space(env, kind, owner, &readers),
        }
    }

    /// Members whom the signed directory entitles to a sealed space of the team.
    fn entitled(&self, kind: SpaceKind) -> Vec<MemberId> {
        let admits = |member: &Member| {
            let standing = member.standing(DeviceClass::Native, false, false);
            standing.is_any_of(kind.policy().admit)
        };
        let members = self.directory.members();
        members.filter(|(_, member)| admits(member)).map(|(id, _)| id).collect()
    }

    /// A space shared by exactly these members and this one; made on first use.
    pub fn shared_space(&mut self, env: &mut Env<'_>, with: &[MemberId]) -> Result<SpaceId> {
        let mut readers = with.to_vec();
        readers.push(self.identity.member);
        readers.sort();
        readers.dedup();
        let found = self.rows.spaces()?.into_iter().find(|row| {
            row.info.kind() == SpaceKind::Shared && row.info.readers() == readers.as_slice()
        });
        match found {
            Some(row) => Ok(row.info.id),
            None => self.make_space(env, SpaceKind::Shared, SpaceOwner::Team, &readers),
        }
    }

    /// The session spaces of an intervention, lowest id first.
    pub fn session_spaces(&self, intervention: DocId) -> Result<Vec<SpaceRow>> {
        let rows = self.rows.spaces()?.into_iter();
        Ok(rows
            .filter(|row| {
                row.info.kind() == SpaceKind::Session
                    && row.info.owner == SpaceOwner::Doc(intervention)
            })
            .collect())
    }

    /// Makes a sealed space. Its first key is wrapped for every device of its readers and kept here only by a reader.
    pub fn make_space(
        &mut self,
        env: &mut Env<'_>,
        kind: SpaceKind,
        owner: SpaceOwner,
        readers: &[MemberId],
    ) -> Result<SpaceId> {
        if readers.is_empty() {
            // Nobody in the team is entitled to such a space yet.
            return Err(Code::NotAllowed.into());
        }
        let suite = Suite::X25519;
        let (secret, public) = EpochSecret::generate(suite, env.rng);
        let wraps = self.wrap_for_readers(env, &secret, EpochId::new([0; 16]), &public, readers)?;
        let body = to_cbor(&SpaceBody {
            kind: kind as u8,
            owner,
            readers: readers.to_vec(),
            suite,
            epoch_key: public.into(),
            wraps: wraps.clone(),
        });
        let mut header = self.header(env, &Slip::structure(Kind::Space, SpaceId::ZERO), 1)?;
        header.set_body(&body);
        header.space = header.derived_space();
        let envelope = self.keys.sign_envelope(header, body);
        let info = SpaceInfo::made_by(&envelope)?;
        let author = self.directory.device(&self.device()).ok_or(Code::NotSetUp)?;
        gates::check_right(&envelope, &author, &info)?;

        let id = info.id;
        let epoch = epoch_of(&envelope);
        let mut row = SpaceRow::new(info);
        row.device_seq = 1;
        self.rows.put_space(&row)?;
        if readers.contains(&self.identity.member) {
            self.rows.put_secret(&SecretName::Epoch(id, epoch), &secret.to_secret_bytes())?;
        }
        for wrap in &wraps {
            self.rows.put_wrapped(id, epoch, wrap.device)?;
        }
        if !self.rows.is_unlocked() && readers.contains(&self.identity.member) {
            self.rows.open_wraps_later(id, envelope.id())?;
        }
        self.post(id, &envelope)?;
        Ok(id)
    }

    fn wrap_for_readers(
        &self,
        env: &mut Env<'_>,
        secret: &EpochSecret,
        epoch: EpochId,
        public: &[u8],
        readers: &[MemberId],
    ) -> Result<Vec<WrappedKey>> {
        let mut wraps = Vec::new();
        for reader in readers {
            for device in self.directory.devices_of(*reader).filter(may_hold_keys) {
                let wrap = secret
                    .wrap_for(epoch, public, device.id, device.seal_key, env.rng)
                    .map_err(|_| EngineError::refused(Code::SealBroken))?;
                wraps.push(wrap);
            }
        }
        Ok(wraps)
    }

    /// Lets another member read a space, with its past.
    pub fn add_reader(&mut self, env: &Env<'_>, space: SpaceId, member: MemberId) -> Result<()> {
        let body = to_cbor(&ReaderBody { member, with_past: true });
        let header = self.next_header(env, &Slip::structure(Kind::Reader, space))?;
        let envelope = self.keys.sign_envelope(header, body);
        let mut row = self.space_row(space)?;
        row.info.apply(&envelope)?;
        self.rows.put_space(&row)?;
        self.post(space, &envelope)
    }

    /// What a present reader owes a space: readers whom the directory entitles, keys for their devices, and a
    /// fresh key where somebody who is not a reader made the first one.
    pub fn tend_space(&mut self, env: &mut Env<'_>, space: SpaceId) -> Result<()> {
        let row = self.space_row(space)?;
        let me = self.identity.member;
        let holds_current = match row.info.current_epoch() {
            Some(epoch) => self.epoch_secret(space, epoch.id)?.is_some(),
            None => false,
        };
        if row.superseded || !row.info.is_read_by(&me) || !holds_current {
            return Ok(());
        }
        if row.info.kind().policy().owner == OwnerKind::Team {
            for member in self.entitled(row.info.kind()) {
                if !row.info.is_read_by(&member) {
                    self.add_reader(env, space, member)?;
                }
            }
        }
        if self.made_by_a_stranger(&row) && row.info.epochs.len() == 1 {
            self.rotate(env, space)?;
        }
        self.wrap_missing(env, space)
    }

    /// Whether what is written into a space now opens only with a key that its readers have, this phone among them.
    pub fn is_closed_to_its_maker(&self, row: &SpaceRow) -> Result<bool> {
        let Some(epoch) = row.info.current_epoch() else { return Ok(false) };
        let held = match self.rows.is_unlocked() {
            true => self.epoch_secret(row.info.id, epoch.id)?.is_some(),
            // Noted when the wrap for this device was opened.
            false => self.rows.is_wrapped(row.info.id, epoch.id, self.device())?,
        };
        Ok(held && !(self.made_by_a_stranger(row) && row.info.epochs.len() == 1))
    }

    fn made_by_a_stranger(&self, row: &SpaceRow) -> bool {
        let maker = row.info.maker.and_then(|device| self.directory.device(&device));
        maker.is_some_and(|maker| !row.info.is_read_by(&maker.member))
    }

    /// Replaces a space's key: what is written from now on does not open with the old one.
    fn rotate(&mut self, env: &mut Env<'_>, space: SpaceId) -> Result<()> {
        let row = self.space_row(space)?;
        let (suite, zero) = (Suite::X25519, EpochId::new([0; 16]));
        let (secret, public) = EpochSecret::generate(suite, env.rng);
        let wraps = self.wrap_for_readers(env, &secret, zero, &public, row.info.readers())?;
        let body = to_cbor(&EpochBody {
            suite,
            epoch_key: public.into(),
            replaces: row.info.epochs.iter().map(|epoch| epoch.id).collect(),
            wraps: wraps.clone(),
        });
        let header = self.next_header(env, &Slip::structure(Kind::Epoch, space))?;
        let envelope = self.keys.sign_envelope(header, body);
        let epoch = epoch_of(&envelope);
        let mut row = self.space_row(space)?;
        row.info.apply(&envelope)?;
        self.rows.put_space(&row)?;
        self.rows.put_secret(&SecretName::Epoch(space, epoch), &secret.to_secret_bytes())?;
        for wrap in &wraps {
            self.rows.put_wrapped(space, epoch, wrap.device)?;
        }
        self.post(space, &envelope)
    }

    /// Wraps every epoch key this phone holds for every reader's device that has not got it.
    fn wrap_missing(&mut self, env: &mut Env<'_>, space: SpaceId) -> Result<()> {
        let row = self.space_row(space)?;
        let mut keys = Vec::new();
        for epoch in &row.info.epochs {
            let Some(secret) = self.epoch_secret(space, epoch.id)? else { continue };
            for reader in row.info.readers() {
                for device in self.directory.devices_of(*reader).filter(may_hold_keys) {
                    if self.rows.is_wrapped(space, epoch.id, device.id)? {
                        continue;
                    }
                    let wrap = secret
                        .wrap_for(epoch.id, &epoch.public, device.id, device.seal_key, env.rng)
                        .map_err(|_| EngineError::refused(Code::SealBroken))?;
                    keys.push(wrap);
                }
            }
        }
        for key in &keys {
            self.rows.put_wrapped(space, key.epoch, key.device)?;
        }
        for keys in keys.chunks(WRAPS_PER_ENVELOPE) {
            let body = to_cbor(&WrapBody { keys: keys.to_vec() });
            let header = self.next_header(env, &Slip::structure(Kind::Wrap, space))?;
            let envelope = self.keys.sign_envelope(header, body);
            self.post(space, &envelope)?;
        }
        Ok(())
    }
}

/// Whether a device may be given keys: a console or a station never.
fn may_hold_keys(device: &DeviceAt<'_>) -> bool {
    matches!(device.class, DeviceClass::Native | DeviceClass::Web)
}
