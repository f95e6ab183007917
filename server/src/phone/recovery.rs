//! `recovery`: preparing for the loss of this phone, helping others, and restoring a lost one's reading.
//!
//! A code and shares are secrets: they are read from standard input, one a line, and printed once. Whoever hands a
//! share over compares the new phone's eight words first.

use std::io::BufRead;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value as Json, json};
use sync_core::engine::{
    NO_ESCROW_WARNING, Phone, RecoveryProof, RecoverySheet, RecoveryState, RecoveryStatus,
};
use sync_core::ids::MemberId;
use sync_core::protocol::{Code, Invitation};
use sync_core::records::SpaceKind;
use zeroize::Zeroizing;

use super::arguments::{RecoveryVerb, Restore};
use super::enrol::{given, tell_relay, wait};
use super::folder::Presence;
use super::output::{Output, short};
use super::relay::{Here, Link};
use super::{Failure, Outcome, folder, now, refs, with_env};

/// Most shares that are read.
const MOST_SHARES: usize = 3;

/// Carries out a verb on a phone that is set up.
pub fn perform(phone: &mut Phone, verb: &RecoveryVerb) -> Outcome {
    match verb {
        RecoveryVerb::Setup { code, holders } => setup(phone, *code, holders),
        RecoveryVerb::Drop => {
            with_env(|env| phone.drop_recovery(env))?;
            Ok(said(
                told(phone, "Your recovery key is dropped once an admin has approved it."),
                json!({}),
            ))
        }
        RecoveryVerb::Status => status(phone),
        RecoveryVerb::Drill { shares } => drill(phone, *shares),
        RecoveryVerb::Escrow { space, switch } => escrow(phone, space, switch == "on"),
        RecoveryVerb::Asks => asks(phone),
        RecoveryVerb::Approve { member } => approve(phone, member),
        RecoveryVerb::Request => request(phone),
        RecoveryVerb::Release { request, fingerprint } => {
            release(phone, request, fingerprint.as_deref())
        }
        RecoveryVerb::Use(_) => unreachable!("handled before a phone is opened"),
    }
}

fn said(words: String, json: Json) -> Output {
    Output { words, json }
}

/// Tells the relay at once if there is a link, and says so if there is none.
fn told(phone: &mut Phone, sentence: &str) -> String {
    match tell_relay(phone) {
        Ok(()) => format!("{sentence}\n"),
        Err(failure) => format!("{sentence} It leaves with the next sync ({failure}).\n"),
    }
}

fn lines(most: usize) -> Result<Vec<Zeroizing<String>>, Failure> {
    let mut read = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.map(Zeroizing::new);
        let line =
            line.map_err(|_| Failure::with(Code::BadValue, "Standard input cannot be read."))?;
        if !line.trim().is_empty() {
            read.push(line);
        }
        if read.len() == most {
            break;
        }
    }
    Ok(read)
}

fn code_from_input() -> Result<Zeroizing<String>, Failure> {
    eprintln!("Type the recovery code, 13 groups of 5 characters, and end with Enter:");
    lines(1)?.pop().ok_or_else(|| Failure::of(Code::CodeMistyped))
}

fn shares_from_input() -> Result<Vec<Zeroizing<String>>, Failure> {
    eprintln!("Enter two shares or three, one a line; an end of input ends them:");
    lines(MOST_SHARES)
}

fn setup(phone: &mut Phone, code: bool, holders: &[String]) -> Outcome {
    let ids: Vec<MemberId> =
        holders.iter().map(|typed| refs::member(phone, typed)).collect::<Result<_, _>>()?;
    let three: Option<[MemberId; 3]> = match ids.len() {
        0 => None,
        _ => Some(ids.try_into().map_err(|_| {
            Failure::with(Code::BadValue, "Name three holders, each with --holder, or none.")
        })?),
    };
    let sheet = with_env(|env| phone.make_recovery(env, three, code))?;
    let words = sheet_words(phone, &sheet)?;
    let next = match sheet.waits {
        true => "It counts once the admins have approved it: `recovery status` shows when.",
        false => "It counts from the next sync on.",
    };
    let words = format!("{words}{}", told(phone, next));
    let shares: Vec<Json> = sheet
        .shares
        .iter()
        .map(|share| json!({ "holder": share.holder.to_string(), "share": *share.text }))
        .collect();
    let json = json!({ "key": sheet.key.to_string(), "waits": sheet.waits, "shares": shares,
                       "code": sheet.code.as_ref().map(|code| code.to_string()) });
    Ok(said(words, json))
}

