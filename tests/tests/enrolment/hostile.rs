//! A relay that would let in somebody else, or let somebody in twice.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::crypto::DeviceKeys;
use sync_core::directory::{Op, approval_to_sign};
use sync_core::protocol::{PendingEnrolment, VouchedDevice, from_cbor, to_cbor};
use sync_core::records::DeviceClass;
use tests::hostile::{directory, lie, relay_keys};

use super::*;

/// Puts the relay's own keys in the place of those that wait.
fn swap(world: &World) -> usize {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).unwrap();
    let keys = relay_keys(world);
    let swap = "UPDATE OR REPLACE enrolments SET verify_key = ?1, seal_key = ?2";
    database.execute(swap, rusqlite::params![keys.verify_key(), keys.seal_key()]).unwrap()
}

#[test]
fn swapped_keys_are_caught_by_link_code_batch_and_own_invitation() {
    // By link and in a batch.
    for batch in [false, true] {
        let mut world = county();
        let eli = enter(&mut world, "eli");
        let invitation = match batch {
            true => {
                world.on("admin", |phone, env| phone.invite_batch(env, &[eli])).unwrap().remove(0)
            }
            false => world.on("admin", |phone, env| phone.invite(env, eli)).unwrap(),
        };
        world.sync("admin");
        world.begin_as("eli", &invitation, DeviceClass::Native);
        assert_eq!(world.step_in("eli"), Ok(false));
        assert!(swap(&world) >= 1);
        let length = directory(&world).len();
        world.sync("admin");
        assert_eq!(alarms(&mut world, "admin"), [Code::InviteForged]);
        assert_eq!(directory(&world).len(), length);
        assert_eq!(states(&mut world, "admin", eli), [InviteState::Unclaimed]);
        assert_eq!(world.step_in("eli"), Ok(false), "the invited phone asks again");
        world.sync("admin");
        assert_eq!(world.step_in("eli"), Ok(true), "and gets in");
        assert_eq!(alarms(&mut world, "admin"), []);
    }
    // By a typed code: the keys go under the exchanged secret.
    let mut world = county();
    let eli = enter(&mut world, "eli");
    let code = world.on("admin", |phone, env| phone.invite_by_code(env, eli)).unwrap();
    world.sync("admin");
    world.begin_by_code("eli", &code).unwrap();
    assert_eq!(world.step_in("eli"), Ok(false));
    world.sync("admin");
    assert_eq!(world.step_in("eli"), Ok(false));
    assert!(swap(&world) >= 1);
    world.sync("admin");
    assert_eq!(alarms(&mut world, "admin"), [Code::InviteForged]);
    assert_eq!(world.devices_of("admin", eli), 0);
    // A further phone's keys: the member's own phone notices.
    let invitation = world.invite_own("amy");
    world.begin_as("amy2", &invitation, DeviceClass::Native);
    assert_eq!(world.step_in("amy2"), Ok(false));
    assert!(swap(&world) >= 1);
    world.sync("amy");
    assert_eq!(alarms(&mut world, "amy"), [Code::InviteForged]);
    world.sync("admin");
    assert_eq!(world.devices_of("admin", world.member("amy")), 1);
}

#[test]
fn a_relay_in_the_middle_of_a_typed_code_gets_nowhere() {
    let mut world = county();
    let eli = enter(&mut world, "eli");
    let code = world.on("admin", |phone, env| phone.invite_by_code(env, eli)).unwrap();
    world.sync("admin");
    world.begin_by_code("eli", &code).unwrap();
    let honest = world.on("eli", |phone, _| phone.code_request()).unwrap().unwrap();
    // The relay runs the exchange with either side itself, with a guess for the password.
    let guess = sync_core::crypto::TypedCode::parse(&format!("{}0000000", &code[..3])).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let seed = sync_core::crypto::pake::seed(&mut rng);
    let asked = sync_core::crypto::pake::question(&guess, &seed);
    lie(&mut world, "admin", |response| {
        let lookup = honest.lookup;
        response.codes = Some(vec![sync_core::protocol::CodeTry { lookup, message: asked }]);
    })
    .unwrap();
    let (body, _) = world.request("admin");
    let sent: sync_core::protocol::SyncRequest = from_cbor(&tests::unpack(&body)).unwrap();
    let answered = sent.codes.unwrap().remove(0);
    assert!(sync_core::crypto::pake::accept(&guess, &seed, &answered.reply).is_err());
    // What the admin's phone answered to the relay fits the new phone no better.
    let now = world.now();
    let passed_on = sync_core::protocol::CodeAnswer { now, reply: Some(answered.reply) };
    let refused = world.on("eli", |phone, _| phone.code_answer(&passed_on));
    assert_eq!(code_of(refused), Code::CodeWrong);
    assert_eq!(tries(&mut world, "admin"), 1, "the guess cost a try");
    assert_eq!(world.devices_of("admin", eli), 0);
}

