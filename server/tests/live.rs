//! Streams of hints: what is told, to whom, and when a stream ends.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use common::*;
use hyper::body::Body as _;
use serde_json::Value;
use server::http::{App, router};
use sync_core::crypto::token;
use sync_core::directory::{Guest, Op};
use sync_core::ids::SpaceId;
use sync_core::protocol::SpaceOwner;
use sync_core::records::{Role, SpaceKind};
use tower::ServiceExt;

/// Long enough for whatever is coming on a busy machine.
const COMING: Duration = Duration::from_secs(20);

/// A stream as its reader sees it.
struct Ear(Body, Vec<(String, Value)>);

impl Ear {
    /// The next event; `None` once the stream has ended.
    async fn next(&mut self) -> Option<(String, Value)> {
        while self.1.is_empty() {
            let frame = poll_fn(|context| Pin::new(&mut self.0).poll_frame(context));
            let frame = tokio::time::timeout(COMING, frame).await.expect("it comes")?;
            let bytes = frame.unwrap().into_data().unwrap();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            for event in text.split_terminator("\n\n").filter(|event| *event != ":") {
                let (name, data) = event.split_once('\n').unwrap();
                let name = name.strip_prefix("event: ").unwrap().to_owned();
                let data = data.strip_prefix("data: ").unwrap();
                self.1.push((name, serde_json::from_str(data).unwrap()));
            }
        }
        Some(self.1.remove(0))
    }

    /// The next hint, which must be nothing else.
    async fn hint(&mut self) -> (SpaceId, u64) {
        let (name, data) = self.next().await.expect("it goes on");
        assert_eq!(name, "hint", "{data}");
        let keys: Vec<&String> = data.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["seq", "space"], "and nothing else");
        (data["space"].as_str().unwrap().parse().unwrap(), data["seq"].as_u64().unwrap())
    }

    /// The code it ends with.
    async fn end(&mut self) -> String {
        let (name, data) = self.next().await.expect("it says why");
        assert_eq!(name, "end", "{data}");
        assert_eq!(self.next().await, None);
        data["code"].as_str().unwrap().to_owned()
    }
}

fn app(station: &Station) -> Router {
    router(App::new(station.relay.clone()))
}

async fn ask(app: &Router, token: Option<&str>) -> Result<Ear, (StatusCode, String)> {
    let mut request = Request::builder().uri("/v1/live");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    if response.status() == StatusCode::OK {
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        return Ok(Ear(response.into_body(), Vec::new()));
    }
    let status = response.status();
    let body: Value =
        serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap();
    assert!(body.get("removal").is_none());
    Err((status, body["code"].as_str().unwrap().to_owned()))
}

async fn listen(station: &Station, app: &Router, team: &Team, hand: &mut Hand) -> Ear {
    let token = mint(hand, team.id(), b"", station.now());
    ask(app, Some(&token)).await.expect("it may listen")
}

fn member(hand: &Hand, roles: &[Role], guest: Option<Guest>) -> Op {
    Op::Member {
        member: hand.member,
        roles: roles.to_vec(),
        admin: false,
        unit: None,
        supervises: Vec::new(),
        guest,
        last: None,
    }
}

/// A team with a peer supporter, another one, and a responder.
fn three(seed: u64) -> (Station, Team, Hand, Hand, Hand) {
    let (station, mut team) = (Station::new(), Team::new(seed));
    let [amy, bo, rae] = [1, 2, 3].map(|n| Hand::new(seed * 10 + n));
    team.enter(&amy, &[Role::PeerSupporter]);
    team.enter(&bo, &[Role::PeerSupporter]);
    team.enter(&rae, &[Role::Responder]);
    station.found(&mut team);
    (station, team, amy, bo, rae)
}