fn sheet_words(phone: &mut Phone, sheet: &RecoverySheet) -> Result<String, Failure> {
    let mut words = String::new();
    if let Some(code) = &sheet.code {
        words.push_str("Your recovery code. Print or copy it now; it is shown once and kept nowhere. Whoever has it and\nan admin's invitation reads what you can read:\n\n");
        let groups: Vec<&str> = code.split('-').collect();
        for row in groups.chunks(5) {
            words.push_str(&format!("    {}\n", row.join("-")));
        }
        words.push('\n');
    }
    if !sheet.shares.is_empty() {
        words.push_str("Shares, any two of which restore your reading. The holders' phones have theirs; print them as\nQR codes only for a holder who wants paper:\n\n");
        let members = phone.members()?;
        for share in &sheet.shares {
            let name = members.iter().find(|member| member.id == share.holder);
            let name = name.and_then(|member| member.name.clone());
            let name = name.unwrap_or_else(|| short(share.holder));
            words.push_str(&format!("  {name}\n    {}\n", *share.text));
        }
        words.push('\n');
    }
    Ok(words)
}

fn state_words(status: &RecoveryStatus) -> &'static str {
    match status.state {
        RecoveryState::None => "not set up: what only your phones read is lost with them",
        RecoveryState::Waits => "waits for an admin",
        RecoveryState::SetUp => "set up",
        RecoveryState::Spent => "used and spent: set it up anew",
    }
}

/// What `status` says of recovery: how far it is, and whether it is time to try it.
pub fn notice(phone: &mut Phone) -> Result<String, Failure> {
    let status = phone.recovery_status(now())?;
    let words = state_words(&status);
    Ok(match status.drill_due {
        true => format!("{words}; try it again with `recovery drill`"),
        false => words.to_owned(),
    })
}

fn state_name(state: RecoveryState) -> &'static str {
    match state {
        RecoveryState::None => "none",
        RecoveryState::Waits => "waits",
        RecoveryState::SetUp => "set_up",
        RecoveryState::Spent => "spent",
    }
}

fn status(phone: &mut Phone) -> Outcome {
    let status = phone.recovery_status(now())?;
    let members = phone.members()?;
    let name = |id: MemberId| {
        let known = members.iter().find(|member| member.id == id);
        known.and_then(|member| member.name.clone()).unwrap_or_else(|| short(id))
    };
    let day = |day: Option<sync_core::protocol::Day>| day.map(|day| day.to_string());
    let mut words = format!("recovery  {}\n", state_words(&status));
    if let Some(set_up) = day(status.set_up) {
        words.push_str(&format!("since     {set_up}\n"));
    }
    let drilled = day(status.drilled).unwrap_or_else(|| "not on this phone".into());
    words.push_str(&format!("tried     {drilled}\n"));
    for holder in &status.holders {
        let reach = if holder.reachable { "" } else { " (on paper only: their phone is gone)" };
        words.push_str(&format!("holder    {}{reach}\n", name(holder.member)));
    }
    for kind in &status.no_escrow {
        words.push_str(&format!("not read  {}\n", kind.policy().name));
    }
    if status.drill_due {
        words.push_str("\nIt is time to try it: `recovery drill` changes nothing and shows whether it would work.\n");
    }
    let held = phone.shares_held()?;
    if !held.is_empty() {
        let held: Vec<String> = held.into_iter().map(name).collect();
        words.push_str(&format!("you hold  a share for {}\n", held.join(", ")));
    }
    let holders: Vec<Json> = status
        .holders
        .iter()
        .map(|holder| json!({ "member": holder.member.to_string(), "reachable": holder.reachable }))
        .collect();
    let json = json!({ "state": state_name(status.state),
                       "key": status.key.map(|key| key.to_string()),
                       "holders": holders, "set_up": day(status.set_up),
                       "drilled": day(status.drilled), "drill_due": status.drill_due,
                       "no_escrow": status.no_escrow.iter().map(|kind| kind.policy().name).collect::<Vec<_>>() });
    Ok(said(words, json))
}

