//! The bytes of the protocol, frozen: every file in `tests/vectors/wire` is one message, in hexadecimal.
//!
//! docs/wire.md describes them; another implementation can be written against them. A difference here
//! is a change of the protocol: old phones and old files would not be understood any more. Files are
//! never rewritten to make a test pass; a new form gets a new name and, where needed, a new version.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod frozen;

use std::collections::BTreeSet;

use sync_core::directory::open_space_id;
use sync_core::ids::*;
use sync_core::protocol::*;
use sync_core::records::SpaceKind;

use frozen::Folder;

const WIRE: Folder = Folder("wire");

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
    let hash = WIRE.bytes("body_hash").try_into().unwrap();
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

fn cursor() -> Cursor {
    Cursor { space: SpaceId::new([0x11; 16]), seq: 7, chain: Chain::new([0x88; 32]) }
}

#[test]
fn an_envelope_has_its_frozen_bytes_and_reads_back() {
    let envelope = envelope();
    WIRE.check("header", &envelope.header.encode());
    WIRE.check("envelope", &envelope.to_bytes());
    let read = Envelope::from_bytes(&WIRE.bytes("envelope")).expect("reads");
    assert_eq!(read, envelope);
}

#[test]
fn what_is_derived_from_a_header_is_frozen() {
    let header = envelope().header;
    WIRE.check("envelope_id", header.id().as_bytes());
    WIRE.check("actor", header.actor().as_bytes());
    WIRE.check("signing_input", &header.signing_input());
    WIRE.check("sealing_input", &header.sealing_input());
    let space = Header { kind: Kind::Space, priority: Priority::Structure, ..header };
    WIRE.check("sealed_space_id", space.derived_space().as_bytes());
}

#[test]
fn open_space_ids_and_the_chain_are_frozen() {
    let team = TeamId::new([0x99; 32]);
    WIRE.check("open_space_team", open_space_id(team, SpaceKind::Operations, None).as_bytes());
    WIRE.check(
        "open_space_member",
        open_space_id(team, SpaceKind::Caseload, Some(member())).as_bytes(),
    );
    let first = next_chain(Chain::EMPTY, EnvelopeId::new([0xaa; 32]), 3, Day(20_500));
    let second = next_chain(first, EnvelopeId::new([0xbb; 32]), 4, Day(20_501));
    WIRE.check("chain_1", first.as_bytes());
    WIRE.check("chain_2", second.as_bytes());
}

/// The file that freezes the body of a kind; a kind that is new does not compile before it has one.
fn body_of(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Sealed => "body_sealed",
        Kind::Space => "body_space",
        Kind::Reader => "body_reader",
        Kind::Epoch => "body_epoch",
        Kind::Sender => "body_sender",
        Kind::Wrap => "body_wrap",
        // Its operations have one each.
        Kind::Directory => "op_genesis",
        Kind::Purge => "body_purge",
        // A change is Automerge's own form; the others have no body yet.
        Kind::Change | Kind::Hold | Kind::Wipe | Kind::Verdict => return None,
    })
}

#[test]
fn every_kind_of_envelope_with_a_form_of_its_own_has_a_frozen_body() {
    let header = envelope().header.encode();
    let kind_of = |number| {
        let mut header = header;
        header[1] = number;
        Header::decode(&header).ok().map(|header| header.kind)
    };
    let kinds: Vec<Kind> = (0..=u8::MAX).filter_map(kind_of).collect();
    assert_eq!(kinds.len(), 12);
    let named: Vec<&str> = kinds.into_iter().filter_map(body_of).collect();
    assert_eq!(named.len(), 8);
    for name in named {
        assert!(!WIRE.bytes(name).is_empty(), "{name}");
    }
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
    WIRE.check_message("body_space", &space);
    WIRE.check_message(
        "body_space_team",
        &SpaceBody { owner: SpaceOwner::Team, wraps: Vec::new(), ..space.clone() },
    );
    WIRE.check_message(
        "body_space_member",
        &SpaceBody { owner: SpaceOwner::Member(member()), ..space },
    );
    WIRE.check_message(
        "body_reader",
        &ReaderBody { member: member(), with_past: true, from: None },
    );
    let from = Some(EpochId::new([0x77; 16]));
    WIRE.check_message(
        "body_reader_from_now_on",
        &ReaderBody { member: member(), with_past: false, from },
    );
    WIRE.check_message(
        "body_epoch",
        &EpochBody {
            suite: Suite::X25519,
            epoch_key: vec![5; 32].into(),
            replaces: vec![EpochId::new([0x66; 16])],
            wraps: vec![wrapped()],
        },
    );
    WIRE.check_message(
        "body_sender",
        &SenderBody { epoch: EpochId::new([0x66; 16]), sealed: vec![6; 4].into() },
    );
    WIRE.check_message("body_wrap", &WrapBody { keys: vec![wrapped()], asks: None, escrow: None });
    let ask = AskedKey { epoch: EpochId::new([0x77; 16]), by: DeviceId::new([0x33; 16]) };
    WIRE.check_message(
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
    for (name, why) in [
        ("body_purge", PurgeReason::Ordered),
        ("body_purge_withdrawn", PurgeReason::Withdrawn),
        ("body_purge_expired", PurgeReason::Expired),
    ] {
        WIRE.check_message(name, &PurgeBody { why });
    }
    WIRE.check_message("body_sealed", &sealed);
    WIRE.check_message("body_sealed_later", &SealedBody { wrapped_dek: None, ..sealed });
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
        wiped: None,
        ask_wiped: None,
        healing: None,
        audit_after: None,
    }
}

