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
        Self::with_places(MOST_AT_ONCE)
    }

    fn with_places(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)) }
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

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use getrandom::SysRng;
    use rand_core::UnwrapErr;
    use sync_core::protocol::Timestamp;

    use super::*;
    use crate::relay::Settings;

    fn relay(folder: &std::path::Path) -> Arc<Relay> {
        let settings = Settings {
            origin: "http://relay.example".into(),
            clock: Arc::new(|| Timestamp(0)),
            rng: Box::new(UnwrapErr(SysRng)),
        };
        Arc::new(Relay::open(folder, settings).expect("opens"))
    }

    #[tokio::test]
    async fn a_full_house_says_so_at_once_and_a_panic_frees_its_place() {
        let folder = tempfile::tempdir().expect("folder");
        let relay = relay(folder.path());
        let full = Door::with_places(0).run(Arc::clone(&relay), |_| Ok(())).await;
        assert_eq!(full.expect_err("full").status(), StatusCode::SERVICE_UNAVAILABLE);
        let door = Door::with_places(1);
        let panicked: Result<(), _> =
            door.run(Arc::clone(&relay), |_| panic!("a defect in a handler")).await;
        let status = panicked.expect_err("panicked").status();
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(door.run(relay, |_| Ok(())).await.is_ok());
    }
}
