//! The first page: what needs somebody now, first at a glance, then in full.

use axum::response::Html;
use maud::{Markup, html};

use crate::relay::Refusal;
use crate::store::StoreError;
use crate::store::expiry;
use crate::store::records::RecordRow;

use super::scene::{Scene, is_open};
use super::{clock, conflicts, devices, follow_ups, layout, requests, set_aside, value, window};

/// One part of the page.
pub(super) struct Part {
    /// Its place, for links.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// How it stands, in a few words.
    pub told: String,
    /// Whether it needs somebody.
    pub calls: bool,
    /// The part itself.
    pub body: Markup,
}

pub(super) fn page(scene: &Scene<'_>) -> Result<Html<String>, Refusal> {
    let parts = [
        requests::part(scene)?,
        incidents(scene)?,
        follow_ups::part(scene)?,
        conflicts::part(scene)?,
        devices::part(scene)?,
        set_aside::part(scene)?,
    ];
    let main = html! {
        @if let Some(day) = expiry::waits(scene.reader)? {
            p role="alert" data-code="clock_ahead" {
                "The relay's clock went ahead to " (day) ". Nothing is erased by its time until its operator has put the clock right, or said that it is (" code { "aftercall admin confirm-clock" } ")."
            }
        }
        (glance(&parts))
        @for part in &parts {
            section aria-labelledby=(part.id) { h2 id=(part.id) { (part.title) } (part.body) }
        }
    };
    Ok(layout::page("/console/now", "Now", scene.now, &main))
}

fn glance(parts: &[Part]) -> Markup {
    html! {
        nav .glance aria-label="On this page" {
            ul {
                @for part in parts {
                    li .calls[part.calls] {
                        a href={ "#" (part.id) } {
                            span aria-hidden="true" { (if part.calls { "▲" } else { "✓" }) } " "
                            (part.title) ": " strong { (part.told) }
                        }
                    }
                }
            }
        }
    }
}

fn incidents(scene: &Scene<'_>) -> Result<Part, StoreError> {
    let mut interventions = scene.interventions()?;
    let incidents: Vec<RecordRow> = scene.incidents()?.into_iter().filter(is_open).collect();
    let alone = interventions.remove(&None).unwrap_or_default();
    let body = html! {
        @if incidents.is_empty() {
            (layout::empty("No incident is open.", "Incidents appear here as soon as a phone that recorded one has synced."))
        }
        @for incident in &incidents {
            (card(scene, incident, interventions.get(&Some(incident.doc.to_string()))))
        }
        @if !alone.is_empty() {
            (window::interventions(scene, None, &alone, "Interventions without an incident"))
        }
    };
    let told = if incidents.is_empty() { "none".to_owned() } else { incidents.len().to_string() };
    let calls = !incidents.is_empty();
    Ok(Part { id: "incidents", title: "Open incidents", told, calls, body })
}

fn card(scene: &Scene<'_>, incident: &RecordRow, interventions: Option<&Vec<RecordRow>>) -> Markup {
    html! {
        article {
            h3 { a href={ "/console/incident/" (incident.doc) } {
                @if value::is_empty(incident, "type") { "Incident" } @else { (value::shown(scene, incident, "type")) }
            } }
            dl .facts {
                div { dt { "Ended" } dd { (value::shown(scene, incident, "occurred_end")) } }
                div { dt { "Area" } dd { (value::shown(scene, incident, "area")) } }
                div { dt { "Severity" } dd { (value::shown(scene, incident, "severity")) } }
                div { dt { "Status" } dd { (value::shown(scene, incident, "status")) } }
            }
            (clock::summary(scene, &clock::lines(scene, incident, interventions.map_or(&[][..], Vec::as_slice))))
            @match interventions {
                Some(rows) => (window::interventions(scene, Some(incident), rows, "Interventions of this incident")),
                None => (layout::empty("No intervention is recorded for it yet.", "Plan one on a phone: record an intervention and name this incident.")),
            }
        }
    }
}
