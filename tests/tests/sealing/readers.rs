//! Who reads a space, as phones show it, and how further readers come in.

use sync_core::directory::Guest;
use sync_core::engine::NewMember;
use sync_core::ids::SpaceId;
use sync_core::protocol::{Code, Day, Kind, ReaderBody, SpaceOwner, Verdict, to_cbor};
use sync_core::records::{DeviceClass, Role, SpaceKind, Value};
use sync_core::store::MemoryStore;
use tests::hostile::wraps_at_relay;
use tests::{World, form, text};

use super::{PHASE, county, led_by, led_by_but, space_of};

fn unreadable(world: &mut World, name: &str, record: sync_core::ids::DocId) -> bool {
    let notes = world.on(name, |phone, _| phone.notes(record)).expect("notes");
    notes.iter().all(|note| note.unreadable)
}

#[test]
fn every_reader_is_shown_with_the_words_that_their_own_phone_shows() {
    let mut world = county();
    let id = led_by(&mut world, &["amy", "bo"]);
    let space = space_of(&mut world, "amy", id);
    let shown = world.on("amy", |phone, _| phone.readers(space)).expect("readers");
    assert_eq!(shown.len(), 2);
    for name in ["amy", "bo"] {
        let own = world.on(name, |phone, _| (phone.fingerprint(), phone.status().unwrap()));
        let seen = shown.iter().find(|view| view.name.as_deref() == Some(name)).expect("named");
        assert_eq!((seen.member, seen.device), (own.1.member, Some(own.1.device)));
        assert_eq!(seen.fingerprint, own.0);
        assert_eq!(seen.fingerprint.split(' ').count(), 8);
        assert_eq!(seen.class, Some(DeviceClass::Native));
        assert!(seen.past && !seen.recovery);
    }
    assert_ne!(shown[0].fingerprint, shown[1].fingerprint);
    // One who does not read it sees who does, and lets nobody in.
    let (dee, from_cleo) = (world.member("dee"), world.on("cleo", |phone, _| phone.readers(space)));
    assert_eq!(from_cleo.expect("cleo made it"), shown);
    let refused = world.on("cleo", |phone, env| phone.add_reader(env, space, dee, true));
    assert_eq!(refused.unwrap_err().code(), Code::NotAllowed);
}

