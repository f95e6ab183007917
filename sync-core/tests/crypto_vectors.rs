//! Fixed vectors: the standards' own for the primitives as they are built here, and Aftercall's for
//! every sealed, signed or derived byte, so that a change of format cannot pass unnoticed.
//!
//! `vectors/keys.txt` (suite 1) and `vectors/keys_2.txt` (suite 2) are made from fixed keys and a seeded generator
//! and must come out byte for byte;
//! so must `vectors/typed_code.txt`, the exchange behind a typed code;
//! `vectors/deflated_change.txt` must open (the bytes of a deflate stream are its compressor's choice).
//! Lines are `name hex`. HPKE's vector (RFC 9180, A.2.1) and X-Wing's (`vectors/xwing.txt`) stand beside the code, in `crypto/hpke_base.rs`.

mod frozen;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use minicbor::bytes::ByteArray;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::Sha256;
use sync_core::crypto::{
    self, CryptoError, DeviceKeys, DocumentKey, EpochSecret, SealKeys, SenderKey, TypedCode,
    invite, pake, token,
};
use sync_core::ids::{DeviceId, DocId, EnvelopeId, EpochId, MemberId, SpaceId, TeamId};
use sync_core::protocol::{
    CodeReply, Day, Envelope, Header, Invitation, Kind, Priority, SealedBody, SenderBody, Suite,
    Timestamp, WrappedKey, from_cbor, to_cbor,
};

use frozen::{hex, lines, unhex};

const KEYS: &str = include_str!("vectors/keys.txt");
const KEYS_2: &str = include_str!("vectors/keys_2.txt");
const SUITES: [Suite; 2] = [Suite::X25519, Suite::XWing];

/// The vectors of a suite.
fn vectors(suite: Suite) -> &'static str {
    match suite {
        Suite::X25519 => KEYS,
        Suite::XWing => KEYS_2,
    }
}
const TYPED_CODE: &str = include_str!("vectors/typed_code.txt");
const DEFLATED: &str = include_str!("vectors/deflated_change.txt");

const SPACE: SpaceId = SpaceId::new([0xa1; 16]);
const DOC: DocId = DocId::new([0xa2; 16]);
const EPOCH: EpochId = EpochId::new([0xa3; 16]);
const TEAM: TeamId = TeamId::new([0xa4; 32]);
const ORIGIN: &str = "https://relay.example";
const NOW: Timestamp = Timestamp(1_770_000_000_000);
const SECRET: [u8; 16] = [0xa5; 16];
const REQUEST: &[u8] = b"a request";
const CHANGE: &[u8] = b"said in confidence";

/// The secret bytes of a fixed key: `first`, `first + 1`, …
fn fixed(first: u8, len: usize) -> Vec<u8> {
    (0..len).map(|i| first.wrapping_add(i as u8)).collect()
}

fn header(device: DeviceId) -> Header {
    Header {
        kind: Kind::Sealed,
        priority: Priority::Sealed,
        schema: 1,
        record: 2,
        space: SPACE,
        doc: DOC,
        device,
        device_seq: 3,
        actor_no: 4,
        day: Day(20_485),
        directory_seq: 5,
        directory_hash: EnvelopeId::new([0xa6; 32]),
        body_hash: [0; 32],
    }
}

/// A device's keys; with an X-Wing key from suite 2 on.
fn keys_of(suite: Suite) -> DeviceKeys {
    let len = if suite == Suite::X25519 { 64 } else { 96 };
    DeviceKeys::from_secret_bytes(&fixed(0x01, len)).expect("64 or 96 bytes")
}

fn keys() -> DeviceKeys {
    keys_of(Suite::X25519)
}

fn epoch(suite: Suite) -> (EpochSecret, Vec<u8>) {
    let secret = EpochSecret::from_secret_bytes(suite, &fixed(0x41, 32)).expect("a key");
    // A wrapped key carries the public half; here a device's that has the same secret, or it is read off the vector.
    let public = keys_of(suite).seal_key_2().unwrap_or_else(|| lines(KEYS)["epoch.public"].clone());
    (secret, public)
}

fn document() -> (SenderKey, DocumentKey) {
    (
        SenderKey::from_secret_bytes(&fixed(0x61, 32)).expect("32 bytes"),
        DocumentKey::from_secret_bytes(&fixed(0x81, 32)).expect("32 bytes"),
    )
}

