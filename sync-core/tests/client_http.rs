//! The client against servers that behave as relays, proxies and strangers do: what it sends, what it takes.

#![cfg(feature = "client")]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod http_server;
mod messages;

use http_server::{Server, reply};
use messages::empty_response;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_core::CryptoRng;
use sync_core::client::{
    ClientError, HttpClient, MOST_EXCHANGES, Surroundings, enrol_once, inflate, pack, sync_once,
    sync_until_done, unpack,
};
use sync_core::crypto::DeviceKeys;
use sync_core::engine::{Env, NewMember, Phone};
use sync_core::ids::{RelayId, TeamId};
use sync_core::protocol::{
    Batch, Code, EnrolAnswer, EnrolRequest, EnrolState, SignedAnswer, SyncRequest, SyncResponse,
    Timestamp, answer_to_sign, limits, to_cbor,
};
use sync_core::records::PolicyProfile;
use sync_core::store::{MemoryStore, MemoryVault};

const RELAY_NOW: Timestamp = Timestamp(1_772_388_000_000);

/// A phone's surroundings: its clock is ten days slow.
struct Slow(ChaCha20Rng);

impl Surroundings for Slow {
    fn now(&mut self) -> Timestamp {
        RELAY_NOW.plus_ms(-10 * 86_400_000)
    }
    fn rng(&mut self) -> &mut dyn CryptoRng {
        &mut self.0
    }
}

fn phone(origin: &str) -> (Phone, Slow) {
    let mut slow = Slow(ChaCha20Rng::seed_from_u64(1));
    let admin = NewMember { name: Some("A".into()), admin: true, ..NewMember::default() };
    let now = slow.now();
    let phone = Phone::create_team(
        Box::new(MemoryStore::new()),
        Box::new(MemoryVault::new()),
        &mut Env { now, rng: slow.rng() },
        origin,
        PolicyProfile::neutral(),
        admin,
    );
    (phone.unwrap(), slow)
}

/// What a relay answers that stores nothing and holds nothing, signed for this request.
fn empty_answer(request: &[u8], need_cursors: bool) -> Vec<u8> {
    let keys = DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(2));
    let relay = RelayId::new(keys.verify_key());
    let answer = SyncResponse { need_cursors, ..empty_response(relay, RELAY_NOW) };
    let answer = to_cbor(&answer);
    let sig = keys.sign(&answer_to_sign(request, &answer)).into();
    pack(&SignedAnswer { answer: answer.into(), sig })
}