fn drill(phone: &mut Phone, shares: bool) -> Outcome {
    if shares {
        let shares = shares_from_input()?;
        let shares: Vec<&str> = shares.iter().map(|share| share.as_str()).collect();
        with_env(|env| phone.recovery_drill(env, RecoveryProof::Shares(&shares)))?;
    } else {
        let code = code_from_input()?;
        with_env(|env| phone.recovery_drill(env, RecoveryProof::Code(&code)))?;
    }
    let words =
        "It would work. Nothing was changed; this phone reminds you in 180 days.\n".to_owned();
    Ok(said(words, json!({ "works": true })))
}

fn escrow(phone: &mut Phone, space: &str, on: bool) -> Outcome {
    let kind = if space == "care" { SpaceKind::Care } else { SpaceKind::Personal };
    with_env(|env| phone.set_escrow(env, kind, on))?;
    let words = match on {
        true => "Your recovery key reads this again, with its past.".to_owned(),
        false => format!("Your recovery key reads nothing more of this. {NO_ESCROW_WARNING}"),
    };
    Ok(said(told(phone, &words), json!({ "space": space, "escrow": on })))
}

fn asks(phone: &mut Phone) -> Outcome {
    let asks = phone.recovery_asks()?;
    let members = phone.members()?;
    let name = |id: MemberId| {
        let known = members.iter().find(|member| member.id == id);
        known.and_then(|member| member.name.clone()).unwrap_or_else(|| short(id))
    };
    let mut words = String::new();
    let mut json = Vec::new();
    for ask in &asks {
        let what = match (&ask.key, ask.holders.is_empty()) {
            (None, _) => "wants no recovery key any more".to_owned(),
            (Some(_), true) => "made a recovery key with a printed code".to_owned(),
            (Some(_), false) => {
                let holders: Vec<String> = ask.holders.iter().map(|id| name(*id)).collect();
                format!("made a recovery key; shares go to {}", holders.join(", "))
            }
        };
        let approved: Vec<String> = ask.approved_by.iter().map(|id| name(*id)).collect();
        let so_far = match approved.is_empty() {
            true => String::new(),
            false => format!(" Approved by {}.", approved.join(", ")),
        };
        words.push_str(&format!("{} {what}.{so_far}\n", name(ask.member)));
        json.push(json!({ "member": ask.member.to_string(),
                          "key": ask.key.map(|key| key.to_string()),
                          "approved_here": ask.approved_here }));
    }
    if asks.is_empty() {
        words.push_str("Nobody's recovery waits.\n");
    } else {
        words.push_str(
            "\nAsk them in person whether they did this, then: recovery approve MEMBER\n",
        );
    }
    Ok(said(words, Json::Array(json)))
}

fn approve(phone: &mut Phone, typed: &str) -> Outcome {
    let member = refs::member(phone, typed)?;
    let complete = phone.approve_recovery(member)?;
    let words = match complete {
        true => "Approved; it counts from this phone's next sync on.",
        false => "Approved; another admin must approve it too.",
    };
    Ok(said(told(phone, words), json!({ "complete": complete })))
}

fn request(phone: &mut Phone) -> Outcome {
    let text = phone.recovery_request().to_text();
    let fingerprint = phone.fingerprint();
    let words = format!(
        "Show this to two holders of your shares (it holds no secret):\n\n{text}\n\nRead them this phone's eight words: {fingerprint}\n"
    );
    Ok(said(words, json!({ "request": text, "fingerprint": fingerprint })))
}