/// Everything that is signed, sealed or derived, made anew.
fn made(suite: Suite) -> Vec<(&'static str, Vec<u8>)> {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let (keys, (secret, public), (sender, document)) = (keys_of(suite), epoch(suite), document());
    let device = keys.device_id();
    let header = header(device);
    let (first, second) = (keys.seal_key(), keys.seal_key_2());
    let to = SealKeys { first: &first, second: second.as_deref() };
    let wrap = secret.wrap_for(EPOCH, &public, device, to, rng).expect("wraps");
    let sealed_sender = sender.seal(suite, SPACE, EPOCH, &public, device, rng).expect("seals");
    let wrapped = document.wrap(&sender, DOC, header.actor());
    let body = crypto::seal_change(&header, suite, EPOCH, &document, Some(wrapped), CHANGE, rng);
    let audience = token::audience(ORIGIN, TEAM);
    let minted = token::mint(&keys, &audience, REQUEST, NOW, rng);
    let bound = invite::bind(&SECRET, TEAM, &keys.verify_key(), &keys.seal_bytes(), 0);
    vec![
        ("device.secret", keys.to_secret_bytes().to_vec()),
        ("device.verify_key", keys.verify_key().to_vec()),
        ("device.seal_key", keys.seal_bytes()),
        ("device.id", device.as_bytes().to_vec()),
        ("epoch.secret", secret.to_secret_bytes().to_vec()),
        ("epoch.public", public),
        ("epoch.wrap", wrap.sealed.to_vec()),
        ("sender.key", sender.to_secret_bytes().to_vec()),
        ("sender.sealed", sealed_sender.sealed.to_vec()),
        ("document.key", document.to_secret_bytes().to_vec()),
        ("document.id", document.id().as_bytes().to_vec()),
        ("document.wrap", wrapped.to_vec()),
        ("change.actor", header.actor().as_bytes().to_vec()),
        ("change.text", CHANGE.to_vec()),
        ("change.envelope", keys.sign_envelope(header, to_cbor(&body)).to_bytes()),
        ("token.audience", audience.into_bytes()),
        ("token", minted.into_bytes()),
        ("invite.lookup", invite::lookup(&SECRET).to_vec()),
        ("invite.mac", bound.to_vec()),
    ]
}

#[test]
fn keys_seals_and_tokens_come_out_byte_for_byte() {
    for suite in SUITES {
        let known = lines(vectors(suite));
        let made = made(suite);
        assert_eq!(made.len(), known.len());
        for (name, bytes) in made {
            assert_eq!(hex(&bytes), hex(&known[name]), "{suite:?}: {name}");
        }
    }
}

#[test]
#[ignore = "prints vectors/keys.txt, then keys_2.txt, for a new version of the format"]
fn print_vectors() {
    for suite in SUITES {
        println!("# {suite:?}");
        for (name, bytes) in made(suite) {
            println!("{name} {}", hex(&bytes));
        }
    }
}

#[test]
fn the_known_envelope_opens_step_by_step_from_the_device_secret() {
    SUITES.into_iter().for_each(opens_step_by_step);
}

fn opens_step_by_step(suite: Suite) {
    let known = lines(vectors(suite));
    let keys = DeviceKeys::from_secret_bytes(&known["device.secret"]).expect("keys");
    let envelope = Envelope::from_bytes(&known["change.envelope"]).expect("an envelope");
    assert!(crypto::verify_envelope(&keys.verify_key(), &envelope));
    let body: SealedBody = from_cbor(&envelope.body).expect("a sealed body");

    let wrap = WrappedKey {
        device: keys.device_id(),
        epoch: EPOCH,
        sealed: known["epoch.wrap"].clone().into(),
    };
    let public = &known["epoch.public"];
    let secret = EpochSecret::unwrap(suite, &wrap, public, &keys).expect("unwraps");
    let sealed = SenderBody { epoch: EPOCH, sealed: known["sender.sealed"].clone().into() };
    let sender = SenderKey::open(suite, SPACE, keys.device_id(), &sealed, &secret).expect("opens");
    let wrapped = body.wrapped_dek.expect("the first change carries its key").into();
    let header = envelope.header;
    let key = DocumentKey::unwrap(&wrapped, &sender, header.doc, header.actor(), body.dek)
        .expect("unwraps");
    assert_eq!(*crypto::open_change(&header, &body, &key).expect("opens"), CHANGE);
}

#[test]
fn the_known_token_is_accepted() {
    let known = lines(KEYS);
    let text = |name: &str| String::from_utf8(known[name].clone()).expect("text");
    let verify_key = keys().verify_key();
    let audience = text("token.audience");
    let claims = token::verify(&text("token"), &verify_key, &audience, REQUEST, NOW);
    assert_eq!(claims.expect("accepted").device, keys().device_id());
}

/// A typed code's exchange, and what both sides make of it, made anew.
fn typed_code() -> Vec<(&'static str, Vec<u8>)> {
    let rng = &mut ChaCha20Rng::seed_from_u64(3);
    let code = TypedCode::parse("ABC-DEFG-HJK").expect("a code");
    let seed: [u8; pake::SEED] = fixed(0xb1, pake::SEED).try_into().expect("64 bytes");
    let question = pake::question(&code, &seed);
    let mut secret = None;
    let reply = pake::reply(&code, rng, &question, |made| {
        secret = Some(made);
        invitation(made)
    });
    vec![
        ("code", code.as_bytes().to_vec()),
        ("lookup", code.lookup().to_vec()),
        ("seed", seed.to_vec()),
        ("question", question.to_vec()),
        ("reply", to_cbor(&reply.expect("a reply"))),
        ("secret", secret.expect("the exchange's own").to_vec()),
    ]
}

