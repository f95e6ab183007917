//! The clock of one incident on a page: what is next, for whom, and what was decided on and is not recorded yet.
//!
//! It computes nothing: lines come from the core's clock, judged at the relay's time.

use std::collections::BTreeMap;

use maud::{Markup, html};
use sync_core::ids::DocId;
use sync_core::records::{ClockLine, FieldView, Value, clock, next};

use crate::store::records::RecordRow;

use super::scene::Scene;
use super::{value, when, words};

/// What a projection says, as the core reads it.
pub(super) fn said(row: &RecordRow) -> BTreeMap<String, FieldView> {
    let read = |json: &serde_json::Value| serde_json::from_value::<Value>(json.clone()).ok();
    let fields = row.fields.iter().filter_map(|(name, json)| {
        let all = row.conflicts.get(name).and_then(|all| all.as_array());
        let conflict = all.into_iter().flatten().filter_map(read).collect();
        Some((name.clone(), FieldView { value: read(json)?, conflict }))
    });
    fields.collect()
}

/// The clock of an incident; nothing while nobody has written when it ended.
pub(super) fn lines(
    scene: &Scene<'_>,
    incident: &RecordRow,
    interventions: &[RecordRow],
) -> Vec<ClockLine> {
    let made: Vec<(DocId, _)> = interventions.iter().map(|row| (row.doc, said(row))).collect();
    let profile = scene.directory.profile();
    profile
        .and_then(|profile| clock(profile, &said(incident), &made, scene.now, true))
        .unwrap_or_default()
}

/// What needs somebody next, and what was decided on without a record.
pub(super) fn summary(scene: &Scene<'_>, lines: &[ClockLine]) -> Markup {
    let unrecorded: Vec<&ClockLine> =
        lines.iter().filter(|line| line.wanted && line.intervention.is_none()).collect();
    html! {
        @if let Some(line) = next(lines) {
            p .next { strong { "Next: " } (value::coded(&line.kind)) (until(scene, line)) (whom(scene, line)) "." }
        }
        @if !unrecorded.is_empty() {
            p { "Decided on, not recorded yet: "
                @for (place, line) in unrecorded.iter().enumerate() {
                    @if place > 0 { "; " }
                    (value::coded(&line.kind)) " " span data-code=(line.state.as_str()) { "(" (words::label(line.state.as_str())) ")" }
                }
            "." }
        }
    }
}

fn until(scene: &Scene<'_>, line: &ClockLine) -> Markup {
    let Some((what, at)) = line.next else { return html! {} };
    let words = match what {
        "opens" => ", opens ",
        "ideal_ends" => ", ideal until ",
        "window_ends" => ", its window ends ",
        _ => ", planned ",
    };
    html! { (words) (when::moment(at, scene.now)) }
}

fn whom(scene: &Scene<'_>, line: &ClockLine) -> Markup {
    html! {
        @for (place, crew) in line.crews.iter().enumerate() {
            (if place == 0 { ", for " } else { ", " }) (crew)
        }
        @if line.leads.is_empty() { ", nobody assigned yet" }
        @for (place, lead) in line.leads.iter().enumerate() {
            (if place == 0 { ", led by " } else { ", " }) (scene.name_of(lead))
        }
    }
}
