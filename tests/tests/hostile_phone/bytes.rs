//! Bytes that no app writes: flipped, cut, swollen, mutated. Each is refused or set aside, and harms nothing else.

use super::*;

#[test]
fn a_flip_of_any_byte_of_an_envelope_is_refused_and_uses_nothing_up() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let envelope = scene.incident("north");
    let mut batch = Batch::new();
    let packed = to_cbor(&batch.pack(&envelope));
    let mut push: Vec<Packed> = Vec::new();
    for at in 0..packed.len() {
        for bit in [0x01, 0x80] {
            let mut bytes = packed.clone();
            bytes[at] ^= bit;
            push.extend(from_cbor::<Packed>(&bytes).ok());
        }
    }
    assert!(push.len() > 450, "header, signature and body: {}", push.len());
    for push in push.chunks(1_000) {
        let (body, token) = scene.rogue.request(&scene.world, batch.clone(), push.to_vec());
        let answer = scene.world.relay.sync(&token, &body).unwrap();
        let results = open_answer(&answer).1.results;
        assert_eq!(results.len(), push.len());
        for result in results {
            let refused = matches!(
                result.code.as_str(),
                "malformed"
                    | "bad_signature"
                    | "unknown_device"
                    | "directory_behind"
                    | "waiting"
                    | "directory_fork"
                    | "directory_forged"
                    | "wrong_space"
            );
            assert!(refused && result.seq == 0, "{result:?}");
        }
    }
    // The directory hash travels beside the envelopes.
    let hashes = to_cbor(&batch);
    for at in 3..hashes.len() {
        let mut bytes = hashes.clone();
        bytes[at] ^= 1;
        let batch: Batch = from_cbor(&bytes).unwrap();
        let push = vec![from_cbor(&packed).unwrap()];
        let (body, token) = scene.rogue.request(&scene.world, batch, push);
        let answer = scene.world.relay.sync(&token, &body).unwrap();
        assert_eq!(open_answer(&answer).1.results[0].code, "bad_signature");
    }
    let stored = scene.rogue.push(&scene.world, &[envelope]);
    assert_eq!(stored[0].verdict, Verdict::Stored, "the true one is still taken");
    scene.unharmed();
}

#[test]
fn bodies_that_are_cut_foreign_compressed_or_oversized_are_set_aside_and_phones_see_stubs() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let whole = scene.incident("north");
    scene.rogue.push(&scene.world, std::slice::from_ref(&whole));
    let place = (scene.operations, whole.header.doc);
    let next = [FieldOp::Put("severity".into(), Scalar::Int(3))];
    let base = {
        let candidate = sync_core::gates::Candidate { header: &whole.header, change: &whole.body };
        let admission = sync_core::gates::admit_changes(None, incident_part(), &[candidate]);
        admission.document.unwrap().saved
    };
    let sound =
        scene.rogue.change(&scene.world, place, incident_part(), Some(&base), &Edit::Fields(&next));
    let mut push = Vec::new();
    let resign = |scene: &mut Scene, body: Vec<u8>| {
        let header = scene.rogue.header(&scene.world, Kind::Change, scene.operations);
        scene
            .rogue
            .keys
            .sign_envelope(Header { device_seq: header.device_seq, ..sound.header }, body)
    };
    for length in (0..sound.body.len()).step_by(7) {
        push.push(resign(&mut scene, sound.body[..length].to_vec()));
    }
    push.push(resign(&mut scene, [sound.body.as_slice(), b"x"].concat()));
    let codes: Vec<_> = scene.rogue.push(&scene.world, &push);
    assert!(codes.iter().all(|r| r.verdict == Verdict::Quarantined && r.code == "change_hostile"));

    // Another document's change under this header: its actor is not this header's.
    let (other, world) = (scene.incident("south"), &scene.world);
    let foreign = scene.rogue.document(world, Kind::Change, place.0, place.1, incident_part());
    let foreign = scene.rogue.keys.sign_envelope(foreign, other.body.clone());
    scene.refused(&foreign, Verdict::Quarantined, Code::WrongActor);

    let mut parts = forge::Parts::read(&sound.body);
    parts.chunk_type = 2;
    let compressed = resign(&mut scene, parts.write());
    scene.refused(&compressed, Verdict::Quarantined, Code::Compressed);
    for (spec, bytes) in [(ACTION | 8, vec![1, 2, 3]), (0x78, vec![0])] {
        let mut parts = forge::Parts::read(&sound.body);
        *parts.column(spec) = bytes;
        let column = resign(&mut scene, parts.write());
        scene.refused(&column, Verdict::Quarantined, Code::Compressed);
    }
    let oversized = resign(&mut scene, vec![7; MAX_BODY + 1]);
    scene.refused(&oversized, Verdict::RefusedFinal, Code::Malformed);
    let largest = resign(&mut scene, vec![7; MAX_BODY]);
    scene.refused(&largest, Verdict::Quarantined, Code::HostileChange);
    scene.unharmed();
}

