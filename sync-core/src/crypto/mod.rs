//! Keys and sealing. Everything secret is zeroised on drop and prints as `[redacted]`.
//!
//! Primitives come from kept crates; this layer only composes them. It knows no space, no policy and no
//! directory: who may hold a key is decided above (`gates`, `engine`), where a key is kept above that
//! (`store`). docs/keys.md lists every key with its algorithm, place, life and label.
//!
//! Invariants:
//! - Every derivation, signature and seal names its purpose with a label of its own from [`labels`].
//! - Randomness is handed in as `&mut dyn rand_core::CryptoRng`; nothing here asks the system for it.
//! - Bytes from a peer or a disk end in an error, never in a panic.
//! - There is one suite per version. An unknown one cannot even be decoded, so nothing can be downgraded.

mod device;
mod document_key;
mod epoch;
mod error;
mod hpke_base;
pub mod invite;
pub mod labels;
mod pad;
mod passphrase;
mod reading;
mod seal;
mod secret;
mod sender;
#[cfg(test)]
mod testing;
pub mod token;

pub use device::{DeviceKeys, device_id, verify, verify_envelope};
pub use document_key::DocumentKey;
pub use epoch::{EpochSecret, is_epoch_key};
pub use error::CryptoError;
pub use passphrase::{passphrase_and_device_key, passphrase_key};
pub use reading::ReadingKey;
pub use seal::{open_change, seal_change};
pub use sender::SenderKey;
