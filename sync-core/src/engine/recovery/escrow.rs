//! Whom a recovery key reads for: every space of its member, but the ones they keep from it.
//!
//! The choice is kept here and told in the space's own log by the member's device, so that their other devices
//! keep to it. A key that no longer counts stops being a reader: the next device of its member that tends the space
//! replaces the space's key.

use crate::crypto::{RecoveryKeys, RecoverySecret};
use crate::directory::{EpochInfo, SpaceInfo};
use crate::ids::{MemberId, SpaceId};
use crate::protocol::{Code, Envelope, Kind, SpaceOwner, Timestamp, WrapBody, WrappedKey, to_cbor};
use crate::records::SpaceKind;

use super::super::desk::{Desk, Slip};
use super::super::rows::{SecretName, SpaceRow};
use super::super::{EngineError, Env, Phone, Result};

/// What a member is told before they keep a space from their recovery key.
pub const NO_ESCROW_WARNING: &str = "Without it nobody can be made to open this with your recovery key, and nobody can help you: if all your phones are lost, what is in it is lost for good. What your recovery key could read until now it can go on reading.";

/// Kinds of spaces that a member may keep from their recovery key: those nobody else reads.
const OWN: [SpaceKind; 2] = [SpaceKind::Personal, SpaceKind::Care];

impl Phone {
    /// Chooses whether this member's recovery key reads their own spaces of a kind (`personal`, `care`).
    ///
    /// Off: what is written from now on is closed to it, and lost with the last phone. On: this phone lets it read the
    /// past too. The member's other devices keep to the choice from their next sync on.
    ///
    /// # Errors
    /// Asks its person again, as [`Phone::unlock`] does. `bad_value` for a kind that others read.
    pub fn set_escrow(&mut self, env: &mut Env<'_>, kind: SpaceKind, on: bool) -> Result<()> {
        if !OWN.contains(&kind) {
            let why = "only personal and care spaces can be kept from your recovery key";
            return Err(EngineError::refused_because(Code::BadValue, why));
        }
        self.ask_person(env)?;
        let mut desk = self.desk_of_person()?;
        desk.require_enrolled()?;
        if desk.wants_escrow(kind)? == on {
            return Ok(());
        }
        desk.want_escrow(kind, on)?;
        let owner = SpaceOwner::Member(desk.identity.member);
        let rows = desk.rows.spaces()?;
        for row in rows.iter().filter(|row| row.info.kind() == kind && row.info.owner == owner) {
            let space = row.info.id;
            desk.tell_escrow(env, space, on)?;
            if !on && desk.is_read_by_recovery(row)? {
                desk.rotate(env, space)?;
            }
            desk.tend_space(env, space)?;
        }
        desk.commit()
    }
}

