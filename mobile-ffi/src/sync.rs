//! Joining and syncing over HTTP: the only calls that use a network, and the only asynchronous ones.
//!
//! The phone is let go of while a request is under way, so that people can record at any time; what
//! they record then leaves with the next exchange.

use sync_core::client::{HttpClient, Reach, exchange_until_done};
use sync_core::engine::{EngineError, Env, Phone, SyncOutcome};

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
        Ok(exchange_until_done(&mut Shared(self), &http).await?.into())
    }

    /// Asks the relay once to be let in. True once another phone has let this one in; false: ask again later. After
    /// `code_wrong` call `retype_code`.
    pub async fn ask_to_join(&self) -> Result<bool, AftercallError> {
        let mut line = self.line.lock().await;
        let mut http = self.dial(&mut line)?;
        if let Some(code) = self.look(|phone| phone.code_request())? {
            let answer = http.try_code(&code).await?;
            if !self.look(|phone| phone.code_answer(&answer))? {
                return Ok(false);
            }
            // The invitation says what the team calls its relay.
            *line = None;
            http = self.dial(&mut line)?;
        }
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
        let relay = self.look(|phone| phone.relay().map(str::to_owned))?;
        Ok(line.insert(HttpClient::new(&relay)?).clone())
    }
}

/// A phone that people go on using while it syncs.
struct Shared<'a>(&'a AftercallPhone);

impl Reach for Shared<'_> {
    type Error = AftercallError;

    fn with<T>(
        &mut self,
        act: impl FnOnce(&mut Phone, &mut Env<'_>) -> Result<T, EngineError>,
    ) -> Result<T, AftercallError> {
        self.0.with(act)
    }
}

impl From<SyncOutcome> for SyncReport {
    fn from(outcome: SyncOutcome) -> Self {
        let SyncOutcome { again, stored, refused, received, heal } = outcome;
        Self { stored, refused, received, again: again || heal }
    }
}
