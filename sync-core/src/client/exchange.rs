//! Whole exchanges: what the engine wants sent, sent, and the answer given back to it.

use rand_core::CryptoRng;

use crate::engine::{EngineError, Env, Phone, SyncOutcome};
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

/// How an exchange reaches its phone.
///
/// # Contract
/// The phone is asked for between requests only, never held while one is under way, so that whoever shares it
/// (an app's main thread) can record meanwhile.
pub trait Reach {
    /// What the caller is told when something fails.
    type Error: From<ClientError>;

    /// Does something on the phone, with its clock and randomness.
    fn with<T>(
        &mut self,
        act: impl FnOnce(&mut Phone, &mut Env<'_>) -> Result<T, EngineError>,
    ) -> Result<T, Self::Error>;
}

/// A phone in its caller's own hands.
struct Held<'a, S: ?Sized> {
    phone: &'a mut Phone,
    surroundings: &'a mut S,
}

impl<S: Surroundings + ?Sized> Reach for Held<'_, S> {
    type Error = ClientError;

    fn with<T>(
        &mut self,
        act: impl FnOnce(&mut Phone, &mut Env<'_>) -> Result<T, EngineError>,
    ) -> Result<T, ClientError> {
        let now = self.surroundings.now();
        Ok(act(self.phone, &mut Env { now, rng: self.surroundings.rng() })?)
    }
}

/// One request and its answer, wherever the phone is kept.
///
/// A refusal that only concerns the phone's clock corrects it and is tried once more.
///
/// # Errors
/// As [`ClientError`] says. Nothing is lost: what was not acknowledged is sent again.
pub async fn exchange<R: Reach>(reach: &mut R, http: &HttpClient) -> Result<SyncOutcome, R::Error> {
    let body = pack(&reach.with(|phone, env| phone.sync_request(env))?);
    let token = reach.with(|phone, env| phone.token(env, &body))?;
    let answer = match http.sync(&token, body.clone()).await {
        Err(ClientError::Refused { code: Code::TokenExpired, now: Some(relay_now) }) => {
            reach.with(|phone, env| phone.clock_corrected(env, relay_now))?;
            let token = reach.with(|phone, env| phone.token(env, &body))?;
            http.sync(&token, body.clone()).await?
        }
        other => other?,
    };
    reach.with(|phone, env| phone.sync_answer(env, &body, &answer))
}

/// Exchanges until neither side has anything left, at most [`MOST_EXCHANGES`], wherever the phone is kept;
/// returns the totals.
///
/// # Errors
/// As [`exchange`]; what earlier exchanges brought is kept.
pub async fn exchange_until_done<R: Reach>(
    reach: &mut R,
    http: &HttpClient,
) -> Result<SyncOutcome, R::Error> {
    let mut totals = SyncOutcome::default();
    for _ in 0..MOST_EXCHANGES {
        let outcome = exchange(reach, http).await?;
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

/// [`exchange`] for a phone in the caller's own hands.
pub async fn sync_once<S: Surroundings + ?Sized>(
    phone: &mut Phone,
    http: &HttpClient,
    surroundings: &mut S,
) -> Result<SyncOutcome, ClientError> {
    exchange(&mut Held { phone, surroundings }, http).await
}

/// [`exchange_until_done`] for a phone in the caller's own hands.
pub async fn sync_until_done<S: Surroundings + ?Sized>(
    phone: &mut Phone,
    http: &HttpClient,
    surroundings: &mut S,
) -> Result<SyncOutcome, ClientError> {
    exchange_until_done(&mut Held { phone, surroundings }, http).await
}

/// Asks the relay once to be let in; whether the directory lists this device by now. Of a typed code it first asks for
/// the other phone's answer.
///
/// # Errors
/// As [`ClientError`] says.
pub async fn enrol_once(phone: &mut Phone, http: &HttpClient) -> Result<bool, ClientError> {
    if let Some(request) = phone.code_request()? {
        let answer = http.try_code(&request).await?;
        if !phone.code_answer(&answer)? {
            return Ok(false);
        }
    }
    let answer = http.enrol(&phone.enrol_request()?).await?;
    Ok(phone.enrol_answer(&answer)?)
}
