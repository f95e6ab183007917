//! Changes that need a second admin: proposed on one phone, approved on another, with the relay in between.

use sync_core::directory::RecoveryKey;
use sync_core::engine::{NewMember, ProposalView};
use sync_core::ids::{Chain, MemberId, SpaceId};
use sync_core::protocol::{
    Accepted, Code, Cosign, PushResult, SyncRequest, Verdict, from_cbor, to_cbor,
};
use sync_core::records::Role;

use super::team::{Team, member};

fn two_admins() -> Team {
    let mut team = Team::new();
    team.join("second", &[], true);
    team.sync_all();
    team
}

fn approvals(team: &mut Team, on: &str) -> Vec<ProposalView> {
    team.on(on, |phone, _| phone.approvals()).unwrap()
}

fn roles(team: &Team, on: &str, member: MemberId) -> Option<Vec<Role>> {
    team.phones[on].phone.directory().member(&member).map(|member| member.roles.clone())
}

fn notices(team: &mut Team, on: &str) -> Vec<Code> {
    let notices = team.on(on, |phone, _| phone.notices()).unwrap();
    notices.into_iter().map(|notice| notice.code).collect()
}

#[test]
fn role_widening_a_new_admin_and_a_recovery_key_need_two_admin_signatures() {
    let mut team = two_admins();
    let new = member("ann", &[Role::PeerSupporter], true);
    let ann = team.on("admin", |phone, env| phone.add_member(env, new)).unwrap();
    team.sync_all();
    assert_eq!(roles(&team, "second", ann), None, "nothing is in effect");
    assert_eq!(notices(&mut team, "admin"), [Code::NeedsApproval]);
    assert_eq!(team.pending("admin"), 0, "it is told and waits");
    let shown = approvals(&mut team, "second");
    assert_eq!(shown.len(), 1);
    assert!(shown[0].waits_for_me && !shown[0].mine);
    for word in ["enter", "peer_supporter", "ADMIN"] {
        assert!(shown[0].what.contains(word), "{}", shown[0].what);
    }
    let own = approvals(&mut team, "admin");
    assert!(own[0].mine && !own[0].waits_for_me);
    let again = team.on("admin", |phone, env| phone.approve(env, own[0].id));
    assert_eq!(again.unwrap_err().code(), Code::NotAllowed, "the same admin twice is one");

    team.on("second", |phone, env| phone.approve(env, shown[0].id)).unwrap();
    assert_eq!(roles(&team, "second", ann), None, "not before it is sequenced");
    team.sync_all();
    for on in ["admin", "second"] {
        assert_eq!(roles(&team, on, ann), Some(vec![Role::PeerSupporter]));
        assert!(approvals(&mut team, on).is_empty());
        assert_eq!(notices(&mut team, on), []);
    }
    let wider = [Role::PeerSupporter, Role::Coordinator];
    let waits = team.on("second", |phone, env| phone.set_roles(env, ann, &wider, true)).unwrap();
    assert!(waits.is_some());
    let fewer = team.on("admin", |phone, env| phone.set_roles(env, ann, &[], true)).unwrap();
    assert!(fewer.is_none(), "taking away needs nobody else");
    team.sync_all();
    team.assert_calm();

    let own = team.on("admin", |phone, _| phone.status()).unwrap().member;
    let listed = |team: &Team| team.relay.directory.recovery(&own).map(RecoveryKey::id);
    let sheet = team.on("admin", |phone, env| phone.make_recovery(env, None, true)).unwrap();
    assert!(sheet.waits);
    team.sync_all();
    assert_eq!(listed(&team), None, "the member's own signature is one admin's");
    assert!(team.on("second", |phone, _| phone.approve_recovery(own)).unwrap());
    team.sync_all();
    assert_eq!(listed(&team), Some(sheet.key));
    team.assert_calm();
}

