//! Why a request as a whole was not served.

use sync_core::protocol::Code;

use crate::store::StoreError;

/// A request that was not served. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
#[error("{}", .code.advice())]
pub struct Refusal {
    /// What the caller is told.
    pub code: Code,
    /// Why the relay itself failed (`internal`): for the operator's log, never for the caller.
    #[source]
    pub failure: Option<StoreError>,
    /// What proves a removal to the device: an encoded [`RemovalNotice`](sync_core::protocol::RemovalNotice).
    pub notice: Option<Vec<u8>>,
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self { code, failure: None, notice: None }
    }
}

impl From<StoreError> for Refusal {
    fn from(failure: StoreError) -> Self {
        Self { code: Code::Internal, failure: Some(failure), notice: None }
    }
}
