//! Typed codes: let in by ten characters, and what a wrong one costs.

use sync_core::records::DeviceClass;

use super::*;

/// Eli is entered, and a code is shown on the admin's phone.
fn shown() -> (World, MemberId, String) {
    let mut world = county();
    let eli = enter(&mut world, "eli");
    let code = world.on("admin", |phone, env| phone.invite_by_code(env, eli)).unwrap().to_string();
    world.sync("admin");
    (world, eli, code)
}

/// The same code but for its last character.
fn mistyped(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &code[..code.len() - 1])
}

#[test]
fn a_typed_code_lets_a_phone_in_which_shows_as_unchecked_until_its_fingerprint_was_compared() {
    let (mut world, eli, code) = shown();
    world.begin_by_code("eli", &code.to_lowercase().replace('-', " ")).unwrap();
    assert_eq!(world.step_in("eli"), Ok(false));
    world.sync("admin");
    assert_eq!(world.step_in("eli"), Ok(false), "it answered with its keys");
    world.sync("admin");
    assert_eq!(world.step_in("eli"), Ok(true));
    world.sync_all();
    assert_eq!(world.member("eli"), eli);
    let device = world.device("eli");
    assert!(!world.device_view("admin", device).unwrap().checked);
    assert!(world.device_view("amy", device).unwrap().checked, "known to the inviting phone only");
    assert_eq!(states(&mut world, "admin", eli), [InviteState::Claimed]);
    world.on("admin", |phone, _| phone.mark_checked(device)).unwrap();
    assert!(world.device_view("admin", device).unwrap().checked);
    calm(&mut world, &["admin", "eli", "amy"]);
    world.record("eli", "check_in", &[("zone", text("ready"))]);
}

#[test]
fn a_typed_code_lets_in_a_members_own_second_device_too() {
    let mut world = county();
    let amy = world.member("amy");
    let code = world.on("amy", |phone, env| phone.invite_by_code(env, amy)).unwrap().to_string();
    world.sync("amy");
    world.begin_by_code("amy2", &code).unwrap();
    for _ in 0..2 {
        assert_eq!(world.step_in("amy2"), Ok(false));
        world.sync("amy");
    }
    world.sync("admin");
    assert_eq!(world.step_in("amy2"), Ok(true));
    assert_eq!(world.member("amy2"), amy);
    let device = world.device("amy2");
    world.sync_all();
    assert!(!world.device_view("amy", device).unwrap().checked);
}

#[test]
fn a_wrong_code_costs_a_try_and_says_so_and_the_right_one_still_works() {
    let (mut world, eli, code) = shown();
    world.begin_by_code("eli", &mistyped(&code)).unwrap();
    assert_eq!(world.step_in("eli"), Ok(false));
    world.sync("admin");
    assert_eq!(world.step_in("eli"), Err(Code::CodeWrong));
    assert_eq!(world.step_in("eli"), Err(Code::CodeWrong), "this try is spent");
    assert_eq!(tries(&mut world, "admin"), 1);
    assert_eq!(states(&mut world, "admin", eli), [InviteState::Unclaimed]);
    let refused = world.on("eli", |phone, env| phone.try_code(env, "not a code"));
    assert_eq!(code_of(refused), Code::BadValue);
    world.on("eli", |phone, env| phone.try_code(env, &code)).unwrap();
    for _ in 0..2 {
        assert_eq!(world.step_in("eli"), Ok(false));
        world.sync("admin");
    }
    assert_eq!(world.step_in("eli"), Ok(true));
    assert_eq!(tries(&mut world, "admin"), 2);
}