#[test]
fn a_batch_and_a_request_are_frozen_and_unpack_to_the_same_envelopes() {
    let mut batch = Batch::new();
    let packed = vec![batch.pack(&envelope()), batch.pack(&envelope())];
    WIRE.check_message("packed", &packed[0]);
    WIRE.check_message("batch", &batch);
    for one in &packed {
        assert_eq!(batch.unpack(one), Ok(envelope()));
    }
    WIRE.check_message("sync_request", &request(batch, packed));
    let idle = SyncRequest {
        cursors: None,
        high: Vec::new(),
        invites: Vec::new(),
        ..request(Batch::new(), Vec::new())
    };
    WIRE.check_message("sync_request_idle", &idle);
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
    WIRE.check_message("sync_request_letting_in", &letting_in);
    let of_an_admin = SyncRequest {
        vouched: None,
        codes: None,
        ask_accepted: Some(vec![DeviceId::new([0x33; 16])]),
        cosign: Some(vec![cosign()]),
        withdrawn: Some(vec![ProposalId::new([0x21; 16])]),
        recovery: Some(vec![vec![0x1a; 3].into()]),
        healing: Some(Healing { incarnation: None, done: true, rows: vec![], wanted: vec![] }),
        audit_after: Some(2),
        ..letting_in
    };
    WIRE.check_message("sync_request_of_an_admin", &of_an_admin);
    let asking = SyncRequest {
        ask_wiped: Some(vec![DeviceId::new([0x33; 16])]),
        ..request(Batch::new(), Vec::new())
    };
    WIRE.check_message("sync_request_asking_for_words", &asking);
    let wiped =
        SyncRequest { wiped: Some(wipe_ack()), ask_wiped: None, invites: Vec::new(), ..asking };
    WIRE.check_message("sync_request_of_a_wiped_phone", &wiped);
    WIRE.check("cursors_digest", &Cursors(vec![cursor()]).digest());
}

fn wipe_ack() -> WipeAck {
    let (device, order) = (DeviceId::new([0x33; 16]), EnvelopeId::new([0x44; 32]));
    WipeAck { device, order, day: Day(20_500), sig: [0x17; 64].into() }
}

fn cosign() -> Cosign {
    let (nonce, op) = ([0x1b; 16].into(), vec![0x1a; 3].into());
    Cosign { nonce, op, approvals: Vec::new(), declined: Vec::new() }
}

