//! What the seals of the product promise, one by one; docs/security.md says what for.

use std::collections::BTreeSet;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::crypto::{
    self, DeviceKeys, DocumentKey, EpochSecret, SealKeys, SenderKey, verify_envelope,
};
use sync_core::ids::{DocId, EnvelopeId, EpochId, MemberId, SpaceId};
use sync_core::protocol::{
    Day, Envelope, Header, Kind, Priority, SealedBody, SenderBody, SpaceBody, SpaceOwner, Suite,
    WrappedKey, from_cbor, to_cbor,
};

const EPOCH: EpochId = EpochId::new([0xa3; 16]);

/// Everything that stands between a reader's secret and the words of one change.
struct Sealed {
    author: DeviceKeys,
    reader: DeviceKeys,
    public: Vec<u8>,
    wrap: WrappedKey,
    sender: SenderBody,
    envelope: Envelope,
}

fn header(keys: &DeviceKeys) -> Header {
    Header {
        kind: Kind::Sealed,
        priority: Priority::Sealed,
        schema: 1,
        record: 2,
        space: SpaceId::new([0xa1; 16]),
        doc: DocId::new([0xa2; 16]),
        device: keys.device_id(),
        device_seq: 3,
        actor_no: 1,
        day: Day(20_485),
        directory_seq: 5,
        directory_hash: EnvelopeId::new([0xa6; 32]),
        body_hash: [0; 32],
    }
}

fn sealed(text: &[u8], rng: &mut ChaCha20Rng) -> Sealed {
    let (author, reader) = (DeviceKeys::generate(rng), DeviceKeys::generate(rng));
    let (secret, public) = EpochSecret::generate(Suite::XWing, rng);
    let (first, second) = (reader.seal_key(), reader.seal_key_2());
    let keys = SealKeys { first: &first, second: second.as_deref() };
    let wrap = secret.wrap_for(EPOCH, &public, reader.device_id(), keys, rng).expect("wraps");
    let (key, header) = (SenderKey::generate(rng), header(&author));
    let device = author.device_id();
    let sender = key.seal(Suite::XWing, header.space, EPOCH, &public, device, rng).expect("seals");
    let document = DocumentKey::generate(rng);
    let wrapped = document.wrap(&key, header.doc, header.actor());
    let body =
        crypto::seal_change(&header, Suite::XWing, EPOCH, &document, Some(wrapped), text, rng);
    let envelope = author.sign_envelope(header, to_cbor(&body));
    Sealed { author, reader, public, wrap, sender, envelope }
}

/// Opens it the way a reader's phone does: signature, wrap, sender key, document key, change.
fn open(sealed: &Sealed, wrap: &WrappedKey, envelope: &[u8]) -> Option<Vec<u8>> {
    let envelope = Envelope::from_bytes(envelope).ok()?;
    if !verify_envelope(&sealed.author.verify_key(), &envelope) {
        return None;
    }
    let secret = EpochSecret::unwrap(Suite::XWing, wrap, &sealed.public, &sealed.reader).ok()?;
    let header = envelope.header;
    open_body(sealed, &secret, &header, &from_cbor(&envelope.body).ok()?)
}

fn open_body(
    sealed: &Sealed,
    secret: &EpochSecret,
    header: &Header,
    body: &SealedBody,
) -> Option<Vec<u8>> {
    let SenderBody { epoch, .. } = sealed.sender;
    let key =
        SenderKey::open(Suite::XWing, header.space, header.device, &sealed.sender, secret).ok()?;
    let wrapped = body.wrapped_dek?.into();
    let document =
        DocumentKey::unwrap(&wrapped, &key, header.doc, header.actor(), body.dek).ok()?;
    (body.epoch == epoch)
        .then(|| crypto::open_change(header, body, &document).ok())
        .flatten()
        .map(|text| text.to_vec())
}

