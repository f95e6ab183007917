//! More than any honest phone sends: cursors, work, documents split into heads of one's own.

use super::*;

#[test]
fn requests_beyond_any_limit_are_refused_as_a_whole() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let mut refusal = |body: Vec<u8>| {
        let token = scene.rogue.token(&scene.world, &body);
        scene.world.relay.sync(&token, &body).unwrap_err().code
    };
    assert_eq!(refusal(vec![0; MAX_REQUEST + 1]), Code::TooLarge);
    let started = std::time::Instant::now();
    assert_eq!(refusal(pack(&vec![0; MAX_REQUEST_INFLATED + 1])), Code::TooLarge);
    assert_eq!(refusal(pack(&vec![0; 256 * 1024 * 1024])), Code::TooLarge);
    assert!(started.elapsed().as_secs() < 10);
    for garbage in [vec![], vec![0x9f; 1 << 20], vec![0x9b; 9], vec![0xff; 100]] {
        assert_eq!(refusal(pack(&garbage)), Code::Malformed);
    }
    let envelope = scene.incident("north");
    let mut batch = Batch::new();
    let packed = batch.pack(&envelope);
    let push = vec![packed; MAX_BATCH + 1];
    let (body, token) = scene.rogue.request(&scene.world, batch, push);
    assert_eq!(scene.world.relay.sync(&token, &body).unwrap_err().code, Code::TooLarge);
    scene.unharmed();
}

#[test]
fn tens_of_thousands_of_cursors_do_not_keep_the_relay_busy() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let cursors: Vec<_> = (0..60_000_u64)
        .map(|n| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&n.to_be_bytes());
            Cursor { space: SpaceId::new(id), seq: n, chain: sync_core::ids::Chain::new([1; 32]) }
        })
        .collect();
    let started = std::time::Instant::now();
    let answer = scene.rogue.ask(&scene.world, |request| {
        request.digest = [0; 16].into();
        request.cursors = Some(Cursors(cursors.clone()));
        request.high = cursors;
        request.max_bytes = u32::MAX;
    });
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    drop(answer);
    scene.unharmed();
}

#[test]
fn costly_changes_keep_the_writer_busy_for_a_bounded_time_and_the_rest_is_sent_again() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let place = (scene.operations, scene.doc());
    let mut saved: Option<Vec<u8>> = None;
    // A document near its largest size, of labels that no crew has.
    for n in 0..5 {
        let labels: Vec<_> = (0..1_200)
            .map(|m| FieldOp::Put(format!("units.{n:04}{m:028}"), Scalar::Bool(true)))
            .collect();
        let edit = Edit::Fields(&labels);
        let base = saved.as_deref();
        let change = scene.rogue.change(&scene.world, place, incident_part(), base, &edit);
        let candidate =
            sync_core::gates::Candidate { header: &change.header, change: &change.body };
        let admission = sync_core::gates::admit_changes(base, incident_part(), &[candidate]);
        let Some(document) = admission.document.filter(|_| admission.results[0].is_ok()) else {
            break;
        };
        saved = Some(document.saved);
        let result = &scene.rogue.push(&scene.world, &[change])[0];
        assert_eq!(result.verdict, Verdict::Stored, "{result:?}");
    }
    let saved = saved.unwrap();
    assert!(saved.len() > 120_000, "{}", saved.len());
    let edit = [FieldOp::Put("severity".into(), Scalar::Int(9))];
    let envelopes: Vec<_> = (0..120)
        .map(|_| {
            let edit = Edit::Fields(&edit);
            scene.rogue.change(&scene.world, place, incident_part(), Some(&saved), &edit)
        })
        .collect();
    let results = scene.rogue.push(&scene.world, &envelopes);
    let aside = results.iter().filter(|r| r.verdict == Verdict::Quarantined).count();
    let later = results.iter().filter(|r| r.verdict == Verdict::RefusedRetry).count();
    assert!(aside > 10 && later > 10 && aside + later == 120, "{aside} {later}");
    let again = scene.rogue.push(&scene.world, &envelopes);
    let again = again.iter().filter(|r| r.verdict == Verdict::Quarantined).count();
    assert!(again > aside, "it goes on where it stopped");
    scene.unharmed();
}

#[test]
fn one_device_cannot_split_a_document_until_nobody_may_write_to_it() {
    let mut scene = scene(&[Role::PeerSupporter]);
    let (_, _, saved) =
        scene.world.on("amy", |phone, _| phone.drill_document(scene.theirs)).unwrap().unwrap();
    let place = (scene.operations, scene.theirs);
    let mut envelopes = Vec::new();
    for actor_no in 0..256_u16 {
        let header =
            scene.rogue.document(&scene.world, Kind::Change, place.0, place.1, incident_part());
        let header = Header { actor_no, ..header };
        let edit = [FieldOp::Put("personnel_exposed".into(), Scalar::Int(i64::from(actor_no) + 1))];
        let change =
            doc::author(Some(&saved), incident_part(), header.actor(), &Edit::Fields(&edit));
        envelopes.push(scene.rogue.keys.sign_envelope(header, change.unwrap().unwrap()));
    }
    let results = scene.rogue.push(&scene.world, &envelopes);
    let stored = results.iter().filter(|result| result.verdict == Verdict::Stored).count();
    assert_eq!(stored, 1, "the rest do not build on it");
    scene.world.sync_all();
    scene.before = state(&mut scene.world);
    scene.unharmed();
}
