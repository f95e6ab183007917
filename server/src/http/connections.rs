//! Accepting connections: a bounded number, none of which may dawdle, all of which may finish when the relay stops.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;
use tower::ServiceExt as _;

use super::Peer;

/// Connections at once; more wait in the system's queue.
const MOST_CONNECTIONS: u32 = 1024;
/// Largest head of a request.
const HEAD_BYTES: usize = 16 * 1024;
/// Pause after the system could not accept, as when it is out of files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long the relay waits for others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long a request's head may take, and how long an idle connection stays.
    pub head: Duration,
    /// How long a connection may live before it is asked to end after its current request.
    pub life: Duration,
    /// How long requests under way may take to end.
    pub drain: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(15),
            life: Duration::from_secs(300),
            drain: Duration::from_secs(20),
        }
    }
}

/// What a long answer knows of the connection that carries it.
#[derive(Debug, Clone)]
pub(crate) struct Lifeline {
    /// When the connection is asked to end.
    pub until: Instant,
    /// Ends it at once, whatever is still to be sent.
    pub cut: Arc<Notify>,
}

/// Turns true when the relay stops.
type Stop = watch::Receiver<bool>;

/// Serves a listener until told to stop, then lets requests under way finish.
pub(crate) async fn listen(
    listener: TcpListener,
    router: Router,
    patience: Patience,
    mut stop: Stop,
) {
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
                    serve_connection(stream, Peer(from.ip()), router, patience, stop).await;
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
    if tokio::time::timeout(patience.drain, all).await.is_err() {
        tracing::warn!("requests were still under way when the relay stopped");
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    patience: Patience,
    mut stop: Stop,
) {
    // Answers are small and complete: waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let line = Lifeline { until: Instant::now() + patience.life, cut: Arc::new(Notify::new()) };
    let (cut, until) = (Arc::clone(&line.cut), line.until);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(line.clone());
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.head)
        .max_buf_size(HEAD_BYTES)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // Broken connections are the phones' daily life, not an event.
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stopped| *stopped) => {}
        () = tokio::time::sleep_until(until) => {}
        () = cut.notified() => return,
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = tokio::time::timeout(patience.drain, connection) => {}
        () = cut.notified() => {}
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Connects, says `words` and reads until the relay ends the connection by itself.
    async fn until_ended(patience: Patience, words: &[u8]) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stopping, stop) = watch::channel(false);
        let router = Router::new().route("/", get(|| async { "here" }));
        let serving = tokio::spawn(listen(listener, router, patience, stop));
        let mut stream = TcpStream::connect(address).await.expect("connects");
        stream.write_all(words).await.expect("says it");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("the relay ends it");
        stopping.send_replace(true);
        serving.await.expect("stops");
        answer
    }

    #[tokio::test]
    async fn a_silent_or_dawdling_connection_is_ended() {
        let hasty = Patience { head: Duration::from_millis(50), ..Patience::default() };
        assert!(!until_ended(hasty, b"").await.starts_with(b"HTTP/1.1 200"));
        assert!(
            !until_ended(hasty, b"GET / HTTP/1.1\r\nhost: re").await.starts_with(b"HTTP/1.1 200")
        );
    }

    #[tokio::test]
    async fn an_old_connection_is_ended_after_its_request() {
        let short = Patience { life: Duration::from_millis(50), ..Patience::default() };
        let answer = until_ended(short, b"GET / HTTP/1.1\r\nhost: relay\r\n\r\n").await;
        assert!(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"here"));
    }
}
