//! Setting recovery up: who must agree, what each phone shows meanwhile, and the drill.

use sync_core::engine::{RecoveryProof, RecoveryState};
use sync_core::protocol::Code;
use tests::hostile::alarms;

use super::story::{approve, county, second_admin, set_up, status};

#[test]
fn a_recovery_key_counts_only_after_two_admins_approved_it_on_their_own_devices() {
    let mut world = county(1);
    second_admin(&mut world);
    let amy = world.member("amy");
    let holders = ["bo", "cleo", "dee"].map(|name| world.member(name));
    let sheet = world
        .on("amy", |phone, env| phone.make_recovery(env, Some(holders), true))
        .expect("a recovery key");
    assert!(sheet.waits);
    assert_eq!(status(&mut world, "amy").state, RecoveryState::Waits);
    world.sync_all();
    assert_eq!(status(&mut world, "amy").state, RecoveryState::Waits, "nobody has agreed yet");
    assert!(alarms(&mut world, "admin").contains(&Code::RecoveryWaits));
    assert!(!alarms(&mut world, "bo").contains(&Code::RecoveryWaits), "no admin");
    let ask = world.on("admin2", |phone, _| phone.recovery_asks()).unwrap().remove(0);
    assert_eq!((ask.member, ask.key), (amy, Some(sheet.key)));
    assert_eq!(ask.holders, holders);

    let complete = world.on("admin", |phone, _| phone.approve_recovery(amy)).unwrap();
    assert!(!complete, "one of two admins");
    world.sync_all();
    assert_eq!(status(&mut world, "amy").state, RecoveryState::Waits);
    assert!(!alarms(&mut world, "admin").contains(&Code::RecoveryWaits), "this one has answered");
    let ask = world.on("admin2", |phone, _| phone.recovery_asks()).unwrap().remove(0);
    assert_eq!(ask.approved_by, [world.member("admin")]);

    let complete = world.on("admin2", |phone, _| phone.approve_recovery(amy)).unwrap();
    assert!(complete);
    world.sync_all();
    let status = status(&mut world, "amy");
    assert_eq!((status.state, status.key), (RecoveryState::SetUp, Some(sheet.key)));
    assert!(status.holders.iter().all(|holder| holder.reachable));
    assert!(!status.drill_due && status.set_up.is_some());
    for admin in ["admin", "admin2"] {
        assert!(world.on(admin, |phone, _| phone.recovery_asks()).unwrap().is_empty(), "{admin}");
        assert!(!alarms(&mut world, admin).contains(&Code::RecoveryWaits), "{admin}");
    }
}

#[test]
fn a_sole_admins_own_recovery_is_in_effect_with_their_next_sync() {
    let mut world = county(2);
    let sheet = world.on("admin", |phone, env| phone.make_recovery(env, None, true)).unwrap();
    assert!(!sheet.waits, "nobody else could agree");
    world.sync_all();
    assert_eq!(status(&mut world, "admin").state, RecoveryState::SetUp);
}

#[test]
fn an_admin_of_two_needs_the_other_one_for_their_own_recovery() {
    let mut world = county(3);
    second_admin(&mut world);
    let sheet = world.on("admin", |phone, env| phone.make_recovery(env, None, true)).unwrap();
    assert!(sheet.waits);
    world.sync_all();
    assert_eq!(status(&mut world, "admin").state, RecoveryState::Waits);
    let admin = world.member("admin");
    let complete = world.on("admin2", |phone, _| phone.approve_recovery(admin)).unwrap();
    assert!(complete, "the member's own word counts as an admin's");
    world.sync_all();
    assert_eq!(status(&mut world, "admin").state, RecoveryState::SetUp);
}

#[test]
fn holders_are_three_others_with_phones() {
    let mut world = county(4);
    let [amy, bo, cleo, dee] = ["amy", "bo", "cleo", "dee"].map(|name| world.member(name));
    let new = |world: &mut tests::World, holders| {
        world.on("amy", |phone, env| phone.make_recovery(env, Some(holders), false)).map(drop)
    };
    let code = |made: Result<(), sync_core::engine::EngineError>| made.err().map(|e| e.code());
    assert_eq!(code(new(&mut world, [bo, bo, cleo])), Some(Code::HolderWithoutDevice));
    assert_eq!(code(new(&mut world, [amy, bo, cleo])), Some(Code::HolderWithoutDevice));
    let entered = world.invite("eli", &[]).member;
    world.sync("amy");
    assert_eq!(code(new(&mut world, [bo, cleo, entered])), Some(Code::HolderWithoutDevice));
    let stranger = sync_core::ids::MemberId::new([9; 16]);
    assert_eq!(code(new(&mut world, [bo, cleo, stranger])), Some(Code::NoSuchMember));
    assert_eq!(status(&mut world, "amy").state, RecoveryState::None, "nothing was half-done");
    assert_eq!(code(new(&mut world, [bo, cleo, dee])), None);
    let neither = world.on("amy", |phone, env| phone.make_recovery(env, None, false));
    assert_eq!(code(neither.map(drop)), Some(Code::BadValue));
}

