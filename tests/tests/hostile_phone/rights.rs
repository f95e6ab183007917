//! What a member's device may not do, done all the same with its real keys.

use super::*;

#[test]
fn another_identity_a_foreign_envelope_and_a_number_used_twice_are_refused() {
    let mut scene = scene(&[Role::PeerSupporter]);
    // A device that nobody enrolled.
    let mut stranger = Rogue::enrol(&mut scene.world, 5, &[Role::PeerSupporter], false);
    stranger.keys = DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(6));
    let unlisted = stranger.exchange(&scene.world, &[]);
    assert_eq!(unlisted.err(), Some(Code::UnknownDevice));
    // Under its own header, carried by an enrolled phone.
    let place = (scene.operations, scene.doc());
    let edit = ops("x");
    let theirs = stranger.change(&scene.world, place, incident_part(), None, &Edit::Fields(&edit));
    scene.refused(&theirs, Verdict::RefusedFinal, Code::UnknownDevice);
    // Amy's device in the header, the rogue's signature.
    let mut claimed = scene.incident("north");
    claimed.header.device =
        directory(&scene.world).devices_of(scene.world.member("amy")).next().unwrap().id;
    let claimed = scene.rogue.keys.sign_envelope(claimed.header, claimed.body);
    scene.refused(&claimed, Verdict::RefusedFinal, Code::BadSignature);
    // Amy's true envelope, carried by another phone.
    let fields = [("type", set(&["lodd"])), ("occurred_end", text("2026-03-01T12:00:00Z"))];
    let id = scene.world.record("amy", "incident", &fields);
    let (body, _) = scene.world.request("amy");
    let request: SyncRequest = from_cbor(&tests::unpack(&body)).unwrap();
    let carried = request.batch.unpack(&request.push[0]).unwrap();
    scene.refused(&carried, Verdict::RefusedFinal, Code::NotAllowed);
    scene.world.sync_all();
    assert_eq!(scene.world.shown("cleo", id, "source"), Some(text("manual")));
    // A number that was used before.
    let first = scene.incident("one");
    let second = scene.incident("two");
    let again = Header { device_seq: first.header.device_seq, ..second.header };
    let again = scene.rogue.keys.sign_envelope(again, second.body);
    assert_eq!(scene.rogue.push(&scene.world, &[first])[0].verdict, Verdict::Stored);
    scene.refused(&again, Verdict::RefusedFinal, Code::DeviceCloned);
    for device_seq in [0, u64::MAX, 1 << 63] {
        let third = scene.incident("three");
        let odd = scene
            .rogue
            .keys
            .sign_envelope(Header { device_seq, ..third.header }, third.body.clone());
        scene.refused(&odd, Verdict::RefusedFinal, Code::Malformed);
    }
    scene.unharmed();
}

