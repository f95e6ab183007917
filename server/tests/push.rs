//! What becomes of every kind of pushed envelope, verdict by verdict.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

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

#[test]
fn an_open_record_is_stored_with_its_position_and_chain_and_a_second_push_is_a_duplicate() {
    let (station, team, mut amy) = staffed(1);
    let doc = amy.doc();
    let envelope = team.incident(&mut amy, doc, "north");
    let results = station.push(&team, &mut amy, std::slice::from_ref(&envelope));
    let day = station.now().day();
    let chain = next_chain(NO_CHAIN, envelope.id(), team.directory.len(), day);
    assert_eq!((results[0].verdict, results[0].seq, results[0].chain), (Verdict::Stored, 1, chain));
    let again = station.push(&team, &mut amy, &[envelope]);
    assert_eq!((again[0].verdict, again[0].seq, again[0].chain), (Verdict::Duplicate, 1, chain));
    assert_eq!(station.count("records"), 1);
}

#[test]
fn the_same_envelope_twice_in_one_request_is_stored_once() {
    let (station, team, mut amy) = staffed(2);
    let doc = amy.doc();
    let envelope = team.incident(&mut amy, doc, "north");
    let results = station.push(&team, &mut amy, &[envelope.clone(), envelope]);
    let verdicts: Vec<_> = results.iter().map(|r| r.verdict).collect();
    assert_eq!(verdicts, [Verdict::Stored, Verdict::Duplicate]);
}

#[test]
fn edits_of_one_document_in_one_request_all_count_and_a_later_one_waits_for_a_missing_one() {
    let (station, team, mut amy) = staffed(3);
    let (space, doc) = (team.operations(), amy.doc());
    let made = team.incident(&mut amy, doc, "north");
    let saved = merged(None, &[&made]);
    let mut edit = |base: &[u8], severity| {
        let fields = [("severity", Scalar::Int(severity))];
        team.change(&mut amy, space, INCIDENT, doc, Some(base), &fields)
    };
    let first = edit(&saved, 2);
    let saved = merged(Some(&saved), &[&first]);
    let second = edit(&saved, 3);
    let gap = station.push(&team, &mut amy, &[made.clone(), second.clone()]);
    assert_eq!((gap[1].verdict, gap[1].code.as_str()), (Verdict::Waiting, "waiting"));
    let results = station.push(&team, &mut amy, &[made, first, second]);
    let verdicts: Vec<_> = results.iter().map(|r| (r.verdict, r.seq)).collect();
    let expected = [(Verdict::Duplicate, 1), (Verdict::Stored, 2), (Verdict::Stored, 3)];
    assert_eq!(verdicts, expected);
}

