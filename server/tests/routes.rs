//! Every route of the relay by what it answers: caps, tokens, teams, errors.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use common::*;
use serde_json::Value;
use server::http::{App, router};
use sync_core::crypto::token;
use sync_core::protocol::limits::{MAX_REQUEST, MAX_REQUEST_INFLATED};
use sync_core::protocol::{SyncRequest, to_cbor};
use sync_core::records::Role;
use tower::ServiceExt;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn code(&self) -> String {
        self.json()["code"].as_str().unwrap().to_owned()
    }
}

fn app(station: &Station) -> Router {
    router(App::new(station.relay.clone()))
}

async fn send(app: &Router, request: Request<Body>) -> Answer {
    let response = app.clone().oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec();
    Answer { status, headers, body }
}

async fn post(app: &Router, path: &str, token: Option<&str>, body: Vec<u8>) -> Answer {
    let mut request = Request::builder().method(Method::POST).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    send(app, request.body(Body::from(body)).unwrap()).await
}

fn founded(seed: u64) -> (Station, Team, Hand) {
    let (station, mut team, amy) = (Station::new(), Team::new(seed), Hand::new(seed + 100));
    team.enter(&amy, &[Role::PeerSupporter]);
    station.found(&mut team);
    (station, team, amy)
}

fn body_of(request: &SyncRequest) -> Vec<u8> {
    zip(&to_cbor(request))
}

#[tokio::test]
async fn a_genuine_request_is_answered_and_its_repetition_refused() {
    let (station, team, mut amy) = founded(1);
    let app = app(&station);
    let body = body_of(&team.pushing(&amy, &[]));
    let token = mint(&mut amy, team.id(), &body, station.now());
    let first = post(&app, "/v1/sync", Some(&token), body.clone()).await;
    assert_eq!(first.status, StatusCode::OK);
    let response = opened(&station.relay, &body, &first.body);
    assert_eq!(response.spaces[0].space, team.directory.space());
    let second = post(&app, "/v1/sync", Some(&token), body).await;
    assert_eq!(
        (second.status, second.code().as_str()),
        (StatusCode::UNAUTHORIZED, "token_replayed")
    );
}

#[tokio::test]
async fn a_token_is_spent_across_a_restart_too() {
    let (mut station, team, mut amy) = founded(2);
    let body = body_of(&team.pushing(&amy, &[]));
    let token = mint(&mut amy, team.id(), &body, station.now());
    assert_eq!(post(&app(&station), "/v1/sync", Some(&token), body.clone()).await.status, 200);
    station.restart();
    let again = post(&app(&station), "/v1/sync", Some(&token), body).await;
    assert_eq!(again.code(), "token_replayed");
}

#[tokio::test]
async fn tokens_that_are_missing_foreign_or_for_something_else_are_invalid() {
    let (station, team, mut amy) = founded(3);
    let app = app(&station);
    let body = body_of(&team.pushing(&amy, &[]));
    let audience = token::audience("http://elsewhere.example", team.id());
    let elsewhere = token::mint(&amy.keys, &audience, &body, station.now(), &mut amy.rng);
    let other_body = mint(&mut amy, team.id(), b"another body", station.now());
    let none = r#"eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0."#;
    for token in [None, Some(elsewhere.as_str()), Some(&other_body), Some(none), Some("x")] {
        let answer = post(&app, "/v1/sync", token, body.clone()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::UNAUTHORIZED, "token_invalid")
        );
    }
    let mut other = team.pushing(&amy, &[]);
    other.device = team.admin.keys.device_id();
    let body = body_of(&other);
    let token = mint(&mut amy, team.id(), &body, station.now());
    let answer = post(&app, "/v1/sync", Some(&token), body).await;
    assert_eq!(answer.code(), "token_invalid", "the body names another device");
}

#[tokio::test]
async fn a_wrong_clock_is_told_the_right_time() {
    let (station, team, mut amy) = founded(4);
    let app = app(&station);
    let body = body_of(&team.pushing(&amy, &[]));
    for minutes in [-60 * 24 * 3650, 60 * 24 * 3650] {
        let token = mint(&mut amy, team.id(), &body, station.now().plus_minutes(minutes));
        let answer = post(&app, "/v1/sync", Some(&token), body.clone()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::UNAUTHORIZED, "token_expired")
        );
        assert_eq!(answer.json()["now_ms"], station.now().0);
    }
    let token = mint(&mut amy, team.id(), &body, station.now());
    assert_eq!(post(&app, "/v1/sync", Some(&token), body).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_team_the_operator_did_not_allow_and_a_device_no_admin_listed_are_told_apart() {
    let (station, team, _) = founded(5);
    let app = app(&station);
    let mut stranger = Hand::new(55);
    let body = body_of(&team.pushing(&stranger, &[]));
    let token = mint(&mut stranger, team.id(), &body, station.now());
    let answer = post(&app, "/v1/sync", Some(&token), body).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::UNAUTHORIZED, "unknown_device")
    );

    let mut other = Team::new(56);
    let mut request = other.pushing(&other.admin, &[]);
    (request.batch, request.push) = packed(&other.entries);
    let body = body_of(&request);
    let id = other.id();
    let token = mint(&mut other.admin, id, &body, station.now());
    let answer = post(&app, "/v1/sync", Some(&token), body).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "no_such_team"));
}

