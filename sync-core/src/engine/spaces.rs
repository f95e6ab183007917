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
use super::{Env, Result};

/// Wrapped keys in one envelope, about 1,210 bytes each: with an epoch's public key below the longest body.
const WRAPS_PER_ENVELOPE: usize = 48;

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
            let open = member.guest.as_ref().is_none_or(|guest| guest.may_use(kind));
            open && standing.is_any_of(kind.policy().admit)
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
        let suite = Suite::XWing;
        let (secret, public) = EpochSecret::generate(suite, env.rng);
        let escrow = self.has_escrow(kind, &owner)?;
        let wraps = self.wrap_for_readers(env, kind, &secret, &public, readers, escrow);
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
        gates::check_right(&envelope, &author, &info, header.day)?;

        let id = info.id;
        let epoch = epoch_of(&envelope);
        let mut row = SpaceRow::new(info);
        row.device_seq = 1;
        self.rows.put_space(&row)?;
        if readers.contains(&self.identity.member) {
            self.rows.put_secret(&SecretName::Epoch(id, epoch), &secret.to_secret_bytes())?;
        }
        for wrap in &wraps {
            self.rows.put_wrapped(id, epoch, wrap.device, self.device())?;
        }
        self.post(id, &envelope)?;
        if !escrow {
            self.tell_escrow(env, id, false)?;
        }
        Ok(id)
    }

    /// Wraps a new epoch's key for the readers' devices, as many as one envelope holds; present readers wrap it for
    /// the rest as they wrap it for later devices. A device whose listed key is none is left out.
    fn wrap_for_readers(
        &self,
        env: &mut Env<'_>,
        kind: SpaceKind,
        secret: &EpochSecret,
        public: &[u8],
        readers: &[MemberId],
        escrow: bool,
    ) -> Vec<WrappedKey> {
        let zero = EpochId::new([0; 16]);
        let mut wraps = Vec::new();
        for reader in readers {
            for device in self.directory.devices_of(*reader).filter(|d| may_hold_keys(kind, d)) {
                let keys = device.seal_keys();
                wraps.extend(secret.wrap_for(zero, public, device.id, keys, env.rng).ok());
            }
            if let Some((id, keys)) = self.recovery_reader(*reader, escrow) {
                wraps.extend(secret.wrap_for(zero, public, id, keys, env.rng).ok());
            }
        }
        wraps.truncate(WRAPS_PER_ENVELOPE);
        wraps
    }

    /// Lets another member read a space, with its past or from now on.
    pub fn add_reader(
        &mut self,
        env: &mut Env<'_>,
        space: SpaceId,
        member: MemberId,
        past: bool,
    ) -> Result<()> {
        let from = if past { None } else { Some(self.rotate(env, space)?) };
        let body = to_cbor(&ReaderBody { member, with_past: past, from });
        // The number is taken with the row, once nothing can be refused any more.
        let mut row = self.space_row(space)?;
        row.device_seq += 1;
        let header = self.header(env, &Slip::structure(Kind::Reader, space), row.device_seq)?;
        let envelope = self.keys.sign_envelope(header, body);
        let author = self.directory.device(&self.device()).ok_or(Code::NotSetUp)?;
        gates::check_right(&envelope, &author, &row.info, header.day)?;
        gates::check_readers(&envelope, &self.directory, self.directory.len(), &row.info)?;
        row.info.apply(&envelope)?;
        self.rows.put_space(&row)?;
        self.post(space, &envelope)
    }

    /// What a present reader owes a space: readers whom the directory entitles, keys for their devices, and a
    /// fresh key where somebody who is not a reader made the first one.
    pub fn tend_space(&mut self, env: &mut Env<'_>, space: SpaceId) -> Result<()> {
        self.ask_again(env, space)?;
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
                    let let_in = self.add_reader(env, space, member, true);
                    self.alarm_if_refused(let_in, &space.to_string())?;
                }
            }
        }
        let row = self.space_row(space)?;
        let leaves_out =
            row.info.current_epoch().is_some_and(|now| !row.info.opens_to_all(&now.id));
        let opened_by_a_stranger = self.made_by_a_stranger(&row) && row.info.epochs.len() == 1;
        // A key made elsewhere at the same time knew nothing of a reader who came without the past.
        let somebody_left = self.somebody_left(&row)? || self.has_retired_reader(&row)?;
        if leaves_out || opened_by_a_stranger || somebody_left {
            let renewed = self.rotate(env, space);
            self.alarm_if_refused(renewed, &space.to_string())?;
        }
        self.wrap_missing(env, space)
    }

    /// Whether what is written into a space now opens only with a key that its readers have, this phone among them.
    pub fn is_closed_to_its_maker(&self, row: &SpaceRow) -> Result<bool> {
        let Some(epoch) = row.info.current_epoch() else { return Ok(false) };
        let held = self.epoch_secret(row.info.id, epoch.id)?.is_some();
        Ok(held && !(self.made_by_a_stranger(row) && row.info.epochs.len() == 1))
    }

    /// Whether the current key was given to a device that may not have it any more: removed, or no reader's by now.
    fn somebody_left(&self, row: &SpaceRow) -> Result<bool> {
        let Some(epoch) = row.info.current_epoch() else { return Ok(false) };
        let present = row.info.present_readers(&self.directory);
        if !present.contains_key(&self.identity.member) {
            return Ok(false);
        }
        let given = self.rows.wrapped(row.info.id, epoch.id)?;
        // A device that nobody ever listed holds nothing that counts; it may be listed later.
        Ok(given
            .iter()
            .filter(|id| self.directory.owner_of(id).is_some())
            .any(|id| !present.values().flatten().any(|device| device.id == *id)))
    }

    fn made_by_a_stranger(&self, row: &SpaceRow) -> bool {
        let maker = row.info.maker.and_then(|device| self.directory.device(&device));
        maker.is_some_and(|maker| !row.info.is_read_by(&maker.member))
    }

    /// Replaces a space's key: what is written from now on does not open with the old one.
    pub fn rotate(&mut self, env: &mut Env<'_>, space: SpaceId) -> Result<EpochId> {
        let mut row = self.space_row(space)?;
        let suite = Suite::XWing;
        let (secret, public) = EpochSecret::generate(suite, env.rng);
        let present = row.info.present_readers(&self.directory);
        let readers: Vec<MemberId> = present.keys().copied().collect();
        let escrow = self.has_escrow(row.info.kind(), &row.info.owner)?;
        let wraps = self.wrap_for_readers(env, row.info.kind(), &secret, &public, &readers, escrow);
        let body = to_cbor(&EpochBody {
            suite,
            epoch_key: public.into(),
            replaces: row.info.epochs.iter().map(|epoch| epoch.id).collect(),
            wraps: wraps.clone(),
        });
        row.device_seq += 1;
        let header = self.header(env, &Slip::structure(Kind::Epoch, space), row.device_seq)?;
        let envelope = self.keys.sign_envelope(header, body);
        let epoch = epoch_of(&envelope);
        row.info.apply(&envelope)?;
        self.rows.put_space(&row)?;
        self.rows.put_secret(&SecretName::Epoch(space, epoch), &secret.to_secret_bytes())?;
        for wrap in &wraps {
            self.rows.put_wrapped(space, epoch, wrap.device, self.device())?;
        }
        self.post(space, &envelope)?;
        Ok(epoch)
    }

    /// Wraps every epoch key this phone holds for every present reader's device that has not got it and may have it.
    pub fn wrap_missing(&mut self, env: &mut Env<'_>, space: SpaceId) -> Result<()> {
        let (row, me) = (self.space_row(space)?, self.device());
        let escrow = self.has_escrow(row.info.kind(), &row.info.owner)?;
        let present = row.info.present_readers(&self.directory);
        let mut keys = Vec::new();
        for epoch in &row.info.epochs {
            let Some(secret) = self.epoch_secret(space, epoch.id)? else { continue };
            let entitled =
                present.iter().filter(|(reader, _)| row.info.opens_to(reader, &epoch.id));
            for device in entitled.flat_map(|(_, devices)| devices) {
                if self.rows.is_wrapped(space, epoch.id, device.id)?
                    || self.rows.has_wrapped(space, epoch.id, device.id, me)?
                {
                    continue;
                }
                let keys_of = device.seal_keys();
                let wrap = secret.wrap_for(epoch.id, &epoch.public, device.id, keys_of, env.rng);
                keys.extend(wrap.ok());
            }
            // A recovery key is nobody's device, and reads what its member reads.
            let readers = row.info.readers().iter().filter(|r| row.info.opens_to(r, &epoch.id));
            for (id, keys_of) in readers.filter_map(|reader| self.recovery_reader(*reader, escrow))
            {
                if !self.rows.is_wrapped(space, epoch.id, id)? {
                    keys.extend(
                        secret.wrap_for(epoch.id, &epoch.public, id, keys_of, env.rng).ok(),
                    );
                }
            }
        }
        for key in &keys {
            self.rows.put_wrapped(space, key.epoch, key.device, me)?;
        }
        for keys in keys.chunks(WRAPS_PER_ENVELOPE) {
            let body = to_cbor(&WrapBody { keys: keys.to_vec(), asks: None, escrow: None });
            let header = self.next_header(env, &Slip::structure(Kind::Wrap, space))?;
            let envelope = self.keys.sign_envelope(header, body);
            self.post(space, &envelope)?;
        }
        Ok(())
    }
}

/// Whether a device may be given a space's keys: a console or a station never, a browser not everywhere.
pub(super) fn may_hold_keys(kind: SpaceKind, device: &DeviceAt<'_>) -> bool {
    kind.policy().hold.contains(&device.class)
}
