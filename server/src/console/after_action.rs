//! The after-action report of an incident, as a page to be printed, and the timeline of its events.
//!
//! It computes nothing: the report is the core's, from the same projections as every page, at the relay's time.

use std::collections::BTreeSet;

use axum::response::Html;
use maud::{Markup, html};
use sync_core::ids::DocId;
use sync_core::protocol::{Code, Timestamp};
use sync_core::records::{AfterAction, Done, Moment, after_action, timeline};

use crate::relay::Refusal;
use crate::store::records::RecordRow;

use super::clock::said;
use super::scene::{Scene, short};
use super::table::table;
use super::{layout, value, when, words};

/// `GET /console/incident/{doc}/after-action`.
pub(super) fn page(scene: &Scene<'_>, doc: DocId) -> Result<Html<String>, Refusal> {
    let incident = scene.incident(doc)?.ok_or(Code::NoSuchRecord)?;
    let rows = scene.interventions()?.remove(&Some(doc.to_string())).unwrap_or_default();
    let profile = scene.directory.profile().ok_or(Code::NotSetUp)?;
    let facts: Vec<_> = rows.iter().map(said).collect();
    let report =
        after_action(profile, &said(&incident), &facts.iter().collect::<Vec<_>>(), scene.now);
    let main = html! {
        p { "Counts, times and windows kept; no name stands here. " a href={ "/console/incident/" (doc) } { "Back to the incident" } }
        (facts_of(&report))
        (interventions(&report))
        section aria-labelledby="timeline" { h2 #timeline { "What happened when" } (moments(scene, &report.timeline)) }
        (open_ends(&report))
    };
    let title = format!("After-action report, incident {}", short(doc));
    Ok(layout::page(&format!("/console/incident/{doc}/after-action"), &title, scene.now, &main))
}

fn facts_of(report: &AfterAction) -> Markup {
    let number = |value: Option<i64>| {
        html! {
            @match value { Some(value) => (value), None => span .none { "not given" } }
        }
    };
    html! {
        section aria-labelledby="facts" {
            h2 #facts { "The incident" }
            dl .facts {
                div { dt { "What happened" } dd { (codes(&report.types)) } }
                div { dt { "Severity" } dd { (number(report.severity)) } }
                div { dt { "People exposed" } dd { (number(report.personnel_exposed)) } }
                div { dt { "Crews" } dd { (report.crews) } }
                div { dt { "Whose responders" } dd { (codes(&report.disciplines)) } }
                div { dt { "Minutes from request to answer" } dd data-code="request_to_acknowledge" { (number(report.request_to_acknowledge_min)) } }
                div { dt { "Minutes from request to first help" } dd { (number(report.request_to_first_start_min)) } }
                @if let Some(status) = &report.status { div { dt { "Status" } dd { (value::coded(status)) } } }
                @if let Some(why) = &report.closed_because { div { dt { "Why it was closed" } dd { (value::coded(why)) } } }
                div { dt { "Began in the ideal window" } dd data-code="window_compliance" { (report.began_ideal) " of " (report.began_with_window) } }
                div { dt { "Not held" } dd { (report.not_held) } }
                div { dt { "One-to-ones that followed" } dd { (report.one_on_ones) } }
                div { dt { "Referrals offered" } dd { (report.referrals) } }
                div { dt { "Minutes of interventions" } dd { (report.minutes) } }
            }
        }
    }
}

fn codes(all: &BTreeSet<String>) -> Markup {
    html! {
        @if all.is_empty() { span .none { "not given" } }
        @for (place, code) in all.iter().enumerate() {
            @if place > 0 { ", " }
            (value::coded(code))
        }
    }
}

fn interventions(report: &AfterAction) -> Markup {
    let columns = [
        "Intervention",
        "Window",
        "Minutes",
        "Attended",
        "Voluntary",
        "Phases",
        "Rules read",
        "Team",
        "Outcome",
    ];
    html! {
        section aria-labelledby="interventions" {
            h2 #interventions { "Interventions" }
            @if report.interventions.is_empty() {
                (layout::empty("None is recorded for this incident.", "Record what was done on a phone; it appears here once that phone has synced."))
            } @else {
                (table("In the order in which they began", columns, report.interventions.iter().map(row)))
            }
        }
    }
}

fn row(one: &Done) -> [Markup; 9] {
    let none = || html! { span .none { "not given" } };
    [
        value::coded(&one.kind),
        html! {
            span data-code=(one.window) { (words::label(one.window)) }
            @match (one.began, one.hours_after) {
                (true, Some(hours)) => { ", " (hours) " h after" },
                (true, None) => {},
                (false, _) => ", not begun",
            }
        },
        one.minutes.map_or_else(none, |minutes| html! { (minutes) }),
        one.attendees.as_deref().map_or_else(none, value::coded),
        one.voluntary.map_or_else(none, |yes| html! { (if yes { "yes" } else { "no" }) }),
        html! { (one.phases_done) " of " (one.phases) },
        html! { (one.rules_read) },
        html! { (one.team) },
        html! {
            (one.outcome.as_deref().map_or_else(none, value::coded))
            @if let Some(why) = &one.outcome_reason { ": " (value::coded(why)) }
        },
    ]
}

fn open_ends(report: &AfterAction) -> Markup {
    let list = |all: &[String]| html! { ul .plain { @for field in all { li data-code=(field) { (told(field)) } } } };
    html! {
        @if !report.missing.is_empty() {
            section aria-labelledby="missing" { h2 #missing { "Not entered" } (list(&report.missing)) }
        }
        @if !report.disputed.is_empty() {
            section aria-labelledby="disputed" { h2 #disputed { "Different values, to be settled" } (list(&report.disputed)) }
        }
    }
}

/// `cisd.outcome` in words.
fn told(field: &str) -> String {
    match field.split_once('.') {
        Some((kind, field)) => format!("{}: {}", words::label(kind), words::label(field)),
        None => words::label(field),
    }
}

/// What happened when, earliest first.
pub(super) fn events(scene: &Scene<'_>, incident: &RecordRow, rows: &[RecordRow]) -> Markup {
    let facts: Vec<_> = rows.iter().map(said).collect();
    moments(scene, &timeline(&said(incident), &facts.iter().collect::<Vec<_>>()))
}

fn moments(scene: &Scene<'_>, all: &[Moment]) -> Markup {
    html! {
        ul .plain .timeline {
            @for moment in all {
                li {
                    @if let Ok(at) = Timestamp::parse(&moment.at) { (when::moment(at, scene.now)) }
                    ": " span data-code=(moment.what) { (words::label(moment.what)) }
                    @if let Some(kind) = &moment.kind { ", " (value::coded(kind)) }
                }
            }
        }
    }
}
