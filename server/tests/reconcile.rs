//! `POST /v1/reconcile` by what it answers: who may ask, how much, and what is lacking.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use common::*;
use server::relay::Refusal;
use sync_core::crypto::verify;
use sync_core::directory::{Guest, Op};
use sync_core::ids::EnvelopeId;
use sync_core::protocol::{
    Code, Day, HeldItems, MAX_HELD, ReconcileAnswer, ReconcileRequest, SignedAnswer, from_cbor,
    reconcile_to_sign, to_cbor,
};
use sync_core::records::{Role, Scalar, SpaceKind};

const SEED: [u8; 16] = [3; 16];

fn founded(seed: u64) -> (Station, Team, Hand) {
    let (station, mut team, amy) = (Station::new(), Team::new(seed), Hand::new(seed + 100));
    team.enter(&amy, &[Role::PeerSupporter]);
    station.found(&mut team);
    (station, team, amy)
}

fn asking(team: &Team, hand: &Hand, spaces: Vec<HeldItems>) -> ReconcileRequest {
    let device = hand.keys.device_id();
    ReconcileRequest { team: team.id(), device, seed: SEED.into(), spaces }
}

fn ask(
    station: &Station,
    hand: &mut Hand,
    request: &ReconcileRequest,
) -> Result<ReconcileAnswer, Refusal> {
    let body = zip(&to_cbor(request));
    let token = mint(hand, request.team, &body, station.now());
    let answer = station.relay.reconcile(&token, &body)?;
    let signed: SignedAnswer = from_cbor(&unzip(&answer)).unwrap();
    let message = reconcile_to_sign(&body, &signed.answer);
    assert!(verify(station.relay.id().as_bytes(), &message, &signed.sig), "the answer's signature");
    Ok(from_cbor(&signed.answer).unwrap())
}

#[test]
fn exactly_what_the_relay_lacks_is_told() {
    let (station, team, mut amy) = founded(1);
    let mut ids = Vec::new();
    for _ in 0..9 {
        let doc = amy.doc();
        let envelope = team.incident(&mut amy, doc, "north");
        ids.push(envelope.id());
        station.push(&team, &mut amy, &[envelope]);
    }
    let space = team.operations();
    let whole = asking(&team, &amy, vec![HeldItems::of(&SEED, space, &ids)]);
    assert!(ask(&station, &mut amy, &whole).unwrap().lacking.is_empty());
    ids.insert(4, EnvelopeId::new([9; 32]));
    ids.push(EnvelopeId::new([8; 32]));
    let more = asking(&team, &amy, vec![HeldItems::of(&SEED, space, &ids)]);
    let answer = ask(&station, &mut amy, &more).unwrap();
    let lacked = &answer.lacking[0];
    let told: Vec<usize> = (0..ids.len()).filter(|at| lacked.lacks(*at)).collect();
    assert_eq!((answer.lacking.len(), lacked.space, told), (1, space, vec![4, 10]));
}

#[test]
fn strangers_other_teams_and_repetitions_are_refused() {
    let (station, team, mut amy) = founded(2);
    let request = asking(&team, &amy, Vec::new());
    let body = zip(&to_cbor(&request));
    let token = mint(&mut amy, team.id(), &body, station.now());
    assert!(station.relay.reconcile(&token, &body).is_ok());
    let refused = |token: &str, body: &[u8]| station.relay.reconcile(token, body).unwrap_err().code;
    assert_eq!(refused(&token, &body), Code::TokenReplayed);
    assert_eq!(refused(&token, &zip(b"another body")), Code::TokenInvalid);
    let mut stranger = Hand::new(99);
    let theirs = zip(&to_cbor(&asking(&team, &stranger, Vec::new())));
    let token = mint(&mut stranger, team.id(), &theirs, station.now());
    assert_eq!(refused(&token, &theirs), Code::UnknownDevice);
    // The token names amy, the body another device or another team.
    let mut other = asking(&team, &amy, Vec::new());
    other.device = team.admin.keys.device_id();
    assert_eq!(ask(&station, &mut amy, &other).unwrap_err().code, Code::TokenInvalid);
    let (elsewhere, foreign, _) = founded(3);
    drop(elsewhere);
    let mut other = asking(&team, &amy, Vec::new());
    other.team = foreign.id();
    let body = zip(&to_cbor(&other));
    let token = mint(&mut amy, team.id(), &body, station.now());
    assert_eq!(refused(&token, &body), Code::TokenInvalid);
    let late = station.now().plus_minutes(-60);
    let body = zip(&to_cbor(&asking(&team, &amy, Vec::new())));
    let token = mint(&mut amy, team.id(), &body, late);
    assert_eq!(refused(&token, &body), Code::TokenExpired);
}

