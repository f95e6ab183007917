//! Letting devices in: invitations, tries, and what a stranger learns.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use common::*;
use sync_core::crypto::invite;
use sync_core::directory::{Directory, Op};
use sync_core::ids::TeamId;
use sync_core::protocol::{
    Code, EnrolAnswer, EnrolRequest, EnrolState, Timestamp, from_cbor, limits, to_cbor,
};
use sync_core::records::{DeviceClass, Role};

const SECRET: [u8; 16] = [7; 16];

fn invited(seed: u64) -> (Station, Team) {
    let (station, mut team) = (Station::new(), Team::new(seed));
    station.found(&mut team);
    invite_with(&station, &mut team, &SECRET, station.now().plus_minutes(15));
    (station, team)
}

fn invite_with(station: &Station, team: &mut Team, secret: &[u8; 16], expires: Timestamp) {
    let lookup: [u8; 16] = *invite::lookup(secret);
    let request = team.inviting(&team.admin, lookup, expires);
    station.send(&mut team.admin, &request).unwrap();
}

fn request(team: TeamId, hand: &Hand, secret: &[u8; 16]) -> EnrolRequest {
    let (verify_key, seal_key) = (hand.keys.verify_key(), hand.keys.seal_key());
    EnrolRequest {
        team,
        lookup: invite::lookup(secret),
        verify_key: verify_key.into(),
        seal_key: seal_key.into(),
        mac: invite::bind(secret, team, &verify_key, &seal_key),
        recovery: None,
    }
}

fn ask(station: &Station, request: &EnrolRequest) -> Result<EnrolAnswer, Code> {
    let answer = station.relay.enrol(&zip(&to_cbor(request))).map_err(|refusal| refusal.code)?;
    Ok(from_cbor(&unzip(&answer)).unwrap())
}

#[test]
fn a_device_waits_is_shown_to_the_admin_and_gets_the_whole_directory_once_listed() {
    let (station, mut team) = invited(1);
    let amy = Hand::new(11);
    let request = request(team.id(), &amy, &SECRET);
    let answer = ask(&station, &request).unwrap();
    assert_eq!((answer.state, answer.directory.len()), (EnrolState::Pending, 0));

    let sync = team.pushing(&team.admin, &[]);
    let pending = station.send(&mut team.admin, &sync).unwrap().pending;
    assert_eq!(pending.len(), 1);
    assert_eq!((pending[0].verify_key, pending[0].mac), (request.verify_key, request.mac));

    team.enter(&amy, &[Role::PeerSupporter]);
    station.bring(&mut team);
    let answer = ask(&station, &request).unwrap();
    assert_eq!(answer.state, EnrolState::Listed);
    let mut directory = Directory::new(team.id());
    for packed in &answer.directory {
        directory.append(&answer.batch.unpack(packed).unwrap()).unwrap();
    }
    assert!(directory.device(&amy.keys.device_id()).is_some());

    let sync = team.pushing(&team.admin, &[]);
    assert!(station.send(&mut team.admin, &sync).unwrap().pending.is_empty());
    // Used once: another phone with the same invitation comes too late.
    let late = self::request(team.id(), &Hand::new(12), &SECRET);
    assert_eq!(ask(&station, &late), Err(Code::InviteUnknown));
    assert!(ask(&station, &request).is_ok(), "a lost answer can be asked for again");
}

#[test]
fn an_unknown_or_ended_invitation_and_another_teams_are_refused_alike() {
    let (station, team) = invited(2);
    let amy = Hand::new(21);
    let unknown = request(team.id(), &amy, &[8; 16]);
    let elsewhere = request(TeamId::new([9; 32]), &amy, &SECRET);
    assert_eq!(ask(&station, &unknown), Err(Code::InviteUnknown));
    assert_eq!(ask(&station, &elsewhere), Err(Code::InviteUnknown));
    station.wait_minutes(16);
    assert_eq!(ask(&station, &request(team.id(), &amy, &SECRET)), Err(Code::InviteUnknown));
}

