//! What the relay cannot read: readers judge it themselves, set it aside and go on.

use super::*;

#[test]
fn a_session_space_of_a_strangers_making_gets_no_word_before_its_readers_changed_the_key() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let id = scene.world.record("cleo", "intervention", &[("kind", text("defusing"))]);
    let amy = scene.world.member("amy");
    scene.world.sync_all();
    // Made for amy by somebody who keeps the key to themselves.
    let body = SpaceBody {
        kind: SpaceKind::Session as u8,
        owner: SpaceOwner::Doc(id),
        readers: vec![amy],
        suite: Suite::X25519,
        epoch_key: scene.rogue.keys.seal_key().to_vec().into(),
        wraps: vec![],
    };
    let trap = scene.rogue.space(&scene.world, &body);
    assert_eq!(
        scene.rogue.push(&scene.world, std::slice::from_ref(&trap))[0].verdict,
        Verdict::Stored
    );
    scene.world.sync_all();
    scene.world.on("cleo", |phone, env| phone.assign(env, id, &[amy])).unwrap();
    scene.world.sync_all();
    scene.world.write("amy", id, "exploration", 0, "in confidence");
    let (body, _) = scene.world.request("amy");
    let request: SyncRequest = from_cbor(&tests::unpack(&body)).unwrap();
    for packed in &request.push {
        let envelope = request.batch.unpack(packed).unwrap();
        assert_ne!(envelope.header.space, trap.header.space, "{:?}", envelope.header.kind);
    }
    scene.world.sync_all();
    assert_eq!(scene.world.phase("amy", id, "defusing.exploration"), "in confidence");
}

/// A space the rogue shares with amy, stored by the relay.
fn shared_with_amy(scene: &mut Scene) -> tests::hostile::Keyed {
    let readers = [scene.rogue.member, scene.world.member("amy")];
    let (keyed, made) =
        scene.rogue.keyed_space(&scene.world, SpaceKind::Shared, SpaceOwner::Team, &readers);
    let results = scene.rogue.push(&scene.world, &made);
    assert!(results.iter().all(|result| result.verdict == Verdict::Stored), "{results:?}");
    keyed
}

fn check_in(zone: &str) -> Vec<FieldOp> {
    vec![FieldOp::Put("zone".into(), Scalar::Str(zone.into()))]
}

#[test]
fn a_document_that_repeats_anothers_id_in_its_own_space_does_not_take_its_place() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let keyed = shared_with_amy(&mut scene);
    let zone = check_in("ill");
    let double = scene.rogue.sealed(&scene.world, &keyed, scene.theirs, part(50), |actor| {
        doc::author(None, part(50), actor, &Edit::Fields(&zone)).unwrap().unwrap()
    });
    assert_eq!(scene.rogue.push(&scene.world, &[double])[0].verdict, Verdict::Stored);
    scene.world.sync_all();
    let record = scene.world.on("amy", |phone, _| phone.show(scene.theirs)).unwrap();
    assert_eq!((record.kind, record.space), ("incident", scene.operations));
    scene.unharmed();
}

