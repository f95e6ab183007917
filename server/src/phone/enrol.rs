//! `invite`, `invites`, `join`, `reply`, `accept`, `devices`, `check`: letting phones in, and looking at who is in.

use std::io::BufRead;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use sync_core::client::ClientError;
use sync_core::engine::{InviteState, Phone, RemovedDevice};
use sync_core::ids::MemberId;
use sync_core::protocol::{Code, Day, Invitation};
use sync_core::records::DeviceClass;

use super::arguments::{Invite, Join};
use super::output::{Output, short, table};
use super::relay::{Here, Link};
use super::team::{enter, origin, wrong};
use super::{Failure, Outcome, folder, refs, with_env};

/// How often a joining phone asks at first.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// How often it asks after some minutes: a crew that waits with printed invitations asks the relay together.
const ASK_SLOWLY: Duration = Duration::from_secs(20);

fn member(phone: &mut Phone, typed: &Invite) -> Result<MemberId, Failure> {
    match &typed.member {
        Some(member) => refs::member(phone, member),
        None if typed.my_device => Ok(phone.status()?.member),
        None => enter(phone, typed),
    }
}

/// `invite`. The relay must hear of the invitation, so this phone syncs at once if it can.
pub fn invite(phone: &mut Phone, typed: &Invite) -> Outcome {
    if !typed.batch.is_empty() {
        return invite_batch(phone, &typed.batch);
    }
    let member = member(phone, typed)?;
    let whose =
        if typed.my_device { "another phone of yours".into() } else { format!("member {member}") };
    if typed.typed {
        let code = with_env(|env| phone.invite_by_code(env, member))?;
        let told = tell_relay(phone);
        let relay = phone.status()?.relay;
        let words = format!(
            "Code for {whose}, good for 15 minutes, one phone and five tries:\n\n    {}\n\nOn the new phone:  join {} --relay {relay}\n{} Sync here when it was typed, and once more when the new phone has answered; then compare the\ndevice's id on both phones (`devices`) and note it with `check`.\n",
            code.as_str(),
            code.as_str(),
            relay_knows(&told),
        );
        let json = json!({ "member": member.to_string(), "code": code.as_str(), "relay": relay,
                           "relay_knows": told.is_ok() });
        return Ok(Output { words, json });
    }
    let invitation = with_env(|env| phone.invite(env, member))?;
    let told = tell_relay(phone);
    let words = format!(
        "Invitation for {whose}, good for 15 minutes and one phone. Hand it over in person:\n\n{}\n\n{} {}\n",
        invitation.to_link(),
        relay_knows(&told),
        match told.is_ok() {
            true => "Sync here again when the new phone has asked.",
            false =>
                "Sync here when there is a link, or take the new phone's `reply` with `accept`: that needs none.",
        }
    );
    let json = json!({ "member": member.to_string(), "link": invitation.to_link(),
                       "relay_knows": told.is_ok() });
    Ok(Output { words, json })
}

fn invite_batch(phone: &mut Phone, typed: &[String]) -> Outcome {
    let members: Vec<MemberId> =
        typed.iter().map(|name| refs::member(phone, name)).collect::<Result<_, _>>()?;
    let batch = with_env(|env| phone.invite_batch(env, &members))?;
    let told = tell_relay(phone);
    let mut words = format!(
        "{} invitation(s), good for 72 hours and one phone each. Print each on a sheet of its own:\n",
        batch.len()
    );
    for invitation in &batch {
        words.push_str(&format!("\nmember {}\n{}\n", invitation.member, invitation.to_link()));
    }
    words.push_str(&format!(
        "\n{} Sync here when they have asked: all are let in together.\n",
        relay_knows(&told)
    ));
    let invitations: Vec<Json> = batch
        .iter()
        .map(|one| json!({ "member": one.member.to_string(), "link": one.to_link() }))
        .collect();
    Ok(Output { words, json: json!({ "invitations": invitations, "relay_knows": told.is_ok() }) })
}

fn relay_knows(told: &Result<(), Failure>) -> String {
    match told {
        Ok(()) => "The relay knows of it.".to_owned(),
        Err(failure) => format!("The relay does not know of it yet ({failure})."),
    }
}

pub(super) fn tell_relay(phone: &mut Phone) -> Result<(), Failure> {
    let link = Link::to(&phone.status()?.relay)?;
    link.sync(phone, &mut Here::new())?;
    Ok(())
}

