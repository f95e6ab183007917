//! The contract of a key vault: where a phone's two master keys are wrapped, by a platform's key store or by a
//! passphrase. Kept apart from the storage: whoever has the file has no key.
//!
//! Tier A opens the database and the outbox and is there from the first unlock after a boot, so a locked phone
//! syncs in the background. Tier B opens what can be read and needs its person present. The vault never sees
//! what the keys protect.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Which of a phone's two master keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tier {
    /// Database and outbox: available after the first unlock of the device.
    A,
    /// Reading keys: available while the person is present.
    B,
}

impl Tier {
    /// Its one letter, `a` or `b`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Tier::A => "a",
            Tier::B => "b",
        }
    }
}

/// A master key.
pub type MasterKey = Zeroizing<[u8; 32]>;

/// Why a vault gave no key. It has changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Nobody is there to unlock: no passphrase was given, the person turned it down. Not a try.
    #[error("nobody has unlocked the key store")]
    Absent,
    /// The person gave the wrong passphrase, or another finger. A try.
    #[error("the key store did not accept the unlock")]
    Refused,
    /// The platform has lost the wrapping key for good. What was wrapped stays as it is.
    #[error("the key store has lost its key")]
    Lost,
    /// Anything else of the platform; trying again may help.
    #[error("the key store failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Wraps a phone's master keys.
///
/// # Contract
/// `unwrap` gives back what `wrap` took, under the same tier, until `destroy` of that tier. After `destroy`
/// nothing wrapped under the tier opens, whoever tries; a later `wrap` begins a new wrapping key. `destroy` may
/// be called again. A vault never makes a new wrapping key in `unwrap`.
///
/// # Concurrency
/// One call at a time (`&mut self`); a call may wait for the person.
///
/// # Errors
/// As [`VaultError`]; a failed call changes nothing.
pub trait KeyVault: Send {
    /// Wraps a key under a tier. `rng` is for vaults that have no randomness of their own.
    fn wrap(
        &mut self,
        tier: Tier,
        key: &MasterKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, VaultError>;
    /// Opens a wrapped key.
    fn unwrap(&mut self, tier: Tier, wrapped: &[u8]) -> Result<MasterKey, VaultError>;
    /// Destroys a tier's wrapping key for good.
    fn destroy(&mut self, tier: Tier) -> Result<(), VaultError>;
}
