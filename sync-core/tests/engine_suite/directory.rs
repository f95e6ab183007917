//! Directory entries of several admins, and relays that are not listed.

use sync_core::engine::MemberView;
use sync_core::protocol::{Code, SyncRequest, Verdict, from_cbor};
use sync_core::records::Role;

use super::paper_relay::PaperRelay;
use super::team::{Team, member};

fn named(team: &mut Team, on: &str, name: &str) -> Vec<MemberView> {
    let members = team.on(on, |phone, _| phone.members()).unwrap();
    members.into_iter().filter(|member| member.name.as_deref() == Some(name)).collect()
}

#[test]
fn members_entered_by_two_admins_at_once_are_all_entered_once() {
    let mut team = Team::new();
    team.join("second", &[], true);
    team.sync_all();
    for (admin, names) in [("admin", ["ann", "ben"]), ("second", ["cat", "dan"])] {
        for name in names {
            let new = member(name, &[Role::Responder], false);
            team.on(admin, |phone, env| phone.add_member(env, new)).unwrap();
        }
    }
    let loser = team.request("second");
    team.sync("admin");
    let answer = team.relay.respond(&loser);
    let entries = answer.results.iter().filter(|r| r.code == Code::DirectoryBehind.as_str());
    assert!(entries.clone().all(|result| result.verdict == Verdict::RefusedRetry));
    assert_eq!(entries.count(), 2, "both entries were made for a shorter directory");
    let answer = team.relay.sign(&loser, &answer);
    assert!(team.answer("second", &loser, &answer).unwrap().again);
    team.sync_all();
    team.assert_calm();
    for on in ["admin", "second"] {
        for name in ["ann", "ben", "cat", "dan"] {
            assert_eq!(named(&mut team, on, name).len(), 1, "{name} on {on}");
        }
        assert_eq!(team.phones[on].phone.directory().head(), team.relay.directory.head());
    }
    // What the second admin entered can be invited by the first.
    let dan = named(&mut team, "admin", "dan")[0].id;
    assert!(team.on("admin", |phone, env| phone.invite(env, dan)).is_ok());
}

#[test]
fn to_a_relay_that_no_admin_listed_a_phone_sends_everything_and_takes_nothing() {
    let mut team = Team::new();
    team.join("amy", &[Role::PeerSupporter], false);
    let incident = team.incident("amy");
    let pending = team.pending("amy");
    assert!(pending > 0);
    let mut other = PaperRelay::new(team.relay.directory.team(), 55, team.now);
    other.wait_ms(3_600_000);
    for _ in 0..2 {
        let body = team.request("amy");
        let request: SyncRequest = from_cbor(&body).unwrap();
        assert_eq!(request.push.len() as u64, pending, "all of it goes out");
        let answer = other.serve(&body);
        let outcome = team.answer("amy", &body, &answer).unwrap();
        assert_eq!((outcome.stored, outcome.received, outcome.again), (0, 0, false));
        assert_eq!(team.pending("amy"), pending, "its acknowledgement does not count");
        let corrected = team.on("amy", |phone, env| phone.corrected(env.now)).unwrap();
        assert_eq!(corrected, (team.now, true), "its time does not count");
    }
    assert!(other.pushed.iter().any(|envelope| envelope.header.doc == incident));
    let alarms = team.on("amy", |phone, _| phone.alarms()).unwrap();
    assert_eq!(alarms.len(), 1);
    assert_eq!(
        (alarms[0].code, &alarms[0].subject),
        (Code::RelayUnlisted, &other.id().to_string())
    );
    assert!(!team.on("amy", |phone, _| phone.show(incident)).unwrap().stored);
    team.sync("amy");
    assert!(team.on("amy", |phone, _| phone.show(incident)).unwrap().stored);
}

#[test]
fn a_second_relay_is_not_listed_by_itself() {
    let mut team = Team::new();
    let mut other = PaperRelay::new(team.relay.directory.team(), 55, team.now);
    let body = team.request("admin");
    let answer = other.serve(&body);
    assert!(!team.answer("admin", &body, &answer).unwrap().again);
    assert_eq!(team.alarms("admin"), [Code::RelayUnlisted]);
    team.sync("admin");
    assert!(!team.phones["admin"].phone.directory().lists_relay(&other.id()));
}
