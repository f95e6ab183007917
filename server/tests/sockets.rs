//! The relay on a real port: starting, stopping, refusing, and what an idle phone's exchange costs.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use common::*;
use server::serve::{Bound, Config, ServeError, allow_team, bind};
use sync_core::crypto::token;
use sync_core::protocol::{SyncRequest, Timestamp, to_cbor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), ServeError>>,
}

fn config(folder: &std::path::Path) -> Config {
    let clock = Arc::new(AtomicI64::new(Timestamp::parse(START).unwrap().0));
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        origin: Some(ORIGIN.into()),
        clock: Arc::new(move || Timestamp(clock.load(Ordering::SeqCst))),
        ..Config::new(folder.into())
    }
}

fn run(bound: Bound) -> Running {
    let (stop, stopped) = oneshot::channel();
    let address = bound.address();
    let ended = tokio::spawn(bound.serve(async {
        let _ = stopped.await;
    }));
    Running { address, stop, ended }
}

/// A request as bytes, and its whole answer.
async fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

fn http(token: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST /v1/sync HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

fn body_of(answer: &[u8]) -> &[u8] {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    &answer[end + 4..]
}

async fn sync(
    running: &Running,
    hand: &mut Hand,
    request: &SyncRequest,
) -> (usize, Vec<u8>, Vec<u8>) {
    let body = zip(&to_cbor(request));
    let now = Timestamp::parse(START).unwrap();
    let audience = token::audience(ORIGIN, request.team);
    let token = token::mint(&hand.keys, &audience, &body, now, &mut hand.rng);
    let sent = http(&token, &body);
    let answer = exchange(running.address, &sent).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    (sent.len() + answer.len(), body, body_of(&answer).to_vec())
}

#[tokio::test]
async fn nothing_new_costs_less_than_a_kilobyte_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let mut team = Team::new(1);
    allow_team(folder.path(), team.id(), Timestamp(0)).unwrap();
    let bound = bind(config(folder.path())).await.unwrap();
    let relay = bound.relay().clone();
    let running = run(bound);
    let mut admin = std::mem::replace(&mut team.admin, Hand::new(0));
    let first = team.pushing(&admin, &team.entries);
    let (_, body, answer) = sync(&running, &mut admin, &first).await;
    admin.apply(&opened(&relay, &body, &answer));
    assert_eq!(admin.cursors.len(), 1);
    let idle = team.request(&admin);
    let (bytes, body, answer) = sync(&running, &mut admin, &idle).await;
    let response = opened(&relay, &body, &answer);
    assert!(!response.need_cursors && response.spaces.is_empty());
    assert!(bytes < 1024, "{bytes} bytes");
    drop(running.stop);
    running.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn stopping_ends_idle_connections_and_moves_the_log_into_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let mut team = Team::new(2);
    let running =
        run(bind(Config { allow: vec![team.id()], ..config(folder.path()) }).await.unwrap());
    let mut admin = std::mem::replace(&mut team.admin, Hand::new(0));
    let first = team.pushing(&admin, &team.entries);
    sync(&running, &mut admin, &first).await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: relay\r\n\r\n").await.unwrap();
    let mut some = [0; 16];
    idle.read_exact(&mut some).await.unwrap();
    let address = running.address;
    running.stop.send(()).unwrap();
    running.ended.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    let wal = folder.path().join("relay.db-wal");
    assert_eq!(std::fs::metadata(wal).map_or(0, |m| m.len()), 0);
}

#[tokio::test]
async fn one_folder_has_one_relay() {
    let folder = tempfile::tempdir().unwrap();
    let first = bind(config(folder.path())).await.unwrap();
    assert!(matches!(bind(config(folder.path())).await, Err(ServeError::InUse)));
    drop(first);
    assert!(bind(config(folder.path())).await.is_ok());
}

#[tokio::test]
async fn an_address_that_others_reach_needs_the_operators_word() {
    let folder = tempfile::tempdir().unwrap();
    let open = Config { listen: SocketAddr::from(([0, 0, 0, 0], 0)), ..config(folder.path()) };
    let Err(error) = bind(open).await else { panic!("it listens") };
    assert!(error.to_string().contains("--insecure-lan"));
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let running = run(bind(config(folder.path())).await.unwrap());
    let long = format!("GET /healthz HTTP/1.1\r\nhost: relay\r\nx: {}\r\n\r\n", "a".repeat(40_000));
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let _ = stream.write_all(long.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    drop(running.stop);
    running.ended.await.unwrap().unwrap();
}
