//! Fixed vectors of recovery: every derived key, printed code, check and message, frozen in `vectors/recovery.txt`.
//!
//! A code on paper and shares in a safe outlive many releases, so these bytes never change. Lines are `name hex`.

mod frozen;

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::crypto::{self, DeviceKeys, RecoverySecret};
use sync_core::directory::{Op, RecoveryKey, SealedShare, ShareWrap, approval_to_sign};
use sync_core::ids::{MemberId, TeamId};
use sync_core::protocol::{
    HandedShare, RecoveryRequest, RecoveryVoucher, WrapBody, from_cbor, to_cbor,
};
use sync_core::records::DeviceClass;

use frozen::{hex, lines};

const KNOWN: &str = include_str!("vectors/recovery.txt");
const TEAM: TeamId = TeamId::new([0xa4; 32]);
const MEMBER: MemberId = MemberId::new([0xa7; 16]);

fn known() -> BTreeMap<&'static str, Vec<u8>> {
    lines(KNOWN)
}

fn secret() -> RecoverySecret {
    let bytes: Vec<u8> = (0xc1..=0xe0).collect();
    RecoverySecret::from_secret_bytes(&bytes).expect("32 bytes")
}

fn device() -> DeviceKeys {
    let bytes: Vec<u8> = (1..=64).collect();
    DeviceKeys::from_secret_bytes(&bytes).expect("64 bytes")
}

/// Everything that is derived, split, sealed or sent, made anew.
fn made() -> Vec<(String, Vec<u8>)> {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let (secret, device) = (secret(), device());
    let keys = secret.keys(TEAM, MEMBER);
    let mut out: Vec<(String, Vec<u8>)> = vec![
        ("secret".into(), secret.to_secret_bytes().to_vec()),
        ("verify_key".into(), keys.verify_key().to_vec()),
        ("seal_key".into(), keys.seal_key().to_vec()),
        ("id".into(), keys.id().as_bytes().to_vec()),
        ("code".into(), crypto::recovery_code(&secret).as_bytes().to_vec()),
    ];
    let first = device.seal_key();
    let to = crypto::SealKeys { first: &first, second: None };
    let shares = crypto::split_secret(&secret, TEAM, MEMBER, rng);
    let mut sealed = Vec::new();
    for share in &shares {
        let (index, check) = (share.index, crypto::share_check(share));
        out.push((format!("share.{index}"), crypto::share_text(share).as_bytes().to_vec()));
        out.push((format!("share.{index}.check"), check.to_vec()));
        let wrap = crypto::seal_share(share, device.device_id(), to, rng);
        let wrap = ShareWrap { device: device.device_id(), sealed: wrap.expect("seals").into() };
        let holder = MemberId::new([share.index; 16]);
        sealed.push(SealedShare { holder, check, sealed: vec![wrap] });
    }
    let handed = crypto::hand_share(&shares[1], &device.verify_key(), to, rng);
    out.push(("share.handed".into(), to_cbor(&handed.expect("seals"))));
    let (verify_key, seal_key) = (device.verify_key().into(), device.seal_key().into());
    let request =
        RecoveryRequest { team: TEAM, member: MEMBER, verify_key, seal_key, seal_key_2: None };
    out.push(("request".into(), request.to_text().into_bytes()));
    let class = DeviceClass::Native;
    let op = to_cbor(&Op::Device { member: MEMBER, verify_key, seal_key, class, seal_key_2: None });
    let message = approval_to_sign(TEAM, &[9; 16], &op);
    let voucher = RecoveryVoucher {
        op: op.into(),
        nonce: [9; 16].into(),
        verify_key: keys.verify_key().into(),
        sig: keys.approve(&message).expect("an approval").into(),
    };
    out.push(("voucher".into(), to_cbor(&voucher)));
    let key = RecoveryKey {
        verify_key: keys.verify_key().into(),
        seal_key: keys.seal_key().into(),
        shares: sealed,
        seal_key_2: keys.seal_key_2().map(Into::into),
    };
    out.push(("op".into(), to_cbor(&Op::Recovery { member: MEMBER, key: Some(key) })));
    out.push(("op.none".into(), to_cbor(&Op::Recovery { member: MEMBER, key: None })));
    let escrow = WrapBody { keys: Vec::new(), asks: None, escrow: Some(false) };
    out.push(("no_escrow".into(), to_cbor(&escrow)));
    out
}

#[test]
fn recovery_keys_codes_shares_and_messages_come_out_byte_for_byte() {
    let (known, made) = (known(), made());
    assert_eq!(made.len(), known.len());
    for (name, bytes) in made {
        assert_eq!(hex(&bytes), hex(&known[name.as_str()]), "{name}");
    }
}

#[test]
#[ignore = "prints vectors/recovery.txt, for a new version of the format"]
fn print_vectors() {
    for (name, bytes) in made() {
        println!("{name} {}", hex(&bytes));
    }
}

#[test]
fn what_is_on_paper_still_restores_the_key() {
    let known = known();
    let text = |name: &str| String::from_utf8(known[name].clone()).expect("text");
    let id = |secret: RecoverySecret| secret.keys(TEAM, MEMBER).id().as_bytes().to_vec();
    let from_code = crypto::secret_of_code(&text("code")).expect("a code");
    assert_eq!(id(from_code), known["id"]);
    let share = |name: &str| {
        let handed = HandedShare::from_text(&text(name)).expect("a share");
        crypto::open_handed(&handed, &device()).expect("opens")
    };
    let handed: HandedShare = from_cbor(&known["share.handed"]).expect("a share");
    let handed = crypto::open_handed(&handed, &device()).expect("opens");
    for shares in [[share("share.3"), share("share.1")], [share("share.1"), handed]] {
        let restored = crypto::combine_shares(&shares).expect("restores");
        assert_eq!(id(restored), known["id"]);
    }
    let Ok(Op::Recovery { key: Some(key), .. }) = from_cbor::<Op>(&known["op"]) else {
        panic!("a recovery key")
    };
    assert_eq!(key.id().as_bytes().to_vec(), known["id"]);
}