/// `invites`.
pub fn invites(phone: &mut Phone) -> Outcome {
    let all = with_env(|env| phone.invites(env))?;
    let (mut rows, mut json) = (Vec::new(), Vec::new());
    for invite in &all {
        let way = match (invite.typed, invite.batch) {
            (true, _) => format!("code, {} of 5 tries", invite.tries),
            (_, true) => "printed".to_owned(),
            _ => "link".to_owned(),
        };
        let left = match invite.state {
            InviteState::Unclaimed => format!("{} min", invite.left_ms / 60_000),
            _ => String::new(),
        };
        let device = invite.device.map(short).unwrap_or_default();
        let state = invite.state.as_str();
        rows.push(vec![short(invite.member), state.into(), left, device, way]);
        json.push(json!({ "member": invite.member.to_string(), "state": state,
                          "left_ms": invite.left_ms, "typed": invite.typed, "batch": invite.batch,
                          "tries": invite.tries, "device": invite.device.map(|d| d.to_string()) }));
    }
    let words = match rows.is_empty() {
        true => "No invitation was made on this phone in the last 30 days.".into(),
        false => table(&["member", "state", "left", "phone", "how"], &rows),
    };
    Ok(Output { words, json: Json::Array(json) })
}

/// Reads from standard input what is not to stand among arguments.
pub(super) fn given(typed: &str) -> Result<String, Failure> {
    if typed != "-" {
        return Ok(typed.to_owned());
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|_| wrong("Nothing could be read from standard input.".into()))?;
    Ok(line)
}

fn begin(folder: &Path, text: &str, relay: Option<&str>) -> Result<Phone, Failure> {
    if text.trim().starts_with("aftercall-") {
        let invitation = Invitation::from_link(text).map_err(|_| {
            wrong("That is not an invitation's link; copy it again in full.".into())
        })?;
        return folder::create(folder, |store| {
            Ok(with_env(|env| Phone::start_joining(store, env, &invitation))?)
        });
    }
    let is_code = sync_core::crypto::TypedCode::parse(text).is_ok();
    if !is_code {
        return Err(wrong(
            "That is neither an invitation's link nor a code of ten characters; look again.".into(),
        ));
    }
    if folder::holds_phone(folder) {
        let mut phone = folder::open(folder)?;
        with_env(|env| phone.try_code(env, text))?;
        return Ok(phone);
    }
    let relay = relay.ok_or_else(|| {
        wrong(
            "With a code, name the relay too: --relay URL, as the inviting phone shows it.".into(),
        )
    })?;
    let relay = origin(relay)?;
    folder::create(folder, |store| {
        let class = DeviceClass::Native;
        Ok(with_env(|env| Phone::start_joining_by_code(store, env, &relay, text, class))?)
    })
}

/// `join`. Without a link or code it goes on waiting where an earlier `join` stopped.
pub fn join(folder: &Path, typed: &Join) -> Outcome {
    let mut phone = match &typed.link {
        Some(link) => begin(folder, &given(link)?, typed.relay.as_deref())?,
        None => folder::open(folder)?,
    };
    let status = phone.status()?;
    let link = Link::to(&status.relay)?;
    if !status.enrolled && !wait(&mut phone, &link, Duration::from_secs(typed.wait))? {
        return Err(Failure::with(
            Code::UnknownDevice,
            "The inviting phone has not answered yet; ask its owner to sync (and an admin, if it is your own other phone), then run `join` again without a link. An invitation ends 15 minutes after it was made (72 hours if it was printed): if that is over, ask for a new one and join in another folder. Where nobody has a link to the relay, let the inviting phone take this one's `reply`.",
        ));
    }
    let status = phone.status()?;
    let link = Link::to(&status.relay)?;
    let synced = link.sync(&mut phone, &mut Here::new()).map_err(Failure::from);
    let records = match &synced {
        Ok(totals) => format!("{} items received.", totals.received),
        Err(failure) => format!("Records come with the next sync ({failure})."),
    };
    let words = format!("This phone is in the team, as member {}. {records}\n", status.member);
    Ok(Output { words, json: json!({ "member": status.member.to_string(), "enrolled": true }) })
}

