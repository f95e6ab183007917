//! The facade for apps against a real relay over HTTP: a team is made, a second phone joins, both record and type.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use mobile_ffi::{
    AftercallError, AftercallPhone, FieldValue, KeyVault, NewMember, NewTeam, RequestAnswer,
    TextChange, Tier, VaultError,
};
use server::serve::{Config, bind_to};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A key store whose keys are always there.
struct KeyStore;

impl KeyVault for KeyStore {
    fn wrap(&self, _tier: Tier, key: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        Ok(key.iter().map(|byte| byte ^ 7).collect())
    }

    fn unwrap(&self, tier: Tier, wrapped: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        self.wrap(tier, wrapped)
    }

    fn destroy(&self, _tier: Tier) -> Result<(), VaultError> {
        Ok(())
    }
}

struct Relay {
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Relay {
    fn start(listener: TcpListener, data: &Path, team: &str) -> Relay {
        let mut config = Config::new(data.join("relay"));
        config.allow = vec![team.parse().expect("a team's id")];
        let bound = bind_to(listener, config).expect("the relay opens");
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            let shutdown = async { drop(stopped.await) };
            bound.serve(shutdown).await.expect("the relay stops in order");
        });
        Relay { stop, serving }
    }

    async fn stop(self) {
        self.stop.send(()).expect("the relay is running");
        self.serving.await.expect("the relay ended in order");
    }
}

fn staff(name: &str, role: &str, admin: bool) -> NewMember {
    NewMember {
        name: Some(name.to_owned()),
        roles: vec![role.to_owned()],
        admin,
        unit: None,
        supervises: Vec::new(),
    }
}

fn path_in(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().expect("a path in text").to_owned()
}

fn form(fields: &[(&str, &str)]) -> HashMap<String, FieldValue> {
    let text = |value: &str| FieldValue::Text { value: value.to_owned() };
    fields.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect()
}

async fn type_note(phone: &AftercallPhone, intervention: &str, insert: &str) {
    let change = TextChange { at: 0, remove: 0, insert: insert.to_owned() };
    let typed = phone.write_note(intervention.to_owned(), "exploration".to_owned(), change);
    typed.expect("types");
}

fn note(phone: &AftercallPhone, intervention: &str) -> String {
    let notes = phone.notes(intervention.to_owned()).expect("reads");
    notes[0].phases["defusing.exploration"].clone()
}

async fn joined(admin: &AftercallPhone, folder: &Path) -> (Arc<AftercallPhone>, String) {
    joined_as(admin, folder, staff("Bo", "facilitator_mhp", false)).await
}

/// A team of one admin that has synced with a relay.
async fn begun(folder: &Path) -> (Arc<AftercallPhone>, Relay) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let relay = format!("http://{}", listener.local_addr().expect("bound"));
    let (admin, crisis_numbers) = (staff("Ada", "coordinator", true), HashMap::new());
    let team = NewTeam { relay, admin, crisis_numbers };
    let admin = AftercallPhone::create_team(path_in(folder, "ada.db"), Arc::new(KeyStore), team)
        .expect("makes a team");
    let relay = Relay::start(listener, folder, &admin.status().expect("status").team);
    admin.sync().await.expect("syncs");
    (admin, relay)
}

