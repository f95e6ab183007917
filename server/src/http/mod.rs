//! The relay on the wire: every route on one screen, one door to the database, one form of error.
//!
//! Logs carry routes and codes; never a name, a token, an address or a body.

mod api;
mod connections;
mod door;
mod error;
mod live;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get, post};
use sync_core::protocol::limits::MAX_REQUEST;

use crate::console;
use crate::rate::Rate;
use crate::relay::Relay;

pub(crate) use connections::{Lifeline, Patience, listen};
pub(crate) use door::Door;
pub(crate) use error::ApiError;

/// The address a request came from, set by whoever accepted the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// What every handler shares.
#[derive(Clone)]
pub struct App {
    pub(crate) relay: Arc<Relay>,
    pub(crate) door: Door,
    /// Requests without a token, by address.
    pub(crate) strangers: Arc<Rate<IpAddr>>,
}

impl App {
    /// The application of a relay.
    pub fn new(relay: Arc<Relay>) -> Self {
        Self { relay, door: Door::new(), strangers: Arc::new(Rate::new()) }
    }
}

/// A route: a method, a path, and what answers there.
pub(crate) struct Route(pub &'static str, pub &'static str, pub fn() -> MethodRouter<App>);

/// What phones call, and whoever watches over the relay.
const ROUTES: &[Route] = &[
    Route("POST", "/v1/sync", || post(api::sync)),
    Route("POST", "/v1/reconcile", || post(api::reconcile)),
    Route("POST", "/v1/enrol", || post(api::enrol)),
    Route("GET", "/v1/live", || get(live::live)),
    Route("GET", "/healthz", || get(api::health)),
];

/// Every route there is, as (method, path): the tables that the router is built from.
pub fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROUTES.iter().chain(console::ROUTES).map(|Route(method, path, _)| (*method, *path))
}

/// The router of a table.
pub(crate) fn built_from(routes: &[Route]) -> Router<App> {
    let add = |router: Router<App>, Route(_, path, handler): &Route| router.route(path, handler());
    routes.iter().fold(Router::new(), add)
}

/// Every route.
pub fn router(app: App) -> Router {
    built_from(ROUTES)
        .merge(console::pages())
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::wrong_method)
        .layer(DefaultBodyLimit::max(MAX_REQUEST))
        .with_state(app)
}