#[test]
fn a_run_of_edits_in_one_request_is_stored_in_order() {
    let (station, team, mut amy) = staffed(4);
    let (space, doc) = (team.operations(), amy.doc());
    let mut envelopes = vec![team.incident(&mut amy, doc, "north")];
    for severity in 1..=5 {
        let saved = merged(None, &envelopes.iter().collect::<Vec<_>>());
        let fields = [("severity", Scalar::Int(severity))];
        envelopes.push(team.change(&mut amy, space, INCIDENT, doc, Some(&saved), &fields));
    }
    let results = station.push(&team, &mut amy, &envelopes);
    assert!(results.iter().zip(1..).all(|(r, n)| (r.verdict, r.seq) == (Verdict::Stored, n)));
    let again = station.push(&team, &mut amy, &envelopes);
    assert!(again.iter().all(|r| r.verdict == Verdict::Duplicate));
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

#[test]
fn edits_of_two_documents_made_in_turn_keep_their_order_in_the_log() {
    let (station, team, mut amy) = staffed(27);
    let envelopes = interleaved(&team, &mut amy);
    let results = station.push(&team, &mut amy, &envelopes);
    assert!(results.iter().zip(&envelopes).all(|(r, e)| r.id == e.id()));
    assert!(results.iter().zip(1..).all(|(r, n)| (r.verdict, r.seq) == (Verdict::Stored, n)));
    assert_eq!((station.count("documents"), station.count("records")), (2, 2));
    let again = station.push(&team, &mut amy, &envelopes);
    assert!(again.iter().all(|r| r.verdict == Verdict::Duplicate));
}

#[test]
fn one_bad_edit_among_others_is_set_aside_alone_at_its_place() {
    let (station, team, mut amy) = staffed(28);
    let (space, doc) = (team.operations(), amy.doc());
    let mut envelopes = interleaved(&team, &mut amy);
    let fields = [("narrative", Scalar::Str("he said that".into()))];
    envelopes.insert(5, team.change(&mut amy, space, INCIDENT, doc, None, &fields));
    let same_doc = envelopes[0].header.doc;
    let bad = team.change(&mut amy, space, INCIDENT, same_doc, None, &fields);
    envelopes.insert(7, bad);
    let results = station.push(&team, &mut amy, &envelopes);
    for (at, result) in results.iter().enumerate() {
        let bad = at == 5 || at == 7;
        let expected = if bad { Verdict::Quarantined } else { Verdict::Stored };
        assert_eq!((result.verdict, result.seq), (expected, at as u64 + 1), "{at}");
    }
    assert_eq!(station.count("documents"), 2);
}

#[test]
fn a_number_given_twice_within_one_request_is_taken_once() {
    let (station, team, mut amy) = staffed(29);
    let mut envelopes = interleaved(&team, &mut amy);
    let first = &envelopes[0].header;
    let twice = Header { device_seq: envelopes[2].header.device_seq, ..*first };
    let body = envelopes[0].body.clone();
    let twice = Header { doc: amy.doc(), ..twice };
    envelopes.push(amy.keys.sign_envelope(twice, body));
    let results = station.push(&team, &mut amy, &envelopes);
    let (last, others) = results.split_last().unwrap();
    assert!(others.iter().all(|r| r.verdict == Verdict::Stored));
    assert_eq!((last.verdict, last.code.as_str()), (Verdict::RefusedFinal, "device_cloned"));
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

#[test]
fn a_change_whose_ancestor_another_device_has_not_pushed_waits() {
    let (station, mut team, mut amy) = staffed(5);
    let mut bo = Hand::new(55);
    team.enter(&bo, &[Role::Coordinator]);
    station.bring(&mut team);
    let (space, doc) = (team.operations(), amy.doc());
    let made = team.incident(&mut amy, doc, "north");
    let saved = merged(None, &[&made]);
    let fields = [("severity", Scalar::Int(4))];
    let edit = team.change(&mut bo, space, INCIDENT, doc, Some(&saved), &fields);
    let early = station.push(&team, &mut bo, std::slice::from_ref(&edit));
    assert_eq!((early[0].verdict, early[0].code.as_str()), (Verdict::Waiting, "waiting"));
    station.push(&team, &mut amy, &[made]);
    let later = station.push(&team, &mut bo, &[edit]);
    assert_eq!(later[0].verdict, Verdict::Stored);
}

#[test]
fn a_role_without_the_right_is_quarantined_at_a_position_and_consumes_its_count() {
    let (station, mut team, _) = staffed(6);
    let mut eli = Hand::new(66);
    team.enter(&eli, &[Role::Responder]);
    station.bring(&mut team);
    let doc = eli.doc();
    let first = team.incident(&mut eli, doc, "north");
    let results = station.push(&team, &mut eli, std::slice::from_ref(&first));
    assert_eq!((results[0].verdict, results[0].seq), (Verdict::Quarantined, 1));
    assert_eq!(code(&results), Some(Code::NotAllowed));
    let again = station.push(&team, &mut eli, &[first]);
    assert_eq!((again[0].verdict, again[0].code.as_str()), (Verdict::Quarantined, "not_allowed"));
    let second = team.incident(&mut eli, doc, "south");
    let results = station.push(&team, &mut eli, &[second]);
    assert_eq!((results[0].verdict, results[0].seq), (Verdict::Quarantined, 2));
    assert_eq!(station.count("records"), 0);
}

#[test]
fn a_note_that_the_policy_forbids_is_quarantined_although_the_relay_cannot_read_it() {
    let profile = PolicyProfile { contact_notes_mode: NotesMode::None, ..PolicyProfile::neutral() };
    let (station, mut team, mut amy) =
        (Station::new(), Team::with_profile(7, profile), Hand::new(70));
    team.enter(&amy, &[Role::PeerSupporter]);
    station.found(&mut team);
    let own = [amy.member];
    let care = team.sealed_space(&mut amy, SpaceKind::Care, SpaceOwner::Member(own[0]), &own);
    let (space, doc) = (care.header.space, amy.doc());
    let note = team.sealed(&mut amy, space, CONTACT_NOTE, doc);
    let results = station.push(&team, &mut amy, &[care, note]);
    assert_eq!(results[0].verdict, Verdict::Stored);
    assert_eq!(results[1].verdict, Verdict::Quarantined);
    assert_eq!(results[1].code, Code::PolicyNoNotes.as_str());
    let detail = team.sealed(&mut amy, space, CONTACT_DETAIL, doc);
    let allowed = station.push(&team, &mut amy, &[detail]);
    assert_eq!(allowed[0].verdict, Verdict::Stored);
}

#[test]
fn a_field_that_the_record_does_not_have_is_quarantined_and_the_record_stays_whole() {
    let (station, team, mut amy) = staffed(8);
    let (space, doc) = (team.operations(), amy.doc());
    let fields = [("narrative", Scalar::Str("he said that".into()))];
    let bad = team.change(&mut amy, space, INCIDENT, doc, None, &fields);
    let results = station.push(&team, &mut amy, &[bad]);
    assert_eq!(results[0].verdict, Verdict::Quarantined);
    assert_eq!(code(&results), Some(Code::SchemaViolation));
    assert_eq!(station.count("documents"), 0);
}

#[test]
fn bytes_that_are_no_automerge_change_are_quarantined() {
    let (station, team, mut amy) = staffed(9);
    let header = Header {
        space: team.operations(),
        doc: amy.doc(),
        record: INCIDENT,
        schema: 1,
        ..bare(Kind::Change, Priority::Open)
    };
    let bad = team.envelope(&mut amy, header, vec![0x85, 0x6f, 0x4a, 0x83, 1, 2, 3]);
    let results = station.push(&team, &mut amy, &[bad]);
    assert_eq!(results[0].verdict, Verdict::Quarantined);
}

#[test]
fn a_flipped_signature_is_refused_for_good_and_kept_apart() {
    let (station, team, mut amy) = staffed(10);
    let doc = amy.doc();
    let mut envelope = team.incident(&mut amy, doc, "north");
    envelope.sig[5] ^= 1;
    let results = station.push(&team, &mut amy, std::slice::from_ref(&envelope));
    assert_eq!(results[0].verdict, Verdict::RefusedFinal);
    assert_eq!(code(&results), Some(Code::BadSignature));
    assert_eq!((station.count("quarantine"), results[0].seq), (1, 0));
    station.push(&team, &mut amy, &[envelope]);
    assert_eq!(station.count("quarantine"), 1, "kept once");
}

#[test]
fn an_unreadable_envelope_is_refused_under_the_id_its_author_knows() {
    let (station, team, mut amy) = staffed(11);
    let doc = amy.doc();
    let whole = team.incident(&mut amy, doc, "north");
    let mut long = team.incident(&mut amy, doc, "north");
    long.body = vec![0; limits::MAX_BODY + 1];
    long.header.set_body(&long.body);
    let results = station.push(&team, &mut amy, &[long.clone(), whole]);
    assert_eq!(results[0].id, long.id());
    assert_eq!(
        (results[0].verdict, results[0].code.as_str()),
        (Verdict::RefusedFinal, "malformed")
    );
    assert_eq!(results[1].verdict, Verdict::Stored, "the rest of the request is not harmed");
    let mut request = team.pushing(&amy, &[]);
    (_, request.push) = packed(&[long]);
    let lost = station.send(&mut amy, &request).unwrap();
    assert_eq!(lost.results[0].verdict, Verdict::RefusedFinal);
}

#[test]
fn another_devices_envelope_is_not_carried_yet() {
    let (station, mut team, mut amy) = staffed(12);
    let mut bo = Hand::new(120);
    team.enter(&bo, &[Role::Coordinator]);
    station.bring(&mut team);
    let doc = amy.doc();
    let envelope = team.incident(&mut amy, doc, "north");
    let results = station.push(&team, &mut bo, &[envelope]);
    assert_eq!(results[0].verdict, Verdict::RefusedFinal);
    assert_eq!(code(&results), Some(Code::NotAllowed));
}

#[test]
fn one_count_used_for_two_envelopes_shows_a_cloned_device() {
    let (station, team, mut amy) = staffed(13);
    let doc = amy.doc();
    let first = team.incident(&mut amy, doc, "north");
    amy.seqs.clear();
    let other = team.incident(&mut amy, doc, "south");
    station.push(&team, &mut amy, &[first]);
    let results = station.push(&team, &mut amy, &[other]);
    assert_eq!(results[0].verdict, Verdict::RefusedFinal);
    assert_eq!(code(&results), Some(Code::DeviceCloned));
}

#[test]
fn an_unknown_space_makes_its_envelope_wait_and_another_teams_space_is_as_unknown() {
    let (station, team, mut amy) = staffed(14);
    let mut others = Team::new(140);
    station.found(&mut others);
    let foreign = others.incident_space(&station);
    for space in [SpaceId::new([9; 16]), foreign] {
        let doc = amy.doc();
        let envelope = team.sealed(&mut amy, space, CONTACT_DETAIL, doc);
        let results = station.push(&team, &mut amy, &[envelope]);
        assert_eq!(results[0].verdict, Verdict::Waiting);
        assert_eq!(code(&results), Some(Code::WrongSpace));
    }
}

impl Team {
    /// The operations space of this team, with something in it.
    fn incident_space(&mut self, station: &Station) -> SpaceId {
        let mut admin = std::mem::replace(&mut self.admin, Hand::new(0));
        let doc = admin.doc();
        let envelope = self.incident(&mut admin, doc, "elsewhere");
        assert_eq!(station.push(self, &mut admin, &[envelope])[0].verdict, Verdict::Stored);
        self.admin = admin;
        self.operations()
    }
}

#[test]
fn a_coordinator_writes_a_task_into_anothers_caseload_and_a_peer_does_not() {
    let (station, mut team, amy) = staffed(15);
    let (mut bo, mut cy) = (Hand::new(150), Hand::new(151));
    team.enter(&bo, &[Role::Coordinator]);
    team.enter(&cy, &[Role::PeerSupporter]);
    station.bring(&mut team);
    let caseload = team.space(SpaceKind::Caseload, Some(amy.member));
    let fields = [
        ("kind", Scalar::Str("call".into())),
        ("due_day", Scalar::Int(20_514)),
        ("assignee", Scalar::Str(amy.member.to_string())),
    ];
    let task = |hand: &mut Hand| {
        let doc = hand.doc();
        let envelope = team.change(hand, caseload, TASK, doc, None, &fields);
        station.push(&team, hand, &[envelope])[0].verdict
    };
    assert_eq!(task(&mut bo), Verdict::Stored);
    assert_eq!(task(&mut cy), Verdict::Quarantined);
}

#[test]
fn the_first_space_of_a_kind_wins_where_there_is_one_a_team_or_member() {
    let (station, mut team, mut amy) = staffed(16);
    let own = [amy.member];
    let owner = SpaceOwner::Member(amy.member);
    let first = team.sealed_space(&mut amy, SpaceKind::Care, owner, &own);
    let second = team.sealed_space(&mut amy, SpaceKind::Care, owner, &own);
    let results = station.push(&team, &mut amy, &[first, second]);
    assert_eq!(results[0].verdict, Verdict::Stored);
    assert_eq!(results[1].verdict, Verdict::RefusedFinal);
    assert_eq!(results[1].code, Code::SpaceExists.as_str());
    let doc = SpaceOwner::Doc(amy.doc());
    for _ in 0..2 {
        let session = team.sealed_space(&mut amy, SpaceKind::Session, doc, &own);
        assert_eq!(station.push(&team, &mut amy, &[session])[0].verdict, Verdict::Stored);
    }
    let mut admin = std::mem::replace(&mut team.admin, Hand::new(0));
    let (readers, team_owned) = ([admin.member], SpaceOwner::Team);
    for expected in [Verdict::Stored, Verdict::RefusedFinal] {
        let names = team.sealed_space(&mut admin, SpaceKind::Team, team_owned, &readers);
        assert_eq!(station.push(&team, &mut admin, &[names])[0].verdict, expected);
    }
}

#[test]
fn a_space_for_someone_else_or_with_a_stranger_as_reader_is_refused() {
    let (station, team, mut amy) = staffed(17);
    let (admin, stranger) = (team.admin.member, MemberId::new([8; 16]));
    let foreign = team.sealed_space(&mut amy, SpaceKind::Care, SpaceOwner::Member(admin), &[admin]);
    let results = station.push(&team, &mut amy, &[foreign]);
    assert_eq!(
        (results[0].verdict, code(&results)),
        (Verdict::RefusedFinal, Some(Code::NotAllowed))
    );
    let doc = SpaceOwner::Doc(amy.doc());
    let member = amy.member;
    let open = team.sealed_space(&mut amy, SpaceKind::Session, doc, &[member, stranger]);
    let results = station.push(&team, &mut amy, &[open]);
    assert_eq!(
        (results[0].verdict, code(&results)),
        (Verdict::RefusedFinal, Some(Code::NoSuchMember))
    );
    assert_eq!(station.count("readers"), 0);
}

#[test]
fn only_a_present_reader_lets_another_in_and_only_a_member() {
    let (station, mut team, mut amy) = staffed(18);
    let mut bo = Hand::new(180);
    team.enter(&bo, &[Role::FacilitatorMhp]);
    station.bring(&mut team);
    let (doc, own) = (SpaceOwner::Doc(amy.doc()), [amy.member]);
    let made = team.sealed_space(&mut amy, SpaceKind::Session, doc, &own);
    let space = made.header.space;
    station.push(&team, &mut amy, &[made]);
    let let_in = |team: &Team, hand: &mut Hand, member| {
        let header = Header { space, ..bare(Kind::Reader, Priority::Structure) };
        let body = to_cbor(&ReaderBody { member, with_past: true });
        let envelope = team.envelope(hand, header, body);
        station.push(team, hand, &[envelope])[0].clone()
    };
    let bo_member = bo.member;
    let alone = let_in(&team, &mut bo, bo_member);
    assert_eq!((alone.verdict, alone.code.as_str()), (Verdict::Quarantined, "not_allowed"));
    let stranger = let_in(&team, &mut amy, MemberId::new([8; 16]));
    assert_eq!(
        (stranger.verdict, stranger.code.as_str()),
        (Verdict::Quarantined, "no_such_member")
    );
    assert_eq!(let_in(&team, &mut amy, bo_member).verdict, Verdict::Stored);
    assert_eq!(station.count("readers"), 2);
}

#[test]
fn a_device_that_fills_a_sealed_document_is_stopped_at_the_limit() {
    let (station, team, mut amy) = staffed(19);
    let own = [amy.member];
    let care = team.sealed_space(&mut amy, SpaceKind::Care, SpaceOwner::Member(own[0]), &own);
    let (space, doc) = (care.header.space, amy.doc());
    let mut envelopes = vec![care];
    for _ in 0..=limits::MAX_CHANGES_PER_DEVICE {
        envelopes.push(team.sealed(&mut amy, space, CONTACT_DETAIL, doc));
    }
    let results = station.push(&team, &mut amy, &envelopes);
    let (last, rest) = results.split_last().unwrap();
    assert!(rest.iter().all(|r| r.verdict == Verdict::Stored));
    assert_eq!((last.verdict, last.code.as_str()), (Verdict::Quarantined, "document_full"));
}

#[test]
fn a_document_keeps_the_kind_it_began_with() {
    let (station, team, mut amy) = staffed(20);
    let doc = amy.doc();
    let made = team.incident(&mut amy, doc, "north");
    let fields = [("kind", Scalar::Str("defusing".into()))];
    let other = team.change(&mut amy, team.operations(), INTERVENTION, doc, None, &fields);
    let results = station.push(&team, &mut amy, &[made, other]);
    assert_eq!(results[1].verdict, Verdict::Quarantined);
    assert_eq!(results[1].code, Code::SchemaViolation.as_str());
}

#[test]
fn a_directory_entry_is_taken_from_an_admins_device_only_and_only_on_top() {
    let (station, mut team, mut amy) = staffed(21);
    let op = |n: u8| Op::Member {
        member: MemberId::new([n; 16]),
        roles: vec![Role::Responder],
        admin: n == 9,
        unit: None,
        supervises: Vec::new(),
    };
    let forged = team.entry(&amy, &op(9));
    let results = station.push(&team, &mut amy, &[forged]);
    assert_eq!(results[0].verdict, Verdict::RefusedFinal);
    assert_eq!(code(&results), Some(Code::DirectoryForged));
    assert_eq!(station.count("quarantine"), 1);

    let (one, two) = (team.entry(&team.admin, &op(1)), team.entry(&team.admin, &op(2)));
    let numbered = Header { device_seq: two.header.device_seq + 1, ..two.header };
    let two = team.admin.keys.sign_envelope(numbered, two.body);
    let mut admin = std::mem::replace(&mut team.admin, Hand::new(0));
    let results = station.push(&team, &mut admin, &[one.clone(), two]);
    assert_eq!((results[0].verdict, results[0].seq), (Verdict::Stored, team.directory.len() + 1));
    assert_eq!(results[1].verdict, Verdict::RefusedRetry, "the head has moved on");
    assert_eq!(results[1].code, Code::DirectoryBehind.as_str());
    team.directory.append(&one).unwrap();

    // An author who has seen more of the directory than the relay tries again later.
    let doc = amy.doc();
    let ahead =
        Header { directory_seq: team.directory.len() + 1, ..bare(Kind::Change, Priority::Open) };
    let header = Header { space: team.operations(), doc, record: INCIDENT, schema: 1, ..ahead };
    let header = Header { device: amy.keys.device_id(), device_seq: 1, ..header };
    let envelope = amy.keys.sign_envelope(header, vec![1]);
    let results = station.push(&team, &mut amy, &[envelope]);
    assert_eq!(results[0].verdict, Verdict::RefusedRetry);
    // One who has seen another one shows a fork.
    let header = Header {
        directory_seq: team.directory.len(),
        directory_hash: sync_core::ids::EnvelopeId::new([5; 32]),
        ..header
    };
    let envelope = amy.keys.sign_envelope(header, vec![1]);
    let results = station.push(&team, &mut amy, &[envelope]);
    assert_eq!(code(&results), Some(Code::DirectoryFork));
}

#[test]
fn nothing_but_entries_enters_the_directorys_log() {
    let (station, mut team, _) = staffed(22);
    let mut admin = std::mem::replace(&mut team.admin, Hand::new(0));
    let header = Header {
        space: team.directory.space(),
        doc: DocId::new([1; 16]),
        record: STAFF,
        schema: 1,
        ..bare(Kind::Change, Priority::Open)
    };
    admin.seqs.insert(header.space, 100);
    let envelope = team.envelope(&mut admin, header, vec![1]);
    let results = station.push(&team, &mut admin, &[envelope]);
    assert_eq!(
        (results[0].verdict, code(&results)),
        (Verdict::RefusedFinal, Some(Code::WrongSpace))
    );
}

#[test]
fn numbers_may_come_in_any_order_but_none_twice() {
    let (station, team, mut amy) = staffed(24);
    let mut envelopes = Vec::new();
    for area in ["north", "south", "west"] {
        let doc = amy.doc();
        envelopes.push(team.incident(&mut amy, doc, area));
    }
    envelopes.reverse();
    let results = station.push(&team, &mut amy, &envelopes);
    assert!(results.iter().all(|r| r.verdict == Verdict::Stored));
    amy.seqs.insert(team.operations(), 1);
    let doc = amy.doc();
    let second = team.incident(&mut amy, doc, "east");
    let results = station.push(&team, &mut amy, &[second]);
    assert_eq!(code(&results), Some(Code::DeviceCloned));
    let zero = Header { device_seq: 0, ..envelopes[0].header };
    let zero = amy.keys.sign_envelope(zero, envelopes[0].body.clone());
    assert_eq!(code(&station.push(&team, &mut amy, &[zero])), Some(Code::Malformed));
}

#[test]
fn a_restart_keeps_everything_that_was_acknowledged() {
    let (mut station, team, mut amy) = staffed(23);
    let doc = amy.doc();
    let made = team.incident(&mut amy, doc, "north");
    let (relay, before) =
        (station.relay.id(), station.push(&team, &mut amy, std::slice::from_ref(&made)));
    station.restart();
    assert_eq!(station.relay.id(), relay);
    let after = station.push(&team, &mut amy, std::slice::from_ref(&made));
    assert_eq!((after[0].seq, after[0].chain), (before[0].seq, before[0].chain));
    let saved = merged(None, &[&made]);
    let fields = [("severity", Scalar::Int(5))];
    let edit = team.change(&mut amy, team.operations(), INCIDENT, doc, Some(&saved), &fields);
    assert_eq!(station.push(&team, &mut amy, &[edit])[0].verdict, Verdict::Stored);
}
