//! How old the directory shows itself, guests' limits, and phones that meet.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::directory::Guest;
use sync_core::engine::{Env, Met, NewMember, Phone};
use sync_core::protocol::{Code, Day};
use sync_core::records::{PolicyProfile, Role, SpaceKind};
use sync_core::store::{MemoryStore, MemoryVault};

use super::paper_relay::PaperRelay;
use super::team::{Team, member};

const DAY: i64 = 24 * 60;

fn length(team: &Team, on: &str) -> u64 {
    team.phones[on].phone.directory().len()
}

/// Lets two phones meet; what the first and the second got out of it.
fn meet(team: &mut Team, one: &str, other: &str) -> Result<(Met, Met), Code> {
    let hello = team.on(one, |phone, env| phone.meet_hello(env)).unwrap();
    let answer =
        team.on(other, |phone, env| phone.meet_answer(env, &hello)).map_err(|e| e.code())?;
    let first = team.on(one, |phone, env| phone.meet_finish(env, &answer)).map_err(|e| e.code())?;
    let finish = first.send.clone().expect("the other hears it too");
    let second =
        team.on(other, |phone, env| phone.meet_finish(env, &finish)).map_err(|e| e.code())?;
    Ok((first, second))
}

#[test]
fn an_admins_phone_signs_the_directory_anew_after_seven_days() {
    let mut team = Team::new();
    team.join("amy", &[Role::PeerSupporter], false);
    let before = length(&team, "admin");
    team.wait_minutes(7 * DAY);
    team.sync_all();
    assert_eq!(length(&team, "admin"), before, "not yet");
    team.wait_minutes(DAY);
    team.sync("amy");
    assert_eq!(length(&team, "amy"), before, "only an admin's phone can");
    team.sync_all();
    assert_eq!(length(&team, "amy"), before + 1);
    team.assert_calm();
}

#[test]
fn a_withheld_revocation_shows_as_a_stale_directory_after_fourteen_days() {
    let mut team = Team::new();
    team.join("amy", &[Role::PeerSupporter], false);
    for (days, stale) in [(14, false), (1, true)] {
        team.wait_minutes(days * DAY);
        team.sync("amy");
        assert_eq!(team.alarms("amy").contains(&Code::DirectoryStale), stale, "{days}");
    }
    team.sync_all();
    team.assert_calm();
}

#[test]
fn an_admins_clock_that_runs_ahead_by_years_cannot_make_a_directory_look_fresh() {
    let mut team = Team::new();
    team.join("amy", &[Role::PeerSupporter], false);
    let true_time = team.now;
    team.now = team.now.plus_minutes(9 * 365 * DAY);
    team.on("admin", |phone, env| phone.add_member(env, member("ben", &[], false))).unwrap();
    // Its first request after the jump still counts on the old offset.
    let body = team.request("admin");
    let answer = team.relay.serve(&body);
    team.answer("admin", &body, &answer).unwrap();
    team.now = true_time;
    team.sync_all();
    assert!(team.phones["amy"].phone.directory().signed() > true_time.day());
    team.wait_minutes(15 * DAY);
    team.sync("amy");
    assert_eq!(team.alarms("amy"), [Code::DirectoryStale]);
    team.sync_all();
    team.assert_calm();
}