#[test]
fn huge_counts_and_run_length_bombs_are_refused_at_once() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let sound = scene.incident("north");
    let bomb = |bytes: &[u8]| bytes.to_vec();
    // i64::MAX of the same value; as many nulls; as many literals.
    let runs = [
        bomb(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 1]),
        bomb(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        bomb(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f]),
    ];
    let mut push = Vec::new();
    for spec in [0x15, 0x34, ACTION, 0x56, PREDECESSORS, 0x71, 0x73] {
        for run in &runs {
            let mut parts = forge::Parts::read(&sound.body);
            *parts.column(spec) = run.clone();
            push.push(parts.write());
        }
    }
    for count in [1 << 20, u64::MAX >> 1, u64::MAX] {
        let mut parts = forge::Parts::read(&sound.body);
        parts.start_op = count;
        push.push(parts.write());
        parts.start_op = 1;
        parts.seq = count;
        push.push(parts.write());
    }
    let started = std::time::Instant::now();
    let envelopes: Vec<_> = push
        .into_iter()
        .map(|body| {
            let (space, doc) = (scene.operations, sound.header.doc);
            let header =
                scene.rogue.document(&scene.world, Kind::Change, space, doc, incident_part());
            scene.rogue.keys.sign_envelope(header, body)
        })
        .collect();
    let results = scene.rogue.push(&scene.world, &envelopes);
    assert!(started.elapsed().as_secs() < 20);
    assert!(results.iter().all(|result| result.verdict == Verdict::Quarantined), "{results:?}");
    scene.unharmed();
}

#[test]
fn a_thousand_mutated_changes_leave_every_other_document_as_it_was() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let mut rng = ChaCha20Rng::seed_from_u64(2_026);
    let (mut pushed, mut stored) = (0, 0);
    while pushed < 1_000 {
        let first = scene.incident("north");
        scene.rogue.push(&scene.world, std::slice::from_ref(&first));
        let candidate = sync_core::gates::Candidate { header: &first.header, change: &first.body };
        let admission = sync_core::gates::admit_changes(None, incident_part(), &[candidate]);
        let base = admission.document.unwrap().saved;
        let edit = [
            FieldOp::Put("area".into(), Scalar::Str("mid-north".into())),
            FieldOp::Put("disciplines.fire".into(), Scalar::Bool(true)),
            FieldOp::Delete("type.failed_rescue".into()),
        ];
        let place = (scene.operations, first.header.doc);
        let edit = Edit::Fields(&edit);
        let sound = scene.rogue.change(&scene.world, place, incident_part(), Some(&base), &edit);
        let envelopes: Vec<_> = (0..50)
            .map(|_| {
                let body = mutate(&sound.body, &mut rng);
                let header = scene.rogue.document(
                    &scene.world,
                    Kind::Change,
                    place.0,
                    place.1,
                    incident_part(),
                );
                scene.rogue.keys.sign_envelope(header, body)
            })
            .collect();
        let results = scene.rogue.push(&scene.world, &envelopes);
        for result in &results {
            match result.verdict {
                Verdict::Stored => stored += 1,
                Verdict::Quarantined | Verdict::Waiting => {}
                _ => panic!("{result:?}"),
            }
        }
        pushed += results.len();
    }
    assert!(stored < pushed / 2, "{stored} of {pushed}");
    scene.world.sync_all();
    // What the relay took, every phone took, with the same result.
    let relay = relay_state(&scene.world);
    for name in ["amy", "cleo"] {
        let heads = scene.world.on(name, |phone, _| phone.heads()).unwrap();
        for ((space, doc), heads) in heads {
            let place = (space.as_bytes().to_vec(), doc.as_bytes().to_vec());
            if let Some((_, at_relay)) = relay.get(&place).filter(|(_, heads)| !heads.is_empty()) {
                assert_eq!(&heads, at_relay, "{name}");
            }
        }
    }
    scene.unharmed();
}
