//! Two of three holders restore a phone, and one of them cannot, whoever helps.

use sync_core::protocol::{Code, HandedShare, RecoveryRequest, RecoveryShare};
use tests::World;
use tests::hostile::alarms;

use super::story::{ask, begin, county, finish, invite, past, reads, set_up};

/// A new phone of amy's that joins and asks for shares; the text it shows.
fn asks(world: &mut World, name: &str) -> String {
    let amy = world.member("amy");
    let invitation = invite(world, amy);
    begin(world, name, &invitation);
    world.on(name, |phone, _| phone.recovery_request()).to_text()
}

fn release(world: &mut World, holder: &str, request: &str) -> Result<String, Code> {
    world.on(holder, |phone, env| phone.release_share(env, request)).map_err(|e| e.code())
}

fn restore(world: &mut World, name: &str, shares: &[&str]) -> Result<(), Code> {
    world.on(name, |phone, env| phone.recover_with_shares(env, shares)).map_err(|e| e.code())
}

fn printed(share: &str) -> RecoveryShare {
    match HandedShare::from_text(share).unwrap() {
        HandedShare::Printed(share) => share,
        HandedShare::Sealed { .. } => panic!("a sealed share"),
    }
}

#[test]
fn any_two_holders_phones_restore_a_members_reading() {
    for (seed, holders) in [(21, ["bo", "cleo"]), (22, ["cleo", "dee"]), (23, ["dee", "bo"])] {
        let mut world = county(seed);
        set_up(&mut world, true, false, &["admin"]);
        let past = past(&mut world);
        let request = asks(&mut world, "amy2");
        let shares = holders.map(|holder| release(&mut world, holder, &request).unwrap());
        restore(&mut world, "amy2", &[&shares[0], &shares[1]]).unwrap();
        drop(world.devices.remove("amy"));
        finish(&mut world, "amy2");
        assert_eq!(reads(&mut world, "amy2", &past), [true; 3], "{}", world.troubles());
    }
}

#[test]
fn recovery_two_of_three_works_from_printed_shares_and_tells_the_author() {
    let mut world = county(24);
    let sheet = set_up(&mut world, true, false, &["admin"]);
    assert!(sheet.code.is_none() && sheet.shares.len() == 3);
    let past = past(&mut world);
    asks(&mut world, "amy2");
    let texts = [&sheet.shares[2].text, &sheet.shares[0].text];
    restore(&mut world, "amy2", &[texts[0].as_str(), texts[1].as_str()]).unwrap();
    finish(&mut world, "amy2");
    assert_eq!(reads(&mut world, "amy2", &past), [true; 3], "{}", world.troubles());
    assert!(alarms(&mut world, "amy").contains(&Code::RecoveryUsed));
    // The same two again, after a new key was set up: they fit each other, and count no more.
    set_up(&mut world, true, false, &["admin"]);
    asks(&mut world, "amy3");
    restore(&mut world, "amy3", &[texts[0].as_str(), texts[1].as_str()]).unwrap();
    assert_eq!(ask(&mut world, "amy3"), Err(Code::RecoverySpent));
}

#[test]
fn one_share_is_not_enough_and_is_told_before_anything_is_tried() {
    let mut world = county(25);
    let sheet = set_up(&mut world, true, false, &["admin"]);
    let request = asks(&mut world, "amy2");
    let share = release(&mut world, "bo", &request).unwrap();
    let same = sheet.shares.iter().find(|share| share.holder == world.member("bo")).unwrap();
    for shares in [&[][..], &[share.as_str()], &[&share, &share], &[&share, same.text.as_str()]] {
        assert_eq!(restore(&mut world, "amy2", shares), Err(Code::ShareMissing));
    }
    assert_eq!(ask(&mut world, "amy2"), Ok(false));
    world.sync("admin");
    assert_eq!(ask(&mut world, "amy2"), Ok(false), "nobody vouches for it");
}

#[test]
fn a_holders_wrong_share_is_found_and_a_third_one_helps() {
    let mut world = county(26);
    let sheet = set_up(&mut world, true, false, &["admin"]);
    let past = past(&mut world);
    asks(&mut world, "amy2");
    let mut wrong = printed(&sheet.shares[1].text);
    wrong.value[7] ^= 1;
    let wrong = HandedShare::Printed(wrong).to_text();
    let good = sheet.shares[0].text.as_str();
    let refused = world.on("amy2", |phone, env| phone.recover_with_shares(env, &[good, &wrong]));
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::ShareWrong);
    assert!(refused.to_string().contains("share 2"), "{refused}");
    restore(&mut world, "amy2", &[good, sheet.shares[2].text.as_str()]).unwrap();
    finish(&mut world, "amy2");
    assert_eq!(reads(&mut world, "amy2", &past), [true; 3]);
}

