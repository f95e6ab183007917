//! `team`: changes of the directory that two admins sign, removals, and what came after one.

use serde_json::{Value as Json, json};
use sync_core::directory::Guest;
use sync_core::engine::{Phone, ProposalView};
use sync_core::ids::ProposalId;
use sync_core::protocol::{Code, Day, SetAside};
use sync_core::records::{RecordType, SPACES};

use super::arguments::{Invite, TeamVerb};
use super::output::{Output, short, table};
use super::team::{roles, wrong};
use super::{Failure, Outcome, refs, with_env};

/// Runs one verb of `team`.
pub fn run(phone: &mut Phone, verb: &TeamVerb) -> Outcome {
    match verb {
        TeamVerb::Approvals => approvals(phone),
        TeamVerb::Approve { change } => {
            let view = named(phone, change)?;
            with_env(|env| phone.approve(env, view.id))?;
            done(&view, "Signed. It is in effect once this phone has synced:")
        }
        TeamVerb::Decline { change } => {
            let view = named(phone, change)?;
            phone.decline(view.id)?;
            done(&view, "Refused. Its admin is told with the next sync:")
        }
        TeamVerb::Withdraw { change } => {
            let view = named(phone, change)?;
            phone.withdraw(view.id)?;
            done(&view, "Taken back:")
        }
        TeamVerb::Remove { member, device, wipe } => {
            remove(phone, member.as_deref(), device.as_deref(), *wipe)
        }
        TeamVerb::Wipe { device } => wipe(phone, device),
        TeamVerb::SetAside => set_aside(phone),
        TeamVerb::Release { items } => release(phone, items),
        TeamVerb::Roles { member, roles: names, admin } => {
            let member = refs::member(phone, member)?;
            let roles = roles(names)?;
            let waits = with_env(|env| phone.set_roles(env, member, &roles, *admin))?;
            let words = match waits {
                Some(_) => {
                    "It waits for another admin, who is asked once this phone and theirs have synced. Nothing is in effect until then.\n"
                }
                None => "It is in effect once this phone has synced.\n",
            };
            let json = json!({ "waits": waits.map(|id| id.to_string()) });
            Ok(Output { words: words.into(), json })
        }
    }
}

/// What a new member's limits as a guest are.
pub(super) fn guest(typed: &Invite) -> Result<Option<Guest>, Failure> {
    let Some(until) = &typed.until else { return Ok(None) };
    let until = Day::parse(until).map_err(|_| wrong("Write the last day as 2026-03-14.".into()))?;
    let mut spaces = Vec::new();
    for name in &typed.spaces {
        let row = SPACES.iter().find(|row| row.name == name).ok_or_else(|| {
            let names: Vec<&str> = SPACES.iter().map(|row| row.name).collect();
            wrong(format!("There is no space of that kind; there are {}.", names.join(", ")))
        })?;
        spaces.push(row.kind as u8);
    }
    Ok(Some(Guest { until, spaces }))
}

fn done(view: &ProposalView, words: &str) -> Outcome {
    let words = format!("{words}\n  {}\n", view.what);
    Ok(Output { words, json: json!({ "change": view.id.to_string(), "what": view.what }) })
}

/// The change whose name begins so.
fn named(phone: &mut Phone, typed: &str) -> Result<ProposalView, Failure> {
    let whole: Option<ProposalId> = typed.parse().ok();
    let fits = |view: &ProposalView| match whole {
        Some(id) => view.id == id,
        None => typed.len() >= 4 && view.id.to_string().starts_with(&typed.to_lowercase()),
    };
    let mut found: Vec<ProposalView> = phone.approvals()?.into_iter().filter(fits).collect();
    match (found.pop(), found.is_empty()) {
        (Some(view), true) => Ok(view),
        (Some(_), false) => Err(wrong("Several changes begin so; write more of the name.".into())),
        (None, _) => Err(Failure::with(Code::NoSuchProposal, Code::NoSuchProposal.advice())),
    }
}

