//! Every route of the relay's own table, asked by everybody: what each is answered, from one table of expectations.
//!
//! A route without an expectation fails here, and so does an expectation without its route.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use std::collections::BTreeSet;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use common::*;
use server::http::{App, router, routes};
use sync_core::crypto::token;
use sync_core::directory::{Guest, Op};
use sync_core::ids::{DocId, TeamId};
use sync_core::protocol::{EnrolRequest, ReconcileRequest, to_cbor};
use sync_core::records::{DeviceClass, Role, SpaceKind};
use tower::ServiceExt;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Caller {
    /// No token and no session.
    Nobody,
    /// A token of a device that no team lists.
    Stranger,
    /// A device of another team of this relay, with a token for this team.
    OtherTeam,
    /// A device of this team: a member of this role.
    Role(Role),
    /// A device of this team: a member without a role who is an admin.
    Admin,
    /// A peer supporter's device of another class.
    Class(DeviceClass),
    /// A guest whose time is over.
    PastGuest,
    /// A device that was removed.
    Removed,
    /// A coordinator's browser with a session of this team.
    Session,
    /// A coordinator's browser with a session of another team.
    OtherSession,
}

/// What a caller is answered: the status, and the code of a refusal.
type Expected = (u16, &'static str);

const OK: Expected = (200, "");
const SIGN_IN: Expected = (401, "");

/// The expectations.
fn expected(method: &str, path: &str, caller: Caller) -> Option<Expected> {
    use Caller::{Nobody, OtherSession, OtherTeam, PastGuest, Removed, Session, Stranger};
    let signed_in = matches!(caller, Session | OtherSession);
    Some(match (method, path) {
        ("POST", "/v1/sync" | "/v1/reconcile") | ("GET", "/v1/live") => match caller {
            // A page's session is no device.
            Nobody | Session | OtherSession | OtherTeam => (401, "token_invalid"),
            Stranger => (401, "unknown_device"),
            PastGuest => (403, "guest_ended"),
            // Only who syncs is shown the entries that removed them; the others say no more than they need.
            Removed if path == "/v1/reconcile" => (401, "unknown_device"),
            Removed => (403, "device_removed"),
            Caller::Role(_) | Caller::Admin | Caller::Class(_) => OK,
        },
        // Whoever asks: an invitation's secret decides, and this one is nobody's.
        ("POST", "/v1/enrol") => (404, "invite_unknown"),
        ("GET", "/healthz") => OK,
        // The page's style and its way in are everybody's; what it shows is a session's, and no phone's token is one.
        ("GET", "/console" | "/console/leave") => (303, ""),
        ("GET", "/console/style.css") => OK,
        ("GET", "/console/start") => SIGN_IN,
        ("POST", "/console/leave") => (403, ""),
        ("GET", "/console/now" | "/console/incidents" | "/console/people") if signed_in => OK,
        ("GET", "/console/incident/{doc}" | "/console/incident/{doc}/after-action")
            if caller == Session =>
        {
            OK
        }
        ("GET", "/console/incident/{doc}" | "/console/incident/{doc}/after-action")
            if caller == OtherSession =>
        {
            (404, "")
        }
        ("GET", "/console/now" | "/console/incidents" | "/console/people") => SIGN_IN,
        ("GET", "/console/incident/{doc}" | "/console/incident/{doc}/after-action") => SIGN_IN,
        ("GET", "/console/{*else}") => (404, ""),
        _ => return None,
    })
}

/// A team with a device of everybody, and another team.
struct Scene {
    station: Station,
    app: Router,
    team: Team,
    hands: Vec<(Caller, Hand)>,
    sessions: [String; 2],
    incident: DocId,
}

fn member(hand: &Hand, roles: &[Role], admin: bool, guest: Option<Guest>) -> Op {
    let (roles, supervises) = (roles.to_vec(), Vec::new());
    Op::Member { member: hand.member, roles, admin, unit: None, supervises, guest, last: None }
}

fn device(hand: &Hand, class: DeviceClass) -> Op {
    Op::Device {
        member: hand.member,
        verify_key: hand.keys.verify_key().into(),
        seal_key: hand.keys.seal_key().into(),
        seal_key_2: hand.keys.seal_key_2().map(Into::into),
        class,
    }
}

async fn session(app: &Router, station: &Station, team: TeamId) -> String {
    let link = station.relay.console_link(team).unwrap();
    let request = Request::builder().uri(link).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

async fn scene() -> Scene {
    let (station, mut team, mut other) = (Station::new(), Team::new(1), Team::new(2));
    let mut seed = 100;
    let mut hand = || {
        seed += 1;
        Hand::new(seed)
    };
    let mut hands = vec![(Caller::Stranger, hand())];
    for role in Role::ALL {
        let hand = hand();
        team.extend(&member(&hand, &[role], false, None));
        team.extend(&device(&hand, DeviceClass::Native));
        hands.push((Caller::Role(role), hand));
    }
    let admin = hand();
    team.extend(&member(&admin, &[], true, None));
    // From here on, two admins sign what widens a right; the first one enters everybody without.
    for class in [DeviceClass::Web, DeviceClass::Console, DeviceClass::Station] {
        let hand = hand();
        team.extend(&member(&hand, &[Role::PeerSupporter], false, None));
        team.extend(&device(&hand, class));
        hands.push((Caller::Class(class), hand));
    }
    let guest = hand();
    let (until, spaces) = (station.now().day(), vec![SpaceKind::Operations as u8]);
    let limits = Some(Guest { until, spaces });
    team.extend(&member(&guest, &[Role::PeerSupporter], false, limits));
    team.extend(&device(&guest, DeviceClass::Native));
    hands.push((Caller::PastGuest, guest));
    let removed = hand();
    team.enter(&removed, &[Role::PeerSupporter]);
    team.extend(&Op::Remove { member: removed.member, device: None, last: vec![], wipe: None });
    hands.push((Caller::Removed, removed));
    team.extend(&device(&admin, DeviceClass::Native));
    hands.push((Caller::Admin, admin));
    let theirs = hand();
    other.enter(&theirs, &[Role::Coordinator]);
    hands.push((Caller::OtherTeam, theirs));
    station.found(&mut team);
    station.found(&mut other);
    let amy = &mut hands.iter_mut().find(|(c, _)| *c == Caller::Role(Role::PeerSupporter)).unwrap();
    let incident = amy.1.doc();
    let envelope = team.incident(&mut amy.1, incident, "north");
    assert!(station.push(&team, &mut amy.1, &[envelope])[0].code.is_empty());
    station.wait_minutes(24 * 60);
    let app = router(App::new(station.relay.clone()));
    let sessions =
        [session(&app, &station, team.id()).await, session(&app, &station, other.id()).await];
    Scene { station, app, team, hands, sessions, incident }
}

/// What a route is asked with: a body that is sound, so that the answer is about who asks.
fn body_for(path: &str, team: TeamId, hand: &Hand) -> Vec<u8> {
    let device = hand.keys.device_id();
    match path {
        "/v1/sync" => zip(&to_cbor(&empty_sync(team, device))),
        "/v1/reconcile" => {
            let (seed, spaces) = ([7; 16].into(), Vec::new());
            zip(&to_cbor(&ReconcileRequest { team, device, seed, spaces }))
        }
        "/v1/enrol" => zip(&to_cbor(&EnrolRequest {
            team,
            lookup: [9; 16].into(),
            verify_key: hand.keys.verify_key().into(),
            seal_key: hand.keys.seal_key().into(),
            mac: [0; 32].into(),
            class: None,
            proof: None,
            seal_key_2: None,
            recovery: None,
        })),
        _ => Vec::new(),
    }
}

impl Scene {
    fn callers(&self) -> Vec<Caller> {
        let hands = self.hands.iter().map(|(caller, _)| *caller);
        hands.chain([Caller::Nobody, Caller::Session, Caller::OtherSession]).collect()
    }

    /// One request of a caller for a team: the status, the code, and the whole body.
    async fn ask(
        &mut self,
        (method, path): (&str, &str),
        caller: Caller,
        team: TeamId,
        doc: DocId,
    ) -> (u16, String, Vec<u8>) {
        let now = self.station.now();
        let nobody = Hand::new(1);
        let hand = self.hands.iter_mut().find(|(c, _)| *c == caller).map(|(_, hand)| hand);
        let body = body_for(path, team, hand.as_deref().unwrap_or(&nobody));
        let uri = path.replace("{doc}", &doc.to_string()).replace("{*else}", "elsewhere");
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(hand) = hand {
            let audience = token::audience(ORIGIN, team);
            let token = token::mint(&hand.keys, &audience, &body, now, &mut hand.rng);
            request = request.header("authorization", format!("Bearer {token}"));
        }
        match caller {
            Caller::Session => request = request.header("cookie", &self.sessions[0]),
            Caller::OtherSession => request = request.header("cookie", &self.sessions[1]),
            _ => {}
        }
        let response =
            self.app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        if path == "/v1/live" && status == 200 {
            return (status, String::new(), Vec::new());
        }
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec();
        let json: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
        let code = json.and_then(|json| json["code"].as_str().map(str::to_owned));
        (status, code.unwrap_or_default(), body)
    }
}

#[tokio::test]
async fn every_route_answers_everybody_as_the_table_says() {
    let mut scene = scene().await;
    let (team, doc) = (scene.team.id(), scene.incident);
    let mut asked = 0;
    for (method, path) in routes() {
        for caller in scene.callers() {
            let expected = expected(method, path, caller);
            let (status, code) = expected
                .unwrap_or_else(|| panic!("{method} {path}: say who may call it, in this table"));
            let answer = scene.ask((method, path), caller, team, doc).await;
            assert_eq!((answer.0, answer.1.as_str()), (status, code), "{method} {path} {caller:?}");
            asked += 1;
        }
    }
    assert_eq!(asked, routes().count() * 20);
}

#[test]
fn no_route_stands_in_the_table_twice() {
    let all: BTreeSet<_> = routes().collect();
    assert_eq!(all.len(), routes().count());
}

#[tokio::test]
async fn another_team_gets_nothing_that_tells_whether_something_exists() {
    let mut scene = scene().await;
    let (there, nowhere) = (scene.team.id(), TeamId::new([0x77; 32]));
    let doc = scene.incident;
    for (method, path) in routes() {
        for caller in [Caller::OtherTeam, Caller::OtherSession, Caller::Nobody] {
            let about_it = scene.ask((method, path), caller, there, doc).await;
            let never_was = DocId::new([0x66; 16]);
            let about_nothing = scene.ask((method, path), caller, nowhere, never_was).await;
            assert_eq!(about_it, about_nothing, "{method} {path} {caller:?}");
        }
    }
}

#[tokio::test]
async fn a_role_that_narrows_counts_at_the_next_request() {
    let (station, mut team, mut amy) = (Station::new(), Team::new(3), Hand::new(30));
    team.enter(&amy, &[Role::PeerSupporter]);
    station.found(&mut team);
    let doc = amy.doc();
    let incident = team.incident(&mut amy, doc, "north");
    assert!(station.push(&team, &mut amy, &[incident])[0].code.is_empty());
    assert!(amy.cursors.contains_key(&team.operations()));
    team.extend(&member(&amy, &[Role::Responder], false, None));
    station.bring(&mut team);
    // Written with what the phone knew before, as one that has not heard of it does.
    let doc = amy.doc();
    let late = team.incident(&mut amy, doc, "south");
    let request = team.pushing(&amy, &[late]);
    let response = station.send(&mut amy, &request).unwrap();
    assert_eq!(response.results[0].code, "not_allowed");
    assert_eq!(response.gone, [team.operations()], "and nothing of it is served any more");
    assert!(response.spaces.iter().all(|space| space.space != team.operations()));
}

#[tokio::test]
async fn a_token_that_its_device_did_not_sign_tells_nothing_of_a_guest_or_a_removal() {
    let mut scene = scene().await;
    let (team, now) = (scene.team.id(), scene.station.now());
    for caller in [Caller::PastGuest, Caller::Removed, Caller::Admin] {
        let hand = &mut scene.hands.iter_mut().find(|(c, _)| *c == caller).unwrap().1;
        let token =
            token::mint(&hand.keys, &token::audience(ORIGIN, team), b"", now, &mut hand.rng);
        let (signed, _) = token.rsplit_once('.').unwrap();
        let forged = format!("{signed}.{}", "A".repeat(86));
        let request = Request::builder().uri("/v1/live");
        let request = request.header("authorization", format!("Bearer {forged}"));
        let response =
            scene.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), 401, "{caller:?}");
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let known = caller != Caller::Removed;
        let code = if known { "token_invalid" } else { "unknown_device" };
        assert_eq!(json["code"], code, "{caller:?}");
    }
}

