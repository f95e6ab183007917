//! What a phone does with a relay's answer: all of it in one transaction, or nothing.

use std::borrow::Cow;
use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::crypto;
use crate::ids::{EnvelopeId, SpaceId};
use crate::protocol::{
    Code, PushResult, SignedAnswer, SyncResponse, Verdict, answer_to_sign, from_cbor,
};

use super::desk::Desk;
use super::rows::{ItemState, RelayRow};
use super::{Env, Phone, Result, SyncOutcome};

impl Phone {
    /// Takes a relay's answer.
    ///
    /// `request`: the request's bytes exactly as they were sent, which the answer's signature covers.
    /// `answer`: an encoded [`SignedAnswer`]. Everything in it is checked before it changes anything, and
    /// committed in one transaction.
    ///
    /// # Errors
    /// `bad_signature` or `malformed` if the answer is not what the relay signed for this request.
    pub fn sync_answer(
        &mut self,
        env: &mut Env<'_>,
        request: &[u8],
        answer: &[u8],
    ) -> Result<SyncOutcome> {
        crate::crash_point!("phone.sync.after_answer");
        let response = open_answer(request, answer)?;
        let is_latest = self.asked == Some(Sha256::digest(request).into());
        let mut desk = self.desk()?;
        let outcome = desk.take_answer(env, &response, is_latest)?;
        let directory = match &desk.directory {
            Cow::Owned(directory) => Some(directory.clone()),
            Cow::Borrowed(_) => None,
        };
        crate::crash_point!("phone.sync.before_commit");
        desk.commit()?;
        if is_latest {
            self.asked = None;
        }
        if let Some(directory) = directory {
            self.directory = directory;
        }
        crate::crash_point!("phone.sync.after_commit");
        Ok(outcome)
    }
}

fn open_answer(request: &[u8], answer: &[u8]) -> Result<SyncResponse> {
    let signed: SignedAnswer = from_cbor(answer).map_err(|_| Code::Malformed)?;
    let response: SyncResponse = from_cbor(&signed.answer).map_err(|_| Code::Malformed)?;
    let message = answer_to_sign(request, &signed.answer);
    if !crypto::verify(response.relay.as_bytes(), &message, &signed.sig) {
        return Err(Code::BadSignature.into());
    }
    Ok(response)
}

