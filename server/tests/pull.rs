//! What a device is served, from where, and what it is told when the log is not the one it knows.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use std::collections::BTreeSet;

use common::*;
use sync_core::ids::Chain;
use sync_core::protocol::{Cursor, SpaceItem, SpaceOwner, SyncRequest, SyncResponse, Verdict};
use sync_core::records::{Role, SpaceKind};

struct Pair {
    station: Station,
    team: Team,
    amy: Hand,
    bo: Hand,
}

fn pair(seed: u64) -> Pair {
    let (station, mut team) = (Station::new(), Team::new(seed));
    let (amy, bo) = (Hand::new(seed + 100), Hand::new(seed + 200));
    team.enter(&amy, &[Role::PeerSupporter]);
    team.enter(&bo, &[Role::FacilitatorMhp]);
    station.found(&mut team);
    Pair { station, team, amy, bo }
}

impl Pair {
    fn incidents(&mut self, count: usize) {
        for _ in 0..count {
            let doc = self.amy.doc();
            let envelope = self.team.incident(&mut self.amy, doc, "north");
            let results = self.station.push(&self.team, &mut self.amy, &[envelope]);
            assert_eq!(results[0].verdict, Verdict::Stored);
        }
    }
}

/// One exchange with nothing to push and the cursors told by digest only.
fn idle(p: &mut Pair) -> SyncResponse {
    let request = p.team.request(&p.bo);
    p.station.send(&mut p.bo, &request).unwrap()
}

fn kinds(response: &SyncResponse, space: sync_core::ids::SpaceId) -> Vec<&'static str> {
    let served = response.spaces.iter().find(|s| s.space == space);
    served.map_or(Vec::new(), |served| {
        let name = |item: &SpaceItem| match item {
            SpaceItem::Envelope { .. } => "envelope",
            SpaceItem::Own { .. } => "own",
            SpaceItem::Stub { .. } => "stub",
        };
        served.items.iter().map(name).collect()
    })
}

#[test]
fn others_get_the_envelope_its_author_gets_the_id_and_the_directory_comes_first() {
    let mut p = pair(1);
    p.incidents(1);
    let space = p.team.operations();
    let response = p.station.pull(&p.team, &mut p.bo);
    assert_eq!(response.spaces[0].space, p.team.directory.space());
    assert_eq!(response.spaces[0].items.len() as u64, p.team.directory.len());
    assert_eq!(kinds(&response, space), ["envelope"]);
    let served = response.spaces.iter().find(|s| s.space == space).unwrap();
    let SpaceItem::Envelope { packed, directory_seq, .. } = &served.items[0] else { panic!() };
    assert_eq!(*directory_seq, p.team.directory.len());
    let envelope = response.batch.unpack(packed).unwrap();
    assert_eq!(envelope.header.device, p.amy.keys.device_id());

    p.amy.cursors.clear();
    let own = p.station.pull(&p.team, &mut p.amy);
    assert_eq!(kinds(&own, space), ["own"]);
}

#[test]
fn a_quarantined_position_is_served_as_a_stub_to_everyone() {
    let mut p = pair(2);
    let mut eli = Hand::new(22);
    p.team.enter(&eli, &[Role::Responder]);
    p.station.bring(&mut p.team);
    let doc = eli.doc();
    let bad = p.team.incident(&mut eli, doc, "north");
    assert_eq!(
        p.station.push(&p.team, &mut eli, std::slice::from_ref(&bad))[0].verdict,
        Verdict::Quarantined
    );
    p.incidents(1);
    let response = p.station.pull(&p.team, &mut p.bo);
    let space = p.team.operations();
    assert_eq!(kinds(&response, space), ["stub", "envelope"]);
    let served = response.spaces.iter().find(|s| s.space == space).unwrap();
    let SpaceItem::Stub { id, device, device_seq, code, .. } = &served.items[0] else { panic!() };
    assert_eq!((*id, *device), (bad.id(), eli.keys.device_id()));
    assert_eq!((*device_seq, code.as_str()), (1, "not_allowed"));
}

