//! Spaces on a phone: finding and making them, and letting their readers in.

use crate::crypto::{EpochSecret, SealKeys};
use crate::directory::{SpaceInfo, epoch_of, open_space_id};
use crate::gates;
use crate::ids::{DeviceId, DocId, EpochId, MemberId, SpaceId};
use crate::protocol::{
    Code, Day, EpochBody, Kind, ReaderBody, SpaceBody, SpaceOwner, Suite, WrapBody, WrappedKey,
    limits, to_cbor,
};
use crate::records::{OwnerKind, SpaceKind};

use super::desk::{Desk, Slip};
use super::rows::{SecretName, SpaceRow};
use super::{Env, Result};

/// Wrapped keys in one envelope, about 1,210 bytes each: with an epoch's public key below the longest body.
const WRAPS_PER_ENVELOPE: usize = 48;
/// The day on which this phone last looked for guests whose time had ended.
const TENDED_DAY: &str = "tended_day";

/// A device, or a recovery key, that a space's keys may be wrapped for.
struct Holder<'a> {
    reader: MemberId,
    id: DeviceId,
    keys: SealKeys<'a>,
}

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

    /// This member's own sealed space of a kind (care, personal, intake), or the team's (clinical); made on first use.
    pub fn sealed_space(&mut self, env: &mut Env<'_>, kind: SpaceKind) -> Result<SpaceId> {
        let me = self.identity.member;
        let (owner, readers) = match kind.policy().owner {
            OwnerKind::Member if kind == SpaceKind::Intake => {
                (SpaceOwner::Member(me), self.intake_readers(self.today(env.now)?))
            }
            OwnerKind::Member => (SpaceOwner::Member(me), vec![me]),
            _ => (SpaceOwner::Team, self.entitled(kind, self.today(env.now)?)),
        };
        let found = self.rows.spaces()?.into_iter().find(|row| {
            row.info.kind() == kind
                && row.info.owner == owner
                && row.info.is_read_by(&me)
                && !row.superseded
        });
        match found {
            Some(row) => Ok(row.info.id),
            None => {
                let space = self.make_space(env, kind, owner, &readers)?;
                self.wrap_missing(env, space)?;
                Ok(space)
            }
        }
    }

    /// Who reads this member's requests: they themself and the team's peers, as many as a space may have. Where there is
    /// no peer yet, those who come later are let in by the member's own phone.
    fn intake_readers(&self, day: Day) -> Vec<MemberId> {
        let me = self.identity.member;
        let mut readers = self.entitled(SpaceKind::Intake, day);
        readers.retain(|member| *member != me);
        readers.truncate(limits::MAX_READERS - 1);
        readers.push(me);
        readers
    }

    /// Members whom the signed directory entitles to a sealed space of the team on this day.
    pub fn entitled(&self, kind: SpaceKind, day: Day) -> Vec<MemberId> {
        let members = self.directory.members();
        let entitled = members.filter(|(_, member)| member.may_read(kind, false, day).is_ok());
        entitled.map(|(id, _)| id).collect()
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
        let holders = self.holders(kind, readers, escrow);
        let wraps = wrap_for(&holders, &secret, &public, env);
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
        let author = self.listed()?;
        gates::check_right(&envelope, &author, &info, header.day)?;
        gates::check_readers(&envelope, &self.directory, self.directory.len(), &info)?;

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
        if !self.rows.is_unlocked() && readers.contains(&self.identity.member) {
            self.rows.open_wraps_later(id, envelope.id())?;
        }
        self.post(id, &envelope)?;
        if !escrow {
            self.tell_escrow(env, id, false)?;
        }
        Ok(id)
    }

    /// What may hold such a space's keys for these readers: their devices of the classes that may, and their recovery
    /// keys, which are nobody's device and read what their member reads.
    fn holders(&self, kind: SpaceKind, readers: &[MemberId], escrow: bool) -> Vec<Holder<'_>> {
        let mut holders = Vec::new();
        for reader in readers.iter().copied() {
            let devices = self.directory.devices_of(reader);
            let holding = devices.filter(|device| kind.may_be_held_by(device.class));
            holders.extend(holding.map(|device| Holder {
                reader,
                id: device.id,
                keys: device.seal_keys(),
            }));
            let recovery = self.directory.recovery(&reader).filter(|_| escrow);
            holders.extend(recovery.map(|key| Holder {
                reader,
                id: key.id(),
                keys: key.seal_keys(),
            }));
        }
        holders
    }

    /// What may hold a space's keys now.
    fn present_holders(&self, env: &Env<'_>, info: &SpaceInfo) -> Result<Vec<Holder<'_>>> {
        let present = info.present_readers(&self.directory, self.today(env.now)?);
        let escrow = self.has_escrow(info.kind(), &info.owner)?;
        Ok(self.holders(info.kind(), &present, escrow))
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
        let author = self.listed()?;
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
        let kind = row.info.kind();
        if kind.policy().owner == OwnerKind::Team || kind == SpaceKind::Intake {
            // A team may have more peers than a space has readers; those who came first read what its members ask.
            let mut room = match kind {
                SpaceKind::Intake => limits::MAX_READERS.saturating_sub(row.info.readers().len()),
                _ => usize::MAX,
            };
            for member in self.entitled(kind, self.today(env.now)?) {
                if !row.info.is_read_by(&member) && room > 0 {
                    room -= 1;
                    let let_in = self.add_reader(env, space, member, true);
                    self.alarm_if_refused(let_in, &space.to_string())?;
                }
            }
        }
        let row = self.space_row(space)?;
        let leaves_out =
            row.info.current_epoch().is_some_and(|now| !row.info.opens_to_all(&now.id));
        let opened_by_a_stranger = self.made_by_a_stranger(&row) && row.info.epochs.len() == 1;
        // A key made elsewhere at the same time knew nothing of a reader who came without the past. Who may have keys
        // no more makes none.
        let present = row.info.present_readers(&self.directory, self.today(env.now)?);
        let renews = leaves_out || opened_by_a_stranger || self.somebody_left(env, &row)?;
        if present.contains(&me) && renews {
            let renewed = self.rotate(env, space);
            self.alarm_if_refused(renewed, &space.to_string())?;
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

    /// Whether a guest's time ended since this was last asked: their spaces need new keys, though nothing came in.
    pub fn has_guest_ended(&mut self, env: &Env<'_>) -> Result<bool> {
        let today = self.today(env.now)?;
        let before = self.rows.number(TENDED_DAY)?.unwrap_or(i64::from(today.0));
        self.rows.put_number(TENDED_DAY, i64::from(today.0))?;
        let mut guests = self.directory.members().filter_map(|(_, member)| member.guest.as_ref());
        Ok(guests.any(|guest| guest.until < today && i64::from(guest.until.0) >= before))
    }

    /// Whether the current key was given to a device or a recovery key that may not have it any more: removed, dropped
    /// or spent, or no reader's by now.
    fn somebody_left(&self, env: &Env<'_>, row: &SpaceRow) -> Result<bool> {
        let Some(epoch) = row.info.current_epoch() else { return Ok(false) };
        let holders = self.present_holders(env, &row.info)?;
        let given = self.rows.wrapped(row.info.id, epoch.id)?;
        // What nobody ever listed holds nothing that counts; it may be listed later.
        let was_listed = |id: &DeviceId| {
            self.directory.owner_of(id).is_some() || self.directory.was_recovery(id)
        };
        let mut listed = given.iter().filter(|id| was_listed(id));
        Ok(listed.any(|id| holders.iter().all(|holder| holder.id != *id)))
    }

    fn made_by_a_stranger(&self, row: &SpaceRow) -> bool {
        // Its maker knows the first key, whether or not they were removed since.
        let maker = row.info.maker.and_then(|device| self.directory.owner_of(&device));
        maker.is_some_and(|maker| !row.info.is_read_by(&maker))
    }

    /// Replaces a space's key: what is written from now on does not open with the old one.
    pub fn rotate(&mut self, env: &mut Env<'_>, space: SpaceId) -> Result<EpochId> {
        let mut row = self.space_row(space)?;
        let suite = Suite::XWing;
        let (secret, public) = EpochSecret::generate(suite, env.rng);
        let holders = self.present_holders(env, &row.info)?;
        let wraps = wrap_for(&holders, &secret, &public, env);
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

    /// Wraps every epoch key this phone holds for every holder that has not got it and may have it.
    pub fn wrap_missing(&mut self, env: &mut Env<'_>, space: SpaceId) -> Result<()> {
        let (row, me) = (self.space_row(space)?, self.device());
        let holders = self.present_holders(env, &row.info)?;
        let mut keys = Vec::new();
        for epoch in &row.info.epochs {
            let Some(secret) = self.epoch_secret(space, epoch.id)? else { continue };
            for to in holders.iter().filter(|to| row.info.opens_to(&to.reader, &epoch.id)) {
                if self.rows.is_wrapped(space, epoch.id, to.id)?
                    || self.rows.has_wrapped(space, epoch.id, to.id, me)?
                {
                    continue;
                }
                let wrap = secret.wrap_for(epoch.id, &epoch.public, to.id, to.keys, env.rng);
                keys.extend(wrap.ok());
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

/// Wraps a new epoch's key for its holders, as many as one envelope holds; present readers wrap it for the rest as they
/// wrap it for later devices. One whose listed key is none is left out.
fn wrap_for(
    holders: &[Holder<'_>],
    secret: &EpochSecret,
    public: &[u8],
    env: &mut Env<'_>,
) -> Vec<WrappedKey> {
    let zero = EpochId::new([0; 16]);
    let wraps = holders.iter().map(|to| secret.wrap_for(zero, public, to.id, to.keys, env.rng));
    wraps.filter_map(|wrap| wrap.ok()).take(WRAPS_PER_ENVELOPE).collect()
}
