//! A relay that would let itself in: devices, directories, readers and keys of its own making.

use super::*;

#[test]
fn nothing_is_sealed_into_a_space_that_no_entitled_device_made() {
    let mut world = county();
    let rogue = Rogue::enrol(&mut world, 9, &[Role::Responder], false);
    world.sync_all();
    let (amy, bo, cleo) = (world.member("amy"), world.member("bo"), world.member("cleo"));
    let stranger = relay_keys(&world);
    let cases = [
        ("cleo", SpaceKind::Clinical, SpaceOwner::Team, vec![cleo]),
        ("amy", SpaceKind::Personal, SpaceOwner::Member(amy), vec![amy]),
        ("amy", SpaceKind::Shared, SpaceOwner::Team, vec![amy, bo]),
    ];
    let mut forged = Vec::new();
    for (name, kind, owner, readers) in cases {
        for keys in [&stranger, &rogue.keys] {
            let envelope = forged_space(&world, keys, kind, owner, &readers);
            forged.push(envelope.header.space);
            serve(&mut world, name, envelope.header.space, &envelope).unwrap();
            assert!(alarms(&mut world, name).iter().any(|code| {
                matches!(code, Code::UnknownDevice | Code::NotAllowed | Code::WrongSpace)
            }));
        }
    }
    let own = world.incident("cleo");
    world.edit("cleo", own, &[("narrative", text("roof came down"))]);
    let check_in = world.record("amy", "check_in", &[("zone", text("injured"))]);
    world.on("amy", |phone, env| phone.share(env, check_in, &[bo], false)).unwrap();
    for name in ["amy", "cleo"] {
        for envelope in pushed(&mut world, name) {
            assert!(!forged.contains(&envelope.header.space), "{name} wrote into a forged space");
        }
    }
    world.sync_all();
    assert_eq!(pending(&mut world, "amy") + pending(&mut world, "cleo"), 0);
}

fn spy(world: &World, keys: &DeviceKeys) -> Op {
    Op::Device {
        member: world.member("cleo"),
        verify_key: keys.verify_key().into(),
        seal_key: keys.seal_key().into(),
        seal_key_2: keys.seal_key_2().map(Into::into),
        class: DeviceClass::Native,
    }
}

#[test]
fn a_device_that_the_relay_adds_is_refused_told_and_never_sealed_to() {
    let mut world = county();
    let rogue = Rogue::enrol(&mut world, 3, &[Role::PeerSupporter], false);
    world.sync_all();
    let spied = relay_keys(&world);
    let length = world.on("cleo", |phone, _| phone.status()).unwrap().directory_seq;
    let space = directory(&world).space();
    for keys in [&spied, &rogue.keys] {
        let forged = entry(directory(&world), keys, &spy(&world, &spied));
        serve(&mut world, "cleo", space, &forged).unwrap();
        assert!(alarms(&mut world, "cleo").contains(&Code::DirectoryForged));
        assert_eq!(world.on("cleo", |phone, _| phone.status()).unwrap().directory_seq, length);
    }
    let id = world.incident("cleo");
    world.edit("cleo", id, &[("narrative", text("who was there"))]);
    for envelope in pushed(&mut world, "cleo") {
        if envelope.header.kind == Kind::Space {
            let body: SpaceBody = from_cbor(&envelope.body).unwrap();
            assert!(body.wraps.iter().all(|wrap| wrap.device != spied.device_id()));
        }
    }
    world.sync_all();
    assert_eq!(world.shown("amy", id, "source"), Some(text("manual")), "everything else goes on");
}