fn link_from(typed: &str) -> Result<Invitation, Failure> {
    Invitation::from_link(&given(typed)?).map_err(|_| {
        let sentence = "That is not an invitation's link; copy it again in full.";
        Failure::with(Code::BadValue, sentence)
    })
}

/// The words of a fingerprint, however they were typed.
fn words_of(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_lowercase).collect()
}

fn release(phone: &mut Phone, request: &str, typed: Option<&str>) -> Outcome {
    let shown = phone.share_release(request)?;
    let name = shown.name.clone().unwrap_or_else(|| short(shown.member));
    let Some(typed) = typed else {
        let words = format!(
            "This would help to restore what {name} can read, on the phone with the eight words\n\n    {}\n\nAsk {name} in person or by voice. If their new phone shows the same, hand your share over with:\n  recovery release REQUEST --fingerprint \"WORDS\"\n",
            shown.fingerprint
        );
        let json = json!({ "member": shown.member.to_string(), "fingerprint": shown.fingerprint });
        return Ok(said(words, json));
    };
    if words_of(typed) != words_of(&shown.fingerprint) {
        return Err(Failure::with(
            Code::BadValue,
            "Those are another phone's words; nothing was handed over. If they read them correctly, somebody else may be asking.",
        ));
    }
    let share = with_env(|env| phone.release_share(env, request))?;
    let words = format!("Your share for {name}, which only that phone opens:\n\n{share}\n");
    Ok(said(words, json!({ "member": shown.member.to_string(), "share": share })))
}

/// `recovery use`.
pub fn restore(data: &Path, typed: &Restore) -> Outcome {
    let joining = folder::holds_phone(data);
    let mut phone = match (joining, &typed.link) {
        (false, None) => return Err(Failure::of(Code::NotSetUp)),
        (false, Some(link)) => {
            let invitation = link_from(link)?;
            if typed.shares {
                let phone = folder::create(data, |store, vault| {
                    Ok(with_env(|env| Phone::start_joining(store, vault, env, &invitation))?)
                });
                return request(&mut phone?);
            }
            let code = code_from_input()?;
            folder::create(data, |store, vault| {
                Ok(with_env(|env| Phone::recover_with_code(store, vault, env, &invitation, &code))?)
            })?
        }
        (true, link) => {
            let mut phone = folder::open(data, Presence::Asked)?;
            if let Some(link) = link {
                phone.renew_joining(&link_from(link)?)?;
            }
            if typed.code {
                let code = code_from_input()?;
                with_env(|env| phone.use_recovery_code(env, &code))?;
            }
            if typed.shares {
                let shares = shares_from_input()?;
                let shares: Vec<&str> = shares.iter().map(|share| share.as_str()).collect();
                with_env(|env| phone.recover_with_shares(env, &shares))?;
            }
            phone
        }
    };
    let status = phone.status()?;
    let relay = Link::to(&status.relay)?;
    if !status.enrolled && !wait(&mut phone, &relay, Duration::from_secs(typed.wait))? {
        return Err(Failure::with(
            Code::UnknownDevice,
            "The admin's phone has not answered yet; ask the admin to sync, then run `recovery use` again without a link. If 15 minutes have passed since the invitation was made, ask for a new one and give its link.",
        ));
    }
    let synced = relay.sync(&mut phone, &mut Here::new()).map_err(Failure::from);
    let records = match &synced {
        Ok(totals) => format!("{} items received.", totals.received),
        Err(failure) => format!("Records come with the next sync ({failure})."),
    };
    let words = format!(
        "This phone is in the team, as member {}. {records}\nThe recovery key is spent: set recovery up anew with `recovery setup`.\n",
        status.member
    );
    Ok(said(words, json!({ "member": status.member.to_string(), "enrolled": true })))
}
