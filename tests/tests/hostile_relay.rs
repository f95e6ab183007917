//! A relay that lies, with the real relay's key and database: phones refuse, raise the right alarm, lose nothing,
//! and go on once an honest relay answers again.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::crypto::{DeviceKeys, EpochSecret};
use sync_core::directory::Op;
use sync_core::ids::{Chain, DocId, EnvelopeId, MemberId, RelayId, SpaceId};
use sync_core::protocol::{
    Code, Day, Envelope, EpochBody, Kind, Priority, PushResult, ReaderBody, SpaceBody, SpaceItem,
    SpaceItems, SpaceOwner, Suite, SyncRequest, SyncResponse, Timestamp, Verdict, WrapBody,
    from_cbor, next_chain, to_cbor,
};
use sync_core::records::{DeviceClass, PolicyProfile, Role, SpaceKind, Value};
use tests::hostile::{
    Rogue, alarms, directory, lie, open_answer, open_space, relay_keys, sign_answer, take,
};
use tests::{World, set, text, unpack};

fn county() -> World {
    let mut world = World::new(7, PolicyProfile::neutral());
    world.join("amy", &[Role::PeerSupporter]);
    world.join("bo", &[Role::FacilitatorMhp]);
    world.join("cleo", &[Role::Coordinator]);
    world.sync_all();
    world
}

fn incident(world: &mut World, name: &str) -> DocId {
    let fields =
        [("type", set(&["failed_rescue"])), ("occurred_end", text("2026-03-01T12:00:00Z"))];
    world.record(name, "incident", &fields)
}

/// What a phone would push next, without sending it.
fn pushed(world: &mut World, name: &str) -> Vec<Envelope> {
    let (body, _) = world.request(name);
    let request: SyncRequest = from_cbor(&unpack(&body)).unwrap();
    request.push.iter().map(|packed| request.batch.unpack(packed).unwrap()).collect()
}

fn pending(world: &mut World, name: &str) -> u64 {
    world.on(name, |phone, _| phone.status()).unwrap().pending
}

/// Recomputes the chain of a log page after it was altered.
fn rechain(response: &mut SyncResponse, at: usize, from: Chain, start: u64) {
    let batch = response.batch.clone();
    let items = &mut response.spaces[at];
    items.chain = items.items.iter().fold(from, |chain, item| match item {
        SpaceItem::Envelope { directory_seq, row_day, packed } => {
            next_chain(chain, batch.claimed_id(packed).unwrap(), *directory_seq, *row_day)
        }
        SpaceItem::Own { directory_seq, row_day, id }
        | SpaceItem::Stub { directory_seq, row_day, id, .. } => {
            next_chain(chain, *id, *directory_seq, *row_day)
        }
    });
    items.seq = start + items.items.len() as u64;
}

/// Where a phone stands in a space's log.
fn cursor(world: &mut World, name: &str, space: SpaceId) -> (u64, Chain) {
    world.on(name, |phone, _| phone.drill_cursor(space)).unwrap()
}

/// Serves one envelope as the next item of a space's log.
fn serve(
    world: &mut World,
    name: &str,
    space: SpaceId,
    envelope: &Envelope,
) -> Result<sync_core::engine::SyncOutcome, Code> {
    let (seq, chain) = cursor(world, name, space);
    let (directory_seq, row_day) = (directory(world).len(), world.now().day());
    lie(world, name, |response| {
        let packed = response.batch.pack(envelope);
        response.spaces.retain(|items| items.space != space);
        response.spaces.push(SpaceItems {
            space,
            items: vec![SpaceItem::Envelope { directory_seq, row_day, packed }],
            seq: seq + 1,
            chain: next_chain(chain, envelope.id(), directory_seq, row_day),
            more: false,
        });
    })
}