#[test]
fn phones_that_meet_hand_each_other_the_entries_one_lacks() {
    let mut team = Team::new();
    team.join("amy", &[Role::PeerSupporter], false);
    team.join("bo", &[Role::FacilitatorMhp], false);
    team.sync_all();
    team.on("admin", |phone, env| phone.add_member(env, member("cat", &[], false))).unwrap();
    team.sync("admin");
    team.sync("bo");
    let (ahead, behind) = (length(&team, "bo"), length(&team, "amy"));
    assert!(ahead > behind);
    // Either side may begin.
    let (first, second) = meet(&mut team, "amy", "bo").unwrap();
    assert_eq!((first.received, second.received), (ahead - behind, 0));
    assert!(!first.forked && !second.forked);
    assert_eq!(length(&team, "amy"), ahead);
    team.on("admin", |phone, env| phone.add_member(env, member("dan", &[], false))).unwrap();
    team.sync("admin");
    let (first, second) = meet(&mut team, "admin", "amy").unwrap();
    assert_eq!((first.received, second.received), (0, 1));
    // What came by hand, the relay says again without harm.
    team.sync_all();
    team.assert_calm();
    // Another team's phone, bytes that are damaged, and an old message get nowhere.
    let mut rng = ChaCha20Rng::seed_from_u64(77);
    let mut env = Env { now: team.now, rng: &mut rng };
    let (store, profile) = (Box::new(MemoryStore::new()), PolicyProfile::neutral());
    let (admin, vault) = (member("x", &[], true), Box::new(MemoryVault::new()));
    let mut other = Phone::create_team(store, vault, &mut env, "http://x", profile, admin).unwrap();
    let hello = other.meet_hello(&mut env).unwrap();
    let refused = team.on("amy", |phone, env| phone.meet_answer(env, &hello));
    assert_eq!(refused.unwrap_err().code(), Code::WrongTeam);
    let hello = team.on("bo", |phone, env| phone.meet_hello(env)).unwrap();
    for at in 0..hello.len() {
        let mut damaged = hello.clone();
        damaged[at] ^= 1;
        assert!(team.on("amy", |phone, env| phone.meet_answer(env, &damaged)).is_err(), "{at}");
    }
    let answer = team.on("amy", |phone, env| phone.meet_answer(env, &hello)).unwrap();
    team.on("bo", |phone, env| phone.meet_hello(env)).unwrap();
    let late = team.on("bo", |phone, env| phone.meet_finish(env, &answer));
    assert_eq!(late.unwrap_err().code(), Code::Malformed, "it answers another hello");
    team.assert_calm();
}

#[test]
fn a_guests_rights_end_with_their_last_day_and_at_other_spaces() {
    let mut team = Team::new();
    let until = Day(team.now.day().0 + 2);
    let spaces = vec![SpaceKind::Operations as u8, SpaceKind::Roster as u8];
    let guest = NewMember {
        guest: Some(Guest { until, spaces }),
        ..member("gus", &[Role::PeerSupporter], false)
    };
    let invitation = team.invite(guest);
    team.begin("gus", &invitation);
    assert!(!team.ask("gus"));
    team.sync("admin");
    assert!(team.ask("gus"));
    team.sync("gus");
    team.join("amy", &[Role::PeerSupporter], false);
    let early = team.incident("gus");
    team.sync_all();
    assert!(team.shown("amy", early, "source").is_some());
    let fields = super::team::form(&[("zone", super::team::text("injured"))]);
    let refused = team.on("gus", |phone, env| phone.record(env, "check_in", &fields));
    assert_eq!(refused.unwrap_err().code(), Code::GuestEnded, "not that kind of space");
    let late = team.incident("gus");
    team.wait_minutes(3 * DAY);
    // A relay that takes it all the same: every other phone judges by the row's day.
    team.sync_all();
    assert_eq!(team.shown("amy", late, "source"), None);
    let drafts = team.on("amy", |phone, _| phone.drafts()).unwrap();
    assert!(drafts.iter().all(|draft| draft.code == Code::GuestEnded) && !drafts.is_empty());
    let fields = super::team::form(&[("severity", sync_core::records::Value::Int(3))]);
    let refused = team.on("gus", |phone, env| phone.edit(env, early, &fields));
    assert_eq!(refused.unwrap_err().code(), Code::GuestEnded, "its own phone knows too");
}

