//! `create`, `invite`, `join`: making a team and letting phones in.

use std::io::BufRead;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use sync_core::client::ClientError;
use sync_core::engine::{NewMember, Phone};
use sync_core::ids::MemberId;
use sync_core::protocol::{Code, Invitation};
use sync_core::records::{NotesMode, PolicyProfile, Role};

use super::arguments::{Create, Invite, Join};
use super::output::Output;
use super::relay::{Here, Link};
use super::{Failure, Outcome, folder, policy, refs, with_env};

/// How often a joining phone asks.
const ASK_EVERY: Duration = Duration::from_secs(2);

fn wrong(sentence: String) -> Failure {
    Failure::with(Code::BadValue, sentence)
}

fn roles(names: &[String]) -> Result<Vec<Role>, Failure> {
    let known = || Role::ALL.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
    names
        .iter()
        .map(|name| {
            Role::from_name(name).ok_or_else(|| {
                wrong(format!("There is no role of that name; there are {}.", known()))
            })
        })
        .collect()
}

fn mode(mode: NotesMode) -> &'static str {
    match mode {
        NotesMode::None => "no notes at all",
        NotesMode::ChecklistOnly => "ticks only, no text",
        NotesMode::SealedText => "sealed text",
    }
}

/// What the creator chose, and what follows from it.
fn choice(profile: &PolicyProfile) -> String {
    let numbers: Vec<String> =
        profile.crisis_numbers.iter().map(|(label, number)| format!("{label}: {number}")).collect();
    format!(
        "Policy ({}; not legal advice):\n  session notes   {}, kept {} days after closing\n  contact notes   {}, subject handles kept {} days\n  smallest count  {}\n  crisis numbers  {}\n",
        profile.jurisdiction,
        mode(profile.notes_mode),
        profile.retention_note_days,
        mode(profile.contact_notes_mode),
        profile.retention_contact_days,
        profile.k_min,
        numbers.join("; "),
    )
}

fn origin(typed: &str) -> Result<String, Failure> {
    let origin = typed.trim_end_matches('/');
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    match rest {
        Some(host) if !host.is_empty() && !host.contains(['/', ' ', '?', '#', '@']) => {
            Ok(origin.to_owned())
        }
        _ => {
            Err(wrong("Write the relay's address as https://relay.example, without a path.".into()))
        }
    }
}

/// What is said while the profile still has the placeholder for crisis numbers.
fn numbers_to_set(profile: &PolicyProfile) -> &'static str {
    if profile.crisis_numbers != PolicyProfile::neutral().crisis_numbers {
        return "";
    }
    "\nThese crisis numbers are a placeholder: the team must set its own, and they cannot be changed later in this\nrelease. Make the team anew in another folder before anybody joins, once for each number with:\n  --policy 'crisis_numbers.LABEL=NUMBER'\n"
}

/// `create`.
pub fn create(folder: &Path, typed: &Create) -> Outcome {
    let relay = origin(&typed.relay)?;
    let profile = policy::from_typed(&typed.profile, &typed.policy)?;
    let choice = choice(&profile) + numbers_to_set(&profile);
    let admin = NewMember {
        name: typed.name.clone(),
        roles: roles(&typed.roles)?,
        admin: true,
        unit: None,
        supervises: Vec::new(),
    };
    let mut phone = folder::create(folder, |store, vault| {
        Ok(with_env(|env| Phone::create_team(store, vault, env, &relay, profile, admin))?)
    })?;
    let status = phone.status()?;
    let words = format!(
        "Team made. Its number, for the relay's operator:\n{}\n\n{choice}\nNext, at the relay:  aftercall admin --data RELAY_FOLDER allow-team NUMBER\nThen, here:          sync\n",
        status.team
    );
    let json = json!({ "team": status.team.to_string(), "member": status.member.to_string(),
                       "device": status.device.to_string(), "relay": relay });
    Ok(Output { words, json })
}