/// A sealed space announced with these keys, whoever they belong to, and the secret of its first epoch.
fn forged_space(
    world: &World,
    keys: &DeviceKeys,
    kind: SpaceKind,
    owner: SpaceOwner,
    readers: &[MemberId],
) -> Envelope {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let (_, public) = EpochSecret::generate(Suite::X25519, &mut rng);
    let body = to_cbor(&SpaceBody {
        kind: kind as u8,
        owner,
        readers: readers.to_vec(),
        suite: Suite::X25519,
        epoch_key: public.into(),
        wraps: Vec::new(),
    });
    let mut header = sync_core::protocol::Header {
        kind: Kind::Space,
        priority: Priority::Structure,
        schema: 0,
        record: 0,
        space: SpaceId::ZERO,
        doc: DocId::ZERO,
        device: keys.device_id(),
        device_seq: 1,
        actor_no: 0,
        day: world.now().day(),
        directory_seq: directory(world).len(),
        directory_hash: directory(world).head(),
        body_hash: [0; 32],
    };
    header.set_body(&body);
    header.space = header.derived_space();
    keys.sign_envelope(header, body)
}

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
    let own = incident(&mut world, "cleo");
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
    let id = incident(&mut world, "bo");
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
    let id = incident(&mut world, "amy");
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
fn an_empty_page_moves_no_cursor() {
    let mut world = county();
    let operations = open_space(&world, SpaceKind::Operations, None);
    let (seq, chain) = cursor(&mut world, "amy", operations);
    for claimed in [seq + 1, u64::MAX, u64::MAX - 1] {
        lie(&mut world, "amy", |response| {
            response.spaces = vec![SpaceItems {
                space: operations,
                items: Vec::new(),
                seq: claimed,
                chain,
                more: false,
            }];
        })
        .unwrap();
    }
    let id = incident(&mut world, "bo");
    world.sync_all();
    assert_eq!(world.shown("amy", id, "source"), Some(text("manual")), "{}", world.troubles());
}

/// Alters the page that brings amy bo's incident; it must not be taken, nor stand in the way of the honest one.
fn altered_page(alter: impl Fn(&mut SyncResponse, usize)) -> (World, DocId) {
    let mut world = county();
    let id = incident(&mut world, "bo");
    world.sync("bo");
    world.edit("bo", id, &[("severity", Value::Int(2))]);
    world.sync("bo");
    let operations = open_space(&world, SpaceKind::Operations, None);
    let outcome = lie(&mut world, "amy", |response| {
        let at = response.spaces.iter().position(|items| items.space == operations).unwrap();
        alter(response, at);
    });
    if let Ok(outcome) = outcome {
        assert_eq!(outcome.received, 0);
        assert!(!alarms(&mut world, "amy").is_empty());
    }
    assert_eq!(world.shown("amy", id, "severity"), None);
    world.sync_all();
    assert_eq!(world.shown("amy", id, "severity"), Some(Value::Int(2)), "{}", world.troubles());
    (world, id)
}

#[test]
fn a_page_that_is_reordered_cut_doubled_or_miscounted_is_not_taken_and_the_honest_one_is() {
    altered_page(|response, at| response.spaces[at].items.reverse());
    altered_page(|response, at| drop(response.spaces[at].items.pop()));
    altered_page(|response, at| drop(response.spaces[at].items.remove(0)));
    altered_page(|response, at| {
        let again = response.spaces[at].items[0].clone();
        response.spaces[at].items.push(again);
    });
    altered_page(|response, at| response.spaces[at].seq += 1);
    altered_page(|response, at| response.spaces[at].chain = Chain::new([3; 32]));
    altered_page(|response, at| match &mut response.spaces[at].items[0] {
        SpaceItem::Envelope { row_day, .. } => row_day.0 += 1,
        _ => panic!("bo's envelope"),
    });
}

/// The packed envelope of a page's first item, altered byte for byte in its CBOR.
fn flip(response: &mut SyncResponse, at: usize, pick: impl Fn(&[u8]) -> usize) {
    let SpaceItem::Envelope { packed, .. } = &mut response.spaces[at].items[0] else {
        panic!("an envelope")
    };
    let mut bytes = to_cbor(packed);
    let place = pick(&bytes);
    bytes[place] ^= 1;
    *packed = from_cbor(&bytes).unwrap();
}

#[test]
fn a_flipped_bit_in_a_served_header_or_body_is_not_taken_and_the_honest_item_is() {
    // CBOR: array head, byte string head of two bytes, header of 77 bytes, index, byte string head, signature, body.
    altered_page(|response, at| flip(response, at, |_| 3 + 50));
    altered_page(|response, at| flip(response, at, |bytes| bytes.len() - 1));
}

#[test]
fn an_item_whose_signature_does_not_match_is_set_aside_with_an_alarm_and_the_log_goes_on() {
    // The signature alone, and the author's day with a chain that agrees.
    for place in [3 + 77 + 1 + 2 + 10, 3 + 68] {
        let mut world = county();
        let id = incident(&mut world, "bo");
        let other = incident(&mut world, "bo");
        world.sync("bo");
        let operations = open_space(&world, SpaceKind::Operations, None);
        lie(&mut world, "amy", |response| {
            let at = response.spaces.iter().position(|items| items.space == operations).unwrap();
            flip(response, at, |_| place);
            rechain(response, at, Chain::EMPTY, 0);
        })
        .unwrap();
        assert_eq!(world.shown("amy", id, "source"), None);
        assert_eq!(world.shown("amy", other, "source"), Some(text("manual")));
        assert!(alarms(&mut world, "amy").contains(&Code::BadSignature));
        let drafts = world.on("amy", |phone, _| phone.drafts()).unwrap();
        assert!(drafts.iter().any(|draft| draft.code == Code::BadSignature && !draft.own));
        // Whoever wrote it still has it.
        assert_eq!(world.shown("bo", id, "source"), Some(text("manual")));
    }
}

