//! A county with two admins, and what each story about recovery does with it in a few words.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::engine::{EngineError, Env, Phone, RecoverySheet, RecoveryStatus};
use sync_core::ids::{DocId, MemberId};
use sync_core::protocol::{Code, EnrolAnswer, Invitation, from_cbor, to_cbor};
use sync_core::records::{PolicyProfile, Role, Value};
use sync_core::store::{MemoryStore, MemoryVault};
use tests::{Device, World, pack, set, text, unpack};

/// Words that only readers may see.
pub const NOTE: &str = "canary: what was said in the room";
/// A code that only readers may see.
pub const ISSUE: &str = "moral_injury";

/// Records of amy's that only she, or she and her co-lead, can read.
pub struct Past {
    /// A session note with bo.
    pub session: DocId,
    /// A contact; its issues are sealed in her own space.
    pub contact: DocId,
    /// A check-in, backed up.
    pub check_in: DocId,
}

/// Staff who may hold shares, amy's phone, and a second admin who came last.
pub fn county(seed: u64) -> World {
    let mut world = World::new(seed, PolicyProfile::neutral());
    world.join("amy", &[Role::PeerSupporter]);
    world.join("bo", &[Role::FacilitatorMhp]);
    world.join("cleo", &[Role::Coordinator]);
    world.join("dee", &[Role::ClinicalDirector]);
    world.on("amy", |phone, _| phone.set_backup(true)).unwrap();
    world.sync_all();
    world
}

/// A second admin with a phone: from here on a recovery key needs both.
pub fn second_admin(world: &mut World) {
    let invitation = tests::hostile::invite(world, &[], true);
    begin(world, "admin2", &invitation);
    assert!(!ask(world, "admin2").unwrap());
    world.sync("admin");
    assert!(ask(world, "admin2").unwrap());
    world.sync("admin2");
    world.sync("admin");
}

pub fn begin(world: &mut World, name: &str, invitation: &Invitation) {
    world.begin_to_join(name, Box::new(MemoryStore::new()), invitation).unwrap();
}

/// A phone asks to be let in; a refusal of the relay is told by its code.
pub fn ask(world: &mut World, name: &str) -> Result<bool, Code> {
    let request = world.on(name, |phone, _| phone.enrol_request()).unwrap();
    let answer = world.relay.enrol(&pack(&to_cbor(&request))).map_err(|refusal| refusal.code)?;
    let answer: EnrolAnswer = from_cbor(&unpack(&answer)).unwrap();
    Ok(world.on(name, |phone, _| phone.enrol_answer(&answer)).unwrap())
}

/// amy's records of before the loss, at the relay.
pub fn past(world: &mut World) -> Past {
    let session = world.record("amy", "intervention", &[("kind", text("defusing"))]);
    let leads = [world.member("amy"), world.member("bo")];
    world.on("amy", |phone, env| phone.assign(env, session, &leads)).unwrap();
    world.write("amy", session, "exploration", 0, NOTE);
    let contact = world.record(
        "amy",
        "peer_contact",
        &[
            ("started_at", text("2026-03-01T17:12:00Z")),
            ("duration_min", Value::Int(25)),
            ("mode", text("phone")),
            ("issues", set(&[ISSUE])),
        ],
    );
    let check_in =
        world.record("amy", "check_in", &[("zone", text("injured")), ("text", text(NOTE))]);
    world.sync_all();
    Past { session, contact, check_in }
}

/// amy makes a recovery key, and the admins whose names are given approve it in turn.
pub fn set_up(world: &mut World, shares: bool, printed: bool, admins: &[&str]) -> RecoverySheet {
    let holders = shares.then(|| ["bo", "cleo", "dee"].map(|name| world.member(name)));
    let sheet = world
        .on("amy", |phone, env| phone.make_recovery(env, holders, printed))
        .expect("a recovery key");
    world.sync("amy");
    approve(world, admins);
    sheet
}

/// The admins look at what waits and approve it, one after the other.
pub fn approve(world: &mut World, admins: &[&str]) {
    let amy = world.member("amy");
    for (at, admin) in admins.iter().enumerate() {
        world.sync(admin);
        let complete = world.on(admin, |phone, _| phone.approve_recovery(amy)).unwrap();
        assert_eq!(complete, at + 1 == admins.len(), "{admin} completes it only as the last");
        world.sync(admin);
    }
    world.sync_all();
}

/// Whatever amy's phone shows of her recovery.
pub fn status(world: &mut World, name: &str) -> RecoveryStatus {
    let now = world.now();
    world.on(name, |phone, _| phone.recovery_status(now)).unwrap()
}

/// An admin invites a phone of amy's, whoever holds it.
pub fn invite(world: &mut World, member: MemberId) -> Invitation {
    let invitation = world.on("admin", |phone, env| phone.invite(env, member)).unwrap();
    world.sync("admin");
    invitation
}

/// A new phone of amy's begins to join with her code.
pub fn begin_with_code(world: &mut World, name: &str, code: &str) -> Result<(), EngineError> {
    let amy = world.member("amy");
    let invitation = invite(world, amy);
    let seed = name.bytes().fold(77, |seed: u64, byte| seed * 31 + u64::from(byte));
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut env = Env { now: world.now(), rng: &mut rng };
    let (store, vault) = (Box::new(MemoryStore::new()), MemoryVault::new());
    let wraps = Box::new(vault.clone());
    let phone = Phone::recover_with_code(store, wraps, &mut env, &invitation, code)?;
    world.devices.insert(name.into(), Device::new(phone, amy, vault, rng));
    Ok(())
}

/// The new phone asks, the admin's phone answers, and everybody syncs.
pub fn finish(world: &mut World, name: &str) {
    assert!(!ask(world, name).expect("the relay takes the answer"));
    world.sync("admin");
    assert!(ask(world, name).expect("the relay takes the answer"), "{}", world.troubles());
    world.sync_all();
}

/// For each sealed space that a phone reads, whether its member's recovery key reads the present key.
pub fn recovery_reads_now(world: &mut World, name: &str) -> Vec<bool> {
    let member = world.member(name);
    world.on(name, |phone, _| {
        let spaces = phone.drill_spaces_read().unwrap();
        let readers = spaces.into_iter().filter_map(|space| phone.readers(space).ok());
        readers.map(|views| views.iter().any(|v| v.recovery && v.member == member)).collect()
    })
}

/// What a phone reads of amy's past: the session note, the contact's issues, the check-in's text.
pub fn reads(world: &mut World, name: &str, past: &Past) -> [bool; 3] {
    let note = world.phase(name, past.session, "defusing.exploration").contains(NOTE);
    let issues = world.shown(name, past.contact, "issues") == Some(set(&[ISSUE]));
    let words = world.shown(name, past.check_in, "text").is_some();
    [note, issues, words]
}

/// Any member makes a recovery key with a code, and the one admin approves it.
pub fn set_up_for(world: &mut World, name: &str) -> RecoverySheet {
    let sheet = world.on(name, |phone, env| phone.make_recovery(env, None, true)).unwrap();
    world.sync(name);
    world.sync("admin");
    let member = world.member(name);
    world.on("admin", |phone, _| phone.approve_recovery(member)).unwrap();
    world.sync_all_but("amy2");
    sheet
}
