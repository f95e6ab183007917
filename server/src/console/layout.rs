//! The frame of every page: language, landmarks, a way past the menu, one heading.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use sync_core::protocol::Timestamp;

use super::when;

/// The views in the menu: path and label.
const VIEWS: &[(&str, &str)] =
    &[("/console/now", "Now"), ("/console/incidents", "Incidents"), ("/console/people", "People")];

fn frame(title: &str, inside: &Markup) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " - Aftercall" }
                link rel="stylesheet" href="/console/style.css";
            }
            body { (inside) }
        }
    };
    Html(page.into_string())
}

/// A page for someone signed in.
pub(super) fn page(path: &str, title: &str, now: Timestamp, main: &Markup) -> Html<String> {
    frame(
        title,
        &html! {
            a .skip href="#main" { "Skip to content" }
            header {
                p .brand { "Aftercall" }
                nav aria-label="Views" {
                    ul {
                        @for (href, label) in VIEWS {
                            li { a href=(href) aria-current=[(*href == path).then_some("page")] { (label) } }
                        }
                    }
                }
                form method="post" action="/console/leave" { button type="submit" { "Sign out" } }
            }
            main #main tabindex="-1" {
                h1 { (title) }
                p .asof {
                    "As the relay knew it on " time datetime=(now) { (when::exact(now)) } ". "
                    a href=(path) { "Load again" }
                }
                (main)
            }
            footer {
                p { "Sealed notes are not here: the relay cannot read them." }
            }
        },
    )
}

/// A page for someone who is not.
pub(super) fn outside(title: &str, main: &Markup) -> Html<String> {
    frame(
        title,
        &html! {
            header { p .brand { "Aftercall" } }
            main #main { h1 { (title) } (main) }
        },
    )
}

/// A failure, without its reason.
pub(super) fn failure(status: StatusCode) -> Response {
    let (title, advice) = match status {
        StatusCode::NOT_FOUND => (
            "Not here",
            "There is no such page or record in this team. The link may be from an older page.",
        ),
        StatusCode::FORBIDDEN => {
            ("Not done", "The form did not come from this page. Go back and try again.")
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            ("Busy", "The relay is busy. Wait a moment and load the page again.")
        }
        _ => (
            "Something failed",
            "The relay failed to make this page. Nothing was lost; load it again.",
        ),
    };
    let page =
        outside(title, &html! { p { (advice) } p { a href="/console/now" { "Go to Now" } } });
    (status, page).into_response()
}

/// What an empty list says: what is missing, and what to do next.
pub(super) fn empty(what: &str, next: &str) -> Markup {
    html! { p .empty { (what) " " (next) } }
}