#[test]
fn writes_without_a_right_are_set_aside_wherever_they_are_aimed() {
    let mut scene = scene(&[Role::Responder]);
    let cleo = scene.world.member("cleo");
    let id = scene.world.record("cleo", "intervention", &[("kind", text("defusing"))]);
    let amy = scene.world.member("amy");
    scene.world.on("cleo", |phone, env| phone.assign(env, id, &[amy])).unwrap();
    scene.world.sync_all();
    scene.world.write("amy", id, "exploration", 0, "words");
    scene.world.sync_all();
    let session = scene.world.on("amy", |phone, _| phone.notes(id)).unwrap()[0].space;
    scene.before = state(&mut scene.world);

    let incident = scene.incident("north");
    scene.refused(&incident, Verdict::Quarantined, Code::NotAllowed);
    let caseload = open_space(&scene.world, SpaceKind::Caseload, Some(cleo));
    let task = [FieldOp::Put("kind".into(), Scalar::Str("call".into()))];
    let place = (caseload, scene.doc());
    let task = Edit::Fields(&task);
    let task = scene.rogue.change(&scene.world, place, part(40), None, &task);
    scene.refused(&task, Verdict::Quarantined, Code::NotAllowed);

    let (zero, suite) = (EpochId::new([0; 16]), Suite::X25519);
    let sealed = to_cbor(&SealedBody {
        suite,
        epoch: zero,
        dek: DekId::new([0; 16]),
        wrapped_dek: None,
        nonce: [0; 24].into(),
        ciphertext: vec![0; 256].into(),
    });
    let doc = scene.doc();
    let header = scene.rogue.document(&scene.world, Kind::Sealed, session, doc, part(21));
    let note = scene.rogue.keys.sign_envelope(header, sealed);
    scene.refused(&note, Verdict::Quarantined, Code::NotAllowed);
    let member = scene.rogue.member;
    let bodies = [
        (Kind::Reader, to_cbor(&ReaderBody { member, with_past: true, from: None })),
        (
            Kind::Epoch,
            to_cbor(&EpochBody {
                suite,
                epoch_key: scene.rogue.keys.seal_key().to_vec().into(),
                replaces: vec![],
                wraps: vec![],
            }),
        ),
        (Kind::Wrap, to_cbor(&WrapBody { keys: vec![], asks: None, escrow: None })),
        (Kind::Sender, to_cbor(&SenderBody { epoch: zero, sealed: vec![].into() })),
        (Kind::Purge, vec![]),
        (Kind::Hold, vec![]),
        (Kind::Wipe, vec![]),
        (Kind::Verdict, vec![]),
    ];
    for (kind, body) in bodies {
        for space in [session, scene.operations] {
            let envelope = scene.rogue.structure(&scene.world, kind, space, body.clone());
            scene.refused(&envelope, Verdict::Quarantined, Code::NotAllowed);
        }
    }
    let op = Op::Member {
        member,
        roles: vec![],
        admin: true,
        unit: None,
        supervises: vec![],
        guest: None,
        last: None,
    };
    let space = directory(&scene.world).space();
    let promotion = scene.rogue.structure(&scene.world, Kind::Directory, space, to_cbor(&op));
    scene.refused(&promotion, Verdict::RefusedFinal, Code::DirectoryForged);
    let in_directory = scene.rogue.structure(&scene.world, Kind::Wrap, space, vec![]);
    scene.refused(&in_directory, Verdict::RefusedFinal, Code::WrongSpace);
    let epochs = scene.world.on("amy", |phone, _| phone.session_epochs(id)).unwrap();
    let mut world = scene.unharmed();
    assert_eq!(world.on("amy", |phone, _| phone.session_epochs(id)).unwrap(), epochs);
    assert_eq!(world.phase("amy", id, "defusing.exploration"), "words");
}

#[test]
fn a_record_where_it_does_not_belong_or_that_nobody_knows_is_set_aside() {
    let mut scene = scene(&[Role::PeerSupporter]);
    for (number, code) in [
        (50, Code::WrongSpace),
        (21, Code::WrongSpace),
        (999, Code::SchemaViolation),
        (0, Code::SchemaViolation),
    ] {
        let sound = scene.incident("north");
        let moved = Header { record: number, ..sound.header };
        let moved = scene.rogue.keys.sign_envelope(moved, sound.body);
        scene.refused(&moved, Verdict::Quarantined, code);
    }
    // A field the record does not have, and a value it does not take.
    for op in [
        FieldOp::Put("name".into(), Scalar::Str("j. doe".into())),
        FieldOp::Put("severity".into(), Scalar::Int(6)),
        FieldOp::Put("area".into(), Scalar::Str("x".repeat(65))),
    ] {
        let place = (scene.operations, scene.doc());
        let op = [op];
        let edit = Edit::Fields(&op);
        let odd = scene.rogue.change(&scene.world, place, incident_part(), None, &edit);
        scene.refused(&odd, Verdict::Quarantined, Code::SchemaViolation);
    }
    scene.unharmed();
}

#[test]
fn a_note_that_the_policy_forbids_is_set_aside_although_it_is_sealed() {
    let mut profile = PolicyProfile::neutral();
    profile.notes_mode = NotesMode::None;
    let mut scene = scene_with(profile, &[Role::PeerSupporter], false);
    let (owner, readers) = (SpaceOwner::Doc(scene.doc()), [scene.rogue.member]);
    let (keyed, made) = scene.rogue.keyed_space(&scene.world, SpaceKind::Session, owner, &readers);
    let results = scene.rogue.push(&scene.world, &made);
    assert!(results.iter().all(|result| result.verdict == Verdict::Stored), "{results:?}");
    let doc = scene.doc();
    let note = scene.rogue.sealed(&scene.world, &keyed, doc, part(21), |_| b"words".to_vec());
    scene.refused(&note, Verdict::Quarantined, Code::PolicyNoNotes);
    scene.unharmed();
}

