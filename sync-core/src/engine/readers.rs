//! Who reads a sealed space: shown device by device, let in, and what is sealed to them renewed.
//!
//! What is shown comes from the signed directory and the space's own signed envelopes, never from a relay.

use crate::crypto::{SealKeys, fingerprint};
use crate::ids::{DocId, MemberId, SpaceId};
use crate::protocol::{Code, SpaceOwner};

use super::desk::Desk;
use super::{EngineError, Env, Phone, ReaderView, Result};

impl Phone {
    /// Who reads a sealed space: every device that may be given its keys, by member, and the recovery keys that open
    /// what is written there now.
    ///
    /// # Errors
    /// `wrong_space` if this phone knows no such sealed space.
    pub fn readers(&mut self, space: SpaceId) -> Result<Vec<ReaderView>> {
        self.desk()?.readers_of(space)
    }

    /// The sealed spaces of a record: where its sealed documents live, and an intervention's session notes.
    ///
    /// # Errors
    /// `no_such_record`.
    pub fn sealed_spaces(&mut self, record: DocId) -> Result<Vec<SpaceId>> {
        self.desk()?.sealed_spaces_of(record)
    }

    /// The eight words of this device's keys, to be compared in person with what others' phones show.
    pub fn fingerprint(&self) -> String {
        let (first, second) = (self.keys.seal_key(), self.keys.seal_key_2());
        let seal_keys = SealKeys { first: &first, second: second.as_deref() };
        fingerprint(&self.keys.verify_key(), seal_keys).join(" ")
    }

    /// Lets a member read a sealed space that this member reads: with its past, or from now on. Both are signed
    /// envelopes in the space's log.
    ///
    /// From now on, the space has a new key, and what was begun before goes on in documents of its own.
    ///
    /// # Errors
    /// `not_allowed` if this member is no reader, or the kind of space never gains that reader (a member's own care
    /// and personal spaces gain none); `no_such_member`; `no_key` if this phone cannot open the space yet.
    pub fn add_reader(
        &mut self,
        env: &mut Env<'_>,
        space: SpaceId,
        member: MemberId,
        past: bool,
    ) -> Result<()> {
        crate::crash_point!("phone.record.before_begin");
        let mut desk = self.desk_of_person()?;
        desk.require_reader(space)?;
        desk.directory.member(&member).ok_or(Code::NoSuchMember)?;
        desk.add_reader(env, space, member, past)?;
        desk.wrap_missing(env, space)?;
        desk.commit_recorded()
    }

    /// Replaces a sealed space's key. What was written stays readable to its readers; what is written from now on
    /// opens with the new key alone.
    ///
    /// # Errors
    /// `not_allowed` if this member is no reader of it, `no_key` if this phone cannot open it yet.
    pub fn rotate(&mut self, env: &mut Env<'_>, space: SpaceId) -> Result<()> {
        crate::crash_point!("phone.record.before_begin");
        let mut desk = self.desk_of_person()?;
        desk.require_reader(space)?;
        desk.rotate(env, space)?;
        desk.wrap_missing(env, space)?;
        desk.commit_recorded()
    }
}

impl Desk<'_> {
    /// This phone must read the space, by right and with a key.
    fn require_reader(&self, space: SpaceId) -> Result<()> {
        self.require_enrolled()?;
        let row = self.space_row(space)?;
        if !row.info.is_sealed() {
            return Err(Code::WrongSpace.into());
        }
        if !row.info.is_read_by(&self.identity.member) {
            let why = "only who reads it can let others in or renew its key";
            return Err(EngineError::refused_because(Code::NotAllowed, why));
        }
        let current = row.info.current_epoch().ok_or(Code::WrongSpace)?;
        self.epoch_secret(space, current.id)?.ok_or(Code::NoKey)?;
        Ok(())
    }

    fn readers_of(&self, space: SpaceId) -> Result<Vec<ReaderView>> {
        let row = self.space_row(space)?;
        if !row.info.is_sealed() {
            return Err(Code::WrongSpace.into());
        }
        let names = self.staff_names()?;
        let mut views = Vec::new();
        for member in row.info.readers() {
            let past = row.info.epochs.first().is_none_or(|e| row.info.opens_to(member, &e.id));
            let bare = ReaderView {
                member: *member,
                name: names.get(member).cloned(),
                device: None,
                class: None,
                fingerprint: String::new(),
                recovery: false,
                past,
            };
            let before = views.len();
            let devices = self.directory.devices_of(*member);
            for device in devices.filter(|device| row.info.kind().may_be_held_by(device.class)) {
                views.push(ReaderView {
                    device: Some(device.id),
                    class: Some(device.class),
                    fingerprint: fingerprint(device.verify_key, device.seal_keys()).join(" "),
                    ..bare.clone()
                });
            }
            let reads_now = match row.info.current_epoch() {
                Some(epoch) => self.reads_epoch(space, epoch, member)?,
                None => false,
            };
            if let Some(key) = self.directory.recovery(member).filter(|_| reads_now) {
                views.push(ReaderView {
                    fingerprint: fingerprint(&key.verify_key, key.seal_keys()).join(" "),
                    recovery: true,
                    ..bare.clone()
                });
            }
            if views.len() == before {
                views.push(bare);
            }
        }
        Ok(views)
    }

    fn sealed_spaces_of(&self, record: DocId) -> Result<Vec<SpaceId>> {
        let (_, parts) = self.open_record(record)?;
        let mut spaces: Vec<SpaceId> =
            parts.iter().filter(|part| part.doc_type.is_sealed()).map(|part| part.space).collect();
        let of_session = self.rows.spaces()?.into_iter().filter(|row| {
            matches!(row.info.owner, SpaceOwner::Doc(doc) if parts.iter().any(|p| p.doc == doc))
        });
        spaces.extend(of_session.map(|row| row.info.id));
        spaces.sort();
        spaces.dedup();
        Ok(spaces)
    }
}