#[tokio::test]
async fn a_hint_reaches_those_who_may_read_the_space_and_nobody_else() {
    let (station, mut team, mut amy, mut bo, mut rae) = three(1);
    let app = app(&station);
    let mut bos = listen(&station, &app, &team, &mut bo).await;
    let mut raes = listen(&station, &app, &team, &mut rae).await;
    // Sealed to amy alone: neither that it is there nor when it grew is told to anybody else.
    let (kind, me) = (SpaceKind::Care, amy.member);
    let care = team.sealed_space(&mut amy, kind, SpaceOwner::Member(me), &[me]);
    let doc = amy.doc();
    let note = team.sealed(&mut amy, care.header.space, CONTACT_DETAIL, doc);
    let results = station.push(&team, &mut amy, &[care, note]);
    assert!(results.iter().all(|result| result.code.is_empty()), "{results:?}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let doc = amy.doc();
    let incident = team.incident(&mut amy, doc, "north");
    assert!(station.push(&team, &mut amy, &[incident])[0].code.is_empty());
    assert_eq!(bos.hint().await, (team.operations(), 1));
    tokio::time::sleep(Duration::from_millis(300)).await;
    // The responder hears of the directory only, as the first thing at all.
    let dan = Hand::new(99);
    team.enter(&dan, &[]);
    station.bring(&mut team);
    let directory = (team.directory.space(), team.directory.len());
    assert_eq!(raes.hint().await, directory);
    assert_eq!(bos.hint().await, directory);
}

#[tokio::test]
async fn what_is_committed_at_once_is_one_hint_with_the_last_position() {
    let (station, team, mut amy, mut bo, _) = three(2);
    let app = app(&station);
    let mut bos = listen(&station, &app, &team, &mut bo).await;
    let (mut told, mut hints) = (0, 0);
    for _ in 0..40 {
        let doc = amy.doc();
        let incident = team.incident(&mut amy, doc, "north");
        station.push(&team, &mut amy, &[incident]);
    }
    while told < 40 {
        let (space, seq) = bos.hint().await;
        assert!(space == team.operations() && seq > told);
        (told, hints) = (seq, hints + 1);
    }
    // Nothing was read meanwhile: at most what stood in the one slot, what waited for it, and the rest.
    assert!(hints <= 3, "{hints}");
}

#[tokio::test]
async fn a_removed_devices_stream_ends_with_the_removals_commit_and_no_other_opens() {
    let (station, mut team, mut amy, mut bo, _) = three(3);
    let app = app(&station);
    let mut amys = listen(&station, &app, &team, &mut amy).await;
    let mut bos = listen(&station, &app, &team, &mut bo).await;
    let remove = Op::Remove { member: bo.member, device: None, last: vec![], wipe: None };
    team.extend(&remove);
    station.bring(&mut team);
    assert_eq!(bos.end().await, "device_removed");
    let token = mint(&mut bo, team.id(), b"", station.now());
    let refused = ask(&app, Some(&token)).await.err().unwrap();
    assert_eq!(refused, (StatusCode::FORBIDDEN, "device_removed".to_owned()));
    assert_eq!(amys.hint().await, (team.directory.space(), team.directory.len()));
}

#[tokio::test]
async fn a_role_that_is_taken_away_or_given_counts_from_its_commit() {
    let (station, mut team, mut amy, mut bo, mut rae) = three(4);
    let app = app(&station);
    let mut bos = listen(&station, &app, &team, &mut bo).await;
    let mut raes = listen(&station, &app, &team, &mut rae).await;
    let doc = amy.doc();
    let incident = team.incident(&mut amy, doc, "north");
    station.push(&team, &mut amy, &[incident]);
    assert_eq!(bos.hint().await, (team.operations(), 1));
    team.extend(&member(&bo, &[], None));
    team.extend(&member(&rae, &[Role::PeerSupporter], None));
    station.bring(&mut team);
    let directory = (team.directory.space(), team.directory.len());
    assert_eq!(bos.hint().await, directory);
    let mut news = [raes.hint().await, raes.hint().await];
    news.sort_by_key(|(_, seq)| *seq);
    assert_eq!(news, [(team.operations(), 1), directory], "what she may read now is told");
    let doc = amy.doc();
    let incident = team.incident(&mut amy, doc, "south");
    station.push(&team, &mut amy, &[incident]);
    assert_eq!(raes.hint().await, (team.operations(), 2));
    // The next thing that bo hears is of the directory again, not of the second incident.
    team.enter(&Hand::new(99), &[]);
    station.bring(&mut team);
    assert_eq!(bos.hint().await, (team.directory.space(), team.directory.len()));
}

#[tokio::test]
async fn a_guests_stream_ends_with_their_time() {
    let (station, mut team, mut amy, mut bo, _) = three(5);
    let app = app(&station);
    let until = station.now().day();
    let spaces = vec![SpaceKind::Operations as u8];
    team.extend(&member(&bo, &[Role::PeerSupporter], Some(Guest { until, spaces })));
    station.bring(&mut team);
    let mut bos = listen(&station, &app, &team, &mut bo).await;
    station.wait_minutes(24 * 60);
    let doc = amy.doc();
    let incident = team.incident(&mut amy, doc, "north");
    station.push(&team, &mut amy, &[incident]);
    assert_eq!(bos.end().await, "guest_ended");
}

#[tokio::test]
async fn a_stream_needs_a_fresh_token_of_a_listed_device_for_this_relay_and_no_body() {
    let (station, team, mut amy, ..) = three(6);
    let app = app(&station);
    let now = station.now();
    let used = mint(&mut amy, team.id(), b"", now);
    assert!(ask(&app, Some(&used)).await.is_ok());
    let elsewhere = token::audience("http://elsewhere.example", team.id());
    let elsewhere = token::mint(&amy.keys, &elsewhere, b"", now, &mut amy.rng);
    let old = mint(&mut amy, team.id(), b"", now.plus_minutes(-10));
    let body = mint(&mut amy, team.id(), b"a request", now);
    let stranger = mint(&mut Hand::new(999), team.id(), b"", now);
    for (token, code) in [
        (None, "token_invalid"),
        (Some("x"), "token_invalid"),
        (Some(used.as_str()), "token_replayed"),
        (Some(&elsewhere), "token_invalid"),
        (Some(&old), "token_expired"),
        (Some(&body), "token_invalid"),
        (Some(&stranger), "unknown_device"),
    ] {
        let refused = ask(&app, token).await.err().unwrap();
        assert_eq!(refused, (StatusCode::UNAUTHORIZED, code.to_owned()));
    }
}

#[tokio::test]
async fn the_newest_stream_of_a_device_wins() {
    let (station, team, mut amy, mut bo, _) = three(7);
    let app = app(&station);
    let mut older = listen(&station, &app, &team, &mut bo).await;
    let mut newer = listen(&station, &app, &team, &mut bo).await;
    assert_eq!(older.end().await, "live_replaced");
    let doc = amy.doc();
    let incident = team.incident(&mut amy, doc, "north");
    station.push(&team, &mut amy, &[incident]);
    assert_eq!(newer.hint().await, (team.operations(), 1));
}
