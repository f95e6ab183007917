//! How far devices had come: told to the admin who removes or narrows them, and held against what the entry then says.

use std::sync::Arc;

use sync_core::directory::Directory;
use sync_core::ids::{DeviceId, EnvelopeId, TeamId};
use sync_core::protocol::{Accepted, Envelope, SetAside, SyncRequest, WipeAck};

use crate::store::quarantine::Late;
use crate::store::{Reader, StoreError, items, quarantine, wiped};

use super::heal::is_admins;
use super::outcome::Outcome;
use super::push::Push;

/// What only an admin's own device is told.
#[derive(Default)]
pub(super) struct ForAdmin {
    /// The numbers it asked for.
    pub accepted: Option<Vec<Accepted>>,
    /// What came after a removal.
    pub set_aside: Vec<SetAside>,
    /// The words of wiped devices that it asked for.
    pub wiped: Vec<WipeAck>,
}

/// What an admin's device is told of devices that were removed or are about to be; nothing for anyone else's.
pub(super) fn for_admin(
    reader: &Reader,
    directory: &Directory,
    request: &SyncRequest,
) -> Result<ForAdmin, StoreError> {
    let device = directory.device(&request.device);
    if !device.is_some_and(|device| is_admins(&device)) {
        return Ok(ForAdmin::default());
    }
    let asked = request.ask_accepted.as_deref();
    let accepted =
        asked.map(|devices| accepted_of(reader, directory.team(), devices)).transpose()?;
    let is_released = |id: &EnvelopeId| directory.has_released(id, directory.len());
    let set_aside = quarantine::after_removal(reader, directory.team(), is_released)?;
    let mut wiped = Vec::new();
    for device in request.ask_wiped.iter().flatten().take(MOST_WIPED) {
        wiped.extend(wiped::get(reader, directory.team(), *device)?);
    }
    Ok(ForAdmin { accepted, set_aside, wiped })
}

fn accepted_of(
    reader: &Reader,
    team: TeamId,
    devices: &[DeviceId],
) -> Result<Vec<Accepted>, StoreError> {
    let mut accepted = Vec::new();
    for device in devices.iter().take(MOST_ASKED) {
        for (space, device_seq) in items::accepted(reader, team, *device)? {
            accepted.push(Accepted { device: *device, space, device_seq });
        }
    }
    Ok(accepted)
}

/// Devices that one request may ask for: more than a member ever has.
const MOST_ASKED: usize = 64;
/// Wiped devices that one request may ask for.
const MOST_WIPED: usize = 1_000;
/// Tries of released items in one request; the rest has its turn with the next one.
const MOST_RELEASED: usize = 1_000;

impl Push<'_> {
    /// Whether an entry that removes or narrows devices names less than was accepted of them by now: then its author
    /// asks again. Whoever merely carries an entry, or hands their own back, cannot sign it anew, so it is taken as it
    /// is.
    pub(super) fn is_overtaken(&self, entry: &Envelope) -> Result<bool, StoreError> {
        let directory = Arc::clone(&self.directory);
        let Ok(op) = directory.op_of(entry) else { return Ok(false) };
        let (Some(named), Some(devices)) = (op.numbers(), directory.bounded_by(&op)) else {
            return Ok(false);
        };
        if entry.header.device != self.device || self.is_carried(entry) {
            return Ok(false);
        }
        let held = |accepted: &Accepted| {
            named.iter().any(|n| {
                (n.device, n.space) == (accepted.device, accepted.space)
                    && n.device_seq >= accepted.device_seq
            })
        };
        let mut overtaken = false;
        for device in devices {
            let now = accepted_of(self.tx, self.team, &[device])?;
            overtaken |= !now.iter().all(held);
        }
        Ok(overtaken)
    }

    /// Gives released items their place, as if they had come before the removal.
    pub(super) fn take_released(&mut self, entry: &Envelope) -> Result<(), StoreError> {
        match self.directory.op_of(entry) {
            Ok(sync_core::directory::Op::Release { .. }) => self.retry_released(),
            _ => Ok(()),
        }
    }

    /// Gives every released item its place that can have one by now: in the order of their numbers, and again until
    /// none of them moves, because one may build on another.
    pub(super) fn retry_released(&mut self) -> Result<(), StoreError> {
        let mut waiting = Vec::new();
        for id in quarantine::late_ids(self.tx, self.team)? {
            if self.directory.has_released(&id, self.directory.len())
                && let Some(late) = quarantine::late(self.tx, self.team, id)?
            {
                waiting.push(late);
            }
        }
        waiting.sort_by_key(|late| late.envelope.header.device_seq);
        loop {
            let before = waiting.len();
            let mut left = Vec::new();
            for late in waiting {
                if self.released == MOST_RELEASED || !self.take_late(&late)? {
                    left.push(late);
                }
            }
            waiting = left;
            if waiting.is_empty() || waiting.len() == before {
                return Ok(());
            }
        }
    }

    /// Whether a released item need not be tried again.
    fn take_late(&mut self, late: &Late) -> Result<bool, StoreError> {
        self.released += 1;
        quarantine::take_late(self.tx, self.team, late)?;
        let pushing = std::mem::replace(&mut self.device, late.device);
        let outcome = self.take(&late.envelope);
        self.device = pushing;
        let waits = matches!(outcome?, Outcome::Waiting(_) | Outcome::Retry(_));
        if waits {
            quarantine::put_back(self.tx, self.team, late)?;
        }
        Ok(!waits)
    }
}
