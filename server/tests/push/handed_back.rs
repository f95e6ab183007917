//! What is handed back as if the relay had had it: damaged rows are put right, and nothing else.

use sync_core::protocol::{Carried, Envelope, Healing, RowData};

use super::*;

/// Pushes an envelope as one that is handed back; verdict and code.
fn hand_back(
    station: &Station,
    team: &Team,
    hand: &mut Hand,
    envelope: &Envelope,
) -> (Verdict, String) {
    let mut request = team.pushing(hand, std::slice::from_ref(envelope));
    let row = RowData { directory_seq: team.directory.len(), row_day: station.now().day() };
    let rows = vec![Carried { index: 0, row }];
    request.healing = Some(Healing { rows, ..Healing::default() });
    let result = station.send(hand, &request).unwrap().results.remove(0);
    (result.verdict, result.code)
}

/// Another incident under the number of the first.
fn again(team: &Team, amy: &mut Hand, first: &Envelope, doc: DocId) -> Envelope {
    amy.seqs.insert(first.header.space, first.header.device_seq - 1);
    team.incident(amy, doc, "erased words")
}

fn damage(station: &Station, doc: DocId) {
    let database = rusqlite::Connection::open(station.folder.join("relay.db")).unwrap();
    let damaged = "UPDATE items SET envelope = x'00' WHERE doc = ?1";
    assert_eq!(database.execute(damaged, [doc.as_bytes()]).unwrap(), 1);
}

const CLONED: (Verdict, &str) = (Verdict::RefusedFinal, "device_cloned");

fn is(said: &(Verdict, String), expected: (Verdict, &str)) -> bool {
    (said.0, said.1.as_str()) == expected
}

#[test]
fn an_erased_row_is_not_filled_again_by_its_author() {
    let (station, team, mut amy) = staffed(40);
    let (doc, other) = (amy.doc(), amy.doc());
    let first = team.incident(&mut amy, doc, "north");
    let order = [first.clone(), purge(&team, &mut amy, doc)];
    let results = station.push(&team, &mut amy, &order);
    assert!(results.iter().all(|r| r.verdict == Verdict::Stored), "{results:?}");
    for (doc, expected) in [(doc, (Verdict::Purged, "purged")), (other, CLONED)] {
        let envelope = again(&team, &mut amy, &first, doc);
        let said = hand_back(&station, &team, &mut amy, &envelope);
        assert!(is(&said, expected), "{said:?}");
    }
    let row = "SELECT count(*) FROM items WHERE code = 'purged' AND length(envelope) = 0";
    assert_eq!(number(&station, row), 1);
}

#[test]
fn a_row_that_was_set_aside_gives_way_to_nobody() {
    let (station, mut team, _) = staffed(41);
    let mut eli = Hand::new(410);
    team.enter(&eli, &[Role::Responder]);
    station.bring(&mut team);
    let doc = eli.doc();
    let first = team.incident(&mut eli, doc, "north");
    station.push(&team, &mut eli, std::slice::from_ref(&first));
    damage(&station, doc);
    let second = again(&team, &mut eli, &first, doc);
    let said = hand_back(&station, &team, &mut eli, &second);
    assert!(is(&said, CLONED), "{said:?}");
    assert_eq!(number(&station, "SELECT count(*) FROM items WHERE code = 'not_allowed'"), 1);
}

#[test]
fn a_damaged_row_gives_way_only_to_what_passes_the_gates() {
    let (station, team, mut amy) = staffed(42);
    let (doc, other) = (amy.doc(), amy.doc());
    let first = team.incident(&mut amy, doc, "north");
    station.push(&team, &mut amy, std::slice::from_ref(&first));
    damage(&station, doc);
    // Not a field of this record; another document; then a change that was never made before.
    amy.seqs.clear();
    let fields = [("narrative", Scalar::Str("he said that".into()))];
    let odd = team.change(&mut amy, team.operations(), INCIDENT, doc, None, &fields);
    let elsewhere = again(&team, &mut amy, &first, other);
    for envelope in [odd, elsewhere] {
        let said = hand_back(&station, &team, &mut amy, &envelope);
        assert!(is(&said, CLONED), "{said:?}");
    }
    // The true one is known by its id.
    let said = hand_back(&station, &team, &mut amy, &first);
    assert_eq!(said.0, Verdict::Duplicate);
    let held = "SELECT count(*) FROM items WHERE kind = 1 AND length(envelope) > 205";
    assert_eq!(number(&station, held), 1);
}

