//! Accepting connections: a bounded number, none of which may dawdle, all of which may finish when the relay stops.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt as _;

use super::Peer;

/// Connections at once; more wait in the system's queue.
const MOST_CONNECTIONS: u32 = 1024;
/// How long a request's head may take, and how long an idle connection stays.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection may live before it is asked to end after its current request.
const CONNECTION_LIFE: Duration = Duration::from_secs(300);
/// How long requests under way may take to end.
const DRAIN: Duration = Duration::from_secs(20);
/// Largest head of a request.
const HEAD_BYTES: usize = 16 * 1024;
/// Pause after the system could not accept, as when it is out of files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Turns true when the relay stops.
type Stop = watch::Receiver<bool>;

/// Serves a listener until told to stop, then lets requests under way finish.
pub(crate) async fn listen(listener: TcpListener, router: Router, mut stop: Stop) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS as usize));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopped| *stopped) => break,
        };
        match accepted {
            Ok((stream, from)) => {
                let (router, stop) = (router.clone(), stop.clone());
                tokio::spawn(async move {
                    serve_connection(stream, Peer(from.ip()), router, stop).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all = places.acquire_many(MOST_CONNECTIONS);
    if tokio::time::timeout(DRAIN, all).await.is_err() {
        tracing::warn!("requests were still under way when the relay stopped");
    }
}

async fn serve_connection(stream: TcpStream, peer: Peer, router: Router, mut stop: Stop) {
    // Answers are small and complete: waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // Broken connections are the phones' daily life, not an event.
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stopped| *stopped) => {}
        () = tokio::time::sleep(CONNECTION_LIFE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(DRAIN, connection).await;
}
