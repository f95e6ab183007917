//! Whole exchanges: what the engine wants sent, sent, and the answer given back to it.

use rand_core::CryptoRng;

use crate::engine::{Env, Phone, SyncOutcome};
use crate::protocol::{Code, Timestamp};

use super::{ClientError, HttpClient, pack};

/// Exchanges after which [`sync_until_done`] rests, whatever is left; the next call goes on.
pub const MOST_EXCHANGES: usize = 200;

/// The phone's clock and randomness, asked anew for every call of the engine.
pub trait Surroundings {
    /// The phone's own clock, right or wrong.
    fn now(&mut self) -> Timestamp;
    /// Cryptographic randomness.
    fn rng(&mut self) -> &mut dyn CryptoRng;
}

fn env<S: Surroundings + ?Sized>(surroundings: &mut S) -> Env<'_> {
    Env { now: surroundings.now(), rng: surroundings.rng() }
}

/// One request and its answer.
///
/// A refusal that only concerns the phone's clock corrects it and is tried once more.
///
/// # Errors
/// As [`ClientError`] says. Nothing is lost: what was not acknowledged is sent again.
pub async fn sync_once<S: Surroundings + ?Sized>(
    phone: &mut Phone,
    http: &HttpClient,
    surroundings: &mut S,
) -> Result<SyncOutcome, ClientError> {
    let body = pack(&phone.sync_request(&mut env(surroundings))?);
    let answer = match post(phone, http, surroundings, &body).await {
        Err(ClientError::Refused { code: Code::TokenExpired, now: Some(relay_now) }) => {
            phone.clock_corrected(&mut env(surroundings), relay_now)?;
            post(phone, http, surroundings, &body).await?
        }
        other => other?,
    };
    Ok(phone.sync_answer(&mut env(surroundings), &body, &answer)?)
}

async fn post<S: Surroundings + ?Sized>(
    phone: &mut Phone,
    http: &HttpClient,
    surroundings: &mut S,
    body: &[u8],
) -> Result<Vec<u8>, ClientError> {
    let token = phone.token(&mut env(surroundings), body)?;
    http.sync(&token, body.to_vec()).await
}

/// Exchanges until neither side has anything left, at most [`MOST_EXCHANGES`]; returns the totals.
///
/// # Errors
/// As [`sync_once`]; what earlier exchanges brought is kept.
pub async fn sync_until_done<S: Surroundings + ?Sized>(
    phone: &mut Phone,
    http: &HttpClient,
    surroundings: &mut S,
) -> Result<SyncOutcome, ClientError> {
    let mut totals = SyncOutcome::default();
    for _ in 0..MOST_EXCHANGES {
        let outcome = sync_once(phone, http, surroundings).await?;
        totals.again = outcome.again;
        totals.stored += outcome.stored;
        totals.refused += outcome.refused;
        totals.received += outcome.received;
        if !outcome.again {
            break;
        }
    }
    Ok(totals)
}

/// Asks the relay once to be let in; whether the directory lists this device by now.
///
/// # Errors
/// As [`ClientError`] says.
pub async fn enrol_once(phone: &mut Phone, http: &HttpClient) -> Result<bool, ClientError> {
    let answer = http.enrol(&phone.enrol_request()?).await?;
    Ok(phone.enrol_answer(&answer)?)
}
