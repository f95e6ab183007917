//! People: members as the signed directory lists them, with roles and devices. Plain responders have no name here.

use std::collections::BTreeMap;

use axum::response::Html;
use maud::{Markup, html};
use sync_core::directory::{DeviceAt, Member};
use sync_core::ids::{DeviceId, MemberId};
use sync_core::protocol::Timestamp;
use sync_core::records::DeviceClass;

use crate::relay::Refusal;
use crate::store::devices;

use super::scene::Scene;
use super::{layout, now, value};

pub(super) fn page(scene: &Scene<'_>) -> Result<Html<String>, Refusal> {
    let seen: BTreeMap<_, _> = devices::seen(scene.reader, scene.team())?.into_iter().collect();
    let mut people: Vec<_> =
        scene.directory.members().map(|(id, member)| (scene.name(&id), id, member)).collect();
    people.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    let main = html! {
        @if people.is_empty() {
            (layout::empty("The relay does not know this team's members yet.", "Let an admin's phone sync with this relay."))
        } @else {
            table {
                caption { "Members of the team, as admins' devices signed it" }
                thead { tr {
                    th scope="col" { "Name" } th scope="col" { "Roles" }
                    th scope="col" { "Unit" } th scope="col" { "Devices" }
                } }
                tbody { @for (name, id, member) in &people { (line(scene, name, *id, member, &seen)) } }
            }
        }
    };
    Ok(layout::page("/console/people", "People", scene.now, &main))
}

fn line(
    scene: &Scene<'_>,
    name: &str,
    id: MemberId,
    member: &Member,
    seen: &BTreeMap<DeviceId, Timestamp>,
) -> Markup {
    let devices: Vec<DeviceAt<'_>> = scene.directory.devices_of(id).collect();
    html! {
        tr {
            th scope="row" { (name) }
            td { ul .set {
                @for role in &member.roles { li { (value::coded(role.as_str())) } }
                @if member.admin { li { (value::coded("admin")) } }
            } }
            td { (member.unit.as_deref().unwrap_or("")) }
            td {
                @if devices.is_empty() { span .none { "none yet: invite this member on an admin's phone" } }
                ul .set {
                    @for device in &devices {
                        li { (value::coded(class(device.class))) ", last sync: " (now::last_sync(seen.get(&device.id).copied(), scene.now)) }
                    }
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