#[test]
fn spaces_with_a_wrong_id_strangers_a_bad_key_or_a_double_are_refused() {
    let mut scene = scene(&[Role::Coordinator]);
    let (me, amy) = (scene.rogue.member, scene.world.member("amy"));
    let key = scene.rogue.keys.seal_key().to_vec();
    let body = |kind: SpaceKind, owner: SpaceOwner, readers: &[MemberId], key: &[u8]| SpaceBody {
        kind: kind as u8,
        owner,
        readers: readers.to_vec(),
        suite: Suite::X25519,
        epoch_key: key.to_vec().into(),
        wraps: Vec::new(),
    };
    let (team, doc) = (SpaceOwner::Team, SpaceOwner::Doc(DocId::new([1; 16])));
    let unknown = MemberId::new([9; 16]);
    let many: Vec<_> = (0..65).map(|n| MemberId::new([n; 16])).collect();
    let cases = [
        (body(SpaceKind::Shared, team, &[me, unknown], &key), Code::NoSuchMember),
        (body(SpaceKind::Shared, team, &[amy], &key), Code::NotAllowed),
        (body(SpaceKind::Clinical, team, &[amy], &key), Code::NotAllowed),
        (body(SpaceKind::Clinical, team, &[me, amy], &key), Code::NotAllowed),
        (body(SpaceKind::Personal, SpaceOwner::Member(me), &[me, amy], &key), Code::NotAllowed),
        (body(SpaceKind::Care, SpaceOwner::Member(me), &[me, amy], &key), Code::NotAllowed),
        (body(SpaceKind::Personal, SpaceOwner::Member(amy), &[me, amy], &key), Code::NotAllowed),
        (body(SpaceKind::Personal, team, &[me], &key), Code::WrongSpace),
        (body(SpaceKind::Session, SpaceOwner::Member(me), &[me], &key), Code::WrongSpace),
        (body(SpaceKind::Operations, team, &[me], &key), Code::WrongSpace),
        (body(SpaceKind::Shared, team, &[], &key), Code::Malformed),
        (body(SpaceKind::Shared, team, &many, &key), Code::Malformed),
        (body(SpaceKind::Session, doc, &[me], &[0; 32]), Code::Malformed),
        (body(SpaceKind::Session, doc, &[me], b"short"), Code::Malformed),
    ];
    for (body, code) in cases {
        let envelope = scene.rogue.space(&scene.world, &body);
        scene.refused(&envelope, Verdict::RefusedFinal, code);
    }
    let sound = scene.rogue.space(&scene.world, &body(SpaceKind::Shared, team, &[me, amy], &key));
    let moved = Header { space: SpaceId::new([7; 16]), ..sound.header };
    let moved = scene.rogue.keys.sign_envelope(moved, sound.body);
    scene.refused(&moved, Verdict::RefusedFinal, Code::WrongSpace);
    let cleo = scene.world.member("cleo");
    for verdict in [Verdict::Stored, Verdict::RefusedFinal] {
        let clinical = body(SpaceKind::Clinical, team, &[me, cleo], &key);
        let clinical = scene.rogue.space(&scene.world, &clinical);
        assert_eq!(scene.rogue.push(&scene.world, &[clinical])[0].verdict, verdict);
    }
    scene.unharmed();
}

