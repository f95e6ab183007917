//! Changes that need a second admin: proposed on one phone, approved on another, with the relay in between.

use sync_core::engine::ProposalView;
use sync_core::ids::MemberId;
use sync_core::protocol::{Code, Cosign, SyncRequest, from_cbor};
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
fn what_two_phones_complete_at_once_is_entered_once() {
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
