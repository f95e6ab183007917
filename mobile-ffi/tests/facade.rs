//! The facade as an app uses it, offline: a team is made, records are written and read, a wrong key opens nothing.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mobile_ffi::{
    AftercallError, AftercallPhone, FieldValue, KeyVault, NewMember, NewTeam, RecoveryState,
    TextChange, Tier, VaultError, no_escrow_warning,
};

/// A key store that wraps under one byte pattern, as a platform's would under a key in hardware.
struct KeyStore {
    under: u8,
    destroyed: AtomicBool,
}

impl KeyStore {
    fn of(under: u8) -> Arc<KeyStore> {
        Arc::new(KeyStore { under, destroyed: AtomicBool::new(false) })
    }
}

impl KeyVault for KeyStore {
    fn wrap(&self, _tier: Tier, key: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        Ok(key.iter().map(|byte| byte ^ self.under).collect())
    }

    fn unwrap(&self, tier: Tier, wrapped: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        if tier == Tier::B && self.destroyed.load(Ordering::SeqCst) {
            return Err(VaultError::Lost);
        }
        self.wrap(tier, wrapped)
    }

    fn destroy(&self, tier: Tier) -> Result<(), VaultError> {
        self.destroyed.fetch_or(tier == Tier::B, Ordering::SeqCst);
        Ok(())
    }
}

fn text(value: &str) -> FieldValue {
    FieldValue::Text { value: value.to_owned() }
}

fn form(fields: &[(&str, FieldValue)]) -> HashMap<String, FieldValue> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn staff(role: &str) -> NewMember {
    NewMember {
        name: Some("Ada".to_owned()),
        roles: vec![role.to_owned()],
        admin: role == "coordinator",
        unit: None,
        supervises: Vec::new(),
    }
}

fn path_in(folder: &Path) -> String {
    folder.join("phone.db").to_str().expect("a path in text").to_owned()
}

fn team_in(folder: &Path) -> Arc<AftercallPhone> {
    let team = NewTeam {
        // Nobody listens on the discard port: the network is down.
        relay: "http://127.0.0.1:9".to_owned(),
        admin: staff("coordinator"),
        crisis_numbers: HashMap::from([("line".to_owned(), "000".to_owned())]),
    };
    AftercallPhone::create_team(path_in(folder), KeyStore::of(7), team).expect("makes a team")
}

fn check_in(phone: &AftercallPhone) -> String {
    let fields = form(&[
        ("zone", text("reacting")),
        ("sleep_hours", FieldValue::Fraction { value: 4.5 }),
        ("cause", FieldValue::Set { values: vec!["loss".to_owned(), "home".to_owned()] }),
        ("text", text("the bridge again")),
    ]);
    phone.record("check_in".to_owned(), fields).expect("records")
}

#[test]
fn a_check_in_is_recorded_shown_edited_and_listed_without_a_network() {
    let folder = tempfile::tempdir().expect("folder");
    let phone = team_in(folder.path());
    let id = check_in(&phone);
    let shown = phone.show(id.clone()).expect("shows");
    assert_eq!(shown.kind, "check_in");
    assert_eq!(shown.fields["zone"].value, text("reacting"));
    assert_eq!(shown.fields["sleep_hours"].value, FieldValue::Fraction { value: 4.5 });
    assert_eq!(shown.fields["text"].value, text("the bridge again"));
    assert!(!shown.stored && shown.only_here);
    phone.set_backup(true).expect("turns backup on");
    assert!(phone.status().expect("status").backup);
    assert!(!phone.show(id.clone()).expect("shows").only_here);

    phone.edit(id.clone(), form(&[("zone", text("ready"))])).expect("edits");
    let listed = phone.list(Some("check_in".to_owned()), None, 10).expect("lists");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].fields["zone"].value, text("ready"));
    assert!(phone.list(Some("check_in".to_owned()), Some(id), 10).expect("lists").is_empty());
    assert!(phone.pending().expect("counts") > 0);
}

#[test]
fn what_was_recorded_is_there_after_reopening() {
    let folder = tempfile::tempdir().expect("folder");
    let phone = team_in(folder.path());
    let (id, before) = (check_in(&phone), phone.status().expect("status"));
    drop(phone);
    let phone = AftercallPhone::open(path_in(folder.path()), KeyStore::of(7)).expect("opens");
    assert!(!phone.is_unlocked().expect("says"), "nobody has unlocked it");
    let locked = phone.show(id.clone()).expect("shows");
    assert!(locked.fields.is_empty() && !locked.unreadable.is_empty());
    phone.unlock().expect("unlocks");
    let after = phone.status().expect("status");
    assert_eq!(
        (after.team, after.device, after.member),
        (before.team, before.device, before.member)
    );
    assert_eq!(phone.show(id).expect("shows").fields["text"].value, text("the bridge again"));
    assert_eq!(phone.crisis_numbers().expect("numbers")["line"], "000");
}

