//! How far devices had come: told to the admin who removes or narrows them, and held against what the entry then says.

use std::sync::Arc;

use sync_core::directory::Directory;
use sync_core::ids::{DeviceId, TeamId};
use sync_core::protocol::{Accepted, Code, Envelope, SetAside, SyncRequest};
use sync_core::records::DeviceClass;

use crate::store::{Reader, StoreError, items, quarantine};

use super::outcome::Outcome;
use super::push::Push;

/// What only an admin's own device is told.
#[derive(Default)]
pub(super) struct ForAdmin {
    /// The numbers it asked for.
    pub accepted: Option<Vec<Accepted>>,
    /// What came after a removal.
    pub set_aside: Vec<SetAside>,
}

/// What an admin's device is told of devices that were removed or are about to be; nothing for anyone else's.
pub(super) fn for_admin(
    reader: &Reader,
    directory: &Directory,
    request: &SyncRequest,
) -> Result<ForAdmin, StoreError> {
    let device = directory.device(&request.device);
    if !device.is_some_and(|it| it.standing.admin && it.class == DeviceClass::Native) {
        return Ok(ForAdmin::default());
    }
    let asked = request.ask_accepted.as_deref();
    let accepted =
        asked.map(|devices| accepted_of(reader, directory.team(), devices)).transpose()?;
    let mut set_aside = quarantine::after_removal(reader, directory.team())?;
    set_aside.retain(|item| !directory.has_released(&item.id, directory.len()));
    Ok(ForAdmin { accepted, set_aside })
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

impl Push<'_> {
    /// Whether an entry that removes or narrows devices names less than was accepted of them by now: then its author
    /// asks again. Whoever merely carries an entry cannot sign it anew, so it is taken from them as it is.
    pub(super) fn is_overtaken(&self, entry: &Envelope) -> Result<bool, StoreError> {
        let directory = Arc::clone(&self.directory);
        let Ok(op) = directory.op_of(entry) else { return Ok(false) };
        let (Some(named), Some(devices)) = (op.numbers(), directory.bounded_by(&op)) else {
            return Ok(false);
        };
        if entry.header.device != self.device {
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
        let Ok(sync_core::directory::Op::Release { items }) = self.directory.op_of(entry) else {
            return Ok(());
        };
        for id in items {
            let Some((device, bytes)) = quarantine::take_after_removal(self.tx, self.team, id)?
            else {
                continue;
            };
            let Ok(envelope) = Envelope::from_bytes(&bytes) else { continue };
            let pushing = std::mem::replace(&mut self.device, device);
            let outcome = self.take(&envelope);
            self.device = pushing;
            if matches!(outcome?, Outcome::Waiting(_) | Outcome::Retry(_)) {
                // It waits for one that is released later.
                let refused =
                    quarantine::Refused { id, device, code: Code::AfterRemoval, bytes: &bytes };
                quarantine::keep(self.tx, self.team, &refused, self.now)?;
            }
        }
        Ok(())
    }
}