#[test]
fn a_note_of_damage_ends_when_the_row_is_sound_or_erased() {
    let (station, team, mut amy) = staffed(43);
    let (sound, gone) = (amy.doc(), amy.doc());
    let envelopes =
        [team.incident(&mut amy, sound, "north"), team.incident(&mut amy, gone, "south")];
    station.push(&team, &mut amy, &envelopes);
    let database = rusqlite::Connection::open(station.folder.join("relay.db")).unwrap();
    database
        .execute("INSERT INTO damaged (id, space) SELECT id, space FROM items WHERE kind = 1", [])
        .unwrap();
    drop(database);
    assert_eq!(station.count("damaged"), 2);
    hand_back(&station, &team, &mut amy, &envelopes[0]);
    assert_eq!(station.count("damaged"), 1, "it was sound");
    let order = purge(&team, &mut amy, gone);
    station.push(&team, &mut amy, &[order]);
    assert_eq!(station.count("damaged"), 0, "it is erased");
}

#[test]
fn a_row_of_a_device_that_was_removed_since_is_no_damage() {
    let (station, mut team, mut amy) = staffed(44);
    let doc = amy.doc();
    let envelope = team.incident(&mut amy, doc, "north");
    station.push(&team, &mut amy, std::slice::from_ref(&envelope));
    // The entry names nothing, and another device carries it, so that it is taken as it is.
    let mut bo = Hand::new(440);
    team.enter(&bo, &[Role::Coordinator]);
    let last = Vec::new();
    team.extend(&Op::Remove { member: amy.member, device: None, last, wipe: None });
    let entries = team.entries.clone();
    let mut request = team.pushing(&bo, &[]);
    (request.batch, request.push) = packed(&entries);
    let results = station.send(&mut bo, &request).unwrap().results;
    assert!(results.iter().all(|r| r.code.is_empty()), "{results:?}");
    let wanted = vec![envelope.id()];
    let mut request = team.pushing(&bo, &[]);
    request.healing = Some(Healing { wanted, ..Healing::default() });
    let answer = station.send(&mut bo, &request).unwrap().healing.unwrap_or_default();
    assert_eq!((answer.found.len(), answer.wanted.len()), (1, 0));
    assert_eq!(station.count("damaged"), 0);
}

#[test]
fn a_removal_that_is_handed_back_waits_for_no_numbers() {
    let (station, mut team, mut amy) = staffed(45);
    let doc = amy.doc();
    let envelope = team.incident(&mut amy, doc, "north");
    station.push(&team, &mut amy, &[envelope]);
    let removal =
        team.extend(&Op::Remove { member: amy.member, device: None, last: Vec::new(), wipe: None });
    let mut admin = std::mem::replace(&mut team.admin, Hand::new(0));
    let overtaken = station.push(&team, &mut admin, std::slice::from_ref(&removal));
    assert_eq!(
        (overtaken[0].verdict, overtaken[0].code.as_str()),
        (Verdict::RefusedRetry, "directory_behind")
    );
    let said = hand_back(&station, &team, &mut admin, &removal);
    assert_eq!(said.0, Verdict::Stored, "{said:?}");
}

#[test]
fn only_what_would_have_been_taken_forecloses_the_next_document() {
    let (station, mut team, mut amy) = staffed(46);
    let mut eli = Hand::new(460);
    team.enter(&eli, &[Role::Responder]);
    station.bring(&mut team);
    let doc = amy.doc();
    let made = team.incident(&mut amy, doc, "north");
    let order = purge(&team, &mut amy, doc);
    station.push(&team, &mut amy, &[made, order]);
    let before = station.count("purged");
    let next = doc.successor();
    // The right is missing; the signature is.
    let unfit = team.incident(&mut eli, next, "south");
    let mut forged = team.incident(&mut amy, next, "south");
    forged.sig[5] ^= 1;
    for (hand, envelope) in [(&mut eli, unfit), (&mut amy, forged)] {
        let said = station.push(&team, hand, &[envelope]);
        assert_eq!(said[0].verdict, Verdict::Purged);
        assert_eq!(station.count("purged"), before);
    }
    let honest = team.incident(&mut amy, next, "south");
    station.push(&team, &mut amy, &[honest]);
    assert_eq!(station.count("purged"), before + 1);
}