fn recovery_voucher() -> RecoveryVoucher {
    RecoveryVoucher {
        op: vec![0x1a; 3].into(),
        nonce: [0x1b; 16].into(),
        verify_key: [2; 32].into(),
        sig: [0x17; 64].into(),
    }
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
        wiped: None,
        healing: None,
    };
    WIRE.check_message("sync_response", &response);
    let to = CodeTry { lookup: [0x12; 16].into(), message: [0x19; 33].into() };
    let letting_in = SyncResponse {
        results: Vec::new(),
        spaces: Vec::new(),
        vouched: Some(vec![vouched()]),
        codes: Some(vec![to]),
        ..response.clone()
    };
    WIRE.check_message("sync_response_letting_in", &letting_in);
    let (device, space) = (DeviceId::new([0x33; 16]), SpaceId::new([0x11; 16]));
    let (id, at) = (envelope().id(), Timestamp(1_772_388_000_000));
    let row = AuditRow {
        seq: 2,
        at,
        actor: Some(device),
        action: "key.wrap".into(),
        object: space.to_string(),
        result: "done".into(),
        count: 1,
        hash: [0x22; 32].into(),
    };
    let (wanted, found) = (vec![id], Vec::new());
    let to_an_admin = SyncResponse {
        pending: Vec::new(),
        vouched: None,
        codes: None,
        recovery: Some(vec![vec![0x1a; 3].into()]),
        accepted: Some(vec![Accepted { device, space, device_seq: 7 }]),
        set_aside: Some(vec![SetAside { id, device, space, record: 2, at }]),
        cosign: Some(vec![cosign()]),
        audit_head: Some(AuditHead { seq: row.seq, hash: row.hash }),
        audit: Some(vec![row]),
        healing: Some(HealingAnswer { held: true, wanted, found, ..HealingAnswer::default() }),
        ..letting_in
    };
    WIRE.check_message("sync_response_to_an_admin", &to_an_admin);
    let empty = SyncResponse {
        recovery: None,
        accepted: None,
        set_aside: None,
        cosign: None,
        audit_head: None,
        audit: None,
        healing: None,
        ..to_an_admin
    };
    let words = SyncResponse { wiped: Some(vec![wipe_ack()]), ..empty };
    WIRE.check_message("sync_response_with_words_of_wiped_phones", &words);
    let signed = SignedAnswer { answer: to_cbor(&response).into(), sig: [0x17; 64].into() };
    WIRE.check_message("signed_answer", &signed);
    WIRE.check("answer_signing_input", &answer_to_sign(b"request", b"answer"));
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
    WIRE.check_message("invitation", &invitation);
    WIRE.check("invitation_link", invitation.to_link().as_bytes());
    let link = String::from_utf8(WIRE.bytes("invitation_link")).unwrap();
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
    WIRE.check_message("enrol_request", &request);
    WIRE.check("enrol_signing_input", &request.to_sign());
    let proven = EnrolRequest { class: Some(1), proof: Some([0x17; 64].into()), ..request };
    WIRE.check_message("enrol_request_proven", &proven);
    let recovered = EnrolRequest {
        seal_key_2: Some(vec![4; 1_216].into()),
        recovery: Some(recovery_voucher()),
        ..proven.clone()
    };
    WIRE.check_message("enrol_request_recovered", &recovered);
    WIRE.check_message("pending_enrolment", &PendingEnrolment::from(&recovered));
    WIRE.check("reply_text", proven.to_reply().as_bytes());
    let asked = CodeRequest { version: 1, lookup: [0x12; 16].into(), message: [0x19; 33].into() };
    WIRE.check_message("code_request", &asked);
    let now = Timestamp(1_772_388_000_000);
    WIRE.check_message("code_answer", &CodeAnswer { now, reply: Some(code_reply()) });
    WIRE.check_message("code_answer_pending", &CodeAnswer { now, reply: None });
    let mut batch = Batch::new();
    let directory = vec![batch.pack(&envelope())];
    let answer = EnrolAnswer {
        state: EnrolState::Listed,
        now: Timestamp(1_772_388_000_000),
        batch,
        directory,
    };
    WIRE.check_message("enrol_answer", &answer);
    let pending = EnrolAnswer {
        state: EnrolState::Pending,
        now: Timestamp(0),
        batch: Batch::new(),
        directory: Vec::new(),
    };
    WIRE.check_message("enrol_answer_pending", &pending);
}

#[test]
fn every_frozen_file_is_checked_and_every_number_of_the_tables_is_its_own() {
    WIRE.assert_all_named(&[
        include_str!("envelope_vectors.rs"),
        include_str!("directory_vectors.rs"),
        include_str!("engine_suite/meeting.rs"),
    ]);
    let kinds: BTreeSet<u8> = (1..=12).filter_map(SpaceKind::from_u8).map(|k| k as u8).collect();
    assert_eq!(kinds.len(), 12);
    assert_eq!(SpaceKind::from_u8(0), None);
    assert_eq!(SpaceKind::from_u8(13), None);
}

#[test]
fn trailing_bytes_and_short_messages_are_malformed() {
    let mut bytes = WIRE.bytes("sync_request");
    bytes.push(0);
    assert_eq!(from_cbor::<SyncRequest>(&bytes).err(), Some(WireError::Malformed));
    for cut in 0..bytes.len() - 1 {
        assert!(from_cbor::<SyncRequest>(&bytes[..cut]).is_err(), "cut at {cut}");
    }
}
