//! HPKE (RFC 9180), base mode, suite 1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
//!
//! The one place that names the crate. A sealed message is the encapsulated key (32 bytes) followed by
//! the ciphertext. `info` carries the label and the whole context; there is no associated data.
//! Callers: `epoch`, `sender`.

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open,
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

pub(super) fn seal(
    public: &[u8],
    info: &[u8],
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
    >(&OpModeS::Base, &public, info, plaintext, b"", &mut rng)
    .map_err(|_| CryptoError::Key)?;
    let mut sealed = enc.to_bytes().to_vec();
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

pub(super) fn open(
    private: &PrivateKey,
    info: &[u8],
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
        b"",
    )
    .map(Zeroizing::new)
    .map_err(|_| CryptoError::Seal)
}
