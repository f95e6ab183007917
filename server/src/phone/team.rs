//! `create`, and entering members: making a team.

use std::path::Path;

use serde_json::json;
use sync_core::engine::{NewMember, Phone};
use sync_core::ids::MemberId;
use sync_core::protocol::Code;
use sync_core::records::{Jurisdiction, NotesMode, PolicyProfile, Role};

use super::arguments::{Create, Invite};
use super::output::Output;
use super::{Failure, Outcome, folder, policy, with_env};

/// Something typed that cannot be taken.
pub(super) fn wrong(sentence: String) -> Failure {
    Failure::with(Code::BadValue, sentence)
}

pub(super) fn roles(names: &[String]) -> Result<Vec<Role>, Failure> {
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
    let told = Jurisdiction::by_name(&profile.jurisdiction).map_or_else(String::new, |known| {
        let lines = known.consequences.iter().map(|line| format!("  - {line}\n"));
        lines.collect::<String>() + &sources(known)
    });
    format!(
        "Policy ({}; not legal advice):\n  session notes   {}, kept {} days after closing\n  contact notes   {}, subject handles kept {} days\n  smallest count  {}\n  crisis numbers  {}\n{told}",
        profile.jurisdiction,
        mode(profile.notes_mode),
        profile.retention_note_days,
        mode(profile.contact_notes_mode),
        profile.retention_contact_days,
        profile.k_min,
        numbers.join("; "),
    )
}

fn sources(known: &Jurisdiction) -> String {
    match known.sources {
        [] => String::new(),
        sources => format!("  Read in: {}\n", sources.join("; ")),
    }
}

/// A relay's address.
pub(super) fn origin(typed: &str) -> Result<String, Failure> {
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

/// What is said while the profile has no number of the team's own.
fn numbers_to_set(profile: &PolicyProfile) -> String {
    let shipped = PolicyProfile::of_jurisdiction(&profile.jurisdiction);
    if shipped.is_none_or(|shipped| shipped.crisis_numbers != profile.crisis_numbers) {
        return String::new();
    }
    let why = match profile.jurisdiction.as_str() {
        "neutral" => "These crisis numbers are a placeholder: the team must set its own",
        _ => "These crisis numbers are public ones: the team may add its own",
    };
    format!(
        "\n{why}, and they cannot be changed later in this\nrelease. Make the team anew in another folder before anybody joins, once for each number with:\n  --policy 'crisis_numbers.LABEL=NUMBER'\n"
    )
}

/// `create`.
pub fn create(folder: &Path, typed: &Create) -> Outcome {
    let relay = origin(&typed.relay)?;
    let profile = policy::from_typed(&typed.profile, &typed.policy)?;
    let choice = choice(&profile) + &numbers_to_set(&profile);
    let admin = NewMember {
        name: typed.name.clone(),
        roles: roles(&typed.roles)?,
        admin: true,
        unit: None,
        supervises: Vec::new(),
        guest: None,
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

/// Enters the member that `invite` was told of.
pub(super) fn enter(phone: &mut Phone, typed: &Invite) -> Result<MemberId, Failure> {
    if typed.name.is_none() && typed.roles.is_empty() {
        return Err(wrong(
            "Name a member with --member, enter a new one with --name and --role, or let in another phone of your own with --my-device.".into(),
        ));
    }
    let new = NewMember {
        name: typed.name.clone(),
        roles: roles(&typed.roles)?,
        admin: typed.admin,
        unit: typed.unit.clone(),
        supervises: typed.supervises.clone(),
        guest: super::team_changes::guest(typed)?,
    };
    Ok(with_env(|env| phone.add_member(env, new))?)
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
