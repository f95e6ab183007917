//! One relay's doors over HTTP: sync, reconcile, enrol, live, health. Knows bytes, statuses and caps; opens no message.
//!
//! It follows no redirect and asks no proxy: a token is for one relay, and nobody else is shown it.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, Url};

use crate::protocol::{
    Code, CodeAnswer, CodeRequest, EnrolAnswer, EnrolRequest, Timestamp, limits,
};

use super::{ClientError, inflate, pack, unpack};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest life of a stream of hints, whatever the relay does: it ends them itself after some minutes.
const LIVE_TIMEOUT: Duration = Duration::from_secs(600);
/// A connection idle for longer is not used again: the relay closes it after 15 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest refusal that is read, in bytes: one that proves a removal carries directory entries.
const MAX_REFUSAL: usize = 6 * 1024 * 1024;

/// The way to one relay. Connections are kept and reused.
#[derive(Clone)]
pub struct HttpClient {
    client: Client,
    sync: Url,
    reconcile: Url,
    enrol: Url,
    health: Url,
    live: Url,
}

impl HttpClient {
    /// The relay at an origin, as `http://127.0.0.1:4000`. Cleartext goes to this machine only.
    ///
    /// # Errors
    /// [`ClientError::Address`] for anything else.
    pub fn new(origin: &str) -> Result<Self, ClientError> {
        let origin = Url::parse(origin).ok().filter(is_allowed).ok_or(ClientError::Address)?;
        let at = |path| origin.join(path).map_err(|_| ClientError::Address);
        let client = encryption(Client::builder())
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()?;
        Ok(Self {
            client,
            sync: at("/v1/sync")?,
            reconcile: at("/v1/reconcile")?,
            enrol: at("/v1/enrol")?,
            health: at("/healthz")?,
            live: at("/v1/live")?,
        })
    }

    /// Pushes and pulls. `body` is a compressed request, the answer an encoded
    /// [`SignedAnswer`](crate::protocol::SignedAnswer).
    ///
    /// # Errors
    /// As [`ClientError`] says; nothing was taken from the relay then, though it may have stored what was sent.
    pub async fn sync(&self, token: &str, body: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        let request = self.client.post(self.sync.clone()).bearer_auth(token);
        inflate(&send(cbor(request, body)).await?).map_err(|_| ClientError::Damaged)
    }

    /// Tells the relay what is held here and asks what it lacks. `body` is a compressed
    /// [`ReconcileRequest`](crate::protocol::ReconcileRequest), the answer an encoded
    /// [`SignedAnswer`](crate::protocol::SignedAnswer).
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn reconcile(&self, token: &str, body: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        let request = self.client.post(self.reconcile.clone()).bearer_auth(token);
        inflate(&send(cbor(request, body)).await?).map_err(|_| ClientError::Damaged)
    }

    /// Asks to be let in, or whether one is by now.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn enrol(&self, request: &EnrolRequest) -> Result<EnrolAnswer, ClientError> {
        let request = cbor(self.client.post(self.enrol.clone()), pack(request));
        unpack(&send(request).await?).map_err(|_| ClientError::Damaged)
    }

    /// Asks for the other phone's side of a typed code's exchange.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn try_code(&self, request: &CodeRequest) -> Result<CodeAnswer, ClientError> {
        let request = cbor(self.client.post(self.enrol.clone()), pack(request));
        unpack(&send(request).await?).map_err(|_| ClientError::Damaged)
    }

    /// Opens a stream of hints. The token is one for an empty body.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub(super) async fn live(&self, token: &str) -> Result<Response, ClientError> {
        let request = self.client.get(self.live.clone()).bearer_auth(token).timeout(LIVE_TIMEOUT);
        let response = tokio::time::timeout(CONNECT_TIMEOUT, request.send());
        let response = response.await.map_err(|_| ClientError::Silent)??;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refusal(&body(response, MAX_REFUSAL).await?))
    }

    /// Whether a relay answers there.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn health(&self) -> Result<(), ClientError> {
        send(self.client.get(self.health.clone())).await.map(|_| ())
    }
}

/// TLS 1.2 or later, by ring, checked against the web's roots and nothing else.
#[cfg(feature = "tls")]
fn encryption(builder: ClientBuilder) -> ClientBuilder {
    let roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring offers every default version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    builder.tls_backend_preconfigured(config)
}