#[test]
fn a_code_takes_five_tries_and_no_sixth_whatever_the_relay_allows() {
    let (mut world, eli, code) = shown();
    world.begin_by_code("eli", &mistyped(&code)).unwrap();
    for _ in 0..5 {
        assert_eq!(world.step_in("eli"), Ok(false));
        world.sync("admin");
        assert_eq!(world.step_in("eli"), Err(Code::CodeWrong));
        world.on("eli", |phone, env| phone.try_code(env, &mistyped(&code))).unwrap();
    }
    world.on("eli", |phone, env| phone.try_code(env, &code)).unwrap();
    assert_eq!(world.step_in("eli"), Err(Code::InviteUnknown), "the relay counts");
    // A relay that does not count is no help: the inviting phone does.
    let request = world.on("eli", |phone, _| phone.code_request()).unwrap().unwrap();
    tests::hostile::lie(&mut world, "admin", |response| {
        let (lookup, message) = (request.lookup, request.message);
        response.codes = Some(vec![sync_core::protocol::CodeTry { lookup, message }]);
    })
    .unwrap();
    let (body, _) = world.request("admin");
    let sent: sync_core::protocol::SyncRequest =
        sync_core::protocol::from_cbor(&tests::unpack(&body)).unwrap();
    assert_eq!(sent.codes, None, "no answer to a sixth try");
    assert_eq!(states(&mut world, "admin", eli), [InviteState::Ended]);
    assert_eq!(world.devices_of("admin", eli), 0);
}

#[test]
fn a_code_ends_after_fifteen_minutes_and_lets_in_one_phone() {
    let (mut world, eli, code) = shown();
    world.begin_by_code("eli", &code).unwrap();
    world.begin_by_code("late", &code).unwrap();
    for _ in 0..2 {
        assert_eq!(world.step_in("eli"), Ok(false));
        assert_eq!(world.step_in("late"), Ok(false));
        world.sync("admin");
    }
    let let_in = [world.step_in("eli"), world.step_in("late")];
    assert_eq!(let_in.iter().filter(|step| **step == Ok(true)).count(), 1, "{let_in:?}");
    assert_eq!(world.devices_of("admin", eli), 1);

    let (mut world, eli, code) = shown();
    world.wait_minutes(16);
    world.begin_by_code("eli", &code).unwrap();
    assert_eq!(world.step_in("eli"), Err(Code::InviteUnknown));
    world.sync("admin");
    assert_eq!(states(&mut world, "admin", eli), [InviteState::Ended]);
}

#[test]
fn an_exchange_goes_on_after_both_phones_were_killed() {
    let (mut world, eli, code) = shown();
    let store = sync_core::store::MemoryStore::new();
    let vault = sync_core::store::MemoryVault::new();
    let mut rng =
        <rand_chacha::ChaCha20Rng as rand_chacha::rand_core::SeedableRng>::seed_from_u64(5);
    let mut env = sync_core::engine::Env { now: world.now(), rng: &mut rng };
    let begun = sync_core::engine::Phone::start_joining_by_code(
        Box::new(store.clone()),
        Box::new(vault.clone()),
        &mut env,
        tests::ORIGIN,
        &code,
        DeviceClass::Native,
    );
    let mut phone = begun.unwrap();
    let asked = phone.code_request().unwrap().unwrap();
    assert_eq!(world.ask_code(&asked).unwrap().reply, None);
    drop(phone);
    world.sync("admin");
    let reopen = || {
        let (store, vault) = (Box::new(store.clone()), Box::new(vault.clone()));
        sync_core::engine::Phone::open(store, vault).unwrap()
    };
    let mut phone = reopen();
    assert_eq!(phone.code_request().unwrap().unwrap(), asked, "the same run goes on");
    let answer = world.ask_code(&asked).unwrap();
    assert!(phone.code_answer(&answer).unwrap());
    drop(phone);
    let mut phone = reopen();
    assert_eq!(phone.code_request().unwrap(), None);
    let request = phone.enrol_request().unwrap();
    world.ask_enrol(&request).unwrap();
    world.sync("admin");
    assert!(phone.enrol_answer(&world.ask_enrol(&request).unwrap()).unwrap());
    assert_eq!(phone.status().unwrap().member, eli);
}

#[test]
fn the_relay_learns_nothing_of_a_code_but_its_nameplate() {
    let (mut world, _, code) = shown();
    world.begin_by_code("eli", &code).unwrap();
    for _ in 0..2 {
        assert_eq!(world.step_in("eli"), Ok(false));
        world.sync("admin");
    }
    assert_eq!(world.step_in("eli"), Ok(true));
    let bare: String = code.chars().filter(|c| *c != '-').collect();
    for word in [code.as_str(), &bare, &bare[3..]] {
        assert!(!world.stands_at_relay(word.as_bytes()));
    }
    let nameplate = sync_core::crypto::TypedCode::parse(&code).unwrap().lookup();
    assert!(world.stands_at_relay(nameplate.as_slice()), "what is there is found");
}