#[test]
fn a_proposal_survives_days_offline_on_either_side_and_is_entered_at_the_place_that_is_free() {
    let mut team = two_admins();
    let new = member("ann", &[Role::Coordinator], false);
    let ann = team.on("admin", |phone, env| phone.add_member(env, new)).unwrap();
    team.sync("admin");
    team.sync("second");
    let id = approvals(&mut team, "second")[0].id;
    team.wait_minutes(6 * 24 * 60);
    // The approving phone is offline and the directory moves on meanwhile.
    team.on("second", |phone, env| phone.approve(env, id)).unwrap();
    for name in ["ben", "cat"] {
        team.on("admin", |phone, env| phone.add_member(env, member(name, &[], false))).unwrap();
        team.sync("admin");
    }
    team.sync_all();
    assert_eq!(roles(&team, "admin", ann), Some(vec![Role::Coordinator]));
    assert_eq!(team.phones["admin"].phone.directory().head(), team.relay.directory.head());
    team.assert_calm();
}

#[test]
fn what_a_phone_completes_whose_answer_is_lost_is_entered_once() {
    let mut team = two_admins();
    team.on("admin", |phone, env| phone.add_member(env, member("third", &[], true))).unwrap();
    team.sync_all();
    let id = approvals(&mut team, "second")[0].id;
    team.on("second", |phone, env| phone.approve(env, id)).unwrap();
    let body = team.request("second");
    let first = team.relay.serve(&body);
    // The answer is lost; the phone asks again.
    drop(first);
    team.sync_all();
    let third = team.phones["admin"].phone.directory().members().filter(|(_, m)| m.admin).count();
    assert_eq!(third, 3);
    team.assert_calm();
}

#[test]
fn a_refusal_is_told_and_what_is_taken_back_is_gone_everywhere() {
    let mut team = two_admins();
    let new = member("ann", &[Role::Coordinator], false);
    let ann = team.on("admin", |phone, env| phone.add_member(env, new)).unwrap();
    team.sync_all();
    let id = approvals(&mut team, "second")[0].id;
    team.on("second", |phone, _| phone.decline(id)).unwrap();
    team.sync_all();
    assert_eq!(team.alarms("admin"), [Code::ApprovalDeclined]);
    assert_eq!(approvals(&mut team, "admin")[0].declined.len(), 1);
    assert!(!approvals(&mut team, "second")[0].waits_for_me);
    team.on("admin", |phone, _| phone.withdraw(id)).unwrap();
    team.sync_all();
    assert!(approvals(&mut team, "second").is_empty() && approvals(&mut team, "admin").is_empty());
    assert!(team.relay.cosigns.is_empty());
    assert_eq!(roles(&team, "admin", ann), None);
    team.assert_calm();
}

#[test]
fn after_thirty_days_a_proposal_has_ended_and_its_admin_is_told() {
    let mut team = two_admins();
    team.on("admin", |phone, env| phone.add_member(env, member("ann", &[], true))).unwrap();
    team.sync_all();
    team.wait_minutes(30 * 24 * 60 + 5);
    team.sync_all();
    assert_eq!(team.alarms("admin"), [Code::ApprovalExpired]);
    assert!(approvals(&mut team, "admin").is_empty() && approvals(&mut team, "second").is_empty());
}