#[tokio::test]
async fn another_algorithm_and_keys_a_token_brings_are_refused_by_every_route_that_takes_tokens() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut scene = scene().await;
    let (team, now) = (scene.team.id(), scene.station.now());
    let caller = Caller::Role(Role::PeerSupporter);
    let hand = &mut scene.hands.iter_mut().find(|(c, _)| *c == caller).unwrap().1;
    let headers = [
        r#"{"alg":"none","typ":"JWT"}"#,
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"alg":"RS256","typ":"JWT"}"#,
        r#"{"alg":"ES256","typ":"JWT"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","typ":"JWT","jku":"https://evil.example/keys"}"#,
        r#"{"alg":"EdDSA","typ":"JWT","x5u":"https://evil.example/cert"}"#,
        r#"{"alg":"EdDSA","typ":"JWT","jwk":{"kty":"OKP","crv":"Ed25519","x":"AA"}}"#,
    ];
    for (method, path) in routes().filter(|(_, path)| path.starts_with("/v1/")) {
        let body = body_for(path, team, hand);
        for header in headers {
            let audience = token::audience(ORIGIN, team);
            let token = token::mint(&hand.keys, &audience, &body, now, &mut hand.rng);
            let claims = token.split('.').nth(1).unwrap();
            let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
            // The device's own genuine signature over it: it is the header that is refused.
            let signature = URL_SAFE_NO_PAD.encode(hand.keys.sign(signed.as_bytes()));
            let request = Request::builder().method(method).uri(path);
            let request = request.header("authorization", format!("Bearer {signed}.{signature}"));
            let request = request.body(Body::from(body.clone())).unwrap();
            let status = scene.app.clone().oneshot(request).await.unwrap().status().as_u16();
            // To be let in nobody shows a token, and none is looked at.
            let expected = if path == "/v1/enrol" { 404 } else { 401 };
            assert_eq!(status, expected, "{method} {path} {header}");
        }
    }
}

