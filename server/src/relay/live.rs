//! What a device that listens may be told: how far the logs reach that it may read now. Nothing of any other log.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use sync_core::crypto::token;
use sync_core::directory::Directory;
use sync_core::ids::{DeviceId, SpaceId, TeamId};
use sync_core::protocol::{Code, Timestamp};

use crate::live::Listening;
use crate::store::meta;

use super::{Refusal, Relay, TOKEN_MEMORY_S, pull};

/// How far each log reaches that a device may read.
pub(crate) type Heads = BTreeMap<SpaceId, u64>;

impl Relay {
    /// Opens a stream for the device whose token this is: one for an empty body.
    ///
    /// The place is taken before the logs are looked at, so that what is committed meanwhile wakes it.
    ///
    /// # Errors
    /// Those of the token; `device_removed`, `guest_ended`, `overloaded`, `relay_stopping`.
    pub(crate) fn listen(&self, token: &str) -> Result<(Listening, Heads), Refusal> {
        let now = self.now();
        let (claims, directory) = match self.authenticate_listed(token, b"", now) {
            Ok(known) => known,
            Err(refusal) => return Err(self.removed_code(token, now).map_or(refusal, Into::into)),
        };
        let keep_until = claims.exp.saturating_add(TOKEN_MEMORY_S);
        self.store().write(|tx| {
            match meta::spend_token(tx, claims.device, &claims.jti, keep_until, now.seconds())? {
                true => Ok(()),
                false => Err(Refusal::from(Code::TokenReplayed)),
            }
        })?;
        let listening = self.streams().open(directory.team(), claims.device)?;
        match self.heads_for(directory.team(), claims.device) {
            Ok(heads) => {
                listening.reads(heads.keys().copied());
                Ok((listening, heads))
            }
            Err(refusal) => {
                self.streams().close(&listening);
                Err(refusal)
            }
        }
    }

    /// Whether a device may go on listening: it is listed, and no guest whose time is over.
    ///
    /// # Errors
    /// `device_removed`, `guest_ended`.
    pub(crate) fn may_listen(&self, team: TeamId, device: DeviceId) -> Result<(), Code> {
        let directory = self.directory(team);
        let listed = directory.device(&device).ok_or(Code::DeviceRemoved)?;
        match &listed.standing.guest {
            Some(guest) if self.now().day() > guest.until => Err(Code::GuestEnded),
            _ => Ok(()),
        }
    }

    /// How far the logs reach that a device may read, by the rule of `sync`; of a relay that is held back the
    /// directory's only.
    ///
    /// # Errors
    /// As [`Relay::may_listen`]; a failure of the storage.
    pub(crate) fn heads_for(&self, team: TeamId, device: DeviceId) -> Result<Heads, Refusal> {
        self.may_listen(team, device)?;
        let directory = self.directory(team);
        let device = directory.device(&device).ok_or(Code::DeviceRemoved)?;
        let today = self.now().day();
        self.store().read(|reader| {
            let held = self.incarnation(reader, team)?.held;
            let readable = pull::readable(reader, &directory, &device, today)?;
            let served = readable.into_iter().filter(|(id, _)| !held || *id == directory.space());
            Ok(served.map(|(id, head)| (id, head.seq)).collect())
        })
    }

    /// `device_removed`, if the token is that of a device that some team removed.
    fn removed_code(&self, token: &str, now: Timestamp) -> Option<Code> {
        let device = token::issuer(token).ok()?;
        let all = self.directories.read().unwrap_or_else(PoisonError::into_inner);
        let was_theirs = |directory: &Directory| {
            let audience = token::audience(self.origin(), directory.team());
            directory.removed_at(&device).is_some()
                && directory
                    .key_of(&device)
                    .is_some_and(|key| token::verify(token, key, &audience, b"", now).is_ok())
        };
        all.values().any(|directory| was_theirs(directory)).then_some(Code::DeviceRemoved)
    }
}
