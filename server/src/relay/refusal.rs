//! Why a request as a whole was not served.

use sync_core::protocol::Code;

use crate::store::StoreError;

/// A request that was not served. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The caller must do something else: the code says what.
    #[error("{}", .0.advice())]
    Refused(Code),
    /// The relay failed. The caller learns nothing but that.
    #[error(transparent)]
    Failed(#[from] StoreError),
}

impl Refusal {
    /// The code a caller is told.
    pub fn code(&self) -> Code {
        match self {
            Refusal::Refused(code) => *code,
            Refusal::Failed(_) => Code::Internal,
        }
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Refusal::Refused(code)
    }
}