fn invitation(secret: ByteArray<16>) -> Invitation {
    Invitation {
        relay: ORIGIN.into(),
        team: TEAM,
        head_seq: 3,
        head_hash: EnvelopeId::new([0xa6; 32]),
        member: MemberId::new([0xa7; 16]),
        secret,
        expires: NOW,
    }
}

#[test]
fn a_typed_codes_exchange_comes_out_byte_for_byte_and_the_known_reply_opens() {
    let (known, made) = (lines(TYPED_CODE), typed_code());
    assert_eq!(made.len(), known.len());
    for (name, bytes) in made {
        assert_eq!(hex(&bytes), hex(&known[name]), "{name}");
    }
    let text = std::str::from_utf8(&known["code"]).expect("text");
    let code = TypedCode::parse(text).expect("a code");
    let seed = known["seed"].as_slice().try_into().expect("64 bytes");
    let reply: CodeReply = from_cbor(&known["reply"]).expect("a reply");
    let secret: [u8; 16] = known["secret"].as_slice().try_into().expect("16 bytes");
    assert_eq!(pake::accept(&code, seed, &reply), Ok(invitation(secret.into())));
}

#[test]
#[ignore = "prints vectors/typed_code.txt, for a new version of the format"]
fn print_typed_code() {
    for (name, bytes) in typed_code() {
        println!("{name} {}", hex(&bytes));
    }
}

#[test]
fn a_known_deflated_change_opens() {
    let known = lines(DEFLATED);
    let header = Header::decode(&known["header"]).expect("a header");
    let body: SealedBody = from_cbor(&known["body"]).expect("a sealed body");
    let key = DocumentKey::from_secret_bytes(&known["key"]).expect("a key");
    let text = crypto::open_change(&header, &body, &key).expect("opens");
    assert_eq!(hex(&text), hex(&known["text"]));
    assert!(body.ciphertext.len() < text.len(), "it was compressed");
    let other = DocumentKey::from_secret_bytes(&fixed(0, 32)).expect("a key");
    assert_eq!(crypto::open_change(&header, &body, &other).err(), Some(CryptoError::Seal));
}

#[test]
#[ignore = "prints vectors/deflated_change.txt, for a new version of the format"]
fn print_deflated_vector() {
    let rng = &mut ChaCha20Rng::seed_from_u64(2);
    let (header, (_, document)) = (header(keys().device_id()), document());
    let text = b"a long night, ".repeat(60);
    let body = crypto::seal_change(&header, Suite::X25519, EPOCH, &document, None, &text, rng);
    println!("header {}", hex(&header.encode()));
    println!("key {}", hex(&document.to_secret_bytes()));
    println!("text {}", hex(&text));
    println!("body {}", hex(&to_cbor(&body)));
}

/// RFC 8032, section 7.1, tests 1 and 2.
#[test]
fn ed25519_signs_as_the_standard_says() {
    let cases: [(&str, &str, &[u8], &str); 2] = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            b"",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            b"\x72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
    ];
    for (seed, public, message, sig) in cases {
        let secret = [unhex(seed), vec![7; 32]].concat();
        let keys = DeviceKeys::from_secret_bytes(&secret).expect("64 bytes");
        assert_eq!(hex(&keys.verify_key()), public);
        assert_eq!(hex(&keys.sign(message)), sig);
        let sig = unhex(sig).try_into().expect("64 bytes");
        assert!(crypto::verify(&keys.verify_key(), message, &sig));
        assert!(!crypto::verify(&keys.verify_key(), b"another", &sig));
    }
}

/// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
#[test]
fn xchacha20_poly1305_seals_as_the_draft_says() {
    let key: [u8; 32] = fixed(0x80, 32).try_into().expect("32 bytes");
    let nonce: [u8; 24] = fixed(0x40, 24).try_into().expect("24 bytes");
    let aad = unhex("50515253c0c1c2c3c4c5c6c7");
    let msg = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    let sealed = XChaCha20Poly1305::new(&key.into())
        .encrypt(&XNonce::from(nonce), Payload { msg, aad: &aad })
        .expect("seals");
    let expected = "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb\
                    731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452\
                    2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9\
                    21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49";
    assert_eq!(hex(&sealed), expected);
}

/// RFC 5869, appendices A.1 and A.3 (no salt, as all derivations here).
#[test]
fn hkdf_derives_as_the_standard_says() {
    let cases = [
        (
            Some(fixed(0, 13)),
            fixed(0xf0, 10),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            None,
            vec![],
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ];
    for (salt, info, expected) in cases {
        let mut okm = [0; 42];
        Hkdf::<Sha256>::new(salt.as_deref(), &[0x0b; 22])
            .expand(&info, &mut okm)
            .expect("a length that HKDF can give");
        assert_eq!(hex(&okm), expected);
    }
}
