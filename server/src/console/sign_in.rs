//! Signing in and out.

use axum::extract::{Query, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::html;
use serde::Deserialize;

use crate::http::App;

use super::{layout, protect};

/// The query of a sign-in link.
#[derive(Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    link: String,
}

/// `GET /console`: on to the page itself.
pub(super) async fn door() -> Response {
    to_now()
}

/// `GET /console/start?link=…`: uses the link up and begins a session.
pub(super) async fn start(State(app): State<App>, Query(Link { link }): Query<Link>) -> Response {
    let relay = app.relay.clone();
    match app.door.run(relay, move |relay| relay.begin_session(&link)).await {
        Ok(Some(secret)) => {
            let cookie = protect::cookie(app.relay.origin(), &secret);
            (StatusCode::SEE_OTHER, [(LOCATION, "/console/now".to_owned()), (SET_COOKIE, cookie)])
                .into_response()
        }
        Ok(None) => needed(),
        Err(error) => layout::failure(error.status()),
    }
}

/// `POST /console/leave`: ends the session here and in the browser.
pub(super) async fn leave(State(app): State<App>, headers: HeaderMap) -> Response {
    let origin = app.relay.origin();
    if !protect::is_own_form(&headers, origin) {
        return layout::failure(StatusCode::FORBIDDEN);
    }
    let cookie = protect::cookie(origin, "");
    if let Some(secret) = protect::secret(&headers, origin).map(str::to_owned) {
        let relay = app.relay.clone();
        if let Err(error) = app.door.run(relay, move |relay| relay.end_session(&secret)).await {
            return layout::failure(error.status());
        }
    }
    let left = layout::outside(
        "Signed out",
        &html! { p { "You are signed out. Close this window if others use this computer." } },
    );
    (StatusCode::OK, [(SET_COOKIE, cookie)], left).into_response()
}

/// What everyone without a session gets.
pub(super) fn needed() -> Response {
    let page = layout::outside(
        "Sign in",
        &html! {
            p { "This page needs a sign-in link. A link works once and for 15 minutes; a session ends after 30 minutes without use." }
            p { "Ask the relay's operator for a new one: " code { "aftercall admin --data FOLDER console-link TEAM" } "." }
            p { a href="/console/now" { "I have just signed in: go on" } }
        },
    );
    (StatusCode::UNAUTHORIZED, page).into_response()
}

fn to_now() -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, "/console/now")]).into_response()
}