/// Without the feature `tls` only this machine is reached, in clear.
#[cfg(not(feature = "tls"))]
fn encryption(builder: ClientBuilder) -> ClientBuilder {
    builder
}

/// An origin and nothing more, encrypted or on this machine.
fn is_allowed(url: &Url) -> bool {
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let here = host == "localhost" || address.is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "https" => bare && cfg!(feature = "tls"),
        "http" => bare && here,
        _ => false,
    }
}

fn cbor(request: RequestBuilder, body: Vec<u8>) -> RequestBuilder {
    request.header(CONTENT_TYPE, HeaderValue::from_static("application/cbor")).body(body)
}

/// The body of a successful answer, or the refusal that came instead.
async fn send(request: RequestBuilder) -> Result<Vec<u8>, ClientError> {
    let response = request.send().await?;
    if response.status().is_success() {
        return body(response, limits::MAX_REQUEST).await;
    }
    Err(refusal(&body(response, MAX_REFUSAL).await?))
}

async fn body(mut response: Response, cap: usize) -> Result<Vec<u8>, ClientError> {
    let mut out = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if chunk.len() > cap - out.len() {
            return Err(ClientError::Damaged);
        }
        out.extend_from_slice(&chunk);
    }
    Ok(out)
}

#[derive(serde::Deserialize)]
struct Refusal {
    code: String,
    now_ms: Option<i64>,
    removal: Option<String>,
}

/// A newer relay's code, and an answer from something that is no relay, both mean: try again later.
fn refusal(body: &[u8]) -> ClientError {
    let refusal = serde_json::from_slice::<Refusal>(body).ok();
    let now = refusal.as_ref().and_then(|refusal| refusal.now_ms).map(Timestamp);
    let code = refusal.as_ref().and_then(|refusal| Code::from_name(&refusal.code));
    match (code, refusal.and_then(|refusal| refusal.removal)) {
        (Some(Code::DeviceRemoved), Some(proof)) => match URL_SAFE_NO_PAD.decode(proof) {
            Ok(notice) => ClientError::Removed(notice),
            Err(_) => ClientError::Damaged,
        },
        // Nobody is told that they were removed without the entries that say so.
        (None | Some(Code::DeviceRemoved), _) => ClientError::Refused { code: Code::Internal, now },
        (Some(code), _) => ClientError::Refused { code, now },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleartext_goes_to_this_machine_only() {
        for good in ["http://127.0.0.1:4000", "http://[::1]:4000/", "http://localhost:4000"] {
            assert!(HttpClient::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:4000",
            "http://relay.example",
            "http://127.0.0.1.evil.example",
            "http://10.0.0.1:4000",
            "http://user:word@127.0.0.1:4000",
            "http://127.0.0.1:4000/elsewhere",
            "http://127.0.0.1:4000/?q",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
        ] {
            assert!(matches!(HttpClient::new(bad), Err(ClientError::Address)), "{bad}");
        }
        assert_eq!(HttpClient::new("https://relay.example").is_ok(), cfg!(feature = "tls"));
    }

    #[test]
    fn a_refusal_is_read_and_anything_else_is_the_relays_failure() {
        let read = |body: &str| match refusal(body.as_bytes()) {
            ClientError::Refused { code, now } => (code, now.map(|now| now.0)),
            other => panic!("{other}"),
        };
        assert_eq!(read(r#"{"code":"token_expired","now_ms":-5}"#), (Code::TokenExpired, Some(-5)));
        assert_eq!(read(r#"{"code":"rate_limited"}"#), (Code::RateLimited, None));
        assert_eq!(read(r#"{"code":"of_tomorrow","now_ms":7}"#), (Code::Internal, Some(7)));
        assert_eq!(read("<html>Bad gateway</html>"), (Code::Internal, None));
        assert_eq!(read(""), (Code::Internal, None));
        assert_eq!(read(r#"{"code":"device_removed","now_ms":7}"#), (Code::Internal, Some(7)));
        let proven = refusal(br#"{"code":"device_removed","removal":"AQI"}"#);
        assert!(matches!(proven, ClientError::Removed(notice) if notice == [1, 2]));
    }
}
