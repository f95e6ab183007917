//! The coordinators' page: what lies open, merged and readable, without a script.
//!
//! It shows projections only. It holds no key and has no way to a sealed body. Every page but the sign-in needs a
//! session, which a one-time link from the relay's operator begins. Every coded value carries its code in `data-code`.

mod after_action;
mod clock;
mod conflicts;
mod devices;
mod follow_ups;
mod helpers;
mod incidents;
mod layout;
mod now;
mod pages;
mod people;
mod protect;
mod requests;
mod same;
mod scene;
mod session;
mod set_aside;
mod sign_in;
mod staffing;
mod table;
mod value;
mod when;
mod window;
mod words;

use axum::Router;
use axum::middleware::map_response;
use axum::routing::{get, post};

use crate::http::{App, Route, built_from};

pub use session::console_link;

/// The pages.
pub(crate) const ROUTES: &[Route] = &[
    Route("GET", "/console", || get(sign_in::door)),
    Route("GET", "/console/start", || get(sign_in::start)),
    Route("GET", "/console/leave", || get(sign_in::door)),
    Route("POST", "/console/leave", || post(sign_in::leave)),
    Route("GET", "/console/now", || get(pages::now)),
    Route("GET", "/console/incidents", || get(pages::incidents)),
    Route("GET", "/console/incident/{doc}", || get(pages::incident)),
    Route("GET", "/console/incident/{doc}/after-action", || get(pages::after_action)),
    Route("GET", "/console/people", || get(pages::people)),
    Route("GET", "/console/style.css", || get(pages::style)),
    Route("GET", "/console/{*else}", || get(pages::nowhere)),
];

/// The pages, under the headers that every one of them has.
pub(crate) fn pages() -> Router<App> {
    built_from(ROUTES).layer(map_response(protect::headers))
}