pub(super) fn wait(phone: &mut Phone, link: &Link, longest: Duration) -> Result<bool, Failure> {
    let began = Instant::now();
    let end = began + longest;
    let mut said = false;
    loop {
        match link.enrol(phone) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            // A link that comes and goes is what this product is for.
            Err(ClientError::Network(_)) => {}
            // Others of the team ask too.
            Err(ClientError::Refused { code: Code::RateLimited | Code::Overloaded, .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let pause = (began.elapsed() / 10).clamp(ASK_EVERY, ASK_SLOWLY);
        if Instant::now() + pause > end {
            return Ok(false);
        }
        if !std::mem::replace(&mut said, true) {
            eprintln!(
                "Waiting for an admin's phone: ask the admin to sync. Ctrl-C stops; `join` without a link goes on."
            );
        }
        std::thread::sleep(pause);
    }
}

/// `reply`.
pub fn reply(phone: &mut Phone) -> Outcome {
    let reply = phone.join_reply()?;
    let words = format!(
        "Show this to the inviting phone, which takes it with `accept`. This phone completes with `join` once that\none has synced:\n\n{reply}\n"
    );
    Ok(Output { words, json: json!({ "reply": reply }) })
}

/// `accept`.
pub fn accept(phone: &mut Phone, typed: &str) -> Outcome {
    let reply = given(typed)?;
    let device = with_env(|env| phone.accept_reply(env, &reply))?;
    let told = tell_relay(phone);
    let next = match &told {
        Ok(()) => "It can `join` now.".to_owned(),
        Err(failure) => {
            format!("It can `join` once this phone has synced; there is no link now ({failure}).")
        }
    };
    let words = format!("The new phone is let in, as device {device}. {next}\n");
    Ok(Output { words, json: json!({ "device": device.to_string(), "relay_knows": told.is_ok() }) })
}

/// `devices`.
pub fn devices(phone: &mut Phone) -> Outcome {
    let names: std::collections::BTreeMap<MemberId, String> =
        phone.members()?.into_iter().filter_map(|member| Some((member.id, member.name?))).collect();
    let all = phone.devices()?;
    let (mut rows, mut json) = (Vec::new(), Vec::new());
    for view in &all {
        let name = names.get(&view.member).cloned().unwrap_or_else(|| "-".into());
        let mut marks = Vec::new();
        marks.extend(view.this.then_some("this phone"));
        marks.extend(view.further.then_some("further"));
        marks.extend((!view.checked).then_some("NOT CHECKED"));
        let (id, member, class) = (short(view.id), short(view.member), view.class.as_str());
        rows.push(vec![id, member, name, class.into(), marks.join(", ")]);
        json.push(json!({ "device": view.id.to_string(), "member": view.member.to_string(),
                          "class": class, "this": view.this, "further": view.further,
                          "checked": view.checked }));
    }
    let mut words = table(&["device", "member", "name", "class", ""], &rows);
    let removed = phone.removed_devices()?;
    if !removed.is_empty() {
        let rows: Vec<Vec<String>> = removed.iter().map(removed_row).collect();
        words.push_str("\nRemoved:\n");
        words.push_str(&table(&["device", "member", "name", ""], &rows));
        json.extend(removed.iter().map(removed_json));
    }
    Ok(Output { words, json: Json::Array(json) })
}

fn removed_row(view: &RemovedDevice) -> Vec<String> {
    let state = match (view.wiped, view.ordered) {
        (Some(day), _) => format!("wiped on {day}"),
        (None, Some(day)) => format!("to be wiped, not yet seen since {day}"),
        (None, None) => "removed".into(),
    };
    let name = view.name.clone().unwrap_or_else(|| "-".into());
    vec![short(view.id), short(view.member), name, state]
}

fn removed_json(view: &RemovedDevice) -> Json {
    let day = |day: Option<Day>| day.map(|day| day.to_string());
    json!({ "device": view.id.to_string(), "member": view.member.to_string(), "removed": true,
            "wipe_ordered_on": day(view.ordered), "wiped_on": day(view.wiped) })
}

/// `check`.
pub fn check(phone: &mut Phone, typed: &str) -> Outcome {
    let device = refs::device(phone, typed)?;
    phone.mark_checked(device)?;
    let words = format!("Device {device} is noted as checked, on this phone.\n");
    Ok(Output { words, json: json!({ "device": device.to_string(), "checked": true }) })
}
