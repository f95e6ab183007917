//! Changes of documents: merged, counted, set aside alone, kept over a restart.

use super::*;

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
