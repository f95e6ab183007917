//! What phones call. Each handler reads its request, goes through the door, and answers.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, FromRequest, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sync_core::protocol::Code;

use crate::relay::{Refusal, Relay};

use super::{ApiError, App, Peer};

/// How long a request's body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Compressed CBOR.
const BODY_TYPE: &str = "application/zstd";

/// `POST /v1/sync`.
pub(super) async fn sync(
    State(app): State<App>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    for_device(app, headers, request, Relay::sync).await
}

/// `POST /v1/reconcile`.
pub(super) async fn reconcile(
    State(app): State<App>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    for_device(app, headers, request, Relay::reconcile).await
}

/// What the relay answers to a token and a body.
type Answer = fn(&Relay, &str, &[u8]) -> Result<Vec<u8>, Refusal>;

/// What a device asks with its token.
async fn for_device(
    app: App,
    headers: HeaderMap,
    request: Request,
    answer: Answer,
) -> Result<Response, ApiError> {
    let relay = app.relay.clone();
    let token = bearer(&headers).ok_or_else(|| ApiError::new(Code::TokenInvalid, relay.now()))?;
    let body = body_of(request).await.map_err(|code| ApiError::new(code, relay.now()))?;
    let answer = app.door.run(relay, move |relay| answer(relay, &token, &body)).await?;
    Ok(([(CONTENT_TYPE, BODY_TYPE)], answer).into_response())
}

/// `POST /v1/enrol`.
pub(super) async fn enrol(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    request: Request,
) -> Result<Response, ApiError> {
    let relay = app.relay.clone();
    let from = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Extension(Peer(address))| address);
    if !app.strangers.allows(from) {
        return Err(ApiError::new(Code::RateLimited, relay.now()));
    }
    let body = body_of(request).await.map_err(|code| ApiError::new(code, relay.now()))?;
    let answer = app.door.run(relay, move |relay| relay.enrol(&body)).await?;
    Ok(([(CONTENT_TYPE, BODY_TYPE)], answer).into_response())
}

/// `GET /healthz`.
pub(super) async fn health(State(app): State<App>) -> Response {
    let body = serde_json::json!({
        "ok": true,
        "relay": app.relay.id().to_string(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    (StatusCode::OK, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    Some(value.strip_prefix("Bearer ")?.to_owned())
}

async fn body_of(request: Request) -> Result<Bytes, Code> {
    match tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(BytesRejection::FailedToBufferBody(why)))
            if why.status() == StatusCode::PAYLOAD_TOO_LARGE =>
        {
            Err(Code::TooLarge)
        }
        Ok(Err(_)) | Err(_) => Err(Code::Malformed),
    }
}
