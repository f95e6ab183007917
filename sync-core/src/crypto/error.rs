//! Why a key or a seal does not open. Deliberately coarse: a refusal teaches an attacker nothing.

/// A key or seal that does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// Wrong key, wrong place, or changed bytes.
    #[error("the seal does not open")]
    Seal,
    /// Bytes that are no key.
    #[error("the key is malformed")]
    Key,
    /// The opened text is longer than allowed or malformed.
    #[error("the sealed text is malformed")]
    Text,
}
