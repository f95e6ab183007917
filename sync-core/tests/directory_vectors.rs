//! Frozen bytes of the directory: every operation, what approves it, and what removing a device takes.
//!
//! As in `envelope_vectors.rs`, files are never rewritten to make a test pass. An operation that is new does not
//! compile here before [`vector_of`] names its file.

mod frozen;

use std::collections::{BTreeMap, BTreeSet};

use sync_core::directory::{Guest, NewDevice, Op, RecoveryKey, SealedShare, ShareWrap};
use sync_core::ids::{DeviceId, DocId, EnvelopeId, MemberId, RelayId, SpaceId, TeamId};
use sync_core::protocol::{
    Accepted, Approval, Approver, Batch, Cosign, Day, Envelope, Header, Kind, Priority,
    RemovalNotice, SetAside, Timestamp, WipeAck, approval_to_sign, refusal_to_sign, to_cbor,
    wiped_to_sign,
};
use sync_core::records::{DeviceClass, NotesMode, PolicyProfile, Role, SpaceKind};

use frozen::Folder;

const WIRE: Folder = Folder("wire");
const TEAM: TeamId = TeamId::new([0x99; 32]);
const DEVICE: DeviceId = DeviceId::new([0x33; 16]);
const SPACE: SpaceId = SpaceId::new([0x11; 16]);
const NONCE: [u8; 16] = [0x1b; 16];

/// The file that freezes an operation.
fn vector_of(op: &Op) -> &'static str {
    match op {
        Op::Genesis { .. } => "op_genesis",
        Op::Member { .. } => "op_member",
        Op::Device { .. } => "op_device",
        Op::Policy { .. } => "op_policy",
        Op::Relay { .. } => "op_relay",
        Op::Approved { .. } => "op_approved",
        Op::Devices { .. } => "op_devices",
        Op::Remove { .. } => "op_remove",
        Op::Release { .. } => "op_release",
        Op::Wipe { .. } => "op_wipe",
        Op::Renew => "op_renew",
        Op::Recovery { .. } => "op_recovery",
        Op::Hold { .. } => "op_hold",
    }
}

/// One of each operation, in the order of their numbers.
fn operations() -> Vec<Op> {
    vec![
        Op::Genesis {
            nonce: [1; 16].into(),
            member: member(),
            roles: vec![Role::Coordinator],
            verify_key: [2; 32].into(),
            seal_key: [3; 32].into(),
            profile: profile(),
            seal_key_2: None,
        },
        Op::Member {
            member: member(),
            roles: Role::ALL.to_vec(),
            admin: false,
            unit: Some("station-4".into()),
            supervises: vec!["station-5".into()],
            guest: None,
            last: None,
        },
        Op::Device {
            member: member(),
            verify_key: [2; 32].into(),
            seal_key: [3; 32].into(),
            class: DeviceClass::Native,
            seal_key_2: None,
        },
        Op::Policy { profile: profile() },
        Op::Relay { relay: RelayId::new([9; 32]) },
        Op::Approved {
            op: to_cbor(&Op::Renew).into(),
            nonce: NONCE.into(),
            approvals: vec![by_device(), by_recovery()],
        },
        Op::Devices { devices: vec![new_device()] },
        Op::Remove { member: member(), device: Some(DEVICE), last: vec![accepted()], wipe: None },
        Op::Release { items: vec![EnvelopeId::new([0xaa; 32])] },
        Op::Wipe { device: DEVICE },
        Op::Renew,
        Op::Recovery { member: member(), key: Some(recovery_key()) },
        Op::Hold { space: SPACE, doc: DocId::new([0x22; 16]), held: true },
    ]
}

#[test]
fn every_operation_has_its_frozen_bytes() {
    let mut named = BTreeSet::new();
    for (number, op) in (0u8..).zip(operations()) {
        // An operation is a pair: its number, its fields.
        assert_eq!(to_cbor(&op)[..2], [0x82, number], "{op:?}");
        WIRE.check_message(vector_of(&op), &op);
        named.insert(vector_of(&op));
    }
    assert_eq!(named.len(), operations().len(), "each has a file of its own");
    let next = [0x82, operations().len() as u8, 0x80];
    assert!(sync_core::protocol::from_cbor::<Op>(&next).is_err(), "there is none beyond them");
}