#[test]
fn a_digest_is_enough_once_the_relay_knows_the_cursors_and_an_unknown_one_is_asked_about() {
    let mut p = pair(3);
    p.incidents(2);
    p.station.pull(&p.team, &mut p.bo);
    let nothing = idle(&mut p);
    assert!(!nothing.need_cursors && nothing.spaces.is_empty());

    p.incidents(1);
    let news = idle(&mut p);
    assert_eq!(kinds(&news, p.team.operations()), ["envelope"]);
    // The answer is lost: the phone still stands where it stood, and the relay still knows it.
    let again = idle(&mut p);
    assert_eq!(kinds(&again, p.team.operations()), ["envelope"]);

    let odd = SyncRequest { digest: [9; 16].into(), ..p.team.request(&p.bo) };
    let asked = p.station.send(&mut p.bo, &odd).unwrap();
    assert!(asked.need_cursors && asked.spaces.is_empty());
}

#[test]
fn pushes_are_taken_although_the_cursors_are_unknown() {
    let mut p = pair(4);
    let doc = p.amy.doc();
    let envelope = p.team.incident(&mut p.amy, doc, "north");
    let mut request = p.team.pushing(&p.amy, &[envelope]);
    (request.cursors, request.digest) = (None, [9; 16].into());
    let response = p.station.send(&mut p.amy, &request).unwrap();
    assert!(response.need_cursors);
    assert_eq!(response.results[0].verdict, Verdict::Stored);
}

#[test]
fn a_restart_keeps_the_cursors() {
    let mut p = pair(5);
    p.incidents(1);
    p.station.pull(&p.team, &mut p.bo);
    p.station.restart();
    let nothing = idle(&mut p);
    assert!(!nothing.need_cursors && nothing.spaces.is_empty());
}

#[test]
fn a_log_that_does_not_continue_the_cursor_is_reset_and_not_served() {
    let mut p = pair(6);
    p.incidents(2);
    p.station.pull(&p.team, &mut p.bo);
    p.incidents(1);
    let space = p.team.operations();
    let good = p.bo.cursors[&space];
    let bent = Cursor { chain: Chain::new([1; 32]), ..good };
    let beyond = Cursor { seq: good.seq + 10, ..good };
    for cursor in [bent, beyond] {
        let mut request = p.team.pushing(&p.bo, &[]);
        let list = request.cursors.as_mut().unwrap();
        for held in list.0.iter_mut().filter(|held| held.space == space) {
            *held = cursor;
        }
        let response = p.station.send(&mut p.bo, &request).unwrap();
        assert_eq!(response.reset.len(), 1);
        assert_eq!(
            (response.reset[0].space, response.reset[0].why.as_str()),
            (space, "relay_changed")
        );
        assert!(kinds(&response, space).is_empty());
    }
    let mut request = p.team.pushing(&p.bo, &[]);
    request.high = vec![beyond];
    let response = p.station.send(&mut p.bo, &request).unwrap();
    assert_eq!(response.reset.len(), 1, "an acknowledged position that is gone shows too");
    request.high = vec![good];
    let response = p.station.send(&mut p.bo, &request).unwrap();
    assert_eq!((response.reset.len(), kinds(&response, space).len()), (0, 1));
}

#[test]
fn a_relay_that_lost_everything_says_so_for_every_space() {
    let mut p = pair(7);
    p.incidents(1);
    p.station.pull(&p.team, &mut p.bo);
    let wiped = Station::new();
    wiped.found(&mut p.team);
    let request = p.team.pushing(&p.bo, &[]);
    let response = wiped.send(&mut p.bo, &request).unwrap();
    let reset: Vec<_> = response.reset.iter().map(|r| r.space).collect();
    assert!(reset.contains(&p.team.operations()), "{reset:?}");
    assert!(response.gone.is_empty());
}

#[test]
fn a_page_ends_at_its_bytes_says_more_and_goes_on_where_it_ended() {
    let mut p = pair(8);
    p.incidents(6);
    let mut seen = BTreeSet::new();
    for _ in 0..30 {
        let request = SyncRequest { max_bytes: 600, ..p.team.pushing(&p.bo, &[]) };
        let response = p.station.send(&mut p.bo, &request).unwrap();
        let bytes: usize = response.spaces.iter().flat_map(|s| &s.items).count();
        assert!(bytes <= 4, "one page");
        for served in &response.spaces {
            let from = p.bo.cursors.get(&served.space).map_or(0, |c| c.seq);
            assert_eq!(served.seq, from + served.items.len() as u64, "without a gap");
        }
        for item in response.spaces.iter().flat_map(|s| &s.items) {
            if let SpaceItem::Envelope { packed, .. } = item {
                assert!(seen.insert(response.batch.unpack(packed).unwrap().id()));
            }
        }
        let more = response.spaces.iter().any(|s| s.more);
        p.bo.apply(&response);
        if !more {
            assert_eq!(seen.len() as u64, 6 + p.team.directory.len());
            return;
        }
    }
    panic!("the pages do not end");
}