#[test]
fn two_directories_with_one_beginning_are_a_fork_and_the_phone_keeps_the_one_it_saw() {
    let mut world = county();
    let admin = Rogue::enrol(&mut world, 4, &[], true);
    world.sync_all();
    let space = directory(&world).space();
    let member = |seed: u8| Op::Member {
        member: MemberId::new([seed; 16]),
        roles: vec![Role::Responder],
        admin: false,
        unit: None,
        supervises: Vec::new(),
        guest: None,
        last: None,
    };
    let shown_to_amy = entry(directory(&world), &admin.keys, &member(1));
    serve(&mut world, "amy", space, &shown_to_amy).unwrap();
    let length = world.on("amy", |phone, _| phone.status()).unwrap().directory_seq;
    assert_eq!(length, directory(&world).len() + 1, "it is an admin's entry");
    // Everybody else gets another entry in its place.
    world.on("admin", |phone, env| {
        let new = NewMember { roles: vec![Role::Responder], ..NewMember::default() };
        phone.add_member(env, new).unwrap()
    });
    world.sync("admin");
    world.sync("bo");
    let from_bo = world.incident("bo");
    world.sync("bo");
    world.sync("amy");
    assert!(
        alarms(&mut world, "amy")
            .iter()
            .any(|code| matches!(code, Code::DirectoryFork | Code::RelayChanged)),
        "{}",
        world.troubles()
    );
    // The other side's item shows the fork even where the relay hides its directory.
    let envelope = {
        let database = rusqlite::Connection::open(world.folder().join("relay.db")).unwrap();
        let bytes: Vec<u8> = database
            .query_row("SELECT envelope FROM items WHERE doc = ?1", [from_bo.as_bytes()], |row| {
                row.get(0)
            })
            .unwrap();
        world.opener().envelope(&bytes).unwrap().unwrap()
    };
    let operations = open_space(&world, SpaceKind::Operations, None);
    let (seq, chain) = (0, Chain::EMPTY);
    let row_day = world.now().day();
    lie(&mut world, "amy", |response| {
        let packed = response.batch.pack(&envelope);
        response.spaces = vec![SpaceItems {
            space: operations,
            items: vec![SpaceItem::Envelope { directory_seq: length, row_day, packed }],
            seq: seq + 1,
            chain: next_chain(chain, envelope.id(), length, row_day),
            more: false,
        }];
        response.reset.clear();
    })
    .unwrap();
    assert!(alarms(&mut world, "amy").contains(&Code::DirectoryFork), "{}", world.troubles());
    assert_eq!(world.on("amy", |phone, _| phone.status()).unwrap().directory_seq, length);
}

#[test]
fn a_directory_held_back_holds_back_what_depends_on_it_and_nothing_is_lost() {
    let mut world = county();
    world.join("dee", &[Role::Chaplain]);
    let id = world.incident("dee");
    world.sync("dee");
    let space = directory(&world).space();
    for _ in 0..3 {
        lie(&mut world, "amy", |response| {
            response.spaces.retain(|items| items.space != space);
        })
        .unwrap();
        assert_eq!(world.shown("amy", id, "source"), None);
    }
    assert!(!alarms(&mut world, "amy").is_empty());
    world.sync_all();
    assert_eq!(world.shown("amy", id, "source"), Some(text("manual")), "{}", world.troubles());
}

#[test]
fn readers_epochs_and_wraps_that_no_reader_signed_change_no_space() {
    let mut world = county();
    let rogue = Rogue::enrol(&mut world, 6, &[Role::Coordinator], false);
    let id = world.record("cleo", "intervention", &[("kind", text("defusing"))]);
    let amy = world.member("amy");
    world.on("cleo", |phone, env| phone.assign(env, id, &[amy])).unwrap();
    world.sync_all();
    world.write("amy", id, "exploration", 0, "first words");
    world.sync_all();
    let space = world.on("amy", |phone, _| phone.notes(id)).unwrap()[0].space;
    let epochs = world.on("amy", |phone, _| phone.session_epochs(id)).unwrap();
    let stranger = relay_keys(&world);
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let (_, public) = EpochSecret::generate(Suite::X25519, &mut rng);
    let bodies = [
        (Kind::Reader, to_cbor(&ReaderBody { member: rogue.member, with_past: true, from: None })),
        (
            Kind::Epoch,
            to_cbor(&EpochBody {
                suite: Suite::X25519,
                epoch_key: public.into(),
                replaces: Vec::new(),
                wraps: Vec::new(),
            }),
        ),
        (Kind::Wrap, to_cbor(&WrapBody { keys: Vec::new(), asks: None, escrow: None })),
    ];
    for (kind, body) in bodies {
        for keys in [&stranger, &rogue.keys] {
            let header = sync_core::protocol::Header {
                kind,
                priority: Priority::Structure,
                schema: 0,
                record: 0,
                space,
                doc: DocId::ZERO,
                device: keys.device_id(),
                device_seq: 1,
                actor_no: 0,
                day: Day(1),
                directory_seq: directory(&world).len(),
                directory_hash: directory(&world).head(),
                body_hash: [0; 32],
            };
            let forged = keys.sign_envelope(header, body.clone());
            // One of them may be taken into the log, set aside: then the log goes another way than the relay's.
            let _ = serve(&mut world, "amy", space, &forged);
        }
    }
    assert_eq!(world.on("amy", |phone, _| phone.session_epochs(id)).unwrap(), epochs);
    world.write("amy", id, "exploration", 0, "and more: ");
    for envelope in pushed(&mut world, "amy") {
        assert!(!matches!(envelope.header.kind, Kind::Wrap | Kind::Reader), "a key left the phone");
    }
    assert_eq!(world.phase("amy", id, "defusing.exploration"), "and more: first words");
}