#[test]
fn any_flipped_bit_of_header_body_signature_or_wrap_opens_nothing() {
    let sealed = sealed(b"said in confidence", &mut ChaCha20Rng::seed_from_u64(17));
    let bytes = sealed.envelope.to_bytes();
    assert_eq!(
        open(&sealed, &sealed.wrap, &bytes).as_deref(),
        Some(b"said in confidence".as_slice())
    );
    for bit in 0..bytes.len() * 8 {
        let mut other = bytes.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&sealed, &sealed.wrap, &other), None, "bit {bit} of the envelope");
    }
    for byte in 0..sealed.wrap.sealed.len() {
        let mut other = sealed.wrap.clone();
        other.sealed[byte] ^= 1 << (byte % 8);
        assert_eq!(open(&sealed, &other, &bytes), None, "byte {byte} of the wrap");
    }
}

/// Behind the signature: a reader who is handed a body re-signed by a thief of the author's key still sees
/// that it was changed.
#[test]
fn any_flipped_bit_of_the_body_opens_nothing_even_under_a_genuine_signature() {
    let sealed = sealed(b"said in confidence", &mut ChaCha20Rng::seed_from_u64(170));
    let secret = EpochSecret::unwrap(Suite::XWing, &sealed.wrap, &sealed.public, &sealed.reader)
        .expect("opens");
    let (header, body) = (sealed.envelope.header, &sealed.envelope.body);
    for bit in 0..body.len() * 8 {
        let mut other = body.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        let again = sealed.author.sign_envelope(header, other);
        assert!(verify_envelope(&sealed.author.verify_key(), &again));
        let Ok(read) = from_cbor::<SealedBody>(&again.body) else { continue };
        let opened = open_body(&sealed, &secret, &again.header, &read);
        assert_eq!(opened, None, "bit {bit}");
    }
}

#[test]
fn two_seals_of_equal_text_share_no_bytes_beyond_their_structure() {
    let rng = &mut ChaCha20Rng::seed_from_u64(18);
    let text = b"the same words, the same document, the same author".repeat(20);
    let key = DocumentKey::generate(rng);
    let keys = DeviceKeys::generate(rng);
    let header = header(&keys);
    let mut seal = || crypto::seal_change(&header, Suite::XWing, EPOCH, &key, None, &text, rng);
    let (one, two) = (seal(), seal());
    assert_eq!(one.ciphertext.len(), two.ciphertext.len());
    let windows = |body: &SealedBody| -> BTreeSet<[u8; 6]> {
        let bytes = [body.nonce.as_slice(), &body.ciphertext].concat();
        bytes.windows(6).map(|window| window.try_into().expect("six bytes")).collect()
    };
    assert!(windows(&one).is_disjoint(&windows(&two)));
}

/// Seals this often and counts nonces and document keys that came twice.
fn repeats(seals: usize) -> usize {
    let rng = &mut ChaCha20Rng::seed_from_u64(180);
    let keys = DeviceKeys::generate(rng);
    let header = header(&keys);
    let (mut nonces, mut names) = (Vec::with_capacity(seals), Vec::with_capacity(seals));
    for _ in 0..seals {
        let key = DocumentKey::generate(rng);
        let body = crypto::seal_change(&header, Suite::XWing, EPOCH, &key, None, b"words", rng);
        nonces.push(<[u8; 24]>::from(body.nonce));
        names.push(*body.dek.as_bytes());
    }
    nonces.sort_unstable();
    nonces.dedup();
    names.sort_unstable();
    names.dedup();
    2 * seals - nonces.len() - names.len()
}

/// 20,000, or as many as `AFTERCALL_SEALS` says: a million in a long run.
#[test]
fn seals_repeat_no_nonce_and_no_key() {
    let told = std::env::var("AFTERCALL_SEALS");
    assert_eq!(repeats(told.map_or(20_000, |told| told.parse().expect("a number"))), 0);
}

