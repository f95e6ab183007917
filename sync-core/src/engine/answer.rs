//! What a phone does with a relay's answer: all of it in one transaction, or nothing.

use std::borrow::Cow;
use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::crypto;
use crate::ids::{EnvelopeId, RelayId, SpaceId};
use crate::protocol::{
    Code, PushResult, SignedAnswer, SpaceItem, SpaceItems, SyncResponse, Verdict, answer_to_sign,
    from_cbor,
};

use super::desk::Desk;
use super::receive_directory::Extended;
use super::rows::ItemState;
use super::{EngineError, Env, Phone, Result, SyncOutcome};

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
        self.offers_directory = false;
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
            if self.list_first_relay(response.relay)? {
                return Ok(SyncOutcome { again: true, ..outcome });
            }
            return self.meet_stranger(env, response);
        }
        self.rows.lower(Code::RelayUnlisted, &response.relay.to_string())?;
        self.rows.forget_stranger()?;
        if is_latest {
            self.note_attested(env, response)?;
            self.note_time(env, response)?;
            self.note_audit(response)?;
            self.note_backup(response)?;
        }
        let marked_before = self.rows.has_marks()?;
        if !response.need_cursors {
            // The cursors are held against this incarnation from now on, those that do not fit are reset below.
            self.note_relay(response)?;
        }
        let posted_before = self.rows.number("outbox")?;

        let (directory, spaces): (Vec<_>, Vec<_>) =
            response.spaces.iter().partition(|items| items.space == self.directory.space());
        let (mut short, mut other) = (false, false);
        for items in &directory {
            match self.receive_directory(env, items, &response.batch, is_latest)? {
                Extended::By(count) => outcome.received += count,
                Extended::Short => short = true,
                Extended::Other => other = true,
            }
        }
        crate::crash_point!("phone.sync.after_directory");
        self.take_results(&response.results, &mut outcome)?;
        outcome.stored += self.handed_back(&response.results, true)?;
        crate::crash_point!("phone.sync.after_results");

        let mut touched = BTreeSet::new();
        if !other {
            for items in &spaces {
                // What depends on entries that could not be taken comes when they do.
                if short && self.is_ahead(items) {
                    continue;
                }
                outcome.received += self.receive_space(items, &response.batch)?;
                touched.insert(items.space);
            }
        }
        for reset in &response.reset {
            self.rows.raise(Code::RelayChanged, &reset.space.to_string())?;
            if reset.space == self.directory.space() {
                self.rows.raise(Code::DirectoryRolledBack, "")?;
            }
            self.start_over(reset.space)?;
        }
        let mut more = response.spaces.iter().any(|items| items.more);
        let (mut expired, mut found) = (0, 0);
        if let Some(healing) = &response.healing {
            found = self.receive_found(&healing.found, &response.batch)?;
            outcome.received += found;
            self.receive_erased(healing.erased.as_deref().unwrap_or_default())?;
            outcome.heal |= self.offer_wanted(&healing.wanted)?;
        }
        self.settle_orders()?;
        if is_latest && !other && !short && !more && !response.need_cursors {
            expired = self.expire_due()?;
        }
        // What expired here, and the rest of what was found to be kept, is asked about at once.
        more |= expired > 0 || (found > 0 && !self.rows.holes(1)?.is_empty());
        let held = response.healing.as_ref().is_some_and(|healing| healing.held);
        self.note_held(response, held)?;
        more |= self.receive_audit(response)?;
        outcome.heal |= !marked_before && self.rows.has_marks()?;
        let renews = is_latest && self.watch_freshness(env)?;
        let mut progress =
            renews || expired > 0 || outcome.stored + outcome.refused + outcome.received > 0;
        progress |= self.take_codes(env, response.codes.as_deref().unwrap_or_default())?;
        progress |= self.consider_all(env, &response.pending)?;
        progress |= self.take_vouched(response.vouched.as_deref().unwrap_or_default())?;
        progress |= self.take_numbers(response, is_latest)?;
        self.take_wiped(response.wiped.as_deref().unwrap_or_default())?;
        let cosigns = response.cosign.as_deref().unwrap_or_default();
        progress |= self.take_cosigns(env, cosigns, is_latest)?;
        if !other && !short {
            self.take_recovery_asks(response.recovery.as_deref().unwrap_or_default())?;
        }
        let all = self.has_guest_ended(env)? || !directory.is_empty();
        self.tend(env, &touched, all)?;
        let paged = response.spaces.iter().any(|items| items.more);
        if !other && !short && !response.need_cursors && !paged {
            self.finish_recovering(response.now)?;
        }
        progress |= self.rows.number("outbox")? != posted_before;

        self.rows.put_number("send_cursors", i64::from(response.need_cursors))?;
        let unsent = !self.rows.outbox(1)?.is_empty()
            || !self.rows.proposals()?.is_empty()
            || !self.untold_vouchers()?.is_empty()
            || !self.code_answers()?.is_empty()
            || !self.rows.queued(1)?.is_empty();
        // A relay that promises more and brings nothing that can be taken is not asked again until the next sync.
        outcome.again = response.need_cursors || ((more || unsent) && progress);
        Ok(outcome)
    }

    /// Whether an admin has listed this relay, or this admin's own device is about to.
    fn trusts_relay(&self, response: &SyncResponse) -> Result<bool> {
        self.is_listed_or_proposed(&response.relay)
    }

    /// Whether a relay is listed, or is going to be by this device.
    pub fn is_listed_or_proposed(&self, relay: &RelayId) -> Result<bool> {
        let proposed = self.rows.proposals()?.iter().any(|proposal| {
            matches!(proposal.op, crate::directory::Op::Relay { relay: own } if own == *relay)
        });
        Ok(proposed || self.directory.lists_relay(relay))
    }

    /// An answer that was repeated or overtaken by a newer one would set the time back.
    fn note_time(&mut self, env: &Env<'_>, response: &SyncResponse) -> Result<()> {
        let offset_ms = response.now.0.saturating_sub(env.now.0);
        self.rows.put_number("attested_offset_ms", offset_ms)?;
        Ok(self.rows.put_number("token_offset_ms", offset_ms)?)
    }

    /// Tells people why nothing comes from a relay that waits for an admin or its operator.
    fn note_held(&mut self, response: &SyncResponse, held: bool) -> Result<()> {
        let subject = response.relay.to_string();
        if held {
            return Ok(self.rows.raise(Code::RelayHeld, &subject)?);
        }
        Ok(self.rows.lower(Code::RelayHeld, &subject)?)
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
                        self.look_again()?;
                        outcome.refused += 1;
                    }
                }
                Verdict::Waiting | Verdict::RefusedRetry => {}
            }
        }
        Ok(())
    }

    /// Whether a page has rows that were judged by more of the directory than is held here.
    fn is_ahead(&self, items: &SpaceItems) -> bool {
        items.items.iter().any(|item| {
            let (SpaceItem::Envelope { directory_seq, .. }
            | SpaceItem::Own { directory_seq, .. }
            | SpaceItem::Stub { directory_seq, .. }) = item;
            *directory_seq > self.directory.len()
        })
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
    pub fn tend(
        &mut self,
        env: &mut Env<'_>,
        touched: &BTreeSet<SpaceId>,
        all: bool,
    ) -> Result<()> {
        let sealed = |row: &super::rows::SpaceRow| row.info.is_sealed();
        let spaces: Vec<SpaceId> = match all {
            true => self.rows.spaces()?.iter().filter(|r| sealed(r)).map(|r| r.info.id).collect(),
            false => touched.iter().copied().collect(),
        };
        for space in spaces {
            if self.rows.space(space)?.is_some_and(|row| sealed(&row)) {
                let tended = self.tend_space(env, space);
                self.alarm_if_refused(tended, &space.to_string())?;
            }
        }
        self.reseal(env)
    }

    /// Turns a refusal of one piece of work into an alarm, so that what else is to be done goes on. A store that fails
    /// ends everything.
    pub fn alarm_if_refused<T>(&mut self, done: Result<T>, subject: &str) -> Result<Option<T>> {
        match done {
            Ok(done) => Ok(Some(done)),
            Err(EngineError::Refused { code, .. }) => {
                self.rows.raise(code, subject)?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
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
        let row = match self.row_data.get(&id) {
            Some(row) => Some(*row),
            None => self.rows.item(id)?.and_then(|item| item.row),
        };
        let item = super::rows::ItemRow { state, space, seq, outbox: None, row };
        Ok(self.rows.put_item(id, &item)?)
    }
}
