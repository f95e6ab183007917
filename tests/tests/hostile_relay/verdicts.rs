//! Answers, acknowledgements and refusals that are not what they claim.

use super::*;

#[test]
fn a_claim_that_a_shared_space_exists_moves_nothing_into_another_space() {
    let mut world = county();
    let (bo, cleo) = (world.member("bo"), world.member("cleo"));
    let own = world.record("amy", "check_in", &[("zone", text("injured"))]);
    world.on("amy", |phone, env| phone.share(env, own, &[cleo], false)).unwrap();
    world.sync_all();
    let copy = world.on("amy", |phone, env| phone.share(env, own, &[bo], true)).unwrap();
    lie(&mut world, "amy", |response| {
        for result in &mut response.results {
            (result.verdict, result.code) = (Verdict::RefusedFinal, "space_exists".into());
        }
        response.spaces.clear();
    })
    .unwrap();
    world.sync_all();
    assert_eq!(world.shown("cleo", copy, "zone"), None);
    let seen = world.on("cleo", |phone, _| phone.list(Some("check_in"), None, 10)).unwrap();
    assert_eq!(seen.len(), 1, "cleo sees what was shown to cleo and nothing else");
    assert_eq!(world.shown("amy", own, "zone"), Some(text("injured")));
}

#[test]
fn a_verdict_or_stub_on_what_was_taken_before_changes_no_document() {
    let mut world = county();
    let id = world.incident("bo");
    world.sync_all();
    world.edit("amy", id, &[("severity", Value::Int(4))]);
    world.sync_all();
    let before = world.on("amy", |phone, _| phone.heads()).unwrap();
    let operations = open_space(&world, SpaceKind::Operations, None);
    let ids: Vec<EnvelopeId> = {
        let database = rusqlite::Connection::open(world.folder().join("relay.db")).unwrap();
        let mut statement = database.prepare("SELECT id FROM items WHERE space = ?1").unwrap();
        let rows = statement.query_map([operations.as_bytes()], |row| row.get(0)).unwrap();
        rows.map(|row| EnvelopeId::new(row.unwrap())).collect()
    };
    assert!(ids.len() >= 2);
    lie(&mut world, "amy", |response| {
        for (id, verdict) in ids.iter().zip([Verdict::RefusedFinal, Verdict::Purged].iter().cycle())
        {
            response.results.push(PushResult {
                id: *id,
                verdict: *verdict,
                seq: 0,
                chain: Chain::EMPTY,
                code: "not_allowed".into(),
            });
        }
    })
    .unwrap();
    assert_eq!(world.on("amy", |phone, _| phone.heads()).unwrap(), before, "by verdict");

    let (seq, chain) = cursor(&mut world, "amy", operations);
    let (directory_seq, row_day) = (directory(&world).len(), world.now().day());
    let device = directory(&world).devices().next().unwrap().id;
    lie(&mut world, "amy", |response| {
        let items: Vec<_> = ids
            .iter()
            .map(|id| SpaceItem::Stub {
                directory_seq,
                row_day,
                id: *id,
                device,
                device_seq: 1,
                code: "change_hostile".into(),
            })
            .collect();
        let chain =
            ids.iter().fold(chain, |chain, id| next_chain(chain, *id, directory_seq, row_day));
        let seq = seq + items.len() as u64;
        response.spaces.push(SpaceItems { space: operations, items, seq, chain, more: false });
    })
    .unwrap();
    assert_eq!(world.on("amy", |phone, _| phone.heads()).unwrap(), before, "by stub");
    assert!(alarms(&mut world, "amy").contains(&Code::RelayChanged));
}

#[test]
fn an_edit_that_was_stored_but_told_to_be_refused_comes_back_and_its_author_goes_on() {
    let mut world = county();
    let id = world.incident("amy");
    world.sync_all();
    world.edit("amy", id, &[("severity", Value::Int(3))]);
    lie(&mut world, "amy", |response| {
        for result in &mut response.results {
            (result.verdict, result.code) = (Verdict::Quarantined, "change_hostile".into());
        }
        response.spaces.clear();
    })
    .unwrap();
    let drafts = world.on("amy", |phone, _| phone.drafts()).unwrap();
    assert_eq!(drafts.len(), 1);
    assert_eq!(drafts[0].values.get("severity"), Some(&Value::Int(3)), "the value is kept");
    world.edit("amy", id, &[("personnel_exposed", Value::Int(9))]);
    world.sync_all();
    world.edit("amy", id, &[("personnel_exposed", Value::Int(12))]);
    world.sync_all();
    for name in ["amy", "cleo"] {
        assert_eq!(world.shown(name, id, "severity"), Some(Value::Int(3)), "{name}");
        assert_eq!(world.shown(name, id, "personnel_exposed"), Some(Value::Int(12)), "{name}");
    }
    let heads = world.on("amy", |phone, _| phone.heads()).unwrap();
    let others = world.on("cleo", |phone, _| phone.heads()).unwrap();
    assert!(heads.iter().any(|(place, found)| place.1 == id && others[place] == *found));
}

