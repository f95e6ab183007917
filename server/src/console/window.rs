//! The clock of interventions on a page: a word, a shape and a colour for where each stands, and until when.
//!
//! It computes nothing: states come from the core's windows, judged at the relay's time.

use maud::{Markup, html};
use sync_core::protocol::Timestamp;
use sync_core::records::{Window, WindowState, closing_soon, state, window};

use crate::store::records::RecordRow;

use super::scene::{Scene, time};
use super::table::table;
use super::{value, when};

/// Shape and words of a state. The shape is for the eye only; the words say it all.
fn look(state: WindowState, has_begun: bool) -> (&'static str, &'static str) {
    match (state, has_begun) {
        (WindowState::Early, false) => ("○", "Not yet open"),
        (WindowState::Early, true) => ("○", "Began before its window"),
        (WindowState::Ideal, false) => ("●", "In the ideal window"),
        (WindowState::Ideal, true) => ("●", "Began in the ideal window"),
        (WindowState::Late, false) => ("▲", "Late, still useful"),
        (WindowState::Late, true) => ("▲", "Began late"),
        (WindowState::Missed, _) => ("✕", "Missed"),
        (WindowState::NotApplicable, _) => ("–", "No window"),
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
    let profile = scene.directory.profile();
    let frame = profile.and_then(|profile| window(profile, kind));
    let at = match (profile, end) {
        (Some(profile), Some(end)) => state(profile, kind, end, started, scene.now),
        _ => WindowState::NotApplicable,
    };
    let soon = profile
        .zip(end)
        .is_some_and(|(profile, end)| closing_soon(profile, kind, end, started, scene.now));
    let (shape, words) = look(at, started.is_some());
    html! {
        span .state .(at.as_str()) data-code=(at.as_str()) { span aria-hidden="true" { (shape) } " " (words) }
        @if soon { " " span .state.soon data-code="closing_soon" { span aria-hidden="true" { "◔" } " Closing soon" } }
        @match (frame, end) {
            (Some(frame), Some(end)) => (bound(frame, end, started, at, scene.now)),
            (Some(_), None) if incident.is_some() => {
                " " span .note { "The incident has no end time. Enter it on a phone; the window counts from it." }
            },
            _ => {},
        }
        @if let Some(doubt) = doubt(incident, intervention) { " " span .note { "Uncertain: " (doubt) } }
    }
}

/// The next bound of the window, as long as the intervention has not begun.
fn bound(
    frame: Window,
    end: Timestamp,
    started: Option<Timestamp>,
    at: WindowState,
    now: Timestamp,
) -> Markup {
    let after = |hours: u32| end.plus_minutes(i64::from(hours) * 60);
    let (words, bound) = match (started, at, frame.hard_end_h) {
        (None, WindowState::Early, _) => ("Opens ", after(frame.open_h)),
        (None, WindowState::Ideal, _) => ("Ideal window ends ", after(frame.ideal_end_h)),
        (None, WindowState::Late, None) => ("Ideal window ended ", after(frame.ideal_end_h)),
        (None, WindowState::Late, Some(hard_end_h)) => ("Window ends ", after(hard_end_h)),
        (None, WindowState::Missed, Some(hard_end_h)) => ("Window ended ", after(hard_end_h)),
        (Some(_), WindowState::NotApplicable, Some(hard_end_h)) => {
            ("It began after the window, which ended ", after(hard_end_h))
        }
        _ => return html! {},
    };
    html! { " " span .bound { (words) (when::moment(bound, now)) } }
}

/// Why the state may be wrong.
fn doubt(incident: Option<&RecordRow>, intervention: &RecordRow) -> Option<&'static str> {
    let incident = incident?;
    if incident.text("time_quality") == Some("device_unsure") {
        Some("the incident's time comes from a phone whose clock was not checked.")
    } else if incident.conflicts.contains_key("occurred_end") {
        Some("two end times were written for the incident.")
    } else if ["kind", "started_at"].iter().any(|name| intervention.conflicts.contains_key(*name)) {
        Some("two kinds or two starts were written for it.")
    } else {
        None
    }
}

/// A table of interventions of one incident (or of none).
pub(super) fn interventions(
    scene: &Scene<'_>,
    incident: Option<&RecordRow>,
    rows: &[RecordRow],
    caption: &str,
) -> Markup {
    let columns = ["Intervention", "Window", "Planned for", "Began", "Led by", "Outcome"];
    table(
        caption,
        columns,
        rows.iter().map(|row| {
            let shown = |name| value::shown(scene, row, name);
            [
                shown("kind"),
                badge(scene, incident, row),
                shown("planned_start"),
                shown("started_at"),
                shown("leads"),
                shown("outcome"),
            ]
        }),
    )
}
