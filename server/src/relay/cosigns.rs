//! Operations of the directory that wait for further signatures: kept for admins' devices and handed on.
//!
//! The relay judges none of them; it keeps only those whose signatures hold, so that nobody can fill its table.

use sync_core::directory::Directory;
use sync_core::ids::{DeviceId, ProposalId};
use sync_core::protocol::{Approval, Cosign, SyncRequest, Timestamp, limits};
use sync_core::records::DeviceClass;

use crate::store::{StoreError, cosigns};

use super::push::Push;
use super::{Refusal, Relay};

/// Most operations that one device may have waiting.
const MOST_OF_A_DEVICE: usize = 32;

impl Push<'_> {
    /// Keeps what a request says of operations that wait.
    pub(super) fn keep_cosigns(&mut self, request: &SyncRequest) -> Result<(), StoreError> {
        if request.cosign.is_none() && request.withdrawn.is_none() {
            return Ok(());
        }
        cosigns::forget(self.tx, self.now)?;
        for cosign in cosigns::all(self.tx, self.team, self.now)? {
            // Entered since, or its admin is none any more.
            if self.directory.read_proposal(&mut cosign.clone()).is_err() {
                cosigns::delete(self.tx, self.team, cosign.id(self.team))?;
            }
        }
        for cosign in request.cosign.iter().flatten().take(limits::MAX_COSIGN) {
            self.keep_cosign(cosign.clone())?;
        }
        for id in request.withdrawn.iter().flatten().take(limits::MAX_COSIGN) {
            self.withdraw(*id)?;
        }
        Ok(())
    }

    fn keep_cosign(&mut self, mut cosign: Cosign) -> Result<(), StoreError> {
        let Ok(read) = self.directory.read_proposal(&mut cosign) else { return Ok(()) };
        match cosigns::get(self.tx, self.team, cosign.id(self.team))? {
            Some(mut known) => {
                join(&mut known.approvals, cosign.approvals);
                join(&mut known.declined, cosign.declined);
                cosign = known;
            }
            None => {
                let (all, own) = cosigns::count(self.tx, self.team, read.device)?;
                let full = all >= limits::MAX_COSIGN || own >= MOST_OF_A_DEVICE;
                if full || read.device != self.device {
                    return Ok(());
                }
            }
        }
        let expires = self.now.plus_ms(limits::COSIGN_LIFE_MS);
        cosigns::put(self.tx, self.team, read.device, &cosign, expires)
    }

    /// Only the device that proposed an operation takes it back.
    fn withdraw(&mut self, id: ProposalId) -> Result<(), StoreError> {
        let Some(mut cosign) = cosigns::get(self.tx, self.team, id)? else { return Ok(()) };
        match self.directory.read_proposal(&mut cosign) {
            Ok(read) if read.device != self.device => Ok(()),
            _ => cosigns::delete(self.tx, self.team, id),
        }
    }
}

impl Relay {
    /// What waits for signatures and concerns a device: an admin's, or one of the member whose word is needed.
    pub(super) fn cosigns_for(
        &self,
        device: DeviceId,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Option<Vec<Cosign>>, Refusal> {
        let Some(device) = directory.device(&device) else { return Ok(None) };
        let admin = device.standing.admin && device.class == DeviceClass::Native;
        let mut waiting =
            self.store().read(|reader| cosigns::all(reader, directory.team(), now))?;
        waiting.retain_mut(|cosign| {
            directory.read_proposal(cosign).is_ok_and(|read| read.concerns(device.member, admin))
        });
        Ok(Some(waiting).filter(|waiting| !waiting.is_empty()))
    }
}

fn join(held: &mut Vec<Approval>, more: Vec<Approval>) {
    for word in more {
        if !held.iter().any(|known| known.by == word.by) && held.len() < limits::MAX_COSIGNERS {
            held.push(word);
        }
    }
}