#[test]
fn what_operations_leave_out_or_carry_besides_is_frozen() {
    let device = |seal_key_2| Op::Device {
        member: member(),
        verify_key: [2; 32].into(),
        seal_key: [3; 32].into(),
        class: DeviceClass::Native,
        seal_key_2,
    };
    WIRE.check_message("op_device_with_x_wing", &device(Some(vec![4; 1_216].into())));
    let narrowed = |guest, last| Op::Member {
        member: member(),
        roles: Vec::new(),
        admin: false,
        unit: None,
        supervises: Vec::new(),
        guest,
        last,
    };
    let until = Day(20_500);
    let guest = Guest { until, spaces: vec![SpaceKind::Operations as u8, SpaceKind::Team as u8] };
    WIRE.check_message("op_member_guest", &narrowed(Some(guest), None));
    WIRE.check_message("op_member_last", &narrowed(None, Some(vec![accepted()])));
    let whole = Op::Remove { member: member(), device: None, last: vec![accepted()], wipe: None };
    WIRE.check_message("op_remove_member", &whole);
    let escalates = PolicyProfile { escalate_min: Some(20), ..profile() };
    WIRE.check_message("op_policy_escalates", &Op::Policy { profile: escalates });
    let op = Op::Remove { member: member(), device: None, last: Vec::new(), wipe: Some(true) };
    WIRE.check_message("op_remove_and_wipe", &op);
    WIRE.check_message("op_recovery_none", &Op::Recovery { member: member(), key: None });
}

#[test]
fn a_proposal_and_what_approves_or_declines_it_are_frozen() {
    let op = to_cbor(&Op::Renew);
    let cosign = Cosign {
        nonce: NONCE.into(),
        op: op.clone().into(),
        approvals: vec![by_device(), by_recovery()],
        declined: vec![by_device()],
    };
    WIRE.check_message("cosign", &cosign);
    WIRE.check("proposal_id", cosign.id(TEAM).as_bytes());
    WIRE.check("approval_signing_input", &approval_to_sign(TEAM, &NONCE, &op));
    WIRE.check("refusal_signing_input", &refusal_to_sign(TEAM, &NONCE, &op));
}

#[test]
fn what_removing_a_device_takes_is_frozen() {
    WIRE.check_message("accepted", &accepted());
    let set_aside = SetAside {
        id: EnvelopeId::new([0xaa; 32]),
        device: DEVICE,
        space: SPACE,
        record: 0x0304,
        at: Timestamp(1_772_388_000_000),
    };
    WIRE.check_message("set_aside", &set_aside);
    let mut batch = Batch::new();
    let entries = vec![batch.pack(&entry())];
    let mut notice = RemovalNotice { batch, entries, heard: None, wiped: None };
    WIRE.check_message("removal_notice", &notice);
    notice.heard = Some(vec![EnvelopeId::new([0xaa; 32])]);
    WIRE.check_message("removal_notice_to_be_wiped", &notice);
    let (batch, entries) = (Batch::new(), Vec::new());
    let taken = RemovalNotice { batch, entries, heard: None, wiped: Some(true) };
    WIRE.check_message("removal_notice_word_taken", &taken);
    let (order, day) = (EnvelopeId::new([0xaa; 32]), Day(20_500));
    let ack = WipeAck { device: DEVICE, order, day, sig: [0x17; 64].into() };
    WIRE.check_message("wipe_ack", &ack);
    WIRE.check("wiped_signing_input", &wiped_to_sign(TEAM, DEVICE, order, day));
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
        escalate_min: None,
    }
}

fn by_device() -> Approval {
    Approval { by: Approver::Device(DEVICE), sig: [0x17; 64].into() }
}

fn by_recovery() -> Approval {
    Approval { by: Approver::Recovery(member()), sig: [0x18; 64].into() }
}

fn accepted() -> Accepted {
    Accepted { device: DEVICE, space: SPACE, device_seq: 0x0405 }
}

fn new_device() -> NewDevice {
    NewDevice {
        member: member(),
        verify_key: [2; 32].into(),
        seal_key: [3; 32].into(),
        class: DeviceClass::Native,
        seal_key_2: Some(vec![4; 1_216].into()),
    }
}

fn recovery_key() -> RecoveryKey {
    let sealed = vec![ShareWrap { device: DEVICE, sealed: vec![1, 2, 3].into() }];
    RecoveryKey {
        verify_key: [2; 32].into(),
        seal_key: [3; 32].into(),
        shares: vec![SealedShare { holder: member(), check: [5; 32].into(), sealed }],
        seal_key_2: Some(vec![4; 1_216].into()),
    }
}

fn entry() -> Envelope {
    let body = to_cbor(&Op::Remove {
        member: member(),
        device: Some(DEVICE),
        last: Vec::new(),
        wipe: None,
    });
    let mut header = Header {
        kind: Kind::Directory,
        priority: Priority::First,
        schema: 0,
        record: 0,
        space: SPACE,
        doc: DocId::ZERO,
        device: DEVICE,
        device_seq: 2,
        actor_no: 0,
        day: Day(20_500),
        directory_seq: 1,
        directory_hash: EnvelopeId::new([0x44; 32]),
        body_hash: [0; 32],
    };
    header.set_body(&body);
    Envelope { header, body, sig: [0x55; 64] }
}
