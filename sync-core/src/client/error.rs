//! Why an exchange brought nothing.

use crate::engine::EngineError;
use crate::protocol::{Code, Timestamp};

/// Why an exchange brought nothing. Everything stays in the outbox.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The relay's address is not one that requests may be sent to.
    #[error(
        "the relay's address must be http://127.0.0.1:4000, or another port of this machine{}",
        if cfg!(feature = "tls") { ", or https://relay.example" } else { "" }
    )]
    Address,
    /// No connection, or it broke.
    #[error("{}", Code::NetworkDown.advice())]
    Network(#[source] reqwest::Error),
    /// Connected, but nothing came in time.
    #[error("{}", Code::NetworkDown.advice())]
    Silent,
    /// The relay answered with a code (body: `{"code": …, "now_ms": …}`).
    #[error("{}", .code.advice())]
    Refused {
        /// Why.
        code: Code,
        /// The relay's clock, where it told.
        now: Option<Timestamp>,
    },
    /// The relay says that this device was removed, and shows the directory entries it goes by: an encoded
    /// [`RemovalNotice`](crate::protocol::RemovalNotice) for [`Phone::take_removal`](crate::engine::Phone::take_removal).
    #[error("{}", Code::DeviceRemoved.advice())]
    Removed(Vec<u8>),
    /// The answer is no message of this protocol, or longer than allowed.
    #[error("{}", Code::Malformed.advice())]
    Damaged,
    /// The phone itself refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl ClientError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            ClientError::Address => Code::BadValue,
            ClientError::Network(_) | ClientError::Silent => Code::NetworkDown,
            ClientError::Refused { code, .. } => *code,
            ClientError::Removed(_) => Code::DeviceRemoved,
            ClientError::Damaged => Code::Malformed,
            ClientError::Engine(error) => error.code(),
        }
    }
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        ClientError::Network(error.without_url())
    }
}
