//! Letting devices in: invitations, tries, and what a stranger learns.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use common::*;
use sync_core::crypto::{TypedCode, invite};
use sync_core::directory::{Directory, Op};
use sync_core::ids::TeamId;
use sync_core::protocol::{
    Code, CodeAnswer, CodeAnswered, CodeReply, CodeRequest, EnrolAnswer, EnrolRequest, EnrolState,
    InviteKind, InviteNotice, SyncRequest, Timestamp, VouchedDevice, from_cbor, limits, to_cbor,
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
        mac: invite::bind(secret, team, &verify_key, &seal_key, 0),
        class: None,
        proof: None,
        seal_key_2: None,
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
fn a_member_sees_who_answers_their_own_invitations_and_only_admins_see_everybody_who_asks() {
    let (station, mut team) = invited(6);
    let (mut amy, mut bo) = (Hand::new(61), Hand::new(63));
    team.enter(&amy, &[Role::Coordinator]);
    team.enter(&bo, &[Role::Coordinator]);
    station.bring(&mut team);
    let lookup: [u8; 16] = *invite::lookup(&[6; 16]);
    let notice = team.inviting(&amy, lookup, station.now().plus_minutes(15));
    station.send(&mut amy, &notice).unwrap();
    let (eli, fay) = (Hand::new(62), Hand::new(64));
    let (by_amy, by_admin) =
        (request(team.id(), &eli, &[6; 16]), request(team.id(), &fay, &SECRET));
    ask(&station, &by_amy).unwrap();
    ask(&station, &by_admin).unwrap();
    let sync = team.pushing(&bo, &[]);
    assert!(station.send(&mut bo, &sync).unwrap().pending.is_empty());
    let sync = team.pushing(&amy, &[]);
    let own = station.send(&mut amy, &sync).unwrap().pending;
    assert_eq!(own.iter().map(|p| p.lookup).collect::<Vec<_>>(), [by_amy.lookup]);
    let sync = team.pushing(&team.admin, &[]);
    assert_eq!(station.send(&mut team.admin, &sync).unwrap().pending.len(), 2);
}

#[test]
fn only_admins_invitations_of_a_batch_live_three_days() {
    let (station, mut team) = invited(9);
    let mut amy = Hand::new(91);
    team.enter(&amy, &[Role::Coordinator]);
    station.bring(&mut team);
    let expires = station.now().plus_minutes(60 * 24 * 30);
    let batch = |secret: u8, kind| InviteNotice {
        lookup: invite::lookup(&[secret; 16]),
        expires,
        kind: Some(kind),
    };
    let by_admin = vec![batch(1, InviteKind::Batch), batch(2, InviteKind::Link)];
    let notice = SyncRequest { invites: by_admin, ..team.pushing(&team.admin, &[]) };
    station.send(&mut team.admin, &notice).unwrap();
    let by_amy = vec![batch(3, InviteKind::Batch)];
    let notice = SyncRequest { invites: by_amy, ..team.pushing(&amy, &[]) };
    station.send(&mut amy, &notice).unwrap();
    station.wait_minutes(16);
    let asks = |secret: u8| ask(&station, &request(team.id(), &Hand::new(92), &[secret; 16]));
    assert!(asks(1).is_ok());
    assert_eq!(asks(2).err(), Some(Code::InviteUnknown));
    assert_eq!(asks(3).err(), Some(Code::InviteUnknown));
    station.wait_minutes(72 * 60);
    let late = request(team.id(), &Hand::new(93), &[1; 16]);
    assert_eq!(ask(&station, &late), Err(Code::InviteUnknown));
}

/// The admin's phone shows a code.
fn code_shown(seed: u64) -> (Station, Team, TypedCode) {
    let (station, mut team) = invited(seed);
    let code = TypedCode::parse("ABC-DEFG-HJK").unwrap();
    let expires = station.now().plus_minutes(15);
    let notice = InviteNotice { lookup: code.lookup(), expires, kind: Some(InviteKind::Code) };
    let request = SyncRequest { invites: vec![notice], ..team.pushing(&team.admin, &[]) };
    station.send(&mut team.admin, &request).unwrap();
    (station, team, code)
}

fn try_code(station: &Station, code: &TypedCode, n: u8) -> Result<CodeAnswer, Code> {
    let request = CodeRequest { version: 1, lookup: code.lookup(), message: [n; 33].into() };
    let answer = station.relay.enrol(&zip(&to_cbor(&request))).map_err(|refusal| refusal.code)?;
    Ok(from_cbor(&unzip(&answer)).unwrap())
}

#[test]
fn a_typed_code_takes_five_messages_is_answered_by_its_own_device_and_ends_in_time() {
    let (station, mut team, code) = code_shown(10);
    let mut amy = Hand::new(101);
    team.enter(&amy, &[Role::Coordinator]);
    station.bring(&mut team);
    for n in 0..limits::INVITE_TRIES {
        assert_eq!(try_code(&station, &code, n).unwrap().reply, None);
        assert!(try_code(&station, &code, n).is_ok(), "asking again is no further try");
    }
    assert_eq!(try_code(&station, &code, 9).err(), Some(Code::InviteUnknown));
    let keys =
        EnrolRequest { lookup: code.lookup(), ..request(team.id(), &Hand::new(102), &SECRET) };
    assert_eq!(ask(&station, &keys), Err(Code::InviteUnknown), "no keys answer a nameplate");
    let sync = team.pushing(&team.admin, &[]);
    let tries = station.send(&mut team.admin, &sync).unwrap().codes.unwrap();
    assert_eq!(tries.len(), 5);

    let reply = |n: u8| CodeReply {
        message: [n; 33].into(),
        confirm: [n; 32].into(),
        sealed: vec![n; 200].into(),
    };
    let answered = |n: u8| vec![CodeAnswered { to: tries[0].clone(), reply: reply(n) }];
    // Somebody else's device answers in vain; the first answer of the code's own device stays.
    let meddles = SyncRequest { codes: Some(answered(6)), ..team.pushing(&amy, &[]) };
    station.send(&mut amy, &meddles).unwrap();
    assert_eq!(try_code(&station, &code, 0).unwrap().reply, None);
    for n in [7, 8] {
        let answers = SyncRequest { codes: Some(answered(n)), ..team.pushing(&team.admin, &[]) };
        let left = station.send(&mut team.admin, &answers).unwrap().codes.unwrap();
        assert_eq!(left.len(), 4);
    }
    assert_eq!(try_code(&station, &code, 0).unwrap().reply, Some(reply(7)));
    station.wait_minutes(16);
    assert_eq!(try_code(&station, &code, 0).err(), Some(Code::InviteUnknown));
}

#[test]
fn codes_are_counted_towards_their_team_and_unknown_ones_tell_nothing() {
    let (station, _, code) = code_shown(12);
    let other = TypedCode::parse("ABD-DEFG-HJK").unwrap();
    assert_eq!(try_code(&station, &other, 1).err(), Some(Code::InviteUnknown));
    let codes: std::collections::BTreeSet<_> =
        (0..400).map(|_| try_code(&station, &code, 1).err()).collect();
    assert!(codes.contains(&Some(Code::RateLimited)), "{codes:?}");
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
        seal_key_2: second.keys.seal_key_2().map(Into::into),
        class: DeviceClass::Native,
    };
    let entry = team.entry(&team.admin, &op);
    let mut admin = std::mem::replace(&mut team.admin, Hand::new(0));
    let results = station.push(&team, &mut admin, &[entry]);
    assert_eq!(code(&results), Some(Code::NeedsApproval));
    // Keys that are listed already are the only ones refused for being there.
    let again = Op::Device {
        member: admin.member,
        verify_key: amy.keys.verify_key().into(),
        seal_key: second.keys.seal_key().into(),
        class: DeviceClass::Native,
        seal_key_2: None,
    };
    let entry = team.entry(&admin, &again);
    let results = station.push(&team, &mut admin, &[entry]);
    assert_eq!(code(&results), Some(Code::DeviceExists));
}

