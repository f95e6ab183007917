//! Operations of the directory that wait for further signatures: kept for admins' devices and handed on.
//!
//! The relay judges none of them; it keeps only those whose signatures hold, so that nobody can fill its table.

use sync_core::directory::Directory;
use sync_core::ids::{DeviceId, ProposalId};
use sync_core::protocol::{Approval, Approver, Cosign, SyncRequest, Timestamp, limits};

use crate::store::{StoreError, cosigns};

use super::heal::is_admins;
use super::push::Push;
use super::{Refusal, Relay};

/// Most operations that one device may have waiting.
const MOST_OF_A_DEVICE: usize = 32;
/// Signatures of one request that are checked; what is beyond is sent again.
const MOST_CHECKED: usize = 256;

impl Push<'_> {
    /// Keeps what a request says of operations that wait.
    pub(super) fn keep_cosigns(&mut self, request: &SyncRequest) -> Result<(), StoreError> {
        if request.cosign.is_none() && request.withdrawn.is_none() {
            return Ok(());
        }
        cosigns::forget(self.tx, self.now)?;
        for cosign in cosigns::all(self.tx, self.team, self.now)? {
            // Entered since, or its admin is none any more.
            if self.directory.proposal_stands(&cosign).is_err() {
                cosigns::delete(self.tx, self.team, cosign.id(self.team))?;
            }
        }
        let mut left = MOST_CHECKED;
        for cosign in request.cosign.iter().flatten().take(limits::MAX_COSIGN) {
            self.keep_cosign(cosign.clone(), &mut left)?;
        }
        for id in request.withdrawn.iter().flatten().take(limits::MAX_COSIGN) {
            self.withdraw(*id)?;
        }
        Ok(())
    }

    /// Every signature is checked once, when it comes; phones check each again.
    fn keep_cosign(&mut self, mut cosign: Cosign, left: &mut usize) -> Result<(), StoreError> {
        if self.directory.proposal_stands(&cosign).is_err() {
            return Ok(());
        }
        let known = cosigns::get(self.tx, self.team, cosign.id(self.team))?;
        match &known {
            Some(known) => {
                // The first one, without which it is no proposal, was checked with the rest of them.
                let first = known.approvals.first();
                cosign.approvals.retain(|word| is_new(&known.approvals, word));
                cosign.declined.retain(|word| is_new(&known.declined, word));
                if cosign.approvals.is_empty() && cosign.declined.is_empty() {
                    return Ok(());
                }
                cosign.approvals.splice(0..0, first.cloned());
            }
            None => {
                let (all, own) = cosigns::count(self.tx, self.team, self.device)?;
                let full = all >= limits::MAX_COSIGN || own >= MOST_OF_A_DEVICE;
                let by = cosign.approvals.first().map(|word| word.by);
                if full || by != Some(Approver::Device(self.device)) {
                    return Ok(());
                }
            }
        }
        let signatures = cosign.approvals.len() + cosign.declined.len();
        let Some(rest) = left.checked_sub(signatures) else { return Ok(()) };
        *left = rest;
        let Ok(read) = self.directory.read_proposal(&mut cosign) else { return Ok(()) };
        if let Some(mut known) = known {
            join(&mut known.approvals, cosign.approvals);
            join(&mut known.declined, cosign.declined);
            cosign = known;
        }
        let expires = self.now.plus_ms(limits::COSIGN_LIFE_MS);
        cosigns::put(self.tx, self.team, read.device, &cosign, expires)
    }

    /// Only the device that proposed an operation takes it back.
    fn withdraw(&mut self, id: ProposalId) -> Result<(), StoreError> {
        let Some(cosign) = cosigns::get(self.tx, self.team, id)? else { return Ok(()) };
        let by = cosign.approvals.first().map(|word| word.by);
        let is_anothers = by != Some(Approver::Device(self.device));
        if is_anothers && self.directory.proposal_stands(&cosign).is_ok() {
            return Ok(());
        }
        cosigns::delete(self.tx, self.team, id)
    }
}

impl Relay {
    /// What waits for signatures and concerns a device: an admin's, or one of the member whose word is needed.
    pub(super) fn cosigns_for(
        &self,
        device: DeviceId,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Vec<Cosign>, Refusal> {
        let Some(device) = directory.device(&device) else { return Ok(Vec::new()) };
        let admin = is_admins(&device);
        let mut waiting =
            self.store().read(|reader| cosigns::all(reader, directory.team(), now))?;
        waiting.retain(|cosign| {
            let needs = directory.proposal_stands(cosign);
            needs.is_ok_and(|needs| needs.concerns(device.member, admin))
        });
        Ok(waiting)
    }
}

/// Whether nobody's word of this kind is known of this signer.
fn is_new(known: &[Approval], word: &Approval) -> bool {
    known.iter().all(|known| known.by != word.by)
}

fn join(held: &mut Vec<Approval>, more: Vec<Approval>) {
    for word in more {
        if is_new(held, &word) && held.len() < limits::MAX_COSIGNERS {
            held.push(word);
        }
    }
}