#[test]
fn a_relay_cannot_make_anybody_approve_other_bytes_than_shown() {
    let mut team = two_admins();
    let harmless = team.on("admin", |phone, env| {
        phone.add_member(env, member("ann", &[Role::Chaplain], false)).unwrap();
        phone.approvals().unwrap()[0].clone()
    });
    team.sync("admin");
    let genuine = team.relay.cosigns[0].clone();
    let mut forged: Vec<Cosign> = Vec::new();
    // Another operation under the same signature; a signature cut; hidden bytes; nobody's signature.
    let mut other = genuine.clone();
    let at = other.op.len() - 20;
    other.op[at] ^= 1;
    forged.push(other);
    let mut cut = genuine.clone();
    cut.approvals[0].sig[5] ^= 1;
    forged.push(cut);
    let mut hidden = genuine.clone();
    hidden.op.push(0);
    forged.push(hidden);
    let mut nobody = genuine.clone();
    nobody.approvals.clear();
    forged.push(nobody);
    let mut nonce = genuine.clone();
    nonce.nonce[0] ^= 1;
    forged.push(nonce);
    team.relay.cosigns = forged;
    team.sync("second");
    assert!(approvals(&mut team, "second").is_empty(), "none of them is shown");
    team.relay.cosigns = vec![genuine.clone()];
    team.sync("second");
    assert_eq!(approvals(&mut team, "second")[0].id, harmless.id);
    // Dropped by the relay, the phone that proposed it says it again.
    team.relay.cosigns.clear();
    team.sync("admin");
    let body = team.request("admin");
    let request: SyncRequest = from_cbor(&body).unwrap();
    assert_eq!(request.cosign.map(|list| list.len()), Some(1));
    team.sync_all();
    // Approved and entered, it is shown to nobody again.
    let id = approvals(&mut team, "second")[0].id;
    team.on("second", |phone, env| phone.approve(env, id)).unwrap();
    team.sync_all();
    let length = team.relay.directory.len();
    team.relay.cosigns = vec![genuine];
    team.sync_all();
    assert!(approvals(&mut team, "second").is_empty() && approvals(&mut team, "admin").is_empty());
    assert_eq!(team.relay.directory.len(), length);
    team.assert_calm();
}

#[test]
fn a_team_of_one_admin_is_told_so_until_there_are_two() {
    let mut team = Team::new();
    assert_eq!(notices(&mut team, "admin"), [Code::OneAdmin]);
    team.join("second", &[], true);
    team.sync_all();
    assert_eq!(notices(&mut team, "admin"), []);
    assert_eq!(notices(&mut team, "second"), []);
}

/// Lets a third admin in, with a phone.
fn third_admin(team: &mut Team) {
    let new = member("third", &[], true);
    let third = team.on("admin", |phone, env| phone.add_member(env, new)).unwrap();
    team.sync_all();
    let id = approvals(team, "second")[0].id;
    team.on("second", |phone, env| phone.approve(env, id)).unwrap();
    team.sync_all();
    let invitation = team.on("admin", |phone, env| phone.invite(env, third)).unwrap();
    team.sync("admin");
    team.begin("third", &invitation);
    assert!(!team.ask("third"));
    team.sync("admin");
    assert!(team.ask("third"));
    team.sync_all();
}

#[test]
fn what_two_phones_complete_at_once_is_entered_once() {
    let mut team = two_admins();
    third_admin(&mut team);
    let new = member("ann", &[Role::Coordinator], false);
    let ann = team.on("admin", |phone, env| phone.add_member(env, new)).unwrap();
    team.sync_all();
    let length = team.relay.directory.len();
    // Neither hears of the other's approval before both have signed the entry.
    for on in ["second", "third"] {
        let id = approvals(&mut team, on)[0].id;
        team.on(on, |phone, env| phone.approve(env, id)).unwrap();
        assert!(approvals(&mut team, on)[0].entering, "{on}");
    }
    let asked = ["second", "third"].map(|on| (on, team.request(on)));
    for (on, body) in asked {
        let answer = team.relay.serve(&body);
        team.answer(on, &body, &answer).unwrap();
    }
    team.sync_all();
    assert_eq!(team.relay.directory.len(), length + 1);
    for on in ["admin", "second", "third"] {
        assert_eq!(roles(&team, on, ann), Some(vec![Role::Coordinator]));
        assert!(approvals(&mut team, on).is_empty(), "{on}");
    }
    team.assert_calm();
}

