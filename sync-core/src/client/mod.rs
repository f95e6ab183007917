//! The HTTP client: carries a phone's requests to its relay. The only asynchronous code of the crate.

use crate::engine::{EngineError, SyncOutcome};
use crate::protocol::{Code, Timestamp};

/// Why an exchange brought nothing. Everything stays in the outbox.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection, or it broke.
    #[error("{}", Code::NetworkDown.advice())]
    Network(#[source] reqwest::Error),
    /// The relay answered with a code (body: `{"code": …, "now_ms": …}`).
    #[error("{}", .code.advice())]
    Refused {
        /// Why.
        code: Code,
        /// The relay's clock, where it told.
        now: Option<Timestamp>,
    },
    /// The phone itself refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// The totals of a whole sync.
pub type SyncTotals = SyncOutcome;
