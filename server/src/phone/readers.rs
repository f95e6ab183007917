//! `readers`, `fingerprint`, `let-in`, `rotate`: who reads what is sealed, and with which key.

use serde_json::{Value as Json, json};
use sync_core::engine::{Phone, ReaderView};
use sync_core::ids::SpaceId;
use sync_core::protocol::Code;
use sync_core::records::DeviceClass;

use super::output::{Output, short, table};
use super::{Failure, Outcome, refs, with_env};

/// The sealed spaces of a record; there must be one.
fn spaces(phone: &mut Phone, record: &str) -> Result<Vec<SpaceId>, Failure> {
    let id = refs::record(phone, record)?;
    let spaces = phone.sealed_spaces(id)?;
    if spaces.is_empty() {
        let nothing = "Nothing of this record is sealed, or it is not on this phone.";
        return Err(Failure::with(Code::NoSuchRecord, nothing));
    }
    Ok(spaces)
}

fn class(view: &ReaderView) -> &'static str {
    match view.class {
        _ if view.recovery => "recovery key",
        Some(DeviceClass::Native) => "app",
        Some(DeviceClass::Web) => "browser",
        Some(DeviceClass::Console) => "console",
        Some(DeviceClass::Station) => "station",
        None => "no phone yet",
    }
}

/// `readers`.
pub fn readers(phone: &mut Phone, record: &str) -> Outcome {
    let (mut rows, mut json) = (Vec::new(), Vec::new());
    for space in spaces(phone, record)? {
        for view in phone.readers(space)? {
            let past = if view.past { "all of it" } else { "since let in" };
            let name = view.name.clone().unwrap_or_else(|| "-".into());
            rows.push(vec![
                short(view.member),
                name,
                class(&view).into(),
                past.into(),
                view.fingerprint.clone(),
            ]);
            json.push(json!({
                "space": space.to_string(), "member": view.member.to_string(), "name": view.name,
                "device": view.device.map(|device| device.to_string()), "class": class(&view),
                "fingerprint": view.fingerprint, "recovery": view.recovery, "past": view.past,
            }));
        }
    }
    let words = table(&["member", "name", "reads with", "what", "words of its keys"], &rows);
    let words = format!(
        "{words}\nCompare the words with those that `fingerprint` shows on each person's own phone."
    );
    Ok(Output { words, json: Json::Array(json) })
}

/// `fingerprint`.
pub fn fingerprint(phone: &Phone) -> Output {
    let words = phone.fingerprint();
    Output { json: json!({ "fingerprint": words }), words }
}

/// `let-in`.
pub fn let_in(phone: &mut Phone, record: &str, member: &str, past: bool) -> Outcome {
    let member = refs::member(phone, member)?;
    for space in spaces(phone, record)? {
        with_env(|env| phone.add_reader(env, space, member, past))?;
    }
    let what = if past { "with what is there already" } else { "from now on" };
    Ok(Output {
        words: format!("Let in, {what}; every reader's phone shows it once both have synced."),
        json: json!({ "member": member.to_string(), "past": past }),
    })
}

/// `rotate`.
pub fn rotate(phone: &mut Phone, record: &str) -> Outcome {
    let spaces = spaces(phone, record)?;
    for space in &spaces {
        with_env(|env| phone.rotate(env, *space))?;
    }
    Ok(Output {
        words: "The key is renewed: what follows opens with the new one alone.".into(),
        json: json!({ "spaces": spaces.iter().map(ToString::to_string).collect::<Vec<_>>() }),
    })
}