#[test]
fn a_name_or_unit_that_the_roster_does_not_take_is_told_before_anybody_is_asked() {
    let mut team = two_admins();
    let staff = |name: String, unit: Option<String>| NewMember {
        unit,
        ..member(&name, &[Role::PeerSupporter], false)
    };
    for new in [staff("n".repeat(65), None), staff("ann".into(), Some("u".repeat(33)))] {
        let refused = team.on("admin", |phone, env| phone.add_member(env, new));
        assert_eq!(refused.unwrap_err().code(), Code::BadValue);
    }
    assert!(approvals(&mut team, "admin").is_empty());
    let longest = staff("n".repeat(64), Some("u".repeat(32)));
    team.on("admin", |phone, env| phone.add_member(env, longest)).unwrap();
    team.sync_all();
    let id = approvals(&mut team, "second")[0].id;
    team.on("second", |phone, env| phone.approve(env, id)).unwrap();
    team.sync_all();
    team.assert_calm();
}

#[test]
fn an_entry_that_the_relay_refuses_in_the_end_is_not_said_to_be_on_its_way() {
    let mut team = two_admins();
    let new = member("ann", &[Role::Coordinator], false);
    let ann = team.on("admin", |phone, env| phone.add_member(env, new)).unwrap();
    team.sync_all();
    let id = approvals(&mut team, "second")[0].id;
    team.on("second", |phone, env| phone.approve(env, id)).unwrap();
    for on in ["second", "admin"] {
        // What this phone would enter is refused; the rest of its request is taken.
        for _ in 0..3 {
            let body = team.request(on);
            let mut request: SyncRequest = from_cbor(&body).unwrap();
            let pushed = std::mem::take(&mut request.push);
            let mut response = team.relay.respond(&to_cbor(&request));
            let refused = pushed.iter().map(|packed| PushResult {
                id: request.batch.unpack(packed).unwrap().id(),
                verdict: Verdict::RefusedFinal,
                seq: 0,
                chain: Chain::EMPTY,
                code: Code::NoSuchMember.to_string(),
            });
            response.results = refused.collect();
            let answer = team.relay.sign(&body, &response);
            team.answer(on, &body, &answer).unwrap();
        }
        let shown = approvals(&mut team, on);
        assert!(shown.iter().all(|view| view.id == id && !view.entering), "{on}: {shown:?}");
        assert_eq!(team.alarms(on), [Code::NoSuchMember], "{on}");
        assert_eq!(team.pending(on), 0, "{on}: it is not sent again and again");
        team.on(on, |phone, _| phone.alarm_seen(Code::NoSuchMember, "")).unwrap();
    }
    // Once the directory has changed it may do, and is tried again.
    team.on("admin", |phone, env| phone.add_member(env, member("ben", &[], false))).unwrap();
    team.sync_all();
    assert_eq!(roles(&team, "admin", ann), Some(vec![Role::Coordinator]));
    team.assert_calm();
}

#[test]
fn a_removal_that_no_entry_can_hold_is_dropped_with_an_alarm_and_everything_else_is_sent() {
    let mut team = Team::new();
    let amy = team.join("amy", &[Role::PeerSupporter], false);
    team.sync_all();
    let device = team.on("amy", |phone, _| phone.status()).unwrap().device;
    team.on("admin", |phone, _| phone.remove_member(amy)).unwrap();
    let body = team.request("admin");
    let mut response = team.relay.respond(&body);
    let number = |at: u32| {
        let mut space = [0; 16];
        space[..4].copy_from_slice(&at.to_be_bytes());
        Accepted { device, space: SpaceId::new(space), device_seq: u64::MAX }
    };
    response.accepted = Some((0..3_000).map(number).collect());
    let answer = team.relay.sign(&body, &response);
    team.answer("admin", &body, &answer).unwrap();
    team.on("admin", |phone, env| phone.add_member(env, member("ben", &[], false))).unwrap();
    team.sync("admin");
    let alarms = team.on("admin", |phone, _| phone.alarms()).unwrap();
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!((alarms[0].code, &alarms[0].subject), (Code::TooLarge, &amy.to_string()));
    assert_eq!(team.pending("admin"), 0);
    assert!(team.relay.directory.members().count() == 3, "the next entry was taken");
}
