//! Letting devices in: invitations that are late, used, or answered by somebody else, and directories that lie.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::crypto::DeviceKeys;
use sync_core::engine::Env;
use sync_core::protocol::{Code, EnrolAnswer, Invitation};
use sync_core::records::Role;

use super::team::{Team, member};

/// Eli is invited, and his phone has asked to be let in.
fn eli_asks() -> (Team, Invitation) {
    let mut team = Team::new();
    let invitation = team.invite(member("eli", &[Role::Responder], false));
    team.begin("eli", &invitation);
    assert!(!team.ask("eli"));
    (team, invitation)
}

fn devices(team: &Team) -> usize {
    team.relay.directory.devices().count()
}

#[test]
fn an_invitation_lets_one_device_in_within_fifteen_minutes() {
    let (mut team, _) = eli_asks();
    team.wait_minutes(15);
    team.sync("admin");
    assert!(team.ask("eli"));
    assert_eq!(devices(&team), 2);
}

#[test]
fn an_invitation_answered_too_late_lets_nobody_in() {
    let (mut team, _) = eli_asks();
    team.wait_minutes(16);
    team.sync("admin");
    team.sync("admin");
    assert!(!team.ask("eli"));
    assert_eq!(devices(&team), 1);
    assert_eq!(team.alarms("admin"), []);
}

#[test]
fn of_two_devices_with_one_invitation_only_the_first_is_let_in() {
    let (mut team, invitation) = eli_asks();
    team.begin("thief", &invitation);
    assert!(!team.ask("thief"));
    team.sync("admin");
    team.sync("admin");
    assert!(team.ask("eli"));
    assert!(!team.ask("thief"));
    assert_eq!(devices(&team), 2);
}

#[test]
fn keys_that_the_relay_put_in_place_of_the_invited_phones_are_not_let_in_and_raise_an_alarm() {
    let (mut team, _) = eli_asks();
    let genuine = team.relay.pending[0].clone();
    let stranger = DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(77));
    let swap: [fn(&mut sync_core::protocol::PendingEnrolment, &DeviceKeys); 2] = [
        |pending, keys| pending.verify_key = keys.verify_key().into(),
        |pending, keys| pending.seal_key = keys.seal_key().into(),
    ];
    for swap in swap {
        let mut forged = genuine.clone();
        swap(&mut forged, &stranger);
        team.relay.pending = vec![forged];
        team.sync("admin");
        let alarms = team.on("admin", |phone, _| phone.alarms()).unwrap();
        assert_eq!(alarms.len(), 1);
        let eli = team.phones.get_mut("eli").unwrap().phone.status().unwrap().member;
        assert_eq!((alarms[0].code, &alarms[0].subject), (Code::InviteForged, &eli.to_string()));
        assert_eq!(devices(&team), 1);
        assert_eq!(team.pending("admin"), 0, "nothing was proposed");
    }
    // The invitation still stands for the phone it was made for.
    team.relay.pending = vec![genuine];
    team.sync("admin");
    assert!(team.ask("eli"));
    assert_eq!(devices(&team), 2);
    assert_eq!(team.alarms("admin"), []);
}

/// A directory is refused with this code; the phone goes on joining and takes the genuine one.
fn refuses(answer: impl FnOnce(&mut Team, EnrolAnswer) -> EnrolAnswer, code: Code) {
    let (mut team, _) = eli_asks();
    team.sync("admin");
    let genuine = team.relay.listed(|entry| entry);
    let forged = answer(&mut team, genuine.clone());
    let before = team.rows("eli");
    let error = team.on("eli", |phone, _| phone.enrol_answer(&forged)).unwrap_err();
    assert_eq!(error.code(), code);
    assert!(team.rows("eli") == before, "a refused directory left something behind");
    assert!(!team.on("eli", |phone, _| phone.status()).unwrap().enrolled);
    assert!(team.on("eli", |phone, _| phone.enrol_answer(&genuine)).unwrap());
    team.sync("eli");
    assert_eq!(team.alarms("eli"), []);
}

