//! What becomes of one pushed envelope.

use sync_core::ids::{Chain, EnvelopeId};
use sync_core::protocol::{Code, PushResult, Verdict};

use crate::store::items::Position;

/// What became of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It has a position and is served.
    Stored(Position),
    /// It had a position before.
    Known(Position),
    /// It has a position and is never served.
    Quarantined(Position),
    /// Its document was erased for good.
    Purged,
    /// It will never be taken.
    Refused(Code),
    /// Something it needs is missing.
    Waiting(Code),
    /// Not now.
    Retry(Code),
}

impl Outcome {
    /// The result as the device is told.
    pub(super) fn result(self, id: EnvelopeId) -> PushResult {
        let none = Position { seq: 0, chain: Chain::EMPTY, code: String::new() };
        let coded = |code: Code| Position { code: code.as_str().to_owned(), ..none.clone() };
        let (verdict, position) = match self {
            Outcome::Stored(position) => (Verdict::Stored, position),
            Outcome::Known(position) if position.code.is_empty() => (Verdict::Duplicate, position),
            Outcome::Known(position) if position.code == Code::Purged.as_str() => {
                (Verdict::Purged, position)
            }
            Outcome::Purged => (Verdict::Purged, coded(Code::Purged)),
            Outcome::Known(position) | Outcome::Quarantined(position) => {
                (Verdict::Quarantined, position)
            }
            Outcome::Refused(code) => (Verdict::RefusedFinal, coded(code)),
            Outcome::Waiting(code) => (Verdict::Waiting, coded(code)),
            Outcome::Retry(code) => (Verdict::RefusedRetry, coded(code)),
        };
        PushResult { id, verdict, seq: position.seq, chain: position.chain, code: position.code }
    }
}
