//! The coordinators' page: what lies open, merged and readable, without a script.
//!
//! It shows projections only. It holds no key and has no way to a sealed body. Every page but the sign-in needs a
//! session, which a one-time link from the relay's operator begins. Every coded value carries its code in `data-code`.

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
mod scene;
mod session;
mod set_aside;
mod sign_in;
mod table;
mod value;
mod when;
mod window;
mod words;

use axum::Router;
use axum::middleware::map_response;
use axum::routing::get;

use crate::http::App;

pub use session::console_link;

/// The pages.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/console", get(sign_in::door))
        .route("/console/start", get(sign_in::start))
        .route("/console/leave", get(sign_in::door).post(sign_in::leave))
        .route("/console/now", get(pages::now))
        .route("/console/incidents", get(pages::incidents))
        .route("/console/incident/{doc}", get(pages::incident))
        .route("/console/people", get(pages::people))
        .route("/console/style.css", get(pages::style))
        .route("/console/{*else}", get(pages::nowhere))
        .layer(map_response(protect::headers))
}
