//! Recovery: what a member prepares while they have a phone, so that a new one can read when all are lost.
//!
//! A recovery key is made on the member's own phone ([`setup`](self)), reads whatever the member reads ([`escrow`]),
//! and is known to nobody: its secret is on paper or in shares. A new phone that is given the secret lets itself be
//! listed by the key's word, opens what was wrapped for it, and the key is spent ([`restore`]). An admin must still
//! invite the new phone: neither the secret nor an admin alone is enough.

mod drill;
mod escrow;
mod proposals;
mod restore;
mod setup;
mod shares;
mod types;

pub use escrow::NO_ESCROW_WARNING;
pub use types::{
    Holder, PrintedShare, RecoveryAsk, RecoveryProof, RecoverySheet, RecoveryState, RecoveryStatus,
    ShareRelease,
};

use crate::crypto::{CodeError, ShareError};
use crate::protocol::Code;

use super::EngineError;

impl From<CodeError> for EngineError {
    fn from(error: CodeError) -> Self {
        EngineError::refused_because(Code::CodeMistyped, error)
    }
}

impl From<ShareError> for EngineError {
    fn from(error: ShareError) -> Self {
        match error {
            ShareError::TooFew => Code::ShareMissing.into(),
            ShareError::Mixed | ShareError::Wrong { .. } => {
                EngineError::refused_because(Code::ShareWrong, error)
            }
        }
    }
}
