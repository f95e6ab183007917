//! Refusals as JSON: `{"code", "detail", "now_ms"}` and a status. The only place where a failure is logged.

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sync_core::protocol::{Code, Timestamp};

use crate::relay::Refusal;

use super::App;

/// Seconds after which a busy relay may be asked again.
const RETRY_AFTER_S: &str = "2";

/// A refusal on its way out.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: Code,
    now: Timestamp,
    notice: Option<Vec<u8>>,
}

impl ApiError {
    pub(crate) fn new(code: Code, now: Timestamp) -> Self {
        Self { status: status_of(code), code, now, notice: None }
    }

    /// The refusal as the caller is told it. A failure is logged here and tells the caller nothing.
    pub(crate) fn from_refusal(refusal: Refusal, now: Timestamp) -> Self {
        if let Some(error) = &refusal.failure {
            let source = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(%error, source, "a request failed in the relay's storage");
        }
        Self { notice: refusal.notice, ..Self::new(refusal.code, now) }
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

fn status_of(code: Code) -> StatusCode {
    match code {
        Code::TokenInvalid | Code::TokenExpired | Code::TokenReplayed | Code::UnknownDevice => {
            StatusCode::UNAUTHORIZED
        }
        Code::NoSuchTeam | Code::NotAllowed | Code::DeviceRemoved | Code::GuestEnded => {
            StatusCode::FORBIDDEN
        }
        Code::InviteUnknown => StatusCode::NOT_FOUND,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::Overloaded | Code::RelayStopping => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = serde_json::json!({
            "code": self.code.as_str(),
            "detail": self.code.advice(),
            "now_ms": self.now.0,
        });
        if let Some(notice) = &self.notice {
            body["removal"] = URL_SAFE_NO_PAD.encode(notice).into();
        }
        let json = [(CONTENT_TYPE, "application/json")];
        let mut response = (self.status, json, body.to_string()).into_response();
        if matches!(self.code, Code::Overloaded | Code::RelayStopping | Code::RateLimited) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        response
    }
}

/// Any other path.
pub(super) async fn not_found(State(app): State<App>) -> ApiError {
    ApiError { status: StatusCode::NOT_FOUND, ..ApiError::new(Code::Malformed, app.relay.now()) }
}

/// A known path with another method.
pub(super) async fn wrong_method(State(app): State<App>) -> ApiError {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    ApiError { status, ..ApiError::new(Code::Malformed, app.relay.now()) }
}