#[test]
fn a_seal_moved_to_another_note_space_author_place_or_team_state_does_not_open() {
    let rng = &mut ChaCha20Rng::seed_from_u64(19);
    let sealed = sealed(b"said in confidence", rng);
    let secret = EpochSecret::unwrap(Suite::XWing, &sealed.wrap, &sealed.public, &sealed.reader)
        .expect("opens");
    let body: SealedBody = from_cbor(&sealed.envelope.body).expect("a body");
    let here = sealed.envelope.header;
    assert!(open_body(&sealed, &secret, &here, &body).is_some());
    let thief = DeviceKeys::generate(rng);
    let moved = [
        ("note", Header { doc: DocId::new([9; 16]), ..here }),
        ("space, and so team", Header { space: SpaceId::new([9; 16]), ..here }),
        ("author", Header { device: thief.device_id(), ..here }),
        ("actor", Header { actor_no: 2, ..here }),
        ("position", Header { device_seq: 4, ..here }),
        ("day", Header { day: Day(20_486), ..here }),
        ("record", Header { record: 3, ..here }),
        ("schema", Header { schema: 2, ..here }),
        ("directory", Header { directory_hash: EnvelopeId::new([9; 32]), ..here }),
        ("directory length", Header { directory_seq: 6, ..here }),
    ];
    for (what, header) in moved {
        assert_eq!(open_body(&sealed, &secret, &header, &body), None, "{what}");
        // Even with the document's own key in hand.
        let sender =
            SenderKey::open(Suite::XWing, here.space, here.device, &sealed.sender, &secret);
        let wrapped = body.wrapped_dek.expect("the first change").into();
        let key = DocumentKey::unwrap(
            &wrapped,
            &sender.expect("opens"),
            here.doc,
            here.actor(),
            body.dek,
        );
        assert!(crypto::open_change(&header, &body, &key.expect("opens")).is_err(), "{what}");
    }
}

/// A suite that is not known is no body, no epoch and no space at all.
#[test]
fn an_unknown_suite_is_refused_before_anything_is_opened() {
    let sealed = sealed(b"said in confidence", &mut ChaCha20Rng::seed_from_u64(29));
    let body = &sealed.envelope.body;
    // The suite is the first field of the array.
    assert_eq!((body[0] & 0xe0, body[1]), (0x80, 2));
    for suite in (0..=23).filter(|suite| ![1, 2].contains(suite)) {
        let mut other = body.clone();
        other[1] = suite;
        assert!(from_cbor::<SealedBody>(&other).is_err(), "suite {suite}");
    }
    // Suite 1 is known, and is not what this was sealed in.
    let mut lesser = body.clone();
    lesser[1] = 1;
    let lesser: SealedBody = from_cbor(&lesser).expect("a body");
    let secret = EpochSecret::unwrap(Suite::XWing, &sealed.wrap, &sealed.public, &sealed.reader)
        .expect("opens");
    assert_eq!(open_body(&sealed, &secret, &sealed.envelope.header, &lesser), None);
}

/// The figures of docs/keys.md.
#[test]
fn keys_and_wraps_have_the_sizes_that_the_inventory_names() {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let sizes = |suite: Suite, second: bool, rng: &mut ChaCha20Rng| {
        let keys = DeviceKeys::generate(rng);
        let (secret, public) = EpochSecret::generate(suite, rng);
        let (first, other) = (keys.seal_key(), keys.seal_key_2());
        let to = SealKeys { first: &first, second: other.as_deref().filter(|_| second) };
        let device = keys.device_id();
        let wrap = secret.wrap_for(EPOCH, &public, device, to, rng).expect("wraps");
        let space = SpaceId::new([1; 16]);
        let sender = SenderKey::generate(rng).seal(suite, space, EPOCH, &public, device, rng);
        let body = SpaceBody {
            kind: 8,
            owner: SpaceOwner::Doc(DocId::new([2; 16])),
            readers: vec![MemberId::new([3; 16]); 3],
            suite,
            epoch_key: public.into(),
            wraps: vec![wrap.clone(); 3],
        };
        let sender = to_cbor(&sender.expect("seals"));
        [to_cbor(&wrap).len(), sender.len(), to_cbor(&body).len()]
    };
    assert_eq!(sizes(Suite::X25519, false, rng), [117, 100, 461]);
    assert_eq!(sizes(Suite::XWing, true, rng), [1206, 1189, 4913]);
}
