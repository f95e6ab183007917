//! Incidents: the list, and one with everything open about it.

use axum::response::Html;
use maud::{Markup, html};
use sync_core::ids::DocId;
use sync_core::protocol::Code;
use sync_core::records::RecordType;

use crate::relay::Refusal;
use crate::store::records::RecordRow;

use super::scene::{MOST, Scene, short, time};
use super::table::table;
use super::{after_action, clock, conflicts, layout, same, staffing, value, when, window, words};

pub(super) fn list(scene: &Scene<'_>) -> Result<Html<String>, Refusal> {
    let incidents = scene.incidents()?;
    let interventions = scene.interventions()?;
    let caption = match incidents.len() {
        MOST => format!("The latest {MOST} incidents, the latest first"),
        many => format!("{}, the latest first", words::count(many, "incident", "incidents")),
    };
    let columns = ["What happened", "Ended", "Severity", "Status", "Area", "Interventions"];
    let main = html! {
        @if incidents.is_empty() {
            (layout::empty("No incident has been recorded.", "Record one on a phone; it appears here once that phone has synced."))
        } @else {
            (table(&caption, columns, incidents.iter().map(|row| {
                let shown = |name| value::shown(scene, row, name);
                let count = interventions.get(&Some(row.doc.to_string())).map_or(0, Vec::len);
                [link(scene, row), shown("occurred_end"), shown("severity"), shown("status"), shown("area"), html! { (count) }]
            })))
        }
    };
    Ok(layout::page("/console/incidents", "Incidents", scene.now, &main))
}

fn link(scene: &Scene<'_>, row: &RecordRow) -> Markup {
    html! {
        a href={ "/console/incident/" (row.doc) } {
            @if value::is_empty(row, "type") { "Incident " (short(row.doc)) }
            @else { (value::shown(scene, row, "type")) }
        }
    }
}

pub(super) fn one(scene: &Scene<'_>, doc: DocId) -> Result<Html<String>, Refusal> {
    let incident = scene.incident(doc)?.ok_or(Code::NoSuchRecord)?;
    let interventions = scene.interventions()?.remove(&Some(doc.to_string())).unwrap_or_default();
    let title = match time(&incident, "occurred_end") {
        Some(end) => format!("Incident {}, {}", short(doc), when::day(end.day())),
        None => format!("Incident {}", short(doc)),
    };
    let mut teams = Vec::new();
    for row in &interventions {
        teams.push(staffing::team(scene, Some(&incident), row)?);
    }
    let main = html! {
        section aria-labelledby="facts" {
            h2 #facts { "Facts" }
            (conflicts::fields(scene, &incident))
            (facts(scene, &incident, &[]))
        }
        section aria-labelledby="timeline" {
            h2 #timeline { "What happened when" }
            (after_action::events(scene, &incident, &interventions))
            p { a href={ "/console/incident/" (doc) "/after-action" } { "After-action report, to be printed" } }
        }
        section aria-labelledby="interventions" {
            h2 #interventions { "Interventions" }
            (clock::summary(scene, &clock::lines(scene, &incident, &interventions)))
            @if interventions.is_empty() {
                (layout::empty("None is recorded for this incident.", "Plan one on a phone: record an intervention and name this incident."))
            }
            (same::offers(scene, &interventions))
            @for (row, team) in interventions.iter().zip(&teams) {
                article {
                    h3 { (value::shown(scene, row, "kind")) }
                    p { (window::badge(scene, Some(&incident), row)) }
                    (conflicts::fields(scene, row))
                    (team)
                    (facts(scene, row, &["kind", "incident_id", "team", "declared_not_present", "declared_no_supervision", "declared_not_close", "conflict_overrides", "same_as", "not_same_as"]))
                }
            }
        }
    };
    Ok(layout::page(&format!("/console/incident/{doc}"), &title, scene.now, &main))
}

/// Every field a record has, in the order of its form, but for those shown beside.
fn facts(scene: &Scene<'_>, row: &RecordRow, beside: &[&str]) -> Markup {
    let part = RecordType::by_name(&row.record).and_then(|record| record.parts.first().copied());
    let fields = part.map_or(&[][..], |part| part.fields).iter().map(|field| field.name);
    html! {
        dl .facts {
            @for name in fields.filter(|name| !beside.contains(name) && !value::is_empty(row, name)) {
                div {
                    dt { span data-code=(name) { (words::label(name)) } }
                    dd { (value::shown(scene, row, name)) }
                }
            }
        }
    }
}
