//! Requests for support: who reads them and who cannot, two phones that ask apart, a modified phone, an erasure.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use sync_core::doc::{self, Edit};
use sync_core::engine::{RequestStep, RequestView};
use sync_core::ids::{DocId, SpaceId};
use sync_core::protocol::{Code, Kind, Priority, SyncRequest, Verdict, from_cbor};
use sync_core::records::{Called, DocType, FieldOp, PolicyProfile, RequestState, Role, Scalar};
use tests::hostile::Rogue;
use tests::{World, is_absent, text};

/// Rex asks; Amy and Bo are peers, Cleo coordinates.
fn world() -> World {
    let staff = [
        ("rex", Role::Responder),
        ("amy", Role::PeerSupporter),
        ("bo", Role::FacilitatorMhp),
        ("cleo", Role::Coordinator),
    ];
    World::staffed(23, PolicyProfile::neutral(), &staff)
}

fn ask(world: &mut World, name: &str, urgency: &str, words: &str) -> DocId {
    world.record(name, "support_request", &[("urgency", text(urgency)), ("words", text(words))])
}

fn requests(world: &mut World, name: &str) -> Vec<RequestView> {
    world.on(name, |phone, env| phone.requests(env.now)).unwrap()
}

fn intake_of(world: &mut World, request: DocId, name: &str) -> SpaceId {
    world.on(name, |phone, _| phone.show(request)).unwrap().space
}

#[test]
fn peers_read_a_request_and_nobody_who_only_coordinates_can_be_let_in() {
    let mut world = world();
    let id = ask(&mut world, "rex", "today", "a word that stays sealed");
    world.sync_all();
    for peer in ["amy", "bo"] {
        assert_eq!(world.shown(peer, id, "words"), Some(text("a word that stays sealed")));
        assert!(matches!(requests(&mut world, peer)[0].called, Some(Called::Everyone)));
    }
    for other in ["cleo", "admin"] {
        assert!(is_absent(&mut world, other, id), "{other}");
    }
    assert!(!world.stands_at_relay(b"a word that stays sealed"));
    let (space, cleo) = (intake_of(&mut world, id, "rex"), world.member("cleo"));
    for reader in ["rex", "amy"] {
        let let_in = world.on(reader, |phone, env| phone.add_reader(env, space, cleo, true));
        assert_eq!(let_in.unwrap_err().code(), Code::NotAllowed, "{reader}");
    }
    let troubles = world.troubles();
    assert!(troubles.lines().all(|line| line.ends_with(": [] [] []")), "{troubles}");
}

#[test]
fn an_urgent_request_and_what_opens_it_leave_before_all_else_and_only_its_header_says_urgent() {
    let mut world = world();
    ask(&mut world, "rex", "routine", "some day");
    world.sync_all();
    // A phone that has not asked before, with much that waits.
    for _ in 0..5 {
        world.incident("bo");
    }
    let urgent = ask(&mut world, "bo", "now", "right away");
    let (body, _) = world.request("bo");
    let request: SyncRequest = from_cbor(&tests::unpack(&body)).unwrap();
    let pushed = request.push.iter().map(|packed| request.batch.unpack(packed).unwrap());
    let headers: Vec<_> = pushed.map(|envelope| envelope.header).collect();
    let at = headers.iter().position(|header| header.doc == urgent).unwrap();
    let before: Vec<Kind> = headers[..at].iter().map(|header| header.kind).collect();
    assert_eq!(before, [Kind::Space, Kind::Sender], "only what it needs to be read");
    assert_eq!(headers[at].priority, Priority::Urgent);
    assert_eq!(headers.iter().filter(|h| h.priority == Priority::Urgent).count(), 1);
    world.sync_all();
    // An answer to it is as ordinary as one to any other.
    world.on("amy", |phone, env| phone.answer_request(env, urgent, RequestStep::Seen)).unwrap();
    let (body, _) = world.request("amy");
    let request: SyncRequest = from_cbor(&tests::unpack(&body)).unwrap();
    let answer = request.batch.unpack(request.push.last().unwrap()).unwrap();
    assert_eq!((answer.header.doc, answer.header.priority), (urgent, Priority::Sealed));
}

#[test]
fn two_phones_of_one_member_that_ask_apart_end_in_one_space_and_lose_no_request() {
    let mut world = world();
    world.join_further("rex2", "rex");
    world.sync_all();
    ask(&mut world, "rex", "today", "from the first phone");
    ask(&mut world, "rex2", "now", "from the second phone");
    for _ in 0..3 {
        world.sync_all();
    }
    for name in ["rex", "rex2", "amy", "bo"] {
        let all = requests(&mut world, name);
        let told: Vec<_> = all.iter().map(|view| (view.urgency.as_str(), view.state)).collect();
        let delivered = RequestState::Delivered;
        assert_eq!(told, [("now", delivered), ("today", delivered)], "{name}");
        let spaces: Vec<_> = all.iter().map(|view| view.id).collect();
        let spaces: Vec<_> = spaces.iter().map(|id| intake_of(&mut world, *id, name)).collect();
        assert_eq!(spaces[0], spaces[1], "{name}");
    }
}