#[test]
fn an_answer_is_taken_only_for_its_own_request_and_only_from_the_key_that_signed_it() {
    let mut world = county();
    world.incident("amy");
    let (first, token) = world.request("amy");
    let answer = unpack(&world.relay.sync(&token, &first).unwrap());
    world.wait_minutes(1);
    let (second, _) = world.request("amy");
    assert_eq!(take(&mut world, "amy", &second, &answer), Err(Code::BadSignature));
    for at in (0..answer.len()).step_by(answer.len() / 60 + 1) {
        let mut altered = answer.clone();
        altered[at] ^= 1;
        let error = take(&mut world, "amy", &first, &altered).unwrap_err();
        assert!(matches!(error, Code::BadSignature | Code::Malformed), "byte {at}: {error}");
        assert!(take(&mut world, "amy", &first, &answer[..at]).is_err(), "cut at {at}");
    }
    assert!(pending(&mut world, "amy") > 0);
    take(&mut world, "amy", &first, &answer).unwrap();
    assert_eq!(pending(&mut world, "amy"), 0);
}

#[test]
fn another_key_in_the_relays_place_is_told_and_gets_no_acknowledgement_believed() {
    let mut world = county();
    let theirs = world.incident("bo");
    world.sync("bo");
    world.incident("amy");
    let before = pending(&mut world, "amy");
    let other = DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(77));
    let (body, token) = world.request("amy");
    let (_, mut response) = open_answer(&world.relay.sync(&token, &body).unwrap());
    response.relay = RelayId::new(other.verify_key());
    let answer = sign_answer(&other, &body, &response);
    let outcome = take(&mut world, "amy", &body, &answer).unwrap();
    assert_eq!((outcome.stored, outcome.received, outcome.again), (0, 0, false));
    assert_eq!(pending(&mut world, "amy"), before);
    assert!(alarms(&mut world, "amy").contains(&Code::RelayUnlisted));
    world.sync_all();
    assert_eq!(pending(&mut world, "amy"), 0);
    assert_eq!(world.shown("amy", theirs, "source"), Some(text("manual")));
}

#[test]
fn results_for_what_was_never_pushed_or_twice_change_nothing() {
    let mut world = county();
    let id = world.incident("amy");
    lie(&mut world, "amy", |response| {
        for result in &mut response.results {
            result.id = EnvelopeId::new([9; 32]);
        }
        let again = response.results.clone();
        response.results.extend(again);
        response.spaces.clear();
    })
    .unwrap();
    assert!(pending(&mut world, "amy") > 0, "what was not acknowledged is sent again");
    world.sync_all();
    assert_eq!(pending(&mut world, "amy"), 0);
    assert_eq!(world.shown("cleo", id, "source"), Some(text("manual")));
}

#[test]
fn what_was_acknowledged_at_a_place_and_then_left_out_of_the_log_is_noticed() {
    let mut world = county();
    let operations = open_space(&world, SpaceKind::Operations, None);
    let id = world.incident("amy");
    world.exchange("bo").unwrap();
    lie(&mut world, "amy", |response| response.spaces.clear()).unwrap();
    assert_eq!(pending(&mut world, "amy"), 0);
    // Another item stands where amy's was acknowledged.
    let (seq, chain) = cursor(&mut world, "amy", operations);
    let (directory_seq, row_day) = (directory(&world).len(), world.now().day());
    lie(&mut world, "amy", |response| {
        let (other, code) = (EnvelopeId::new([1; 32]), "malformed".to_owned());
        let device = sync_core::ids::DeviceId::new([2; 16]);
        let items =
            vec![
                SpaceItem::Stub { directory_seq, row_day, id: other, device, device_seq: 1, code };
                1
            ];
        let chain = next_chain(chain, other, directory_seq, row_day);
        response.spaces =
            vec![SpaceItems { space: operations, items, seq: seq + 1, chain, more: false }];
    })
    .unwrap();
    assert!(alarms(&mut world, "amy").contains(&Code::RelayChanged));
    world.sync_all();
    assert_eq!(world.shown("amy", id, "source"), Some(text("manual")));
    assert_eq!(world.shown("cleo", id, "source"), Some(text("manual")));
    let later = world.incident("bo");
    world.sync_all();
    assert_eq!(world.shown("amy", later, "source"), Some(text("manual")), "{}", world.troubles());
}

#[test]
fn an_own_envelope_served_whole_leaves_the_outbox_like_any_other() {
    let mut world = county();
    world.incident("amy");
    let own = pushed(&mut world, "amy");
    let operations = open_space(&world, SpaceKind::Operations, None);
    lie(&mut world, "amy", |response| {
        response.results.clear();
        let at = response.spaces.iter().position(|items| items.space == operations).unwrap();
        let mut batch = response.batch.clone();
        for item in &mut response.spaces[at].items {
            if let SpaceItem::Own { directory_seq, row_day, id } = *item {
                let envelope = own.iter().find(|envelope| envelope.id() == id).unwrap();
                let packed = batch.pack(envelope);
                *item = SpaceItem::Envelope { directory_seq, row_day, packed };
            }
        }
        response.batch = batch;
    })
    .unwrap();
    world.sync("amy");
    assert_eq!(pending(&mut world, "amy"), 0);
}

#[test]
fn an_own_item_the_phone_never_wrote_shows_as_a_clone() {
    let mut world = county();
    let operations = open_space(&world, SpaceKind::Operations, None);
    let (seq, chain) = cursor(&mut world, "amy", operations);
    let (directory_seq, row_day, id) =
        (directory(&world).len(), world.now().day(), EnvelopeId::new([4; 32]));
    lie(&mut world, "amy", |response| {
        response.spaces = vec![SpaceItems {
            space: operations,
            items: vec![SpaceItem::Own { directory_seq, row_day, id }],
            seq: seq + 1,
            chain: next_chain(chain, id, directory_seq, row_day),
            more: false,
        }];
    })
    .unwrap();
    assert!(alarms(&mut world, "amy").contains(&Code::DeviceCloned));
}