#[test]
fn an_invitation_is_single_use_for_fifteen_minutes_and_an_old_answer_brings_nothing() {
    let mut world = county();
    let eli = enter(&mut world, "eli");
    let invitation = world.on("admin", |phone, env| phone.invite(env, eli)).unwrap();
    assert_eq!(invitation.secret.len() * 8, 128);
    assert_eq!(invitation.expires.0 - world.now().0, 15 * 60 * 1000);
    world.sync("admin");
    world.begin_as("eli", &invitation, DeviceClass::Native);
    world.begin_as("thief", &invitation, DeviceClass::Native);
    let replies = ["eli", "thief"].map(|name| {
        let request = world.on(name, |phone, _| phone.enrol_request()).unwrap();
        world.ask_enrol(&request).unwrap();
        PendingEnrolment::from(&request)
    });
    world.sync("admin");
    assert_eq!(world.devices_of("admin", eli), 1, "claimed twice, used once");
    // The relay shows both answers again, and the first one once more, later.
    let length = directory(&world).len();
    for _ in 0..2 {
        lie(&mut world, "admin", |response| response.pending = replies.to_vec()).unwrap();
        world.sync("admin");
        world.wait_minutes(60);
    }
    assert_eq!(directory(&world).len(), length);
    assert_eq!(world.on("admin", |phone, _| phone.status()).unwrap().pending, 0);
    assert_eq!(alarms(&mut world, "admin"), []);
}

#[test]
fn no_secret_of_an_invitation_reaches_the_relay() {
    let mut world = county();
    let eli = enter(&mut world, "eli");
    let link = world.on("admin", |phone, env| phone.invite(env, eli)).unwrap();
    let own = world.invite_own("amy");
    world.sync("admin");
    world.begin_as("eli", &link, DeviceClass::Native);
    world.begin_as("amy2", &own, DeviceClass::Native);
    for name in ["eli", "amy2"] {
        assert_eq!(world.step_in(name), Ok(false));
    }
    world.sync("amy");
    world.sync("admin");
    for secret in [&link.secret, &own.secret] {
        assert!(!world.stands_at_relay(secret.as_slice()));
        let known = sync_core::crypto::invite::lookup(secret);
        assert!(world.stands_at_relay(known.as_slice()), "what is there is found");
    }
}

#[test]
fn one_request_shown_to_two_admins_lets_in_one_device() {
    let mut world = county();
    let invitation = world.invite_own("admin");
    world.begin_as("admin2", &invitation, DeviceClass::Native);
    world.step_in("admin2").unwrap();
    world.sync("admin");
    assert_eq!(world.step_in("admin2"), Ok(true));
    world.sync_all();
    let eli = enter(&mut world, "eli");
    world.sync_all();
    let link = world.on("admin", |phone, env| phone.invite(env, eli)).unwrap();
    world.sync("admin");
    world.begin_as("eli", &link, DeviceClass::Native);
    world.step_in("eli").unwrap();
    // Every admin's phone is shown it; only the one with the secret can answer.
    world.sync("admin2");
    assert_eq!(world.devices_of("admin2", eli), 0);
    assert_eq!(alarms(&mut world, "admin2"), []);
    world.sync("admin");
    world.sync_all();
    assert_eq!(world.step_in("eli"), Ok(true));
    assert_eq!(world.devices_of("admin2", eli), 1);
}

#[test]
fn second_device_that_the_relay_made_up_is_not_seconded() {
    let mut world = county();
    let stranger = DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(9));
    let (amy, team) = (world.member("amy"), directory(&world).team());
    let by = world.device("amy");
    let made_up = |member, signer: &DeviceKeys, by| {
        let op = to_cbor(&Op::Device {
            member,
            verify_key: stranger.verify_key().into(),
            seal_key: stranger.seal_key().into(),
            class: DeviceClass::Native,
            seal_key_2: None,
        });
        let nonce = [4; 16];
        let sig = signer.sign(&approval_to_sign(team, &nonce, &op)).into();
        VouchedDevice { op: op.into(), nonce: nonce.into(), by, sig }
    };
    let relay = relay_keys(&world);
    // Signed by the relay in amy's name, by itself, and by a device that is another member's.
    let rogue = tests::hostile::Rogue::enrol(&mut world, 4, &[Role::PeerSupporter], false);
    let length = directory(&world).len();
    let lies = [
        made_up(amy, &relay, by),
        made_up(amy, &stranger, stranger.device_id()),
        made_up(amy, &rogue.keys, rogue.device()),
    ];
    for vouched in lies {
        lie(&mut world, "admin", |response| response.vouched = Some(vec![vouched])).unwrap();
        world.sync("admin");
        assert_eq!(directory(&world).len(), length);
        assert_eq!(world.on("admin", |phone, _| phone.status()).unwrap().pending, 0);
        assert!(alarms(&mut world, "admin").contains(&Code::ApprovalInvalid));
    }
}

#[test]
fn second_device_never_gets_a_key_before_its_entry_was_vouched_for() {
    let mut world = county();
    let before = world.contact("amy", 25);
    world.sync_all();
    // An admin alone lists a device in amy's name: no node takes the entry, and nobody wraps a key for it.
    let mut rogue = tests::hostile::Rogue::enrol(&mut world, 6, &[], true);
    world.sync_all();
    let spy = DeviceKeys::generate(&mut rogue.rng);
    let op = Op::Device {
        member: world.member("amy"),
        verify_key: spy.verify_key().into(),
        seal_key: spy.seal_key().into(),
        class: DeviceClass::Native,
        seal_key_2: None,
    };
    let space = directory(&world).space();
    let entry = rogue.structure(&world, sync_core::protocol::Kind::Directory, space, to_cbor(&op));
    assert_eq!(rogue.push(&world, &[entry])[0].code, "needs_approval");
    world.sync_all();
    assert!(!unread(&mut world, "amy", before));
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).unwrap();
    let mut statement = database.prepare("SELECT envelope FROM items").unwrap();
    let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    let spy = spy.device_id();
    for bytes in rows {
        let bytes = bytes.unwrap();
        assert!(!bytes.windows(16).any(|window| window == spy.as_bytes()));
    }
}
