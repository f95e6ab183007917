//! A removed device at the door, what it brings, and what becomes of that once it is released.

use sync_core::crypto::token;
use sync_core::protocol::{Accepted, Envelope};

use super::*;

/// Removes a member, naming what the relay accepted of their device.
fn remove(station: &Station, team: &mut Team, hand: &Hand) {
    let device = hand.keys.device_id();
    let mut admin = std::mem::replace(&mut team.admin, Hand::new(0));
    let mut request = team.pushing(&admin, &[]);
    request.ask_accepted = Some(vec![device]);
    let last = station.send(&mut admin, &request).unwrap().accepted.unwrap_or_default();
    team.admin = admin;
    team.extend(&Op::Remove { member: hand.member, device: None, last, wipe: None });
    station.bring(team);
}

fn release(station: &Station, team: &mut Team, items: &[&Envelope]) {
    let items = items.iter().map(|envelope| envelope.id()).collect();
    team.extend(&Op::Release { items });
    station.bring(team);
}

/// What a removed device is told.
fn calls(station: &Station, team: &Team, hand: &mut Hand, envelopes: &[Envelope]) -> Code {
    let request = team.pushing(hand, envelopes);
    let refusal = station.send(hand, &request).unwrap_err();
    assert_eq!(refusal.notice.is_some(), refusal.code == Code::DeviceRemoved);
    refusal.code
}

fn told_of(station: &Station, team: &mut Team) -> Vec<sync_core::protocol::SetAside> {
    let request = team.pushing(&team.admin, &[]);
    station.send(&mut team.admin, &request).unwrap().set_aside.unwrap_or_default()
}

#[test]
fn what_was_erased_is_not_kept_when_a_removed_device_brings_it() {
    let (station, mut team, mut amy) = staffed(50);
    let (gone, kept) = (amy.doc(), amy.doc());
    let made = team.incident(&mut amy, gone, "north");
    let saved = merged(None, &[&made]);
    let order = purge(&team, &mut amy, gone);
    station.push(&team, &mut amy, &[made, order]);
    let late = [
        team.change(
            &mut amy,
            team.operations(),
            INCIDENT,
            gone,
            Some(&saved),
            &[("area", Scalar::Str("erased words".into()))],
        ),
        team.incident(&mut amy, kept, "south"),
    ];
    remove(&station, &mut team, &amy);
    assert_eq!(calls(&station, &team, &mut amy, &late), Code::DeviceRemoved);
    assert_eq!(station.count("quarantine"), 1);
    assert_eq!(told_of(&station, &mut team)[0].id, late[1].id());
}

#[test]
fn what_an_honest_phone_did_for_days_is_kept_and_every_phone_has_its_part_of_the_list() {
    let (station, mut team, mut amy) = staffed(51);
    let mut bo = Hand::new(510);
    team.enter(&bo, &[Role::PeerSupporter]);
    station.bring(&mut team);
    let own = [amy.member];
    let care = team.sealed_space(&mut amy, SpaceKind::Care, SpaceOwner::Member(own[0]), &own);
    let space = care.header.space;
    station.push(&team, &mut amy, &[care]);
    let (doc, other) = (amy.doc(), bo.doc());
    let mut many = Vec::new();
    for _ in 0..1_100 {
        many.push(team.sealed(&mut amy, space, CONTACT_DETAIL, doc));
    }
    let late = team.incident(&mut bo, other, "south");
    remove(&station, &mut team, &amy);
    remove(&station, &mut team, &bo);
    calls(&station, &team, &mut amy, &many[..150]);
    assert_eq!((station.count("quarantine"), told_of(&station, &mut team).len()), (150, 150));
    calls(&station, &team, &mut amy, &many);
    assert_eq!(station.count("quarantine"), 1_000, "and no more");
    calls(&station, &team, &mut bo, &[late]);
    assert_eq!(station.count("quarantine"), 1_001);
    let told = told_of(&station, &mut team);
    let of_bo = told.iter().filter(|item| item.device == bo.keys.device_id()).count();
    assert_eq!((told.len(), of_bo), (1_000, 1));
}

