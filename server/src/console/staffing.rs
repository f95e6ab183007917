//! Who is on the team of an intervention on a page: parts, answers, what speaks against somebody.
//!
//! It computes nothing: the core's staffing judges what the signed directory, the roster and the record say, so what a
//! modified phone forced is shown as blocked here as everywhere.

use std::collections::BTreeMap;

use maud::{Markup, html};
use sync_core::ids::MemberId;
use sync_core::records::{Known, Staffed, crews_of, staffed, team_of};

use crate::store::records::RecordRow;
use crate::store::{StoreError, records};

use super::clock::said;
use super::scene::{MOST, Scene};
use super::{value, words};

/// The team of an intervention; nothing while there is none.
pub(super) fn team(
    scene: &Scene<'_>,
    incident: Option<&RecordRow>,
    intervention: &RecordRow,
) -> Result<Markup, StoreError> {
    let (facts, incident) = (said(intervention), incident.map(said));
    let crews = crews_of(&facts, incident.as_ref());
    let mut team = Vec::new();
    for member in team_of(&facts) {
        let known = known(scene, &member)?;
        team.push(staffed(&facts, &crews, &known, scene.now.day()));
    }
    Ok(html! {
        @if !team.is_empty() {
            ul .plain .team { @for one in &team { li { (line(scene, one)) } } }
        }
    })
}

fn line(scene: &Scene<'_>, one: &Staffed) -> Markup {
    html! {
        (scene.name_of(&one.member)) ": "
        @for (place, part) in one.roles.iter().enumerate() {
            @if place > 0 { ", " }
            (value::coded(part))
        }
        @for conflict in &one.conflicts {
            " " span .state .missed[one.is_blocked()] data-code=(conflict.as_str()) {
                span aria-hidden="true" { "✕" } " " (conflict.to_string())
            }
        }
        @if let Some(reason) = &one.overridden { " " span .note { "Overridden by the clinical director: " (value::coded(reason)) } }
        @else if one.is_blocked() { " " span data-code="staff_conflict" { "should not work on it" } }
        @for warning in &one.warnings {
            " " span .note data-code=(warning.as_str()) { (warning.to_string()) "." }
        }
        @if one.answers.len() == 3 && !one.is_blocked() { " " span .note { (words::count(3, "question", "questions")) " answered." } }
    }
}

fn known(scene: &Scene<'_>, member: &str) -> Result<Known, StoreError> {
    let (reader, team) = (scene.reader, scene.team());
    let id: Option<MemberId> = member.parse().ok();
    let listed = id.and_then(|id| scene.directory.member(&id));
    let staff = records::list_where(reader, team, "staff", "member", member, 1)?;
    let words = records::list(reader, team, "availability", "availability", 10 * MOST)?;
    let availability = words.iter().find_map(|row| {
        let marks = row.fields.get("availability")?.as_array()?;
        let own = marks.iter().filter_map(|mark| mark.as_str()?.split_once('@'));
        own.into_iter().find(|(who, _)| *who == member).map(|(_, state)| state.to_owned())
    });
    let all = records::list(reader, team, "intervention", "planned_start", 4 * MOST)?;
    let is_open =
        |row: &&RecordRow| row.text("outcome").is_none() && team_of(&said(row)).contains(member);
    Ok(Known {
        member: member.to_owned(),
        supervises: listed.map(|m| m.supervises.iter().cloned().collect()).unwrap_or_default(),
        unit: listed.and_then(|m| m.unit.clone()),
        staff: staff.first().map_or_else(BTreeMap::new, said),
        availability,
        open_interventions: all.iter().filter(is_open).count(),
    })
}
