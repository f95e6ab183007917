//! Joining and syncing over HTTP: the only calls that use a network, and the only asynchronous ones.
//!
//! The phone is let go of while a request is under way, so that people can record at any time; what
//! they record then leaves with the next exchange.

use sync_core::client::{ClientError, HttpClient, MOST_EXCHANGES, pack};
use sync_core::engine::SyncOutcome;
use sync_core::protocol::Code;

use crate::error::AftercallError;
use crate::phone::AftercallPhone;

/// What a sync brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct SyncReport {
    /// How many of this phone's envelopes the relay acknowledged.
    pub stored: u64,
    /// How many were refused or set aside; their values are kept as drafts.
    pub refused: u64,
    /// How many items came from the relay.
    pub received: u64,
    /// Whether something is left; sync again.
    pub again: bool,
}

#[uniffi::export(async_runtime = "tokio")]
impl AftercallPhone {
    /// Sends what the relay lacks and fetches what this phone lacks, until neither has anything left.
    ///
    /// May be dropped or fail at any moment: nothing is lost, and what earlier exchanges brought is kept.
    /// A second call waits for the first one.
    pub async fn sync(&self) -> Result<SyncReport, AftercallError> {
        let mut line = self.line.lock().await;
        let http = self.dial(&mut line)?;
        let mut report = SyncReport::default();
        for _ in 0..MOST_EXCHANGES {
            let outcome = self.exchange(&http).await?;
            report.stored += outcome.stored;
            report.refused += outcome.refused;
            report.received += outcome.received;
            report.again = outcome.again;
            if !outcome.again {
                break;
            }
        }
        Ok(report)
    }

    /// Asks the relay once to be let in. True once an admin's phone has answered; false: ask again later.
    pub async fn ask_to_join(&self) -> Result<bool, AftercallError> {
        let mut line = self.line.lock().await;
        let http = self.dial(&mut line)?;
        let request = self.look(|phone| phone.enrol_request())?;
        let answer = http.enrol(&request).await?;
        self.with(|phone, _| phone.enrol_answer(&answer))
    }
}

impl AftercallPhone {
    /// The way to this phone's relay, kept for the next call.
    fn dial(&self, line: &mut Option<HttpClient>) -> Result<HttpClient, AftercallError> {
        if let Some(http) = line {
            return Ok(http.clone());
        }
        let relay = self.look(|phone| phone.status())?.relay;
        Ok(line.insert(HttpClient::new(&relay)?).clone())
    }

    /// One request and its answer. A refusal of the phone's clock corrects it and is tried once more.
    async fn exchange(&self, http: &HttpClient) -> Result<SyncOutcome, AftercallError> {
        let request = self.with(|phone, env| phone.sync_request(env))?;
        let body = pack(&request);
        let answer = match self.send(http, &body).await? {
            Err(ClientError::Refused { code: Code::TokenExpired, now: Some(relay_now) }) => {
                self.with(|phone, env| phone.clock_corrected(env, relay_now))?;
                self.send(http, &body).await??
            }
            other => other?,
        };
        self.with(|phone, env| phone.sync_answer(env, &body, &answer))
    }

    async fn send(
        &self,
        http: &HttpClient,
        body: &[u8],
    ) -> Result<Result<Vec<u8>, ClientError>, AftercallError> {
        let token = self.with(|phone, env| phone.token(env, body))?;
        Ok(http.sync(&token, body.to_vec()).await)
    }
}