impl Desk<'_> {
    fn take_answer(
        &mut self,
        env: &mut Env<'_>,
        response: &SyncResponse,
        is_latest: bool,
    ) -> Result<SyncOutcome> {
        let mut outcome = SyncOutcome::default();
        if !self.trusts_relay(response)? {
            // Nothing is taken from it, not even an acknowledgement.
            outcome.again = self.list_relay(response.relay)?;
            if !outcome.again {
                self.rows.raise(Code::RelayUnlisted, &response.relay.to_string())?;
            }
            return Ok(outcome);
        }
        self.rows.lower(Code::RelayUnlisted, &response.relay.to_string())?;
        if is_latest {
            self.note_time(env, response)?;
            self.note_contact()?;
        }
        self.note_relay(response)?;
        let posted_before = self.rows.number("outbox")?;

        let (directory, spaces): (Vec<_>, Vec<_>) =
            response.spaces.iter().partition(|items| items.space == self.directory.space());
        let mut directory_whole = true;
        for items in &directory {
            match self.receive_directory(items, &response.batch)? {
                Some(count) => outcome.received += count,
                None => directory_whole = false,
            }
        }
        crate::crash_point!("phone.sync.after_directory");
        self.take_results(&response.results, &mut outcome)?;
        crate::crash_point!("phone.sync.after_results");

        let mut touched = BTreeSet::new();
        if directory_whole {
            for items in &spaces {
                outcome.received += self.receive_space(items, &response.batch)?;
                touched.insert(items.space);
            }
        }
        for reset in &response.reset {
            self.rows.raise(Code::RelayChanged, &reset.space.to_string())?;
        }
        let mut progress = outcome.stored + outcome.refused + outcome.received > 0;
        for pending in &response.pending {
            progress |= self.consider(env, pending)?;
        }
        self.tend(env, &touched, !directory.is_empty())?;
        progress |= self.rows.number("outbox")? != posted_before;

        self.rows.put_number("send_cursors", i64::from(response.need_cursors))?;
        let unsent = !self.rows.outbox(1)?.is_empty() || !self.rows.proposals()?.is_empty();
        let more = response.spaces.iter().any(|items| items.more);
        // A relay that promises more and brings nothing that can be taken is not asked again until the next sync.
        outcome.again = response.need_cursors || ((more || unsent) && progress);
        Ok(outcome)
    }

    /// Whether an admin has listed this relay, or this admin's own device is about to.
    fn trusts_relay(&self, response: &SyncResponse) -> Result<bool> {
        let proposed = self.rows.proposals()?.iter().any(|proposal| {
            matches!(proposal.op, crate::directory::Op::Relay { relay } if relay == response.relay)
        });
        Ok(proposed || self.directory.lists_relay(&response.relay))
    }

    /// An answer that was repeated or overtaken by a newer one would set the time back.
    fn note_time(&mut self, env: &Env<'_>, response: &SyncResponse) -> Result<()> {
        let offset_ms = response.now.0.saturating_sub(env.now.0);
        self.rows.put_number("attested_offset_ms", offset_ms)?;
        Ok(self.rows.put_number("token_offset_ms", offset_ms)?)
    }

    fn note_relay(&mut self, response: &SyncResponse) -> Result<()> {
        let seen = RelayRow { relay: response.relay, incarnation: response.incarnation };
        match self.rows.relay()? {
            Some(known) if known == seen => {}
            Some(_) => self.rows.raise(Code::RelayChanged, &response.relay.to_string())?,
            None => self.rows.put_relay(&seen)?,
        }
        Ok(())
    }

    fn take_results(&mut self, results: &[PushResult], outcome: &mut SyncOutcome) -> Result<()> {
        for result in results {
            let code = Code::from_name(&result.code).unwrap_or(Code::Internal);
            match result.verdict {
                Verdict::Stored | Verdict::Duplicate => {
                    if self.acknowledge(result.id, result.seq)? {
                        outcome.stored += 1;
                    }
                    self.note_high(result)?;
                }
                Verdict::Purged | Verdict::RefusedFinal | Verdict::Quarantined => {
                    if self.refuse(result.id, code)? {
                        outcome.refused += 1;
                    }
                }
                Verdict::Waiting | Verdict::RefusedRetry => {}
            }
        }
        Ok(())
    }

    fn note_high(&mut self, result: &PushResult) -> Result<()> {
        let Some(item) = self.rows.item(result.id)? else { return Ok(()) };
        let Some(mut row) = self.rows.space(item.space)? else { return Ok(()) };
        if result.seq > row.high_seq {
            (row.high_seq, row.high_chain) = (result.seq, result.chain);
            self.rows.put_space(&row)?;
        }
        Ok(())
    }

    /// Does what this device owes the spaces that changed; all of them after the directory changed.
    pub fn tend(&mut self, env: &mut Env<'_>, touched: &BTreeSet<SpaceId>, all: bool) -> Result<()> {
        let sealed = |row: &super::rows::SpaceRow| row.info.is_sealed();
        let spaces: Vec<SpaceId> = match all {
            true => self.rows.spaces()?.iter().filter(|r| sealed(r)).map(|r| r.info.id).collect(),
            false => touched.iter().copied().collect(),
        };
        for space in spaces {
            if self.rows.space(space)?.is_some_and(|row| sealed(&row)) {
                self.tend_space(env, space)?;
            }
        }
        self.reseal(env)
    }

    /// Drops a proposed directory entry that will never be taken.
    pub fn drop_proposal(&mut self, id: EnvelopeId) -> Result<bool> {
        let mut proposals = self.rows.proposals()?;
        let before = proposals.len();
        proposals.retain(|proposal| proposal.id() != Some(id));
        let dropped = proposals.len() != before;
        if dropped {
            self.rows.put_proposals(&proposals)?;
        }
        Ok(dropped)
    }

    /// Notes that an item of the log is in effect here.
    pub fn applied(
        &mut self,
        id: EnvelopeId,
        space: SpaceId,
        seq: u64,
        state: ItemState,
    ) -> Result<()> {
        let row = super::rows::ItemRow { state, space, seq, outbox: None };
        Ok(self.rows.put_item(id, &row)?)
    }
}