#[test]
fn shares_of_an_earlier_key_and_of_two_keys_are_refused() {
    let mut world = county(27);
    let old = set_up(&mut world, true, false, &["admin"]);
    let new = set_up(&mut world, true, false, &["admin"]);
    asks(&mut world, "amy2");
    let text = |sheet: &sync_core::engine::RecoverySheet, at: usize| sheet.shares[at].text.clone();
    let mixed = [text(&old, 0), text(&new, 1)];
    assert_eq!(restore(&mut world, "amy2", &[&mixed[0], &mixed[1]]), Err(Code::ShareWrong));
    let stale = [text(&old, 0), text(&old, 1)];
    restore(&mut world, "amy2", &[&stale[0], &stale[1]]).unwrap();
    assert_eq!(ask(&mut world, "amy2"), Err(Code::RecoverySpent), "they fit, and count no more");
    let right = [text(&new, 0), text(&new, 1)];
    restore(&mut world, "amy2", &[&right[0], &right[1]]).unwrap();
    finish(&mut world, "amy2");
}

#[test]
fn a_holder_is_shown_whom_a_share_is_for_and_only_that_phone_opens_it() {
    let mut world = county(28);
    set_up(&mut world, true, false, &["admin"]);
    let request = asks(&mut world, "amy2");
    let shown = world.on("bo", |phone, _| phone.share_release(&request)).unwrap();
    assert_eq!((shown.member, shown.name.as_deref()), (world.member("amy"), Some("amy")));
    let own = world.on("amy2", |phone, _| phone.recovery_fingerprint());
    assert_eq!(shown.fingerprint, own);
    let other = asks(&mut world, "other");
    let strange = world.on("other", |phone, _| phone.recovery_fingerprint());
    assert_ne!(strange, own, "another phone shows itself");
    // What was handed to one phone is closed to another, and to a holder.
    let shares = ["bo", "cleo"].map(|holder| release(&mut world, holder, &request).unwrap());
    let refused = restore(&mut world, "other", &[&shares[0], &shares[1]]);
    assert_eq!(refused, Err(Code::ShareWrong));
    assert!(RecoveryRequest::from_text(&other).is_ok());
    // Who holds none says so.
    assert_eq!(release(&mut world, "admin", &request), Err(Code::ShareNotHeld));
    let held = world.on("bo", |phone, _| phone.shares_held()).unwrap();
    assert_eq!(held, [world.member("amy")]);
    assert_eq!(release(&mut world, "bo", "aftercall-recover:AAAA"), Err(Code::Malformed));
}

#[test]
fn gathering_shares_may_take_longer_than_an_invitation_lasts() {
    let mut world = county(29);
    set_up(&mut world, true, false, &["admin"]);
    let past = past(&mut world);
    let request = asks(&mut world, "amy2");
    let first = release(&mut world, "bo", &request).unwrap();
    world.wait_minutes(2 * 24 * 60);
    world.sync_all_but("amy2");
    let second = release(&mut world, "dee", &request).unwrap();
    restore(&mut world, "amy2", &[&first, &second]).unwrap();
    assert_eq!(ask(&mut world, "amy2"), Err(Code::InviteUnknown));
    let bo = world.member("bo");
    set_up_for(&mut world, "bo");
    let foreign = invite(&mut world, bo);
    let refused = world.on("amy2", |phone, _| phone.renew_joining(&foreign));
    assert_eq!(refused.unwrap_err().code(), Code::NoSuchMember);
    let amy = world.member("amy");
    let fresh = invite(&mut world, amy);
    world.on("amy2", |phone, _| phone.renew_joining(&fresh)).unwrap();
    drop(world.devices.remove("amy"));
    finish(&mut world, "amy2");
    assert_eq!(reads(&mut world, "amy2", &past), [true; 3], "{}", world.troubles());
}

/// A member with a recovery key may be invited again.
fn set_up_for(world: &mut World, name: &str) {
    world.on(name, |phone, env| phone.make_recovery(env, None, true)).unwrap();
    world.sync(name);
    world.sync("admin");
    let member = world.member(name);
    world.on("admin", |phone, _| phone.approve_recovery(member)).unwrap();
    world.sync_all_but("amy2");
}
