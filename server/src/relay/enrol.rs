//! Letting a device in: the only request without a token, so the only one that counts how often it is asked (by team here, by address in `http`).

use sync_core::crypto;
use sync_core::directory::Directory;
use sync_core::protocol::{
    Batch, Code, EnrolAnswer, EnrolRequest, EnrolState, Timestamp, from_cbor, limits, to_cbor,
};

use crate::store::{StoreError, Tx, invites, items};

use super::answer::{deflate, inflate};
use super::invites::ANSWER_LIFE_MS;
use super::{Refusal, Relay};

/// An enrolment request is a few hundred bytes.
const MOST_BYTES: usize = 4 * 1024;

impl Relay {
    /// Serves `POST /v1/enrol`; the same request asked again tells whether the device is listed yet.
    ///
    /// # Errors
    /// `invite_unknown` for anything but a current invitation with tries left, `rate_limited` for too many
    /// requests for one team. What is wrong with an invitation is not told.
    pub fn enrol(&self, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        if body.len() > MOST_BYTES {
            return Err(Code::TooLarge.into());
        }
        let request: EnrolRequest = from_cbor(&inflate(body)?).map_err(|_| Code::Malformed)?;
        let directory = self.directory(request.team);
        // Only teams that are here are counted, so that made-up ones cannot crowd them out.
        if directory.is_empty() {
            return Err(Code::InviteUnknown.into());
        }
        if !self.enrolling.allows(request.team) {
            return Err(Code::RateLimited.into());
        }
        let now = self.now();
        self.store().write(|tx| {
            take(tx, &request, &directory, now)?;
            super::recovery::keep_voucher(tx, &request, &directory)
        })?;
        let is_listed = directory.device(&crypto::device_id(&request.verify_key)).is_some();
        let answer = if is_listed {
            self.listed(&directory, now)?
        } else {
            let (batch, directory) = (Batch::new(), Vec::new());
            EnrolAnswer { state: EnrolState::Pending, now, batch, directory }
        };
        Ok(deflate(&to_cbor(&answer)))
    }

    fn listed(&self, directory: &Directory, now: Timestamp) -> Result<EnrolAnswer, StoreError> {
        let entries = self.store().read(|reader| items::envelopes(reader, directory.space()))?;
        let mut batch = Batch::new();
        let directory = entries.iter().map(|entry| batch.pack(entry)).collect();
        Ok(EnrolAnswer { state: EnrolState::Listed, now, batch, directory })
    }
}

/// Counts a device's keys as one answer to its invitation, unless they are one already.
fn take(
    tx: &Tx<'_>,
    request: &EnrolRequest,
    directory: &Directory,
    now: Timestamp,
) -> Result<(), Refusal> {
    let unknown = || Refusal::from(Code::InviteUnknown);
    let invite = invites::get(tx, &request.lookup)?.ok_or_else(unknown)?;
    if invite.team != request.team || now > invite.expires.plus_ms(ANSWER_LIFE_MS) {
        return Err(unknown());
    }
    let answers = invites::answers(tx, &request.lookup)?;
    let asked_before = answers.iter().any(|answer| {
        (answer.verify_key, answer.seal_key, answer.mac)
            == (request.verify_key, request.seal_key, request.mac)
    });
    if asked_before {
        return Ok(());
    }
    let is_used = answers
        .iter()
        .any(|answer| directory.device(&crypto::device_id(&answer.verify_key)).is_some());
    let tries_left = answers.len() < usize::from(limits::INVITE_TRIES);
    if now > invite.expires || is_used || !tries_left {
        return Err(unknown());
    }
    invites::answer(tx, request)?;
    Ok(())
}
