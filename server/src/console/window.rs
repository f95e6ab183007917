//! The clock of interventions on a page: a word, a shape and a colour for where each stands.

use maud::{Markup, html};
use sync_core::records::{WindowState, closing_soon, state};

use crate::store::records::RecordRow;

use super::scene::{Scene, time};
use super::value;

/// Shape and words of a state. The shape is for the eye only; the words say it all.
fn look(state: WindowState) -> (&'static str, &'static str) {
    match state {
        WindowState::Early => ("○", "Not yet open"),
        WindowState::Ideal => ("●", "In the ideal window"),
        WindowState::Late => ("▲", "Late, still useful"),
        WindowState::Missed => ("✕", "Missed"),
        WindowState::NotApplicable => ("–", "No window"),
    }
}

/// Where an intervention stands in the window of its incident.
pub(super) fn badge(
    scene: &Scene<'_>,
    incident: Option<&RecordRow>,
    intervention: &RecordRow,
) -> Markup {
    let kind = intervention.text("kind").unwrap_or_default();
    let started = time(intervention, "started_at");
    let end = incident.and_then(|incident| time(incident, "occurred_end"));
    let (at, soon) = match (scene.directory.profile(), end) {
        (Some(profile), Some(end)) => (
            state(profile, kind, end, started, scene.now),
            closing_soon(profile, kind, end, started, scene.now),
        ),
        _ => (WindowState::NotApplicable, false),
    };
    let (shape, words) = look(at);
    let unsure = incident.and_then(|i| i.text("time_quality")) == Some("device_unsure");
    html! {
        span .state .(at.as_str()) data-code=(at.as_str()) {
            span aria-hidden="true" { (shape) } " " (words)
        }
        @if soon { " " span .state.soon data-code="closing_soon" { span aria-hidden="true" { "◔" } " Closing soon" } }
        @if unsure { " " span .note { "uncertain: the incident's time comes from a phone whose clock was not checked" } }
    }
}

/// A table of interventions of one incident (or of none).
pub(super) fn table(
    scene: &Scene<'_>,
    incident: Option<&RecordRow>,
    interventions: &[RecordRow],
    caption: &str,
) -> Markup {
    html! {
        table {
            caption { (caption) }
            thead { tr {
                th scope="col" { "Intervention" }
                th scope="col" { "Window" }
                th scope="col" { "Planned" }
                th scope="col" { "Started" }
                th scope="col" { "Led by" }
                th scope="col" { "Outcome" }
            } }
            tbody {
                @for row in interventions {
                    tr {
                        th scope="row" { (value::shown(scene, row, "kind")) }
                        td { (badge(scene, incident, row)) }
                        td { (value::shown(scene, row, "planned_start")) }
                        td { (value::shown(scene, row, "started_at")) }
                        td { (value::shown(scene, row, "leads")) }
                        td { (value::shown(scene, row, "outcome")) }
                    }
                }
            }
        }
    }
}
