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
//! - An unknown suite cannot even be decoded. Which of the known ones is used follows from signed facts: what made
//!   the epoch, what listed the device. What arrives in another is refused.

mod code;
mod device;
mod document_key;
mod epoch;
mod error;
mod fingerprint;
mod hpke_base;
pub mod invite;
pub mod labels;
mod pad;
pub mod pake;
mod passphrase;
mod reading;
mod recovery;
mod recovery_code;
mod recovery_share;
mod seal;
mod secret;
mod sender;
#[cfg(test)]
mod testing;
pub mod token;

pub use code::TypedCode;
pub use device::{DeviceKeys, SealKeys, device_id, verify, verify_envelope};
pub use document_key::DocumentKey;
pub use epoch::{EpochSecret, is_epoch_key, is_sealing_key};
pub use error::CryptoError;
pub use fingerprint::fingerprint;
pub use passphrase::{passphrase_and_device_key, passphrase_key};
pub use reading::ReadingKey;
pub use recovery::{RecoveryKeys, RecoverySecret};
pub use recovery_code::{CodeError, recovery_code, secret_of_code};
pub use recovery_share::{
    ShareError, combine_shares, hand_share, open_handed, open_share, seal_share, share_check,
    share_text, split_secret,
};
pub use seal::{open_change, seal_change};
pub use sender::SenderKey;