impl Desk<'_> {
    /// Whether this member wants their recovery key to read their own spaces of a kind.
    pub fn wants_escrow(&self, kind: SpaceKind) -> Result<bool> {
        Ok(self.rows.number(&choice(kind))?.is_none_or(|on| on != 0))
    }

    fn want_escrow(&mut self, kind: SpaceKind, on: bool) -> Result<()> {
        Ok(self.rows.put_number(&choice(kind), i64::from(on))?)
    }

    /// Whether recovery keys read such a space.
    pub fn has_escrow(&self, kind: SpaceKind, owner: &SpaceOwner) -> Result<bool> {
        let own = OWN.contains(&kind) && *owner == SpaceOwner::Member(self.identity.member);
        if own { self.wants_escrow(kind) } else { Ok(true) }
    }

    /// Tells the member's other devices the choice for a space of theirs.
    pub fn tell_escrow(&mut self, env: &Env<'_>, space: SpaceId, on: bool) -> Result<()> {
        let body = to_cbor(&WrapBody { keys: Vec::new(), asks: None, escrow: Some(on) });
        let header = self.next_header(env, &Slip::structure(Kind::Wrap, space))?;
        let envelope = self.keys.sign_envelope(header, body);
        self.post(space, &envelope)
    }

    /// Keeps to what another device of this member chose for a space of theirs.
    pub fn take_escrow(
        &mut self,
        space: SpaceId,
        envelope: &Envelope,
        escrow: Option<bool>,
    ) -> Result<()> {
        let Some(on) = escrow else { return Ok(()) };
        let info = self.space_row(space)?.info;
        let me = self.identity.member;
        let own = self.directory.owner_of(&envelope.header.device) == Some(me);
        if own && info.is_owned_by(&me) && OWN.contains(&info.kind()) {
            self.want_escrow(info.kind(), on)?;
        }
        Ok(())
    }

    fn is_read_by_recovery(&self, row: &SpaceRow) -> Result<bool> {
        let Some(epoch) = row.info.current_epoch() else { return Ok(false) };
        self.reads_epoch(row.info.id, epoch, &self.identity.member)
    }

    /// Whether a member's recovery key reads an epoch.
    pub fn reads_epoch(
        &self,
        space: SpaceId,
        epoch: &EpochInfo,
        member: &MemberId,
    ) -> Result<bool> {
        let Some(key) = self.directory.recovery(member) else { return Ok(false) };
        Ok(self.rows.is_wrapped(space, epoch.id, key.id())?)
    }

    /// Opens an epoch key that was wrapped for the recovery key this phone is restored with.
    pub fn open_recovered(
        &mut self,
        space: SpaceId,
        epoch: &EpochInfo,
        wrap: &WrappedKey,
    ) -> Result<()> {
        self.look_for_recovering()?;
        let Some(keys) = self.recovering.as_ref().and_then(Option::as_ref) else { return Ok(()) };
        if wrap.device != keys.id() {
            return Ok(());
        }
        if let Ok(secret) = keys.open_epoch(epoch.suite, wrap, &epoch.public) {
            let name = SecretName::Epoch(space, epoch.id);
            self.rows.put_secret(&name, &secret.to_secret_bytes())?;
        }
        Ok(())
    }

    fn look_for_recovering(&mut self) -> Result<()> {
        if self.recovering.is_none() {
            let (team, member) = (self.identity.team, self.identity.member);
            let bytes = self.rows.secret(&SecretName::Recovering)?;
            let secret = bytes.and_then(|bytes| RecoverySecret::from_secret_bytes(&bytes).ok());
            let keys: Option<RecoveryKeys> = secret.map(|secret| secret.keys(team, member));
            self.recovering = Some(keys);
        }
        Ok(())
    }

    /// Everything was fetched, at this time of the relay. While locked, what follows waits for the unlock.
    pub fn fetched_recovering(&mut self, relay_now: Timestamp) -> Result<()> {
        if self.rows.is_unlocked() {
            return self.finish_recovering(relay_now);
        }
        if self.rows.holds_secret(&SecretName::Recovering)? {
            self.rows.put_number(FETCHED, relay_now.0)?;
        }
        Ok(())
    }

    /// At an unlock: what waits since everything was fetched.
    pub fn finish_recovering_later(&mut self) -> Result<()> {
        match self.rows.number(FETCHED)? {
            Some(relay_now) => self.finish_recovering(Timestamp(relay_now)),
            None => Ok(()),
        }
    }

    /// Once everything was fetched, the recovery secret has done its work: it is kept only while a space of this
    /// member stays closed, because a reader's wrap may still be on its way, and at most 30 days.
    fn finish_recovering(&mut self, relay_now: Timestamp) -> Result<()> {
        if self.rows.secret(&SecretName::Recovering)?.is_none() {
            return Ok(());
        }
        let since = self.rows.number(SINCE)?.unwrap_or(relay_now.0);
        self.rows.put_number(SINCE, since)?;
        let mut closed = false;
        for row in self.rows.spaces()? {
            closed |= self.lacks_a_key(&row.info)?;
        }
        if !closed || relay_now.0.saturating_sub(since) > KEPT_MS {
            self.rows.forget_recovering()?;
            self.recovering = None;
        }
        Ok(())
    }

    fn lacks_a_key(&self, info: &SpaceInfo) -> Result<bool> {
        let me = &self.identity.member;
        if !info.is_sealed() || !info.is_read_by(me) {
            return Ok(false);
        }
        for epoch in info.epochs.iter().filter(|epoch| info.opens_to(me, &epoch.id)) {
            if self.rows.secret(&SecretName::Epoch(info.id, epoch.id))?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// When this phone first fetched with the recovery secret, by the relay's clock.
const SINCE: &str = "recovering_since_ms";
/// When a locked phone last fetched everything with it, by the relay's clock.
const FETCHED: &str = "recovering_fetched_ms";
/// How long a recovery secret is kept while a space stays closed: 30 days.
const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

fn choice(kind: SpaceKind) -> String {
    format!("escrow_{}", kind.policy().name)
}