#[test]
fn a_wrong_key_opens_nothing_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let phone = team_in(folder.path());
    check_in(&phone);
    drop(phone);
    let path = path_in(folder.path());
    let before = std::fs::read(&path).expect("reads");
    let refused = AftercallPhone::open(path.clone(), KeyStore::of(8));
    assert!(matches!(refused.err(), Some(AftercallError::WrongKey { .. })));
    assert_eq!(std::fs::read(&path).expect("reads"), before);
    assert!(AftercallPhone::open(path, KeyStore::of(7)).is_ok());
}

#[test]
fn errors_say_what_to_do_and_never_what_was_typed() {
    let folder = tempfile::tempdir().expect("folder");
    let phone = team_in(folder.path());
    let secret = "the name of a colleague";
    let wrong = [
        phone.record("check_in".to_owned(), form(&[("zone", text(secret))])).err(),
        phone.record("check_in".to_owned(), HashMap::new()).err(),
        phone.show(secret.to_owned()).err(),
        phone.invite(secret.to_owned()).err(),
    ];
    for error in wrong {
        let error = error.expect("refused");
        assert!(matches!(error, AftercallError::Input { .. }), "{error:?}");
        assert!(!format!("{error:?} {error}").contains(secret));
    }
    let absent = phone.show("0".repeat(32)).expect_err("refused");
    assert!(matches!(absent, AftercallError::NotFound { .. }), "{absent:?}");
}

#[test]
fn nothing_is_made_where_a_phone_is_opened_that_is_not_there() {
    let folder = tempfile::tempdir().expect("folder");
    let refused = AftercallPhone::open(path_in(folder.path()), KeyStore::of(7));
    assert!(matches!(refused.err(), Some(AftercallError::Setup { .. })));
    assert_eq!(std::fs::read_dir(folder.path()).expect("reads").count(), 0);
}

#[test]
fn an_invited_phone_begins_to_join_and_is_not_enrolled_yet() {
    let first = tempfile::tempdir().expect("folder");
    let second = tempfile::tempdir().expect("folder");
    let admin = team_in(first.path());
    let member = admin.add_member(staff("peer_supporter")).expect("enters");
    let link = admin.invite(member.clone()).expect("invites");
    assert!(link.starts_with("aftercall-join:"));
    let path = path_in(second.path());
    let joining = AftercallPhone::start_joining(path, KeyStore::of(7), link).expect("begins");
    let status = joining.status().expect("status");
    assert!(!status.enrolled);
    assert_eq!(status.member, member);
    assert_eq!(status.team, admin.status().expect("status").team);
}

#[test]
fn a_lead_types_the_note_of_a_session() {
    let folder = tempfile::tempdir().expect("folder");
    let phone = team_in(folder.path());
    let fields = form(&[("kind", text("defusing"))]);
    let intervention = phone.record("intervention".to_owned(), fields).expect("records");
    let me = phone.status().expect("status").member;
    phone.assign(intervention.clone(), vec![me]).expect("assigns");
    let change = |at, remove, insert: &str| TextChange { at, remove, insert: insert.to_owned() };
    let phase = "exploration".to_owned();
    let typed = phone.write_note(intervention.clone(), phase.clone(), change(0, 0, "they talked"));
    typed.expect("types");
    phone.write_note(intervention.clone(), phase, change(0, 4, "all")).expect("types");
    let notes = phone.notes(intervention).expect("reads");
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0].phases["defusing.exploration"], "all talked");
}

#[test]
fn recovery_is_set_up_tried_and_asked_about_through_the_facade() {
    let folder = tempfile::tempdir().expect("folder");
    let phone = team_in(folder.path());
    assert_eq!(phone.recovery_status().expect("a status").state, RecoveryState::NotSetUp);
    let sheet = phone.make_recovery(Vec::new(), true).expect("a key");
    let code = sheet.code.expect("a code");
    assert_eq!((code.len(), sheet.waits, sheet.shares.len()), (77, false, 0));
    assert_eq!(phone.recovery_status().expect("a status").state, RecoveryState::Waits);
    // Nothing is listed before a sync, so there is nothing that would work yet.
    let none = phone.drill_code(code.clone()).expect_err("not in effect");
    assert!(matches!(none, AftercallError::NotAllowed { ref code, .. } if code == "recovery_none"));
    let mistyped = phone.drill_code(code[1..].to_owned()).expect_err("mistyped");
    assert!(matches!(mistyped, AftercallError::Input { ref code, .. } if code == "code_mistyped"));
    let two =
        phone.make_recovery(vec!["ab".repeat(16); 2], false).map(drop).expect_err("two holders");
    assert!(matches!(two, AftercallError::Input { .. }));
    let request = phone.recovery_request().expect("a request");
    assert_eq!(phone.recovery_fingerprint().expect("words").split(' ').count(), 8);
    let refused = phone.share_release(request).expect_err("no share of one's own");
    assert!(matches!(refused, AftercallError::NotAllowed { .. }));
    phone.set_escrow("care".to_owned(), false).expect("a choice");
    assert_eq!(phone.recovery_status().expect("a status").no_escrow, ["care"]);
    assert!(no_escrow_warning().contains("lost for good"));
    assert!(phone.recovery_asks().expect("asks").is_empty());
    let other = folder.path().join("other.db").to_str().expect("text").to_owned();
    let join =
        AftercallPhone::recover_with_code(other.clone(), KeyStore::of(7), "no link".into(), code);
    assert!(join.is_err() && !Path::new(&other).exists());
}