#[test]
fn a_drill_shows_what_would_work_changes_nothing_and_is_asked_for_after_180_days() {
    let mut world = county(5);
    let sheet = set_up(&mut world, true, true, &["admin"]);
    let code = sheet.code.as_ref().unwrap().to_string();
    let amy = world.member("amy");
    let listed = |world: &mut tests::World| {
        world.on("amy", |phone, _| phone.directory().recovery(&amy).cloned())
    };
    let before = listed(&mut world);
    let drill = |world: &mut tests::World, proof: RecoveryProof<'_>| {
        world.on("amy", |phone, env| phone.recovery_drill(env, proof)).map_err(|e| e.code())
    };
    world.wait_minutes(179 * 24 * 60);
    world.sync("amy");
    assert!(!status(&mut world, "amy").drill_due);
    world.wait_minutes(24 * 60);
    world.sync("amy");
    assert!(status(&mut world, "amy").drill_due, "half a year");

    let texts: Vec<&str> = sheet.shares.iter().map(|share| share.text.as_str()).collect();
    assert_eq!(drill(&mut world, RecoveryProof::Shares(&texts[..1])), Err(Code::ShareMissing));
    assert_eq!(drill(&mut world, RecoveryProof::Code("00000-00000")), Err(Code::CodeMistyped));
    let mistyped = swap_first(&code);
    let wrong = world.on("amy", |phone, env| {
        phone.recovery_drill(env, RecoveryProof::Code(&mistyped)).unwrap_err().to_string()
    });
    assert!(wrong.contains("group 1"), "{wrong}");
    assert!(status(&mut world, "amy").drill_due, "what failed does not count");

    assert_eq!(drill(&mut world, RecoveryProof::Shares(&[texts[2], texts[0]])), Ok(()));
    let shown = status(&mut world, "amy");
    assert!(!shown.drill_due && shown.drilled == Some(world.now().day()));
    world.wait_minutes(180 * 24 * 60);
    world.sync("amy");
    assert!(status(&mut world, "amy").drill_due);
    assert_eq!(drill(&mut world, RecoveryProof::Code(&code)), Ok(()));
    assert!(!status(&mut world, "amy").drill_due);
    world.sync_all();
    // Half a year later the directory was renewed; what it says of the key is what it said.
    assert!(before.is_some() && listed(&mut world) == before, "nothing changed");
    assert_eq!(status(&mut world, "amy").key, Some(sheet.key));
    assert_eq!(alarms(&mut world, "amy"), [], "a reminder is no alarm");
}

/// The code with another first character.
fn swap_first(code: &str) -> String {
    let first = if code.starts_with('7') { '8' } else { '7' };
    format!("{first}{}", &code[1..])
}

#[test]
fn a_newer_key_replaces_the_older_one_and_its_code() {
    let mut world = county(6);
    let old = set_up(&mut world, false, true, &["admin"]);
    let new = set_up(&mut world, false, true, &["admin"]);
    assert_eq!(status(&mut world, "amy").key, Some(new.key));
    let drill = |world: &mut tests::World, code: &str| {
        world
            .on("amy", |phone, env| phone.recovery_drill(env, RecoveryProof::Code(code)))
            .map_err(|e| e.code())
    };
    assert_eq!(drill(&mut world, old.code.as_ref().unwrap()), Err(Code::RecoverySpent));
    assert_eq!(drill(&mut world, new.code.as_ref().unwrap()), Ok(()));
    world.on("amy", |phone, env| phone.drop_recovery(env)).unwrap();
    world.sync("amy");
    approve(&mut world, &["admin"]);
    assert_eq!(status(&mut world, "amy").state, RecoveryState::None);
    assert_eq!(drill(&mut world, new.code.as_ref().unwrap()), Err(Code::RecoverySpent));
}

#[test]
fn a_members_other_phone_tells_of_a_recovery_key_that_it_did_not_make() {
    let mut world = county(7);
    let sheet = set_up(&mut world, false, true, &["admin"]);
    assert_eq!(alarms(&mut world, "amy"), [], "the phone that made it keeps quiet");
    super::story::begin_with_code(&mut world, "amy2", sheet.code.as_ref().unwrap()).unwrap();
    super::story::finish(&mut world, "amy2");
    world.on("amy2", |phone, env| phone.make_recovery(env, None, true)).unwrap();
    world.sync("amy2");
    approve(&mut world, &["admin"]);
    assert!(alarms(&mut world, "amy").contains(&Code::RecoveryChanged));
    assert!(!alarms(&mut world, "amy2").contains(&Code::RecoveryChanged));
    assert!(!alarms(&mut world, "bo").contains(&Code::RecoveryChanged));
    // Set up anew on this phone, it is its own again.
    set_up(&mut world, false, true, &["admin"]);
    assert!(!alarms(&mut world, "amy").contains(&Code::RecoveryChanged));
    assert!(alarms(&mut world, "amy2").contains(&Code::RecoveryChanged));
}