#[tokio::test]
async fn a_new_team_needs_its_genesis_in_the_request() {
    let station = Station::new();
    let app = app(&station);
    let mut team = Team::new(6);
    let id = team.id();
    station.relay.allow_team(id).unwrap();
    let body = body_of(&team.pushing(&team.admin, &[]));
    let token = mint(&mut team.admin, id, &body, station.now());
    let answer = post(&app, "/v1/sync", Some(&token), body).await;
    assert_eq!(answer.code(), "unknown_device");
    station.bring(&mut team);
}

#[tokio::test]
async fn a_team_that_lists_anothers_device_takes_nothing_from_it() {
    let (station, team, mut amy) = founded(7);
    let mut thief = Team::new(70);
    let copy = Hand { member: sync_core::ids::MemberId::new([1; 16]), ..Hand::new(107) };
    assert_eq!(copy.keys.device_id(), amy.keys.device_id());
    thief.enter(&copy, &[Role::PeerSupporter]);
    station.found(&mut thief);
    let doc = amy.doc();
    let envelope = team.incident(&mut amy, doc, "north");
    let results = station.push(&team, &mut amy, &[envelope]);
    assert!(results[0].code.is_empty());
}

#[tokio::test]
async fn oversized_and_exploding_bodies_are_too_large() {
    let (station, team, mut amy) = founded(8);
    let app = app(&station);
    let big = vec![0; MAX_REQUEST + 1];
    let token = mint(&mut amy, team.id(), &big, station.now());
    let answer = post(&app, "/v1/sync", Some(&token), big).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, "too_large")
    );
    let bomb = zip(&vec![0; MAX_REQUEST_INFLATED * 3]);
    let token = mint(&mut amy, team.id(), &bomb, station.now());
    let answer = post(&app, "/v1/sync", Some(&token), bomb).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, "too_large")
    );
    let large = zip(&getrandom_like(8 * 1024));
    let answer = post(&app, "/v1/enrol", None, large).await;
    assert_eq!(answer.code(), "too_large");
}

/// Bytes that do not compress.
fn getrandom_like(len: usize) -> Vec<u8> {
    use rand_chacha::rand_core::Rng;
    let mut bytes = vec![0; len];
    Hand::new(1).rng.fill_bytes(&mut bytes);
    bytes
}

#[tokio::test]
async fn damaged_bodies_are_malformed() {
    let (station, team, mut amy) = founded(9);
    let app = app(&station);
    for body in [b"not zstd".to_vec(), zip(b"not cbor"), zip(&[0x80, 0x00])] {
        let token = mint(&mut amy, team.id(), &body, station.now());
        let answer = post(&app, "/v1/sync", Some(&token), body.clone()).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::BAD_REQUEST, "malformed"));
        assert_eq!(post(&app, "/v1/enrol", None, body).await.code(), "malformed");
    }
}

#[tokio::test]
async fn an_address_that_asks_too_often_is_told_to_wait() {
    let (station, _, _) = founded(10);
    let app = app(&station);
    let mut last = post(&app, "/v1/enrol", None, zip(b"x")).await;
    for _ in 0..300 {
        last = post(&app, "/v1/enrol", None, zip(b"x")).await;
        if last.status == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
    }
    assert_eq!(last.code(), "rate_limited");
    assert!(last.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn health_names_the_relay_and_other_paths_and_methods_are_errors_as_json() {
    let (station, _, _) = founded(11);
    let app = app(&station);
    let get = |path: &str| Request::builder().uri(path).body(Body::empty()).unwrap();
    let health = send(&app, get("/healthz")).await;
    let json = health.json();
    assert_eq!((health.status, json["ok"].as_bool()), (StatusCode::OK, Some(true)));
    assert_eq!(json["relay"], station.relay.id().to_string());
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(send(&app, get("/v2/sync")).await.status, StatusCode::NOT_FOUND);
    let wrong = send(&app, get("/v1/sync")).await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(wrong.json()["detail"].is_string());
}