#[test]
fn an_alarm_is_seen_by_its_code_and_one_that_lasts_is_not() {
    let folder = tempfile::tempdir().expect("folder");
    let phone = team_in(folder.path());
    phone.alarm_seen("relay_changed".to_owned(), String::new()).expect("none is there");
    for code in ["directory_stale", "no such code"] {
        let refused = phone.alarm_seen(code.to_owned(), String::new()).expect_err("refused");
        assert!(matches!(refused, AftercallError::Input { .. }), "{refused:?}");
    }
}

#[test]
fn a_panic_destroys_what_reads_and_recording_goes_on() {
    let folder = tempfile::tempdir().expect("folder");
    let phone = team_in(folder.path());
    let id = check_in(&phone);
    let preview = phone.panic_preview().expect("previews");
    assert!(preview.only_here > 0 && !preview.recovery_key && preview.other_devices == 0);
    let pending = phone.pending().expect("counts");
    phone.panic().expect("panics");
    assert!(
        matches!(phone.unlock(), Err(AftercallError::Locked { code, .. }) if code == "write_only")
    );
    assert!(phone.show(id).expect("shows").fields.is_empty());
    assert_eq!(phone.pending().expect("counts"), pending);
    check_in(&phone);
    assert_eq!(phone.crisis_numbers().expect("numbers")["line"], "000");
}

#[test]
fn a_key_store_that_lost_its_key_is_said_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().expect("folder");
    let phone = team_in(folder.path());
    check_in(&phone);
    drop(phone);
    let store = KeyStore::of(7);
    store.destroyed.store(true, Ordering::SeqCst);
    let phone = AftercallPhone::open(path_in(folder.path()), store.clone()).expect("opens");
    assert!(matches!(phone.unlock(), Err(AftercallError::KeyLost { .. })));
    store.destroyed.store(false, Ordering::SeqCst);
    phone.unlock().expect("nothing was overwritten");
    drop(phone);
    // The wrapped key of the database gone: the database is never given another one.
    let path = path_in(folder.path());
    std::fs::remove_file(format!("{path}.key")).expect("removes");
    let before = std::fs::read(&path).expect("reads");
    let refused = AftercallPhone::open(path.clone(), store.clone());
    assert!(matches!(refused.err(), Some(AftercallError::KeyLost { .. })));
    let team = NewTeam {
        relay: "http://127.0.0.1:9".to_owned(),
        admin: staff("coordinator"),
        crisis_numbers: HashMap::new(),
    };
    let refused = AftercallPhone::create_team(path.clone(), store, team);
    assert!(matches!(refused.err(), Some(AftercallError::KeyLost { .. })));
    assert_eq!(std::fs::read(&path).expect("reads"), before);
}

#[test]
fn who_is_on_call_is_told_without_a_network() {
    let folder = tempfile::tempdir().expect("folder");
    let phone = team_in(folder.path());
    assert_eq!(phone.on_call().expect("looks").now, []);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    let at = |hours: i64| {
        let ms = i64::try_from(now.as_millis()).expect("fits") + hours * 3_600_000;
        text(&sync_core::protocol::Timestamp(ms).to_string())
    };
    for (from, to) in [(-1, 1), (2, 3)] {
        let shift = form(&[("starts_at", at(from)), ("ends_at", at(to))]);
        phone.record("on_call_shift".to_owned(), shift).expect("records");
    }
    let on_call = phone.on_call().expect("looks");
    assert_eq!((on_call.now.len(), on_call.next.len()), (1, 1));
    assert_eq!(on_call.now[0].name.as_deref(), Some("Ada"));
    assert!(on_call.now[0].until_ms < on_call.next[0].from_ms.expect("it comes later"));
    assert!(on_call.uncertain);
}

#[test]
fn asking_now_shows_the_numbers_first_and_says_that_nobody_answers_yet() {
    let folder = tempfile::tempdir().expect("folder");
    let phone = team_in(folder.path());
    let now = form(&[("urgency", text("now"))]);
    assert_eq!(phone.crisis_numbers_for(now.clone()).expect("shows")["line"], "000");
    let later = form(&[("urgency", text("today"))]);
    assert!(phone.crisis_numbers_for(later).expect("shows").is_empty());
    let id = phone.record("support_request".to_owned(), now).expect("is kept all the same");
    let asked = phone.requests().expect("looks").remove(0);
    assert_eq!((asked.record, asked.state.as_str(), asked.has_peers), (id, "queued", false));
}

#[test]
fn own_check_ins_are_told_by_week() {
    let folder = tempfile::tempdir().expect("folder");
    let phone = team_in(folder.path());
    check_in(&phone);
    let weeks = phone.trend(3).expect("looks");
    assert_eq!(weeks.iter().map(|week| week.count).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!((weeks[2].zones["reacting"], weeks[2].sleep_hours.mean), (1, Some(4.5)));
    assert_eq!(weeks[2].mood.direction, "unknown");
}
