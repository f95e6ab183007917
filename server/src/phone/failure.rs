//! Why a verb of the terminal phone did nothing: one sentence with its code.

use std::fmt;

use server::vault::VaultError;
use sync_core::client::ClientError;
use sync_core::engine::{EngineError, StoreError};
use sync_core::protocol::Code;

/// One sentence and a stable code. Nothing is half-done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The stable code.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub sentence: String,
}

impl Failure {
    /// The failure of this code, in its own words.
    pub fn of(code: Code) -> Self {
        Self { code: code.as_str(), sentence: code.advice().to_owned() }
    }

    /// The failure of this code, said more closely.
    pub fn with(code: Code, sentence: impl Into<String>) -> Self {
        Self { code: code.as_str(), sentence: sentence.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error [{}]: {}", self.code, self.sentence)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::with(error.code(), error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        EngineError::from(error).into()
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        Self::with(error.code(), error.to_string())
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::with(error.code(), error.to_string())
    }
}
