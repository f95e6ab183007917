//! A phone with a thousand documents and nothing new: one request over real HTTP, counted on the wire, under a kilobyte.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{CryptoRng, SeedableRng};
use server::serve::{Config, bind};
use sync_core::client::{HttpClient, Surroundings, sync_once, sync_until_done};
use sync_core::engine::{Env, NewMember, Phone};
use sync_core::protocol::Timestamp;
use sync_core::records::{PolicyProfile, Role, Value};
use sync_core::store::SqliteStore;
use tests::{form, text};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

struct Around {
    rng: ChaCha20Rng,
}

impl Surroundings for Around {
    fn now(&mut self) -> Timestamp {
        server::serve::system_now()
    }
    fn rng(&mut self) -> &mut dyn CryptoRng {
        &mut self.rng
    }
}

/// Passes one connection on and counts every byte of it, and every request.
async fn count(
    mut from: TcpStream,
    to: SocketAddr,
    bytes: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
) {
    let mut upstream = TcpStream::connect(to).await.unwrap();
    let (mut one, mut two) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = from.read(&mut one) => {
                let n = read.unwrap_or(0);
                if n == 0 { return; }
                let posts = one[..n].windows(5).filter(|w| w == b"POST ").count();
                requests.fetch_add(posts as u64, Ordering::SeqCst);
                bytes.fetch_add(n as u64, Ordering::SeqCst);
                upstream.write_all(&one[..n]).await.unwrap();
            }
            read = upstream.read(&mut two) => {
                let n = read.unwrap_or(0);
                if n == 0 { return; }
                bytes.fetch_add(n as u64, Ordering::SeqCst);
                from.write_all(&two[..n]).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn nothing_new_with_a_thousand_documents_is_one_request_under_a_kilobyte() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = listener.local_addr().unwrap();
    let origin = format!("http://{front}");
    let mut config = Config::new(folder.path().join("relay"));
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.origin = Some(origin.clone());
    let relay = bind(config).await.unwrap();
    let behind = relay.address();

    let mut around = Around { rng: ChaCha20Rng::seed_from_u64(3) };
    let store = SqliteStore::open(&folder.path().join("phone.db"), &[7; 32]).unwrap();
    let mut env = Env { now: server::serve::system_now(), rng: &mut around.rng };
    let admin = NewMember {
        name: Some("Robin".into()),
        roles: vec![Role::PeerSupporter],
        admin: true,
        ..NewMember::default()
    };
    let profile = PolicyProfile::neutral();
    let (store, vault) = (Box::new(store), Box::new(sync_core::store::MemoryVault::new()));
    let mut phone = Phone::create_team(store, vault, &mut env, &origin, profile, admin).unwrap();
    for minute in 0..500 {
        let fields = form(&[
            ("started_at", text(&format!("2026-03-01T{:02}:{:02}:00Z", minute / 60, minute % 60))),
            ("duration_min", Value::Int(25)),
            ("mode", text("phone")),
        ]);
        phone.record(&mut env, "peer_contact", &fields).unwrap();
    }
    relay.relay().allow_team(phone.team()).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(relay.serve(async { drop(stopped.await) }));

    let (bytes, requests) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (b, r) = (Arc::clone(&bytes), Arc::clone(&requests));
    let proxy = tokio::spawn(async move {
        while let Ok((from, _)) = listener.accept().await {
            tokio::spawn(count(from, behind, Arc::clone(&b), Arc::clone(&r)));
        }
    });

    let http = HttpClient::new(&origin).unwrap();
    sync_until_done(&mut phone, &http, &mut around).await.unwrap();
    assert_eq!(phone.status().unwrap().pending, 0);
    let documents = phone.heads().unwrap().len();
    assert!(documents >= 1_000, "{documents}");

    bytes.store(0, Ordering::SeqCst);
    requests.store(0, Ordering::SeqCst);
    let outcome = sync_once(&mut phone, &http, &mut around).await.unwrap();
    assert!(!outcome.again && outcome.received == 0, "{outcome:?}");
    assert_eq!(requests.load(Ordering::SeqCst), 1);
    let total = bytes.load(Ordering::SeqCst);
    println!("nothing new with {documents} documents: 1 request, {total} bytes both ways");
    assert!(total < 1_024, "{total} bytes");

    proxy.abort();
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}