fn refused(error: ClientError) -> (Code, Option<Timestamp>) {
    match error {
        ClientError::Refused { code, now } => (code, now),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_sync_sends_the_body_as_it_is_and_few_headers() {
    let body = vec![7; 150];
    let server = Server::start(|_| reply(200, &pack(&7u8)));
    let client = HttpClient::new(&server.origin()).unwrap();
    let token = "t".repeat(350);
    assert_eq!(client.sync(&token, body.clone()).await.unwrap(), to_cbor(&7u8));
    let request = server.next_request();
    assert!(request.head.starts_with("POST /v1/sync HTTP/1.1\r\n"), "{}", request.head);
    let head = request.head.to_lowercase();
    assert!(head.contains(&format!("authorization: bearer {token}\r\n")));
    assert!(head.contains("content-type: application/cbor\r\n"));
    assert!(!head.contains("accept-encoding") && !head.contains("user-agent"), "{head}");
    assert_eq!(request.body, body);
    let beyond = request.head.len() - token.len();
    assert!(beyond < 200, "{beyond} bytes of headers beside the token");
}

#[tokio::test]
async fn an_enrolment_travels_compressed_both_ways() {
    let sent = EnrolRequest {
        team: TeamId::new([1; 32]),
        lookup: [2; 16].into(),
        verify_key: [3; 32].into(),
        seal_key: [4; 32].into(),
        mac: [5; 32].into(),
        recovery: None,
        class: None,
        proof: None,
        seal_key_2: None,
    };
    let answer = EnrolAnswer {
        state: EnrolState::Pending,
        now: RELAY_NOW,
        batch: Batch::new(),
        directory: vec![],
    };
    let body = pack(&answer);
    let server = Server::start(move |_| reply(200, &body));
    let client = HttpClient::new(&server.origin()).unwrap();
    assert_eq!(client.enrol(&sent).await.unwrap(), answer);
    let request = server.next_request();
    assert!(request.head.starts_with("POST /v1/enrol HTTP/1.1\r\n"));
    assert!(!request.head.to_lowercase().contains("authorization"));
    assert_eq!(unpack::<EnrolRequest>(&request.body), Ok(sent));
}

#[tokio::test]
async fn a_refusal_carries_its_code_and_the_relays_clock() {
    let server = Server::start(|_| reply(401, br#"{"code":"token_expired","now_ms":5}"#));
    let client = HttpClient::new(&server.origin()).unwrap();
    let error = client.sync("t", vec![1]).await.unwrap_err();
    assert_eq!(refused(error), (Code::TokenExpired, Some(Timestamp(5))));

    let server = Server::start(|_| reply(502, b"<html>Bad Gateway</html>"));
    let client = HttpClient::new(&server.origin()).unwrap();
    assert_eq!(refused(client.health().await.unwrap_err()), (Code::Internal, None));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::start(|_| reply(200, &pack(&7u8)));
    let location = format!("{}/v1/sync", elsewhere.origin());
    let server = Server::start(move |_| {
        format!("HTTP/1.1 307 Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n").into()
    });
    let client = HttpClient::new(&server.origin()).unwrap();
    assert_eq!(refused(client.sync("t", vec![1]).await.unwrap_err()), (Code::Internal, None));
    assert_eq!(elsewhere.requests(), 0, "nobody else was shown the token");
}

#[tokio::test]
async fn an_answer_too_long_or_damaged_is_not_taken() {
    for body in [
        vec![0; limits::MAX_REQUEST + 1],
        zstd::bulk::compress(&vec![0; limits::MAX_REQUEST_INFLATED + 1], 3).unwrap(),
        b"plain words".to_vec(),
        vec![],
    ] {
        let server = Server::start(move |_| reply(200, &body));
        let client = HttpClient::new(&server.origin()).unwrap();
        let error = client.sync("t", vec![1]).await.unwrap_err();
        assert!(matches!(error, ClientError::Damaged), "{error:?}");
    }
}

#[tokio::test]
async fn a_broken_or_absent_connection_is_said_to_be_the_network() {
    // Half an answer, then the line goes dead.
    let server = Server::start(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec());
    let client = HttpClient::new(&server.origin()).unwrap();
    let error = client.sync("secret-token", vec![1]).await.unwrap_err();
    assert!(matches!(error, ClientError::Network(_)), "{error:?}");
    assert_eq!(error.code(), Code::NetworkDown);
    assert!(!format!("{error:?}").contains("secret-token"));

    let origin = server.origin();
    drop(server);
    let error = HttpClient::new(&origin).unwrap().health().await.unwrap_err();
    assert_eq!(error.code(), Code::NetworkDown);
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_by_the_refusal_and_tried_once_more() {
    let server = Server::start(|number| {
        if number == 0 {
            let body = format!(r#"{{"code":"token_expired","now_ms":{}}}"#, RELAY_NOW.0);
            return reply(401, body.as_bytes());
        }
        Vec::new()
    });
    let (mut phone, mut slow) = phone(&server.origin());
    let client = HttpClient::new(&server.origin()).unwrap();
    let error = sync_once(&mut phone, &client, &mut slow).await.unwrap_err();
    assert_eq!(error.code(), Code::NetworkDown, "the second try met a dead line");
    let (first, second) = (server.next_request(), server.next_request());
    assert_eq!(first.body, second.body, "the same request");
    assert_ne!(first.head, second.head, "under another token");
    let request: SyncRequest = unpack(&first.body).unwrap();
    assert_eq!(request.device, phone.status().unwrap().device);
    let now = |head: &str| issued_at(head) * 1000;
    assert_eq!(now(&first.head), slow.now().0);
    assert_eq!(now(&second.head), RELAY_NOW.0);
}

/// `iat` of the token in a request's head.
fn issued_at(head: &str) -> i64 {
    use base64::Engine as _;
    let token = head.split("earer ").nth(1).unwrap().split("\r\n").next().unwrap();
    let claims = token.split('.').nth(1).unwrap();
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
    serde_json::from_slice::<serde_json::Value>(&json).unwrap()["iat"].as_i64().unwrap()
}

#[tokio::test]
async fn a_clock_that_stays_wrong_is_not_tried_for_ever() {
    let server = Server::start(|_| reply(401, br#"{"code":"token_expired","now_ms":5}"#));
    let (mut phone, mut slow) = phone(&server.origin());
    let client = HttpClient::new(&server.origin()).unwrap();
    let error = sync_once(&mut phone, &client, &mut slow).await.unwrap_err();
    assert_eq!(error.code(), Code::TokenExpired);
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn an_answer_is_taken_for_the_request_it_was_signed_for_and_no_other() {
    let server = Server::answering(|request| reply(200, &empty_answer(&request.body, false)));
    let (mut phone, mut slow) = phone(&server.origin());
    let client = HttpClient::new(&server.origin()).unwrap();
    sync_once(&mut phone, &client, &mut slow).await.unwrap();
    let old = server.next_request().body;

    let replayed = Server::start(move |_| reply(200, &empty_answer(&old, false)));
    let client = HttpClient::new(&replayed.origin()).unwrap();
    let error = sync_once(&mut phone, &client, &mut slow).await.unwrap_err();
    assert_eq!(error.code(), Code::BadSignature);
}

#[tokio::test]
async fn a_relay_that_always_asks_for_more_is_left_after_a_bounded_number_of_exchanges() {
    let server = Server::answering(|request| reply(200, &empty_answer(&request.body, true)));
    let (mut phone, mut slow) = phone(&server.origin());
    let client = HttpClient::new(&server.origin()).unwrap();
    let totals = sync_until_done(&mut phone, &client, &mut slow).await.unwrap();
    assert!(totals.again, "there was more");
    assert_eq!(server.requests(), MOST_EXCHANGES);
}

#[tokio::test]
async fn a_phone_that_is_in_a_team_does_not_ask_to_be_let_in() {
    let server = Server::start(|_| reply(200, b""));
    let (mut phone, _) = phone(&server.origin());
    let client = HttpClient::new(&server.origin()).unwrap();
    let error = enrol_once(&mut phone, &client).await.unwrap_err();
    assert_eq!(error.code(), Code::AlreadySetUp);
    assert_eq!(server.requests(), 0);
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn nothing_is_said_to_a_server_that_does_not_prove_itself() {
    let server = Server::start(|_| reply(200, &pack(&7u8)));
    let origin = server.origin().replace("http:", "https:");
    let error = HttpClient::new(&origin).unwrap().sync("t", vec![1]).await.unwrap_err();
    assert_eq!(error.code(), Code::NetworkDown);
    assert_eq!(server.requests(), 0);
}

#[test]
fn the_futures_may_move_between_threads() {
    fn is_send<T: Send>(_: T) {}
    let (mut phone, mut slow) = phone("http://127.0.0.1:1");
    let client = HttpClient::new("http://127.0.0.1:1").unwrap();
    is_send(sync_until_done(&mut phone, &client, &mut slow));
    is_send(enrol_once(&mut phone, &client));
    assert!(inflate(b"").is_err());
}
