//! The bytes of the protocol, frozen: every file in `tests/vectors/wire` is one message, in hexadecimal.
//!
//! docs/wire.md describes them; another implementation can be written against them. A difference here
//! is a change of the protocol: old phones and old files would not be understood any more. Files are
//! never rewritten to make a test pass; a new form gets a new name and, where needed, a new version.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sync_core::directory::{Op, open_space_id};
use sync_core::ids::*;
use sync_core::protocol::*;
use sync_core::records::{DeviceClass, NotesMode, PolicyProfile, Role, SpaceKind};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/wire")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn frozen(name: &str) -> String {
    let file = folder().join(format!("{name}.hex"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    text.split_whitespace().collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// The bytes are the frozen ones.
fn check(name: &str, bytes: &[u8]) {
    assert_eq!(hex(bytes), frozen(name), "the bytes of {name} have changed");
}

/// The bytes are the frozen ones, and the frozen ones read back as the same value.
fn check_message<T>(name: &str, value: &T)
where
    T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + PartialEq + std::fmt::Debug,
{
    check(name, &to_cbor(value));
    assert_eq!(from_cbor::<T>(&unhex(&frozen(name))).as_ref(), Ok(value), "{name} reads back");
}

fn header() -> Header {
    Header {
        kind: Kind::Sealed,
        priority: Priority::Sealed,
        schema: 0x0102,
        record: 0x0304,
        space: SpaceId::new([0x11; 16]),
        doc: DocId::new([0x22; 16]),
        device: DeviceId::new([0x33; 16]),
        device_seq: 0x0405_0607_0809_0a0b,
        actor_no: 0x0c0d,
        day: Day(0x0e0f_1011),
        directory_seq: 0x1213_1415_1617_1819,
        directory_hash: EnvelopeId::new([0x44; 32]),
        body_hash: [0; 32],
    }
}

fn envelope() -> Envelope {
    let body = b"a body".to_vec();
    // SHA-256("a body")
    let hash = unhex(&frozen("body_hash")).try_into().unwrap();
    Envelope { header: Header { body_hash: hash, ..header() }, body, sig: [0x55; 64] }
}

fn wrapped() -> WrappedKey {
    WrappedKey {
        device: DeviceId::new([0x33; 16]),
        epoch: EpochId::new([0x66; 16]),
        sealed: vec![1, 2, 3].into(),
    }
}

fn member() -> MemberId {
    MemberId::new([0x77; 16])
}

fn profile() -> PolicyProfile {
    PolicyProfile {
        jurisdiction: "neutral".into(),
        notes_mode: NotesMode::SealedText,
        contact_notes_mode: NotesMode::ChecklistOnly,
        k_min: 10,
        retention_note_days: 30,
        retention_contact_days: 90,
        windows: BTreeMap::from([
            ("defusing".to_owned(), (0, 8, Some(12))),
            ("debriefing".to_owned(), (24, 72, None)),
        ]),
        crisis_numbers: BTreeMap::from([("line".to_owned(), "000".to_owned())]),
    }
}

fn cursor() -> Cursor {
    Cursor { space: SpaceId::new([0x11; 16]), seq: 7, chain: Chain::new([0x88; 32]) }
}

#[test]
fn an_envelope_has_its_frozen_bytes_and_reads_back() {
    let envelope = envelope();
    check("header", &envelope.header.encode());
    check("envelope", &envelope.to_bytes());
    let read = Envelope::from_bytes(&unhex(&frozen("envelope"))).expect("reads");
    assert_eq!(read, envelope);
}

#[test]
fn what_is_derived_from_a_header_is_frozen() {
    let header = envelope().header;
    check("envelope_id", header.id().as_bytes());
    check("actor", header.actor().as_bytes());
    check("signing_input", &header.signing_input());
    check("sealing_input", &header.sealing_input());
    let space = Header { kind: Kind::Space, priority: Priority::Structure, ..header };
    check("sealed_space_id", space.derived_space().as_bytes());
}

#[test]
fn open_space_ids_and_the_chain_are_frozen() {
    let team = TeamId::new([0x99; 32]);
    check("open_space_team", open_space_id(team, SpaceKind::Operations, None).as_bytes());
    check("open_space_member", open_space_id(team, SpaceKind::Caseload, Some(member())).as_bytes());
    let first = next_chain(Chain::EMPTY, EnvelopeId::new([0xaa; 32]), 3, Day(20_500));
    let second = next_chain(first, EnvelopeId::new([0xbb; 32]), 4, Day(20_501));
    check("chain_1", first.as_bytes());
    check("chain_2", second.as_bytes());
}

#[test]
fn bodies_are_frozen() {
    let space = SpaceBody {
        kind: SpaceKind::Session as u8,
        owner: SpaceOwner::Doc(DocId::new([0x22; 16])),
        readers: vec![member()],
        suite: Suite::X25519,
        epoch_key: vec![4; 32].into(),
        wraps: vec![wrapped()],
    };
    check_message("body_space", &space);
    check_message(
        "body_space_team",
        &SpaceBody { owner: SpaceOwner::Team, wraps: Vec::new(), ..space.clone() },
    );
    check_message("body_space_member", &SpaceBody { owner: SpaceOwner::Member(member()), ..space });
    check_message("body_reader", &ReaderBody { member: member(), with_past: true, from: None });
    let from = Some(EpochId::new([0x77; 16]));
    check_message(
        "body_reader_from_now_on",
        &ReaderBody { member: member(), with_past: false, from },
    );
    check_message(
        "body_epoch",
        &EpochBody {
            suite: Suite::X25519,
            epoch_key: vec![5; 32].into(),
            replaces: vec![EpochId::new([0x66; 16])],
            wraps: vec![wrapped()],
        },
    );
    check_message(
        "body_sender",
        &SenderBody { epoch: EpochId::new([0x66; 16]), sealed: vec![6; 4].into() },
    );
    check_message("body_wrap", &WrapBody { keys: vec![wrapped()], asks: None, escrow: None });
    let ask = AskedKey { epoch: EpochId::new([0x77; 16]), by: DeviceId::new([0x33; 16]) };
    check_message(
        "body_wrap_asking",
        &WrapBody { keys: Vec::new(), asks: Some(vec![ask]), escrow: None },
    );
    let sealed = SealedBody {
        suite: Suite::X25519,
        epoch: EpochId::new([0x66; 16]),
        dek: DekId::new([0xcc; 16]),
        wrapped_dek: Some([0xdd; 48].into()),
        nonce: [0xee; 24].into(),
        ciphertext: vec![7; 5].into(),
    };
    check_message("body_sealed", &sealed);
    check_message("body_sealed_later", &SealedBody { wrapped_dek: None, ..sealed });
}

#[test]
fn directory_entries_are_frozen() {
    check_message(
        "op_genesis",
        &Op::Genesis {
            nonce: [1; 16].into(),
            member: member(),
            roles: vec![Role::Coordinator],
            verify_key: [2; 32].into(),
            seal_key: [3; 32].into(),
            profile: profile(),
            seal_key_2: None,
        },
    );
    check_message(
        "op_member",
        &Op::Member {
            member: member(),
            roles: Role::ALL.to_vec(),
            admin: false,
            unit: Some("station-4".into()),
            supervises: vec!["station-5".into()],
            guest: None,
            last: None,
        },
    );
    check_message(
        "op_device",
        &Op::Device {
            member: member(),
            verify_key: [2; 32].into(),
            seal_key: [3; 32].into(),
            class: DeviceClass::Native,
            seal_key_2: None,
        },
    );
    check_message(
        "op_device_with_x_wing",
        &Op::Device {
            member: member(),
            verify_key: [2; 32].into(),
            seal_key: [3; 32].into(),
            class: DeviceClass::Native,
            seal_key_2: Some(vec![4; 1_216].into()),
        },
    );
    check_message("op_policy", &Op::Policy { profile: profile() });
    check_message("op_relay", &Op::Relay { relay: RelayId::new([9; 32]) });
}

fn request(batch: Batch, push: Vec<Packed>) -> SyncRequest {
    SyncRequest {
        team: TeamId::new([0x99; 32]),
        device: DeviceId::new([0x33; 16]),
        now: Timestamp(1_772_388_000_000),
        digest: Cursors(vec![cursor()]).digest().into(),
        cursors: Some(Cursors(vec![cursor()])),
        high: vec![cursor()],
        batch,
        push,
        max_bytes: 2_097_152,
        invites: vec![InviteNotice {
            lookup: [0x12; 16].into(),
            expires: Timestamp(-1),
            kind: None,
        }],
        vouched: None,
        codes: None,
        ask_accepted: None,
        cosign: None,
        withdrawn: None,
        recovery: None,
        healing: None,
        audit_after: None,
    }
}

#[test]
fn a_batch_and_a_request_are_frozen_and_unpack_to_the_same_envelopes() {
    let mut batch = Batch::new();
    let packed = vec![batch.pack(&envelope()), batch.pack(&envelope())];
    check_message("packed", &packed[0]);
    check_message("batch", &batch);
    for one in &packed {
        assert_eq!(batch.unpack(one), Ok(envelope()));
    }
    check_message("sync_request", &request(batch, packed));
    let idle = SyncRequest {
        cursors: None,
        high: Vec::new(),
        invites: Vec::new(),
        ..request(Batch::new(), Vec::new())
    };
    check_message("sync_request_idle", &idle);
    let to = CodeTry { lookup: [0x12; 16].into(), message: [0x19; 33].into() };
    let letting_in = SyncRequest {
        invites: vec![InviteNotice {
            lookup: [0x12; 16].into(),
            expires: Timestamp(-1),
            kind: Some(InviteKind::Batch),
        }],
        vouched: Some(vec![vouched()]),
        codes: Some(vec![CodeAnswered { to, reply: code_reply() }]),
        ..idle
    };
    check_message("sync_request_letting_in", &letting_in);
    check("cursors_digest", &Cursors(vec![cursor()]).digest());
}

fn vouched() -> VouchedDevice {
    VouchedDevice {
        op: vec![0x1a; 3].into(),
        nonce: [0x1b; 16].into(),
        by: DeviceId::new([0x33; 16]),
        sig: [0x17; 64].into(),
    }
}

fn code_reply() -> CodeReply {
    let (message, confirm) = ([0x1c; 33].into(), [0x1d; 32].into());
    CodeReply { message, confirm, sealed: vec![0x1e; 5].into() }
}

fn items(batch: &mut Batch) -> Vec<SpaceItem> {
    let (directory_seq, row_day, id) = (3, Day(20_500), envelope().id());
    vec![
        SpaceItem::Envelope { directory_seq, row_day, packed: batch.pack(&envelope()) },
        SpaceItem::Own { directory_seq, row_day, id },
        SpaceItem::Stub {
            directory_seq,
            row_day,
            id,
            device: DeviceId::new([0x33; 16]),
            device_seq: 2,
            code: Code::HostileChange.as_str().into(),
        },
    ]
}

#[test]
fn an_answer_and_what_the_relay_signs_are_frozen() {
    let mut batch = Batch::new();
    let items = items(&mut batch);
    let result = |verdict, code: &str| PushResult {
        id: envelope().id(),
        verdict,
        seq: 8,
        chain: Chain::new([0x88; 32]),
        code: code.into(),
    };
    let response = SyncResponse {
        relay: RelayId::new([9; 32]),
        incarnation: IncarnationId::new([0x13; 16]),
        now: Timestamp(1_772_388_000_000),
        need_cursors: false,
        results: vec![
            result(Verdict::Stored, ""),
            result(Verdict::RefusedFinal, Code::NotAllowed.as_str()),
        ],
        batch,
        spaces: vec![SpaceItems {
            space: SpaceId::new([0x11; 16]),
            items,
            seq: 10,
            chain: Chain::new([0x88; 32]),
            more: true,
        }],
        gone: vec![SpaceId::new([0x14; 16])],
        reset: vec![Reset {
            space: SpaceId::new([0x15; 16]),
            why: Code::RelayChanged.as_str().into(),
        }],
        backup_through: 0,
        pending: vec![PendingEnrolment {
            lookup: [0x12; 16].into(),
            verify_key: [2; 32].into(),
            seal_key: [3; 32].into(),
            mac: [0x16; 32].into(),
            class: None,
            seal_key_2: None,
            recovery: None,
        }],
        recovery: None,
        vouched: None,
        codes: None,
        accepted: None,
        set_aside: None,
        cosign: None,
        audit_head: None,
        audit: None,
        healing: None,
    };
    check_message("sync_response", &response);
    let to = CodeTry { lookup: [0x12; 16].into(), message: [0x19; 33].into() };
    let letting_in = SyncResponse {
        results: Vec::new(),
        spaces: Vec::new(),
        vouched: Some(vec![vouched()]),
        codes: Some(vec![to]),
        ..response.clone()
    };
    check_message("sync_response_letting_in", &letting_in);
    let signed = SignedAnswer { answer: to_cbor(&response).into(), sig: [0x17; 64].into() };
    check_message("signed_answer", &signed);
    check("answer_signing_input", &answer_to_sign(b"request", b"answer"));
}

#[test]
fn enrolment_is_frozen() {
    let invitation = Invitation {
        relay: "https://relay.example".into(),
        team: TeamId::new([0x99; 32]),
        head_seq: 3,
        head_hash: EnvelopeId::new([0x44; 32]),
        member: member(),
        secret: [0x18; 16].into(),
        expires: Timestamp(1_772_388_900_000),
    };
    check_message("invitation", &invitation);
    check("invitation_link", invitation.to_link().as_bytes());
    let link = String::from_utf8(unhex(&frozen("invitation_link"))).unwrap();
    assert_eq!(Invitation::from_link(&link), Ok(invitation));
    let request = EnrolRequest {
        team: TeamId::new([0x99; 32]),
        lookup: [0x12; 16].into(),
        verify_key: [2; 32].into(),
        seal_key: [3; 32].into(),
        mac: [0x16; 32].into(),
        class: None,
        proof: None,
        seal_key_2: None,
        recovery: None,
    };
    check_message("enrol_request", &request);
    check("enrol_signing_input", &request.to_sign());
    let proven = EnrolRequest { class: Some(1), proof: Some([0x17; 64].into()), ..request };
    check_message("enrol_request_proven", &proven);
    check("reply_text", proven.to_reply().as_bytes());
    let asked = CodeRequest { version: 1, lookup: [0x12; 16].into(), message: [0x19; 33].into() };
    check_message("code_request", &asked);
    let now = Timestamp(1_772_388_000_000);
    check_message("code_answer", &CodeAnswer { now, reply: Some(code_reply()) });
    check_message("code_answer_pending", &CodeAnswer { now, reply: None });
    let mut batch = Batch::new();
    let directory = vec![batch.pack(&envelope())];
    let answer = EnrolAnswer {
        state: EnrolState::Listed,
        now: Timestamp(1_772_388_000_000),
        batch,
        directory,
    };
    check_message("enrol_answer", &answer);
    let pending = EnrolAnswer {
        state: EnrolState::Pending,
        now: Timestamp(0),
        batch: Batch::new(),
        directory: Vec::new(),
    };
    check_message("enrol_answer_pending", &pending);
}

#[test]
fn every_frozen_file_is_checked_and_every_number_of_the_tables_is_its_own() {
    let source = include_str!("envelope_vectors.rs");
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(source.contains(&format!("\"{name}\"")), "nothing checks {name}.hex");
    }
    let kinds: BTreeSet<u8> = (1..=12).filter_map(SpaceKind::from_u8).map(|k| k as u8).collect();
    assert_eq!(kinds.len(), 12);
    assert_eq!(SpaceKind::from_u8(0), None);
    assert_eq!(SpaceKind::from_u8(13), None);
}

#[test]
fn trailing_bytes_and_short_messages_are_malformed() {
    let mut bytes = unhex(&frozen("sync_request"));
    bytes.push(0);
    assert_eq!(from_cbor::<SyncRequest>(&bytes).err(), Some(WireError::Malformed));
    for cut in 0..bytes.len() - 1 {
        assert!(from_cbor::<SyncRequest>(&bytes[..cut]).is_err(), "cut at {cut}");
    }
}