#[test]
fn a_directory_with_an_entry_that_no_admin_signed_is_refused() {
    let forge = |team: &mut Team, _| {
        let forge = |mut entry: sync_core::protocol::Envelope| {
            if entry.header.directory_seq > 1 {
                entry.sig[7] ^= 1;
            }
            entry
        };
        team.relay.listed(forge)
    };
    refuses(forge, Code::DirectoryForged);
}

#[test]
fn a_directory_cut_short_is_refused() {
    // Without its last entry it does not list this device; without more it does not hold the invitation's head.
    let without_last = |_: &mut Team, mut answer: EnrolAnswer| {
        answer.directory.pop();
        answer
    };
    refuses(without_last, Code::DirectoryForged);
    let genesis_only = |_: &mut Team, mut answer: EnrolAnswer| {
        answer.directory.truncate(1);
        answer
    };
    refuses(genesis_only, Code::DirectoryFork);
    let empty = |_: &mut Team, mut answer: EnrolAnswer| {
        answer.directory.clear();
        answer
    };
    refuses(empty, Code::DirectoryFork);
}

#[test]
fn a_directory_without_an_entry_in_its_middle_is_refused() {
    let without_second = |_: &mut Team, mut answer: EnrolAnswer| {
        answer.directory.remove(1);
        answer
    };
    refuses(without_second, Code::DirectoryBehind);
}

#[test]
fn the_directory_of_another_team_is_refused() {
    let other = |team: &mut Team, _| {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let mut env = Env { now: team.now, rng: &mut rng };
        let store = Box::new(sync_core::store::MemoryStore::new());
        let profile = sync_core::records::PolicyProfile::neutral();
        let admin = member("mallory", &[], true);
        let origin = "http://relay.example";
        let vault = sync_core::store::MemoryVault::new();
        let made = sync_core::engine::Phone::create_team(
            store,
            Box::new(vault.clone()),
            &mut env,
            origin,
            profile,
            admin,
        );
        let phone = made.unwrap();
        let relay = super::paper_relay::PaperRelay::new(phone.team(), 3, team.now);
        let handset = super::team::Handset { phone, store: Default::default(), vault, rng };
        let phones = std::collections::BTreeMap::from([("admin", handset)]);
        let mut other = Team { relay, phones, now: team.now };
        other.sync("admin");
        other.relay.listed(|entry| entry)
    };
    refuses(other, Code::DirectoryForged);
}

#[test]
fn a_fork_of_the_directory_that_does_not_hold_the_invitations_head_is_refused() {
    let mut team = Team::new();
    // An admin's device restored from a copy goes on from an older head: a fork that its own key signed.
    let copy = copy_of(&mut team);
    let invitation = team.invite(member("eli", &[Role::Responder], false));
    let mut fork = Team::new();
    fork.phones.insert("admin", copy);
    fork.now = team.now;
    let other = fork.invite(member("someone", &[Role::Responder], false));
    assert_ne!(invitation.head_hash, other.head_hash);
    team.begin("eli", &invitation);
    let answer = fork.relay.listed(|entry| entry);
    let error = team.on("eli", |phone, _| phone.enrol_answer(&answer)).unwrap_err();
    assert_eq!(error.code(), Code::DirectoryFork);
}

/// The same phone once more, from a copy of its store.
fn copy_of(team: &mut Team) -> super::team::Handset {
    use sync_core::engine::{Env, Phone, Store, Table};
    let store = sync_core::store::MemoryStore::new();
    let mut from = team.phones["admin"].store.clone();
    let (from, mut into) = (from.begin().unwrap(), store.clone());
    let mut tx = into.begin().unwrap();
    for table in Table::ALL {
        for (key, value) in from.scan(table, &[], None, usize::MAX).unwrap() {
            tx.put(table, &key, &value).unwrap();
        }
    }
    tx.commit().unwrap();
    let (vault, mut rng) = (team.phones["admin"].vault.clone(), ChaCha20Rng::seed_from_u64(8));
    let mut phone = Phone::open(Box::new(store.clone()), Box::new(vault.clone())).unwrap();
    phone.unlock(&mut Env { now: team.now, rng: &mut rng }).unwrap();
    super::team::Handset { phone, store, vault, rng }
}