#[test]
fn a_row_that_claims_another_directory_state_is_not_taken() {
    for claimed in [0, 1, u64::MAX] {
        altered_page(move |response, at| {
            for item in &mut response.spaces[at].items {
                if let SpaceItem::Envelope { directory_seq, .. } = item {
                    *directory_seq = claimed;
                }
            }
            rechain(response, at, Chain::EMPTY, 0);
        });
    }
}

#[test]
fn an_item_moved_from_another_space_is_not_taken() {
    let mut world = county();
    let id = incident(&mut world, "bo");
    world.sync("bo");
    let (operations, roster) = (
        open_space(&world, SpaceKind::Operations, None),
        open_space(&world, SpaceKind::Roster, None),
    );
    let (seq, chain) = cursor(&mut world, "amy", roster);
    lie(&mut world, "amy", |response| {
        response.spaces.retain(|items| items.space == operations);
        response.spaces[0].space = roster;
        rechain(response, 0, chain, seq);
    })
    .unwrap();
    assert!(!alarms(&mut world, "amy").is_empty());
    world.sync_all();
    assert_eq!(world.shown("amy", id, "source"), Some(text("manual")), "{}", world.troubles());
}

#[test]
fn an_answer_is_taken_only_for_its_own_request_and_only_from_the_key_that_signed_it() {
    let mut world = county();
    incident(&mut world, "amy");
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
    let theirs = incident(&mut world, "bo");
    world.sync("bo");
    incident(&mut world, "amy");
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
    let id = incident(&mut world, "amy");
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
    let id = incident(&mut world, "amy");
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
    let later = incident(&mut world, "bo");
    world.sync_all();
    assert_eq!(world.shown("amy", later, "source"), Some(text("manual")), "{}", world.troubles());
}

#[test]
fn an_own_envelope_served_whole_leaves_the_outbox_like_any_other() {
    let mut world = county();
    incident(&mut world, "amy");
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

/// A directory entry on top of the phones' head, signed with these keys.
fn entry(world: &World, keys: &DeviceKeys, op: &Op) -> Envelope {
    let directory = directory(world);
    let header = sync_core::protocol::Header {
        kind: Kind::Directory,
        priority: Priority::First,
        schema: 0,
        record: 0,
        space: directory.space(),
        doc: DocId::ZERO,
        device: keys.device_id(),
        device_seq: 1_000 + directory.len(),
        actor_no: 0,
        day: world.now().day(),
        directory_seq: directory.len(),
        directory_hash: directory.head(),
        body_hash: [0; 32],
    };
    keys.sign_envelope(header, to_cbor(op))
}

fn spy(world: &World, keys: &DeviceKeys) -> Op {
    Op::Device {
        member: world.member("cleo"),
        verify_key: keys.verify_key().into(),
        seal_key: keys.seal_key().into(),
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
        let forged = entry(&world, keys, &spy(&world, &spied));
        serve(&mut world, "cleo", space, &forged).unwrap();
        assert!(alarms(&mut world, "cleo").contains(&Code::DirectoryForged));
        assert_eq!(world.on("cleo", |phone, _| phone.status()).unwrap().directory_seq, length);
    }
    let id = incident(&mut world, "cleo");
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
        roles: vec![Role::PeerSupporter],
        admin: false,
        unit: None,
        supervises: Vec::new(),
    };
    let shown_to_amy = entry(&world, &admin.keys, &member(1));
    serve(&mut world, "amy", space, &shown_to_amy).unwrap();
    let length = world.on("amy", |phone, _| phone.status()).unwrap().directory_seq;
    assert_eq!(length, directory(&world).len() + 1, "it is an admin's entry");
    // Everybody else gets another entry in its place.
    world.on("admin", |phone, env| {
        let new = sync_core::engine::NewMember {
            name: None,
            roles: vec![Role::Responder],
            admin: false,
            unit: None,
            supervises: Vec::new(),
        };
        phone.add_member(env, new).unwrap()
    });
    world.sync("admin");
    world.sync("bo");
    let from_bo = incident(&mut world, "bo");
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
        Envelope::from_bytes(&bytes).unwrap()
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
    let id = incident(&mut world, "dee");
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
        (Kind::Reader, to_cbor(&ReaderBody { member: rogue.member, with_past: true })),
        (
            Kind::Epoch,
            to_cbor(&EpochBody {
                suite: Suite::X25519,
                epoch_key: public.into(),
                replaces: Vec::new(),
                wraps: Vec::new(),
            }),
        ),
        (Kind::Wrap, to_cbor(&WrapBody { keys: Vec::new() })),
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
    let admin = sync_core::engine::NewMember {
        name: None,
        roles: Vec::new(),
        admin: true,
        unit: None,
        supervises: Vec::new(),
    };
    let store = Box::new(sync_core::store::MemoryStore::new());
    let profile = PolicyProfile::neutral();
    let mut phone =
        sync_core::engine::Phone::create_team(store, &mut env, tests::ORIGIN, profile, admin)
            .unwrap();
    let other = DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(78));
    let pending = phone.status().unwrap().pending;
    for keys in [relay_keys(&world), other] {
        let body = tests::pack(&to_cbor(&phone.sync_request(&mut env).unwrap()));
        let response = SyncResponse {
            relay: RelayId::new(keys.verify_key()),
            incarnation: sync_core::ids::IncarnationId::new([1; 16]),
            now: world.now(),
            need_cursors: false,
            results: Vec::new(),
            batch: sync_core::protocol::Batch::new(),
            spaces: Vec::new(),
            gone: Vec::new(),
            reset: Vec::new(),
            backup_through: 0,
            pending: Vec::new(),
        };
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
    );
    world.sync_all();
    assert!(directory(&world).device(&honest.device_id()).is_some(), "the invited phone gets in");
    assert!(!alarms(&mut world, "admin").contains(&Code::InviteForged));
}