#[test]
fn a_console_or_station_device_moves_no_key_whatever_its_member_may_do() {
    let mut scene = scene_with(PolicyProfile::neutral(), &[Role::Coordinator], true);
    let mut devices = Vec::new();
    for class in [DeviceClass::Console, DeviceClass::Station] {
        let invitation = tests::hostile::invite(&mut scene.world, &[Role::Coordinator], false);
        scene.rogue.cosign(&mut scene.world);
        let mut rng = ChaCha20Rng::seed_from_u64(class as u64);
        let keys = DeviceKeys::generate(&mut rng);
        let op = Op::Device {
            member: invitation.member,
            verify_key: keys.verify_key().into(),
            seal_key: keys.seal_key().into(),
            seal_key_2: keys.seal_key_2().map(Into::into),
            class,
        };
        let space = directory(&scene.world).space();
        let entry = scene.rogue.structure(&scene.world, Kind::Directory, space, to_cbor(&op));
        assert_eq!(scene.rogue.push(&scene.world, &[entry])[0].verdict, Verdict::Stored);
        scene.world.sync_all();
        devices.push((keys, invitation.member));
    }
    let fields = [("narrative", text("roof came down"))];
    scene.world.edit("cleo", scene.theirs, &fields);
    scene.world.sync_all();
    let clinical = {
        let database = rusqlite::Connection::open(scene.world.folder().join("relay.db")).unwrap();
        let find = "SELECT i.envelope FROM items i JOIN spaces s ON s.id = i.space
           WHERE s.kind = 11 AND i.seq = 1";
        let bytes: Vec<u8> = database.query_row(find, [], |row| row.get(0)).unwrap();
        Envelope::from_bytes(&bytes).unwrap()
    };
    let made: SpaceBody = from_cbor(&clinical.body).unwrap();
    let mut rogue = Rogue::enrol(&mut scene.world, 1, &[], false);
    for (keys, member) in devices {
        assert!(made.readers.contains(&member), "the member reads it, by another device");
        assert!(made.wraps.iter().all(|wrap| wrap.device != keys.device_id()));
        rogue.keys = keys;
        let space = clinical.header.space;
        for kind in [Kind::Reader, Kind::Epoch, Kind::Wrap, Kind::Sender] {
            let body = to_cbor(&ReaderBody { member: rogue.member, with_past: true, from: None });
            let envelope = rogue.structure(&scene.world, kind, space, body);
            let results = rogue.push(&scene.world, &[envelope]);
            assert_eq!(results[0].code, "not_allowed", "{kind:?}");
        }
    }
}

#[test]
fn keys_of_another_phone_in_an_answer_to_an_invitation_do_not_take_its_place() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let invitation = tests::hostile::invite(&mut scene.world, &[Role::PeerSupporter], false);
    let amy = scene.world.member("amy");
    let listed = {
        let device = directory(&scene.world).devices_of(amy).next().unwrap();
        (device.id, *device.verify_key, *device.seal_key)
    };
    let own = DeviceKeys::generate(&mut scene.rogue.rng);
    answer_invitation(&mut scene.world, &invitation, listed.1, own.seal_key(), None);
    // An honest relay passes no listed key on; one that is in league with the invited member does.
    lie(&mut scene.world, "admin", |response| {
        response.pending = vec![PendingEnrolment {
            lookup: invite::lookup(&invitation.secret),
            verify_key: listed.1.into(),
            seal_key: own.seal_key().into(),
            recovery: None,
            mac: invite::bind(&invitation.secret, invitation.team, &listed.1, &own.seal_key(), 0),
            class: None,
            seal_key_2: None,
        }];
    })
    .unwrap();
    scene.world.sync("admin");
    let directory_now = directory(&scene.world);
    let device = directory_now.device(&listed.0).unwrap();
    assert_eq!((device.member, *device.seal_key), (amy, listed.2), "amy's phone is amy's");
    scene.world.on("admin", |phone, _| assert!(phone.status().unwrap().pending == 0));
    scene.world.edit("amy", scene.theirs, &[("severity", Value::Int(4))]);
    scene.world.sync_all();
    assert_eq!(scene.world.shown("cleo", scene.theirs, "severity"), Some(Value::Int(4)));
}

#[test]
fn nobody_answers_or_overrides_for_another() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let (cleo, own) = (scene.world.member("cleo"), scene.rogue.member);
    let write = |scene: &mut Scene, number: u16, key: String, value: &str| {
        let place = (scene.operations, scene.doc());
        let roster = open_space(&scene.world, SpaceKind::Roster, None);
        let place = if number == 2 { (roster, place.1) } else { place };
        let put = [FieldOp::Put(key, Scalar::Str(value.into()))];
        scene.rogue.change(&scene.world, place, part(number), None, &Edit::Fields(&put))
    };
    for (number, key, value) in [
        (20, format!("declared_not_present.{cleo}"), "yes"),
        (20, format!("declared_no_supervision.{cleo}"), "no"),
        (20, format!("declared_not_close.{cleo}"), "yes"),
        (20, format!("conflict_overrides.{own}"), "conflict_is_remote"),
        (2, format!("availability.{cleo}"), "unavailable"),
    ] {
        let change = write(&mut scene, number, key, value);
        scene.refused(&change, Verdict::Quarantined, Code::NotAllowed);
    }
    // Their own word is theirs.
    let change = write(&mut scene, 20, format!("declared_not_close.{own}"), "no");
    assert_eq!(scene.rogue.push(&scene.world, &[change])[0].verdict, Verdict::Stored);
    scene.unharmed();
}