#[test]
fn the_first_relay_an_admin_meets_is_listed_and_no_second_one_beside_it() {
    let mut world = World::new(8, PolicyProfile::neutral());
    let listed = world.relay.id();
    assert!(directory(&world).lists_relay(&listed));
    // A team that has met no relay yet.
    let mut store_rng = ChaCha20Rng::seed_from_u64(1);
    let mut env = sync_core::engine::Env { now: world.now(), rng: &mut store_rng };
    let admin = NewMember { admin: true, ..NewMember::default() };
    let store = Box::new(sync_core::store::MemoryStore::new());
    let profile = PolicyProfile::neutral();
    let mut phone =
        sync_core::engine::Phone::create_team(store, &mut env, tests::ORIGIN, profile, admin)
            .unwrap();
    let other = DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(78));
    let pending = phone.status().unwrap().pending;
    for keys in [relay_keys(&world), other] {
        let body = tests::pack(&to_cbor(&phone.sync_request(&mut env).unwrap()));
        let response = empty_response(RelayId::new(keys.verify_key()), world.now());
        let answer = sign_answer(&keys, &body, &response);
        phone.sync_answer(&mut env, &body, &answer).unwrap();
    }
    assert_eq!(phone.status().unwrap().pending, pending + 1, "one relay is proposed");
    world.sync_all();
}

#[test]
fn keys_swapped_on_their_way_to_the_admin_enrol_nobody() {
    let mut world = county();
    let invitation = tests::hostile::invite(&mut world, &[Role::PeerSupporter], false);
    let honest = DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(1));
    let spied = relay_keys(&world);
    let length = directory(&world).len();
    let mac = sync_core::crypto::invite::bind(
        &invitation.secret,
        invitation.team,
        &honest.verify_key(),
        &honest.seal_key(),
        0,
    );
    let lookup = sync_core::crypto::invite::lookup(&invitation.secret);
    let swaps = [
        (spied.verify_key(), spied.seal_key()),
        (honest.verify_key(), spied.seal_key()),
        (spied.verify_key(), honest.seal_key()),
    ];
    for (verify_key, seal_key) in swaps {
        lie(&mut world, "admin", |response| {
            response.pending = vec![sync_core::protocol::PendingEnrolment {
                lookup,
                verify_key: verify_key.into(),
                seal_key: seal_key.into(),
                mac,
                recovery: None,
                class: None,
                seal_key_2: None,
            }];
        })
        .unwrap();
    }
    assert!(alarms(&mut world, "admin").contains(&Code::InviteForged));
    world.sync("admin");
    assert_eq!(directory(&world).len(), length);
    tests::hostile::answer_invitation(
        &mut world,
        &invitation,
        honest.verify_key(),
        honest.seal_key(),
        None,
    );
    world.sync_all();
    assert!(directory(&world).device(&honest.device_id()).is_some(), "the invited phone gets in");
    assert!(!alarms(&mut world, "admin").contains(&Code::InviteForged));
}
