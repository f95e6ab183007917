//! What becomes of every kind of pushed envelope, verdict by verdict.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

#[path = "../common/mod.rs"]
mod common;

mod authors;
mod cosigns;
mod documents;
mod handed_back;
mod removed;
mod spaces;

use common::*;
use sync_core::directory::Op;
use sync_core::ids::{DocId, MemberId, SpaceId};
use sync_core::protocol::{
    Code, Header, Kind, Priority, ReaderBody, SpaceOwner, Verdict, limits, next_chain, to_cbor,
};
use sync_core::records::{NotesMode, PolicyProfile, Role, Scalar, SpaceKind};

fn staffed(seed: u64) -> (Station, Team, Hand) {
    let (station, mut team, amy) = (Station::new(), Team::new(seed), Hand::new(seed + 100));
    team.enter(&amy, &[Role::PeerSupporter]);
    station.found(&mut team);
    (station, team, amy)
}

/// Five edits of each of two incidents, made in turn, after the incidents themselves.
fn interleaved(team: &Team, amy: &mut Hand) -> Vec<sync_core::protocol::Envelope> {
    let (space, docs) = (team.operations(), [amy.doc(), amy.doc()]);
    let mut by_doc = docs.map(|doc| vec![team.incident(amy, doc, "north")]);
    let mut in_turn: Vec<_> = by_doc.iter().flatten().cloned().collect();
    for severity in 1..=5 {
        for (doc, envelopes) in docs.into_iter().zip(&mut by_doc) {
            let saved = merged(None, &envelopes.iter().collect::<Vec<_>>());
            let fields = [("severity", Scalar::Int(severity))];
            let edit = team.change(amy, space, INCIDENT, doc, Some(&saved), &fields);
            envelopes.push(edit.clone());
            in_turn.push(edit);
        }
    }
    in_turn
}

/// An order to erase a document of the operations space.
fn purge(team: &Team, hand: &mut Hand, doc: DocId) -> sync_core::protocol::Envelope {
    let header = Header { space: team.operations(), doc, ..bare(Kind::Purge, Priority::First) };
    let body =
        to_cbor(&sync_core::protocol::PurgeBody { why: sync_core::protocol::PurgeReason::Ordered });
    team.envelope(hand, header, body)
}

/// A number that the relay's database holds.
fn number(station: &Station, query: &str) -> i64 {
    let database = rusqlite::Connection::open(station.folder.join("relay.db")).unwrap();
    database.query_row(query, [], |row| row.get(0)).unwrap()
}

/// What changes make of a document, by the core's own gates.
fn merged(base: Option<&[u8]>, envelopes: &[&sync_core::protocol::Envelope]) -> Vec<u8> {
    let candidates: Vec<_> = envelopes
        .iter()
        .map(|e| sync_core::gates::Candidate { header: &e.header, change: &e.body })
        .collect();
    let doc_type = sync_core::records::DocType::by_number(envelopes[0].header.record).unwrap();
    let admission = sync_core::gates::admit_changes(base, doc_type, &candidates);
    assert!(admission.results.iter().all(Result::is_ok), "{:?}", admission.results);
    admission.document.unwrap().saved
}
