//! The facade for apps against a real relay over HTTP: a team is made, a second phone joins, both record and type.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use mobile_ffi::{
    AftercallError, AftercallPhone, FieldValue, KeyVault, NewMember, NewTeam, TextChange, Tier,
    VaultError,
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
    let member = admin.add_member(staff("Bo", "facilitator_mhp", false)).expect("enters");
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
    let admin = AftercallPhone::create_team(path_in(folder.path(), "ada.db"), Arc::new(KeyStore), team)
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