#[test]
fn hostile_bytes_at_the_door_for_strangers_are_refused_and_change_nothing() {
    let (station, team, code) = code_shown(13);
    let known = request(team.id(), &Hand::new(131), &SECRET);
    let keys = to_cbor(&known);
    let message: [u8; 33] = [9; 33];
    let exchange =
        to_cbor(&CodeRequest { version: 1, lookup: code.lookup(), message: message.into() });
    let mut refused = 0;
    for whole in [&keys, &exchange] {
        for at in 0..whole.len() {
            let (mut flipped, cut) = (whole.clone(), &whole[..at]);
            flipped[at] ^= 0x80;
            for bytes in [cut, &flipped] {
                let Err(refusal) = station.relay.enrol(&zip(bytes)) else { continue };
                let told = [Code::Malformed, Code::InviteUnknown, Code::RateLimited];
                assert!(told.contains(&refusal.code), "{:?}", refusal.code);
                refused += 1;
            }
        }
    }
    assert!(refused > 300, "{refused}");
    let longest = vec![0; 5 * 1024];
    assert_eq!(station.relay.enrol(&longest).unwrap_err().code, Code::TooLarge);
    let old = CodeRequest { version: 2, lookup: code.lookup(), message: message.into() };
    let refusal = station.relay.enrol(&zip(&to_cbor(&old))).unwrap_err();
    assert_eq!(refusal.code, Code::Malformed);
}