#[test]
fn extreme_numbers_and_a_hundred_thousand_items_neither_panic_nor_stick() {
    let mut world = county();
    let operations = open_space(&world, SpaceKind::Operations, None);
    for now in [i64::MIN, i64::MAX, 0] {
        lie(&mut world, "amy", |response| response.now = Timestamp(now)).unwrap();
        incident(&mut world, "amy");
        world.sync("amy");
    }
    let (seq, chain) = cursor(&mut world, "amy", operations);
    let started = std::time::Instant::now();
    for (directory_seq, day) in [(u64::MAX, u32::MAX), (0, 0)] {
        lie(&mut world, "amy", |response| {
            let mut end = chain;
            let items: Vec<_> = (0..100_000_u32)
                .map(|n| {
                    let mut id = [0; 32];
                    id[..4].copy_from_slice(&n.to_be_bytes());
                    let id = EnvelopeId::new(id);
                    end = next_chain(end, id, directory_seq, Day(day));
                    SpaceItem::Stub {
                        directory_seq,
                        row_day: Day(day),
                        id,
                        device: sync_core::ids::DeviceId::new([1; 16]),
                        device_seq: u64::MAX,
                        code: "no such code".repeat(3),
                    }
                })
                .collect();
            let seq = seq + items.len() as u64;
            response.spaces =
                vec![SpaceItems { space: operations, items, seq, chain: end, more: true }];
        })
        .unwrap();
    }
    assert!(started.elapsed().as_secs() < 60);
    for result in [u64::MAX, 0] {
        incident(&mut world, "amy");
        lie(&mut world, "amy", |response| {
            for pushed in &mut response.results {
                (pushed.seq, pushed.code) = (result, "x".repeat(100_000));
            }
            response.spaces.clear();
            response.backup_through = u64::MAX;
        })
        .unwrap();
    }
    let id = incident(&mut world, "amy");
    world.exchange("amy").unwrap();
    world.sync("cleo");
    assert_eq!(world.shown("cleo", id, "source"), Some(text("manual")));
}

#[test]
fn a_relay_that_promises_more_or_asks_again_without_end_is_asked_no_more() {
    let mut world = county();
    world.sync_all();
    let outcome = lie(&mut world, "amy", |response| {
        let operations = response.spaces.first().map(|items| items.space);
        let space = operations.unwrap_or(SpaceId::new([5; 16]));
        let (seq, chain, items) = (9, Chain::new([9; 32]), Vec::new());
        response.spaces = vec![SpaceItems { space, items, seq, chain, more: true }];
    });
    assert!(!outcome.unwrap().again, "nothing of it could be taken");
    let ask = |response: &mut SyncResponse| response.need_cursors = true;
    assert!(lie(&mut world, "amy", ask).unwrap().again, "the list is sent once");
    assert!(!lie(&mut world, "amy", ask).unwrap().again, "and not again at once");
    world.sync_all();
}
