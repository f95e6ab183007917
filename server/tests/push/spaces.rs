//! Spaces, their readers, and the directory's log.

use super::*;

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
        let body = to_cbor(&ReaderBody { member, with_past: true, from: None });
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
fn a_directory_entry_is_taken_from_an_admins_device_only_and_only_on_top() {
    let (station, mut team, mut amy) = staffed(21);
    let op = |n: u8| Op::Member {
        member: MemberId::new([n; 16]),
        roles: vec![Role::Responder],
        admin: n == 9,
        unit: None,
        supervises: Vec::new(),
        guest: None,
        last: None,
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