#[test]
fn a_voucher_is_kept_only_if_it_is_short_and_for_keys_that_can_be_sealed_to() {
    let (station, mut team, mut amy) = (Station::new(), Team::new(30), Hand::new(301));
    team.enter(&amy, &[Role::PeerSupporter]);
    station.found(&mut team);
    let voucher = |amy: &Hand, seed: u64, seal_key_2: Option<Vec<u8>>, more: usize| {
        let keys = Hand::new(seed).keys;
        let mut op = to_cbor(&Op::Device {
            member: amy.member,
            verify_key: keys.verify_key().into(),
            seal_key: keys.seal_key().into(),
            seal_key_2: seal_key_2.map(Into::into),
            class: DeviceClass::Native,
        });
        if more > 0 {
            // A field more at the end of the operation's own array, which a reader skips.
            op = longer(op, more);
        }
        let nonce = [seed as u8; 16];
        let message = sync_core::directory::approval_to_sign(team.id(), &nonce, &op);
        let sig = amy.keys.sign(&message).into();
        VouchedDevice { op: op.into(), nonce: nonce.into(), by: amy.keys.device_id(), sig }
    };
    let good = |seed| Hand::new(seed).keys.seal_key_2().map(|key| key.to_vec());
    let long = voucher(&amy, 302, good(302), 5_000);
    assert!(from_cbor::<Op>(&long.op).is_ok(), "it is read for what it is");
    let no_key = voucher(&amy, 303, Some(vec![0xff; 1_216]), 0);
    let sound = voucher(&amy, 304, good(304), 0);
    let mut request = team.pushing(&amy, &[]);
    request.vouched = Some(vec![long, no_key, sound.clone()]);
    station.send(&mut amy, &request).unwrap();
    let sync = team.pushing(&team.admin, &[]);
    assert_eq!(station.send(&mut team.admin, &sync).unwrap().vouched, Some(vec![sound]));
}

/// An encoded operation with a byte string more in its inner array.
fn longer(op: Vec<u8>, bytes: usize) -> Vec<u8> {
    // [2, [member, verify_key, seal_key, class, …]]: the inner array's head is the third byte.
    assert_eq!((op[0], op[1], op[2] & 0xe0), (0x82, 0x02, 0x80));
    let mut op = op;
    op[2] += 1;
    op.push(0x59);
    op.extend_from_slice(&(bytes as u16).to_be_bytes());
    op.extend(std::iter::repeat_n(7, bytes));
    op
}
