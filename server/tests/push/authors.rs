//! Who wrote it, under which number, with which right.

use super::*;

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
