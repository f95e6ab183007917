//! The one door to the database: blocking work leaves the event loop here, and no more of it than the relay can carry.

use std::sync::Arc;

use sync_core::protocol::Code;
use tokio::sync::Semaphore;

use crate::relay::{Refusal, Relay};

use super::ApiError;

/// Requests at work or waiting for the writer. Beyond them the relay says so at once instead of letting everyone wait.
const MOST_AT_ONCE: usize = 128;

/// Lets a bounded number of requests reach the relay.
#[derive(Clone)]
pub(crate) struct Door {
    places: Arc<Semaphore>,
}

impl Door {
    pub(super) fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(MOST_AT_ONCE)) }
    }

    /// Runs blocking work on the relay.
    ///
    /// # Errors
    /// `overloaded` at once if too many are at it; what the work refuses; `internal` if it panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        relay: Arc<Relay>,
        work: impl FnOnce(&Relay) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, ApiError> {
        let now = relay.now();
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(ApiError::new(Code::Overloaded, now));
        };
        let done = tokio::task::spawn_blocking(move || {
            let out = work(&relay);
            drop(place);
            out
        });
        match done.await {
            Ok(out) => out.map_err(|refusal| ApiError::from_refusal(refusal, now)),
            Err(_) => {
                tracing::error!("a request's work panicked; its transaction was rolled back");
                Err(ApiError::new(Code::Internal, now))
            }
        }
    }
}
