//! How a step may end.

use crate::drill::child::ChildError;

/// Why a step did not do or hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// The product refused it.
    Refused {
        /// The code.
        code: String,
        /// Its sentence.
        sentence: String,
    },
    /// What was expected is not so.
    Unmet {
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A process died at its armed crash point and was started again.
    Crashed,
    /// The machinery failed.
    Broken(String),
}

/// The end of a step.
pub type Played<T = ()> = Result<T, Failed>;

impl Failed {
    /// What was expected is not so.
    pub fn unmet(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Failed::Unmet { expected: expected.into(), found: found.into() }
    }

    /// The machinery failed.
    pub fn broken(reason: impl std::fmt::Display) -> Self {
        Failed::Broken(reason.to_string())
    }
}

impl From<ChildError> for Failed {
    fn from(error: ChildError) -> Self {
        Failed::broken(error)
    }
}
