//! Incidents: the list, and one with everything open about it.

use axum::response::Html;
use maud::{Markup, html};
use sync_core::ids::DocId;
use sync_core::protocol::Code;
use sync_core::records::RecordType;

use crate::relay::Refusal;
use crate::store::records::RecordRow;

use super::scene::{MOST, Scene};
use super::{layout, now, value, window, words};

pub(super) fn list(scene: &Scene<'_>) -> Result<Html<String>, Refusal> {
    let incidents = scene.incidents()?;
    let interventions = scene.interventions()?;
    let main = html! {
        @if incidents.is_empty() {
            (layout::empty("No incident has been recorded.", "Record one on a phone; it appears here once that phone has synced."))
        } @else {
            table {
                caption { "Incidents, the latest first" @if incidents.len() == MOST { " (the latest " (MOST) ")" } }
                thead { tr {
                    th scope="col" { "Ended" } th scope="col" { "What happened" } th scope="col" { "Severity" }
                    th scope="col" { "Status" } th scope="col" { "Area" } th scope="col" { "Interventions" }
                } }
                tbody {
                    @for row in &incidents {
                        (line(scene, row, interventions.get(&Some(row.doc.to_string())).map_or(0, Vec::len)))
                    }
                }
            }
        }
    };
    Ok(layout::page("/console/incidents", "Incidents", scene.now, &main))
}

fn line(scene: &Scene<'_>, row: &RecordRow, interventions: usize) -> Markup {
    html! {
        tr {
            th scope="row" {
                a href={ "/console/incident/" (row.doc) } { (value::shown(scene, row, "occurred_end")) }
            }
            td { (value::shown(scene, row, "type")) }
            td { (value::shown(scene, row, "severity")) }
            td { (value::shown(scene, row, "status")) }
            td { (value::shown(scene, row, "area")) }
            td { (interventions) }
        }
    }
}

pub(super) fn one(scene: &Scene<'_>, doc: DocId) -> Result<Html<String>, Refusal> {
    let incident = scene.incident(doc)?.ok_or(Code::NoSuchRecord)?;
    let interventions = scene.interventions()?.remove(&Some(doc.to_string())).unwrap_or_default();
    let main = html! {
        @if !incident.conflicts.is_empty() { (now::conflict(scene, &incident)) }
        section aria-labelledby="facts" {
            h2 #facts { "Facts" }
            (facts(scene, &incident))
        }
        section aria-labelledby="interventions" {
            h2 #interventions { "Interventions" }
            @if interventions.is_empty() {
                (layout::empty("None is recorded for this incident.", "Plan one on a phone: record an intervention and name this incident."))
            } @else {
                (window::table(scene, Some(&incident), &interventions, "Interventions of this incident"))
                @for row in &interventions {
                    article {
                        h3 { (value::shown(scene, row, "kind")) }
                        @if !row.conflicts.is_empty() { (now::conflict(scene, row)) }
                        (facts(scene, row))
                    }
                }
            }
        }
    };
    Ok(layout::page("", "Incident", scene.now, &main))
}

/// Every field a record has, in the order of its form.
fn facts(scene: &Scene<'_>, row: &RecordRow) -> Markup {
    let part = RecordType::by_name(&row.record).and_then(|record| record.parts.first().copied());
    html! {
        dl {
            @for field in part.map_or(&[][..], |part| part.fields) {
                @if row.fields.contains_key(field.name) {
                    dt { span data-code=(field.name) { (words::label(field.name)) } }
                    dd { (value::shown(scene, row, field.name)) }
                }
            }
        }
    }
}
