//! A member's recovery key: one secret of 256 bits, and the two key pairs it yields.
//!
//! It is no device: [`RecoveryKeys`] signs approvals and nothing else, and opens epoch keys that were wrapped
//! for it. The secret is made on the member's phone, leaves it as a printed code or as shares, and is wiped
//! there. Whether a key counts is the directory's business.

use std::fmt;

use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::ids::{DeviceId, MemberId, TeamId};
use crate::protocol::{Suite, WrappedKey};

use super::secret::Secret;
use super::{CryptoError, DeviceKeys, EpochSecret, labels};

/// The 256 bits that restore a member's reading.
pub struct RecoverySecret(Secret);

impl RecoverySecret {
    /// A fresh secret.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self(Secret::generate(rng))
    }

    /// From [`RecoverySecret::to_secret_bytes`].
    ///
    /// # Errors
    /// `Key` unless there are 32 bytes.
    pub fn from_secret_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        Secret::from_slice(bytes).map(Self)
    }

    /// The secret bytes, for an encrypted store only.
    pub fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.0.to_vec()
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The keys it yields for a member of a team, and for nobody else (HKDF info = label || team || member).
    pub fn keys(&self, team: TeamId, member: MemberId) -> RecoveryKeys {
        let mut bytes = Zeroizing::new([0; 96]);
        let all = [labels::RECOVERY_SIGN, labels::RECOVERY_SEAL, labels::RECOVERY_SEAL_2];
        for (label, out) in all.into_iter().zip(bytes.chunks_mut(32)) {
            Hkdf::<Sha256>::new(None, self.0.as_bytes())
                .expand(&[label, team.as_bytes(), member.as_bytes()].concat(), out)
                .expect("32 bytes are a length that HKDF can give");
        }
        let keys = DeviceKeys::from_secret_bytes(bytes.as_slice());
        RecoveryKeys(keys.expect("every 32 bytes are a key of either kind"))
    }
}

impl fmt::Debug for RecoverySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoverySecret([redacted])")
    }
}

/// The key pairs of a recovery secret.
pub struct RecoveryKeys(DeviceKeys);

impl RecoveryKeys {
    /// The id under which epoch keys are wrapped for it, as for a device.
    pub fn id(&self) -> DeviceId {
        self.0.device_id()
    }

    /// Ed25519 verifying key.
    pub fn verify_key(&self) -> [u8; 32] {
        self.0.verify_key()
    }

    /// X-Wing public key.
    pub fn seal_key_2(&self) -> Option<Vec<u8>> {
        self.0.seal_key_2()
    }

    /// HPKE public key.
    pub fn seal_key(&self) -> [u8; 32] {
        self.0.seal_key()
    }

    /// Signs an approval of a directory operation, and nothing else.
    ///
    /// # Errors
    /// `Key` for a message that is no approval.
    pub fn approve(&self, approval: &[u8]) -> Result<[u8; 64], CryptoError> {
        if !approval.starts_with(labels::APPROVAL) {
            return Err(CryptoError::Key);
        }
        Ok(self.0.sign(approval))
    }

    /// Opens an epoch key that was wrapped for this recovery key.
    ///
    /// # Errors
    /// Those of [`EpochSecret::unwrap`].
    pub fn open_epoch(
        &self,
        suite: Suite,
        wrapped: &WrappedKey,
        epoch_public: &[u8],
    ) -> Result<EpochSecret, CryptoError> {
        EpochSecret::unwrap(suite, wrapped, epoch_public, &self.0)
    }

    /// What a thief of the secret makes of it: keys that sign anything. For exercises and hostile tests only.
    #[cfg(feature = "drill")]
    pub fn drill_thief(self) -> DeviceKeys {
        self.0
    }
}

impl fmt::Debug for RecoveryKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryKeys([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{header, rng};
    use super::*;
    use crate::crypto;
    use crate::ids::EpochId;

    const TEAM: TeamId = TeamId::new([1; 32]);
    const MEMBER: MemberId = MemberId::new([2; 16]);

    #[test]
    fn a_secret_yields_the_same_keys_for_one_member_only() {
        let secret = RecoverySecret::generate(&mut rng(1));
        let again = RecoverySecret::from_secret_bytes(&secret.to_secret_bytes()).expect("reads");
        let keys = secret.keys(TEAM, MEMBER);
        assert_eq!(again.keys(TEAM, MEMBER).verify_key(), keys.verify_key());
        assert_eq!(again.keys(TEAM, MEMBER).seal_key(), keys.seal_key());
        for other in [
            secret.keys(TEAM, MemberId::new([3; 16])),
            secret.keys(TeamId::new([3; 32]), MEMBER),
            RecoverySecret::generate(&mut rng(2)).keys(TEAM, MEMBER),
        ] {
            assert_ne!(other.verify_key(), keys.verify_key());
            assert_ne!(other.seal_key(), keys.seal_key());
        }
        for len in [0, 31, 33] {
            assert!(RecoverySecret::from_secret_bytes(&vec![7; len]).is_err(), "{len}");
        }
    }

    #[test]
    fn it_signs_an_approval_and_nothing_else() {
        let keys = RecoverySecret::generate(&mut rng(1)).keys(TEAM, MEMBER);
        let approval = crate::directory::approval_to_sign(TEAM, &[9; 16], b"op");
        let sig = keys.approve(&approval).expect("an approval");
        assert!(crypto::verify(&keys.verify_key(), &approval, &sig));
        let envelope = header(keys.id()).signing_input();
        assert_eq!(keys.approve(&envelope), Err(CryptoError::Key));
        assert_eq!(keys.approve(b""), Err(CryptoError::Key));
    }

    #[test]
    fn an_epoch_wrapped_for_it_opens_with_the_secret_alone() {
        let rng = &mut rng(1);
        let secret = RecoverySecret::generate(rng);
        let keys = secret.keys(TEAM, MEMBER);
        let (epoch, public) = EpochSecret::generate(Suite::X25519, rng);
        let (first, second) = (keys.seal_key(), keys.seal_key_2());
        let to = crypto::SealKeys { first: &first, second: second.as_deref() };
        let wrapped =
            epoch.wrap_for(EpochId::new([4; 16]), &public, keys.id(), to, rng).expect("wraps");
        let opened = keys.open_epoch(Suite::X25519, &wrapped, &public).expect("opens");
        assert_eq!(opened.to_secret_bytes(), epoch.to_secret_bytes());
        let other = RecoverySecret::generate(rng).keys(TEAM, MEMBER);
        assert!(other.open_epoch(Suite::X25519, &wrapped, &public).is_err());
    }

    #[test]
    fn recovery_secrets_are_wiped_and_never_shown() {
        let secret = RecoverySecret::generate(&mut rng(1));
        assert_eq!(format!("{secret:?}"), "RecoverySecret([redacted])");
        let keys = secret.keys(TEAM, MEMBER);
        assert_eq!(format!("{keys:?}"), "RecoveryKeys([redacted])");
        // What they are made of is wiped when dropped (`secret.rs` shows it of the types themselves).
        assert!(std::mem::needs_drop::<RecoverySecret>() && std::mem::needs_drop::<RecoveryKeys>());
        assert!(std::mem::needs_drop::<crate::protocol::RecoveryShare>());
    }
}
