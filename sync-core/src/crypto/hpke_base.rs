//! HPKE (RFC 9180), base mode, in two suites that differ in their KEM alone.
//!
//! Suite 1: DHKEM(X25519, HKDF-SHA256). Suite 2: X-Wing, which is X25519 and ML-KEM-768 together (KEM 0x647a of
//! draft-ietf-hpke-pq). Both with HKDF-SHA256 and ChaCha20-Poly1305.
//!
//! The one place that names the crate; nothing here composes HPKE, each call is the crate's own single shot. A
//! sealed message is the encapsulated key followed by the ciphertext. The KEM's number is part of HPKE's own key
//! schedule, so what was sealed in one suite opens in no other. `info` carries the label and the whole context, so
//! callers leave the associated data empty. Callers: `device`, `epoch`, `sender`.

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::{X25519HkdfSha256, XWing};
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, setup_receiver, single_shot_open,
    single_shot_seal_with_rng,
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::protocol::Suite;

use super::CryptoError;
use super::secret::Secret;

/// A secret key of either suite: 32 bytes each. The crate zeroises it on drop.
pub(super) enum PrivateKey {
    X25519(<X25519HkdfSha256 as Kem>::PrivateKey),
    XWing(Box<<XWing as Kem>::PrivateKey>),
}

impl PrivateKey {
    pub(super) fn suite(&self) -> Suite {
        match self {
            PrivateKey::X25519(_) => Suite::X25519,
            PrivateKey::XWing(_) => Suite::XWing,
        }
    }
}

pub(super) fn generate(suite: Suite, rng: &mut dyn CryptoRng) -> PrivateKey {
    let mut rng = rng;
    match suite {
        Suite::X25519 => PrivateKey::X25519(X25519HkdfSha256::gen_keypair_with_rng(&mut rng).0),
        Suite::XWing => PrivateKey::XWing(Box::new(XWing::gen_keypair_with_rng(&mut rng).0)),
    }
}

pub(super) fn private_from_bytes(suite: Suite, bytes: &[u8]) -> Result<PrivateKey, CryptoError> {
    match suite {
        Suite::X25519 => Deserializable::from_bytes(bytes).map(PrivateKey::X25519),
        Suite::XWing => {
            Deserializable::from_bytes(bytes).map(|key| PrivateKey::XWing(Box::new(key)))
        }
    }
    .map_err(|_| CryptoError::Key)
}

pub(super) fn private_bytes(key: &PrivateKey) -> Secret {
    let mut secret = Secret::zero();
    match key {
        PrivateKey::X25519(key) => key.write_exact(secret.as_mut_bytes()),
        PrivateKey::XWing(key) => key.write_exact(secret.as_mut_bytes()),
    }
    secret
}

pub(super) fn public_bytes(key: &PrivateKey) -> Vec<u8> {
    match key {
        PrivateKey::X25519(key) => X25519HkdfSha256::sk_to_pk(key).to_bytes().to_vec(),
        PrivateKey::XWing(key) => XWing::sk_to_pk(key).to_bytes().to_vec(),
    }
}

/// Whether these bytes are a public key that can be sealed to: of the right length and form, and of suite 1 not
/// of small order. (X-Wing's security does not rest on its X25519 half alone, so its draft checks no order.)
pub(super) fn is_public(suite: Suite, public: &[u8]) -> bool {
    match suite {
        Suite::X25519 => yields_a_secret(public),
        Suite::XWing => <XWing as Kem>::PublicKey::from_bytes(public).is_ok(),
    }
}

fn yields_a_secret(public: &[u8]) -> bool {
    type Private = <X25519HkdfSha256 as Kem>::PrivateKey;
    type Encapped = <X25519HkdfSha256 as Kem>::EncappedKey;
    // A key of small order yields zero with every secret, so any will do; nothing is kept.
    let (Ok(any), Ok(public)) = (Private::from_bytes(&[1; 32]), Encapped::from_bytes(public))
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
    suite: Suite,
    public: &[u8],
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    rng: &mut dyn CryptoRng,
) -> Result<Vec<u8>, CryptoError> {
    match suite {
        Suite::X25519 => seal_with::<X25519HkdfSha256>(public, info, aad, plaintext, rng),
        Suite::XWing => seal_with::<XWing>(public, info, aad, plaintext, rng),
    }
}