#[test]
fn whoever_asked_in_time_may_go_on_asking_until_an_admin_has_synced() {
    let (station, team) = invited(3);
    let request = request(team.id(), &Hand::new(31), &SECRET);
    ask(&station, &request).unwrap();
    station.wait_minutes(60 * 24);
    assert_eq!(ask(&station, &request).unwrap().state, EnrolState::Pending);
}

#[test]
fn an_invitation_takes_five_different_sets_of_keys_and_no_sixth() {
    let (station, mut team) = invited(4);
    for seed in 0..u64::from(limits::INVITE_TRIES) {
        let request = request(team.id(), &Hand::new(400 + seed), &SECRET);
        assert!(ask(&station, &request).is_ok());
        assert!(ask(&station, &request).is_ok(), "asking again is no further try");
    }
    let sixth = request(team.id(), &Hand::new(499), &SECRET);
    assert_eq!(ask(&station, &sixth), Err(Code::InviteUnknown));
    let sync = team.pushing(&team.admin, &[]);
    let pending = station.send(&mut team.admin, &sync).unwrap().pending;
    assert_eq!(pending.len(), 5, "the admin's device sees them all and checks each");
}

#[test]
fn an_invitation_lives_no_longer_than_allowed_whatever_its_notice_says() {
    let (station, mut team) = invited(5);
    invite_with(&station, &mut team, &[5; 16], station.now().plus_minutes(60 * 24 * 365));
    station.wait_minutes(16);
    let late = request(team.id(), &Hand::new(51), &[5; 16]);
    assert_eq!(ask(&station, &late), Err(Code::InviteUnknown));
}

#[test]
fn only_admins_invite_and_only_admins_see_who_asks() {
    let (station, mut team) = invited(6);
    let mut amy = Hand::new(61);
    team.enter(&amy, &[Role::Coordinator]);
    station.bring(&mut team);
    let lookup: [u8; 16] = *invite::lookup(&[6; 16]);
    let notice = team.inviting(&amy, lookup, station.now().plus_minutes(15));
    station.send(&mut amy, &notice).unwrap();
    let eli = Hand::new(62);
    let by_amy = request(team.id(), &eli, &[6; 16]);
    assert_eq!(ask(&station, &by_amy), Err(Code::InviteUnknown));
    ask(&station, &request(team.id(), &eli, &SECRET)).unwrap();
    let sync = team.pushing(&amy, &[]);
    assert!(station.send(&mut amy, &sync).unwrap().pending.is_empty());
}

#[test]
fn a_team_that_is_asked_for_too_often_is_rate_limited() {
    let (station, team) = invited(7);
    let unknown = request(team.id(), &Hand::new(71), &[8; 16]);
    let body = zip(&to_cbor(&unknown));
    let refused = (0..400).map(|_| station.relay.enrol(&body).unwrap_err().code);
    let codes: std::collections::BTreeSet<Code> = refused.collect();
    assert!(codes.contains(&Code::RateLimited));
    assert!(codes.contains(&Code::InviteUnknown));
}

#[test]
fn a_second_device_of_a_member_is_not_taken_by_an_entry_alone() {
    let (station, mut team) = invited(8);
    let amy = Hand::new(81);
    team.enter(&amy, &[Role::PeerSupporter]);
    station.bring(&mut team);
    let second = Hand::new(82);
    let op = Op::Device {
        member: amy.member,
        verify_key: second.keys.verify_key().into(),
        seal_key: second.keys.seal_key().into(),
        class: DeviceClass::Native,
    };
    let entry = team.entry(&team.admin, &op);
    let mut admin = std::mem::replace(&mut team.admin, Hand::new(0));
    let results = station.push(&team, &mut admin, &[entry]);
    assert_eq!(code(&results), Some(Code::DeviceExists));
}
