//! HPKE (RFC 9180), base mode, suite 1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
//!
//! The one place that names the crate. A sealed message is the encapsulated key (32 bytes) followed by
//! the ciphertext. `info` carries the label and the whole context, so callers leave the associated data
//! empty. Callers: `epoch`, `sender`.

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, setup_receiver, single_shot_open,
    single_shot_seal_with_rng,
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::CryptoError;
use super::secret::Secret;

type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type EncappedKey = <X25519HkdfSha256 as Kem>::EncappedKey;
/// The crate zeroises it on drop.
pub(super) type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;

/// Length of an encapsulated key.
const ENC_LEN: usize = 32;

pub(super) fn generate(rng: &mut dyn CryptoRng) -> PrivateKey {
    let mut rng = rng;
    X25519HkdfSha256::gen_keypair_with_rng(&mut rng).0
}

pub(super) fn private_from_bytes(bytes: &[u8]) -> Result<PrivateKey, CryptoError> {
    PrivateKey::from_bytes(bytes).map_err(|_| CryptoError::Key)
}

pub(super) fn private_bytes(key: &PrivateKey) -> Secret {
    let mut secret = Secret::zero();
    key.write_exact(secret.as_mut_bytes());
    secret
}

pub(super) fn public_bytes(key: &PrivateKey) -> [u8; 32] {
    X25519HkdfSha256::sk_to_pk(key).to_bytes().into()
}

/// Whether these bytes are a public key that yields a shared secret: of the right length, not of small order.
pub(super) fn is_public(public: &[u8]) -> bool {
    // A key of small order yields zero with every secret, so any will do; nothing is kept.
    let (Ok(any), Ok(public)) = (PrivateKey::from_bytes(&[1; 32]), EncappedKey::from_bytes(public))
    else {
        return false;
    };
    setup_receiver::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &any,
        &public,
        b"",
    )
    .is_ok()
}

pub(super) fn seal(
    public: &[u8],
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    rng: &mut dyn CryptoRng,
) -> Result<Vec<u8>, CryptoError> {
    let public = PublicKey::from_bytes(public).map_err(|_| CryptoError::Key)?;
    let mut rng = rng;
    // Fails for a public key of small order, which nobody can hold the secret of.
    let (enc, ciphertext) = single_shot_seal_with_rng::<
        ChaCha20Poly1305,
        HkdfSha256,
        X25519HkdfSha256,
    >(&OpModeS::Base, &public, info, plaintext, aad, &mut rng)
    .map_err(|_| CryptoError::Key)?;
    let mut sealed = enc.to_bytes().to_vec();
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

pub(super) fn open(
    private: &PrivateKey,
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let (enc, ciphertext) = sealed.split_at_checked(ENC_LEN).ok_or(CryptoError::Seal)?;
    let enc = EncappedKey::from_bytes(enc).map_err(|_| CryptoError::Seal)?;
    single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        private,
        &enc,
        info,
        ciphertext,
        aad,
    )
    .map(Zeroizing::new)
    .map_err(|_| CryptoError::Seal)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use rand_core::{TryCryptoRng, TryRng};

    use super::super::testing::{flipped, rng, unhex};
    use super::*;

    // RFC 9180, appendix A.2.1: base mode, sequence number 0.
    const INFO: &str = "4f6465206f6e2061204772656369616e2055726e";
    const IKM_E: &str = "909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b";
    const SK_R: &str = "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb";
    const PK_R: &str = "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a";
    const ENC: &str = "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a";
    const AAD: &[u8] = b"Count-0";
    const PT: &[u8] = b"Beauty is truth, truth beauty";
    const CT: &str = "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db\
                      21993c62ce81883d2dd1b51a28";

    /// Gives out these bytes and no others.
    struct Fixed(Vec<u8>);

    impl TryRng for Fixed {
        type Error = Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            unreachable!("only whole keys are drawn")
        }
        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            unreachable!("only whole keys are drawn")
        }
        fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
            let rest = self.0.split_off(dst.len());
            dst.copy_from_slice(&std::mem::replace(&mut self.0, rest));
            Ok(())
        }
    }

    impl TryCryptoRng for Fixed {}

    #[test]
    fn the_standards_message_opens() {
        let private = private_from_bytes(&unhex(SK_R)).expect("a key");
        assert_eq!(public_bytes(&private).to_vec(), unhex(PK_R));
        let sealed = unhex(&[ENC, CT].concat());
        assert_eq!(*open(&private, &unhex(INFO), AAD, &sealed).expect("opens"), PT);
    }

    #[test]
    fn the_standards_message_is_sealed_byte_for_byte() {
        let mut ephemeral = Fixed(unhex(IKM_E));
        let sealed = seal(&unhex(PK_R), &unhex(INFO), AAD, PT, &mut ephemeral).expect("seals");
        assert_eq!(sealed, unhex(&[ENC, CT].concat()));
    }

    #[test]
    fn every_bit_counts() {
        let private = generate(&mut rng(1));
        let public = public_bytes(&private);
        let sealed = seal(&public, b"info", b"", b"secret", &mut rng(2)).expect("seals");
        assert_eq!(*open(&private, b"info", b"", &sealed).expect("opens"), b"secret");
        // The top bit of an X25519 public key is ignored by the curve, not by the key schedule.
        for (bit, other) in flipped(&sealed) {
            assert_eq!(open(&private, b"info", b"", &other), Err(CryptoError::Seal), "bit {bit}");
        }
        assert!(open(&private, b"other", b"", &sealed).is_err());
        for len in 0..sealed.len() {
            assert!(open(&private, b"info", b"", &sealed[..len]).is_err(), "cut to {len}");
        }
    }

    #[test]
    fn keys_that_nobody_can_hold_are_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        for public in [[0; 32], one] {
            let sealed = seal(&public, b"info", b"", b"secret", &mut rng(3));
            assert_eq!(sealed, Err(CryptoError::Key));
        }
        assert_eq!(seal(&[9; 31], b"", b"", b"", &mut rng(3)), Err(CryptoError::Key));
    }

    #[test]
    fn a_key_that_cannot_be_sealed_to_is_told() {
        let key = generate(&mut rng(1));
        assert!(is_public(&public_bytes(&key)));
        assert!(!is_public(&[0; 32]) && !is_public(&[]) && !is_public(&[7; 31]));
        let mut one = [0; 32];
        one[0] = 1;
        assert!(!is_public(&one), "of small order");
        assert!(seal(&one, b"", b"", b"text", &mut rng(2)).is_err());
    }
}