#[tokio::test]
async fn a_stolen_token_does_not_carry_another_body_and_is_spent_once_for_every_route() {
    let mut scene = scene().await;
    let (team, now) = (scene.team.id(), scene.station.now());
    let caller = Caller::Role(Role::PeerSupporter);
    let amy = &mut scene.hands.iter_mut().find(|(c, _)| *c == caller).unwrap().1;
    let sync = body_for("/v1/sync", team, amy);
    let reconcile = body_for("/v1/reconcile", team, amy);
    let audience = token::audience(ORIGIN, team);
    let for_sync = token::mint(&amy.keys, &audience, &sync, now, &mut amy.rng);
    let for_live = token::mint(&amy.keys, &audience, b"", now, &mut amy.rng);
    let ask = async |method: &str, path: &str, token: &str, body: Vec<u8>| {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = request.body(Body::from(body)).unwrap();
        scene.app.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    assert_eq!(ask("POST", "/v1/reconcile", &for_sync, reconcile).await, 401);
    assert_eq!(ask("GET", "/v1/live", &for_sync, Vec::new()).await, 401);
    assert_eq!(ask("POST", "/v1/sync", &for_live, sync.clone()).await, 401);
    assert_eq!(ask("POST", "/v1/sync", &for_live, Vec::new()).await, 400, "it says nothing");
    assert_eq!(ask("POST", "/v1/sync", &for_sync, sync.clone()).await, 200);
    assert_eq!(ask("POST", "/v1/sync", &for_sync, sync).await, 401, "it is spent");
    assert_eq!(ask("GET", "/v1/live", &for_live, Vec::new()).await, 200);
    assert_eq!(ask("GET", "/v1/live", &for_live, Vec::new()).await, 401, "it is spent");
}