fn seal_with<K: Kem>(
    public: &[u8],
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    rng: &mut dyn CryptoRng,
) -> Result<Vec<u8>, CryptoError> {
    let public = K::PublicKey::from_bytes(public).map_err(|_| CryptoError::Key)?;
    let mut rng = rng;
    // Fails for an X25519 key of small order, which nobody can hold the secret of.
    let (enc, ciphertext) = single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, K>(
        &OpModeS::Base,
        &public,
        info,
        plaintext,
        aad,
        &mut rng,
    )
    .map_err(|_| CryptoError::Key)?;
    let mut sealed = enc.to_bytes().to_vec();
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

/// Opens a message sealed in the key's own suite.
pub(super) fn open(
    private: &PrivateKey,
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    match private {
        PrivateKey::X25519(key) => open_with::<X25519HkdfSha256>(key, info, aad, sealed),
        PrivateKey::XWing(key) => open_with::<XWing>(key, info, aad, sealed),
    }
}

fn open_with<K: Kem>(
    private: &K::PrivateKey,
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let (enc, ciphertext) =
        sealed.split_at_checked(K::EncappedKey::size()).ok_or(CryptoError::Seal)?;
    let enc = K::EncappedKey::from_bytes(enc).map_err(|_| CryptoError::Seal)?;
    single_shot_open::<ChaCha20Poly1305, HkdfSha256, K>(
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

    use super::super::testing::{flips, rng, unhex};
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
        let private = private_from_bytes(Suite::X25519, &unhex(SK_R)).expect("a key");
        assert_eq!(public_bytes(&private), unhex(PK_R));
        let sealed = unhex(&[ENC, CT].concat());
        assert_eq!(*open(&private, &unhex(INFO), AAD, &sealed).expect("opens"), PT);
    }

    #[test]
    fn the_standards_message_is_sealed_byte_for_byte() {
        let mut ephemeral = Fixed(unhex(IKM_E));
        let sealed = seal(Suite::X25519, &unhex(PK_R), &unhex(INFO), AAD, PT, &mut ephemeral)
            .expect("seals");
        assert_eq!(sealed, unhex(&[ENC, CT].concat()));
    }

    #[test]
    fn every_bit_counts() {
        for suite in [Suite::X25519, Suite::XWing] {
            let private = generate(suite, &mut rng(1));
            let public = public_bytes(&private);
            let sealed = seal(suite, &public, b"info", b"", b"secret", &mut rng(2)).expect("seals");
            assert_eq!(*open(&private, b"info", b"", &sealed).expect("opens"), b"secret");
            // The top bit of an X25519 public key is ignored by the curve, not by the key schedule.
            for (bit, other) in flips(suite, &sealed) {
                let opened = open(&private, b"info", b"", &other);
                assert_eq!(opened, Err(CryptoError::Seal), "{suite:?}, bit {bit}");
            }
            assert!(open(&private, b"other", b"", &sealed).is_err());
            for len in 0..sealed.len() {
                assert!(open(&private, b"info", b"", &sealed[..len]).is_err(), "cut to {len}");
            }
        }
    }

    #[test]
    fn keys_that_nobody_can_hold_are_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        for public in [[0; 32], one] {
            let sealed = seal(Suite::X25519, &public, b"info", b"", b"secret", &mut rng(3));
            assert_eq!(sealed, Err(CryptoError::Key));
        }
        for suite in [Suite::X25519, Suite::XWing] {
            let sealed = seal(suite, &[9; 31], b"", b"", b"", &mut rng(3));
            assert_eq!(sealed, Err(CryptoError::Key));
        }
    }

    #[test]
    fn a_key_that_cannot_be_sealed_to_is_told() {
        let key = generate(Suite::X25519, &mut rng(1));
        assert!(is_public(Suite::X25519, &public_bytes(&key)));
        for other in [[0; 32].as_slice(), &[], &[7; 31]] {
            assert!(!is_public(Suite::X25519, other));
        }
        let mut one = [0; 32];
        one[0] = 1;
        assert!(!is_public(Suite::X25519, &one), "of small order");
        assert!(seal(Suite::X25519, &one, b"", b"", b"text", &mut rng(2)).is_err());
        let key = generate(Suite::XWing, &mut rng(1));
        let mut public = public_bytes(&key);
        assert!(is_public(Suite::XWing, &public) && !is_public(Suite::XWing, &public[1..]));
        // A coefficient of 4095 is beyond ML-KEM's modulus, 3329.
        (public[0], public[1]) = (0xff, public[1] | 0x0f);
        assert!(!is_public(Suite::XWing, &public), "no ML-KEM key");
        assert!(seal(Suite::XWing, &public, b"", b"", b"text", &mut rng(2)).is_err());
    }

    #[test]
    fn nothing_opens_in_the_other_suite() {
        // The same 32 secret bytes are a key of either suite.
        let bytes = private_bytes(&generate(Suite::XWing, &mut rng(1)));
        let of = |suite| private_from_bytes(suite, bytes.as_bytes()).expect("a key");
        let (old, new) = (of(Suite::X25519), of(Suite::XWing));
        let to_old = seal(Suite::X25519, &public_bytes(&old), b"", b"", b"text", &mut rng(2));
        let to_new = seal(Suite::XWing, &public_bytes(&new), b"", b"", b"text", &mut rng(2));
        let (to_old, to_new) = (to_old.expect("seals"), to_new.expect("seals"));
        assert_eq!((to_old.len(), to_new.len()), (32 + 4 + 16, 1_120 + 4 + 16));
        assert!(open(&old, b"", b"", &to_old).is_ok() && open(&new, b"", b"", &to_new).is_ok());
        assert_eq!(open(&new, b"", b"", &to_old), Err(CryptoError::Seal));
        assert_eq!(open(&old, b"", b"", &to_new), Err(CryptoError::Seal));
    }

    /// LabeledExtract and LabeledExpand of RFC 9180, section 4, written from the standard for one comparison.
    fn labeled(suite_id: &[u8], label: &[u8], rest: &[u8]) -> Vec<u8> {
        [b"HPKE-v1".as_slice(), suite_id, label, rest].concat()
    }

    /// The key and nonce that RFC 9180, section 5.1 derives from a shared secret in base mode.
    fn key_schedule(kem: u16, shared: &[u8], info: &[u8]) -> ([u8; 32], [u8; 12]) {
        use hkdf::Hkdf;
        use sha2::Sha256;
        let id = [b"HPKE".as_slice(), &kem.to_be_bytes(), &[0, 1, 0, 3]].concat();
        let extract = |salt: &[u8], label: &[u8], ikm: &[u8]| {
            Hkdf::<Sha256>::extract(Some(salt), &labeled(&id, label, ikm))
        };
        let psk_id_hash = extract(b"", b"psk_id_hash", b"").0;
        let info_hash = extract(b"", b"info_hash", info).0;
        let context = [&[0], psk_id_hash.as_slice(), info_hash.as_slice()].concat();
        let secret = extract(shared, b"secret", b"").1;
        let expand = |label: &[u8], out: &mut [u8]| {
            let length = u16::try_from(out.len()).expect("short").to_be_bytes();
            let info = [length.as_slice(), &labeled(&id, label, &context)].concat();
            secret.expand(&info, out).expect("a length that HKDF can give");
        };
        let (mut key, mut nonce) = ([0; 32], [0; 12]);
        expand(b"key", &mut key);
        expand(b"base_nonce", &mut nonce);
        (key, nonce)
    }

    /// The vectors of draft-connolly-cfrg-xwing-kem, fed through the seal as it is built here: public key,
    /// encapsulated key and shared secret are the draft's, what follows from the secret is RFC 9180's.
    #[test]
    fn x_wing_seals_as_its_draft_says() {
        use chacha20poly1305::aead::{Aead, Payload};
        use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
        let lines = include_str!("../../tests/vectors/xwing.txt").lines();
        let known: std::collections::BTreeMap<&str, Vec<u8>> = lines
            .map(|line| line.split_once(' ').expect("name and hex"))
            .map(|(name, value)| (name, unhex(value)))
            .collect();
        for case in 0..3 {
            let of = |name: &str| known[format!("{case}.{name}").as_str()].clone();
            let private = private_from_bytes(Suite::XWing, &of("seed")).expect("a key");
            assert_eq!(public_bytes(&private), of("pk"));
            let mut eseed = Fixed(of("eseed"));
            let sealed =
                seal(Suite::XWing, &of("pk"), b"info", AAD, PT, &mut eseed).expect("seals");
            let (enc, ciphertext) = sealed.split_at(1_120);
            assert_eq!(enc, of("ct"));
            let (key, nonce) = key_schedule(0x647a, &of("ss"), b"info");
            let expected = ChaCha20Poly1305::new(&key.into())
                .encrypt(&nonce.into(), Payload { msg: PT, aad: AAD })
                .expect("seals");
            assert_eq!(ciphertext, expected);
            assert_eq!(*open(&private, b"info", AAD, &sealed).expect("opens"), PT);
        }
    }

    #[test]
    fn the_key_schedule_of_these_tests_is_the_standards() {
        // RFC 9180, A.2.1: shared_secret, key and base_nonce.
        let shared = "0bbe78490412b4bbea4812666f7916932b828bba79942424abb65244930d69a7";
        let (key, nonce) = key_schedule(0x0020, &unhex(shared), &unhex(INFO));
        let expected = "ad2744de8e17f4ebba575b3f5f5a8fa1f69c2a07f6e7500bc60ca6e3e3ec1c91";
        assert_eq!(key.to_vec(), unhex(expected));
        assert_eq!(nonce.to_vec(), unhex("5c4d98150661b848853b547f"));
    }
}
