//! Letting a device in: the only request without a token, so the only one that counts how often it is asked (by team here, by address in `http`).

use sync_core::crypto;
use sync_core::directory::Directory;
use sync_core::ids::TeamId;
use sync_core::protocol::{
    Batch, Code, CodeAnswer, CodeRequest, CodeTry, EnrolAnswer, EnrolRequest, EnrolState,
    Timestamp, from_cbor, limits, to_cbor,
};

use crate::store::{StoreError, Tx, invites, items, vouched};

use super::answer::{deflate, inflate_at_most};
use super::invites::ANSWER_LIFE_MS;
use super::{Refusal, Relay};

/// An enrolment request is a few hundred bytes.
const MOST_BYTES: usize = 4 * 1024;
/// Longest that one inflates to.
const MOST_INFLATED: usize = 64 * 1024;

impl Relay {
    /// Serves `POST /v1/enrol`; the same request asked again tells whether the device is listed yet. With a typed code
    /// it is the new phone's side of the exchange, asked again until the other phone has answered.
    ///
    /// # Errors
    /// `invite_unknown` for anything but a current invitation with tries left, `rate_limited` for too many
    /// requests for one team. What is wrong with an invitation is not told.
    pub fn enrol(&self, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        if body.len() > MOST_BYTES {
            return Err(Code::TooLarge.into());
        }
        let body = inflate_at_most(body, MOST_INFLATED)?;
        if let Ok(request) = from_cbor::<CodeRequest>(&body) {
            return Ok(deflate(&to_cbor(&self.try_code(&request)?)));
        }
        let request: EnrolRequest = from_cbor(&body).map_err(|_| Code::Malformed)?;
        let directory = self.directory(request.team);
        // Only teams that are here are counted, so that made-up ones cannot crowd them out.
        if directory.is_empty() {
            return Err(Code::InviteUnknown.into());
        }
        self.count_stranger(request.team)?;
        let now = self.now();
        let is_listed = directory.device(&crypto::device_id(&request.verify_key)).is_some();
        // Let in by a second scan, it may come with an invitation this relay never heard of.
        if !is_proven(&request, &directory) {
            self.store().write(|tx| {
                take(tx, &request, &directory, now)?;
                super::recovery::keep_voucher(tx, &request, &directory)
            })?;
        }
        let answer = if is_listed {
            self.listed(&directory, now)?
        } else {
            let (batch, directory) = (Batch::new(), Vec::new());
            EnrolAnswer { state: EnrolState::Pending, now, batch, directory }
        };
        Ok(deflate(&to_cbor(&answer)))
    }

    /// One side of a typed code's exchange: noted as one of the code's tries, answered once the other phone has.
    fn try_code(&self, request: &CodeRequest) -> Result<CodeAnswer, Refusal> {
        let unknown = || Refusal::from(Code::InviteUnknown);
        if request.version != 1 {
            return Err(Code::Malformed.into());
        }
        let asked = CodeTry { lookup: request.lookup, message: request.message };
        let invite = self.store().read(|reader| invites::get(reader, &asked.lookup))?;
        let invite = invite.filter(|invite| invite.is_code).ok_or_else(unknown)?;
        self.count_stranger(invite.team)?;
        let now = self.now();
        if now > invite.expires {
            return Err(unknown());
        }
        let noted = self.store().write(|tx| vouched::try_code(tx, &asked, limits::INVITE_TRIES))?;
        if !noted {
            return Err(unknown());
        }
        let reply = self.store().read(|reader| vouched::code_reply(reader, &asked))?;
        Ok(CodeAnswer { now, reply })
    }

    /// Counts a request without a token towards its team.
    fn count_stranger(&self, team: TeamId) -> Result<(), Refusal> {
        if self.enrolling.allows(team) { Ok(()) } else { Err(Code::RateLimited.into()) }
    }

    fn listed(&self, directory: &Directory, now: Timestamp) -> Result<EnrolAnswer, StoreError> {
        let entries = self.store().read(|reader| items::envelopes(reader, directory.space()))?;
        let mut batch = Batch::new();
        let directory = entries.iter().map(|entry| batch.pack(entry)).collect();
        Ok(EnrolAnswer { state: EnrolState::Listed, now, batch, directory })
    }
}

/// Whether a listed device shows that it is the one.
fn is_proven(request: &EnrolRequest, directory: &Directory) -> bool {
    let device = directory.device(&crypto::device_id(&request.verify_key));
    device.is_some_and(|device| {
        let proof = request.proof.as_ref();
        *device.seal_key == *request.seal_key
            && proof.is_some_and(|sig| crypto::verify(&request.verify_key, &request.to_sign(), sig))
    })
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
    let is_over = now > invite.expires.plus_ms(ANSWER_LIFE_MS);
    if invite.team != request.team || invite.is_code || is_over {
        return Err(unknown());
    }
    if request.seal_key_2.as_ref().is_some_and(|key| !crypto::is_sealing_key(key)) {
        return Err(Code::Malformed.into());
    }
    let answers = invites::answers(tx, &request.lookup)?;
    let asked_before = answers.iter().any(|answer| {
        (answer.verify_key, answer.seal_key, answer.mac, answer.class)
            == (request.verify_key, request.seal_key, request.mac, request.class)
    });
    if asked_before {
        return Ok(());
    }
    let is_used = answers
        .iter()
        .any(|answer| directory.owner_of(&crypto::device_id(&answer.verify_key)).is_some());
    let tries_left = answers.len() < usize::from(limits::INVITE_TRIES);
    if now > invite.expires || is_used || !tries_left {
        return Err(unknown());
    }
    invites::answer(tx, request)?;
    Ok(())
}
