//! Whole exchanges: what the engine wants sent, sent, and the answer given back to it.

use rand_core::CryptoRng;

use crate::engine::{EngineError, Env, Phone, Removal, SyncOutcome};
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
pub struct Held<'a, S: ?Sized> {
    phone: &'a mut Phone,
    surroundings: &'a mut S,
}

impl<'a, S: Surroundings + ?Sized> Held<'a, S> {
    /// A phone and what surrounds it.
    pub fn new(phone: &'a mut Phone, surroundings: &'a mut S) -> Self {
        Self { phone, surroundings }
    }
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

/// One request and its answer, wherever the phone is kept; a second pair before it where the relay may have lost
/// something that this phone holds.
///
/// A refusal that only concerns the phone's clock, or the relay's directory, is tried once more with that corrected.
///
/// # Errors
/// As [`ClientError`] says. Nothing is lost: what was not acknowledged is sent again.
pub async fn exchange<R: Reach>(reach: &mut R, http: &HttpClient) -> Result<SyncOutcome, R::Error> {
    reconcile(reach, http).await?;
    loop {
        let body = pack(&reach.with(|phone, env| phone.sync_request(env))?);
        match send(reach, http, Door::Sync, &body).await {
            Ok(answer) => return reach.with(|phone, env| phone.sync_answer(env, &body, &answer)),
            Err(Failed::Exchange(ClientError::Removed(notice))) => {
                let code = match reach.with(|phone, env| phone.take_removal(env, &notice))? {
                    Removal::Again => continue,
                    Removal::Unproven => Code::Internal,
                    Removal::Removed => Code::DeviceRemoved,
                    Removal::Wiped => Code::DeviceWiped,
                };
                return Err(ClientError::Refused { code, now: None }.into());
            }
            Err(Failed::Exchange(ClientError::Refused { code: Code::UnknownDevice, now })) => {
                if !reach.with(|phone, _| Ok(phone.offer_directory()))? {
                    return Err(ClientError::Refused { code: Code::UnknownDevice, now }.into());
                }
            }
            Err(Failed::Exchange(error)) => return Err(error.into()),
            Err(Failed::Reach(error)) => return Err(error),
        }
    }
}

/// Tells the relay what is held here, if that is due. What the relay refuses stays due; the sync goes on.
async fn reconcile<R: Reach>(reach: &mut R, http: &HttpClient) -> Result<(), R::Error> {
    let Some(request) = reach.with(|phone, env| phone.reconcile_request(env))? else {
        return Ok(());
    };
    let body = pack(&request);
    match send(reach, http, Door::Reconcile, &body).await {
        Ok(answer) => reach.with(|phone, _| phone.reconcile_answer(&request, &body, &answer)),
        Err(Failed::Exchange(ClientError::Refused { .. } | ClientError::Removed(_))) => Ok(()),
        Err(Failed::Exchange(error)) => Err(error.into()),
        Err(Failed::Reach(error)) => Err(error),
    }
}

/// Where a request goes.
#[derive(Clone, Copy)]
enum Door {
    Sync,
    Reconcile,
}

/// Who failed: the way to the relay, or the way to the phone.
enum Failed<E> {
    Exchange(ClientError),
    Reach(E),
}

/// Sends a body under a token, once more with the relay's time if the phone's was wrong.
async fn send<R: Reach>(
    reach: &mut R,
    http: &HttpClient,
    door: Door,
    body: &[u8],
) -> Result<Vec<u8>, Failed<R::Error>> {
    let token = reach.with(|phone, env| phone.token(env, body)).map_err(Failed::Reach)?;
    match post(http, door, &token, body).await {
        Err(ClientError::Refused { code: Code::TokenExpired, now: Some(relay_now) }) => {
            reach
                .with(|phone, env| phone.clock_corrected(env, relay_now))
                .map_err(Failed::Reach)?;
            let token = reach.with(|phone, env| phone.token(env, body)).map_err(Failed::Reach)?;
            post(http, door, &token, body).await.map_err(Failed::Exchange)
        }
        other => other.map_err(Failed::Exchange),
    }
}

async fn post(
    http: &HttpClient,
    door: Door,
    token: &str,
    body: &[u8],
) -> Result<Vec<u8>, ClientError> {
    match door {
        Door::Sync => http.sync(token, body.to_vec()).await,
        Door::Reconcile => http.reconcile(token, body.to_vec()).await,
    }
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
        (totals.again, totals.heal) = (outcome.again, outcome.heal);
        totals.stored += outcome.stored;
        totals.refused += outcome.refused;
        totals.received += outcome.received;
        if !outcome.again && !outcome.heal {
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
