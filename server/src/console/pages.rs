//! The handlers of the views: session first, then the scene, then the page.

use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use sync_core::ids::DocId;
use sync_core::protocol::Code;

use crate::http::App;
use crate::relay::Refusal;

use super::after_action as report;
use super::scene::Scene;
use super::{incidents as incident_pages, layout, now as now_page, people as people_page};
use super::{protect, sign_in};

const STYLE: &str = include_str!("style.css");

/// `GET /console/now`.
pub(super) async fn now(State(app): State<App>, headers: HeaderMap) -> Response {
    show(app, headers, now_page::page).await
}

/// `GET /console/incidents`.
pub(super) async fn incidents(State(app): State<App>, headers: HeaderMap) -> Response {
    show(app, headers, incident_pages::list).await
}

/// `GET /console/incident/{doc}`.
pub(super) async fn incident(
    State(app): State<App>,
    Path(doc): Path<String>,
    headers: HeaderMap,
) -> Response {
    show(app, headers, move |scene| {
        let doc: DocId = doc.parse().map_err(|_| Code::NoSuchRecord)?;
        incident_pages::one(scene, doc)
    })
    .await
}

/// `GET /console/incident/{doc}/after-action`.
pub(super) async fn after_action(
    State(app): State<App>,
    Path(doc): Path<String>,
    headers: HeaderMap,
) -> Response {
    show(app, headers, move |scene| {
        let doc: DocId = doc.parse().map_err(|_| Code::NoSuchRecord)?;
        report::page(scene, doc)
    })
    .await
}

/// `GET /console/people`.
pub(super) async fn people(State(app): State<App>, headers: HeaderMap) -> Response {
    show(app, headers, people_page::page).await
}

/// `GET /console/style.css`.
pub(super) async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

/// Any other path under the page's.
pub(super) async fn nowhere() -> Response {
    layout::failure(StatusCode::NOT_FOUND)
}

/// Shows a view to whoever has a session, and the sign-in to everyone else.
async fn show(
    app: App,
    headers: HeaderMap,
    view: impl FnOnce(&Scene<'_>) -> Result<Html<String>, Refusal> + Send + 'static,
) -> Response {
    let Some(secret) = protect::secret(&headers, app.relay.origin()).map(str::to_owned) else {
        return sign_in::needed();
    };
    let relay = app.relay.clone();
    let page = app.door.run(relay, move |relay| {
        let team = match relay.session(&secret) {
            Ok(team) => team,
            Err(refusal) if refusal.failure.is_none() => return Ok(None),
            Err(failed) => return Err(failed),
        };
        let directory = relay.directory(team);
        let now = relay.now();
        let made = relay.store().read(|reader| view(&Scene::new(reader, &directory, now)?));
        match made {
            Ok(page) => Ok(Some(page.into_response())),
            Err(refusal) if refusal.failure.is_none() => {
                Ok(Some(layout::failure(StatusCode::NOT_FOUND)))
            }
            Err(failed) => Err(failed),
        }
    });
    match page.await {
        Ok(Some(page)) => page,
        Ok(None) => sign_in::needed(),
        Err(error) => layout::failure(error.status()),
    }
}
