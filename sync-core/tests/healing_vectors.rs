//! Frozen bytes of healing and of the audit log: a change of any of them is a change of the protocol.

mod frozen;

use sync_core::ids::{DeviceId, EnvelopeId, IncarnationId, RelayId, SpaceId, TeamId};
use sync_core::protocol::{
    AuditHead, AuditRow, Carried, Day, Healing, HealingAnswer, HeldItems, LackedItems,
    ReconcileAnswer, ReconcileRequest, RowData, Timestamp, held_hash, reconcile_to_sign,
};

use frozen::Folder;

const WIRE: Folder = Folder("healing");
const SEED: [u8; 16] = [7; 16];

fn space() -> SpaceId {
    SpaceId::new([0x11; 16])
}

#[test]
fn reconciling_is_frozen() {
    let ids = [EnvelopeId::new([1; 32]), EnvelopeId::new([2; 32])];
    WIRE.check("held_hash", &held_hash(&SEED, ids[0]).to_be_bytes());
    let request = ReconcileRequest {
        team: TeamId::new([0x99; 32]),
        device: DeviceId::new([0x33; 16]),
        seed: SEED.into(),
        spaces: vec![HeldItems::of(&SEED, space(), &ids)],
    };
    WIRE.check_message("reconcile_request", &request);
    let answer = ReconcileAnswer {
        relay: RelayId::new([9; 32]),
        incarnation: IncarnationId::new([0x13; 16]),
        now: Timestamp(1_772_388_000_000),
        lacking: LackedItems::of(space(), [false, true].into_iter()).into_iter().collect(),
    };
    WIRE.check_message("reconcile_answer", &answer);
    WIRE.check("reconcile_signing_input", &reconcile_to_sign(b"request", b"answer"));
}

#[test]
fn what_a_sync_says_about_healing_is_frozen() {
    let row = RowData { directory_seq: 3, row_day: Day(20_500) };
    let healing = Healing {
        incarnation: Some(IncarnationId::new([0x13; 16])),
        done: true,
        rows: vec![Carried { index: 1, row }],
        wanted: vec![EnvelopeId::new([1; 32])],
    };
    WIRE.check_message("healing", &healing);
    let answer = HealingAnswer {
        held: true,
        wanted: vec![EnvelopeId::new([2; 32])],
        ..HealingAnswer::default()
    };
    WIRE.check_message("healing_answer", &answer);
    let answer =
        HealingAnswer { erased: Some(vec![EnvelopeId::new([3; 32])]), ..HealingAnswer::default() };
    WIRE.check_message("healing_answer_erased", &answer);
}

#[test]
fn a_row_of_the_audit_log_and_its_hash_are_frozen() {
    let mut row = AuditRow {
        seq: 2,
        at: Timestamp(1_772_388_000_000),
        actor: Some(DeviceId::new([0x33; 16])),
        action: "key.wrap".into(),
        object: space().to_string(),
        result: "done".into(),
        count: 1,
        hash: [0; 32].into(),
    };
    let (team, previous) = (TeamId::new([0x99; 32]), [0x44; 32]);
    row.hash = row.expected_hash(team, &previous).into();
    WIRE.check("audit_hash", row.hash.as_slice());
    WIRE.check_message("audit_row", &row);
    WIRE.check_message("audit_head", &AuditHead { seq: 2, hash: row.hash });
    assert!(row.follows(team, 1, &previous));
    assert!(!row.follows(team, 2, &previous) && !row.follows(team, 1, &[0; 32]));
}

#[test]
fn every_frozen_file_of_healing_is_checked() {
    WIRE.assert_all_named(&[include_str!("healing_vectors.rs")]);
}