#[test]
fn a_sealed_space_is_served_to_its_readers_only_and_gone_to_whoever_may_not_read() {
    let mut p = pair(9);
    let (owner, own) = (SpaceOwner::Member(p.amy.member), [p.amy.member]);
    let care = p.team.sealed_space(&mut p.amy, SpaceKind::Care, owner, &own);
    let space = care.header.space;
    let doc = p.amy.doc();
    let detail = p.team.sealed(&mut p.amy, space, CONTACT_DETAIL, doc);
    p.station.push(&p.team, &mut p.amy, &[care, detail]);
    assert_eq!(p.amy.cursors[&space].seq, 2);
    let chain = p.amy.cursors[&space].chain;
    let response = p.station.pull(&p.team, &mut p.bo);
    assert!(kinds(&response, space).is_empty());
    p.bo.cursors.insert(space, Cursor { space, seq: 2, chain });
    let response = p.station.pull(&p.team, &mut p.bo);
    assert_eq!(response.gone, [space]);
    assert!(kinds(&response, space).is_empty());
}

#[test]
fn open_spaces_follow_the_policy_table() {
    let mut p = pair(10);
    let mut eli = Hand::new(1010);
    p.team.enter(&eli, &[Role::Responder]);
    p.station.bring(&mut p.team);
    p.incidents(1);
    let fields = [
        ("kind", sync_core::records::Scalar::Str("call".into())),
        ("due_day", sync_core::records::Scalar::Int(20_514)),
        ("assignee", sync_core::records::Scalar::Str(p.amy.member.to_string())),
    ];
    let caseload = p.team.space(SpaceKind::Caseload, Some(p.amy.member));
    let doc = p.amy.doc();
    let task = p.team.change(&mut p.amy, caseload, TASK, doc, None, &fields);
    p.station.push(&p.team, &mut p.amy, &[task]);
    let spaces = |hand: &mut Hand| -> BTreeSet<_> {
        hand.cursors.clear();
        p.station.pull(&p.team, hand).spaces.into_iter().map(|s| s.space).collect()
    };
    let (directory, operations) = (p.team.directory.space(), p.team.operations());
    assert_eq!(spaces(&mut eli), BTreeSet::from([directory]));
    assert_eq!(spaces(&mut p.bo), BTreeSet::from([directory, operations]));
    assert_eq!(spaces(&mut p.amy), BTreeSet::from([directory, operations, caseload]));
}

#[test]
fn a_damaged_row_keeps_the_rest_of_its_log_from_nobody() {
    let mut p = pair(11);
    p.incidents(3);
    let database = rusqlite::Connection::open(p.station.folder.join("relay.db")).unwrap();
    let space = p.team.operations();
    let damage = |seq: i64, change: fn(&mut Vec<u8>)| {
        let key = rusqlite::params![space.as_bytes(), seq];
        let select = "SELECT envelope FROM items WHERE space = ?1 AND seq = ?2";
        let mut bytes: Vec<u8> = database.query_row(select, key, |row| row.get(0)).unwrap();
        change(&mut bytes);
        let update = "UPDATE items SET envelope = ?3 WHERE space = ?1 AND seq = ?2";
        database.execute(update, rusqlite::params![space.as_bytes(), seq, bytes]).unwrap();
    };
    // The signature, which the receiver checks; the body; the length.
    damage(1, |bytes| bytes[sync_core::protocol::HEADER_LEN] ^= 1);
    damage(2, |bytes| *bytes.last_mut().unwrap() ^= 1);
    damage(3, |bytes| bytes.truncate(20));
    let response = p.station.pull(&p.team, &mut p.bo);
    assert_eq!(kinds(&response, space), ["envelope", "stub", "stub"]);
    let served = response.spaces.iter().find(|s| s.space == space).unwrap();
    let SpaceItem::Envelope { packed, .. } = &served.items[0] else { panic!() };
    let changed = response.batch.unpack(packed).unwrap();
    let key = p.amy.keys.verify_key();
    assert!(!sync_core::crypto::verify_envelope(&key, &changed), "the receiver notices");
    for item in &served.items[1..] {
        let SpaceItem::Stub { code, .. } = item else { panic!() };
        assert_eq!(code, "relay_changed");
    }
}