#[test]
fn a_released_item_that_builds_on_another_has_its_place_once_that_one_has() {
    let (station, mut team, mut amy) = staffed(52);
    let mut bo = Hand::new(520);
    team.enter(&bo, &[Role::Coordinator]);
    station.bring(&mut team);
    let (space, doc, other) = (team.operations(), amy.doc(), bo.doc());
    let edit = |hand: &mut Hand, doc, base: &[u8], severity| {
        let fields = [("severity", Scalar::Int(severity))];
        team.change(hand, space, INCIDENT, doc, Some(base), &fields)
    };
    let first = team.incident(&mut amy, doc, "north");
    let base = merged(None, &[&first]);
    let second = edit(&mut amy, doc, &base, 2);
    let third = edit(&mut amy, doc, &merged(Some(&base), &[&second]), 3);
    // And one on what another phone has not sent yet.
    let theirs = team.incident(&mut bo, other, "west");
    let on_theirs = edit(&mut amy, other, &merged(None, &[&theirs]), 4);
    let late = [first, second, third, on_theirs];
    remove(&station, &mut team, &amy);
    calls(&station, &team, &mut amy, &late);
    let places = |station: &Station| {
        number(station, "SELECT count(*) FROM items WHERE kind = 1 AND code = ''")
    };
    release(&station, &mut team, &[&late[2], &late[3]]);
    release(&station, &mut team, &[&late[1]]);
    assert_eq!((places(&station), station.count("quarantine")), (0, 4));
    release(&station, &mut team, &[&late[0]]);
    assert_eq!((places(&station), station.count("quarantine")), (3, 1));
    station.push(&team, &mut bo, &[theirs]);
    assert_eq!((places(&station), station.count("quarantine")), (5, 0));
}

#[test]
fn a_number_far_beyond_the_last_one_is_refused() {
    let (station, team, mut amy) = staffed(53);
    let space = team.operations();
    let mut at = |station: &Station, seq: u64| {
        amy.seqs.insert(space, seq - 1);
        let doc = amy.doc();
        let envelope = team.incident(&mut amy, doc, "north");
        station.push(&team, &mut amy, &[envelope])[0].clone()
    };
    let gap = limits::MAX_NUMBER_GAP;
    assert_eq!(at(&station, 1).verdict, Verdict::Stored);
    let far = at(&station, 2 + gap);
    assert_eq!((far.verdict, far.code.as_str()), (Verdict::RefusedFinal, "malformed"));
    assert_eq!(at(&station, 1 + gap).verdict, Verdict::Stored);
    assert_eq!(at(&station, 2 + gap).verdict, Verdict::Stored);
    assert_eq!(at(&station, i64::MAX as u64).verdict, Verdict::RefusedFinal);
    assert_eq!(at(&station, 5).verdict, Verdict::Stored, "those below may come later");
}

#[test]
fn what_was_set_aside_does_not_count_as_accepted() {
    let (station, team, mut amy) = staffed(54);
    let (space, doc) = (team.operations(), amy.doc());
    let made = team.incident(&mut amy, doc, "north");
    amy.seqs.insert(space, 90_000);
    let fields = [("narrative", Scalar::Str("he said that".into()))];
    let odd = team.change(&mut amy, space, INCIDENT, doc, None, &fields);
    let results = station.push(&team, &mut amy, &[made, odd]);
    assert_eq!(results[1].verdict, Verdict::Quarantined);
    let mut admin = team.admin;
    let team = Team { admin: Hand::new(0), ..team };
    let mut request = team.pushing(&admin, &[]);
    let device = amy.keys.device_id();
    request.ask_accepted = Some(vec![device]);
    let accepted = station.send(&mut admin, &request).unwrap().accepted.unwrap();
    assert_eq!(accepted, [Accepted { device, space, device_seq: 1 }]);
}

#[test]
fn a_device_that_another_team_lists_is_told_of_its_removal_too() {
    let (station, mut team, mut amy) = staffed(55);
    let mut other = Team::new(550);
    other.enter(&amy, &[Role::PeerSupporter]);
    station.found(&mut other);
    remove(&station, &mut team, &amy);
    assert_eq!(calls(&station, &team, &mut amy, &[]), Code::DeviceRemoved);
    let request = other.pushing(&amy, &[]);
    assert!(station.send(&mut amy, &request).is_ok(), "the other team serves it");
}

#[test]
fn only_a_removed_device_itself_is_written_down_as_having_called() {
    let (station, mut team, mut amy) = staffed(56);
    remove(&station, &mut team, &amy);
    let calls_noted = |station: &Station| {
        number(station, "SELECT count(*) FROM audit WHERE action = 'device.refuse'")
    };
    // Somebody names the device and signs with another key.
    let mut stranger = Hand::new(560);
    let body = zip(&to_cbor(&team.pushing(&amy, &[])));
    let genuine = mint(&mut amy, team.id(), &body, station.now());
    let forged = mint(&mut stranger, team.id(), &body, station.now());
    let (head, _) = genuine.rsplit_once('.').unwrap();
    let (_, sig) = forged.rsplit_once('.').unwrap();
    let forged = format!("{head}.{sig}");
    assert_eq!(token::issuer(&forged).unwrap(), amy.keys.device_id());
    assert!(station.relay.sync(&forged, &body).is_err());
    assert_eq!(calls_noted(&station), 0);
    for _ in 0..2 {
        calls(&station, &team, &mut amy, &[]);
        assert_eq!(calls_noted(&station), 1, "once a day");
    }
}