async fn joined_as(
    admin: &AftercallPhone,
    folder: &Path,
    new: NewMember,
) -> (Arc<AftercallPhone>, String) {
    let member = admin.add_member(new).expect("enters");
    let link = admin.invite(member.clone()).expect("invites");
    admin.sync().await.expect("tells the relay of the invitation");
    let phone = AftercallPhone::start_joining(path_in(folder, "bo.db"), Arc::new(KeyStore), link)
        .expect("begins to join");
    assert!(!phone.ask_to_join().await.expect("asks"), "nobody has answered yet");
    admin.sync().await.expect("lets the phone in");
    assert!(phone.ask_to_join().await.expect("asks"), "the directory lists it");
    phone.sync().await.expect("syncs");
    (phone, member)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_phones_join_record_and_type_one_note_through_the_facade() {
    let folder = tempfile::tempdir().expect("folder");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("bound"));
    let team = NewTeam {
        relay: origin,
        admin: staff("Ada", "coordinator", true),
        crisis_numbers: HashMap::new(),
    };
    let admin =
        AftercallPhone::create_team(path_in(folder.path(), "ada.db"), Arc::new(KeyStore), team)
            .expect("makes a team");
    let me = admin.status().expect("status");
    let relay = Relay::start(listener, folder.path(), &me.team);
    admin.sync().await.expect("syncs");

    let (bo, bo_member) = joined(&admin, folder.path()).await;
    assert_eq!(admin.members().expect("members").len(), 2);

    let intervention =
        admin.record("intervention".to_owned(), form(&[("kind", "defusing")])).expect("records");
    admin.assign(intervention.clone(), vec![me.member, bo_member]).expect("assigns");
    admin.sync().await.expect("syncs");
    let report = bo.sync().await.expect("syncs");
    assert!(report.received > 0);

    let declared = bo.declare(intervention.clone(), None, None, Some(false)).expect("answers");
    assert!(declared.blocked && declared.answered == 1, "{declared:?}");
    bo.declare(intervention.clone(), Some(true), Some(true), Some(true)).expect("answers");
    let team = bo.staffing(intervention.clone()).expect("looks");
    assert!(team.len() == 2 && team.iter().all(|one| !one.blocked), "{team:?}");
    let part = admin.staff(
        intervention.clone(),
        vec![bo.status().expect("status").member],
        "juggler".to_owned(),
    );
    assert!(matches!(part, Err(AftercallError::Input { .. })), "{part:?}");
    assert!(admin.same_offers().expect("looks").is_empty());
    let fire = HashMap::from([
        ("type".to_owned(), FieldValue::Set { values: vec!["lodd".to_owned()] }),
        ("occurred_end".to_owned(), FieldValue::Text { value: "2026-03-01T18:00:00Z".to_owned() }),
    ]);
    let fire = admin.record("incident".to_owned(), fire).expect("records");
    let clock = admin.incident_clock(fire.clone()).expect("tells the clock");
    assert!(clock.is_sure && clock.lines.iter().any(|line| line.kind == "defusing"), "{clock:?}");
    assert!(admin.after_action(fire).expect("reports").contains("\"began_ideal\":0"));

    type_note(&admin, &intervention, "one").await;
    type_note(&bo, &intervention, "two").await;
    for phone in [&admin, &bo, &admin, &bo] {
        phone.sync().await.expect("syncs");
    }
    let merged = note(&admin, &intervention);
    assert_eq!(merged, note(&bo, &intervention));
    assert!(merged.contains("one") && merged.contains("two"), "{merged}");
    assert_eq!((admin.pending().expect("counts"), bo.pending().expect("counts")), (0, 0));
    assert!(admin.show(intervention).expect("shows").stored);

    relay.stop().await;
    bo.set_backup(true).expect("turns backup on");
    let alone = bo.record("check_in".to_owned(), form(&[("zone", "ready")])).expect("records");
    let refused = bo.sync().await.expect_err("nobody answers");
    assert!(matches!(refused, AftercallError::TryLater { .. }), "{refused:?}");
    assert!(!bo.show(alone).expect("shows").stored);
    assert!(bo.pending().expect("counts") > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_joins_by_typed_code_and_a_further_one_by_two_scans_through_the_facade() {
    let folder = tempfile::tempdir().expect("folder");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("bound"));
    let team = NewTeam {
        relay: origin.clone(),
        admin: staff("Ada", "coordinator", true),
        crisis_numbers: HashMap::new(),
    };
    let admin =
        AftercallPhone::create_team(path_in(folder.path(), "ada.db"), Arc::new(KeyStore), team)
            .expect("makes a team");
    let relay = Relay::start(listener, folder.path(), &admin.status().expect("status").team);
    admin.sync().await.expect("syncs");
    let member = admin.add_member(staff("Bo", "facilitator_mhp", false)).expect("enters");
    let code = admin.invite_by_code(member.clone()).expect("invites");
    admin.sync().await.expect("tells the relay");
    let wrong = format!("{}{}", &code[..11], if code.ends_with('0') { '1' } else { '0' });
    let path = path_in(folder.path(), "bo.db");
    let bo = AftercallPhone::start_joining_by_code(path, Arc::new(KeyStore), origin, wrong);
    let bo = bo.expect("begins");
    assert!(!bo.ask_to_join().await.expect("asks"));
    admin.sync().await.expect("answers");
    let refused = bo.ask_to_join().await.expect_err("another code");
    assert!(matches!(&refused, AftercallError::Input { code, .. } if code == "code_wrong"));
    bo.retype_code(code).expect("types it again");
    for _ in 0..2 {
        assert!(!bo.ask_to_join().await.expect("asks"));
        admin.sync().await.expect("answers");
    }
    assert!(bo.ask_to_join().await.expect("asks"));
    bo.sync().await.expect("syncs");
    assert_eq!(bo.status().expect("status").member, member);
    let device = bo.status().expect("status").device;
    let seen = |phone: &AftercallPhone| {
        let devices = phone.devices().expect("devices");
        devices.into_iter().find(|known| known.id == device).expect("it is listed")
    };
    assert!(!seen(&admin).checked && seen(&bo).is_this_phone);
    admin.mark_checked(device.clone()).expect("compared");
    assert!(seen(&admin).checked);
    assert_eq!(admin.invites().expect("invites")[0].state, "claimed");

    // Bo's other phone, by two scans; the relay hears of it from bo's first one.
    let link = bo.invite(member.clone()).expect("invites");
    let path = path_in(folder.path(), "bo2.db");
    let other = AftercallPhone::start_joining(path, Arc::new(KeyStore), link).expect("begins");
    let reply = other.join_reply().expect("shows");
    bo.accept_reply(reply).expect("scans");
    bo.sync().await.expect("syncs");
    admin.sync().await.expect("seconds it");
    assert!(other.ask_to_join().await.expect("asks"));
    let refused = admin.invite(member).expect_err("not the admin's to let in");
    assert!(
        matches!(&refused, AftercallError::NotAllowed { code, .. } if code == "further_device")
    );
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_admin_reads_refuses_and_signs_what_waits_through_the_facade() {
    let folder = tempfile::tempdir().expect("folder");
    let (admin, relay) = begun(folder.path()).await;
    let (bo, _) = joined_as(&admin, folder.path(), staff("Bo", "team_lead", true)).await;
    admin.sync().await.expect("syncs");
    let cat = admin.add_member(staff("Cat", "chaplain", false)).expect("proposes");
    admin.sync().await.expect("syncs");
    bo.sync().await.expect("syncs");
    let shown = bo.approvals().expect("looks").remove(0);
    assert!(shown.waits_for_me && !shown.mine && shown.what.contains("chaplain"), "{shown:?}");
    bo.decline(shown.id.clone()).expect("refuses");
    bo.sync().await.expect("syncs");
    admin.sync().await.expect("syncs");
    let own = admin.approvals().expect("looks").remove(0);
    assert_eq!((own.mine, own.declined.len()), (true, 1));
    bo.approve(shown.id).expect("thinks better of it");
    for phone in [&bo, &admin] {
        phone.sync().await.expect("syncs");
        assert!(phone.members().expect("members").iter().any(|member| member.id == cat));
        assert!(phone.approvals().expect("looks").is_empty());
    }
    admin.add_member(staff("Dan", "chaplain", false)).expect("proposes");
    let own = admin.approvals().expect("looks").remove(0);
    admin.withdraw(own.id.clone()).expect("takes it back");
    let gone = admin.withdraw(own.id).expect_err("there is none");
    assert!(matches!(gone, AftercallError::NotFound { .. }), "{gone:?}");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_removed_and_what_it_brought_is_released_through_the_facade() {
    let folder = tempfile::tempdir().expect("folder");
    let (admin, relay) = begun(folder.path()).await;
    let (bo, member) = joined(&admin, folder.path()).await;
    let fields = form(&[("kind", "defusing")]);
    let late = bo.record("intervention".to_owned(), fields).expect("records");
    admin.remove_device(bo.status().expect("status").device).expect("proposes");
    admin.sync().await.expect("removes it");
    let refused = bo.sync().await.expect_err("removed");
    assert!(matches!(&refused, AftercallError::Trust { code, .. } if code == "device_removed"));
    admin.sync().await.expect("hears of it");
    let items = admin.quarantined().expect("looks");
    assert_eq!(items[0].kind.as_deref(), Some("intervention"));
    assert!(admin.show(late.clone()).is_err());
    admin.release(items.into_iter().map(|item| item.id).collect()).expect("releases");
    admin.sync().await.expect("syncs");
    assert!(admin.show(late).is_ok() && admin.quarantined().expect("looks").is_empty());
    admin.remove_member(member.clone()).expect("proposes");
    admin.sync().await.expect("removes them");
    assert!(admin.members().expect("members").iter().all(|known| known.id != member));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_held_then_erased_and_receipted_through_the_facade() {
    let folder = tempfile::tempdir().expect("folder");
    let (admin, relay) = begun(folder.path()).await;
    let fields = form(&[("kind", "defusing")]);
    let record = admin.record("intervention".to_owned(), fields).expect("records");
    admin.sync().await.expect("syncs");
    admin.hold(record.clone(), true).expect("holds");
    admin.sync().await.expect("syncs");
    assert!(admin.is_held(record.clone()).expect("looks"));
    assert!(admin.purge(record.clone()).is_err(), "not meanwhile");
    admin.hold(record.clone(), false).expect("ends it");
    admin.sync().await.expect("syncs");
    admin.purge(record.clone()).expect("orders it");
    admin.sync().await.expect("syncs");
    assert!(admin.show(record.clone()).is_err());
    let receipts = admin.receipts().expect("looks");
    assert_eq!((receipts[0].document.as_str(), receipts[0].why.as_str()), (&*record, "ordered"));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_asked_and_answered_through_the_facade() {
    let folder = tempfile::tempdir().expect("folder");
    let (ada, relay) = begun(folder.path()).await;
    let (bo, bo_id) = joined(&ada, folder.path()).await;
    ada.sync().await.expect("syncs");
    let id = ada.record("support_request".to_owned(), form(&[("urgency", "today")]));
    let id = id.expect("asks");
    assert_eq!(ada.requests().expect("looks")[0].state, "queued");
    ada.sync().await.expect("syncs");
    assert_eq!(ada.requests().expect("looks")[0].state, "delivered");
    bo.sync().await.expect("syncs");
    let seen = bo.requests().expect("looks").remove(0);
    assert!(seen.calls_me && seen.calls_everyone && !seen.own);
    assert!(ada.answer_request(id.clone(), RequestAnswer::Take).is_err(), "her own");
    bo.answer_request(id.clone(), RequestAnswer::Take).expect("takes it");
    bo.sync().await.expect("syncs");
    ada.sync().await.expect("syncs");
    let told = ada.requests().expect("looks").remove(0);
    assert_eq!((told.state.as_str(), told.taken_by.as_slice()), ("taken", [bo_id].as_slice()));
    ada.answer_request(id, RequestAnswer::Close).expect("closes it");
    assert_eq!(ada.requests().expect("looks")[0].state, "closed");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_phone_is_wiped_says_so_and_its_place_is_free_again_through_the_facade() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (admin, relay) = begun(folder.path()).await;
    let (bo, _) = joined(&admin, folder.path()).await;
    let device = bo.status().expect("status").device;
    bo.record("check_in".to_owned(), form(&[("zone", "ready")])).expect("records");
    assert_eq!(bo.wiped().expect("looks"), None);
    admin.remove_and_wipe_device(device.clone()).expect("proposes");
    admin.sync().await.expect("removes it");
    let shown = admin.removed_devices().expect("looks");
    assert_eq!((shown.len(), &shown[0].id), (1, &device));
    assert!(shown[0].wipe_ordered_on.is_some() && shown[0].wiped_on.is_none());

    for _ in 0..2 {
        let refused = bo.sync().await.expect_err("wiped");
        assert!(matches!(&refused, AftercallError::Setup { code, .. } if code == "device_wiped"));
    }
    let state = bo.wiped().expect("looks").expect("it was");
    assert!(state.acknowledged);
    assert!(bo.status().is_err() && bo.pending().is_err());
    admin.sync().await.expect("is told");
    assert_eq!(admin.removed_devices().expect("looks")[0].wiped_on, Some(state.day));
    // In the same file another phone joins.
    drop(bo);
    let (anew, _) = joined_as(&admin, folder.path(), staff("Cy", "peer_supporter", false)).await;
    assert_ne!(anew.status().expect("status").device, device);
    assert_eq!(anew.wiped().expect("looks"), None);
    relay.stop().await;
}