#[test]
fn another_teams_log_looks_like_none_at_all() {
    let (station, team, mut amy) = founded(4);
    let doc = amy.doc();
    let envelope = team.incident(&mut amy, doc, "north");
    station.push(&team, &mut amy, std::slice::from_ref(&envelope));
    let (mut other, mut mal) = (Team::new(5), Hand::new(500));
    other.enter(&mal, &[Role::PeerSupporter]);
    station.found(&mut other);
    let held = HeldItems::of(&SEED, team.operations(), &[envelope.id()]);
    let request = asking(&other, &mal, vec![held]);
    let answer = ask(&station, &mut mal, &request).unwrap();
    assert!(answer.lacking[0].lacks(0), "nothing of it is told");
}

#[test]
fn bytes_that_are_no_request_and_too_many_hashes_are_refused() {
    let (station, team, mut amy) = founded(6);
    let garbage = zip(b"garbage");
    let token = mint(&mut amy, team.id(), &garbage, station.now());
    assert_eq!(station.relay.reconcile(&token, &garbage).unwrap_err().code, Code::Malformed);
    let hashes = vec![0; 8 * (MAX_HELD + 1)].into();
    let many = vec![HeldItems { space: team.operations(), hashes }];
    let request = asking(&team, &amy, many);
    let refused = ask(&station, &mut amy, &request).unwrap_err();
    assert_eq!(refused.code, Code::TooLarge);
    // A hash cut short counts for nothing.
    let cut = vec![HeldItems { space: team.operations(), hashes: vec![0; 7].into() }];
    let request = asking(&team, &amy, cut);
    assert!(ask(&station, &mut amy, &request).unwrap().lacking.is_empty());
}

#[test]
fn a_log_is_looked_through_once_and_only_for_its_readers() {
    let (station, mut team, mut amy) = founded(7);
    let doc = amy.doc();
    let envelope = team.incident(&mut amy, doc, "north");
    station.push(&team, &mut amy, std::slice::from_ref(&envelope));
    let stranger = EnvelopeId::new([9; 32]);
    let space = team.operations();
    let twice = vec![
        HeldItems::of(&SEED, space, &[envelope.id()]),
        HeldItems::of(&SEED, space, &[stranger]),
        HeldItems::of(&SEED, space, &[]),
    ];
    let request = asking(&team, &amy, twice);
    assert!(ask(&station, &mut amy, &request).unwrap().lacking.is_empty(), "the first one counts");
    // The caseload is its owner's.
    let mut bo = Hand::new(700);
    team.enter(&bo, &[Role::PeerSupporter]);
    station.bring(&mut team);
    let caseload = team.space(SpaceKind::Caseload, Some(amy.member));
    let fields = [("kind", Scalar::Str("call".into()))];
    let doc = amy.doc();
    let task = team.change(&mut amy, caseload, TASK, doc, None, &fields);
    let results = station.push(&team, &mut amy, std::slice::from_ref(&task));
    assert_eq!(results[0].code, "");
    for (hand, lacking) in [(&mut amy, 0), (&mut bo, 1)] {
        let held = vec![HeldItems::of(&SEED, caseload, &[task.id()])];
        let request = asking(&team, hand, held);
        assert_eq!(ask(&station, hand, &request).unwrap().lacking.len(), lacking);
    }
}

#[test]
fn a_guest_whose_time_is_over_is_told_so() {
    let (station, mut team, mut amy) = founded(8);
    team.extend(&Op::Member {
        member: amy.member,
        roles: vec![Role::PeerSupporter],
        admin: false,
        unit: None,
        supervises: Vec::new(),
        guest: Some(Guest { until: Day(1), spaces: Vec::new() }),
        last: Some(Vec::new()),
    });
    station.bring(&mut team);
    let request = asking(&team, &amy, Vec::new());
    assert_eq!(ask(&station, &mut amy, &request).unwrap_err().code, Code::GuestEnded);
}
