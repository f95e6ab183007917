//! Errors as an app needs them: one variant for each thing the app can do about it.
//!
//! `code` is a stable name from the core's one list; `detail` is a sentence for the person, and never
//! holds a value they typed, a name, a key or a token.

use sync_core::client::ClientError;
use sync_core::engine::{EngineError, StoreError};
use sync_core::protocol::Code;

/// Why a call did nothing. Nothing is half-done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum AftercallError {
    /// What was typed is not allowed: show it beside the form.
    #[error("{detail}")]
    Input {
        /// The stable name.
        code: String,
        /// What to tell the person.
        detail: String,
    },
    /// The person's role or the team's policy forbids it: say whom to ask.
    #[error("{detail}")]
    NotAllowed {
        /// The stable name.
        code: String,
        /// What to tell the person.
        detail: String,
    },
    /// There is no such record or member here.
    #[error("{detail}")]
    NotFound {
        /// The stable name.
        code: String,
        /// What to tell the person.
        detail: String,
    },
    /// The phone is not set up, or already is: go to the other screen.
    #[error("{detail}")]
    Setup {
        /// The stable name.
        code: String,
        /// What to tell the person.
        detail: String,
    },
    /// The database does not open with this key: ask the key store again, change nothing.
    #[error("{detail}")]
    WrongKey {
        /// The stable name.
        code: String,
        /// What to tell the person.
        detail: String,
    },
    /// A newer app wrote this: offer the update.
    #[error("{detail}")]
    UpdateApp {
        /// The stable name.
        code: String,
        /// What to tell the person.
        detail: String,
    },
    /// The phone's storage failed: ask for free space, then try again.
    #[error("{detail}")]
    Storage {
        /// The stable name.
        code: String,
        /// What to tell the person.
        detail: String,
    },
    /// Try again later; everything is kept.
    #[error("{detail}")]
    TryLater {
        /// The stable name.
        code: String,
        /// What to tell the person.
        detail: String,
    },
    /// Relay, directory or keys are not as they should be: show it and name an admin.
    #[error("{detail}")]
    Trust {
        /// The stable name.
        code: String,
        /// What to tell the person.
        detail: String,
    },
    /// The core failed inside. The phone is closed; open it again.
    #[error("{detail}")]
    Broken {
        /// The stable name.
        code: String,
        /// What to tell the person.
        detail: String,
    },
}

impl AftercallError {
    /// The error for a code, with further words behind its advice.
    pub(crate) fn of(code: Code, detail: &str) -> Self {
        let (name, detail) = (code.as_str().to_owned(), format!("{}{detail}", code.advice()));
        match code {
            Code::UnknownField
            | Code::BadValue
            | Code::Missing
            | Code::TooManyOps
            | Code::CodeMistyped
            | Code::ShareMissing
            | Code::ShareWrong
            | Code::CodeWrong => Self::Input { code: name, detail },
            Code::DocumentFull
            | Code::LeadWithoutDevice
            | Code::HolderWithoutDevice
            | Code::DeviceExists => Self::Input { code: name, detail },
            Code::NotAllowed
            | Code::PolicyNoNotes
            | Code::InviteUnknown
            | Code::RecoverySpent
            | Code::RecoveryWrong
            | Code::RecoveryNone
            | Code::ShareNotHeld
            | Code::FurtherDevice
            | Code::NoDeviceLeft => Self::NotAllowed { code: name, detail },
            Code::NoSuchRecord | Code::NoSuchMember | Code::NoSuchProposal | Code::NoKey => {
                Self::NotFound { code: name, detail }
            }
            Code::AlreadySetUp | Code::NotSetUp | Code::NotLetIn | Code::DeviceWiped => {
                Self::Setup { code: name, detail }
            }
            Code::WrongKey => Self::WrongKey { code: name, detail },
            Code::StoreNewer => Self::UpdateApp { code: name, detail },
            Code::StoreFailed => Self::Storage { code: name, detail },
            Code::NetworkDown
            | Code::Overloaded
            | Code::RateLimited
            | Code::Internal
            | Code::TokenExpired
            | Code::TokenReplayed
            | Code::DirectoryBehind
            | Code::MissingAncestor
            | Code::TooLarge => Self::TryLater { code: name, detail },
            _ => Self::Trust { code: name, detail },
        }
    }

    /// What was handed in is not what the call takes; `what` says so and never repeats it.
    pub(crate) fn bad_value(what: &str) -> Self {
        Self::of(Code::BadValue, &format!(" ({what})"))
    }

    /// The core panicked, or the phone was closed by an earlier panic.
    pub(crate) fn broken() -> Self {
        let detail = "The app failed inside; nothing was half-written. Open it again.".to_owned();
        Self::Broken { code: Code::Internal.as_str().to_owned(), detail }
    }
}

impl From<Code> for AftercallError {
    fn from(code: Code) -> Self {
        Self::of(code, "")
    }
}

impl From<EngineError> for AftercallError {
    fn from(error: EngineError) -> Self {
        match &error {
            EngineError::Refused { code, detail } => Self::of(*code, detail),
            EngineError::Store(StoreError::Busy) => {
                Self::of(Code::StoreFailed, " (the database is open in another process)")
            }
            EngineError::Store(_) => Self::of(error.code(), ""),
        }
    }
}

impl From<StoreError> for AftercallError {
    fn from(error: StoreError) -> Self {
        EngineError::Store(error).into()
    }
}

impl From<ClientError> for AftercallError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Engine(error) => error.into(),
            ClientError::Address => Self::bad_value("the relay's address"),
            other => other.code().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_keeps_its_name_and_advice() {
        for code in Code::ALL {
            let error = AftercallError::from(*code);
            assert!(error.to_string().starts_with(code.advice()), "{code}");
            assert!(format!("{error:?}").contains(code.as_str()), "{code}");
        }
    }

    #[test]
    fn what_an_app_does_differs_by_variant() {
        assert!(matches!(Code::WrongKey.into(), AftercallError::WrongKey { .. }));
        assert!(matches!(Code::NetworkDown.into(), AftercallError::TryLater { .. }));
        assert!(matches!(Code::DirectoryForged.into(), AftercallError::Trust { .. }));
        assert!(matches!(Code::BadValue.into(), AftercallError::Input { .. }));
    }
}
