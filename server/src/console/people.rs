//! People: members as the signed directory lists them, with roles and devices, who is on call, and who else can help.
//! Plain responders have no name here.

use std::collections::BTreeMap;

use axum::response::Html;
use maud::{Markup, html};
use sync_core::directory::{DeviceAt, Member};
use sync_core::ids::{DeviceId, MemberId};
use sync_core::protocol::Timestamp;
use sync_core::records::DeviceClass;

use crate::relay::Refusal;
use crate::store;

use super::scene::Scene;
use super::table::table;
use super::{devices, helpers, layout, value};

pub(super) fn page(scene: &Scene<'_>) -> Result<Html<String>, Refusal> {
    let seen: BTreeMap<_, _> =
        store::devices::seen(scene.reader, scene.team())?.into_iter().collect();
    let mut people: Vec<_> =
        scene.directory.members().map(|(id, member)| (scene.name(&id), id, member)).collect();
    people.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    let columns = ["Name", "Roles", "Unit", "Devices"];
    let wipes = devices::to_be_wiped(scene)?;
    let main = html! {
        @if people.is_empty() {
            (layout::empty("The relay does not know this team's members yet.", "Let an admin's phone sync with this relay."))
        } @else {
            (table("Members of the team, as admins' devices signed it", columns, people.iter().map(|(name, id, member)| {
                [html! { (name) }, roles(member), unit(member), held(scene, *id, &seen)]
            })))
        }
        (helpers::duty(scene)?)
        (helpers::resources(scene)?)
        (wipes)
    };
    Ok(layout::page("/console/people", "People", scene.now, &main))
}

fn roles(member: &Member) -> Markup {
    let admin = member.admin.then_some("admin");
    let roles = member.roles.iter().map(|role| role.as_str()).chain(admin);
    html! {
        @for (place, role) in roles.enumerate() {
            @if place > 0 { ", " }
            (value::coded(role))
        }
    }
}

fn unit(member: &Member) -> Markup {
    match member.unit.as_deref() {
        Some(unit) => html! { (unit) },
        None => html! { span .none { "none" } },
    }
}

fn held(scene: &Scene<'_>, member: MemberId, seen: &BTreeMap<DeviceId, Timestamp>) -> Markup {
    let all: Vec<DeviceAt<'_>> = scene.directory.devices_of(member).collect();
    html! {
        @if all.is_empty() { span .none { "None yet. Invite this member on an admin's phone." } }
        @else {
            ul .plain {
                @for device in &all {
                    li { (value::coded(class(device.class))) ", last sync " (devices::last_sync(seen.get(&device.id).copied(), scene.now)) }
                }
            }
        }
    }
}

fn class(class: DeviceClass) -> &'static str {
    match class {
        DeviceClass::Native => "native",
        DeviceClass::Web => "web",
        DeviceClass::Console => "console",
        DeviceClass::Station => "station",
    }
}