/// A team whose relay keeps two directories: what `admin` and amy are shown, and what `second` and bo are.
fn forked() -> (Team, PaperRelay) {
    let mut team = Team::new();
    team.join("second", &[], true);
    let amy = member("amy", &[Role::PeerSupporter], false);
    team.on("admin", |phone, env| phone.add_member(env, amy)).unwrap();
    let bo = member("bo", &[Role::FacilitatorMhp], false);
    team.on("admin", |phone, env| phone.add_member(env, bo)).unwrap();
    team.sync("admin");
    team.sync("second");
    for view in team.on("second", |phone, _| phone.approvals()).unwrap() {
        team.on("second", |phone, env| phone.approve(env, view.id)).unwrap();
    }
    team.sync_all();
    for name in ["amy", "bo"] {
        let members = team.on("admin", |phone, _| phone.members()).unwrap();
        let id = members.iter().find(|m| m.name.as_deref() == Some(name)).unwrap().id;
        let invitation = team.on("admin", |phone, env| phone.invite(env, id)).unwrap();
        team.sync("admin");
        team.begin(name, &invitation);
        assert!(!team.ask(name));
        team.sync("admin");
        assert!(team.ask(name));
    }
    team.sync_all();
    let mut other = PaperRelay::new(team.relay.directory.team(), 99, team.now);
    for entry in team.relay.envelopes() {
        other.take(entry);
    }
    team.on("admin", |phone, env| phone.add_member(env, member("cat", &[], false))).unwrap();
    team.sync("admin");
    team.sync("amy");
    std::mem::swap(&mut team.relay, &mut other);
    team.on("second", |phone, env| phone.add_member(env, member("dan", &[], false))).unwrap();
    team.sync("second");
    team.sync("bo");
    std::mem::swap(&mut team.relay, &mut other);
    (team, other)
}

#[test]
fn a_forked_directory_is_found_when_two_phones_meet_whoever_is_longer() {
    for longer in [false, true] {
        let (mut team, mut other) = forked();
        if longer {
            std::mem::swap(&mut team.relay, &mut other);
            team.on("second", |phone, env| phone.add_member(env, member("eve", &[], false)))
                .unwrap();
            team.sync("second");
            team.sync("bo");
            std::mem::swap(&mut team.relay, &mut other);
        }
        for (one, two) in [("amy", "bo"), ("bo", "amy")] {
            let (amy, bo) = (length(&team, "amy"), length(&team, "bo"));
            let (first, second) = meet(&mut team, one, two).unwrap();
            assert!(first.forked && second.forked, "{one} begins, longer: {longer}");
            assert_eq!((length(&team, "amy"), length(&team, "bo")), (amy, bo), "nothing is taken");
        }
        for name in ["amy", "bo"] {
            assert_eq!(team.alarms(name), [Code::DirectoryFork]);
        }
        // It stays until somebody has looked into it.
        team.sync("amy");
        assert_eq!(team.alarms("amy"), [Code::DirectoryFork]);
    }
}

#[test]
fn a_forked_directory_is_found_on_each_side_by_what_the_other_side_wrote() {
    let (mut team, mut other) = forked();
    let from_amy = team.incident("amy");
    team.sync("amy");
    std::mem::swap(&mut team.relay, &mut other);
    let from_bo = team.incident("bo");
    team.sync("bo");
    // The relay shows each side what the other wrote.
    let written = |relay: &PaperRelay, doc| {
        let all = relay.pushed.iter().filter(|e| e.header.doc == doc).cloned();
        all.collect::<Vec<_>>()
    };
    for envelope in written(&other, from_amy) {
        team.relay.take(envelope);
    }
    for envelope in written(&team.relay, from_bo) {
        other.take(envelope);
    }
    team.sync("bo");
    std::mem::swap(&mut team.relay, &mut other);
    team.sync("amy");
    for name in ["amy", "bo"] {
        assert!(team.alarms(name).contains(&Code::DirectoryFork), "{name}");
    }
    assert_eq!(team.shown("amy", from_bo, "source"), None);
    assert!(team.shown("amy", from_amy, "source").is_some(), "the rest goes on");
}

#[test]
fn an_older_directory_is_refused_and_told_in_plain_words() {
    let mut team = Team::new();
    team.join("amy", &[Role::PeerSupporter], false);
    team.on("admin", |phone, env| phone.add_member(env, member("cat", &[], false))).unwrap();
    team.sync_all();
    let held = length(&team, "amy");
    let body = team.request("amy");
    let mut response = team.relay.respond(&body);
    let entry = team.relay.listed(|entry| entry);
    let space = team.relay.directory.space();
    response.batch = entry.batch;
    response.spaces = vec![sync_core::protocol::SpaceItems {
        space,
        items: Vec::new(),
        seq: held - 1,
        chain: sync_core::ids::Chain::EMPTY,
        more: false,
    }];
    let answer = team.relay.sign(&body, &response);
    team.answer("amy", &body, &answer).unwrap();
    assert_eq!(team.alarms("amy"), [Code::DirectoryRolledBack]);
    assert!(Code::DirectoryRolledBack.advice().contains("keeps the newer one"));
    assert_eq!(length(&team, "amy"), held);
    let incident = team.incident("amy");
    team.sync("amy");
    assert!(team.on("amy", |phone, _| phone.show(incident)).unwrap().stored, "it goes on");
}