fn approvals(phone: &mut Phone) -> Outcome {
    let views = phone.approvals()?;
    let mut words = String::new();
    let mut all = Vec::new();
    for view in &views {
        let by = view.by_name.clone().unwrap_or_else(|| short(view.by));
        let state = match (view.waits_for_me, view.entering, view.mine) {
            (true, ..) => "waits for your signature",
            (_, true, _) => "is entered with the next sync",
            (_, _, true) if !view.declined.is_empty() => "was declined by another admin",
            (_, _, true) => "waits for another admin",
            _ => "waits",
        };
        words.push_str(&format!("{} by {by}, {state}:\n  {}\n", short(view.id), view.what));
        all.push(json!({ "change": view.id.to_string(), "by": view.by.to_string(),
                         "what": view.what, "mine": view.mine, "waits_for_me": view.waits_for_me,
                         "declined": view.declined.len() }));
    }
    if views.is_empty() {
        words = "Nothing waits for a signature.".into();
    } else {
        words.push_str("Sign one with: team approve CHANGE\n");
    }
    Ok(Output { words, json: Json::Array(all) })
}

/// What is said of an order to wipe.
const ORDERED: &str = "What is ordered to be wiped first hands over what it had not sent, and erases itself when it next calls the relay:\n`devices` says when it did. A phone that was tampered with may never do it.\n";

fn remove(phone: &mut Phone, member: Option<&str>, device: Option<&str>, wipe: bool) -> Outcome {
    let json = match (member, device) {
        (_, Some(device)) => {
            let device = refs::device(phone, device)?;
            match wipe {
                true => phone.remove_and_wipe_device(device)?,
                false => phone.remove_device(device)?,
            }
            json!({ "device": device.to_string(), "wipe": wipe })
        }
        (Some(member), None) => {
            let member = refs::member(phone, member)?;
            match wipe {
                true => phone.remove_and_wipe_member(member)?,
                false => phone.remove_member(member)?,
            }
            json!({ "member": member.to_string(), "wipe": wipe })
        }
        (None, None) => return Err(wrong("Name a member, or a device with --device.".into())),
    };
    let mut words = "Proposed. It is in force once this phone has synced; an admin's removal waits for another admin, if there is one.\nWhat they send afterwards is set aside: team set-aside\n".to_owned();
    if wipe {
        words.push_str(ORDERED);
    }
    Ok(Output { words, json })
}

fn wipe(phone: &mut Phone, typed: &str) -> Outcome {
    let devices = refs::removed(phone, typed)?;
    for device in &devices {
        phone.order_wipe(*device)?;
    }
    let words = format!(
        "Ordered. It is in force once this phone has synced; that of an admin's phone waits for another admin, if there is one.\n{ORDERED}"
    );
    let ids: Vec<String> = devices.iter().map(ToString::to_string).collect();
    Ok(Output { words, json: json!({ "wipe": ids }) })
}

fn set_aside(phone: &mut Phone) -> Outcome {
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for item in phone.quarantined()? {
        let kind = RecordType::of_part(item.record).map_or("(keys)", |kind| kind.name);
        let at = item.at.to_string();
        rows.push(vec![short(item.id), short(item.device), kind.into(), at.clone()]);
        all.push(json!({ "item": item.id.to_string(), "device": item.device.to_string(),
                         "kind": kind, "at": at }));
    }
    let words = match rows.is_empty() {
        true => "Nothing came after a removal.".into(),
        false => {
            let table = table(&["item", "device", "kind", "came"], &rows);
            format!("{table}Let one count after all with: team release ITEM")
        }
    };
    Ok(Output { words, json: Json::Array(all) })
}

fn release(phone: &mut Phone, typed: &[String]) -> Outcome {
    let aside = phone.quarantined()?;
    let mut items = Vec::with_capacity(typed.len());
    for typed in typed {
        let wanted = typed.trim().to_ascii_lowercase();
        let fits = |item: &&SetAside| wanted.len() >= 4 && item.id.to_string().starts_with(&wanted);
        match aside.iter().filter(fits).collect::<Vec<_>>().as_slice() {
            [item] => items.push(item.id),
            [] => {
                return Err(wrong(
                    "No item that was set aside begins so; see `team set-aside`.".into(),
                ));
            }
            _ => return Err(wrong("Several items begin so; type more digits.".into())),
        }
    }
    phone.release(&items)?;
    let words = "Released. They count once this phone has synced.\n";
    let ids: Vec<String> = items.iter().map(ToString::to_string).collect();
    Ok(Output { words: words.into(), json: json!({ "released": ids }) })
}