#[test]
fn a_modified_phone_of_a_coordinator_writes_nothing_into_anothers_requests() {
    let mut world = world();
    let id = ask(&mut world, "rex", "today", "still there");
    world.sync_all();
    let space = intake_of(&mut world, id, "rex");
    let mut rogue = Rogue::enrol(&mut world, 5, &[Role::Coordinator], false);
    let part = DocType::by_number(60).unwrap();
    let close = [FieldOp::Put("state".into(), Scalar::Str("closed".into()))];
    let edit = Edit::Fields(&close);
    let mut forged = rogue.change(&world, (space, id), part, None, &edit);
    forged.header.kind = Kind::Sealed;
    forged.header.priority = Priority::Sealed;
    forged.header.set_body(&forged.body);
    let forged = rogue.keys.sign_envelope(forged.header, forged.body);
    let result = &rogue.push(&world, &[forged])[0];
    assert_eq!((result.verdict, result.code.as_str()), (Verdict::Quarantined, "not_allowed"));
    world.sync_all();
    assert_eq!(requests(&mut world, "amy")[0].state, RequestState::Delivered);
    assert_eq!(requests(&mut world, "rex")[0].state, RequestState::Delivered);
}

#[test]
fn a_modified_phone_of_a_peer_asks_nothing_in_anothers_name() {
    let mut world = world();
    let mut rogue = Rogue::enrol(&mut world, 5, &[Role::PeerSupporter], false);
    world.sync_all();
    let asked = ask(&mut world, "rex", "today", "my own words");
    world.sync_all();
    let space = intake_of(&mut world, asked, "rex");
    let (keyed, announced) = rogue.keyed_in(&world, space);
    let part = DocType::by_number(60).unwrap();
    let put = |key: &str, value: &str| FieldOp::Put(key.into(), Scalar::Str(value.into()));
    let fields = [put("urgency", "now"), put("call_back", "555 0666")];
    let forged = rogue.sealed(&world, &keyed, DocId::new([7; 16]), part, |actor| {
        doc::author(None, part, actor, &Edit::Fields(&fields)).unwrap().unwrap()
    });
    let results = rogue.push(&world, &[announced, forged]);
    assert!(results.iter().all(|result| result.verdict == Verdict::Stored), "{results:?}");
    world.sync_all();
    let read = world.on("amy", |phone, _| phone.show(DocId::new([7; 16]))).unwrap();
    assert_eq!(read.unreadable, Vec::<&str>::new(), "a peer may write there, and it opens");
    for name in ["rex", "amy", "bo"] {
        let all = requests(&mut world, name);
        assert_eq!(all.iter().map(|view| view.id).collect::<Vec<_>>(), [asked], "{name}");
    }
}

#[test]
fn an_erased_request_is_gone_from_every_peers_phone_and_an_answer_to_it_too() {
    let mut world = world();
    let id = ask(&mut world, "rex", "now", "never mind");
    world.sync_all();
    world.on("rex", |phone, env| phone.purge(env, id)).unwrap();
    world
        .on("amy", |phone, env| phone.answer_request(env, id, RequestStep::Take { also: false }))
        .unwrap();
    world.sync_all();
    world.sync_all();
    for name in ["rex", "amy", "bo"] {
        assert!(requests(&mut world, name).is_empty(), "{name}");
        assert!(is_absent(&mut world, name, id), "{name}");
    }
}

#[test]
fn a_wait_that_a_team_chose_is_the_one_that_counts() {
    let profile = PolicyProfile { escalate_min: Some(30), ..PolicyProfile::neutral() };
    let staff = [("rex", Role::Responder), ("amy", Role::PeerSupporter), ("bo", Role::Chaplain)];
    let mut world = World::staffed(24, profile, &staff);
    let end = text(&world.now().plus_minutes(600).to_string());
    let start = text(&world.now().to_string());
    for (name, rank) in [("amy", 1), ("bo", 2)] {
        let rank = sync_core::records::Value::Int(rank);
        let shift = [("starts_at", start.clone()), ("ends_at", end.clone()), ("rank", rank)];
        world.record(name, "on_call_shift", &shift);
    }
    ask(&mut world, "rex", "now", "please");
    world.sync_all();
    let called = |world: &mut World, name: &str| requests(world, name)[0].calls_me;
    assert!(called(&mut world, "amy") && !called(&mut world, "bo"));
    world.wait_minutes(29);
    assert!(!called(&mut world, "bo"));
    world.wait_minutes(1);
    assert!(called(&mut world, "bo") && called(&mut world, "amy"));
    assert!(!called(&mut world, "rex"), "nobody is called for their own");
}

#[test]
fn nobody_answers_for_another_by_an_edit_and_only_the_asker_changes_what_is_asked() {
    let mut world = world();
    let id = ask(&mut world, "rex", "now", "words");
    world.sync_all();
    let amy = tests::set(&[&world.member("amy").to_string()]);
    for (name, field, value) in [
        ("bo", "taken_by", amy.clone()),
        ("bo", "seen_by", amy.clone()),
        ("rex", "passed_by", amy),
        ("bo", "urgency", text("routine")),
        ("bo", "words", text("never mind")),
    ] {
        let fields = [(field.to_owned(), value)].into();
        let refused = world.on(name, |phone, env| phone.edit(env, id, &fields));
        assert_eq!(refused.unwrap_err().code(), Code::NotAllowed, "{name} {field}");
    }
    world.edit("rex", id, &[("urgency", text("today"))]);
    world.sync_all();
    assert_eq!(world.shown("bo", id, "urgency"), Some(text("today")));
}