#[test]
fn a_phone_that_waits_for_its_members_approval_does_not_keep_the_directory_from_being_renewed() {
    let mut team = Team::new();
    team.join("second", &[], true);
    team.sync_all();
    let invitation = team.invite(member("gus", &[Role::PeerSupporter], false));
    team.begin("gus", &invitation);
    assert!(!team.ask("gus"));
    team.sync("admin");
    assert_eq!(team.pending("admin"), 1, "it is held");
    let before = length(&team, "admin");
    team.wait_minutes(8 * DAY);
    team.sync("admin");
    assert_eq!(length(&team, "admin"), before + 1);
    team.wait_minutes(7 * DAY);
    team.sync("admin");
    assert_eq!(team.alarms("admin"), []);
}

/// The second admin has not heard yet that the first one let in a further phone of theirs.
fn further_phone() -> Team {
    let mut team = Team::new();
    team.join("second", &[], true);
    team.sync_all();
    let own = team.on("admin", |phone, _| phone.status()).unwrap().member;
    let invitation = team.on("admin", |phone, env| phone.invite(env, own)).unwrap();
    team.sync("admin");
    team.begin("own", &invitation);
    assert!(!team.ask("own"));
    team.sync("admin");
    assert!(team.ask("own"));
    assert_eq!(team.alarms("second"), []);
    team
}

#[test]
fn a_further_phone_is_told_to_admins_who_hear_of_it_in_a_meeting() {
    let mut team = further_phone();
    meet(&mut team, "second", "admin").unwrap();
    assert_eq!(team.alarms("second"), [Code::DeviceAdded]);
}

#[test]
fn a_further_phone_is_told_to_admins_who_hear_of_it_from_a_relay_that_nobody_has_listed() {
    let mut team = further_phone();
    let mut stranger = PaperRelay::new(team.relay.directory.team(), 55, team.now);
    for entry in team.relay.envelopes() {
        stranger.take(entry);
    }
    team.relay = stranger;
    for _ in 0..3 {
        team.sync("second");
    }
    assert_eq!(length(&team, "second"), team.relay.directory.len());
    assert_eq!(team.alarms("second"), [Code::DeviceAdded, Code::RelayUnlisted]);
}

#[test]
fn an_alarm_of_what_happened_ends_when_somebody_has_seen_it_and_one_of_a_state_does_not() {
    let mut team = Team::new();
    team.join("amy", &[Role::PeerSupporter], false);
    team.wait_minutes(15 * DAY);
    team.sync("amy");
    let roll_back = |team: &mut Team| {
        let body = team.request("amy");
        let mut response = team.relay.respond(&body);
        response.spaces = vec![sync_core::protocol::SpaceItems {
            space: team.relay.directory.space(),
            items: Vec::new(),
            seq: length(team, "amy") - 1,
            chain: sync_core::ids::Chain::EMPTY,
            more: false,
        }];
        let answer = team.relay.sign(&body, &response);
        team.answer("amy", &body, &answer).unwrap();
    };
    roll_back(&mut team);
    assert_eq!(team.alarms("amy"), [Code::DirectoryRolledBack, Code::DirectoryStale]);
    let seen = |team: &mut Team, code| team.on("amy", |phone, _| phone.alarm_seen(code, ""));
    seen(&mut team, Code::DirectoryRolledBack).unwrap();
    assert_eq!(seen(&mut team, Code::DirectoryStale).unwrap_err().code(), Code::BadValue);
    assert_eq!(team.alarms("amy"), [Code::DirectoryStale]);
    roll_back(&mut team);
    assert!(team.alarms("amy").contains(&Code::DirectoryRolledBack), "it happened again");
}