#[test]
fn sealed_garbage_and_sealed_hostile_changes_are_set_aside_and_readers_go_on() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let keyed = shared_with_amy(&mut scene);
    let world = &scene.world;
    let zone = check_in("ill");
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let sound = |actor| doc::author(None, part(50), actor, &Edit::Fields(&zone)).unwrap().unwrap();
    let mut push = Vec::new();
    // Random bytes; a compressed chunk; a hundred mutated changes; a value the record does not take; broken seals.
    push.push(scene.rogue.sealed(world, &keyed, DocId::new([1; 16]), part(50), |_| vec![9; 300]));
    push.push(scene.rogue.sealed(world, &keyed, DocId::new([2; 16]), part(50), |actor| {
        let mut parts = forge::Parts::read(&sound(actor));
        parts.chunk_type = 2;
        parts.write()
    }));
    for n in 0..100_u8 {
        let doc = DocId::new([100 + n; 16]);
        let mutated = scene
            .rogue
            .sealed(world, &keyed, doc, part(50), |actor| mutate(&sound(actor), &mut rng));
        push.push(mutated);
    }
    let outside = check_in("not a zone");
    push.push(scene.rogue.sealed(world, &keyed, DocId::new([3; 16]), part(50), |actor| {
        doc::author(None, part(50), actor, &Edit::Fields(&outside)).unwrap().unwrap()
    }));
    for at in [0, 100] {
        let whole = scene.rogue.sealed(world, &keyed, DocId::new([4; 16]), part(50), sound);
        let mut body: SealedBody = from_cbor(&whole.body).unwrap();
        body.ciphertext[at] ^= 1;
        push.push(scene.rogue.keys.sign_envelope(whole.header, to_cbor(&body)));
    }
    // Keys that never come.
    let orphan = scene.rogue.sealed(world, &keyed, DocId::new([5; 16]), part(50), sound);
    let mut body: SealedBody = from_cbor(&orphan.body).unwrap();
    body.wrapped_dek = None;
    push.push(scene.rogue.keys.sign_envelope(orphan.header, to_cbor(&body)));
    let good = DocId::new([6; 16]);
    push.push(scene.rogue.sealed(world, &keyed, good, part(50), sound));
    let results = scene.rogue.push(world, &push);
    assert!(results.iter().all(|result| result.verdict == Verdict::Stored), "{results:?}");
    let shapeless = scene.rogue.document(&scene.world, Kind::Sealed, keyed.space, good, part(50));
    let shapeless = scene.rogue.keys.sign_envelope(shapeless, b"no sealed body".to_vec());
    scene.refused(&shapeless, Verdict::Quarantined, Code::Malformed);

    scene.world.sync_all();
    assert_eq!(scene.world.shown("amy", good, "zone"), Some(text("ill")));
    let drafts = scene.world.on("amy", |phone, _| phone.drafts()).unwrap();
    assert!(drafts.len() > 50, "{}", drafts.len());
    assert!(drafts.iter().all(|draft| !draft.own && draft.values.is_empty()));
    for code in [Code::HostileChange, Code::Compressed, Code::SchemaViolation, Code::SealBroken] {
        assert!(drafts.iter().any(|draft| draft.code == code), "{code}");
    }
    assert_eq!(alarms(&mut scene.world, "amy"), []);
    // Amy shares something of her own in the same space, and the incident goes on.
    let own = scene.world.record("amy", "check_in", &[("zone", text("ready"))]);
    let with = scene.rogue.member;
    scene.world.on("amy", |phone, env| phone.share(env, own, &[with], false)).unwrap();
    scene.world.edit("amy", scene.theirs, &[("severity", Value::Int(5))]);
    scene.world.sync_all();
    assert_eq!(scene.world.on("amy", |phone, _| phone.status()).unwrap().pending, 0);
    assert_eq!(scene.world.shown("cleo", scene.theirs, "severity"), Some(Value::Int(5)));
}

#[test]
fn a_reader_who_floods_a_space_with_keys_is_stopped_and_the_others_write_on() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let keyed = shared_with_amy(&mut scene);
    let junk: Vec<EpochId> = (0..3_000_u16)
        .map(|n| {
            let mut id = [0; 16];
            id[..2].copy_from_slice(&n.to_be_bytes());
            EpochId::new(id)
        })
        .collect();
    let mut epoch = |key: &[u8], replaces: &[EpochId]| {
        let body = to_cbor(&EpochBody {
            suite: Suite::X25519,
            epoch_key: key.to_vec().into(),
            replaces: replaces.to_vec(),
            wraps: vec![],
        });
        scene.rogue.structure(&scene.world, Kind::Epoch, keyed.space, body)
    };
    let bad: Vec<_> = [&[0; 32][..], b"", b"short"].iter().map(|key| epoch(key, &[])).collect();
    let key = DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(1)).seal_key();
    let many: Vec<_> = (0..300).map(|n| epoch(&key, if n < 20 { &junk } else { &[] })).collect();
    let results = scene.rogue.push(&scene.world, &bad);
    assert!(results.iter().all(|result| result.code == "malformed"), "{results:?}");
    let results: Vec<PushResult> =
        many.chunks(100).flat_map(|some| scene.rogue.push(&scene.world, some)).collect();
    let stored = results.iter().filter(|result| result.verdict == Verdict::Stored).count();
    assert_eq!(stored, limits::MAX_EPOCHS - 1);
    assert!(results.iter().skip(stored).all(|result| result.code == "too_large"));
    let started = std::time::Instant::now();
    scene.world.sync_all();
    let own = scene.world.record("amy", "check_in", &[("zone", text("ready"))]);
    let with = scene.rogue.member;
    scene.world.on("amy", |phone, env| phone.share(env, own, &[with], false)).unwrap();
    scene.world.sync_all();
    assert!(started.elapsed().as_secs() < 30);
    assert_eq!(scene.world.on("amy", |phone, _| phone.status()).unwrap().pending, 0);
    scene.unharmed();
}
