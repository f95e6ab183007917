//! Answers that are not what the relay signed for this request, or not the log that the phone knows.

use sync_core::ids::DocId;
use sync_core::protocol::{Code, Envelope, SpaceItem, SyncResponse};
use sync_core::records::{Role, Value};

use super::paper_relay::PaperRelay;
use super::team::Team;

/// Amy has something to send, and bo's incident to fetch.
fn team_with_news() -> (Team, DocId) {
    let mut team = Team::new();
    team.join("amy", &[Role::PeerSupporter], false);
    team.join("bo", &[Role::FacilitatorMhp], false);
    team.sync_all();
    let incident = team.incident("bo");
    team.sync("bo");
    team.incident("amy");
    (team, incident)
}

/// An answer is refused with this code and leaves every row as it was; the genuine one is taken afterwards.
fn refused(forge: impl FnOnce(&mut Team, &[u8], &SyncResponse) -> Vec<u8>, code: Code) {
    let (mut team, incident) = team_with_news();
    let body = team.request("amy");
    let response = team.relay.respond(&body);
    let genuine = team.relay.sign(&body, &response);
    let forged = forge(&mut team, &body, &response);
    let before = team.rows("amy");
    assert_eq!(team.answer("amy", &body, &forged).unwrap_err().code(), code);
    assert!(team.rows("amy") == before, "a refused answer changed something");
    team.answer("amy", &body, &genuine).unwrap();
    assert!(team.on("amy", |phone, _| phone.show(incident)).is_ok());
    assert_eq!(team.alarms("amy"), []);
}

#[test]
fn an_answer_signed_by_another_key_in_the_relays_name_is_refused() {
    let forge = |team: &mut Team, body: &[u8], response: &SyncResponse| {
        PaperRelay::new(team.relay.directory.team(), 66, team.now).sign(body, response)
    };
    refused(forge, Code::BadSignature);
}

#[test]
fn an_answer_to_another_request_is_refused() {
    let forge = |team: &mut Team, _: &[u8], response: &SyncResponse| {
        let other = team.request("bo");
        team.relay.sign(&other, response)
    };
    refused(forge, Code::BadSignature);
}

#[test]
fn an_answer_altered_on_its_way_is_refused() {
    let forge = |team: &mut Team, body: &[u8], response: &SyncResponse| {
        let mut bytes = team.relay.sign(body, response);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    refused(forge, Code::BadSignature);
}

#[test]
fn an_answer_cut_short_is_refused() {
    let forge = |team: &mut Team, body: &[u8], response: &SyncResponse| {
        let bytes = team.relay.sign(body, response);
        bytes[..bytes.len() - 1].to_vec()
    };
    refused(forge, Code::Malformed);
}

/// The relay itself serves something else: the answer is its own, so its alarm is, too.
fn alarmed(change: impl FnOnce(&mut SyncResponse), code: Code) {
    let (mut team, incident) = team_with_news();
    let body = team.request("amy");
    let mut response = team.relay.respond(&body);
    change(&mut response);
    let answer = team.relay.sign(&body, &response);
    team.answer("amy", &body, &answer).unwrap();
    assert_eq!(team.alarms("amy"), [code]);
    assert!(team.on("amy", |phone, _| phone.show(incident)).is_err(), "nothing of it is shown");
    let drafts = team.on("amy", |phone, _| phone.drafts()).unwrap();
    assert!(drafts.is_empty(), "{drafts:?}");
}

fn change_envelopes(response: &mut SyncResponse, change: impl Fn(&mut Envelope)) {
    let batch = response.batch.clone();
    for item in response.spaces.iter_mut().flat_map(|items| &mut items.items) {
        if let SpaceItem::Envelope { packed, .. } = item {
            let mut envelope = batch.unpack(packed).unwrap();
            change(&mut envelope);
            *packed = response.batch.pack(&envelope);
        }
    }
}

#[test]
fn a_log_with_an_altered_envelope_does_not_continue_the_one_the_phone_knows() {
    let alter = |response: &mut SyncResponse| {
        change_envelopes(response, |envelope| envelope.header.actor_no += 1);
    };
    alarmed(alter, Code::RelayChanged);
}

#[test]
fn a_log_with_an_item_left_out_does_not_continue_the_one_the_phone_knows() {
    let leave_out = |response: &mut SyncResponse| {
        response.spaces.iter_mut().for_each(|items| drop(items.items.remove(0)));
    };
    alarmed(leave_out, Code::RelayChanged);
}

#[test]
fn an_envelope_that_its_author_did_not_sign_is_set_aside_and_the_log_goes_on() {
    let (mut team, incident) = team_with_news();
    let body = team.request("amy");
    let mut response = team.relay.respond(&body);
    // The signature is no part of an envelope's id, so the chain still holds.
    change_envelopes(&mut response, |envelope| envelope.sig[0] ^= 1);
    let answer = team.relay.sign(&body, &response);
    team.answer("amy", &body, &answer).unwrap();
    let drafts = team.on("amy", |phone, _| phone.drafts()).unwrap();
    assert_eq!(drafts.len(), 1);
    assert_eq!((drafts[0].code, drafts[0].own), (Code::BadSignature, false));
    assert!(team.on("amy", |phone, _| phone.show(incident)).is_err());
    let later = team.incident("bo");
    team.sync_all();
    assert!(team.on("amy", |phone, _| phone.show(later)).is_ok());
}

#[test]
fn a_directory_entry_that_no_admin_signed_stops_the_answer_and_is_taken_once_it_is_genuine() {
    let (mut team, incident) = team_with_news();
    let new = super::team::member("ann", &[Role::PeerSupporter], false);
    team.on("admin", |phone, env| phone.add_member(env, new)).unwrap();
    team.sync("admin");
    let body = team.request("amy");
    let mut response = team.relay.respond(&body);
    let genuine = team.relay.sign(&body, &response);
    let space = team.relay.directory.space();
    let (of_directory, others): (Vec<_>, Vec<_>) =
        response.spaces.drain(..).partition(|items| items.space == space);
    response.spaces = of_directory;
    change_envelopes(&mut response, |envelope| envelope.sig[0] ^= 1);
    response.spaces.extend(others);
    let forged = team.relay.sign(&body, &response);
    let before = team.phones["amy"].phone.directory().head();
    team.answer("amy", &body, &forged).unwrap();
    assert_eq!(team.alarms("amy"), [Code::DirectoryForged]);
    assert_eq!(team.phones["amy"].phone.directory().head(), before);
    assert!(team.on("amy", |phone, _| phone.show(incident)).is_err());
    assert_eq!(team.shown("amy", incident, "severity"), None::<Value>);
    team.answer("amy", &body, &genuine).unwrap();
    assert_eq!(team.phones["amy"].phone.directory().head(), team.relay.directory.head());
    assert!(team.on("amy", |phone, _| phone.show(incident)).is_ok());
}