#[test]
fn a_reader_from_now_on_cannot_open_what_was_before_until_a_holder_gives_the_past_and_both_are_logged()
 {
    let mut world = county();
    let id = led_by(&mut world, &["amy", "bo"]);
    world.write("amy", id, "exploration", 0, "before dee came. ");
    world.sync_all();
    let (space, dee) = (space_of(&mut world, "amy", id), world.member("dee"));
    world.on("amy", |phone, env| phone.add_reader(env, space, dee, false)).expect("let in");
    world.sync_all();
    assert!(unreadable(&mut world, "dee", id), "nothing was written since");
    let views = world.on("bo", |phone, _| phone.readers(space)).expect("readers");
    let late = views.iter().find(|view| view.member == dee).expect("shown");
    assert!(!late.past, "and shown as without the past");

    // Both authors go on in the next document, dee too; dee sees that one alone.
    let end = "before dee came. ".len();
    world.write("amy", id, "exploration", end, "amy after. ");
    world.sync_all();
    world.write("dee", id, "exploration", 0, "dee herself. ");
    world.sync_all();
    world.write("bo", id, "exploration", end, "bo after. ");
    world.sync_all();
    for name in ["amy", "bo"] {
        let shown = world.phase(name, id, PHASE);
        assert_eq!(shown, "before dee came. bo after. dee herself. amy after. ", "{name}");
    }
    assert_eq!(world.phase("dee", id, PHASE), "bo after. dee herself. amy after. ");
    let drafts = world.on("dee", |phone, _| phone.drafts()).expect("drafts");
    assert!(drafts.is_empty(), "{}", world.troubles());

    // A holder gives the past.
    world.on("bo", |phone, env| phone.add_reader(env, space, dee, true)).expect("let in");
    world.sync_all();
    assert_eq!(world.phase("dee", id, PHASE), world.phase("amy", id, PHASE));
    let views = world.on("amy", |phone, _| phone.readers(space)).expect("readers");
    assert!(views.iter().all(|view| view.past));

    // Two signed envelopes say so, in the log of everybody who may read or write there.
    let log = rusqlite::Connection::open(world.folder().join("relay.db")).expect("opens");
    let mut find = log.prepare("SELECT envelope FROM items WHERE space = ?1 ORDER BY seq").unwrap();
    let rows = find.query_map([space.as_bytes()], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    let opener = world.opener();
    let envelopes = rows.map(|row| opener.envelope(&row.unwrap()).unwrap().unwrap());
    let said: Vec<bool> = envelopes
        .filter(|envelope| envelope.header.kind == sync_core::protocol::Kind::Reader)
        .map(|envelope| {
            let body: sync_core::protocol::ReaderBody =
                sync_core::protocol::from_cbor(&envelope.body).unwrap();
            assert_eq!(body.member, dee);
            body.with_past
        })
        .collect();
    assert_eq!(said, [false, true]);
}

#[test]
fn a_reader_from_now_on_sees_of_a_record_what_was_set_since_and_others_see_one_record() {
    let mut world = county();
    let bo = world.member("bo");
    let check_in = world.record(
        "amy",
        "check_in",
        &[("zone", text("reacting")), ("text", text("first words"))],
    );
    let copy =
        world.on("amy", |phone, env| phone.share(env, check_in, &[bo], true)).expect("shared");
    world.sync_all();
    let (space, dee) = (space_of(&mut world, "amy", copy), world.member("dee"));
    world.on("bo", |phone, env| phone.add_reader(env, space, dee, false)).expect("let in");
    world.sync_all();
    world.edit("amy", copy, &[("zone", text("injured"))]);
    world.sync_all();
    for name in ["amy", "bo", "dee"] {
        assert_eq!(
            world.shown(name, copy, "zone"),
            Some(text("injured")),
            "{name} {}",
            world.troubles()
        );
        assert!(world.conflict(name, copy, "zone").is_empty(), "{name}");
    }
    assert_eq!(world.shown("bo", copy, "text"), Some(text("first words")));
    assert_ne!(world.shown("dee", copy, "text"), Some(text("first words")));
    let mine = |world: &mut World, name: &str| {
        world.on(name, |phone, _| phone.list(Some("check_in"), None, 99)).unwrap().len()
    };
    assert_eq!((mine(&mut world, "bo"), mine(&mut world, "dee")), (1, 1), "one record");
}

#[test]
fn a_members_own_care_and_personal_spaces_gain_no_reader() {
    let mut world = county();
    let dee = world.member("dee");
    let contact = form(&[
        ("mode", text("phone")),
        ("issues", tests::set(&["grief"])),
        ("started_at", text("2026-03-01T12:00:00Z")),
        ("duration_min", Value::Int(20)),
    ]);
    let contact = world
        .on("amy", |phone, env| phone.record(env, "peer_contact", &contact))
        .expect("recorded");
    let check_in = world.record("amy", "check_in", &[("zone", text("ready"))]);
    for record in [contact, check_in] {
        let space = space_of(&mut world, "amy", record);
        for past in [true, false] {
            let refused = world.on("amy", |phone, env| phone.add_reader(env, space, dee, past));
            assert_eq!(refused.unwrap_err().code(), Code::NotAllowed);
        }
    }
    world.sync_all();
    assert!(world.on("dee", |phone, _| phone.list(None, None, 99)).unwrap().iter().all(|view| {
        view.kind != "check_in" && !matches!(view.fields.get("issues"), Some(f) if f.value != Value::Set(Default::default()))
    }));
}

/// gus, a guest for two days, leads with amy; the space of their note.
fn guest_leads(world: &mut World) -> (sync_core::ids::DocId, SpaceId) {
    let until = Day(world.now().day().0 + 2);
    let kinds = [SpaceKind::Operations, SpaceKind::Roster, SpaceKind::Session];
    let guest = Guest { until, spaces: kinds.map(|kind| kind as u8).to_vec() };
    let new = NewMember {
        name: Some("gus".into()),
        roles: vec![Role::PeerSupporter],
        guest: Some(guest),
        ..NewMember::default()
    };
    let invitation = world.invite_new(new);
    world.let_in("gus", Box::new(MemoryStore::new()), &invitation);
    world.sync_all();
    let id = led_by(world, &["amy", "gus"]);
    world.write("amy", id, "exploration", 0, "while gus is here. ");
    world.sync_all();
    assert_eq!(world.phase("gus", id, PHASE), "while gus is here. ");
    (id, space_of(world, "amy", id))
}

#[test]
fn a_guest_whose_time_ended_is_sealed_nothing_more_and_the_key_is_replaced_on_the_day_after() {
    let mut world = county();
    let (id, space) = guest_leads(&mut world);
    let of_gus = world.on("gus", |phone, _| phone.status()).unwrap().device;
    let epochs = |world: &mut World| {
        world.on("amy", |phone, _| phone.session_epochs(id)).expect("a session")[0]
    };
    let (before, given) = (epochs(&mut world), wraps_at_relay(&world, of_gus));
    world.wait_minutes(2 * 24 * 60);
    world.sync_all();
    assert_eq!(epochs(&mut world), before, "the last day is theirs");
    world.wait_minutes(24 * 60);
    world.sync_all_but("gus");
    assert_eq!(epochs(&mut world), before + 1, "{}", world.troubles());
    world.on("amy", |phone, env| phone.rotate(env, space)).expect("renewed");
    world.sync_all_but("gus");
    assert_eq!(epochs(&mut world), before + 2, "and no further one");
    assert_eq!(wraps_at_relay(&world, of_gus), given, "no key of these is theirs");
}

#[test]
fn a_guest_whose_time_ended_is_let_in_nowhere() {
    let mut world = county();
    guest_leads(&mut world);
    let (gus, amy, dee) = (world.member("gus"), world.member("amy"), world.member("dee"));
    let mut rogue = tests::hostile::Rogue::enrol(&mut world, 5, &[Role::PeerSupporter], false);
    let readers = [rogue.member, dee];
    let (keyed, made) = rogue.keyed_space(&world, SpaceKind::Shared, SpaceOwner::Team, &readers);
    rogue.push(&world, &made);
    world.wait_minutes(3 * 24 * 60);
    world.sync_all_but("gus");
    // A phone that obeys is told so before it makes anything.
    let other = led_by_but(&mut world, &["amy"], "gus");
    let space = space_of(&mut world, "amy", other);
    let refused = world.on("amy", |phone, env| phone.add_reader(env, space, gus, true));
    assert_eq!(refused.unwrap_err().code(), Code::GuestEnded);
    let refused = world.on("amy", |phone, env| phone.assign(env, other, &[gus]));
    assert_eq!(refused.unwrap_err().code(), Code::GuestEnded);
    let fresh = world.record("amy", "intervention", &[("kind", text("defusing"))]);
    let refused = world.on("amy", |phone, env| phone.assign(env, fresh, &[gus]));
    assert_eq!(refused.unwrap_err().code(), Code::GuestEnded, "nor into a space made for them");
    // One that does not is refused by the relay.
    let body = to_cbor(&ReaderBody { member: gus, with_past: true, from: None });
    let reader = rogue.structure(&world, Kind::Reader, keyed.space, body);
    let result = rogue.push(&world, &[reader]).remove(0);
    assert_eq!((result.verdict, result.code.as_str()), (Verdict::Quarantined, "guest_ended"));
    let readers = [rogue.member, amy, gus];
    let owner = SpaceOwner::Team;
    let (_, made) = rogue.keyed_space(&world, SpaceKind::Shared, owner, &readers);
    let result = rogue.push(&world, &made[..1]).remove(0);
    assert_eq!((result.verdict, result.code.as_str()), (Verdict::RefusedFinal, "guest_ended"));
}

#[test]
fn a_note_that_a_guest_was_to_read_keeps_its_space_when_it_comes_after_their_time() {
    let mut world = county();
    guest_leads(&mut world);
    let leads = [world.member("amy"), world.member("gus")];
    let id = world.record("amy", "intervention", &[("kind", text("defusing"))]);
    world.on("amy", |phone, env| phone.assign(env, id, &leads)).expect("assigned");
    world.write("amy", id, "exploration", 0, "in time");
    world.wait_minutes(3 * 24 * 60);
    world.sync_all_but("gus");
    let drafts = world.on("amy", |phone, _| phone.drafts()).expect("drafts");
    assert!(drafts.is_empty(), "{}", world.troubles());
    let dee = world.member("dee");
    world.on("amy", |phone, env| phone.assign(env, id, &[dee])).expect("assigned");
    world.sync_all_but("gus");
    assert_eq!(world.phase("dee", id, PHASE), "in time");
}