fn member(phone: &mut Phone, typed: &Invite) -> Result<MemberId, Failure> {
    if let Some(member) = &typed.member {
        return refs::member(phone, member);
    }
    if typed.name.is_none() && typed.roles.is_empty() {
        return Err(wrong(
            "Name a member with --member, or enter a new one with --name and --role.".into(),
        ));
    }
    let new = NewMember {
        name: typed.name.clone(),
        roles: roles(&typed.roles)?,
        admin: typed.admin,
        unit: typed.unit.clone(),
        supervises: typed.supervises.clone(),
    };
    Ok(with_env(|env| phone.add_member(env, new))?)
}

/// `invite`. The relay must hear of the invitation, so this phone syncs at once if it can.
pub fn invite(phone: &mut Phone, typed: &Invite) -> Outcome {
    let member = member(phone, typed)?;
    let invitation = with_env(|env| phone.invite(env, member))?;
    let told = tell_relay(phone);
    let next = match &told {
        Ok(()) => "The relay knows of it.".to_owned(),
        Err(failure) => format!("The relay does not know of it yet ({failure})."),
    };
    let words = format!(
        "Invitation for member {member}, good for 15 minutes and one phone. Hand it over in person:\n\n{}\n\n{next} Sync here again when the new phone has asked.\n",
        invitation.to_link()
    );
    let json = json!({ "member": member.to_string(), "link": invitation.to_link(),
                       "relay_knows": told.is_ok() });
    Ok(Output { words, json })
}

fn tell_relay(phone: &mut Phone) -> Result<(), Failure> {
    let link = Link::to(&phone.status()?.relay)?;
    link.sync(phone, &mut Here::new())?;
    Ok(())
}

fn link_from(typed: &str) -> Result<Invitation, Failure> {
    let mut link = typed.to_owned();
    if typed == "-" {
        link.clear();
        std::io::stdin()
            .lock()
            .read_line(&mut link)
            .map_err(|_| wrong("No link could be read from standard input.".into()))?;
    }
    Invitation::from_link(&link)
        .map_err(|_| wrong("That is not an invitation's link; copy it again in full.".into()))
}

/// `join`. Without a link it goes on waiting where an earlier `join` stopped.
pub fn join(folder: &Path, typed: &Join) -> Outcome {
    let mut phone = match &typed.link {
        Some(link) => {
            let invitation = link_from(link)?;
            folder::create(folder, |store, vault| {
                Ok(with_env(|env| Phone::start_joining(store, vault, env, &invitation))?)
            })?
        }
        None => folder::open(folder, folder::Presence::Asked)?,
    };
    let status = phone.status()?;
    let link = Link::to(&status.relay)?;
    if !status.enrolled && !wait(&mut phone, &link, Duration::from_secs(typed.wait))? {
        return Err(Failure::with(
            Code::UnknownDevice,
            "The admin's phone has not answered yet; ask the admin to sync, then run `join` again without a link. An invitation ends 15 minutes after it was made: if that is over, ask for a new one and join in another folder.",
        ));
    }
    let synced = link.sync(&mut phone, &mut Here::new()).map_err(Failure::from);
    let records = match &synced {
        Ok(totals) => format!("{} items received.", totals.received),
        Err(failure) => format!("Records come with the next sync ({failure})."),
    };
    let words = format!("This phone is in the team, as member {}. {records}\n", status.member);
    Ok(Output { words, json: json!({ "member": status.member.to_string(), "enrolled": true }) })
}

fn wait(phone: &mut Phone, link: &Link, longest: Duration) -> Result<bool, Failure> {
    let end = Instant::now() + longest;
    let mut said = false;
    loop {
        match link.enrol(phone) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            // A link that comes and goes is what this product is for.
            Err(ClientError::Network(_)) => {}
            Err(error) => return Err(error.into()),
        }
        if Instant::now() + ASK_EVERY > end {
            return Ok(false);
        }
        if !std::mem::replace(&mut said, true) {
            eprintln!(
                "Waiting for an admin's phone: ask the admin to sync. Ctrl-C stops; `join` without a link goes on."
            );
        }
        std::thread::sleep(ASK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_and_host_only() {
        assert_eq!(origin("http://127.0.0.1:4180/").expect("is one"), "http://127.0.0.1:4180");
        for wrong in ["relay.example", "https://", "https://a/b", "ftp://a", "http://user@a"] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}
